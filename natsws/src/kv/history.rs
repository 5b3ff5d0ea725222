//! What a bucket keeps of a key, and which keys it has: readers that end.

use std::collections::HashSet;
use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::changes::{Arrival, Changes, Choice, Start};
use super::entry::{Change, HeadersOnly, Record, Size};
use super::error::KeyValueError;
use super::place::Place;
use crate::codec::Decoder;
use crate::runtime::SendFuture;

/// Reading what a bucket keeps, which is about to begin: `.await` it, or say more first.
///
/// Made by [`history`](super::Bucket::history).
#[must_use = "nothing is read until this is awaited"]
pub struct ReadHistory<'a, T, C> {
    place: &'a Place,
    choice: Choice,
    value: PhantomData<fn() -> (T, C)>,
}

impl<'a, T, C> ReadHistory<'a, T, C> {
    pub(super) fn new(place: &'a Place, key: &str) -> Self {
        let mut choice = Choice::new(Start::History);
        choice.add(place, key);
        Self { place, choice, value: PhantomData }
    }

    /// Reads these keys too: one, or with wildcards many (server 2.10). What two filters choose
    /// may not overlap.
    pub fn filter(mut self, filter: &str) -> Self {
        self.choice.add(self.place, filter);
        self
    }

    /// Leaves values out, and says how large they are.
    pub fn headers_only(self) -> ReadHistory<'a, Size, HeadersOnly> {
        let Self { place, mut choice, value: _ } = self;
        choice.headers_only = true;
        ReadHistory { place, choice, value: PhantomData }
    }

    async fn begin(self) -> Result<History<T, C>, KeyValueError> {
        let changes = Changes::begin(self.place, self.choice).await?;
        Ok(History {
            bucket: self.place.bucket.clone(),
            changes: Some(changes),
            value: PhantomData,
        })
    }
}

impl<'a, T: 'a, C: 'a> IntoFuture for ReadHistory<'a, T, C> {
    type Output = Result<History<T, C>, KeyValueError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

impl<T, C> fmt::Debug for ReadHistory<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHistory")
            .field("bucket", &self.place.bucket)
            .field("choice", &self.choice)
            .finish_non_exhaustive()
    }
}

/// What a bucket keeps of some keys, the oldest first. It ends with the last.
#[must_use = "dropping it stops reading"]
pub struct History<T, C> {
    bucket: String,
    changes: Option<Changes>,
    value: PhantomData<fn() -> (T, C)>,
}

impl History<Size, HeadersOnly> {
    /// What is chosen, without values.
    pub(super) async fn sizes(place: &Place, choice: Choice) -> Result<Self, KeyValueError> {
        ReadHistory { place, choice, value: PhantomData }.begin().await
    }
}

impl<T, C: for<'m> Decoder<'m, T>> History<T, C> {
    /// The next change; `None` where that was the last.
    ///
    /// # Errors
    /// [`KeyValueError::Decode`]: a value does not decode, and reading goes on; or what ends it.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Change<T>, KeyValueError>> {
        poll_fn(|cx| self.poll_change(cx)).await
    }

    /// All of them at once.
    ///
    /// # Errors
    /// The first error that there is.
    ///
    /// # Cancel safety
    /// Dropped early, what was read is lost.
    pub async fn into_vec(mut self) -> Result<Vec<Change<T>>, KeyValueError> {
        let mut all = Vec::new();
        while let Some(change) = self.next().await {
            all.push(change?);
        }
        Ok(all)
    }

    fn poll_change(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Change<T>, KeyValueError>>> {
        let Some(changes) = &mut self.changes else { return Poll::Ready(None) };
        match ready!(changes.poll_next(cx)) {
            Some(Ok(Arrival::Change(delivery))) => {
                let change = changes.record(&delivery).and_then(Record::read::<T, C>);
                Poll::Ready(Some(change))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            Some(Ok(Arrival::CaughtUp)) => {
                self.changes = None;
                Poll::Ready(None)
            }
            // The connection is closed: not all was read.
            None => {
                let bucket = self.bucket.clone();
                self.changes = None;
                Poll::Ready(Some(Err(KeyValueError::CutOff { bucket })))
            }
        }
    }
}

impl<T, C: for<'m> Decoder<'m, T>> Stream for History<T, C> {
    type Item = Result<Change<T>, KeyValueError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_change(cx)
    }
}

impl<T, C> fmt::Debug for History<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

/// Listing keys, which is about to begin: `.await` it, or say more first.
///
/// Made by [`keys`](super::Bucket::keys).
#[must_use = "nothing is listed until this is awaited"]
pub struct ListKeys<'a> {
    place: &'a Place,
    choice: Choice,
}

impl<'a> ListKeys<'a> {
    pub(super) fn new(place: &'a Place) -> Self {
        let mut choice = Choice::new(Start::Last);
        choice.headers_only = true;
        Self { place, choice }
    }

    /// Lists only these keys, and those of other filters (server 2.10). What two filters choose may
    /// not overlap.
    pub fn filter(mut self, filter: &str) -> Self {
        self.choice.add(self.place, filter);
        self
    }
}

impl<'a> IntoFuture for ListKeys<'a> {
    type Output = Result<Keys, KeyValueError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let changes = History::sizes(self.place, self.choice).await?;
            Ok(Keys { changes, seen: HashSet::new() })
        })
    }
}

impl fmt::Debug for ListKeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListKeys")
            .field("bucket", &self.place.bucket)
            .field("choice", &self.choice)
            .finish_non_exhaustive()
    }
}

/// The keys of a bucket that have a value, each once. It ends with the last.
///
/// A key that is deleted while they are listed may be among them.
#[must_use = "dropping it stops listing"]
pub struct Keys {
    changes: History<Size, HeadersOnly>,
    /// A key that is written meanwhile comes again.
    seen: HashSet<String>,
}

impl Keys {
    /// The next key; `None` where that was the last.
    ///
    /// # Errors
    /// [`KeyValueError`] where not all could be listed.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<String, KeyValueError>> {
        poll_fn(|cx| self.poll_key(cx)).await
    }

    /// All of them at once.
    ///
    /// # Errors
    /// [`KeyValueError`] where not all could be listed.
    ///
    /// # Cancel safety
    /// Dropped early, what was listed is lost.
    pub async fn into_vec(mut self) -> Result<Vec<String>, KeyValueError> {
        let mut all = Vec::new();
        while let Some(key) = self.next().await {
            all.push(key?);
        }
        Ok(all)
    }

    fn poll_key(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<String, KeyValueError>>> {
        loop {
            match ready!(self.changes.poll_change(cx)) {
                Some(Ok(Change::Put(entry))) => {
                    if self.seen.insert(entry.key.clone()) {
                        return Poll::Ready(Some(Ok(entry.key)));
                    }
                }
                Some(Ok(Change::Deleted(_))) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Stream for Keys {
    type Item = Result<String, KeyValueError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_key(cx)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("bucket", &self.changes.bucket).finish_non_exhaustive()
    }
}
