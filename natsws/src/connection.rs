//! A connection: subjects and bytes, without types.

mod leave;
mod watch;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::connect_error::ConnectError;
use crate::drain::FlushError;
use crate::driver::{Driver, Shared};
use crate::event::{CloseError, State};
use crate::options::{ConnectOptions, PoolServer};
use crate::payload::Payload;
use crate::protocol::ServerInfo;
use crate::publish::Publish;
use crate::request::{RequestMany, SendRequest};
use crate::runtime;
use crate::server_addr::{AddrError, IntoServers, ServerAddr};
use crate::session::{Effects, Session, Unanswered};
use crate::stats::Stats;
use crate::subject::check_subject;
use crate::subscription::{Subscribe, Terms};
pub use watch::{Events, StateWatch, WaitError};

/// A connection to NATS, as subjects and bytes. Applications mostly hold a
/// [`Client`](crate::Client), which adds types to it.
///
/// It is cheap to clone, and every clone is the same connection. It is made again when it is lost.
/// When the last clone and the last subscription are gone it sends what waits and closes.
#[derive(Clone)]
pub struct Connection(Arc<Handles>);

/// What all clones of a connection share. Its end is the end of the connection.
struct Handles {
    shared: Arc<Shared>,
    /// What inboxes for single use start with, the last dot included.
    inboxes: String,
    /// What ids of messages start with.
    #[cfg(feature = "jetstream")]
    ids: String,
    next_inbox: AtomicU64,
}

impl Drop for Handles {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// A connection that this does not keep alive.
#[derive(Clone)]
pub(crate) struct WeakConnection(Weak<Handles>);

impl WeakConnection {
    pub(crate) fn upgrade(&self) -> Option<Connection> {
        self.0.upgrade().map(Connection)
    }
}

impl fmt::Debug for WeakConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakConnection")
    }
}

impl Connection {
    /// Connects with the default options.
    ///
    /// # Errors
    /// [`ConnectError`] names each server that was tried, and why it failed.
    ///
    /// # Cancel safety
    /// Dropped early, no connection is left behind.
    pub async fn connect(servers: impl IntoServers) -> Result<Self, ConnectError> {
        Self::connect_with(servers, ConnectOptions::new()).await
    }

    /// Connects with these options.
    ///
    /// # Errors
    /// [`ConnectError`] names each server that was tried, and why it failed.
    ///
    /// # Cancel safety
    /// Dropped early, no connection is left behind.
    pub async fn connect_with(
        servers: impl IntoServers,
        options: ConnectOptions,
    ) -> Result<Self, ConnectError> {
        if let Some(fault) = options.fault.clone() {
            return Err(fault.into());
        }
        let mut all = servers.into_servers()?;
        all.extend(options.servers.iter().cloned());
        match options.port {
            Some(_) if !all.is_empty() => return Err(ConnectError::PortAndServers),
            Some(port) => all.push(ServerAddr::on_localhost(port)),
            None if all.is_empty() => all.extend(ServerAddr::local()),
            None => {}
        }
        let Some(first) = all.first().cloned() else { return Err(ConnectError::NoServerNamed) };
        Self::start(first, options, all).await
    }

    async fn start(
        first: ServerAddr,
        options: ConnectOptions,
        servers: Vec<ServerAddr>,
    ) -> Result<Self, ConnectError> {
        check_subject(&options.inbox_prefix).map_err(ConnectError::InboxPrefix)?;
        let inbox = format!("{}.{}.", options.inbox_prefix, random_token()?);
        let inboxes = format!("{}.{}.", options.inbox_prefix, random_token()?);
        let shared = Arc::new(Shared::new(options, inbox.into(), first, servers));
        let driver = Driver::new(Arc::clone(&shared));
        // Made before the driver runs: dropping this future drops it, and that stops the driver.
        let connection = Self(Arc::new(Handles {
            shared,
            inboxes,
            #[cfg(feature = "jetstream")]
            ids: random_token()?,
            next_inbox: AtomicU64::new(0),
        }));
        let (tell, told) = oneshot::channel();
        runtime::spawn(driver.run(tell));
        told.await.unwrap_or(Err(ConnectError::Closed))?;
        Ok(connection)
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    pub(crate) fn downgrade(&self) -> WeakConnection {
        WeakConnection(Arc::downgrade(&self.0))
    }

    /// Publishes a message: ready when it is accepted for sending, which is not yet sent.
    ///
    /// It waits where a lot waits to be sent already. While there is no connection, messages are
    /// kept for the next one, up to [`ConnectOptions::reconnect_buffer`].
    ///
    /// ```no_run
    /// # async fn example(connection: natsws::Connection) -> Result<(), natsws::PublishError> {
    /// connection.publish("orders.eu", "7 apples").await?;
    /// connection.publish("orders.eu", "8 pears").header("Trace", "7f3a").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PublishError`](crate::PublishError); nothing is sent then.
    ///
    /// # Cancel safety
    /// A message is accepted whole or not at all.
    #[inline]
    pub fn publish<'a>(&'a self, subject: &'a str, payload: impl Into<Payload<'a>>) -> Publish<'a> {
        Publish::new(self, subject, payload.into())
    }

    /// Subscribes to a subject, with wildcards or without: ready when the server has seen it.
    ///
    /// `*` stands for one token, `>` at the end for one or more.
    ///
    /// # Errors
    /// [`SubscribeError`](crate::SubscribeError) where the subject is not valid, or the server does
    /// not permit it.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is left subscribed.
    pub fn subscribe(&self, subject: impl Into<String>) -> Subscribe<'_> {
        Subscribe::new(self, subject.into(), Terms::new(self))
    }

    /// Sends a request and waits for the one reply to it.
    ///
    /// An error that a service answers with is a reply here like any other.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// # async fn example(connection: natsws::Connection) -> Result<(), natsws::Error> {
    /// let reply = connection.request("time", "").timeout(Duration::from_secs(1)).await?;
    /// println!("it is {}", reply.text()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RequestError`](crate::RequestError): nobody is there, nobody answered in time, or the
    /// connection was lost.
    ///
    /// # Cancel safety
    /// Dropped early, the request is given up; it may have been sent.
    pub fn request<'a>(
        &'a self,
        subject: &'a str,
        payload: impl Into<Payload<'a>>,
    ) -> SendRequest<'a> {
        SendRequest::new(self, subject, payload.into())
    }

    /// Sends a request and gives a stream of the replies to it: ready when it is accepted for
    /// sending.
    ///
    /// It is for a question that several answer, and for an answer that comes in parts. What ends the
    /// stream is said by [`replies`](RequestMany::replies); unless it is said, time does.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use natsws::Replies;
    ///
    /// # async fn example(connection: natsws::Connection) -> Result<(), natsws::Error> {
    /// let pause = Replies::Stall(Duration::from_millis(100));
    /// let mut nodes = connection.request_many("nodes.list", "").replies(pause).await?;
    /// while let Some(node) = nodes.next().await {
    ///     println!("{}", node?.text()?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RequestError`](crate::RequestError) where the request is not sent. What goes wrong later, as
    /// that nobody is there, is an item of the stream.
    ///
    /// # Cancel safety
    /// Dropped early, the request is given up; it may have been sent.
    pub fn request_many<'a>(
        &self,
        subject: &'a str,
        payload: impl Into<Payload<'a>>,
    ) -> RequestMany<'a> {
        RequestMany::new(self, subject, payload.into())
    }

    /// Waits until the server has everything that was published before: a PING and its PONG.
    ///
    /// Publishing needs no flush; this is for tests, and for those who must know.
    ///
    /// # Errors
    /// [`FlushError`] where the connection was lost before, with how much is unconfirmed. That is so
    /// as well where it was lost since the last flush and is up again: what that loss left
    /// unconfirmed is told once.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn flush(&self) -> Result<(), FlushError> {
        self.ask(Session::flush).await?;
        let unconfirmed = self.shared().session().take_lost();
        if unconfirmed > 0 { Err(FlushError::Disconnected { unconfirmed }) } else { Ok(()) }
    }

    /// Measures how long a PING and its PONG take.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn rtt(&self) -> Result<Duration, FlushError> {
        let start = runtime::now();
        self.ping().await?;
        Ok(runtime::now() - start)
    }

    pub(crate) async fn ping(&self) -> Result<(), Unanswered> {
        self.ask(Session::ping).await
    }

    /// A PING on a connection that is up; waits for one where there is none.
    pub(crate) async fn ping_when_up(&self) -> Result<(), Unanswered> {
        let mut state = self.shared().watch_state();
        loop {
            state.mark_unchanged();
            match self.ping().await {
                Err(Unanswered::NotConnected { .. }) => {
                    if state.changed().await.is_err() {
                        return Err(Unanswered::Closed);
                    }
                }
                answer => return answer,
            }
        }
    }

    async fn ask(
        &self,
        ask: impl FnOnce(&mut Session, oneshot::Sender<Result<(), Unanswered>>, u64, &mut Effects),
    ) -> Result<(), Unanswered> {
        let (waiter, answer) = oneshot::channel();
        let shared = self.shared();
        shared.with_session(|session, effects| {
            ask(session, waiter, shared.outbox.accepted(), effects);
        });
        answer.await.unwrap_or(Err(Unanswered::Closed))
    }

    /// An id that no other message has.
    #[cfg(feature = "jetstream")]
    pub(crate) fn new_message_id(&self) -> String {
        let number = self.0.next_inbox.fetch_add(1, Ordering::Relaxed);
        // Not what inboxes start with: whoever reads the stream would know where to answer.
        format!("{}.{number}", self.0.ids)
    }

    /// A subject of its own for replies, which nobody else can guess.
    pub fn new_inbox(&self) -> String {
        let number = self.0.next_inbox.fetch_add(1, Ordering::Relaxed);
        format!("{}{number}", self.0.inboxes)
    }

    /// Closes the connection: what waits is sent if that is quick, and everything ends. Requests
    /// that wait fail, subscriptions end when what had come is read.
    ///
    /// # Cancel safety
    /// Dropped early, the connection closes all the same.
    pub async fn close(&self) {
        self.shared().stop();
        // Why it was closed is for those who did not ask for it.
        drop(self.closed().await);
    }

    /// Waits until the connection is closed for good.
    ///
    /// # Errors
    /// [`CloseError`] says why, where nobody asked for it.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn closed(&self) -> Result<(), CloseError> {
        let mut state = self.shared().watch_state();
        drop(state.wait_for(|state| *state == State::Closed).await);
        self.shared().closed_by().map_or(Ok(()), Err)
    }

    /// Waits until the connection is up, for at most this long: after a
    /// [lazy](ConnectOptions::lazy) start, or when it was lost.
    ///
    /// # Errors
    /// [`WaitError`] where it is not up in time, or never will be.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn wait_connected(&self, limit: Duration) -> Result<(), WaitError> {
        let mut status = self.status();
        let settled =
            status.wait_for(|state| !matches!(state, State::Connecting | State::Disconnected));
        match runtime::timeout(limit, settled).await {
            Some(State::Closed) => Err(WaitError::Closed(self.shared().closed_by())),
            Some(_) => Ok(()),
            None => Err(WaitError::TimedOut { after: limit }),
        }
    }

    /// Whether the connection is up.
    pub fn state(&self) -> State {
        self.shared().state()
    }

    /// The state as it changes: of several changes between two looks, the last one is seen.
    /// [`events`](Self::events) has all of them.
    ///
    /// ```no_run
    /// # async fn example(connection: natsws::Connection) {
    /// use natsws::State;
    ///
    /// let mut status = connection.status();
    /// while let Some(state) = status.changed().await {
    ///     println!("ready: {}", state == State::Connected);
    /// }
    /// # }
    /// ```
    pub fn status(&self) -> StateWatch {
        StateWatch(self.shared().watch_state())
    }

    /// What happens to the connection from now on. Each call makes an independent listener.
    pub fn events(&self) -> Events {
        Events(self.shared().listen())
    }

    /// Makes the connection anew: what was sent and is not confirmed may be lost, as when it breaks
    /// by itself. While it is lost, waits between attempts end by this.
    ///
    /// It returns at once; [`wait_connected`](Self::wait_connected) waits for the outcome.
    pub fn reconnect(&self) {
        self.shared().reconnect();
    }

    /// Replaces the servers to connect to. The connection that is up stays; the next one is made to
    /// one of these.
    ///
    /// # Errors
    /// [`SetServersError`] where an address cannot be understood or there is none; nothing is
    /// changed then.
    pub fn set_servers(&self, servers: impl IntoServers) -> Result<(), SetServersError> {
        let servers = servers.into_servers()?;
        if servers.is_empty() {
            return Err(SetServersError::Empty);
        }
        self.shared().set_servers(servers);
        Ok(())
    }

    /// The servers that may be connected to, those that were discovered among them; the one that
    /// would be tried next is first.
    pub fn servers(&self) -> Vec<PoolServer> {
        self.shared().servers().list()
    }

    /// What the server said of itself last.
    pub fn server_info(&self) -> Arc<ServerInfo> {
        Arc::clone(self.shared().session().info())
    }

    /// The server that is, or was last, connected to.
    pub fn server(&self) -> Arc<ServerAddr> {
        self.shared().server()
    }

    /// What was sent and received so far.
    pub fn stats(&self) -> Stats {
        let shared = self.shared();
        let (in_msgs, in_bytes) = shared.session().received();
        let (out_msgs, out_bytes) = shared.outbox.sent();
        Stats { in_msgs, in_bytes, out_msgs, out_bytes, reconnects: shared.reconnects() }
    }

    /// The number of requests that wait for their reply.
    pub fn requests_in_flight(&self) -> usize {
        self.shared().session().requests_in_flight()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("server", &self.server())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// Why the servers were not replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetServersError {
    /// An address cannot be understood.
    #[error(transparent)]
    Address(#[from] AddrError),
    /// There is none.
    #[error("there must be a server to connect to")]
    Empty,
}

/// 128 random bits from the system, as 22 letters and digits.
fn random_token() -> Result<String, ConnectError> {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| ConnectError::Random { reason: error.to_string() })?;
    let mut number = u128::from_le_bytes(bytes);
    let mut token = String::with_capacity(22);
    for _ in 0..22 {
        let digit = usize::try_from(number % 62).unwrap_or_default();
        token.push(DIGITS.get(digit).copied().map_or('0', char::from));
        number /= 62;
    }
    Ok(token)
}
