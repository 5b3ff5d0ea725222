//! What the other side said during the WebSocket handshake: little of it is read, and it tells who
//! is there.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
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

    /// Whether it is an answer that is no `101`.
    fn is_refusal(&self) -> bool {
        let answer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answer.start.starts_with(b"HTTP/1.1 ") && !answer.start.starts_with(b"HTTP/1.1 101")
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

/// A stream during its handshake: what is read is watched, and what comes behind the head is kept
/// for the frames.
pub(super) struct Opening<S> {
    io: S,
    seen: Seen,
    /// How much of the head's end was seen.
    matched: usize,
    /// What came behind the head.
    rest: BytesMut,
}

/// How a head ends.
const END: &[u8] = b"\r\n\r\n";

impl<S> Opening<S> {
    pub(super) fn new(io: S) -> (Self, Seen) {
        let seen = Seen::default();
        let opening = Self { io, seen: seen.clone(), matched: 0, rest: BytesMut::new() };
        (opening, seen)
    }

    /// The stream, and what was read of it behind the head.
    pub(super) fn into_parts(self) -> (S, BytesMut) {
        (self.io, self.rest)
    }

    /// Where the head ends in what was read now.
    fn head_end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            let expected = END.get(self.matched).copied();
            self.matched = match byte {
                byte if Some(*byte) == expected => self.matched + 1,
                b'\r' => 1,
                _ => 0,
            };
            if self.matched == END.len() {
                return Some(at + 1);
            }
        }
        None
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
        let bytes = buf.filled().get(before..).unwrap_or_default();
        if !self.seen.add(bytes) {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        // The body of an answer that refuses is a part of the handshake.
        if !self.seen.is_refusal() {
            if let Some(end) = self.head_end(bytes) {
                self.rest.extend_from_slice(bytes.get(end..).unwrap_or_default());
                buf.set_filled(before + end);
            }
        }
        Poll::Ready(Ok(()))
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
