//! What a stream answers to a message.

use std::borrow::Cow;

use serde::Deserialize;

use super::super::error::ApiError;
use super::error::PublishError;

/// What a stream answers when it has a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct PublishAck {
    /// The stream that took it.
    pub stream: String,
    /// The message's number in the stream; of a duplicate, the number of the first one.
    #[serde(rename = "seq")]
    pub sequence: u64,
    /// Whether the stream had a message of this id already, and did not store it again.
    ///
    /// A message that was sent again because no answer had come, and is found by its id, is no
    /// duplicate: it was published once.
    #[serde(default)]
    pub duplicate: bool,
    /// The domain of the JetStream, where it has one.
    #[serde(default)]
    pub domain: Option<String>,
    /// The counter's value, where the stream counts.
    #[serde(default, rename = "val")]
    pub value: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    error: Option<ApiError>,
}

/// What most acknowledgements are asked for, read without keeping anything.
#[derive(Deserialize)]
struct Glance<'a> {
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
}

/// Whether a stream has the message; `Some(true)` where it had it already. `None` is for a closer
/// look.
pub(super) fn glance(payload: &[u8]) -> Option<bool> {
    let glance: Glance<'_> = serde_json::from_slice(payload).ok()?;
    (!glance.stream.is_empty() && glance.seq > 0).then_some(glance.duplicate)
}

/// Reads what a stream answers to a message.
pub(crate) fn read_ack(payload: &[u8]) -> Result<PublishAck, PublishError> {
    match serde_json::from_slice::<PublishAck>(payload) {
        Ok(ack) if !ack.stream.is_empty() && ack.sequence > 0 => Ok(ack),
        Ok(_) => {
            let answer = serde_json::from_slice::<Answer>(payload);
            Err(match answer.map(|answer| answer.error) {
                Ok(Some(error)) => PublishError::refused(error),
                Ok(None) => PublishError::NoAck("it names no stream and no sequence".into()),
                Err(error) => PublishError::NoAck(error.into()),
            })
        }
        Err(no_ack) => Err(match read_error(payload) {
            Some(error) => PublishError::refused(error),
            None => PublishError::NoAck(no_ack.into()),
        }),
    }
}

/// The error that an answer is, if it is one.
pub(super) fn read_error(payload: &[u8]) -> Option<ApiError> {
    serde_json::from_slice::<Answer>(payload).ok()?.error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_names_its_stream_and_a_sequence() {
        let payload = br#"{"stream":"S","seq":7,"duplicate":true,"domain":"hub"}"#;
        let ack = read_ack(payload).expect("it is one");
        assert_eq!((ack.stream.as_str(), ack.sequence, ack.duplicate), ("S", 7, true));
        assert_eq!(ack.domain.as_deref(), Some("hub"));
        assert_eq!(glance(payload), Some(true));
        assert_eq!(glance(br#"{"stream":"S\u0041", "seq":7}"#), Some(false));
        for payload in
            [&br#"{"stream":"","seq":7}"#[..], br#"{"stream":"S","seq":0}"#, b"{}", b"", b"7"]
        {
            assert!(matches!(read_ack(payload), Err(PublishError::NoAck(_))), "{payload:?}");
            assert_eq!(glance(payload), None, "{payload:?}");
        }
    }

    #[test]
    fn a_refusal_is_read_beside_the_stream_that_refuses() {
        let payload =
            br#"{"error":{"code":400,"err_code":10071,"description":"no"},"stream":"S","seq":0}"#;
        assert!(read_ack(payload).expect_err("refused").is_wrong_last());
        assert_eq!(glance(payload), None);
    }
}
