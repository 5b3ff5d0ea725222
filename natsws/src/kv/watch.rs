//! Hearing of every change as it happens.

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::changes::{Arrival, Changes, Choice, Start};
use super::entry::{Change, Deletion, Entry, HeadersOnly, Record, Size};
use super::error::KeyValueError;
use super::place::Place;
use crate::codec::Decoder;
use crate::runtime::SendFuture;

/// A watch that is about to begin: `.await` it, or say more first.
///
/// Made by [`watch`](super::Bucket::watch). Unless more is said it begins with what every key is at,
/// deletions among it, and goes on with every change.
#[must_use = "nothing is watched until this is awaited"]
pub struct WatchKeys<'a, T, C> {
    place: &'a Place,
    choice: Choice,
    ignore_deletes: bool,
    value: PhantomData<fn() -> (T, C)>,
}

impl<'a, T, C> WatchKeys<'a, T, C> {
    pub(super) fn new(place: &'a Place) -> Self {
        Self { place, choice: Choice::new(Start::Last), ignore_deletes: false, value: PhantomData }
    }

    /// Watches these keys too: one, or with wildcards many (server 2.10). What two filters choose
    /// may not overlap.
    pub fn filter(mut self, filter: &str) -> Self {
        self.choice.add(self.place, filter);
        self
    }

    /// Begins with all that the bucket keeps of each key, the oldest first.
    pub fn include_history(mut self) -> Self {
        self.choice.from = Start::History;
        self
    }

    /// Begins with the first change that comes from now on, and is caught up at once.
    pub fn updates_only(mut self) -> Self {
        self.choice.from = Start::Now;
        self
    }

    /// Begins with the change of this revision, or the next one that is still there: to go on where
    /// another watch has ended, say the last revision that it told of, and one more.
    pub fn resume_from(mut self, revision: u64) -> Self {
        self.choice.from = Start::Revision(revision);
        self
    }

    /// Leaves deletions out.
    pub fn ignore_deletes(mut self) -> Self {
        self.ignore_deletes = true;
        self
    }

    /// Leaves values out, and says how large they are.
    pub fn headers_only(self) -> WatchKeys<'a, Size, HeadersOnly> {
        let Self { place, mut choice, ignore_deletes, value: _ } = self;
        choice.headers_only = true;
        WatchKeys { place, choice, ignore_deletes, value: PhantomData }
    }

    async fn begin(self) -> Result<Watch<T, C>, KeyValueError> {
        let changes = Changes::begin(self.place, self.choice).await?;
        Ok(Watch { changes, ignore_deletes: self.ignore_deletes, value: PhantomData })
    }
}

impl<'a, T: 'a, C: 'a> IntoFuture for WatchKeys<'a, T, C> {
    type Output = Result<Watch<T, C>, KeyValueError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

impl<T, C> fmt::Debug for WatchKeys<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchKeys")
            .field("bucket", &self.place.bucket)
            .field("choice", &self.choice)
            .finish_non_exhaustive()
    }
}

/// What a watch tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Watched<T> {
    /// A key got a value.
    Put(Entry<T>),
    /// A key was deleted.
    Deleted(Deletion),
    /// All was told that was there when the watch began, and what comes now is new. It is said once.
    CaughtUp,
}

impl<T> Watched<T> {
    /// The change, unless it is the mark.
    pub fn into_change(self) -> Option<Change<T>> {
        match self {
            Self::Put(entry) => Some(Change::Put(entry)),
            Self::Deleted(deletion) => Some(Change::Deleted(deletion)),
            Self::CaughtUp => None,
        }
    }

    /// Whether it is the mark that all was told that was there before.
    pub fn is_caught_up(&self) -> bool {
        matches!(self, Self::CaughtUp)
    }
}

impl<T> From<Change<T>> for Watched<T> {
    fn from(change: Change<T>) -> Self {
        match change {
            Change::Put(entry) => Self::Put(entry),
            Change::Deleted(deletion) => Self::Deleted(deletion),
        }
    }
}

/// The changes of a bucket in the order in which they happened, without end: no change is missed
/// and none repeated, whatever happens to connections and servers.
///
/// Where a bucket keeps fewer values than a key has got while the connection was away, those that
/// it has dropped are not told; the last one is.
///
/// It ends with the connection, and where the bucket is gone, with the error that says so. A value
/// that does not decode is an error too, after which it goes on.
#[must_use = "dropping it stops watching"]
pub struct Watch<T, C> {
    changes: Changes,
    ignore_deletes: bool,
    value: PhantomData<fn() -> (T, C)>,
}

impl<T, C: for<'m> Decoder<'m, T>> Watch<T, C> {
    /// What is told next; `None` when the watch is over.
    ///
    /// # Errors
    /// [`KeyValueError::Decode`]: a value does not decode, and the watch goes on; or what ends it.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Watched<T>, KeyValueError>> {
        poll_fn(|cx| self.poll_told(cx)).await
    }

    fn poll_told(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Watched<T>, KeyValueError>>> {
        loop {
            let delivery = match ready!(self.changes.poll_next(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(Arrival::CaughtUp)) => return Poll::Ready(Some(Ok(Watched::CaughtUp))),
                Some(Ok(Arrival::Change(delivery))) => delivery,
            };
            let change = self.changes.record(&delivery).and_then(Record::read::<T, C>);
            match change {
                Ok(Change::Deleted(_)) if self.ignore_deletes => {}
                change => return Poll::Ready(Some(change.map(Watched::from))),
            }
        }
    }
}

impl<T, C> Watch<T, C> {
    /// How often reading had to begin anew, behind the last change that was told, because a
    /// connection or a server was lost.
    pub fn interruptions(&self) -> u64 {
        self.changes.interruptions()
    }
}

impl<T, C: for<'m> Decoder<'m, T>> Stream for Watch<T, C> {
    type Item = Result<Watched<T>, KeyValueError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_told(cx)
    }
}

impl<T, C> fmt::Debug for Watch<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("bucket", &self.changes.place.bucket).finish_non_exhaustive()
    }
}
