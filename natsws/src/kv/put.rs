//! Calls that give a key a value.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use super::error::KeyValueError;
use super::place::Place;
use super::value::Outgoing;
use super::write::{Terms, Write};
use crate::codec::CodecError;
use crate::runtime::SendFuture;

/// A value that is about to be written: `.await` it, or say more first. It gives the revision.
///
/// Made by [`put`](super::Bucket::put), [`create`](super::Bucket::create) and
/// [`update`](super::Bucket::update). It is sent again while the bucket does not answer, and carries
/// an id by which the bucket knows it again, so that it is written once.
#[must_use = "nothing is written until this is awaited"]
pub struct PutValue<'a> {
    place: &'a Place,
    key: &'a str,
    value: Result<Outgoing, CodecError>,
    on: On,
    ttl: bool,
    terms: Terms,
}

/// What the key has to be at.
#[derive(Debug, Clone, Copy)]
pub(super) enum On {
    Anything,
    Nothing,
    Revision(u64),
}

impl<'a> PutValue<'a> {
    pub(super) fn new(
        place: &'a Place,
        key: &'a str,
        value: Result<Outgoing, CodecError>,
        on: On,
    ) -> Self {
        Self { place, key, value, on, ttl: false, terms: Terms::new() }
    }

    /// Ends the value after this time, in whole seconds, at least one (`Nats-TTL`). The bucket must
    /// have a [`limit_marker_ttl`](super::BucketConfig::limit_marker_ttl).
    ///
    /// In a bucket that keeps a history only a key that is created can have it: elsewhere the value
    /// before would come back (ADR-48).
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = true;
        self.terms.set_ttl(ttl);
        self
    }

    /// Sets a header of the value. One that is not valid is the error of the write.
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.terms.set(name, value.as_ref());
        self
    }

    /// How long it is tried to write it. Default: 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.terms.deadline = deadline;
        self
    }

    async fn write(self) -> Result<u64, KeyValueError> {
        let Self { place, key, value, on, ttl, terms } = self;
        let value =
            value.map_err(|source| KeyValueError::Encode { key: key.to_owned(), source })?;
        match (on, place.history) {
            (On::Anything | On::Revision(_), Some(history)) if ttl && history > 1 => {
                let bucket = place.bucket.clone();
                return Err(KeyValueError::TtlWithHistory { bucket, history });
            }
            _ => {}
        }
        let write = Write::new(place, key, value, terms)?;
        match on {
            On::Nothing => write.create().await,
            On::Revision(revision) => write.update(Some(revision)).await,
            On::Anything => write.update(None).await,
        }
    }
}

impl<'a> IntoFuture for PutValue<'a> {
    type Output = Result<u64, KeyValueError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.write())
    }
}

/// The value is not shown: it may be a secret.
impl fmt::Debug for PutValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutValue")
            .field("bucket", &self.place.bucket)
            .field("key", &self.key)
            .field("on", &self.on)
            .finish_non_exhaustive()
    }
}
