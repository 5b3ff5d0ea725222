//! An object that is read.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use tokio::io::{AsyncRead, ReadBuf};

use super::digest::{self, Hasher, Sum};
use super::error::ObjectError;
use super::info::ObjectInfo;
use super::name;
use super::reader::{Most, Plan, Read, Reader};
use super::store::ObjectStore;
use crate::jetstream::DeliverPolicy;

/// How many bytes of chunks may be on their way or wait here.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Who reads bytes wants them now.
const SILENCE: Duration = Duration::from_secs(5);

/// The bytes of an object, as they come: a [`Stream`] of [`Bytes`] and an [`AsyncRead`].
///
/// Made by [`ObjectStore::get`]. A slow reader holds up to 4 MiB of chunks, and no more. Lost
/// connections and servers are seen to here.
///
/// The end is an end only where the bytes are those that were put, in number and by their digest;
/// otherwise it is an error. Nothing that was read may be relied on before.
///
/// ```no_run
/// use natsws::object_store::ObjectStore;
///
/// # async fn example(files: ObjectStore) -> Result<(), Box<dyn std::error::Error>> {
/// let mut report = files.get("report.pdf").await?;
/// println!("{} bytes", report.info().size);
/// while let Some(bytes) = report.next().await {
///     println!("{} of them", bytes?.len());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it stops reading"]
pub struct Object {
    info: ObjectInfo,
    expected: Sum,
    reader: Option<Reader>,
    hasher: Hasher,
    read: u64,
    chunks_read: u64,
    /// What came and is not taken yet, for those who read into buffers of their own.
    rest: Bytes,
}

impl Object {
    pub(super) async fn open(store: &ObjectStore, info: ObjectInfo) -> Result<Self, ObjectError> {
        let digest = info.digest.as_deref().unwrap_or_default();
        let Some(expected) = digest::read(digest) else {
            let digest = digest.to_owned();
            return Err(ObjectError::UnknownDigest { name: info.name, digest });
        };
        let mut object = Self {
            info,
            expected,
            reader: None,
            hasher: Hasher::default(),
            read: 0,
            chunks_read: 0,
            rest: Bytes::new(),
        };
        if object.info.chunks == 0 {
            object.check()?;
            return Ok(object);
        }
        let largest = store.largest_message();
        let plan = Plan {
            stream: store.handle().clone(),
            subject: name::chunks(store.bucket(), &object.info.id),
            first: DeliverPolicy::All,
            most: Most::Bytes(MOST_BYTES.max(largest.saturating_mul(2))),
            silence: SILENCE,
        };
        let reader = Reader::new(plan).await;
        object.reader = Some(reader.map_err(|error| object.read_failed(error))?);
        Ok(object)
    }

    /// What is known of it. Where it was asked for by a link, it is that of the object itself.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// The next bytes; `None` at the end, when all are there and are those that were put.
    ///
    /// # Errors
    /// [`ObjectError::Digest`] and [`ObjectError::Incomplete`] where they are not; or reading
    /// failed. It is over then.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Bytes, ObjectError>> {
        poll_fn(|cx| self.poll_bytes(cx)).await
    }

    /// Reads all that is left.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    ///
    /// # Cancel safety
    /// Dropped early, the object is gone, and can be opened again.
    pub async fn bytes(mut self) -> Result<Bytes, ObjectError> {
        let Some(first) = self.next().await else { return Ok(Bytes::new()) };
        let first = first?;
        let Some(second) = self.next().await else { return Ok(first) };
        let mut all = Vec::from(first);
        all.extend_from_slice(&second?);
        while let Some(bytes) = self.next().await {
            all.extend_from_slice(&bytes?);
        }
        Ok(all.into())
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ObjectError>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.rest))));
        }
        loop {
            let Some(reader) = &mut self.reader else { return Poll::Ready(None) };
            if self.chunks_read == self.info.chunks {
                self.reader = None;
                return Poll::Ready(self.check().err().map(Err));
            }
            let error = match ready!(reader.poll_next(cx)) {
                Some(Ok(Read::Message(chunk))) => {
                    let bytes = chunk.msg().payload_bytes();
                    self.hasher.update(&bytes);
                    self.chunks_read += 1;
                    self.read = self.read.saturating_add(as_u64(bytes.len()));
                    if self.read <= self.info.size {
                        if bytes.is_empty() {
                            continue;
                        }
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                    self.incomplete()
                }
                Some(Ok(Read::All)) => self.incomplete(),
                Some(Err(error)) => self.read_failed(error),
                None => ObjectError::Closed,
            };
            self.reader = None;
            return Poll::Ready(Some(Err(error)));
        }
    }

    /// Whether all that was put is there.
    fn check(&mut self) -> Result<(), ObjectError> {
        if self.read != self.info.size {
            return Err(self.incomplete());
        }
        let actual = std::mem::take(&mut self.hasher).finish();
        if actual != self.expected {
            return Err(ObjectError::Digest {
                name: self.info.name.clone(),
                expected: self.info.digest.clone().unwrap_or_default(),
                actual: digest::write(&actual),
            });
        }
        Ok(())
    }

    fn incomplete(&self) -> ObjectError {
        ObjectError::Incomplete {
            name: self.info.name.clone(),
            size: self.info.size,
            chunks: self.info.chunks,
            read: self.read,
            chunks_read: self.chunks_read,
        }
    }

    fn read_failed(&self, error: crate::jetstream::ConsumeError) -> ObjectError {
        ObjectError::of_read(error, &self.info.bucket)
    }
}

fn as_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

impl Stream for Object {
    type Item = Result<Bytes, ObjectError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_bytes(cx)
    }
}

/// Errors are [`ObjectError`]s inside.
impl AsyncRead for Object {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if into.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if let Some(bytes) = ready!(self.poll_bytes(cx)) {
            let mut bytes = bytes?;
            let taken = bytes.split_to(bytes.len().min(into.remaining()));
            into.put_slice(&taken);
            self.rest = bytes;
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("info", &self.info)
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}
