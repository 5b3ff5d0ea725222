//! Two ends of a connection in memory, for the embedded broker and for tests.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;

use super::{Transport, TransportError};

/// How many bytes one direction holds before the writer waits.
const CAPACITY: usize = 1024 * 1024;

/// One direction.
#[derive(Debug, Default)]
struct Pipe {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    /// Either end has gone.
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

type Shared = Arc<Mutex<Pipe>>;

fn lock(pipe: &Shared) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One end of a connection in memory. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Memory {
    incoming: Shared,
    outgoing: Shared,
}

/// A connection in memory, as its two ends.
pub(crate) fn pair() -> (Memory, Memory) {
    let (there, back) = (Shared::default(), Shared::default());
    let near = Memory { incoming: Arc::clone(&back), outgoing: Arc::clone(&there) };
    (near, Memory { incoming: there, outgoing: back })
}

impl Memory {
    /// Closes both directions. What was written stays readable at the other end.
    fn close(&self) {
        for pipe in [&self.incoming, &self.outgoing] {
            let mut pipe = lock(pipe);
            pipe.closed = true;
            let wakers = [pipe.reader.take(), pipe.writer.take()];
            drop(pipe);
            wakers.into_iter().flatten().for_each(Waker::wake);
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.close();
    }
}

impl Stream for Memory {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut pipe = lock(&self.incoming);
        match pipe.chunks.pop_front() {
            Some(chunk) => {
                pipe.bytes -= chunk.len();
                let writer = pipe.writer.take();
                drop(pipe);
                writer.into_iter().for_each(Waker::wake);
                Poll::Ready(Some(Ok(chunk)))
            }
            None if pipe.closed => Poll::Ready(None),
            None => {
                pipe.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Transport for Memory {}

impl Sink<Bytes> for Memory {
    type Error = TransportError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let mut pipe = lock(&self.outgoing);
        if pipe.closed {
            Poll::Ready(Err(TransportError::Closed))
        } else if pipe.bytes >= CAPACITY {
            pipe.writer = Some(cx.waker().clone());
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn start_send(self: Pin<&mut Self>, chunk: Bytes) -> Result<(), TransportError> {
        let mut pipe = lock(&self.outgoing);
        if pipe.closed {
            return Err(TransportError::Closed);
        }
        pipe.bytes += chunk.len();
        pipe.chunks.push_back(chunk);
        let reader = pipe.reader.take();
        drop(pipe);
        reader.into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.close();
        Poll::Ready(Ok(()))
    }
}
