//! The kinds of advisories, as the server writes them.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use crate::jetstream::stream::{PeerInfo, StreamState};
use crate::jetstream::wire::{self, words};

words! {
    /// What was done to a stream or a consumer.
    pub enum AdvisoryAction {
        /// It was made.
        #[default]
        Create = "create",
        /// It was deleted.
        Delete = "delete",
        /// Its configuration was changed.
        Modify = "modify",
    }
}

words! {
    /// Why a batch was given up.
    pub enum BatchAbandoned {
        /// Its next message did not come in time.
        #[default]
        Timeout = "timeout",
        /// It had too many messages.
        Large = "large",
        /// One of its messages was missing.
        Incomplete = "incomplete",
        /// The server cannot do what it asks for.
        Unsupported = "unsupported",
    }
}

/// Who asked for something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AdvisoryClient {
    /// When it connected.
    #[serde(with = "wire::some_rfc3339")]
    pub start: Option<SystemTime>,
    /// The address that it connected from.
    #[serde(deserialize_with = "wire::text")]
    pub host: Option<String>,
    /// The number of its connection at the server.
    #[serde(deserialize_with = "wire::count")]
    pub id: u64,
    /// Its account.
    #[serde(rename = "acc", deserialize_with = "wire::text")]
    pub account: Option<String>,
    /// The account whose service it asked, where that is another.
    #[serde(rename = "svc", deserialize_with = "wire::text")]
    pub service: Option<String>,
    /// The user's name or key.
    #[serde(deserialize_with = "wire::text")]
    pub user: Option<String>,
    /// The name that it gave its connection.
    #[serde(deserialize_with = "wire::text")]
    pub name: Option<String>,
    /// The language or the library that it is written with.
    #[serde(rename = "lang", deserialize_with = "wire::text")]
    pub language: Option<String>,
    /// The version of that.
    #[serde(rename = "ver", deserialize_with = "wire::text")]
    pub version: Option<String>,
    /// How long a message to it and back takes.
    #[serde(rename = "rtt", with = "wire::some_nanoseconds")]
    pub round_trip: Option<Duration>,
    /// The server that it is connected to.
    #[serde(deserialize_with = "wire::text")]
    pub server: Option<String>,
    /// The cluster of that server.
    #[serde(deserialize_with = "wire::text")]
    pub cluster: Option<String>,
    /// What it is: `Client`, `Leafnode`.
    #[serde(deserialize_with = "wire::text")]
    pub kind: Option<String>,
    /// How it is connected: `nats`, `websocket`, `mqtt`.
    #[serde(deserialize_with = "wire::text")]
    pub client_type: Option<String>,
}

/// What happened. The domain is [`Advisory::domain`](super::Advisory::domain).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub enum AdvisoryKind {
    /// Somebody asked the API for something.
    #[serde(rename = "advisory.v1.api_audit")]
    #[non_exhaustive]
    ApiAudit {
        /// The server that answered.
        #[serde(default, deserialize_with = "wire::or_default")]
        server: String,
        /// Who asked for it.
        #[serde(default, deserialize_with = "wire::or_default")]
        client: AdvisoryClient,
        /// The subject that was asked.
        #[serde(default, deserialize_with = "wire::or_default")]
        subject: String,
        /// What was asked, mostly JSON.
        #[serde(default, deserialize_with = "wire::text")]
        request: Option<String>,
        /// What was answered, mostly JSON.
        #[serde(default, deserialize_with = "wire::or_default")]
        response: String,
    },
    /// A stream was made, changed or deleted.
    #[serde(rename = "advisory.v1.stream_action")]
    #[non_exhaustive]
    StreamAction {
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// What was done.
        #[serde(default, deserialize_with = "wire::or_default")]
        action: AdvisoryAction,
    },
    /// A consumer was made, changed or deleted.
    #[serde(rename = "advisory.v1.consumer_action")]
    #[non_exhaustive]
    ConsumerAction {
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// The consumer.
        #[serde(default, deserialize_with = "wire::or_default")]
        consumer: String,
        /// What was done.
        #[serde(default, deserialize_with = "wire::or_default")]
        action: AdvisoryAction,
    },
    /// A consumer delivers nothing for a time, or delivers again.
    #[serde(rename = "advisory.v1.consumer_pause")]
    #[non_exhaustive]
    ConsumerPause {
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// The consumer.
        #[serde(default, deserialize_with = "wire::or_default")]
        consumer: String,
        /// Whether it is paused.
        #[serde(default)]
        paused: bool,
        /// Until when.
        #[serde(default, with = "wire::some_rfc3339")]
        pause_until: Option<SystemTime>,
    },
    /// A message was acknowledged, of a consumer that samples this.
    #[serde(rename = "metric.v1.consumer_ack")]
    #[non_exhaustive]
    ConsumerAck {
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// The consumer.
        #[serde(default, deserialize_with = "wire::or_default")]
        consumer: String,
        /// The number of this delivery among all of the consumer.
        #[serde(rename = "consumer_seq", default, deserialize_with = "wire::count")]
        consumer_sequence: u64,
        /// The message's number in the stream.
        #[serde(rename = "stream_seq", default, deserialize_with = "wire::count")]
        stream_sequence: u64,
        /// How long it took from the first delivery on.
        #[serde(default, with = "wire::nanoseconds")]
        ack_time: Duration,
        /// How often it was delivered.
        #[serde(default, deserialize_with = "wire::count")]
        deliveries: u64,
    },
    /// A message was delivered as often as the consumer allows, and is delivered no more.
    #[serde(rename = "advisory.v1.max_deliver")]
    #[non_exhaustive]
    MaxDeliver {
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// The consumer.
        #[serde(default, deserialize_with = "wire::or_default")]
        consumer: String,
        /// The message's number in the stream.
        #[serde(rename = "stream_seq", default, deserialize_with = "wire::count")]
        stream_sequence: u64,
        /// How often it was delivered.
        #[serde(default, deserialize_with = "wire::count")]
        deliveries: u64,
    },
    /// A message was given back.
    #[serde(rename = "advisory.v1.nak")]
    #[non_exhaustive]
    Nak {
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// The consumer.
        #[serde(default, deserialize_with = "wire::or_default")]
        consumer: String,
        /// The number of this delivery among all of the consumer.
        #[serde(rename = "consumer_seq", default, deserialize_with = "wire::count")]
        consumer_sequence: u64,
        /// The message's number in the stream.
        #[serde(rename = "stream_seq", default, deserialize_with = "wire::count")]
        stream_sequence: u64,
        /// How often it was delivered.
        #[serde(default, deserialize_with = "wire::count")]
        deliveries: u64,
    },
    /// A message was terminated: it is delivered no more.
    #[serde(rename = "advisory.v1.terminated")]
    #[non_exhaustive]
    Terminated {
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// The consumer.
        #[serde(default, deserialize_with = "wire::or_default")]
        consumer: String,
        /// The number of this delivery among all of the consumer.
        #[serde(rename = "consumer_seq", default, deserialize_with = "wire::count")]
        consumer_sequence: u64,
        /// The message's number in the stream.
        #[serde(rename = "stream_seq", default, deserialize_with = "wire::count")]
        stream_sequence: u64,
        /// How often it was delivered.
        #[serde(default, deserialize_with = "wire::count")]
        deliveries: u64,
        /// What the client said of it.
        #[serde(default, deserialize_with = "wire::text")]
        reason: Option<String>,
    },
    /// Making a snapshot of a stream has begun.
    #[serde(rename = "advisory.v1.snapshot_create")]
    #[non_exhaustive]
    SnapshotCreate {
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// What is in the stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        state: StreamState,
        /// Who asked for it.
        #[serde(default, deserialize_with = "wire::or_default")]
        client: AdvisoryClient,
    },
    /// A snapshot of a stream was made, or was given up.
    #[serde(rename = "advisory.v1.snapshot_complete")]
    #[non_exhaustive]
    SnapshotComplete {
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// When it was begun.
        #[serde(default, with = "wire::some_rfc3339")]
        start: Option<SystemTime>,
        /// When it was over.
        #[serde(default, with = "wire::some_rfc3339")]
        end: Option<SystemTime>,
        /// Who asked for it.
        #[serde(default, deserialize_with = "wire::or_default")]
        client: AdvisoryClient,
        /// Why it was given up.
        #[serde(default, deserialize_with = "wire::text")]
        error: Option<String>,
    },
    /// Restoring a stream from a snapshot has begun.
    #[serde(rename = "advisory.v1.restore_create")]
    #[non_exhaustive]
    RestoreCreate {
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// Who asked for it.
        #[serde(default, deserialize_with = "wire::or_default")]
        client: AdvisoryClient,
    },
    /// A stream was restored from a snapshot.
    #[serde(rename = "advisory.v1.restore_complete")]
    #[non_exhaustive]
    RestoreComplete {
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// When it was begun.
        #[serde(default, with = "wire::some_rfc3339")]
        start: Option<SystemTime>,
        /// When it was over.
        #[serde(default, with = "wire::some_rfc3339")]
        end: Option<SystemTime>,
        /// How many bytes the snapshot had.
        #[serde(default, deserialize_with = "wire::count")]
        bytes: u64,
        /// Who asked for it.
        #[serde(default, deserialize_with = "wire::or_default")]
        client: AdvisoryClient,
    },
    /// The servers of a domain have a new leader.
    #[serde(rename = "advisory.v1.domain_leader_elected")]
    #[non_exhaustive]
    DomainLeaderElected {
        /// The server that leads.
        #[serde(default, deserialize_with = "wire::or_default")]
        leader: String,
        /// The servers of the group, where they are known.
        #[serde(default, deserialize_with = "wire::or_default")]
        replicas: Vec<PeerInfo>,
        /// The cluster's name.
        #[serde(default, deserialize_with = "wire::or_default")]
        cluster: String,
    },
    /// A stream has a new leader.
    #[serde(rename = "advisory.v1.stream_leader_elected")]
    #[non_exhaustive]
    StreamLeaderElected {
        /// The account.
        #[serde(default, deserialize_with = "wire::text")]
        account: Option<String>,
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// The server that leads.
        #[serde(default, deserialize_with = "wire::or_default")]
        leader: String,
        /// The servers of the group, where they are known.
        #[serde(default, deserialize_with = "wire::or_default")]
        replicas: Vec<PeerInfo>,
    },
    /// A stream has not enough servers any more, and stands still.
    #[serde(rename = "advisory.v1.stream_quorum_lost")]
    #[non_exhaustive]
    StreamQuorumLost {
        /// The account.
        #[serde(default, deserialize_with = "wire::text")]
        account: Option<String>,
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// The servers of the group, where they are known.
        #[serde(default, deserialize_with = "wire::or_default")]
        replicas: Vec<PeerInfo>,
    },
    /// A batch of messages was given up: none of it is stored.
    #[serde(rename = "advisory.v1.stream_batch_abandoned")]
    #[non_exhaustive]
    StreamBatchAbandoned {
        /// The account.
        #[serde(default, deserialize_with = "wire::text")]
        account: Option<String>,
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// The batch's id.
        #[serde(default, deserialize_with = "wire::or_default")]
        batch: String,
        /// Why.
        #[serde(default, deserialize_with = "wire::or_default")]
        reason: BatchAbandoned,
    },
    /// A consumer has a new leader.
    #[serde(rename = "advisory.v1.consumer_leader_elected")]
    #[non_exhaustive]
    ConsumerLeaderElected {
        /// The account.
        #[serde(default, deserialize_with = "wire::text")]
        account: Option<String>,
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// The consumer.
        #[serde(default, deserialize_with = "wire::or_default")]
        consumer: String,
        /// The server that leads.
        #[serde(default, deserialize_with = "wire::or_default")]
        leader: String,
        /// The servers of the group, where they are known.
        #[serde(default, deserialize_with = "wire::or_default")]
        replicas: Vec<PeerInfo>,
    },
    /// A consumer has not enough servers any more, and stands still.
    #[serde(rename = "advisory.v1.consumer_quorum_lost")]
    #[non_exhaustive]
    ConsumerQuorumLost {
        /// The account.
        #[serde(default, deserialize_with = "wire::text")]
        account: Option<String>,
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// The consumer.
        #[serde(default, deserialize_with = "wire::or_default")]
        consumer: String,
        /// The servers of the group, where they are known.
        #[serde(default, deserialize_with = "wire::or_default")]
        replicas: Vec<PeerInfo>,
    },
    /// A client is the one that a priority group delivers to.
    #[serde(rename = "advisory.v1.consumer_group_pinned")]
    #[non_exhaustive]
    ConsumerGroupPinned {
        /// The account.
        #[serde(default, deserialize_with = "wire::text")]
        account: Option<String>,
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// The consumer.
        #[serde(default, deserialize_with = "wire::or_default")]
        consumer: String,
        /// The group.
        #[serde(default, deserialize_with = "wire::or_default")]
        group: String,
        /// The id of the pin.
        #[serde(default, deserialize_with = "wire::or_default")]
        pinned_id: String,
    },
    /// A client is no longer the one that a priority group delivers to.
    #[serde(rename = "advisory.v1.consumer_group_unpinned")]
    #[non_exhaustive]
    ConsumerGroupUnpinned {
        /// The account.
        #[serde(default, deserialize_with = "wire::text")]
        account: Option<String>,
        /// The stream.
        #[serde(default, deserialize_with = "wire::or_default")]
        stream: String,
        /// The consumer.
        #[serde(default, deserialize_with = "wire::or_default")]
        consumer: String,
        /// The group.
        #[serde(default, deserialize_with = "wire::or_default")]
        group: String,
        /// Why: `admin`, `timeout`.
        #[serde(default, deserialize_with = "wire::or_default")]
        reason: String,
    },
    /// A server has no room for messages any more, and switches its JetStream off.
    #[serde(rename = "advisory.v1.server_out_of_space")]
    #[non_exhaustive]
    ServerOutOfStorage {
        /// The server's name.
        #[serde(default, deserialize_with = "wire::or_default")]
        server: String,
        /// The server's id.
        #[serde(default, deserialize_with = "wire::or_default")]
        server_id: String,
        /// The stream that needed the room.
        #[serde(default, deserialize_with = "wire::text")]
        stream: Option<String>,
        /// The cluster's name.
        #[serde(default, deserialize_with = "wire::or_default")]
        cluster: String,
    },
    /// A server was taken out of the cluster, and switches its JetStream off.
    #[serde(rename = "advisory.v1.server_removed")]
    #[non_exhaustive]
    ServerRemoved {
        /// The server's name.
        #[serde(default, deserialize_with = "wire::or_default")]
        server: String,
        /// The server's id.
        #[serde(default, deserialize_with = "wire::or_default")]
        server_id: String,
        /// The cluster's name.
        #[serde(default, deserialize_with = "wire::or_default")]
        cluster: String,
    },
    /// A server was asked more than it can answer, and dropped requests.
    #[serde(rename = "advisory.v1.api_limit_reached")]
    #[non_exhaustive]
    ApiLimitReached {
        /// The server's name.
        #[serde(default, deserialize_with = "wire::or_default")]
        server: String,
        /// How many requests it dropped.
        #[serde(default, deserialize_with = "wire::count")]
        dropped: u64,
    },
    /// Something that this version does not know, or not in this form.
    #[serde(skip)]
    #[non_exhaustive]
    Other {
        /// What it calls itself, as `io.nats.jetstream.advisory.v1.api_audit`; where it does not, its
        /// subject.
        kind: String,
        /// All of it, as it came.
        json: String,
    },
}
