//! The objects of a store, as they are.

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use super::error::ObjectError;
use super::info::ObjectInfo;
use super::name;
use super::reader::{Most, Plan, Read, Reader};
use super::store::ObjectStore;
use crate::jetstream::{DeliverPolicy, Delivery};
use crate::runtime::SendFuture;

/// How many infos may be on their way or wait here.
const MOST_INFOS: usize = 250;
const SILENCE: Duration = Duration::from_secs(5);

/// How what is said of objects is read.
pub(super) fn plan(store: &ObjectStore, first: DeliverPolicy, silence: Duration) -> Plan {
    Plan {
        stream: store.handle().clone(),
        subject: name::all_infos(store.bucket()),
        first,
        // Where the last of each subject is read, the server (2.15.1) leaves out a message that is
        // larger than what is left of the bytes of a pull.
        most: Most::Messages(MOST_INFOS),
        silence,
    }
}

/// What a message says of an object.
pub(super) fn info_of(delivery: &Delivery, bucket: &str) -> Result<ObjectInfo, ObjectError> {
    let info = ObjectInfo::parse(delivery.payload(), delivery.sequence(), delivery.info().time)?;
    Ok(info.in_store(bucket))
}

/// A list that is about to be made: `.await` it, or say more first.
///
/// Made by [`ObjectStore::list`].
#[must_use = "nothing is listed until this is awaited"]
#[derive(Debug)]
pub struct ListObjects<'a> {
    store: &'a ObjectStore,
    deleted: bool,
}

impl<'a> ListObjects<'a> {
    pub(super) fn new(store: &'a ObjectStore) -> Self {
        Self { store, deleted: false }
    }

    /// Lists the marks of deleted objects as well.
    pub fn include_deleted(mut self) -> Self {
        self.deleted = true;
        self
    }

    async fn begin(self) -> Result<ObjectList, ObjectError> {
        let reader = Reader::new(plan(self.store, DeliverPolicy::LastPerSubject, SILENCE)).await;
        let bucket = self.store.bucket().to_owned();
        let reader = reader.map_err(|error| ObjectError::of_read(error, &bucket))?;
        Ok(ObjectList { reader: Some(reader), bucket, deleted: self.deleted })
    }
}

impl<'a> IntoFuture for ListObjects<'a> {
    type Output = Result<ObjectList, ObjectError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

/// The objects of a store, in the order in which they were last changed: a [`Stream`] that ends.
#[must_use = "dropping it stops listing"]
pub struct ObjectList {
    reader: Option<Reader>,
    bucket: String,
    deleted: bool,
}

impl ObjectList {
    /// The next object; `None` when these were all.
    ///
    /// # Errors
    /// [`ObjectError::Info`] where what is stored cannot be understood, and the list goes on; or
    /// reading failed, and it is over.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<ObjectInfo, ObjectError>> {
        poll_fn(|cx| self.poll_info(cx)).await
    }

    /// All that are left at once.
    ///
    /// # Errors
    /// The first that [`next`](Self::next) has.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn into_vec(mut self) -> Result<Vec<ObjectInfo>, ObjectError> {
        let mut all = Vec::new();
        while let Some(info) = self.next().await {
            all.push(info?);
        }
        Ok(all)
    }

    fn poll_info(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ObjectInfo, ObjectError>>> {
        loop {
            let Some(reader) = &mut self.reader else { return Poll::Ready(None) };
            let error = match ready!(reader.poll_next(cx)) {
                Some(Ok(Read::Message(delivery))) => match info_of(&delivery, &self.bucket) {
                    Ok(info) if info.deleted && !self.deleted => continue,
                    info => return Poll::Ready(Some(info)),
                },
                Some(Ok(Read::All)) => {
                    self.reader = None;
                    return Poll::Ready(None);
                }
                Some(Err(error)) => ObjectError::of_read(error, &self.bucket),
                None => ObjectError::Closed,
            };
            self.reader = None;
            return Poll::Ready(Some(Err(error)));
        }
    }
}

impl Stream for ObjectList {
    type Item = Result<ObjectInfo, ObjectError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_info(cx)
    }
}

impl fmt::Debug for ObjectList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectList").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}
