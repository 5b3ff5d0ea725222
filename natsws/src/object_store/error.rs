//! What can go wrong with an object store.

use std::error::Error;
use std::io;

use crate::jetstream::{ApiError, ConsumeError, JetStreamError, NameError, PublishError};
use crate::subject::Shown;

/// Why something could not be done with an object or its store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// A name that no store can have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The name of an object is the empty text, or so long that no subject holds it.
    #[error("an object cannot have this name of {len} bytes: it has to have 1 to {most}")]
    ObjectName {
        /// The length of the name in bytes.
        len: usize,
        /// The longest that there may be.
        most: usize,
    },
    /// There is no such store: it was never made, or it is deleted.
    #[error("there is no object store {bucket}: create it, or correct the name", bucket = Shown(bucket))]
    StoreNotFound {
        /// The store.
        bucket: String,
    },
    /// There is no such object, or it is deleted.
    #[error("there is no object {name} in store {bucket}: put it, or correct the name", name = Shown(name), bucket = Shown(bucket))]
    NotFound {
        /// The store.
        bucket: String,
        /// The object.
        name: String,
    },
    /// Another object has the name already.
    #[error("store {bucket} has an object {name} already: choose another name, or delete that first", name = Shown(name), bucket = Shown(bucket))]
    Exists {
        /// The store.
        bucket: String,
        /// The object.
        name: String,
    },
    /// The object is deleted, and only a new one can take its place.
    #[error("object {name} is deleted", name = Shown(name))]
    Deleted {
        /// The object.
        name: String,
    },
    /// What a link points to is a link itself, which is not followed.
    #[error("object {name} is a link itself: link to what it points to", name = Shown(name))]
    LinkToLink {
        /// The link that was pointed to.
        name: String,
    },
    /// The object is a link to a store, which has no bytes: open that store.
    #[error("object {name} is a link to store {bucket}: open that store", name = Shown(name), bucket = Shown(bucket))]
    LinkToStore {
        /// The link.
        name: String,
        /// The store that it points to.
        bucket: String,
    },
    /// The object is not at the revision that was expected, and is left as it is.
    #[error("object {name} is not at the revision that was expected: read it again", name = Shown(name))]
    WrongRevision {
        /// The object.
        name: String,
        /// The server's words, where it was the server that noticed.
        source: Option<ApiError>,
    },
    /// The store is sealed for good: nothing in it changes.
    #[error("store {bucket} is sealed", bucket = Shown(bucket))]
    Sealed {
        /// The store.
        bucket: String,
        /// The server's words.
        source: ApiError,
    },
    /// The store, the account or the server has no room left.
    #[error("store {bucket} has no room left", bucket = Shown(bucket))]
    Full {
        /// The store.
        bucket: String,
        /// The server's words.
        source: ApiError,
    },
    /// The bytes are not those that were put: their SHA-256 is another.
    #[error("object {name} is damaged: its bytes do not have the digest that was stored with them", name = Shown(name))]
    Digest {
        /// The object.
        name: String,
        /// The digest that was stored, as it is written there.
        expected: String,
        /// The digest of the bytes that came, written alike.
        actual: String,
    },
    /// The digest that is stored with the object is none that can be checked.
    #[error("object {name} has a digest that cannot be checked: {digest}", name = Shown(name), digest = Shown(digest))]
    UnknownDigest {
        /// The object.
        name: String,
        /// The digest as it is stored.
        digest: String,
    },
    /// The object does not have as many bytes as were put: a part is missing, or there is more.
    #[error("object {name} is not whole: {size} bytes in {chunks} chunks were put, and {read} bytes in {chunks_read} are there", name = Shown(name))]
    Incomplete {
        /// The object.
        name: String,
        /// How many bytes were put.
        size: u64,
        /// In how many chunks.
        chunks: u64,
        /// How many bytes came, until it was certain.
        read: u64,
        /// In how many chunks.
        chunks_read: u64,
    },
    /// Chunks had to be sent again, and the stream has another number of them than there are: it did
    /// not hear of them for longer than it knows a message again, which is two minutes unless the
    /// store's [`ttl`](super::ObjectStoreConfig::ttl) is shorter. Nothing of the object is visible.
    #[error("object {name} is not stored: it has {chunks} chunks, and the stream has {stored} after some were sent again: put it once more", name = Shown(name))]
    NotStoredOnce {
        /// The object.
        name: String,
        /// How many chunks it has.
        chunks: u64,
        /// How many the stream has.
        stored: u64,
    },
    /// What is stored about an object cannot be understood.
    #[error("what is stored about an object cannot be understood")]
    Info(#[source] Box<dyn Error + Send + Sync>),
    /// Where the bytes were to come from failed. Nothing was stored.
    #[error("the bytes to be put could not be read")]
    Source(#[source] Box<dyn Error + Send + Sync>),
    /// The object is larger than an object can be.
    #[error("the object is larger than an object can be")]
    TooLarge,
    /// A message was not stored.
    #[error("the stream of the store did not take a message")]
    NotStored(#[source] PublishError),
    /// Reading the store failed.
    #[error("the stream of the store could not be read")]
    Read(#[source] ConsumeError),
    /// The server could not be asked, or refused.
    #[error(transparent)]
    JetStream(JetStreamError),
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
}

impl ObjectError {
    /// Whether the object or the store does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::StoreNotFound { .. })
    }

    /// Whether the bytes that are stored are not those that were put.
    pub fn is_damaged(&self) -> bool {
        matches!(self, Self::Digest { .. } | Self::Incomplete { .. })
    }

    /// What the server called it, for matching on the constants of [`ApiError`].
    pub fn err_code(&self) -> Option<u32> {
        match self {
            Self::Sealed { source, .. }
            | Self::Full { source, .. }
            | Self::WrongRevision { source: Some(source), .. }
            | Self::NotStored(PublishError::Rejected(source)) => Some(source.err_code),
            Self::StoreNotFound { .. } => Some(ApiError::STREAM_NOT_FOUND),
            Self::JetStream(error) => error.err_code(),
            _ => None,
        }
    }

    /// Whether a message may be in the stream all the same.
    pub(super) fn may_be_stored(&self) -> bool {
        match self {
            Self::NotStored(error) => error.may_be_stored(),
            // A server that shuts down says this too.
            Self::Full { source, .. } => PublishError::Rejected(source.clone()).may_be_stored(),
            Self::Closed => true,
            _ => false,
        }
    }

    /// What a call of the API for a store failed with.
    pub(super) fn of_call(error: JetStreamError, bucket: &str) -> Self {
        match error {
            JetStreamError::StreamNotFound { .. } => {
                Self::StoreNotFound { bucket: bucket.to_owned() }
            }
            JetStreamError::Api(error) => match Self::of_store(error, bucket) {
                Ok(named) => named,
                Err(error) => Self::JetStream(error.into()),
            },
            other => Self::JetStream(other),
        }
    }

    /// What publishing a part of an object failed with.
    pub(super) fn of_publish(error: PublishError, bucket: &str, name: &str) -> Self {
        match error {
            PublishError::WrongLast(source) => {
                Self::WrongRevision { name: name.to_owned(), source: Some(source) }
            }
            PublishError::Rejected(error) => match Self::of_store(error, bucket) {
                Ok(named) => named,
                Err(error) => Self::NotStored(PublishError::Rejected(error)),
            },
            other => Self::NotStored(other),
        }
    }

    /// What reading a store failed with.
    pub(super) fn of_read(error: ConsumeError, bucket: &str) -> Self {
        match error {
            ConsumeError::StreamGone { .. } => Self::StoreNotFound { bucket: bucket.to_owned() },
            ConsumeError::JetStream(error) => Self::of_call(error, bucket),
            other => Self::Read(other),
        }
    }

    fn of_store(error: ApiError, bucket: &str) -> Result<Self, ApiError> {
        /// The stream is sealed, or its configuration forbids the change.
        const SEALED: u32 = 10109;
        /// The storage of the server or of the account is used up.
        const NO_STORAGE: [u32; 3] = [10023, 10028, 10047];

        let bucket = bucket.to_owned();
        match error.err_code {
            ApiError::STREAM_NOT_FOUND => Ok(Self::StoreNotFound { bucket }),
            SEALED => Ok(Self::Sealed { bucket, source: error }),
            code if code == ApiError::STORE_FAILED || NO_STORAGE.contains(&code) => {
                Ok(Self::Full { bucket, source: error })
            }
            _ => Err(error),
        }
    }
}

/// For code that reads an [`Object`](super::Object) as bytes.
impl From<ObjectError> for io::Error {
    fn from(error: ObjectError) -> Self {
        let kind = match &error {
            ObjectError::Incomplete { size, read, .. } if read < size => {
                io::ErrorKind::UnexpectedEof
            }
            ObjectError::Digest { .. } | ObjectError::Incomplete { .. } => {
                io::ErrorKind::InvalidData
            }
            ObjectError::NotFound { .. } | ObjectError::StoreNotFound { .. } => {
                io::ErrorKind::NotFound
            }
            ObjectError::Closed => io::ErrorKind::NotConnected,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(err_code: u32) -> ApiError {
        let payload =
            format!(r#"{{"code":400,"err_code":{err_code},"description":"the server's words"}}"#);
        serde_json::from_str(&payload).expect("it is one")
    }

    #[test]
    fn what_the_server_refuses_is_named_and_keeps_its_code() {
        for code in [10077, 10023, 10028, 10047] {
            let error =
                ObjectError::of_publish(PublishError::Rejected(api(code)), "files", "report");
            assert!(matches!(&error, ObjectError::Full { bucket, .. } if bucket == "files"));
            assert_eq!(error.err_code(), Some(code));
        }
        let error = ObjectError::of_call(api(10109).into(), "files");
        assert!(matches!(&error, ObjectError::Sealed { .. }), "{error:?}");
        assert_eq!(error.to_string(), "store \"files\" is sealed");
        let error = ObjectError::of_call(api(10059).into(), "files");
        assert!(error.is_not_found(), "{error:?}");
        let error = ObjectError::of_publish(PublishError::WrongLast(api(10071)), "files", "report");
        assert!(matches!(error, ObjectError::WrongRevision { .. }), "{error:?}");
        let error = ObjectError::of_publish(PublishError::Rejected(api(10060)), "files", "report");
        assert!(matches!(error, ObjectError::NotStored(_)), "{error:?}");
    }

    #[test]
    fn a_damaged_object_ends_no_reader_of_bytes_quietly() {
        let incomplete = |read| ObjectError::Incomplete {
            name: "report".to_owned(),
            size: 10,
            chunks: 2,
            read,
            chunks_read: 1,
        };
        assert_eq!(io::Error::from(incomplete(5)).kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(io::Error::from(incomplete(15)).kind(), io::ErrorKind::InvalidData);
        assert_eq!(
            incomplete(5).to_string(),
            "object \"report\" is not whole: 10 bytes in 2 chunks were put, and 5 bytes in 1 are there"
        );
    }
}
