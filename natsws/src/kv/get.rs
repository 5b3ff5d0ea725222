//! Reading what stands under a key.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;

use super::entry::{Change, Entry, Record};
use super::error::KeyValueError;
use super::place::Place;
use super::stored::{self, Terms};
use crate::codec::Decoder;
use crate::jetstream::{Query, Stored};
use crate::runtime::SendFuture;

/// A key that is about to be read: `.await` it, or say more first.
///
/// Made by [`get`](super::Bucket::get): it gives the entry, or `None` where the key has no value.
#[must_use = "nothing is read until this is awaited"]
pub struct GetEntry<'a, T, C>(LastChange<'a, T, C>);

/// A key whose last change is about to be read: `.await` it, or say more first.
///
/// Made by [`last_change`](super::Bucket::last_change): it gives the change, or `None` where there
/// was none.
#[must_use = "nothing is read until this is awaited"]
pub struct LastChange<'a, T, C> {
    place: &'a Place,
    key: &'a str,
    revision: Option<u64>,
    from_leader: bool,
    value: PhantomData<fn() -> (T, C)>,
}

impl<'a, T, C> GetEntry<'a, T, C> {
    pub(super) fn new(place: &'a Place, key: &'a str) -> Self {
        Self(LastChange::new(place, key))
    }

    /// Reads what was written with this revision, where the bucket still has it: `None` where it is
    /// gone, was no value, or was written to another key.
    pub fn revision(mut self, revision: u64) -> Self {
        self.0.revision = Some(revision);
        self
    }

    /// Asks the server that leads the bucket: what was written before, by anybody, is seen.
    pub fn from_leader(mut self) -> Self {
        self.0.from_leader = true;
        self
    }
}

impl<'a, T, C> LastChange<'a, T, C> {
    pub(super) fn new(place: &'a Place, key: &'a str) -> Self {
        Self { place, key, revision: None, from_leader: false, value: PhantomData }
    }

    /// Asks the server that leads the bucket: what was written before, by anybody, is seen.
    pub fn from_leader(mut self) -> Self {
        self.from_leader = true;
        self
    }
}

impl<T, C: for<'m> Decoder<'m, T>> LastChange<'_, T, C> {
    async fn read(self) -> Result<Option<Change<T>>, KeyValueError> {
        let place = self.place;
        let subject = place.read_subject(self.key)?;
        let query = match self.revision {
            // Numbers begin at 1, and a server takes 0 for no question at all.
            Some(0) => return Ok(None),
            Some(revision) => Query::of_sequence(revision),
            None => Query::last_of(&subject),
        };
        let terms =
            Terms { direct: place.direct && !self.from_leader, patience: place.js.timeout() };
        let found = stored::read(place, &query, terms).await;
        let found = found.map_err(|error| KeyValueError::of_bucket(error, &place.bucket))?;
        let found = found.filter(|stored| stored.subject == subject);
        found.map(|stored| decode::<T, C>(self.key, &stored)).transpose()
    }
}

/// Reads what a bucket has of a key.
pub(super) fn decode<T, C>(key: &str, stored: &Stored) -> Result<Change<T>, KeyValueError>
where
    C: for<'m> Decoder<'m, T>,
{
    let record = Record {
        key: key.to_owned(),
        revision: stored.sequence,
        created: stored.time,
        delta: 0,
        headers: &stored.headers,
        payload: &stored.payload,
    };
    record.read::<T, C>()
}

impl<'a, T: 'a, C: for<'m> Decoder<'m, T> + 'a> IntoFuture for GetEntry<'a, T, C> {
    type Output = Result<Option<Entry<T>>, KeyValueError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Ok(self.0.read().await?.and_then(Change::into_entry)) })
    }
}

impl<'a, T: 'a, C: for<'m> Decoder<'m, T> + 'a> IntoFuture for LastChange<'a, T, C> {
    type Output = Result<Option<Change<T>>, KeyValueError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.read())
    }
}

impl<T, C> fmt::Debug for GetEntry<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GetEntry").field(&self.0).finish()
    }
}

impl<T, C> fmt::Debug for LastChange<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastChange")
            .field("bucket", &self.place.bucket)
            .field("key", &self.key)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}
