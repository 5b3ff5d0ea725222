//! A server that says exactly what the test wants.

mod peer;
mod socket;
#[cfg(test)]
mod tests;
mod upgrade;
mod wire;

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::net::TcpListener;

pub use self::peer::Peer;
pub use self::upgrade::Upgrade;
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
///
/// How the client is met is decided when it is there: with TLS ([`Peer::tls`]), before or after
/// the first bytes, or with a WebSocket ([`accept_upgrade`](Self::accept_upgrade)), or with both.
///
/// ```no_run
/// # use natsws_tests::{Certificates, Scripted, info};
/// # async fn test() {
/// let (scripted, certificates) = (Scripted::start(), Certificates::new());
/// // A client connects to scripted.url_as("wss") in another task.
/// let peer = scripted.accept().await.tls(&certificates.server()).await.unwrap();
/// let upgrade = peer.upgrade().await;
/// assert_eq!(upgrade.header("Origin"), None);
/// upgrade.accept().await.handshake(&info()).await;
/// # }
/// ```
#[derive(Debug)]
pub struct Scripted {
    listener: TcpListener,
    addr: SocketAddr,
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
        self.url_as("nats")
    }

    /// The address with another scheme: `scripted.url_as("ws")` is `ws://127.0.0.1:PORT`.
    pub fn url_as(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.addr)
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
        Peer::new(stream)
    }

    /// Waits for the next client, which asks for a WebSocket.
    pub async fn accept_upgrade(&self) -> Upgrade {
        self.accept().await.upgrade().await
    }
}
