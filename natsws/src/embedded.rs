//! A NATS server in this process, so that examples and tests need no other.
//!
//! [`Broker`] does what core NATS does: wildcards, queue groups, headers, requests that nobody
//! answers, a largest payload, and logging in by token or by name and password. Clients reach it on
//! loopback ports by `ws://` and `nats://`, or in memory without a port.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), natsws::embedded::BrokerError> {
//! use natsws::embedded::Broker;
//!
//! let broker = Broker::start().await?;
//! assert!(broker.ws_url().starts_with("ws://127.0.0.1:"));
//! assert!(broker.nats_url().starts_with("nats://127.0.0.1:"));
//! broker.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Testing with it
//! The code that is tested gets a real [`Client`](crate::Client), and a test of its own has a broker
//! of its own:
//!
//! ```
//! use std::time::Duration;
//! use natsws::{Client, Subject, embedded::Broker};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
//! #[subject("orders.{id}.created")]
//! struct OrderCreated { id: u64 }
//!
//! async fn place_order(client: &Client, id: u64) -> Result<(), natsws::Error> {
//!     client.publish(&OrderCreated { id }).await?;
//!     Ok(client.flush().await?)
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // #[tokio::test(start_paused = true)]
//! let broker = Broker::start().await?;
//! let client = broker.connect().await?;
//! place_order(&client, 7).await?;
//! assert_eq!(broker.published::<OrderCreated>()?, [OrderCreated { id: 7 }]);
//!
//! broker.delay_messages("orders.>", Duration::from_secs(60))?;
//! let mut created = client.subscribe::<OrderCreated>().await?;
//! place_order(&client, 8).await?;
//! assert_eq!(created.next().await.expect("it is subscribed")?.id, 8);
//! # Ok(())
//! # }
//! ```
//!
//! | to | use |
//! |---|---|
//! | have a client and nothing else | `Broker::start().await?.connect().await?` |
//! | say how it connects, for instance how soon again | [`Broker::connect_with`] |
//! | see what was published, as typed values | [`Broker::published`] |
//! | wait for what will be published | [`Broker::recorder`] |
//! | see subjects, replies, headers and bytes | [`Broker::published_msgs`] |
//! | lose messages, or requests, or replies | [`Broker::drop_next`], [`Broker::drop_messages`] |
//! | make them late | [`Broker::delay_messages`] |
//! | cut all connections | [`Broker::disconnect_all`] |
//! | let nobody connect | [`Broker::refuse_connections`] |
//! | have a server that hangs | [`Broker::silence`] |
//! | have everything as it was | [`Broker::lift_faults`] |
//!
//! Clients in memory wait by tokio's clock only, so a test of theirs that waits for timeouts,
//! delays or reconnects takes no time under `#[tokio::test(start_paused = true)]`. With a clock that
//! is paused, do not connect through a port: tokio moves the clock while bytes are on their way.
//!
//! # What it is not
//! It is **not for production**: it keeps nothing, forms no cluster, speaks no TLS and has no
//! JetStream, accounts or permissions. That is what [nats-server] is for; a client does not see the
//! difference.
//!
//! [nats-server]: https://github.com/nats-io/nats-server

mod client;
mod connect;
mod connect_to;
mod exchange;
mod faults;
mod hub;
mod listen;
mod record;
mod recorder;
mod subjects;
mod subscriptions;
mod switches;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use self::connect::Credentials;
use self::exchange::Rules;
use self::hub::Hub;
use self::listen::{Framing, Port};
use self::record::RecordLimits;
pub use self::recorder::{RecordError, Recorder};
use crate::protocol::decode::Limits;
use crate::runtime;
use crate::transport::memory::{self, Memory};

/// The number of a client at the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct ClientId(u64);

/// A NATS server in this process, for examples and tests.
///
/// Clones are handles on the same broker, and each client that is connected in memory holds one.
/// When the last one is dropped, the broker stops listening and cuts all connections. See the
/// [module](self) for what it can do and what it is not for.
#[derive(Clone)]
#[must_use = "the broker stops when it is dropped"]
pub struct Broker {
    running: Arc<Running>,
}

struct Running {
    hub: Arc<Hub>,
    nats: SocketAddr,
    ws: SocketAddr,
    stop: watch::Sender<bool>,
}

impl Broker {
    /// Starts a broker that lets anyone in, on ports that the system chooses.
    ///
    /// It runs in the background of the tokio runtime that this is called in.
    ///
    /// # Errors
    /// [`BrokerError::Listen`] where the system has no port to give.
    ///
    /// # Cancel safety
    /// If the future is dropped, there is no broker.
    pub async fn start() -> Result<Self, BrokerError> {
        Self::builder().start().await
    }

    /// Options for a broker that is not started yet.
    pub fn builder() -> BrokerBuilder {
        BrokerBuilder::default()
    }

    /// The address for clients that speak WebSocket: `ws://127.0.0.1:PORT`.
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.running.ws)
    }

    /// The address for clients that speak TCP: `nats://127.0.0.1:PORT`.
    pub fn nats_url(&self) -> String {
        format!("nats://{}", self.running.nats)
    }

    /// How many clients are connected, on the ports and in memory.
    pub fn connections(&self) -> usize {
        self.running.hub.connections()
    }

    /// How many subscriptions all clients have together.
    pub fn subscriptions(&self) -> usize {
        self.running.hub.subscriptions()
    }

    /// Cuts all connections at once, as a failing network would.
    ///
    /// What was not sent yet is lost. A client sees its connection lost and its requests fail; it
    /// connects again after the wait that its options say, two seconds unless told, unless the
    /// broker [refuses](Self::refuse_connections) it.
    pub fn disconnect_all(&self) {
        self.running.hub.cut_all();
    }

    /// Stops the broker: nobody can connect any more, and all connections are closed.
    ///
    /// Clients are sent what waits for them first, where they take it within a second. Both ports
    /// are free again when this returns, and to call it once more does nothing.
    ///
    /// # Cancel safety
    /// The broker stops even if the future is dropped after it was polled once; only the wait for
    /// it ends.
    pub async fn close(&self) {
        self.running.hub.close();
        self.running.stop.send_replace(true);
        self.running.stop.closed().await;
    }

    /// A new connection in memory: what the client reads and writes.
    ///
    /// To a broker that was closed it is a connection that has ended.
    pub(crate) fn attach(&self) -> Memory {
        let (near, far) = memory::pair();
        let hub = Arc::clone(&self.running.hub);
        let origin = listen::in_memory(self.running.nats);
        let stop = self.running.stop.subscribe();
        runtime::spawn(async move {
            client::serve(hub, origin, far).await;
            drop(stop);
        });
        near
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("ws_url", &self.ws_url())
            .field("nats_url", &self.nats_url())
            .finish_non_exhaustive()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.hub.abandon();
        // The listeners stop because the sender of their signal goes with this.
    }
}

/// Options for a [`Broker`], made by [`Broker::builder`].
#[derive(Debug, Clone)]
#[must_use = "a broker starts by start()"]
pub struct BrokerBuilder {
    rules: Rules,
}

impl Default for BrokerBuilder {
    fn default() -> Self {
        let rules = Rules {
            max_payload: 1024 * 1024,
            headers: true,
            credentials: Credentials::default(),
            record: RecordLimits { messages: 10_000, bytes: 16 * 1024 * 1024 },
        };
        Self { rules }
    }
}

impl BrokerBuilder {
    /// The largest message that is accepted, headers and payload together; 1 MiB unless told.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.rules.max_payload = bytes;
        self
    }

    /// Lets in only who has this token. It replaces an earlier [`user`](Self::user).
    pub fn token(mut self, token: &str) -> Self {
        self.rules.credentials = Credentials::Token(token.to_owned());
        self
    }

    /// Lets in only who has this name and password. It replaces an earlier [`token`](Self::token).
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.rules.credentials =
            Credentials::User { name: name.to_owned(), password: password.to_owned() };
        self
    }

    /// Whether messages may have headers; they may unless told. Very old servers know none.
    pub fn headers(mut self, headers: bool) -> Self {
        self.rules.headers = headers;
        self
    }

    /// How many messages [`Broker::published`] looks back, at most; 10,000 unless told. Zero records
    /// nothing, which spares the broker a copy of each message.
    pub fn record_messages(mut self, messages: usize) -> Self {
        self.rules.record.messages = messages;
        self
    }

    /// How many bytes of messages [`Broker::published`] looks back, at most, headers and payloads
    /// together; 16 MiB unless told.
    pub fn record_bytes(mut self, bytes: usize) -> Self {
        self.rules.record.bytes = bytes;
        self
    }

    /// Starts the broker in the background of the tokio runtime that this is called in.
    ///
    /// # Errors
    /// [`BrokerError::MaxPayload`] where the largest payload is out of range, and
    /// [`BrokerError::Listen`] where the system has no port to give.
    ///
    /// # Cancel safety
    /// If the future is dropped, there is no broker.
    pub async fn start(self) -> Result<Broker, BrokerError> {
        let bytes = self.rules.max_payload;
        if !(1..=Limits::LARGEST_MESSAGE).contains(&bytes) {
            return Err(BrokerError::MaxPayload { bytes, max: Limits::LARGEST_MESSAGE });
        }
        let nats_port = Port::open(Framing::Raw).await.map_err(BrokerError::Listen)?;
        let ws_port = Port::open(Framing::WebSocket).await.map_err(BrokerError::Listen)?;
        let hub = Arc::new(Hub::new(self.rules, fastrand::u64(..)));
        let (stop, stopped) = watch::channel(false);
        let (nats, ws) = (nats_port.addr(), ws_port.addr());
        nats_port.listen(&hub, &stopped);
        ws_port.listen(&hub, &stopped);
        Ok(Broker { running: Arc::new(Running { hub, nats, ws, stop }) })
    }
}

/// Why a broker could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The system gave no loopback port.
    #[error("the broker could not listen on the loopback interface")]
    Listen(#[source] io::Error),
    /// The largest payload is zero, or more than the protocol allows.
    #[error("a largest payload of {bytes} bytes is not possible: it is 1 to {max} bytes")]
    MaxPayload {
        /// The largest payload that was asked for, in bytes.
        bytes: usize,
        /// The largest that is possible, in bytes.
        max: usize,
    },
}

#[cfg(test)]
mod tests;
