//! Chunks on their way into a socket: many of them in one system call.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use super::TransportError;

/// Bytes that may wait before a sink asks to be flushed.
const WRITE_AHEAD: usize = 512 * 1024;
/// Chunks written by one system call.
const SLICES: usize = 64;

/// Buffers of this size are worth using again, smaller ones (headers of frames among them) and very
/// large ones are not.
const RECLAIMED: RangeInclusive<usize> = 1024..=1024 * 1024;

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    waiting: VecDeque<Bytes>,
    len: usize,
    /// The last buffer that was written to its end.
    written: Option<Bytes>,
}

impl Chunks {
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.len += chunk.len();
        self.waiting.push_back(chunk);
    }

    /// Bytes that wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn has_room(&self) -> bool {
        self.len < WRITE_AHEAD
    }

    /// Writes until nothing waits.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        while !self.waiting.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            for (slice, chunk) in slices.iter_mut().zip(&self.waiting) {
                *slice = IoSlice::new(chunk);
            }
            let count = self.waiting.len().min(SLICES);
            let slices = slices.get(..count).unwrap_or_default();
            let written = ready!(Pin::new(&mut *io).poll_write_vectored(cx, slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
            }
            self.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes until nothing waits, and has what is below do the same.
    pub(super) fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        ready!(self.poll_write(io, cx))?;
        Pin::new(io).poll_flush(cx).map_err(Into::into)
    }

    fn advance(&mut self, mut written: usize) {
        self.len = self.len.saturating_sub(written);
        while let Some(chunk) = self.waiting.front_mut() {
            if chunk.len() > written {
                chunk.advance(written);
                return;
            }
            written -= chunk.len();
            self.written = self.waiting.pop_front();
        }
    }

    /// A buffer that was written and that nobody else holds, empty.
    pub(super) fn reclaim(&mut self) -> Option<Vec<u8>> {
        let buffer = self.written.take().filter(Bytes::is_unique)?;
        let mut buffer = Vec::from(buffer);
        buffer.clear();
        RECLAIMED.contains(&buffer.capacity()).then_some(buffer)
    }
}
