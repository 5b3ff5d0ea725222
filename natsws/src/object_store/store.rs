//! The handle on a store, and what is done with its objects as wholes.

use std::fmt;

use bytes::Bytes;
use futures_core::Stream;
use tokio::io::AsyncRead;

use super::error::ObjectError;
use super::info::ObjectInfo;
use super::list::ListObjects;
use super::name;
use super::object::Object;
use super::put::PutObject;
use super::source::Source;
use super::watch::WatchObjects;
use crate::jetstream::{self, JetStream, Rollup, Untyped};

/// How often what is said of an object is tried to be replaced, while others do the same.
pub(super) const MOST_ATTEMPTS: u32 = 32;

/// A store of objects. It is cheap to clone.
///
/// Made by [`JetStream::object_store`] and its neighbours.
#[derive(Clone)]
pub struct ObjectStore {
    stream: jetstream::Stream,
    bucket: String,
}

impl ObjectStore {
    pub(super) fn new(bucket: &str, stream: jetstream::Stream) -> Self {
        Self { stream, bucket: bucket.to_owned() }
    }

    /// Its name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The handle that it was made by.
    pub fn jetstream(&self) -> &JetStream {
        self.stream.jetstream()
    }

    /// The stream that it is.
    pub(super) fn handle(&self) -> &jetstream::Stream {
        &self.stream
    }

    /// Puts an object: ready when all of it is stored. What had the name before is replaced.
    ///
    /// ```no_run
    /// use natsws::object_store::ObjectStore;
    ///
    /// # async fn example(files: ObjectStore) -> Result<(), Box<dyn std::error::Error>> {
    /// let report = tokio::io::repeat(7); // a file, the body of a request, any `AsyncRead`
    /// # let report = tokio::io::AsyncReadExt::take(report, 100);
    /// let info = files
    ///     .put("report.pdf", report)
    ///     .description("The report of June")
    ///     .header("Content-Type", "application/pdf")
    ///     .progress(|bytes| println!("{bytes} bytes are stored"))
    ///     .await?;
    /// println!("{} bytes with the digest {:?}", info.size, info.digest);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ObjectError`]: the store is full, sealed or gone, or the reader failed. What had the name
    /// before is there still.
    ///
    /// # Cancel safety
    /// Dropped early, nothing of it is visible; see [`PutObject`].
    pub fn put<'a>(&'a self, name: &str, reader: impl AsyncRead + Send + 'a) -> PutObject<'a> {
        PutObject::new(self, name, Source::reader(reader))
    }

    /// Puts an object that is in memory.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    ///
    /// # Cancel safety
    /// As [`put`](Self::put).
    pub fn put_bytes(&self, name: &str, bytes: impl Into<Bytes>) -> PutObject<'_> {
        PutObject::new(self, name, Source::Bytes(bytes.into()))
    }

    /// Puts an object whose bytes come as a stream, in parts of any size.
    ///
    /// # Errors
    /// As [`put`](Self::put); an error of the stream is [`ObjectError::Source`].
    ///
    /// # Cancel safety
    /// As [`put`](Self::put).
    pub fn put_stream<'a, S, B, E>(&'a self, name: &str, parts: S) -> PutObject<'a>
    where
        S: Stream<Item = Result<B, E>> + Send + 'a,
        B: Into<Bytes> + 'a,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'a,
    {
        PutObject::new(self, name, Source::parts(parts))
    }

    /// Opens an object to read its bytes. A link is followed, to another store too.
    ///
    /// # Errors
    /// [`ObjectError`]: there is no such object, it is a link to a store or to another link, or
    /// there are not as many bytes as were put.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is read.
    pub async fn get(&self, name: &str) -> Result<Object, ObjectError> {
        let info = self.info(name).await?;
        let Some(link) = info.link() else { return Object::open(self, info).await };
        let Some(target) = &link.name else {
            let (name, bucket) = (info.name.clone(), link.bucket.clone());
            return Err(ObjectError::LinkToStore { name, bucket });
        };
        let other;
        let store = if link.bucket == self.bucket {
            self
        } else {
            other = self.jetstream().object_store(&link.bucket).await?;
            &other
        };
        let info = store.info(target).await?;
        if info.link().is_some() {
            return Err(ObjectError::LinkToLink { name: info.name });
        }
        Object::open(store, info).await
    }

    /// Reads an object whole, into memory.
    ///
    /// # Errors
    /// As [`get`](Self::get), and where the bytes are not those that were put.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn get_bytes(&self, name: &str) -> Result<Bytes, ObjectError> {
        self.get(name).await?.bytes().await
    }

    /// What is known of an object. A link is not followed.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] where there is none or it is deleted, and others.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn info(&self, name: &str) -> Result<ObjectInfo, ObjectError> {
        let info = self.info_or_mark(name).await?;
        if info.deleted { Err(self.not_found(name)) } else { Ok(info) }
    }

    /// What is known of an object, or the mark that it left when it was deleted.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] where there never was one, and others.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn info_or_mark(&self, name: &str) -> Result<ObjectInfo, ObjectError> {
        let info = self.last_info(&name::info(&self.bucket, name)?).await?;
        info.ok_or_else(|| self.not_found(name))
    }

    /// Deletes an object. Its name is kept with a mark, so that those who
    /// [watch](Self::watch) hear of it. One that is deleted already is right too.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] where there never was one, and others.
    ///
    /// # Cancel safety
    /// Dropped early, it may be deleted.
    pub async fn delete(&self, name: &str) -> Result<(), ObjectError> {
        let subject = name::info(&self.bucket, name)?;
        let mut attempts = 0..MOST_ATTEMPTS;
        loop {
            let info = self.last_info(&subject).await?;
            let Some(mut info) = info else { return Err(self.not_found(name)) };
            if info.deleted {
                return Ok(());
            }
            // The mark has the id of what it deletes, and of nothing that has another name since.
            let revision = Some(info.revision);
            info.set_deleted();
            match self.replace(&mut info, &subject, revision, |_| Ok(())).await {
                Err(ObjectError::WrongRevision { .. }) if attempts.next().is_some() => {}
                Err(error) => return Err(error),
                Ok(before) => {
                    self.purge_chunks_of(before).await;
                    return Ok(());
                }
            }
        }
    }

    /// The objects of the store, as a stream that ends.
    ///
    /// ```no_run
    /// use natsws::object_store::ObjectStore;
    ///
    /// # async fn example(files: ObjectStore) -> Result<(), natsws::Error> {
    /// let mut list = files.list().await?;
    /// while let Some(info) = list.next().await {
    ///     let info = info?;
    ///     println!("{}: {} bytes", info.name, info.size);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ObjectError`] where the store cannot be read.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is listed.
    pub fn list(&self) -> ListObjects<'_> {
        ListObjects::new(self)
    }

    /// The changes of the store from now on, as a stream without end.
    ///
    /// ```no_run
    /// use natsws::object_store::{ObjectChange, ObjectStore};
    ///
    /// # async fn example(files: ObjectStore) -> Result<(), natsws::Error> {
    /// let mut changes = files.watch().include_history().await?;
    /// while let Some(change) = changes.next().await {
    ///     match change? {
    ///         ObjectChange::Put(info) => println!("{} is there", info.name),
    ///         ObjectChange::Deleted(info) => println!("{} is gone", info.name),
    ///         ObjectChange::CaughtUp => println!("what follows is new"),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ObjectError`] where the store cannot be read.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is watched.
    pub fn watch(&self) -> WatchObjects<'_> {
        WatchObjects::new(self)
    }

    pub(super) fn not_found(&self, name: &str) -> ObjectError {
        ObjectError::NotFound { bucket: self.bucket.clone(), name: name.to_owned() }
    }

    pub(super) fn exists(&self, name: &str) -> ObjectError {
        ObjectError::Exists { bucket: self.bucket.clone(), name: name.to_owned() }
    }

    /// What the chunks of a new object are stored under.
    pub(super) fn new_id(&self) -> String {
        // One token of a subject.
        self.jetstream().connection().new_message_id().replace('.', "")
    }

    /// How large a message of the store can be, with its headers.
    pub(super) fn largest_message(&self) -> usize {
        let server = self.jetstream().connection().server_info().max_payload;
        let stream = self.stream.cached_info().config.max_message_size;
        let stream = stream.and_then(|bytes| usize::try_from(bytes).ok());
        stream.map_or(server, |stream| stream.min(server))
    }

    pub(super) async fn last_info(&self, subject: &str) -> Result<Option<ObjectInfo>, ObjectError> {
        let stored = self.stream.last_message::<Untyped>(subject).from_leader().await;
        let stored = stored.map_err(|error| ObjectError::of_call(error, &self.bucket))?;
        let info = |stored| Ok(ObjectInfo::read(stored)?.in_store(&self.bucket));
        stored.as_ref().map(info).transpose()
    }

    /// Says something new of an object, in place of what is said of it now where that `may` be
    /// replaced; it is returned.
    ///
    /// It is the server that makes sure of it, so that of several who do this at once each takes out
    /// the chunks of exactly one other.
    pub(super) async fn replace(
        &self,
        info: &mut ObjectInfo,
        subject: &str,
        expected: Option<u64>,
        may: impl Fn(&ObjectInfo) -> Result<(), ObjectError> + Send,
    ) -> Result<Option<ObjectInfo>, ObjectError> {
        let payload = Bytes::from(info.write()?);
        let mut attempt = 0;
        loop {
            let before = self.last_info(subject).await?;
            before.as_ref().map_or(Ok(()), &may)?;
            let is_at = before.as_ref().map_or(0, |info| info.revision);
            let last = expected.unwrap_or(is_at);
            let stored = self.store_info(subject, &payload, last, &info.name).await;
            match stored {
                Ok(revision) => {
                    info.set_stored(revision);
                    return Ok(before);
                }
                Err(ObjectError::WrongRevision { .. })
                    if expected.is_none() && attempt < MOST_ATTEMPTS =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Says something of an object, where the last that was said of it is this; 0 is nothing.
    pub(super) async fn store_info(
        &self,
        subject: &str,
        payload: &Bytes,
        last: u64,
        name: &str,
    ) -> Result<u64, ObjectError> {
        let publish = self.jetstream().publish_bytes(subject, payload).message_id(self.new_id());
        let stored = publish.rollup(Rollup::Subject).expect_last_subject_sequence(last);
        match stored.await {
            Ok(ack) => Ok(ack.sequence),
            Err(error) => Err(ObjectError::of_publish(error, &self.bucket, name)),
        }
    }

    /// How many chunks the stream has of an object.
    pub(super) async fn stored_chunks(&self, id: &str) -> Result<u64, ObjectError> {
        let subject = name::chunks(&self.bucket, id);
        let info = self.stream.info().with_subjects(&subject).await;
        let info = info.map_err(|error| ObjectError::of_call(error, &self.bucket))?;
        Ok(info.state.subjects.get(&subject).copied().unwrap_or_default())
    }

    /// Takes out the chunks of what is no object any more. Where that fails they take room, and do
    /// no other harm.
    pub(super) async fn purge_chunks_of(&self, before: Option<ObjectInfo>) {
        let Some(before) = before.filter(|info| !info.deleted && !info.id.is_empty()) else {
            return;
        };
        if before.link().is_none() {
            let chunks = name::chunks(&self.bucket, &before.id);
            drop(self.stream.purge().filter(chunks).await);
        }
    }
}

impl fmt::Debug for ObjectStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStore").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}
