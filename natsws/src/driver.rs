//! The driver: the one task that owns the transport and moves bytes both ways.
//!
//! Handles never talk to it. They lock the session or the outbox, and the first byte that waits
//! wakes it.

mod handshake;
mod outbox;
mod reconnect;

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio::sync::{broadcast, oneshot, watch};

pub(crate) use outbox::{Body, Outbox, Refused};

use crate::connect_error::ConnectError;
use crate::event::{Disconnect, Event, State};
use crate::options::ConnectOptions;
use crate::protocol::decode::{Decoder, Limits};
use crate::protocol::op::ServerOp;
use crate::protocol::{ProtocolError, ServerError};
use crate::runtime::{self, Instant, Sleep};
use crate::server_addr::ServerAddr;
use crate::session::{Effects, Session};
use crate::transport::{BoxTransport, TransportError};
use reconnect::Pool;

/// Events that a listener may fall behind before it misses some.
const EVENTS: usize = 256;
/// Blocks read, and buffers written, before other tasks get their turn.
const ROUNDS: usize = 16;
/// Operations routed under one lock.
const OPS: usize = 1024;
/// How long closing waits for what was accepted to be written.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// What the handles and the driver of a connection share. Where both locks are held, the session's
/// was taken first.
pub(crate) struct Shared {
    session: Mutex<Session>,
    pub(crate) outbox: Outbox,
    pub(crate) options: ConnectOptions,
    pub(crate) events: broadcast::Sender<Event>,
    state: watch::Sender<State>,
    server: Mutex<Arc<ServerAddr>>,
    reconnects: Mutex<u64>,
    stop: watch::Sender<bool>,
    /// Why the connection was closed, where nobody asked for it.
    closed_by: Mutex<Option<Disconnect>>,
}

impl Shared {
    pub(crate) fn new(options: ConnectOptions, inbox: Arc<str>, server: ServerAddr) -> Self {
        let now = runtime::now();
        let session = Session::new(inbox, options.ping_interval, options.max_pings_out, now);
        Self {
            session: Mutex::new(session),
            outbox: Outbox::new(options.outbox),
            options,
            events: broadcast::Sender::new(EVENTS),
            state: watch::Sender::new(State::Connecting),
            server: Mutex::new(Arc::new(server)),
            reconnects: Mutex::new(0),
            stop: watch::Sender::new(false),
            closed_by: Mutex::new(None),
        }
    }

    pub(crate) fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the session and sends what that calls for. What the session asks to be sent is
    /// appended before its lock is given back, so that PINGs leave in the order in which their
    /// PONGs are expected.
    pub(crate) fn with_session<T>(
        &self,
        change: impl FnOnce(&mut Session, &mut Effects) -> T,
    ) -> T {
        let mut effects = Effects::default();
        let mut session = self.session();
        let result = change(&mut session, &mut effects);
        self.outbox.control(&effects.control);
        drop(session);
        effects.control.clear();
        self.apply(effects);
        result
    }

    /// Does what the session wants done outside its lock.
    fn apply(&self, mut effects: Effects) {
        self.outbox.control(&effects.control);
        if let Some(info) = effects.info.take() {
            self.outbox.update(&info);
        }
        effects.wakers.into_iter().for_each(Waker::wake);
        for notice in effects.notices {
            self.tell(notice.into());
        }
        for (handler, item) in effects.calls {
            // The handler is the user's, and its panic must not take the connection down. It is
            // called again with the next message, as a task that is spawned again would be.
            let call = || (handler.lock().unwrap_or_else(PoisonError::into_inner))(item);
            if catch_unwind(AssertUnwindSafe(call)).is_err() {
                self.tell(Event::HandlerPanicked);
            }
        }
    }

    /// Tells those who listen, if anybody does.
    fn tell(&self, event: Event) {
        tracing::debug!(?event, "nats connection");
        drop(self.events.send(event));
    }

    pub(crate) fn state(&self) -> State {
        *self.state.borrow()
    }

    pub(crate) fn watch_state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Sets the state. Closed is for good, and a connection that is draining says so while it is up.
    pub(crate) fn set_state(&self, state: State) {
        let draining = state == State::Connected && self.session().is_draining();
        let state = if draining { State::Draining } else { state };
        self.state.send_if_modified(|current| {
            let changes = *current != State::Closed && *current != state;
            if changes {
                *current = state;
            }
            changes
        });
    }

    pub(crate) fn server(&self) -> Arc<ServerAddr> {
        Arc::clone(&self.server.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_server(&self, server: Arc<ServerAddr>) {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = server;
    }

    pub(crate) fn closed_by(&self) -> Option<Disconnect> {
        self.closed_by.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn reconnects(&self) -> u64 {
        *self.reconnects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the driver. It sends what waits, for a short time, and closes the connection.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// Why the driver leaves a connection.
enum End {
    Lost(Disconnect),
    Stopped,
}

/// Moves bytes between the transport, the session and the outbox of one connection.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    pool: Pool,
    stopped: Pin<Box<dyn Stopped>>,
}

/// `bool` says whether anybody can still ask for a stop; both mean to stop.
trait Stopped: Future<Output = ()> + Send {}
impl<F: Future<Output = ()> + Send> Stopped for F {}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, servers: Vec<ServerAddr>) -> Self {
        let mut stop = shared.stop.subscribe();
        let stopped = Box::pin(async move { drop(stop.wait_for(|stop| *stop).await) });
        let pool = Pool::new(servers, &shared.options);
        Self { shared, pool, stopped }
    }

    /// Connects, reports how that went, and keeps the connection until it is closed.
    pub(crate) async fn run(mut self, first: oneshot::Sender<Result<(), ConnectError>>) {
        let first_connection = tokio::select! {
            biased;
            () = &mut self.stopped => Err(ConnectError::Closed),
            result = self.pool.first(&self.shared.options) => result,
        };
        let connection = match first_connection {
            Ok((server, established)) => self.adopt(server, established),
            Err(error) => {
                self.closed();
                drop(first.send(Err(error)));
                return;
            }
        };
        self.shared.set_state(State::Connected);
        if first.send(Ok(())).is_err() {
            // Whoever was connecting has given up.
            self.shared.stop();
        }
        self.keep(connection.0).await;
        self.closed();
    }

    /// Connects over a transport that is there already, and cannot be made again.
    #[cfg(feature = "embedded")]
    pub(crate) async fn run_on(
        mut self,
        transport: BoxTransport,
        first: oneshot::Sender<Result<(), ConnectError>>,
    ) {
        let server = self.shared.server();
        match handshake::greet(transport, &server, &self.shared.options).await {
            Ok(established) => {
                let (connection, _) = self.adopt(server, established);
                self.shared.set_state(State::Connected);
                if first.send(Ok(())).is_err() {
                    self.shared.stop();
                }
                self.keep(connection).await;
                self.closed();
            }
            Err(error) => {
                self.closed();
                let attempts = vec![((*server).clone(), error)];
                drop(first.send(Err(ConnectError::NoServer { attempts })));
            }
        }
    }

    /// Drives one connection after the other until one cannot be replaced.
    async fn keep(&mut self, mut connection: Connection) {
        loop {
            let end = poll_fn(|cx| {
                if self.stopped.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(End::Stopped);
                }
                connection.poll(&self.shared, cx)
            })
            .await;
            let reason = match end {
                End::Stopped => return connection.finish(&self.shared).await,
                End::Lost(reason) => reason,
            };
            drop(connection);
            self.lost(reason.clone());
            let shared = Arc::clone(&self.shared);
            let next = tokio::select! {
                biased;
                () = &mut self.stopped => return,
                next = self.pool.next(&shared), if shared.options.reconnect => next,
                else => None,
            };
            let Some((server, established)) = next else {
                *self.shared.closed_by.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
                return;
            };
            let discarded;
            (connection, discarded) = self.adopt(Arc::clone(&server), established);
            *self.shared.reconnects.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            self.shared.set_state(State::Connected);
            self.shared.tell(Event::Reconnected { server, discarded });
        }
    }

    /// Takes a new connection into use: subscriptions first, then what waits to be sent.
    fn adopt(
        &mut self,
        server: Arc<ServerAddr>,
        established: handshake::Established,
    ) -> (Connection, u64) {
        let handshake::Established { transport, mut decoder, info } = established;
        decoder.limit_messages(message_limit(info.max_payload));
        self.shared.set_server(server);
        let mut session = self.shared.session();
        let mut control = bytes::BytesMut::new();
        session.resume(info, runtime::now(), &mut control);
        let info = Arc::clone(session.info());
        let discarded = self.shared.outbox.connected(&info, control);
        drop(session);
        (Connection::new(transport, decoder), discarded)
    }

    fn lost(&mut self, reason: Disconnect) {
        let mut effects = Effects::default();
        let mut session = self.shared.session();
        let left = self.shared.outbox.disconnected();
        let unconfirmed =
            session.disconnected(left.accepted, left.kept, &left.requests, &mut effects);
        drop(session);
        // There is no connection that control operations could go to.
        effects.control.clear();
        self.shared.set_state(State::Disconnected);
        let server = self.shared.server();
        self.shared.tell(Event::Disconnected { server, reason, unconfirmed });
        self.shared.apply(effects);
    }

    /// The end: nobody is left waiting.
    fn closed(&mut self) {
        let mut effects = Effects::default();
        let mut session = self.shared.session();
        let accepted = self.shared.outbox.accepted();
        self.shared.outbox.close();
        let unconfirmed = accepted.saturating_sub(session.confirmed());
        session.close(&mut effects);
        drop(session);
        effects.control.clear();
        self.shared.apply(effects);
        self.shared.set_state(State::Closed);
        self.shared.tell(Event::Closed { unconfirmed });
    }
}

/// A driver that is dropped with its runtime leaves nobody waiting either.
impl Drop for Driver {
    fn drop(&mut self) {
        if self.shared.state() != State::Closed {
            self.closed();
        }
    }
}

/// The largest message that is accepted from a server. The server's own limit is for what clients
/// publish, and it may have been larger when a message was stored.
fn message_limit(max_payload: usize) -> usize {
    const LEAST: usize = 1024 * 1024;
    const SLACK: usize = 64 * 1024;
    max_payload.max(LEAST).saturating_add(SLACK).min(Limits::LARGEST_MESSAGE)
}

/// One connection to one server, while it lasts.
struct Connection {
    transport: BoxTransport,
    decoder: Decoder,
    ops: Vec<ServerOp>,
    /// Taken from the outbox and not yet given to the transport.
    sending: VecDeque<Bytes>,
    /// The transport has something that it was not asked to flush yet.
    unflushed: bool,
    timer: Pin<Box<Sleep>>,
    timer_at: Instant,
    /// What the server reported last; it often says why before it closes the connection.
    last_error: Option<ServerError>,
}

impl Connection {
    fn new(transport: BoxTransport, decoder: Decoder) -> Self {
        let now = runtime::now();
        Self {
            transport,
            decoder,
            ops: Vec::new(),
            sending: VecDeque::new(),
            unflushed: false,
            timer: Box::pin(runtime::sleep_until(now)),
            timer_at: now,
            last_error: None,
        }
    }

    /// The four steps. Each is bounded, and none waits for another: reading goes on while writing
    /// cannot.
    fn poll(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<End> {
        let steps = self
            .receive(shared, cx)
            .and_then(|()| self.timers(shared, cx))
            .and_then(|()| self.transmit(shared, cx));
        match steps {
            Ok(()) => Poll::Pending,
            Err(reason) => Poll::Ready(End::Lost(reason)),
        }
    }

    fn receive(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Result<(), Disconnect> {
        // What came behind the handshake's PONG is in the decoder already.
        self.dispatch(shared)?;
        for _ in 0..ROUNDS {
            match Pin::new(&mut self.transport).poll_next(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Some(Ok(chunk))) => {
                    self.decoder.push(chunk);
                    self.dispatch(shared)?;
                }
                Poll::Ready(Some(Err(error))) => return Err(self.broken(error)),
                Poll::Ready(None) => return Err(self.broken(TransportError::Closed)),
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Routes everything that is whole. Operations before a fault still count.
    fn dispatch(&mut self, shared: &Shared) -> Result<(), Disconnect> {
        loop {
            let mut fault = None;
            while self.ops.len() < OPS {
                match self.decoder.next() {
                    Ok(Some(op)) => self.ops.push(op),
                    Ok(None) => break,
                    Err(error) => {
                        fault = Some(error);
                        break;
                    }
                }
            }
            if !self.ops.is_empty() {
                let more = self.ops.len() == OPS;
                self.route(shared)?;
                if more && fault.is_none() {
                    continue;
                }
            }
            return fault.map_or(Ok(()), |error| Err(Disconnect::Protocol(error)));
        }
    }

    fn route(&mut self, shared: &Shared) -> Result<(), Disconnect> {
        let last_error = self.ops.iter().rev().find_map(|op| match op {
            ServerOp::Err(text) => Some(ServerError::parse(text)),
            _ => None,
        });
        self.last_error = last_error.or_else(|| self.last_error.take());
        let mut effects = Effects::default();
        let now = runtime::now();
        let received = shared.session().receive(self.ops.drain(..), now, &mut effects);
        if let Some(info) = &effects.info {
            self.decoder.limit_messages(message_limit(info.max_payload));
        }
        shared.apply(effects);
        received.map_err(|fault| Disconnect::Protocol(ProtocolError { fault, at: 0 }))
    }

    /// The timer is only set anew for an earlier time or when it has fired, not for every block
    /// that moves the next PING.
    fn timers(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Result<(), Disconnect> {
        loop {
            let Some(next) = shared.session().next_timeout() else { return Ok(()) };
            if next < self.timer_at || self.timer_at <= runtime::now() {
                self.timer = Box::pin(runtime::sleep_until(next));
                self.timer_at = next;
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
            let accepted = shared.outbox.accepted();
            let now = runtime::now();
            shared
                .with_session(|session, effects| session.timeout(now, accepted, effects))
                .map_err(|pings| Disconnect::Stale { pings })?;
        }
    }

    fn transmit(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Result<(), Disconnect> {
        for _ in 0..ROUNDS {
            while !self.sending.is_empty() {
                match Pin::new(&mut self.transport).poll_ready(cx) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(ready) => ready.map_err(|error| self.broken(error))?,
                }
                if let Some(chunk) = self.sending.pop_front() {
                    let sent = Pin::new(&mut self.transport).start_send(chunk);
                    sent.map_err(|error| self.broken(error))?;
                    self.unflushed = true;
                }
            }
            if self.unflushed {
                match Pin::new(&mut self.transport).poll_flush(cx) {
                    // What waits meanwhile is still to be taken when this is done.
                    Poll::Pending => return Ok(()),
                    Poll::Ready(flushed) => flushed.map_err(|error| self.broken(error))?,
                }
                self.unflushed = false;
            }
            match shared.outbox.poll_take(cx.waker()) {
                Poll::Pending => return Ok(()),
                Poll::Ready(batch) => self.sending = batch.chunks,
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// The reason that a broken connection is reported with.
    fn broken(&mut self, error: TransportError) -> Disconnect {
        match self.last_error.take() {
            Some(error) => Disconnect::Server(error),
            None => Disconnect::Transport(Arc::new(error)),
        }
    }

    /// Sends what waits and closes the transport, both for a short time.
    async fn finish(mut self, shared: &Shared) {
        shared.outbox.stop_accepting();
        let finish = async {
            let written = poll_fn(|cx| match self.transmit(shared, cx) {
                Err(_) => Poll::Ready(false),
                Ok(()) if self.sending.is_empty() && !self.unflushed => Poll::Ready(true),
                Ok(()) => Poll::Pending,
            });
            if written.await {
                handshake::close(&mut self.transport).await;
            }
        };
        drop(runtime::timeout(LAST_WRITE, finish).await);
    }
}
