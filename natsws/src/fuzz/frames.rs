//! A WebSocket whose peer may send anything.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{self, Error, Message};

use super::Cut;
use crate::transport::TransportError;
use crate::transport::websocket::WebSocket;

/// The other end of a connection: what it sends comes in pieces, and where it is cut, every
/// second call finds it not ready.
pub(super) struct Peer<'a> {
    data: &'a [u8],
    sent: usize,
    cut: Cut,
    turn: usize,
    paused: bool,
    pub(super) written: usize,
}

impl<'a> Peer<'a> {
    fn new(data: &'a [u8], cut: Cut) -> Self {
        Self { data, sent: 0, cut, turn: 0, paused: false, written: 0 }
    }

    /// How much goes through now; `None` where the peer is not ready.
    fn room(&mut self) -> Option<usize> {
        self.paused = !self.paused && self.cut != Cut::Whole;
        if self.paused {
            return None;
        }
        self.turn += 1;
        Some(self.cut.size(self.data, self.turn - 1))
    }
}

impl AsyncRead for Peer<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(room) = self.room() else { return Poll::Pending };
        let rest = self.data.get(self.sent..).unwrap_or_default();
        let piece = rest.get(..room.min(buf.remaining())).unwrap_or(rest);
        buf.put_slice(piece);
        self.sent += piece.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(room) = self.room() else { return Poll::Pending };
        let written = room.min(buf.len());
        self.written += written;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A client's WebSocket after its handshake, polled by hand.
pub(super) struct Frames<'a>(WebSocket<Peer<'a>>);

impl<'a> Frames<'a> {
    pub(super) fn new(data: &'a [u8], cut: Cut) -> Self {
        Self(WebSocket::opened(Peer::new(data, cut)))
    }

    /// The next chunk. The peer never stays not ready.
    pub(super) fn next(&mut self) -> Option<Result<Bytes, TransportError>> {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(next) = Pin::new(&mut self.0).poll_next(&mut cx) {
                return next;
            }
        }
    }

    /// All that was sent, to the end, and how it came to it.
    fn read(mut self) -> (Vec<u8>, String) {
        let mut all = Vec::new();
        loop {
            match self.next() {
                Some(Ok(chunk)) => all.extend_from_slice(&chunk),
                Some(Err(error)) => {
                    assert!(self.next().is_none(), "a chunk came behind {error:?}");
                    return (all, format!("{error:?}"));
                }
                None => return (all, String::new()),
            }
        }
    }
}

/// Bytes as a WebSocket after its handshake: what comes out and the end are the same however the
/// bytes are cut, and it is what was sent, with nothing added. What another implementation makes of
/// them is the same, too. Where frames may be compressed, it is the same however they are cut.
///
/// # Panics
/// Where that does not hold.
pub fn ws_frames(data: &[u8]) {
    let whole = Frames::new(data, Cut::Whole).read();
    assert_eq!(whole, Frames::new(data, Cut::Derived).read());
    let mut rest = data.iter();
    for byte in &whole.0 {
        assert!(rest.any(|sent| sent == byte), "{:?} is not what was sent", whole.0);
    }
    compare(data, &whole.0, &whole.1);
    #[cfg(native_deflate)]
    {
        let frames = |cut| Frames(WebSocket::opened(Peer::new(data, cut)).compressed()).read();
        let (whole, cut) = (frames(Cut::Whole), frames(Cut::Derived));
        assert_eq!(whole.1, cut.1);
        // What is inflated in the same step as a fault is lost with it.
        let is_same = whole.0 == cut.0;
        let is_part = whole.0.starts_with(&cut.0) || cut.0.starts_with(&whole.0);
        assert!(is_same || (is_part && !whole.1.is_empty()), "{:?} {:?}", whole.0, cut.0);
    }
}

/// Nothing more comes, and what is written goes nowhere.
struct Nothing;

impl io::Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl io::Write for Nothing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Holds what came out against tungstenite, which passes on whole messages alone.
fn compare(data: &[u8], ours: &[u8], our_end: &str) {
    let mut other = tungstenite::WebSocket::from_partially_read(
        Nothing,
        data.to_vec(),
        tungstenite::protocol::Role::Client,
        None,
    );
    let mut theirs = Vec::new();
    loop {
        match other.read() {
            Ok(Message::Binary(bytes)) => theirs.extend_from_slice(&bytes),
            Ok(Message::Text(text)) => theirs.extend_from_slice(text.as_bytes()),
            Ok(Message::Close(_)) => {
                // It reads on behind a close, where nothing is to be read.
                let more = [data, b"\x82\x01x"].concat();
                let with_more = Frames::new(&more, Cut::Whole).read();
                assert_eq!((&with_more.0[..], &with_more.1[..]), (ours, our_end));
                break;
            }
            Ok(_) => {}
            Err(error) => {
                assert!(!our_end.is_empty() || !is_fault(&error), "{error} was not seen");
                break;
            }
        }
    }
    // A length that is not in its shortest form is refused here alone, as is one of a control frame
    // that is not in its only form.
    let stricter = our_end.contains("LongLength") || our_end.contains("LongControl");
    assert!(ours.starts_with(&theirs) || stricter, "{theirs:?} came");
}

/// Whether it is one here, too. NATS is bytes, also in a text frame, and where a message ends
/// matters to nobody.
fn is_fault(error: &Error) -> bool {
    // This is what it calls the end in the middle of a frame.
    let end = ProtocolError::ResetWithoutClosingHandshake;
    matches!(error, Error::Protocol(fault) if *fault != end)
}
