//! What stands under a key, and what can happen to it.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;

use super::error::{KeyValueError, Undecoded};
use crate::codec::{CodecError, ContentType, Decoder, Encoded};
use crate::header::Headers;

/// The header that says that a message is no value but ends one.
pub(super) const OPERATION: &str = "KV-Operation";
/// The header that the server puts where it has removed a key by itself.
const MARKER: &str = "Nats-Marker-Reason";

/// A value in a bucket, with what is known of it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<T> {
    /// The key that it stands under.
    pub key: String,
    /// The value.
    pub value: T,
    /// Its number in the bucket, which grows with every write to any key.
    pub revision: u64,
    /// When it was written, by the clock of the server.
    pub created: SystemTime,
    /// How many changes its reader has still to come, when this one was delivered; 0 for one that was
    /// asked for by its key.
    pub delta: u64,
}

/// The value is not shown: it may be a secret.
impl<T> fmt::Debug for Entry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key)
            .field("revision", &self.revision)
            .field("created", &self.created)
            .field("delta", &self.delta)
            .finish_non_exhaustive()
    }
}

/// The end of a key: somebody deleted it, or its time was over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deletion {
    /// The key.
    pub key: String,
    /// The number of the deletion in the bucket.
    pub revision: u64,
    /// When that was, by the clock of the server.
    pub created: SystemTime,
    /// How many changes its reader has still to come, when this one was delivered.
    pub delta: u64,
    /// Whether earlier values were left in the history.
    pub operation: Operation,
    /// Why the server did it, where no client did.
    pub marker: Option<Marker>,
}

/// What is done to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// It was given a value.
    Put,
    /// It was deleted, and its history kept.
    Delete,
    /// It was deleted with its history.
    Purge,
}

/// Why the server removed a key by itself (ADR-43): in buckets with a
/// [`limit_marker_ttl`](super::BucketConfig::limit_marker_ttl) it tells of that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Marker {
    /// Its time to live was over.
    MaxAge,
    /// The stream was purged of it.
    Purge,
    /// Its message was deleted.
    Remove,
    /// What a newer server says.
    Other(String),
}

/// Something that happened to a key: it got a value, or it was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change<T> {
    /// It got a value.
    Put(Entry<T>),
    /// It was deleted.
    Deleted(Deletion),
}

impl<T> Change<T> {
    /// The key.
    pub fn key(&self) -> &str {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Deleted(deletion) => &deletion.key,
        }
    }

    /// Its number in the bucket.
    pub fn revision(&self) -> u64 {
        match self {
            Self::Put(entry) => entry.revision,
            Self::Deleted(deletion) => deletion.revision,
        }
    }

    /// When it happened, by the clock of the server.
    pub fn created(&self) -> SystemTime {
        match self {
            Self::Put(entry) => entry.created,
            Self::Deleted(deletion) => deletion.created,
        }
    }

    /// How many changes its reader has still to come, when this one was delivered.
    pub fn delta(&self) -> u64 {
        match self {
            Self::Put(entry) => entry.delta,
            Self::Deleted(deletion) => deletion.delta,
        }
    }

    /// What was done.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Put(_) => Operation::Put,
            Self::Deleted(deletion) => deletion.operation,
        }
    }

    /// The value, where there is one.
    pub fn value(&self) -> Option<&T> {
        self.entry().map(|entry| &entry.value)
    }

    /// What stands under the key now, if anything does.
    pub fn entry(&self) -> Option<&Entry<T>> {
        match self {
            Self::Put(entry) => Some(entry),
            Self::Deleted(_) => None,
        }
    }

    /// What stands under the key now, if anything does.
    pub fn into_entry(self) -> Option<Entry<T>> {
        match self {
            Self::Put(entry) => Some(entry),
            Self::Deleted(_) => None,
        }
    }
}

/// The size of a value that was left out, in bytes: what a reader of headers alone has for a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

/// The codec of [`Size`]: it looks at no payload.
#[derive(Debug, Clone, Copy)]
pub struct HeadersOnly;

impl ContentType for HeadersOnly {
    const CONTENT_TYPE: &'static str = "";

    fn accepts(_content_type: &str) -> bool {
        true
    }

    fn accepts_encoding(_content_encoding: &str) -> bool {
        true
    }
}

impl<'m> Decoder<'m, Size> for HeadersOnly {
    fn decode(message: Encoded<'m>) -> Result<Size, CodecError> {
        let said = message.headers().and_then(|headers| headers.get("Nats-Msg-Size"));
        let size = said.and_then(|size| size.parse().ok());
        Ok(Size(size.unwrap_or_else(|| message.payload().len() as u64)))
    }
}

/// What a bucket has of one change, before its value is read.
pub(super) struct Record<'m> {
    pub(super) key: String,
    pub(super) revision: u64,
    pub(super) created: SystemTime,
    pub(super) delta: u64,
    pub(super) headers: &'m Headers,
    pub(super) payload: &'m [u8],
}

impl Record<'_> {
    pub(super) fn read<T, C>(self) -> Result<Change<T>, KeyValueError>
    where
        C: for<'m> Decoder<'m, T>,
    {
        let Self { key, revision, created, delta, headers, payload } = self;
        let (operation, marker) = what_happened(headers);
        if operation != Operation::Put {
            let deletion = Deletion { key, revision, created, delta, operation, marker };
            return Ok(Change::Deleted(deletion));
        }
        // A value is kept, and must not keep the block alive that it was received in, so bytes are
        // copied out of it.
        let value = Encoded::new(&key, payload).with_headers(headers).decode_as::<C, T>();
        match value {
            Ok(value) => Ok(Change::Put(Entry { key, value, revision, created, delta })),
            Err(source) => {
                let payload = Bytes::copy_from_slice(payload);
                let undecoded = Undecoded { key, revision, created, payload, source };
                Err(KeyValueError::Decode(Box::new(undecoded)))
            }
        }
    }
}

/// What the headers of a message say was done.
pub(super) fn what_happened(headers: &Headers) -> (Operation, Option<Marker>) {
    if let Some(reason) = headers.get(MARKER) {
        let marker = match reason {
            "MaxAge" => Marker::MaxAge,
            "Purge" => Marker::Purge,
            "Remove" => Marker::Remove,
            other => Marker::Other(other.to_owned()),
        };
        let is_removal = marker == Marker::Remove;
        return (if is_removal { Operation::Delete } else { Operation::Purge }, Some(marker));
    }
    let operation = match headers.get(OPERATION) {
        None | Some("" | "PUT") => Operation::Put,
        Some("PURGE") => Operation::Purge,
        // Whatever it is, it is no value (ADR-8).
        Some(_) => Operation::Delete,
    };
    (operation, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Json, Raw};

    fn headers(name: &str, value: &str) -> Headers {
        let mut headers = Headers::new();
        headers.append(name, value).expect("valid");
        headers
    }

    fn record<'m>(headers: &'m Headers, payload: &'m [u8]) -> Record<'m> {
        let created = SystemTime::UNIX_EPOCH;
        Record { key: "k".into(), revision: 7, created, delta: 2, headers, payload }
    }

    #[test]
    fn headers_say_what_was_done_and_why() {
        use Operation::{Delete, Purge, Put};
        assert_eq!(what_happened(&Headers::new()), (Put, None));
        for (name, value, done, why) in [
            ("KV-Operation", "DEL", Delete, None),
            ("KV-Operation", "PURGE", Purge, None),
            ("KV-Operation", "PUT", Put, None),
            ("KV-Operation", "MOVE", Delete, None),
            ("Nats-Marker-Reason", "MaxAge", Purge, Some(Marker::MaxAge)),
            ("Nats-Marker-Reason", "Purge", Purge, Some(Marker::Purge)),
            ("Nats-Marker-Reason", "Remove", Delete, Some(Marker::Remove)),
            ("Nats-Marker-Reason", "New", Purge, Some(Marker::Other("New".into()))),
            ("Other", "x", Put, None),
        ] {
            assert_eq!(what_happened(&headers(name, value)), (done, why), "{name}: {value}");
        }
    }

    #[test]
    fn what_is_no_value_of_the_type_is_kept_in_the_error() {
        let none = Headers::new();
        let error = record(&none, b"{").read::<u32, Json>().expect_err("no number");
        assert_eq!(
            error.to_string(),
            "the value of key \"k\" with revision 7 could not be decoded"
        );
        let KeyValueError::Decode(undecoded) = error else { panic!("{error:?}") };
        assert_eq!((undecoded.revision, &undecoded.payload[..]), (7, &b"{"[..]));
        assert!(!format!("{undecoded:?}").contains("payload: "), "{undecoded:?}");
    }

    #[test]
    fn a_size_is_what_the_header_says_or_what_came() {
        let size = |headers: &Headers| {
            let read = record(headers, b"four").read::<Size, HeadersOnly>().expect("read");
            read.into_entry().expect("a value").value
        };
        assert_eq!(size(&headers("Nats-Msg-Size", "1000")), Size(1000));
        assert_eq!(size(&Headers::new()), Size(4));
    }

    #[test]
    fn a_debugged_entry_does_not_show_its_value() {
        let none = Headers::new();
        let change = record(&none, b"secret").read::<Bytes, Raw>().expect("bytes");
        assert!(!format!("{change:?}").contains("secret"), "{change:?}");
        assert_eq!((change.key(), change.revision(), change.delta()), ("k", 7, 2));
        assert_eq!(change.value().map(|value| &value[..]), Some(&b"secret"[..]));
    }
}
