//! What can go wrong with the API of JetStream.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::config_error::ConfigError;
use super::name::NameError;
use super::stream::StoredMessage;
use crate::request::RequestError;
use crate::subject::{Shown, SubjectError};
use crate::typed::DecodeError;

/// An error that the server answered with.
///
/// `code` is in the manner of HTTP; `err_code` says exactly what it is, and is what programs match
/// on. The server's source has the list (`server/errors.json`); the ones that applications act on
/// are constants here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ApiError {
    /// The class of the error, as in HTTP: `404`.
    pub code: u16,
    /// What exactly it is: `10059`; 0 where the server gives none.
    #[serde(default)]
    pub err_code: u32,
    /// The server's words.
    #[serde(default)]
    pub description: String,
}

impl ApiError {
    /// The JetStream of the cluster has no leader at the moment.
    pub const TEMPORARILY_UNAVAILABLE: u32 = 10008;
    /// There is no such consumer.
    pub const CONSUMER_NOT_FOUND: u32 = 10014;
    /// There is no such message.
    pub const NO_MESSAGE_FOUND: u32 = 10037;
    /// There is no message with that number.
    pub const SEQUENCE_NOT_FOUND: u32 = 10043;
    /// JetStream is not enabled for the account.
    pub const NOT_ENABLED_FOR_ACCOUNT: u32 = 10039;
    /// The message is larger than the stream takes.
    pub const MESSAGE_TOO_LARGE: u32 = 10054;
    /// A message was not deleted; the description says why.
    pub const DELETE_FAILED: u32 = 10057;
    /// A stream of that name exists with another configuration.
    pub const STREAM_NAME_IN_USE: u32 = 10058;
    /// There is no such stream.
    pub const STREAM_NOT_FOUND: u32 = 10059;
    /// Another stream has the subject than the one that was expected.
    pub const WRONG_STREAM: u32 = 10060;
    /// Another stream has some of the subjects already.
    pub const SUBJECTS_OVERLAP: u32 = 10065;
    /// The last message has another id than was expected.
    pub const WRONG_LAST_MESSAGE_ID: u32 = 10070;
    /// The last message has another sequence than was expected.
    pub const WRONG_LAST_SEQUENCE: u32 = 10071;
    /// The server's API has not the level that an option needs.
    pub const REQUIRED_API_LEVEL: u32 = 10185;
    /// JetStream is not enabled on the server.
    pub const NOT_ENABLED: u32 = 10076;
    /// The stream could not store the message; the description says why, as that it is full.
    pub const STORE_FAILED: u32 = 10077;
    /// The stream is sealed: it takes nothing more.
    pub const SEALED: u32 = 10109;
    /// A message of this id is being stored. It passes.
    pub const DUPLICATE_IN_PROCESS: u32 = 10158;
    /// The stream does not know the subject's last sequence yet. It passes.
    pub const LAST_SUBJECT_SEQUENCE_NOT_READY: u32 = 10163;
    /// The stream does not allow messages with a time to live of their own.
    pub const TTL_DISABLED: u32 = 10166;
    /// The stream has more to do than it can. It passes.
    pub const TOO_MANY_REQUESTS: u32 = 10167;
    /// The stream does not count.
    pub const COUNTER_DISABLED: u32 = 10168;
    /// The stream takes no atomic batches.
    pub const ATOMIC_DISABLED: u32 = 10174;
    /// Messages of the batch are missing, or it has waited for too long.
    pub const BATCH_INCOMPLETE: u32 = 10176;
    /// The stream takes no schedules.
    pub const SCHEDULES_DISABLED: u32 = 10188;
    /// The batch has more messages than the server takes.
    pub const BATCH_TOO_LARGE: u32 = 10199;
    /// As [`WRONG_LAST_SEQUENCE`](Self::WRONG_LAST_SEQUENCE), where the server does not know the
    /// last sequence.
    pub const WRONG_LAST_SEQUENCE_UNKNOWN: u32 = 10164;

    /// What the user can do about it.
    fn advice(&self) -> Option<&'static str> {
        Some(match self.err_code {
            10004 | 10008 | 10118 | 10119 | 10163 => {
                "try again: the cluster is electing a leader, or a server of it is away"
            }
            10002 | 10023 | 10028 | 10047 => {
                "free some storage, or raise the limits of the server or the account"
            }
            10158 => "try again: it passes",
            10005 => "ask for fewer replicas, or for a placement that the cluster has",
            10013 | 10105 | 10148 => {
                "bind to the consumer that exists, update it, or choose another name"
            }
            10025 => "the server may be older than an option that is set",
            10026 => "raise the limit of consumers, or delete some",
            10027 => "raise the account's limit of streams, or delete some",
            10039 => "enable JetStream for the account",
            10054 => "raise the stream's `max_message_size`, or send less",
            10058 => "update the stream, or choose another name",
            10065 => "choose subjects that no other stream has",
            10074 => "keep one replica, or let the servers be a cluster",
            10076 => "switch JetStream on in the server's configuration",
            10077 => "purge the stream, raise its limits, or let it discard old messages",
            10109 => "the stream is sealed for good: nothing in it changes",
            10110 | 10111 => "allow it in the stream's configuration, where that can be changed",
            10113 => "set the stream's `max_bytes`",
            10120 => "give the account limits for this number of replicas",
            10122 => "lower the stream's `max_bytes`, or raise the account's limit",
            10149 => "create the consumer",
            10166 => "set the stream's `allow_message_ttl`",
            10167 => "try again a little later, and with less at once",
            10168 => "set the stream's `allow_message_counter`",
            10174 => "set the stream's `allow_atomic_publish`",
            10185 => "the server is older than an option that is set",
            10188 => "set the stream's `allow_message_schedules`",
            10194 | 10195 => "it may need a newer server than the one that has it",
            10205 => "set the stream's `allow_batch_publish`",
            // What a server that keeps the stream answers directly has only this number.
            0 if self.code == 413 => "ask for fewer subjects: 1024 at most",
            _ => return None,
        })
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let described =
            if self.description.is_empty() { "no description" } else { &self.description };
        write!(f, "{} (code {}, error {})", described.escape_debug(), self.code, self.err_code)?;
        match self.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl Error for ApiError {}

/// Why a call of the JetStream API failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JetStreamError {
    /// Nobody answers the API: JetStream is not enabled on the server or for the account, or the
    /// domain or prefix is not the server's.
    #[error(
        "JetStream is not available at `{prefix}`: enable it on the server and for the account, or correct the domain"
    )]
    NotEnabled {
        /// What the API's subjects start with.
        prefix: String,
        /// The server's words, where it had any.
        source: Option<ApiError>,
    },
    /// There is no such stream.
    #[error("there is no stream {name}: create it, or correct the name", name = Shown(name))]
    StreamNotFound {
        /// The name, or the subject that no stream has.
        name: String,
    },
    /// Several streams have some of the subjects that this one matches.
    #[error(
        "several streams have subjects that {subject} matches, as {} and {}: name one of them",
        Shown(&two[0]),
        Shown(&two[1]),
        subject = Shown(subject)
    )]
    SeveralStreams {
        /// The subject.
        subject: String,
        /// Two of the streams.
        two: Box<[String; 2]>,
    },
    /// A stream is there, and no server leads it or says anything of it.
    #[error(
        "the servers of stream {name} do not answer: wait until its cluster has a leader, or look after its servers",
        name = Shown(name)
    )]
    StreamOffline {
        /// The stream.
        name: String,
    },
    /// There is no such consumer.
    #[error(
        "there is no consumer {name} of stream {stream}: create it, or correct the name",
        name = Shown(name), stream = Shown(stream)
    )]
    ConsumerNotFound {
        /// The stream.
        stream: String,
        /// The name that was asked for.
        name: String,
    },
    /// The stream does not answer direct requests, which several messages at once need. Nothing was
    /// done.
    #[error(
        "stream {stream} answers no direct requests: set its `allow_direct`, or read it with a consumer",
        stream = Shown(stream)
    )]
    DirectNotAllowed {
        /// The stream.
        stream: String,
    },
    /// A message does not decode.
    #[error("message {sequence} of the stream does not decode", sequence = message.sequence())]
    Decode {
        /// The message.
        message: Box<StoredMessage>,
        /// Why.
        source: DecodeError,
    },
    /// The server does not permit this part of the API.
    #[error(
        "the server does not permit `{operation}`: allow the user to publish to it below the API's prefix, and to subscribe to its inbox"
    )]
    PermissionDenied {
        /// What was asked: what comes behind the prefix, as in `STREAM.INFO.ORDERS`.
        operation: String,
    },
    /// The server refused for another reason.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A name cannot be used. Nothing was sent.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A configuration contradicts itself. Nothing was sent.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A subject cannot be used. Nothing was sent.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// The server is too old for it. Nothing was sent.
    #[error("{feature} needs a server of version {needs}, this one has {has}", has = Shown(has))]
    Unsupported {
        /// What was asked for.
        feature: &'static str,
        /// The oldest version that has it.
        needs: &'static str,
        /// The version of the server.
        has: String,
    },
    /// No answer came in time. What was asked for may have been done.
    #[error("the server did not answer within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The request could not be made.
    #[error("the request to JetStream failed")]
    Request(#[source] RequestError),
    /// The server's answer cannot be understood.
    #[error("the server's answer to `{operation}` cannot be understood")]
    Response {
        /// What was asked.
        operation: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl JetStreamError {
    /// Whether what was asked for does not exist: the stream or the consumer.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::StreamNotFound { .. } | Self::ConsumerNotFound { .. })
    }

    /// Whether JetStream is not there at all.
    pub fn is_not_enabled(&self) -> bool {
        matches!(self, Self::NotEnabled { .. })
    }

    /// What the server called it, for matching on the constants of [`ApiError`].
    pub fn err_code(&self) -> Option<u32> {
        match self {
            Self::Api(error) | Self::NotEnabled { source: Some(error), .. } => Some(error.err_code),
            Self::StreamNotFound { .. } => Some(ApiError::STREAM_NOT_FOUND),
            Self::ConsumerNotFound { .. } => Some(ApiError::CONSUMER_NOT_FOUND),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_server_says_its_code_and_what_to_do() {
        let error = ApiError {
            code: 503,
            err_code: ApiError::STORE_FAILED,
            description: "maximum messages exceeded".into(),
        };
        assert_eq!(
            error.to_string(),
            "maximum messages exceeded (code 503, error 10077); \
             purge the stream, raise its limits, or let it discard old messages"
        );
        let unknown = ApiError { code: 500, err_code: 0, description: "a\nb".into() };
        assert_eq!(unknown.to_string(), "a\\nb (code 500, error 0)");
    }
}
