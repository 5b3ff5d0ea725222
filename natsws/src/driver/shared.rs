//! What the handles and the driver of a connection share.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker, ready};

use tokio::sync::watch;

use super::outbox::{Body, Outbox, Refused, Ticket};
use super::pipe::{InUse, SharedPipe};
use super::servers::Servers;
use crate::drain::{DrainError, DrainReport};
use crate::event::{CloseError, Event, Listener, Listeners, State};
use crate::options::ConnectOptions;
use crate::protocol::ServerInfo;
use crate::protocol::encode::PublishHead;
use crate::runtime;
use crate::server_addr::ServerAddr;
use crate::session::{Effects, Session};

/// What the handles and the driver of a connection share. Where both locks are held, the session's
/// was taken first; the servers are locked alone.
pub(crate) struct Shared {
    session: Mutex<Session>,
    pub(crate) outbox: Outbox,
    pipe: InUse,
    pub(crate) options: ConnectOptions,
    servers: Mutex<Servers>,
    listeners: Listeners,
    state: watch::Sender<State>,
    server: Mutex<Arc<ServerAddr>>,
    reconnects: Mutex<u64>,
    stop: watch::Sender<bool>,
    /// How draining went; locked by whoever drains.
    pub(crate) drained: tokio::sync::Mutex<Option<Drained>>,
    /// How often a new connection was asked for.
    reconnect: watch::Sender<u64>,
    /// How often something changed that a wait between attempts is to end for.
    nudge: watch::Sender<u64>,
    /// Why the connection was closed, where nobody asked for it.
    closed_by: Mutex<Option<CloseError>>,
}

/// How draining went.
pub(crate) type Drained = Result<DrainReport, DrainError>;

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(
        options: ConnectOptions,
        inbox: Arc<str>,
        server: ServerAddr,
        servers: Vec<ServerAddr>,
    ) -> Self {
        let now = runtime::now();
        let keep_requests = options.outbox.keep_requests;
        let session =
            Session::new(inbox, options.ping_interval, options.max_pings_out, keep_requests, now);
        Self {
            session: Mutex::new(session),
            outbox: Outbox::new(options.outbox),
            pipe: InUse::default(),
            servers: Mutex::new(Servers::new(servers, !options.reconnect.no_randomize)),
            options,
            listeners: Listeners::default(),
            state: watch::Sender::new(State::Connecting),
            server: Mutex::new(Arc::new(server)),
            reconnects: Mutex::new(0),
            stop: watch::Sender::new(false),
            drained: tokio::sync::Mutex::new(None),
            reconnect: watch::Sender::new(0),
            nudge: watch::Sender::new(0),
            closed_by: Mutex::new(None),
        }
    }

    pub(crate) fn session(&self) -> MutexGuard<'_, Session> {
        lock(&self.session)
    }

    /// What is sent goes this way from now on.
    pub(super) fn use_pipe(&self, pipe: &SharedPipe) {
        self.pipe.set(pipe);
    }

    /// Accepts a message, or has it wait in line where too much waits. Whoever fills a batch sends it.
    #[inline]
    pub(crate) fn poll_publish(
        &self,
        head: &PublishHead<'_>,
        body: Body<'_>,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
    ) -> Poll<Result<(), Refused>> {
        let accepted = ready!(self.outbox.poll_publish(head, body, ticket, waker));
        self.outbox.leave(ticket);
        if accepted?.fills_batch {
            self.pipe.lend(&self.outbox);
        }
        Poll::Ready(Ok(()))
    }

    /// Sends a batch that is full, for whoever filled it and holds no lock by now.
    #[cfg(feature = "jetstream")]
    pub(crate) fn lend_a_hand(&self) {
        self.pipe.lend(&self.outbox);
    }

    pub(crate) fn servers(&self) -> MutexGuard<'_, Servers> {
        lock(&self.servers)
    }

    /// How long to wait before a server is tried again.
    pub(super) fn waits(&self) -> impl Fn(u32, &ServerAddr) -> std::time::Duration {
        |failures, server| self.options.reconnect.wait(failures, server.scheme().is_tls())
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
        if !effects.is_empty() {
            self.apply(effects);
        }
        result
    }

    /// Whether more may be read from the server; the waker is for when it may again.
    pub(super) fn may_read(&self, waker: &Waker) -> bool {
        let mut effects = Effects::default();
        let may_read = self.session().poll_may_read(waker, &mut effects);
        if !effects.notices.is_empty() {
            self.apply(effects);
        }
        may_read
    }

    /// Does what the session wants done outside its lock.
    pub(super) fn apply(&self, mut effects: Effects) {
        self.outbox.control(&effects.control);
        if let Some(info) = effects.info.take() {
            self.outbox.update(&info);
            self.cluster(&info);
        }
        for (handler, item) in effects.calls {
            // The handler is the user's, and its panic must not take the connection down. It is
            // called again with the next message, as a task that is spawned again would be.
            let call = || (lock(&handler))(item);
            if catch_unwind(AssertUnwindSafe(call)).is_err() {
                self.tell(&Event::HandlerPanicked);
            }
        }
        for notice in effects.notices {
            self.tell(&Event::noticed(notice, || self.server()));
        }
        for flushed in effects.flushed {
            // Whoever waited may have gone.
            let _: Result<(), _> = flushed.send(Ok(()));
        }
        effects.wakers.into_iter().for_each(Waker::wake);
    }

    /// Takes over what the server says of its cluster.
    pub(super) fn cluster(&self, info: &ServerInfo) {
        let current = self.server();
        if info.lame_duck_mode {
            self.servers().lame_duck(&current);
        }
        if self.options.reconnect.ignore_cluster_updates {
            return;
        }
        let changes = self.servers().cluster(&info.connect_urls, &current, info.tls_required);
        for listed in changes.unusable {
            self.tell(&Event::ServerUnusable { listed });
        }
        if !(changes.added.is_empty() && changes.removed.is_empty()) {
            let (added, removed) = (changes.added, changes.removed);
            self.tell(&Event::ServersChanged { added, removed });
            self.nudge();
        }
    }

    /// Replaces the servers; a wait between attempts ends by it.
    pub(crate) fn set_servers(&self, servers: Vec<ServerAddr>) {
        self.servers().set(servers);
        self.nudge();
    }

    /// Ends the waits between attempts.
    fn nudge(&self) {
        self.nudge.send_modify(|nudges| *nudges = nudges.wrapping_add(1));
    }

    pub(super) fn nudges(&self) -> watch::Receiver<u64> {
        self.nudge.subscribe()
    }

    /// Asks for a new connection, at once.
    pub(crate) fn reconnect(&self) {
        self.reconnect.send_modify(|orders| *orders = orders.wrapping_add(1));
        self.hurry();
    }

    /// Every server may be tried at once.
    pub(super) fn hurry(&self) {
        self.servers().hurry();
        self.nudge();
    }

    /// How often a new connection was asked for.
    pub(super) fn reconnect_orders(&self) -> watch::Receiver<u64> {
        self.reconnect.subscribe()
    }

    /// Tells those who listen, if anybody does.
    pub(crate) fn tell(&self, event: &Event) {
        tracing::debug!(?event, "nats connection");
        self.listeners.tell(event);
    }

    /// Listens to what happens from now on.
    pub(crate) fn listen(&self) -> Listener {
        self.listeners.listen()
    }

    pub(crate) fn state(&self) -> State {
        *self.state.borrow()
    }

    pub(crate) fn watch_state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Says that the connection drains, where it is up.
    pub(crate) fn show_draining(&self) {
        self.state.send_if_modified(|state| {
            let is_up = *state == State::Connected;
            if is_up {
                *state = State::Draining;
            }
            is_up
        });
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
        Arc::clone(&lock(&self.server))
    }

    pub(super) fn set_server(&self, server: Arc<ServerAddr>) {
        *lock(&self.server) = server;
    }

    pub(crate) fn closed_by(&self) -> Option<CloseError> {
        lock(&self.closed_by).clone()
    }

    pub(crate) fn reconnects(&self) -> u64 {
        *lock(&self.reconnects)
    }

    /// Counts a connection that was made again.
    pub(super) fn count_reconnect(&self) {
        *lock(&self.reconnects) += 1;
    }

    /// Notes why the connection is closed.
    pub(super) fn set_closed_by(&self, reason: CloseError) {
        lock(&self.closed_by).get_or_insert(reason);
    }

    /// Ready when the driver is to end.
    pub(super) fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stop = self.stop.subscribe();
        // A sender that is gone asks for the same.
        async move { drop(stop.wait_for(|stop| *stop).await) }
    }

    /// Ends the driver. It sends what waits, for a short time, and closes the connection.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }
}
