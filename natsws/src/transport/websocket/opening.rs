//! What the other side said during the WebSocket handshake: little of it is read, and it tells who
//! is there.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::TransportError;

/// The largest answer to the handshake that is read.
const LARGEST: usize = 16 * 1024;
/// What is kept of it.
const KEPT: usize = 256;

/// What was seen of the answer.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Answer>>);

#[derive(Default)]
struct Answer {
    start: Vec<u8>,
    len: usize,
}

impl Seen {
    /// Notes what came; `false` where it is too much.
    fn add(&self, bytes: &[u8]) -> bool {
        let mut answer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answer.len += bytes.len();
        let room = KEPT.saturating_sub(answer.start.len()).min(bytes.len());
        answer.start.extend_from_slice(bytes.get(..room).unwrap_or_default());
        answer.len <= LARGEST
    }

    /// What speaks there, where that can be told and is no WebSocket.
    pub(super) fn explained(&self) -> Option<TransportError> {
        let answer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let start = String::from_utf8_lossy(&answer.start);
        if answer.len > LARGEST {
            Some(TransportError::UpgradeTooLarge { max: LARGEST })
        } else if answer.start.starts_with(&[0x15, 0x03]) || start.contains("HTTPS server") {
            // An alert of TLS, or the words of a server of HTTP and TLS to a client without.
            Some(TransportError::SpeaksTls)
        } else if start.starts_with("INFO {") {
            Some(TransportError::NotWebSocket)
        } else {
            None
        }
    }
}

/// A stream whose first bytes are watched.
pub(super) struct Opening<S> {
    io: S,
    /// `None` when the handshake is done.
    seen: Option<Seen>,
}

impl<S> Opening<S> {
    pub(super) fn new(io: S) -> (Self, Seen) {
        let seen = Seen::default();
        (Self { io, seen: Some(seen.clone()) }, seen)
    }

    /// The handshake is done.
    pub(super) fn opened(&mut self) {
        self.seen = None;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let fits = self
            .seen
            .as_ref()
            .is_none_or(|seen| seen.add(buf.filled().get(before..).unwrap_or_default()));
        Poll::Ready(if fits { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
