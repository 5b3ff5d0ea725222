//! A server that says exactly what the test wants, over plain TCP.

use std::fmt;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::eventually::within;
use crate::proxy::listen;

/// A listener for clients to connect to, whose answers are up to the test.
///
/// ```no_run
/// # use natsws_tests::{Scripted, info};
/// # async fn test() {
/// let scripted = Scripted::start();
/// // A client connects to scripted.url() in another task.
/// let mut peer = scripted.accept().await;
/// let connect = peer.handshake(&info()).await;
/// assert_eq!(connect["verbose"], false);
/// peer.expect_line("SUB greet 1").await;
/// peer.send("MSG greet 1 5\r\nhello\r\n").await;
/// # }
/// ```
#[derive(Debug)]
pub struct Scripted {
    listener: TcpListener,
    addr: SocketAddr,
}

/// One client's connection, seen from the server's end.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    /// All that the client sent so far; the first `taken` bytes were handed out.
    read: Vec<u8>,
    taken: usize,
}

/// What a server says first, with the fields that a client may rely on.
pub fn info() -> Value {
    json!({
        "server_id": "SCRIPTED",
        "server_name": "scripted",
        "version": "2.15.1",
        "proto": 1,
        "host": "127.0.0.1",
        "port": 4222,
        "headers": true,
        "max_payload": 1_048_576,
        "client_id": 1,
        "client_ip": "127.0.0.1",
    })
}

/// [`info`] with other fields, and without those that are `null` here.
pub fn info_with(fields: Value) -> Value {
    let (Value::Object(mut info), Value::Object(fields)) = (info(), fields) else {
        panic!("the fields of INFO are an object");
    };
    for (name, value) in fields {
        if value.is_null() {
            info.remove(&name);
        } else {
            info.insert(name, value);
        }
    }
    Value::Object(info)
}

impl Scripted {
    /// Listens on a free port of 127.0.0.1.
    pub fn start() -> Self {
        let (listener, addr) = listen();
        Self { listener, addr }
    }

    /// The address for a client: `nats://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("nats://{}", self.addr)
    }

    /// Where it listens, as a [`Proxy`](crate::Proxy) wants it.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits for the next client.
    pub async fn accept(&self) -> Peer {
        let accepted = within("a client that connects", self.listener.accept()).await;
        let (stream, _) = accepted.expect("a listener accepts");
        stream.set_nodelay(true).expect("a socket can send at once");
        Peer { stream, read: Vec::new(), taken: 0 }
    }
}

impl Peer {
    /// Sends these bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = within("a client that reads", self.stream.write_all(bytes.as_ref())).await;
        if let Err(error) = sent {
            panic!("the client is gone: {error}; {self}");
        }
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
        while self.stream.try_read_buf(&mut self.read).is_ok_and(|read| read > 0) {}
        self.take(self.read.len() - self.taken)
    }

    /// Waits until the client closes or resets the connection, and returns what came before.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        while self.read_some("the end of the connection").await > 0 {}
        self.take(self.read.len() - self.taken)
    }

    /// Closes the connection, after all that was sent.
    pub async fn close(mut self) {
        // A client that is gone has closed it before.
        let _ = self.stream.shutdown().await;
    }

    /// Resets the connection, as a crash would.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("a socket can reset");
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
        within(&awaited, self.stream.read_buf(&mut self.read)).await.unwrap_or(0)
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

#[cfg(test)]
mod tests;
