//! Why a message is not known to be in a stream, and whether another attempt may help.

use std::error::Error;
use std::time::Duration;

use super::super::error::ApiError;
use crate::publish::PublishError as Refusal;
use crate::request::RequestError;
use crate::subject::Shown;

/// Why a message is not known to be in a stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The message cannot be sent as it is. Nothing was sent.
    #[error("the message was not sent")]
    NotSent(#[source] Refusal),
    /// No stream has the subject, or none of its servers led it until the deadline. The message is
    /// not stored.
    #[error(
        "no stream answered for subject {subject} within {after:?}: create one that has it, or check that its cluster has a leader",
        subject = Shown(subject)
    )]
    NoStream {
        /// The subject.
        subject: String,
        /// How long it was tried.
        after: Duration,
    },
    /// No stream has the subject, and the server says that it has no JetStream. The message is not
    /// stored.
    #[error(
        "no stream has subject {subject}, and the server has no JetStream: switch it on, or connect to one that has it",
        subject = Shown(subject)
    )]
    NotEnabled {
        /// The subject.
        subject: String,
    },
    /// The stream's last message is not the one that was expected. The message is not stored.
    #[error("the stream is not where it was expected to be")]
    WrongLast(#[source] ApiError),
    /// The stream does not take the message, which is not stored: it is full or sealed, the message
    /// is too large, another expectation is wrong.
    #[error("the stream does not take the message")]
    Rejected(#[source] ApiError),
    /// No acknowledgement came in time. The message may be stored.
    #[error("no acknowledgement came within {after:?}, and the message may be stored or not")]
    TimedOut {
        /// How long was waited.
        after: Duration,
        /// What came of the last attempt, where something did. An earlier one had no answer.
        last: Option<Box<Self>>,
    },
    /// The connection failed. The message may be stored where it may have been delivered.
    #[error("the message could not be brought to the stream")]
    Request(#[source] RequestError),
    /// Something answered that is no stream.
    #[error("the answer is no acknowledgement of a stream")]
    NoAck(#[source] Box<dyn Error + Send + Sync>),
    /// An earlier message of the batch was lost, and with it the batch. Nothing of it is stored.
    #[error("the batch is lost, since an earlier message of it failed: begin another one")]
    BatchLost,
    /// The stream knows nothing of batches, and stored the message by itself.
    #[error(
        "stream {stream} stored the message by itself: batches need a server of version 2.12",
        stream = Shown(stream)
    )]
    NoBatches {
        /// The stream.
        stream: String,
    },
    /// The stream stored another number of messages than the batch had.
    #[error("stream {stream} stored {count} messages of a batch of {expected}", stream = Shown(stream))]
    WrongCount {
        /// The stream.
        stream: String,
        /// How many the batch had.
        expected: u64,
        /// How many were stored.
        count: u64,
    },
}

/// What may be known of an attempt that failed and can be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passing {
    /// The message was not stored by it.
    NotStored,
    /// The message may have been stored by it, or may yet be.
    Unknown,
}

/// What a server answers that is shutting down, about a message that its cluster may yet store.
const STORE_CLOSED: &str = "store is closed";
/// What a server answers that led the stream a moment ago. It gives no error code.
const NOT_LEADER: &str = "raft: not leader";

impl PublishError {
    /// Whether the stream's last message, or the subject's, was not the expected one: read again,
    /// and try with the new number.
    pub fn is_wrong_last(&self) -> bool {
        matches!(self, Self::WrongLast(_))
    }

    /// Whether the message may be in the stream all the same.
    pub fn may_be_stored(&self) -> bool {
        match self {
            Self::TimedOut { .. }
            | Self::NoAck(_)
            | Self::NoBatches { .. }
            | Self::WrongCount { .. }
            | Self::Request(RequestError::Closed) => true,
            Self::Request(RequestError::Disconnected { maybe_delivered }) => *maybe_delivered,
            Self::Rejected(error) => passing(error) == Some(Passing::Unknown),
            _ => false,
        }
    }

    /// What the server called it, for matching on the constants of [`ApiError`].
    pub fn err_code(&self) -> Option<u32> {
        match self {
            Self::WrongLast(error) | Self::Rejected(error) => Some(error.err_code),
            _ => None,
        }
    }

    pub(super) fn refused(error: ApiError) -> Self {
        match error.err_code {
            ApiError::WRONG_LAST_SEQUENCE
            | ApiError::WRONG_LAST_SEQUENCE_UNKNOWN
            | ApiError::WRONG_LAST_MESSAGE_ID => Self::WrongLast(error),
            _ => Self::Rejected(error),
        }
    }

    /// The error of a message that nobody answered for; `has_jetstream` is whether the server says
    /// that it has one.
    pub(super) fn unanswered(subject: &str, has_jetstream: bool, after: Duration) -> Self {
        let subject = subject.to_owned();
        if has_jetstream { Self::NoStream { subject, after } } else { Self::NotEnabled { subject } }
    }

    /// Whether another attempt may bring the message, where it has an id or was not stored.
    pub(crate) fn passing(&self) -> Option<Passing> {
        match self {
            Self::NoStream { .. } => Some(Passing::NotStored),
            Self::Rejected(error) => passing(error),
            Self::TimedOut { .. }
            | Self::Request(RequestError::Disconnected { maybe_delivered: true }) => {
                Some(Passing::Unknown)
            }
            Self::Request(RequestError::Disconnected { maybe_delivered: false }) => {
                Some(Passing::NotStored)
            }
            _ => None,
        }
    }

    /// The error of a message that an earlier attempt may have stored. That it is not where it was
    /// expected proves nothing then: a server that has just started, or just begun to lead, may look
    /// at what is expected before it knows the id.
    pub(crate) fn after_unknown(self, after: Duration) -> Self {
        match self {
            Self::TimedOut { last: Some(_), .. } => self,
            Self::TimedOut { .. } => Self::TimedOut { after, last: None },
            last if last.may_be_stored() => last,
            last => Self::TimedOut { after, last: Some(Box::new(last)) },
        }
    }
}

fn passing(error: &ApiError) -> Option<Passing> {
    match error.err_code {
        ApiError::TEMPORARILY_UNAVAILABLE
        | ApiError::LAST_SUBJECT_SEQUENCE_NOT_READY
        | ApiError::TOO_MANY_REQUESTS => Some(Passing::NotStored),
        ApiError::DUPLICATE_IN_PROCESS => Some(Passing::Unknown),
        ApiError::STORE_FAILED if error.description == STORE_CLOSED => Some(Passing::Unknown),
        0 if error.code == 503 && error.description == NOT_LEADER => Some(Passing::NotStored),
        0 if error.code == 503 => Some(Passing::Unknown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, err_code: u32, description: &str) -> PublishError {
        let description = description.to_owned();
        PublishError::refused(ApiError { code, err_code, description })
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for (code, err_code, description, passing) in [
            (503, 10008, "JetStream system temporarily unavailable", Some(Passing::NotStored)),
            (
                503,
                10163,
                "expected last sequence per subject temporarily unavailable",
                Some(Passing::NotStored),
            ),
            (429, 10167, "too many requests", Some(Passing::NotStored)),
            (409, 10158, "duplicate message id is in process", Some(Passing::Unknown)),
            (503, 10077, "store is closed", Some(Passing::Unknown)),
            (503, 10077, "maximum messages exceeded", None),
            (503, 0, "raft: not leader", Some(Passing::NotStored)),
            (503, 0, "something else", Some(Passing::Unknown)),
            (400, 10071, "wrong last sequence: 7", None),
            (400, 10060, "expected stream does not match", None),
            (400, 10054, "message size exceeds maximum allowed", None),
            (400, 10109, "invalid operation on sealed stream", None),
            (503, 10023, "insufficient resources", None),
        ] {
            let error = refused(code, err_code, description);
            assert_eq!(error.passing(), passing, "{description}");
            assert_eq!(error.may_be_stored(), passing == Some(Passing::Unknown), "{description}");
        }
        let after = Duration::from_secs(30);
        let no_stream = PublishError::unanswered("a.b", true, after);
        assert_eq!(no_stream.passing(), Some(Passing::NotStored));
        let not_enabled = PublishError::unanswered("a.b", false, after);
        assert_eq!((not_enabled.passing(), not_enabled.may_be_stored()), (None, false));
        assert_eq!(
            not_enabled.to_string(),
            "no stream has subject \"a.b\", and the server has no JetStream: switch it on, or connect to one that has it"
        );
    }

    #[test]
    fn after_an_attempt_without_an_answer_the_message_may_be_stored() {
        let after = Duration::from_secs(30);
        let sealed = refused(400, 10109, "sealed").after_unknown(after);
        assert!(sealed.may_be_stored());
        assert!(matches!(sealed, PublishError::TimedOut { last: Some(_), .. }));
        // The last message may be this one, or have come after it.
        let wrong = refused(400, 10071, "wrong last sequence: 7").after_unknown(after);
        assert!(wrong.may_be_stored() && !wrong.is_wrong_last());
    }

    #[test]
    fn a_refusal_says_whether_the_stream_is_elsewhere() {
        for code in [10070, 10071, 10164] {
            assert!(refused(400, code, "no").is_wrong_last(), "{code}");
        }
        assert!(matches!(refused(400, 10060, "no"), PublishError::Rejected(_)));
    }
}
