//! Calls that end a key.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use super::entry::OPERATION;
use super::error::KeyValueError;
use super::place::Place;
use super::value::Outgoing;
use super::write::{Terms, Write};
use crate::runtime::SendFuture;

/// A key that is about to be deleted: `.await` it, or say more first. It gives the revision of the
/// deletion.
///
/// Made by [`delete`](super::Bucket::delete).
#[must_use = "nothing is deleted until this is awaited"]
pub struct DeleteKey<'a>(Removal<'a>);

/// A key that is about to be deleted with its history: `.await` it, or say more first. It gives the
/// revision of the deletion.
///
/// Made by [`purge`](super::Bucket::purge).
#[must_use = "nothing is deleted until this is awaited"]
pub struct PurgeKey<'a>(Removal<'a>);

struct Removal<'a> {
    place: &'a Place,
    key: &'a str,
    expected: Option<u64>,
    terms: Terms,
}

impl<'a> Removal<'a> {
    fn new(place: &'a Place, key: &'a str, operation: &str) -> Self {
        let mut terms = Terms::new();
        terms.set(OPERATION, operation);
        Self { place, key, expected: None, terms }
    }

    async fn write(self) -> Result<u64, KeyValueError> {
        let write = Write::new(self.place, self.key, Outgoing::default(), self.terms)?;
        write.update(self.expected).await
    }

    fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("bucket", &self.place.bucket)
            .field("key", &self.key)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}

impl<'a> DeleteKey<'a> {
    pub(super) fn new(place: &'a Place, key: &'a str) -> Self {
        Self(Removal::new(place, key, "DEL"))
    }

    /// Deletes it only where its last revision is this one.
    pub fn expect_revision(mut self, revision: u64) -> Self {
        self.0.expected = Some(revision);
        self
    }

    /// How long it is tried. Default: 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.0.terms.deadline = deadline;
        self
    }
}

impl<'a> PurgeKey<'a> {
    pub(super) fn new(place: &'a Place, key: &'a str) -> Self {
        let mut removal = Removal::new(place, key, "PURGE");
        removal.terms.set("Nats-Rollup", "sub");
        Self(removal)
    }

    /// Deletes it only where its last revision is this one.
    pub fn expect_revision(mut self, revision: u64) -> Self {
        self.0.expected = Some(revision);
        self
    }

    /// Forgets after this time that the key was there at all, in whole seconds, at least one. The
    /// bucket must have a [`limit_marker_ttl`](super::BucketConfig::limit_marker_ttl).
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.0.terms.set_ttl(ttl);
        self
    }

    /// How long it is tried. Default: 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.0.terms.deadline = deadline;
        self
    }
}

impl<'a> IntoFuture for DeleteKey<'a> {
    type Output = Result<u64, KeyValueError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.0.write())
    }
}

impl<'a> IntoFuture for PurgeKey<'a> {
    type Output = Result<u64, KeyValueError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.0.write())
    }
}

impl fmt::Debug for DeleteKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug("DeleteKey", f)
    }
}

impl fmt::Debug for PurgeKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug("PurgeKey", f)
    }
}
