//! What can go wrong with a bucket.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;

use super::key::KeyError;
use crate::codec::CodecError;
use crate::jetstream::{ApiError, ConsumeError, JetStreamError, NameError, PublishError};
use crate::subject::Shown;

/// Why a call on a bucket failed, or what a watch has to say between its changes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyValueError {
    /// A bucket cannot have this name. Nothing was sent.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A key or a filter cannot be used. Nothing was sent.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is no such bucket.
    #[error("there is no bucket {bucket}: create it, or correct the name", bucket = Shown(bucket))]
    BucketNotFound {
        /// Its name.
        bucket: String,
    },
    /// A bucket of this name exists with another configuration.
    #[error(
        "bucket {bucket} exists with another configuration: update it, open it as it is, or choose another name",
        bucket = Shown(bucket)
    )]
    BucketExists {
        /// Its name.
        bucket: String,
        /// The server's words.
        source: ApiError,
    },
    /// A stream of the bucket's name exists that is no bucket: it does not limit how many messages
    /// it keeps of a subject.
    #[error("stream KV_{bucket} is no bucket", bucket = bucket.escape_debug())]
    NotABucket {
        /// The bucket's name.
        bucket: String,
    },
    /// The key has a value already, and was to be created.
    #[error("key {key} exists already, with revision {revision}", key = Shown(key))]
    KeyExists {
        /// The key.
        key: String,
        /// The revision of its value.
        revision: u64,
    },
    /// The key's last revision is not the expected one: somebody else was quicker. Nothing was
    /// written.
    #[error(
        "key {key} is not at revision {expected}{now}: read it again, and write what follows from that",
        key = Shown(key), now = At(*current)
    )]
    WrongRevision {
        /// The key.
        key: String,
        /// The revision that was expected.
        expected: u64,
        /// The revision of its last value or deletion; `None` where it has neither.
        current: Option<u64>,
    },
    /// A change by [`update_with`](super::Bucket::update_with) met another one each time. Nothing
    /// was written.
    #[error("key {key} was changed by others each of the {attempts} times", key = Shown(key))]
    Contended {
        /// The key.
        key: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The bucket does not let a value say how long it lives. Nothing was written.
    #[error(
        "bucket {bucket} has no times to live for single keys: give it a `limit_marker_ttl`",
        bucket = Shown(bucket)
    )]
    NoTtl {
        /// The bucket.
        bucket: String,
    },
    /// A value that ends would bring the one before it back, in a bucket that keeps a history.
    /// Nothing was written.
    #[error(
        "bucket {bucket} keeps {history} values of a key, and the one before would come back: create the key with a time to live, or keep no history",
        bucket = Shown(bucket)
    )]
    TtlWithHistory {
        /// The bucket.
        bucket: String,
        /// How many values it keeps of a key.
        history: u64,
    },
    /// The value has no encoding. Nothing was sent.
    #[error("the value for key {key} could not be encoded", key = Shown(key))]
    Encode {
        /// The key.
        key: String,
        /// Why.
        source: CodecError,
    },
    /// What stands under a key is not a value of the type. A watch goes on.
    #[error(transparent)]
    Decode(Box<Undecoded>),
    /// It is not known to be written.
    #[error("key {key} was not written, as far as is known", key = Shown(key))]
    Write {
        /// The key.
        key: String,
        /// Why; [`may_be_stored`](PublishError::may_be_stored) says whether it may be written. It
        /// may where an answer was lost, and others have changed the key since then.
        source: PublishError,
    },
    /// The reader of a watch has something to say.
    #[error("the reader of the bucket failed")]
    Read(#[source] ConsumeError),
    /// The connection was closed before all was read.
    #[error("the connection was closed before bucket {bucket} was read to its end", bucket = Shown(bucket))]
    CutOff {
        /// The bucket.
        bucket: String,
    },
    /// The API failed.
    #[error(transparent)]
    JetStream(JetStreamError),
}

impl KeyValueError {
    /// Whether somebody else was quicker: the key exists, or is at another revision.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::KeyExists { .. } | Self::WrongRevision { .. } | Self::Contended { .. })
    }

    /// Names the bucket that an error of its stream is about.
    pub(super) fn of_bucket(error: JetStreamError, bucket: &str) -> Self {
        let bucket = || bucket.to_owned();
        match error {
            JetStreamError::StreamNotFound { .. } => Self::BucketNotFound { bucket: bucket() },
            JetStreamError::Api(source) if source.err_code == ApiError::STREAM_NAME_IN_USE => {
                Self::BucketExists { bucket: bucket(), source }
            }
            other => Self::JetStream(other),
        }
    }

    /// Names the bucket that an error of its reader is about.
    pub(super) fn of_reader(error: ConsumeError, bucket: &str) -> Self {
        match error {
            ConsumeError::StreamGone { .. } => Self::BucketNotFound { bucket: bucket.to_owned() },
            ConsumeError::JetStream(error) => Self::of_bucket(error, bucket),
            other => Self::Read(other),
        }
    }
}

/// Where a key is instead, as far as that is known.
struct At(Option<u64>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(revision) => write!(f, " but at {revision}"),
            None => Ok(()),
        }
    }
}

/// What stands under a key and is not a value of the type, with all that is known of it.
#[derive(thiserror::Error)]
#[error("the value of key {key} with revision {revision} could not be decoded", key = Shown(key))]
#[non_exhaustive]
pub struct Undecoded {
    /// The key.
    pub key: String,
    /// Its revision.
    pub revision: u64,
    /// When it was written.
    pub created: SystemTime,
    /// The bytes that were written.
    pub payload: Bytes,
    /// Why they are no value.
    pub source: CodecError,
}

/// The payload is not shown: it may be a secret.
impl fmt::Debug for Undecoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undecoded")
            .field("key", &self.key)
            .field("revision", &self.revision)
            .field("payload_len", &self.payload.len())
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
