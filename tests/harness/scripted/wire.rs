//! How the bytes of NATS travel: as they are, or in frames of a WebSocket.

use std::io;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::socket::Socket;

#[derive(Debug)]
pub(super) enum Wire {
    Bytes(Socket),
    Frames(Box<WebSocketStream<Socket>>),
}

impl Wire {
    /// A WebSocket that begins with these bytes of the client.
    pub(super) async fn with_frames(self, early: Vec<u8>) -> Self {
        let Self::Bytes(socket) = self else { panic!("the connection is a WebSocket already") };
        let frames = WebSocketStream::from_partially_read(socket, early, Role::Server, None).await;
        Self::Frames(Box::new(frames))
    }

    /// Sends the bytes, in one binary frame on a WebSocket.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Bytes(_) => self.write_raw(bytes).await,
            Self::Frames(_) => self.write_message(Message::binary(bytes.to_vec())).await,
        }
    }

    /// Sends the bytes as they are, whatever the client takes them for.
    pub(super) async fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        let socket = self.socket();
        socket.write_all(bytes).await?;
        socket.flush().await
    }

    pub(super) async fn write_message(&mut self, message: Message) -> io::Result<()> {
        let Self::Frames(frames) = self else { panic!("the connection is no WebSocket") };
        frames.send(message).await.map_err(io::Error::other)
    }

    /// Reads what is there, and at least one byte; returns 0 at the end of the connection.
    pub(super) async fn read(&mut self, into: &mut Vec<u8>) -> usize {
        if let Self::Bytes(socket) = self {
            // A connection that breaks has come to its end as well.
            return socket.read_buf(into).await.unwrap_or(0);
        }
        loop {
            match self.read_message().await {
                Some(Message::Binary(bytes)) if !bytes.is_empty() => {
                    into.extend_from_slice(&bytes);
                    return bytes.len();
                }
                Some(Message::Text(text)) => panic!("the client sent text: {text:?}"),
                Some(_) => {}
                None => return 0,
            }
        }
    }

    /// Reads the next message, whatever its kind; returns `None` at the end of the connection.
    pub(super) async fn read_message(&mut self) -> Option<Message> {
        let Self::Frames(frames) = self else { panic!("the connection is no WebSocket") };
        match frames.next().await? {
            Ok(message) => {
                if message.is_ping() {
                    // The pong would go only with what is read or written next. It may come too
                    // late for the client, which is for the next read to find out.
                    let _ = frames.flush().await;
                }
                Some(message)
            }
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => None,
            Err(Error::Protocol(error)) => panic!("the client speaks no WebSocket: {error}"),
            Err(_) => None,
        }
    }

    /// Says that nothing more comes.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        if let Self::Frames(frames) = self {
            frames.as_mut().close(None).await.map_err(io::Error::other)?;
        }
        self.socket().shutdown().await
    }

    /// What is below a WebSocket.
    pub(super) fn socket(&mut self) -> &mut Socket {
        match self {
            Self::Bytes(socket) => socket,
            Self::Frames(frames) => frames.get_mut(),
        }
    }
}
