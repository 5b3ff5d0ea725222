//! The server's end of a socket, as chunks of bytes: raw for `nats://`, in frames for `ws://`.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::transport::TransportError;

/// Bytes asked for in one read.
const READ: usize = 64 * 1024;
/// Below this much room a new block is begun.
const LEAST_ROOM: usize = 8 * 1024;
/// What a client may put in one frame. Its messages are limited one by one, so this is generous: a
/// client may send all that it collected while it was disconnected.
const LARGEST_FRAME: usize = 128 * 1024 * 1024;

/// A `nats://` connection.
pub(super) struct Raw {
    io: TcpStream,
    block: BytesMut,
    writing: Bytes,
}

impl Raw {
    pub(super) fn new(io: TcpStream) -> Self {
        Self { io, block: BytesMut::new(), writing: Bytes::new() }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        while !self.writing.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.writing))?;
            if written == 0 {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
            }
            self.writing.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for Raw {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.block.capacity() - this.block.len() < LEAST_ROOM {
            this.block.reserve(READ);
        }
        // The future keeps nothing between polls, so a new one each time loses nothing.
        match ready!(pin!(this.io.read_buf(&mut this.block)).poll(cx)) {
            Ok(0) => Poll::Ready(None),
            Ok(_) => Poll::Ready(Some(Ok(this.block.split().freeze()))),
            Err(error) => Poll::Ready(Some(Err(error.into()))),
        }
    }
}

impl Sink<Bytes> for Raw {
    type Error = TransportError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.get_mut().poll_write(cx)
    }

    fn start_send(self: Pin<&mut Self>, chunk: Bytes) -> Result<(), TransportError> {
        self.get_mut().writing = chunk;
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.get_mut().poll_write(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let this = self.get_mut();
        ready!(this.poll_write(cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx).map_err(Into::into)
    }
}

/// A `ws://` connection.
pub(super) struct Framed {
    frames: WebSocketStream<TcpStream>,
}

impl Framed {
    /// Answers the WebSocket handshake, whatever the path is.
    pub(super) async fn accept(io: TcpStream) -> Result<Self, TransportError> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(LARGEST_FRAME))
            .max_frame_size(Some(LARGEST_FRAME));
        let frames = tokio_tungstenite::accept_async_with_config(io, Some(config)).await;
        Ok(Self { frames: frames.map_err(failed)? })
    }
}

fn failed(error: Error) -> TransportError {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => TransportError::Closed,
        Error::Io(error) => error.into(),
        error => io::Error::other(error).into(),
    }
}

impl Stream for Framed {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let chunk = match ready!(Pin::new(&mut self.frames).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => bytes,
                Some(Ok(Message::Text(text))) => text.into(),
                // The library answers pings and a close, after which it ends the stream.
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Poll::Ready(Some(Err(failed(error)))),
                None => return Poll::Ready(None),
            };
            return Poll::Ready(Some(Ok(chunk)));
        }
    }
}

impl Sink<Bytes> for Framed {
    type Error = TransportError;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        Pin::new(&mut self.frames).poll_ready(cx).map_err(failed)
    }

    fn start_send(mut self: Pin<&mut Self>, chunk: Bytes) -> Result<(), TransportError> {
        Pin::new(&mut self.frames).start_send(Message::Binary(chunk)).map_err(failed)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        Pin::new(&mut self.frames).poll_flush(cx).map_err(failed)
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        Pin::new(&mut self.frames).poll_close(cx).map_err(failed)
    }
}
