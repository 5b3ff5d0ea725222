//! The words and numbers of a consumer's configuration.

use crate::jetstream::wire::words;

words! {
    /// How messages are acknowledged.
    pub enum AckPolicy {
        /// Each by itself.
        #[default]
        Explicit = "explicit",
        /// Not at all: what is sent counts as handled.
        None = "none",
        /// One acknowledgement is for all messages up to it.
        All = "all",
        /// As [`All`](Self::All), by answering the server's flow control (server 2.14).
        FlowControl = "flow_control",
    }
}

words! {
    /// How fast messages come that are there already.
    pub enum ReplayPolicy {
        /// As fast as possible.
        #[default]
        Instant = "instant",
        /// With the pauses between them with which they were stored.
        Original = "original",
    }
}

words! {
    /// Who of a group of clients gets messages (ADR-42).
    pub enum PriorityPolicy {
        /// Whoever asks: there are no groups.
        #[default]
        None = "none",
        /// Requests may say how many messages have to be waiting before they get any.
        Overflow = "overflow",
        /// One client gets all, and another takes over when it is gone.
        PinnedClient = "pinned_client",
        /// Requests have a priority (server 2.12).
        Prioritized = "prioritized",
    }
}

/// A number that is written as a text, with or without a sign for percent.
pub(super) mod percent {
    use serde::{Deserialize, Deserializer, Serializer};

    #[allow(
        clippy::ref_option,
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference to the field"
    )]
    pub(in super::super) fn serialize<S: Serializer>(
        percent: &Option<u32>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}%", percent.unwrap_or_default()))
    }

    pub(in super::super) fn deserialize<'de, D>(deserializer: D) -> Result<Option<u32>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let text: Option<String> = Option::deserialize(deserializer)?;
        let number = |text: String| text.trim_end_matches('%').parse().ok();
        // Servers take nothing else than a number.
        Ok(text.and_then(number))
    }
}

/// A limit where nothing, no limit and a number are three things.
pub(super) mod ack_pending {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use serde_json::Number;

    #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
    pub(in super::super) fn serialize<S: Serializer>(
        limit: &Option<u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        // What the server cannot count to is no limit.
        serializer.serialize_i64(limit.map_or(0, |limit| limit.try_into().unwrap_or(-1)))
    }

    pub(in super::super) fn deserialize<'de, D>(deserializer: D) -> Result<Option<u64>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let limit: Option<Number> = Option::deserialize(deserializer)?;
        let Some(limit) = limit else { return Ok(None) };
        match (limit.as_u64(), limit.as_i64()) {
            (Some(0), _) => Ok(None),
            (Some(limit), _) => Ok(Some(limit)),
            (None, Some(_)) => Ok(Some(u64::MAX)),
            (None, None) => Err(D::Error::custom("the limit is not a whole number")),
        }
    }
}
