//! What is asked of a stream's messages, as JSON says it (ADR-31).

use std::time::SystemTime;

use serde::Serialize;

use super::position::Position;
use crate::jetstream::config_error::ConfigError;
use crate::jetstream::error::JetStreamError;
use crate::jetstream::wire;
use crate::subject::check_filter;

/// One message, or several where there is a batch.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Query {
    #[serde(rename = "seq", skip_serializing_if = "Option::is_none")]
    pub(super) sequence: Option<u64>,
    #[serde(with = "wire::some_rfc3339", skip_serializing_if = "Option::is_none")]
    pub(super) start_time: Option<SystemTime>,
    #[serde(rename = "last_by_subj", skip_serializing_if = "Option::is_none")]
    pub(super) last_of: Option<String>,
    #[serde(rename = "next_by_subj", skip_serializing_if = "Option::is_none")]
    pub(super) next_of: Option<String>,
    #[serde(rename = "multi_last", skip_serializing_if = "Vec::is_empty")]
    pub(super) last_of_each: Vec<String>,
    #[serde(rename = "up_to_seq", skip_serializing_if = "Option::is_none")]
    pub(super) up_to_sequence: Option<u64>,
    #[serde(with = "wire::some_rfc3339", skip_serializing_if = "Option::is_none")]
    pub(super) up_to_time: Option<SystemTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) batch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_bytes: Option<u64>,
}

impl Query {
    /// The message with this number.
    pub(crate) fn of_sequence(sequence: u64) -> Self {
        Self { sequence: Some(sequence), ..Self::default() }
    }

    /// The last message of a subject.
    pub(crate) fn last_of(subject: impl Into<String>) -> Self {
        Self { last_of: Some(subject.into()), ..Self::default() }
    }

    /// The first message of a subject that has this number or a later one.
    #[cfg(feature = "kv")]
    pub(crate) fn next_of(subject: impl Into<String>, sequence: u64) -> Self {
        Self { next_of: Some(subject.into()), ..Self::of_sequence(sequence) }
    }

    /// Begins at a place: 0 is before the first message.
    pub(super) fn start(&mut self, at: Position) {
        self.sequence = at.sequence().map(|sequence| sequence.max(1));
        self.start_time = at.time();
    }

    pub(super) fn check(&self) -> Result<(), JetStreamError> {
        let filters = self.last_of.iter().chain(&self.next_of).chain(&self.last_of_each);
        for filter in filters {
            check_filter(filter)?;
        }
        if self.sequence == Some(0) {
            let reason = "the first message of a stream has number 1";
            return Err(ConfigError::Value { option: "sequence", reason }.into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_query_says_only_what_is_asked_for() {
        let json = |query: &Query| serde_json::to_string(query).expect("it has one");
        let mut query = Query { next_of: Some("a.*".into()), ..Query::default() };
        assert_eq!(json(&query), r#"{"next_by_subj":"a.*"}"#);
        query.start(Position::Sequence(7));
        assert_eq!(json(&query), r#"{"seq":7,"next_by_subj":"a.*"}"#);
        query.start(Position::Time(SystemTime::UNIX_EPOCH + Duration::from_millis(1500)));
        assert_eq!(json(&query), r#"{"start_time":"1970-01-01T00:00:01.5Z","next_by_subj":"a.*"}"#);
    }

    #[test]
    fn there_is_no_message_zero() {
        let query = Query { sequence: Some(0), ..Query::default() };
        assert_eq!(
            query.check().expect_err("refused").to_string(),
            "`sequence` has a value that no server takes: the first message of a stream has number 1"
        );
        let mut query = Query::default();
        query.start(Position::Sequence(0));
        assert_eq!(query.sequence, Some(1));
    }
}
