//! What a consumer is told to be.

mod builder;
mod check;
mod deliver;
mod filters;
mod policy;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::deliver::DeliverPolicy;
pub use self::policy::{AckPolicy, PriorityPolicy, ReplayPolicy};
use crate::jetstream::wire;

/// What a consumer is told to be: which messages of a stream it hands out, and how.
///
/// Without a [`deliver_subject`](Self::deliver_subject) clients ask for messages (a pull consumer);
/// with one they are pushed there.
///
/// ```
/// use std::time::Duration;
/// use natsws::jetstream::{ConsumerConfig, DeliverPolicy};
///
/// let workers = ConsumerConfig::durable("workers")
///     .filter_subject("orders.eu.>")
///     .ack_wait(Duration::from_secs(60))
///     .max_deliver(5);
/// let tail = ConsumerConfig::new().deliver_policy(DeliverPolicy::New);
/// ```
///
/// What a newer server says and this version does not know is kept, and sent back when the
/// configuration is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ConsumerConfig {
    /// The name, which stands in the subjects of the API: no blanks, and none of `. * > / \`.
    #[serde(deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The same name, where the consumer stays until it is deleted.
    #[serde(deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub durable_name: Option<String>,
    /// What the consumer is for, in up to 4 KiB of text.
    #[serde(deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Which message is the first. It cannot be changed later.
    #[serde(flatten, with = "deliver")]
    pub deliver_policy: DeliverPolicy,
    /// How messages are acknowledged. It cannot be changed later.
    // The server's own default is another one, so it is always said.
    pub ack_policy: AckPolicy,
    /// How long an acknowledgement may take before a message is delivered again; `None` is 30
    /// seconds.
    #[serde(with = "wire::some_nanoseconds", skip_serializing_if = "Option::is_none")]
    pub ack_wait: Option<Duration>,
    /// How often a message is delivered at most; `None` is no limit.
    #[serde(with = "wire::limit", skip_serializing_if = "Option::is_none")]
    pub max_deliver: Option<u64>,
    /// How long each acknowledgement may take, one after the other, in place of
    /// [`ack_wait`](Self::ack_wait); the last one is for all that follow.
    #[serde(with = "wire::list_of_nanoseconds", skip_serializing_if = "Vec::is_empty")]
    pub backoff: Vec<Duration>,
    /// The subjects whose messages are delivered, with wildcards; none are all. Several need server
    /// 2.10, and may not overlap.
    #[serde(flatten, with = "filters")]
    pub filter_subjects: Vec<String>,
    /// How fast messages come that are there already. It cannot be changed later.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub replay_policy: ReplayPolicy,
    /// How fast messages are pushed, in bits a second; `None` is no limit.
    #[serde(with = "wire::limit", skip_serializing_if = "Option::is_none")]
    pub rate_limit_bps: Option<u64>,
    /// Of how many messages in a hundred the server tells how they were handled.
    #[serde(
        rename = "sample_freq",
        with = "policy::percent",
        skip_serializing_if = "Option::is_none"
    )]
    pub sample_percent: Option<u32>,
    /// How many requests for messages may wait at the same time; `None` is 512.
    #[serde(with = "wire::limit", skip_serializing_if = "Option::is_none")]
    pub max_waiting: Option<u64>,
    /// How many messages may be out that are not acknowledged yet; `None` is what the stream says,
    /// else 1000. `Some(u64::MAX)` is no limit.
    #[serde(with = "policy::ack_pending", skip_serializing_if = "Option::is_none")]
    pub max_ack_pending: Option<u64>,
    /// Whether the server waits for a slow subscriber, who has to answer it. It needs
    /// [`idle_heartbeat`](Self::idle_heartbeat), and messages being pushed.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub flow_control: bool,
    /// Whether messages come without their payloads, whose size is then in the header
    /// `Nats-Msg-Size`.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub headers_only: bool,
    /// How many messages a request may ask for; `None` is no limit.
    #[serde(rename = "max_batch", with = "wire::limit", skip_serializing_if = "Option::is_none")]
    pub max_request_batch: Option<u64>,
    /// How long a request may wait, one millisecond or more; `None` is no limit.
    #[serde(
        rename = "max_expires",
        with = "wire::some_nanoseconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_request_expires: Option<Duration>,
    /// How many bytes a request may ask for; `None` is no limit.
    #[serde(rename = "max_bytes", with = "wire::limit", skip_serializing_if = "Option::is_none")]
    pub max_request_bytes: Option<u64>,
    /// Where messages are pushed to, without wildcards; `None` makes clients ask for them.
    #[serde(deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub deliver_subject: Option<String>,
    /// The queue group whose members share the messages that are pushed.
    #[serde(deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub deliver_group: Option<String>,
    /// After which silence the server says that it is still there, 100 ms or more, where messages
    /// are pushed.
    #[serde(with = "wire::some_nanoseconds", skip_serializing_if = "Option::is_none")]
    pub idle_heartbeat: Option<Duration>,
    /// For how long the consumer is kept that nobody uses; `None` is 5 seconds, and for a durable
    /// one forever.
    #[serde(with = "wire::some_nanoseconds", skip_serializing_if = "Option::is_none")]
    pub inactive_threshold: Option<Duration>,
    /// How many servers keep the consumer's state; `None` is as many as keep the stream, and one
    /// for a consumer that is not durable.
    #[serde(
        rename = "num_replicas",
        with = "wire::limit",
        skip_serializing_if = "Option::is_none"
    )]
    pub replicas: Option<u32>,
    /// Whether the consumer's state is kept in memory, where the stream is not. It cannot be
    /// changed later.
    #[serde(rename = "mem_storage", skip_serializing_if = "wire::is_default")]
    pub memory_storage: bool,
    /// Texts for whoever reads them, up to 128 KiB in all. Keys that start with `_nats` are the
    /// server's.
    #[serde(deserialize_with = "wire::or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Until when nothing is delivered (server 2.11).
    #[serde(with = "wire::some_rfc3339", skip_serializing_if = "Option::is_none")]
    pub pause_until: Option<SystemTime>,
    /// The groups that requests for messages belong to: 1 to 16 letters, digits and `/ _ = -` each
    /// (ADR-42, server 2.11).
    #[serde(deserialize_with = "wire::or_default", skip_serializing_if = "Vec::is_empty")]
    pub priority_groups: Vec<String>,
    /// Who of a group gets messages (ADR-42, server 2.11).
    #[serde(skip_serializing_if = "wire::is_default")]
    pub priority_policy: PriorityPolicy,
    /// After how long without a request another client takes over, with
    /// [`PriorityPolicy::PinnedClient`]; `None` is 2 minutes.
    #[serde(with = "wire::some_nanoseconds", skip_serializing_if = "Option::is_none")]
    pub priority_timeout: Option<Duration>,
    /// What a newer server says.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}
