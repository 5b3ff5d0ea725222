//! Which message of a stream is the first for a consumer.

use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::jetstream::wire;

/// Which message of a stream is the first for a consumer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeliverPolicy {
    /// The first that there is.
    #[default]
    All,
    /// The last that there is.
    Last,
    /// The next that is stored after the consumer was created.
    New,
    /// The last of each subject. It needs
    /// [`filter_subjects`](super::ConsumerConfig::filter_subjects), which may be `>`.
    LastPerSubject,
    /// The one of this sequence number.
    FromSequence(u64),
    /// The first that is not older than this.
    FromTime(SystemTime),
    /// What a newer server says, which is sent back as it is.
    #[non_exhaustive]
    Other {
        /// What it calls the policy.
        policy: String,
        /// The sequence number with it.
        sequence: Option<u64>,
        /// The time with it.
        time: Option<SystemTime>,
    },
}

/// The three fields that say it.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Wire {
    #[serde(deserialize_with = "wire::or_default", skip_serializing_if = "String::is_empty")]
    deliver_policy: String,
    #[serde(deserialize_with = "wire::sequence", skip_serializing_if = "Option::is_none")]
    opt_start_seq: Option<u64>,
    #[serde(with = "wire::some_rfc3339", skip_serializing_if = "Option::is_none")]
    opt_start_time: Option<SystemTime>,
}

pub(super) fn serialize<S: Serializer>(
    policy: &DeliverPolicy,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let (word, opt_start_seq, opt_start_time) = match policy {
        DeliverPolicy::All => ("all", None, None),
        DeliverPolicy::Last => ("last", None, None),
        DeliverPolicy::New => ("new", None, None),
        DeliverPolicy::LastPerSubject => ("last_per_subject", None, None),
        DeliverPolicy::FromSequence(sequence) => ("by_start_sequence", Some(*sequence), None),
        DeliverPolicy::FromTime(time) => ("by_start_time", None, Some(*time)),
        DeliverPolicy::Other { policy, sequence, time } => (policy.as_str(), *sequence, *time),
    };
    Wire { deliver_policy: word.to_owned(), opt_start_seq, opt_start_time }.serialize(serializer)
}

pub(super) fn deserialize<'de, D>(deserializer: D) -> Result<DeliverPolicy, D::Error>
where
    D: Deserializer<'de>,
{
    let Wire { deliver_policy, opt_start_seq, opt_start_time } = Wire::deserialize(deserializer)?;
    Ok(match (deliver_policy.as_str(), opt_start_seq, opt_start_time) {
        ("" | "all", None, None) => DeliverPolicy::All,
        ("last", None, None) => DeliverPolicy::Last,
        ("new", None, None) => DeliverPolicy::New,
        ("last_per_subject", None, None) => DeliverPolicy::LastPerSubject,
        ("by_start_sequence", Some(sequence), None) => DeliverPolicy::FromSequence(sequence),
        ("by_start_time", None, Some(time)) => DeliverPolicy::FromTime(time),
        (_, sequence, time) => DeliverPolicy::Other { policy: deliver_policy, sequence, time },
    })
}
