//! The changes of a store, as they come.

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use super::error::ObjectError;
use super::info::ObjectInfo;
use super::list::{info_of, plan};
use super::reader::{Read, Reader};
use super::store::ObjectStore;
use crate::jetstream::DeliverPolicy;
use crate::runtime::SendFuture;

/// Stores are quiet for long.
const SILENCE: Duration = Duration::from_secs(30);

/// Watching that is about to begin: `.await` it, or say more first.
///
/// Made by [`ObjectStore::watch`].
#[must_use = "nothing is watched until this is awaited"]
#[derive(Debug)]
pub struct WatchObjects<'a> {
    store: &'a ObjectStore,
    history: bool,
    deletes: bool,
}

/// What happens in a store.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ObjectChange {
    /// An object or a link was put, or what is known of it was changed.
    Put(ObjectInfo),
    /// An object was deleted: this is the mark that it left.
    Deleted(ObjectInfo),
    /// What was there when watching began has come; the changes since then follow. It is said once,
    /// and only where that was [asked for](WatchObjects::include_history).
    CaughtUp,
}

impl ObjectChange {
    /// The object, or the mark that it left.
    pub fn info(&self) -> Option<&ObjectInfo> {
        match self {
            Self::Put(info) | Self::Deleted(info) => Some(info),
            Self::CaughtUp => None,
        }
    }
}

impl<'a> WatchObjects<'a> {
    pub(super) fn new(store: &'a ObjectStore) -> Self {
        Self { store, history: false, deletes: true }
    }

    /// Begins with the objects that are there, each as it is, and then
    /// [`CaughtUp`](ObjectChange::CaughtUp).
    pub fn include_history(mut self) -> Self {
        self.history = true;
        self
    }

    /// Leaves out that objects were deleted.
    pub fn ignore_deletes(mut self) -> Self {
        self.deletes = false;
        self
    }

    async fn begin(self) -> Result<ObjectWatch, ObjectError> {
        let first = if self.history { DeliverPolicy::LastPerSubject } else { DeliverPolicy::New };
        let reader = Reader::new(plan(self.store, first, SILENCE)).await;
        let bucket = self.store.bucket().to_owned();
        let reader = reader.map_err(|error| ObjectError::of_read(error, &bucket))?;
        let (history, deletes) = (self.history, self.deletes);
        Ok(ObjectWatch { reader: Some(reader), bucket, history, deletes })
    }
}

impl<'a> IntoFuture for WatchObjects<'a> {
    type Output = Result<ObjectWatch, ObjectError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

/// The changes of a store as they come, without end: a [`Stream`].
///
/// Lost connections and servers are seen to here, and no change is left out but one that another of
/// the same object followed meanwhile. It ends where the store is deleted, with the error that says
/// so, and with the connection.
#[must_use = "dropping it stops watching"]
pub struct ObjectWatch {
    reader: Option<Reader>,
    bucket: String,
    history: bool,
    deletes: bool,
}

impl ObjectWatch {
    /// The next change; `None` when watching is over.
    ///
    /// # Errors
    /// [`ObjectError::Info`] where what is stored cannot be understood, and watching goes on; or
    /// reading failed, and it is over.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<ObjectChange, ObjectError>> {
        poll_fn(|cx| self.poll_change(cx)).await
    }

    fn poll_change(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<ObjectChange, ObjectError>>> {
        loop {
            let Some(reader) = &mut self.reader else { return Poll::Ready(None) };
            match ready!(reader.poll_next(cx)) {
                Some(Ok(Read::Message(delivery))) => match info_of(&delivery, &self.bucket) {
                    Ok(info) if !info.deleted => {
                        return Poll::Ready(Some(Ok(ObjectChange::Put(info))));
                    }
                    Ok(info) if self.deletes => {
                        return Poll::Ready(Some(Ok(ObjectChange::Deleted(info))));
                    }
                    Ok(_) => {}
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
                Some(Ok(Read::All)) if self.history => {
                    return Poll::Ready(Some(Ok(ObjectChange::CaughtUp)));
                }
                Some(Ok(Read::All)) => {}
                Some(Err(error)) => {
                    self.reader = None;
                    let error = ObjectError::of_read(error, &self.bucket);
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.reader = None,
            }
        }
    }
}

impl Stream for ObjectWatch {
    type Item = Result<ObjectChange, ObjectError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_change(cx)
    }
}

impl fmt::Debug for ObjectWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectWatch").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}
