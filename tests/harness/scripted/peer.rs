//! One client's connection, seen from the server's end.

use std::{fmt, io};

use futures_util::FutureExt;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::Upgrade;
use super::socket::Socket;
use super::wire::Wire;
use crate::Identity;
use crate::eventually::within;

/// One client's connection, seen from the server's end: over TCP or a WebSocket, with TLS or
/// without.
#[derive(Debug)]
pub struct Peer {
    wire: Wire,
    /// All that the client sent so far; the first `taken` bytes were handed out.
    read: Vec<u8>,
    taken: usize,
}

impl Peer {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { wire: Wire::Bytes(Socket::Plain(stream)), read: Vec::new(), taken: 0 }
    }

    /// Begins TLS, as a server with this certificate. It is up to the test whether that is the
    /// first thing that happens, or comes after an `INFO` with `tls_required`.
    ///
    /// # Errors
    ///
    /// Where the client does not go along: it may not trust the certificate.
    pub async fn tls(self, identity: &Identity) -> io::Result<Self> {
        let awaited = format!("a client that begins TLS; {self}");
        assert_eq!(self.taken, self.read.len(), "what was read should be TLS; {self}");
        let Wire::Bytes(socket) = self.wire else { panic!("TLS cannot begin in a WebSocket") };
        let socket = within(&awaited, socket.tls(identity)).await?;
        Ok(Self { wire: Wire::Bytes(socket), ..self })
    }

    /// Reads the request of a client that asks for a WebSocket.
    pub async fn upgrade(self) -> Upgrade {
        Upgrade::read(self).await
    }

    /// Goes on in a WebSocket that was agreed on.
    pub(super) async fn with_frames(mut self) -> Self {
        let early = self.take_unread();
        Self { wire: self.wire.with_frames(early).await, ..self }
    }

    /// Sends these bytes; on a WebSocket they are one binary message.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = within("a client that reads", self.wire.write(bytes.as_ref())).await;
        self.sent(sent);
    }

    /// Sends any message of a WebSocket, such as a ping or a text.
    pub async fn send_message(&mut self, message: Message) {
        let sent = within("a client that reads", self.wire.write_message(message)).await;
        self.sent(sent);
    }

    /// Sends these bytes below the WebSocket, whose frames the test makes itself.
    pub async fn send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = within("a client that reads", self.wire.write_raw(bytes.as_ref())).await;
        self.sent(sent);
    }

    /// [`send_raw`](Self::send_raw) to a client that may leave meanwhile.
    ///
    /// # Errors
    ///
    /// Where it does.
    pub async fn try_send_raw(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        within("a client that reads", self.wire.write_raw(bytes.as_ref())).await
    }

    /// Reads the next message of a WebSocket, such as a pong or the closing one; returns `None` at
    /// the end of the connection. Pings are answered meanwhile.
    pub async fn read_message(&mut self) -> Option<Message> {
        let awaited = format!("a message; {self}");
        within(&awaited, self.wire.read_message()).await
    }

    /// Sends `INFO`, reads `CONNECT` and `PING`, and answers with `PONG`; the client is connected
    /// then. Returns what stood in the `CONNECT`.
    pub async fn handshake(&mut self, info: &Value) -> Value {
        self.send(format!("INFO {info} \r\n")).await;
        let line = self.expect_line("CONNECT ").await;
        let connect = serde_json::from_str(&line["CONNECT ".len()..]);
        let connect = connect.unwrap_or_else(|error| panic!("{line:?} is not JSON: {error}"));
        self.expect_line("PING").await;
        self.send("PONG\r\n").await;
        connect
    }

    /// Reads the next line, which has to begin like this. Returns it without its end.
    pub async fn expect_line(&mut self, prefix: &str) -> String {
        let line = self.next_line(prefix).await;
        assert!(line.starts_with(prefix), "expected {prefix:?}, got {line:?}; {self}");
        line
    }

    /// Reads lines until one begins like this. Returns it without its end.
    pub async fn skip_to_line(&mut self, prefix: &str) -> String {
        loop {
            let line = self.next_line(prefix).await;
            if line.starts_with(prefix) {
                return line;
            }
        }
    }

    /// Reads exactly so many bytes, such as a payload.
    pub async fn read_exact(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() - self.taken < count {
            self.read_more(&format!("{count} bytes")).await;
        }
        self.take(count)
    }

    /// Waits until there is something to read, and returns all that is there; nothing at the end
    /// of the connection.
    pub async fn read_available(&mut self) -> Vec<u8> {
        if self.taken == self.read.len() {
            self.read_some("any bytes").await;
        }
        while self.wire.read(&mut self.read).now_or_never().is_some_and(|read| read > 0) {}
        self.take_unread()
    }

    /// Waits until the client closes or resets the connection, and returns what came before.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        while self.read_some("the end of the connection").await > 0 {}
        self.take_unread()
    }

    /// Closes the connection, after all that was sent.
    pub async fn close(mut self) {
        // A client that is gone has closed it before.
        let _ = within("a client that reads", self.wire.close()).await;
    }

    /// Resets the connection, as a crash would.
    pub fn reset(mut self) {
        self.wire.socket().tcp().set_zero_linger().expect("a socket can reset");
    }

    async fn next_line(&mut self, prefix: &str) -> String {
        loop {
            let unread = &self.read[self.taken..];
            if let Some(end) = unread.windows(2).position(|pair| pair == b"\r\n") {
                let mut line = self.take(end + 2);
                line.truncate(end);
                return String::from_utf8_lossy(&line).into_owned();
            }
            self.read_more(&format!("a line with {prefix:?}")).await;
        }
    }

    async fn read_more(&mut self, what: &str) {
        let read = self.read_some(what).await;
        assert!(read > 0, "{what}: the client closed the connection; {self}");
    }

    /// Returns 0 at the end of the connection.
    async fn read_some(&mut self, what: &str) -> usize {
        let awaited = format!("{what}; {self}");
        within(&awaited, self.wire.read(&mut self.read)).await
    }

    #[track_caller]
    fn sent(&self, sent: io::Result<()>) {
        if let Err(error) = sent {
            panic!("the client is gone: {error}; {self}");
        }
    }

    fn take_unread(&mut self) -> Vec<u8> {
        self.take(self.read.len() - self.taken)
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let from = self.taken;
        self.taken += count;
        self.read[from..self.taken].to_vec()
    }
}

/// What the client said, for the messages of panics.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the client sent \"{}\" so far", self.read.escape_ascii())
    }
}
