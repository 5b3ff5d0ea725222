//! Putting an object: its chunks first, and then what makes them an object.

use std::fmt;
use std::future::IntoFuture;

use super::chunk_writer::ChunkWriter;
use super::digest::{self, Hasher};
use super::error::ObjectError;
use super::info::ObjectInfo;
use super::name;
use super::orphans::{self, Orphans};
use super::source::Source;
use super::store::ObjectStore;
use crate::runtime::SendFuture;

/// How large chunks are unless it is said.
const CHUNK: usize = 128 * 1024;

/// What headers and subjects may take of what a server accepts as one message.
const BESIDES: usize = 256;

type Progress<'a> = Box<dyn FnMut(u64) + Send + 'a>;

/// An object that is about to be put: `.await` it, or say more first.
///
/// Made by [`ObjectStore::put`], [`put_bytes`](ObjectStore::put_bytes) and
/// [`put_stream`](ObjectStore::put_stream).
///
/// The bytes go to the store in chunks, of which up to 4 MiB are on their way at a time: an object of
/// any size takes no more memory than that. Until all are stored nothing of it is visible, and what
/// had the name before stays.
///
/// # Cancel safety
/// Dropped early, nothing of it is visible, and what was stored of it is taken out in the background
/// as well as that is possible. What is left where the connection or the process ends before goes
/// with the [`ttl`](super::ObjectStoreConfig::ttl) of the store.
#[must_use = "nothing is put until this is awaited"]
pub struct PutObject<'a> {
    store: &'a ObjectStore,
    info: ObjectInfo,
    source: Source<'a>,
    chunk_size: usize,
    revision: Option<u64>,
    progress: Option<Progress<'a>>,
}

impl<'a> PutObject<'a> {
    pub(super) fn new(store: &'a ObjectStore, name: &str, source: Source<'a>) -> Self {
        let info = ObjectInfo::new(store.bucket(), name, store.new_id());
        Self { store, info, source, chunk_size: CHUNK, revision: None, progress: None }
    }

    /// What the object is.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.info.description = Some(description.into());
        self
    }

    /// Adds a header for whoever serves the object, as `Content-Type`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.info.headers.entry(name.into()).or_default().push(value.into());
        self
    }

    /// Adds a text for whoever reads it.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.info.metadata.insert(key.into(), value.into());
        self
    }

    /// How large chunks are. Default: 128 KiB. Where the server or the stream accepts only smaller
    /// messages, they are as large as it does, less 256 bytes for what is sent with them.
    pub fn chunk_size(mut self, bytes: usize) -> Self {
        self.chunk_size = bytes;
        self
    }

    /// Puts it only where the name is at this [revision](ObjectInfo::revision) still; 0 where there
    /// must never have been such an object.
    pub fn previous_revision(mut self, revision: u64) -> Self {
        self.revision = Some(revision);
        self
    }

    /// Calls this with the number of bytes that are stored, whenever there are more.
    pub fn progress(mut self, progress: impl FnMut(u64) + Send + 'a) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    async fn run(mut self) -> Result<ObjectInfo, ObjectError> {
        let (store, bucket) = (self.store, self.store.bucket());
        let subject = name::info(bucket, &self.info.name)?;
        // The server says so too, after all chunks were sent.
        let before = store.last_info(&subject).await?;
        let is_at = before.map_or(0, |info| info.revision);
        if self.revision.is_some_and(|expected| expected != is_at) {
            let name = self.info.name.clone();
            return Err(ObjectError::WrongRevision { name, source: None });
        }
        let chunk_size = self.chunk_size.min(store.largest_message().saturating_sub(BESIDES));
        let chunk_size = chunk_size.max(1);
        self.info.set_chunk_size(chunk_size);
        let put = orphans::Put {
            stream: store.handle().clone(),
            id: self.info.id.clone(),
            chunks: name::chunks(bucket, &self.info.id),
            info: subject.clone(),
        };
        let orphans = Orphans::of(put.clone());
        let done = async {
            self.write(&put, chunk_size).await?;
            store.replace(&mut self.info, &subject, self.revision, |_| Ok(())).await
        };
        match done.await {
            Ok(before) => {
                orphans.keep();
                store.purge_chunks_of(before).await;
                Ok(self.info)
            }
            Err(error) => {
                orphans.take_out(store.jetstream().timeout()).await;
                Err(error)
            }
        }
    }

    async fn write(&mut self, put: &orphans::Put, chunk_size: usize) -> Result<(), ObjectError> {
        let name = self.info.name.clone();
        let mut writer = ChunkWriter::new(self.store.bucket(), &name, put).await?;
        let mut hasher = Hasher::default();
        let mut told = 0;
        loop {
            let next = self.source.next(chunk_size);
            let bytes = writer.meanwhile(next).await?.map_err(ObjectError::Source)?;
            let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            if bytes.is_empty() {
                break;
            }
            hasher.update(&bytes);
            let size = self.info.size.checked_add(len).ok_or(ObjectError::TooLarge)?;
            self.info.size = size;
            // What was heard while the source was awaited.
            self.tell(&mut told, writer.stored());
            writer.push(bytes).await?;
            self.tell(&mut told, writer.stored());
        }
        writer.finish().await?;
        self.tell(&mut told, writer.stored());
        if writer.may_have_repeated() {
            let stored = self.store.stored_chunks(&put.id).await?;
            let chunks = writer.chunks();
            if stored != chunks {
                return Err(ObjectError::NotStoredOnce { name, chunks, stored });
            }
        }
        self.info.chunks = writer.chunks();
        self.info.digest = Some(digest::write(&hasher.finish()));
        Ok(())
    }

    fn tell(&mut self, told: &mut u64, stored: u64) {
        if stored > *told {
            *told = stored;
            if let Some(progress) = &mut self.progress {
                progress(stored);
            }
        }
    }
}

impl<'a> IntoFuture for PutObject<'a> {
    type Output = Result<ObjectInfo, ObjectError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for PutObject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutObject")
            .field("name", &self.info.name)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
