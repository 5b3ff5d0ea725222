//! What a stream is told to be.

mod builder;
mod check;
mod limits;
mod policy;
mod source;
mod subjects;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::limits::{ConsumerLimits, Placement};
pub use self::policy::{Compression, Discard, PersistMode, Retention, Storage};
pub use self::source::{External, Source, SourceConsumer};
pub use self::subjects::{Republish, SubjectTransform};
use crate::jetstream::wire;

/// What a stream is told to be: its name, the subjects it keeps, and for how long.
///
/// Only the name is needed. Everything has a method of its own, and the fields can be written and
/// read as well; what is left alone is the server's default.
///
/// ```
/// use std::time::Duration;
/// use natsws::jetstream::{Retention, StreamConfig};
///
/// let orders = StreamConfig::new("ORDERS")
///     .subjects(["orders.>"])
///     .retention(Retention::WorkQueue)
///     .max_age(Duration::from_secs(24 * 3600))
///     .replicas(3);
/// ```
///
/// What a newer server says and this version does not know is kept, and sent back when the
/// configuration is: reading it, changing a field and updating the stream loses nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the server has one for each option")]
#[non_exhaustive]
pub struct StreamConfig {
    /// The name, which stands in the subjects of the API: no blanks, and none of `. * > / \`.
    #[serde(deserialize_with = "wire::or_default")]
    pub name: String,
    /// What the stream is for, in up to 4 KiB of text.
    #[serde(deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The subjects whose messages are kept, with wildcards.
    ///
    /// Without any it is the stream's name, unless the stream has a mirror or sources. No two
    /// streams of an account may have subjects in common.
    #[serde(deserialize_with = "wire::or_default", skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// For how long messages are kept.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub retention: Retention,
    /// How many consumers there may be; `None` is no limit.
    #[serde(with = "wire::limit", skip_serializing_if = "Option::is_none")]
    pub max_consumers: Option<u64>,
    /// How many messages are kept; `None` is no limit.
    #[serde(rename = "max_msgs", with = "wire::limit", skip_serializing_if = "Option::is_none")]
    pub max_messages: Option<u64>,
    /// How many bytes are kept, with what storing them takes; `None` is no limit.
    #[serde(with = "wire::limit", skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// How old messages may get, 100 ms or more; `None` is no limit.
    #[serde(with = "wire::some_nanoseconds", skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
    /// How many messages are kept of each subject; `None` is no limit.
    #[serde(
        rename = "max_msgs_per_subject",
        with = "wire::limit",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_messages_per_subject: Option<u64>,
    /// How large a message may be, in bytes with its headers; `None` is what the server allows.
    #[serde(
        with = "wire::limit",
        rename = "max_msg_size",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_message_size: Option<u32>,
    /// Where messages are kept. It cannot be changed later.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub storage: Storage,
    /// What gives way when a limit is reached.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub discard: Discard,
    /// Whether a subject that has reached its own limit takes no new messages.
    ///
    /// It needs [`Discard::New`] and [`max_messages_per_subject`](Self::max_messages_per_subject).
    #[serde(skip_serializing_if = "wire::is_default")]
    pub discard_new_per_subject: bool,
    /// How many servers of a cluster keep the stream, 1 to 5; 1 by default.
    #[serde(
        rename = "num_replicas",
        deserialize_with = "wire::count",
        skip_serializing_if = "is_one"
    )]
    pub replicas: u32,
    /// Whether the server is silent about what it has stored. Publishing with an acknowledgement
    /// fails then.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub no_ack: bool,
    /// For how long the identities of messages are remembered, to drop a message that is published
    /// twice, 100 ms or more; `None` is 2 minutes, or [`max_age`](Self::max_age) where that is
    /// shorter.
    #[serde(with = "wire::some_nanoseconds", skip_serializing_if = "Option::is_none")]
    pub duplicate_window: Option<Duration>,
    /// Which servers of a cluster keep the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// The stream that this one is a copy of. A mirror has no subjects and no sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Source>,
    /// The streams whose messages are gathered here.
    #[serde(deserialize_with = "wire::or_default", skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// How what is stored in files is compressed.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub compression: Compression,
    /// The sequence number of the first message, where it is not 1. It counts only when the stream
    /// is created.
    #[serde(
        rename = "first_seq",
        deserialize_with = "wire::sequence",
        skip_serializing_if = "Option::is_none"
    )]
    pub first_sequence: Option<u64>,
    /// The subjects under which messages are kept, where they are not those they came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_transform: Option<SubjectTransform>,
    /// Where messages are published again once they are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub republish: Option<Republish>,
    /// Whether messages neither come nor go any more. It can be set on a stream that is there, and
    /// never be taken back.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub sealed: bool,
    /// Whether single messages cannot be deleted. It cannot be taken back.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub deny_delete: bool,
    /// Whether the stream cannot be purged. It cannot be taken back.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub deny_purge: bool,
    /// Whether a message with the header `Nats-Rollup` takes the place of all that came before it.
    #[serde(rename = "allow_rollup_hdrs", skip_serializing_if = "wire::is_default")]
    pub allow_rollup: bool,
    /// Whether every server that keeps the stream answers requests for single messages, not only
    /// its leader. It is quicker, and may say what was true a moment ago (ADR-31).
    #[serde(skip_serializing_if = "wire::is_default")]
    pub allow_direct: bool,
    /// Whether a mirror answers such requests for the stream that it is a copy of.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub mirror_direct: bool,
    /// What consumers get that say nothing else, and what they may ask for at most.
    #[serde(deserialize_with = "wire::or_default", skip_serializing_if = "wire::is_default")]
    pub consumer_limits: ConsumerLimits,
    /// Texts for whoever reads them, up to 128 KiB in all. Keys that start with `_nats` are the
    /// server's.
    #[serde(deserialize_with = "wire::or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Whether a message may say how long it is kept, with the header `Nats-TTL` (ADR-43, server
    /// 2.11). It cannot be taken back.
    #[serde(rename = "allow_msg_ttl", skip_serializing_if = "wire::is_default")]
    pub allow_message_ttl: bool,
    /// How long the marker is kept that tells of a subject's last message having grown too old, one
    /// second or more; `None` leaves no markers (ADR-43, server 2.11).
    #[serde(with = "wire::some_nanoseconds", skip_serializing_if = "Option::is_none")]
    pub subject_delete_marker_ttl: Option<Duration>,
    /// Whether messages are numbers that the server adds up (ADR-49, server 2.12). It cannot be
    /// changed later.
    #[serde(rename = "allow_msg_counter", skip_serializing_if = "wire::is_default")]
    pub allow_message_counter: bool,
    /// Whether messages may be published as a batch that is stored whole or not at all (ADR-50,
    /// server 2.12).
    #[serde(rename = "allow_atomic", skip_serializing_if = "wire::is_default")]
    pub allow_atomic_publish: bool,
    /// Whether messages may be published as a batch that is acknowledged in larger steps (ADR-50,
    /// server 2.14).
    #[serde(rename = "allow_batched", skip_serializing_if = "wire::is_default")]
    pub allow_batch_publish: bool,
    /// Whether a message may ask to be published later, or again and again (ADR-51, server 2.12).
    /// It cannot be taken back.
    #[serde(rename = "allow_msg_schedules", skip_serializing_if = "wire::is_default")]
    pub allow_message_schedules: bool,
    /// When a message counts as stored (server 2.12). It cannot be changed later.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub persist_mode: PersistMode,
    /// What a newer server says.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_one(replicas: &u32) -> bool {
    *replicas == 1
}
