//! Where the bytes of an object come from, cut into chunks.

use std::error::Error;
use std::fmt;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::{AsyncRead, AsyncReadExt};

type BoxError = Box<dyn Error + Send + Sync>;
type Parts<'a> = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send + 'a>>;

/// Where the bytes of an object come from.
pub(super) enum Source<'a> {
    Bytes(Bytes),
    Reader(Pin<Box<dyn AsyncRead + Send + 'a>>),
    /// What comes, and what came and is not used yet.
    Parts(Parts<'a>, Bytes),
}

impl<'a> Source<'a> {
    pub(super) fn reader(reader: impl AsyncRead + Send + 'a) -> Self {
        Self::Reader(Box::pin(reader))
    }

    pub(super) fn parts<S, B, E>(parts: S) -> Self
    where
        S: Stream<Item = Result<B, E>> + Send + 'a,
        B: Into<Bytes> + 'a,
        E: Into<BoxError> + 'a,
    {
        Self::Parts(Box::pin(parts.map_ok(Into::into).map_err(Into::into)), Bytes::new())
    }

    /// The next bytes: as many as asked for unless they are the last. None are the end.
    pub(super) async fn next(&mut self, size: usize) -> Result<Bytes, BoxError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.split_to(size.min(bytes.len()))),
            Self::Reader(reader) => {
                let mut chunk = BytesMut::with_capacity(size);
                while chunk.len() < size {
                    let left = u64::try_from(size - chunk.len()).unwrap_or(u64::MAX);
                    if reader.take(left).read_buf(&mut chunk).await? == 0 {
                        break;
                    }
                }
                Ok(chunk.freeze())
            }
            Self::Parts(parts, rest) => {
                // A part that has it all is not copied.
                if rest.len() >= size {
                    return Ok(rest.split_to(size));
                }
                let mut chunk = BytesMut::with_capacity(size);
                loop {
                    let part = rest.split_to(rest.len().min(size - chunk.len()));
                    chunk.extend_from_slice(&part);
                    if chunk.len() == size {
                        return Ok(chunk.freeze());
                    }
                    match parts.next().await {
                        Some(part) => *rest = part?,
                        None => return Ok(chunk.freeze()),
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes",
            Self::Reader(_) => "Reader",
            Self::Parts(..) => "Parts",
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    async fn lengths(mut source: Source<'_>, size: usize) -> Vec<usize> {
        let mut lengths = Vec::new();
        let mut all = Vec::new();
        loop {
            let chunk = source.next(size).await.expect("read");
            if chunk.is_empty() {
                assert_eq!(all, (0..100).collect::<Vec<u8>>());
                return lengths;
            }
            lengths.push(chunk.len());
            all.extend_from_slice(&chunk);
        }
    }

    #[tokio::test]
    async fn chunks_are_full_but_for_the_last_whatever_comes() {
        let bytes: Vec<u8> = (0..100).collect();
        let whole = Source::Bytes(bytes.clone().into());
        assert_eq!(lengths(whole, 40).await, [40, 40, 20]);
        // It gives one byte at a time.
        let (mut writer, reader) = tokio::io::duplex(1);
        let writing = bytes.clone();
        crate::runtime::spawn(async move {
            tokio::io::AsyncWriteExt::write_all(&mut writer, &writing).await.expect("read");
        });
        assert_eq!(lengths(Source::reader(reader), 25).await, [25; 4]);
        for part in [1, 7, 40, 100] {
            let parts: Vec<_> = bytes.chunks(part).map(<[u8]>::to_vec).collect();
            let parts = stream::iter(parts.into_iter().map(Ok::<_, std::io::Error>));
            assert_eq!(lengths(Source::parts(parts), 40).await, [40, 40, 20], "{part}");
        }
    }

    #[tokio::test]
    async fn what_fails_to_come_is_told() {
        let parts = [Ok("abc".to_owned()), Err("the disk is gone")];
        let mut source = Source::parts(stream::iter(parts));
        assert_eq!(&source.next(2).await.expect("read")[..], b"ab");
        assert_eq!(source.next(2).await.expect_err("gone").to_string(), "the disk is gone");
    }
}
