//! What the handles and the driver of a connection share.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::{broadcast, watch};

use super::outbox::Outbox;
use crate::event::{Disconnect, Event, State};
use crate::options::ConnectOptions;
use crate::runtime;
use crate::server_addr::ServerAddr;
use crate::session::{Effects, Session};

/// Events that a listener may fall behind before it misses some.
const EVENTS: usize = 256;

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
    pub(super) fn apply(&self, mut effects: Effects) {
        self.outbox.control(&effects.control);
        if let Some(info) = effects.info.take() {
            self.outbox.update(&info);
        }
        for (handler, item) in effects.calls {
            // The handler is the user's, and its panic must not take the connection down. It is
            // called again with the next message, as a task that is spawned again would be.
            let call = || (handler.lock().unwrap_or_else(PoisonError::into_inner))(item);
            if catch_unwind(AssertUnwindSafe(call)).is_err() {
                self.tell(Event::HandlerPanicked);
            }
        }
        for notice in effects.notices {
            self.tell(notice.into());
        }
        for flushed in effects.flushed {
            // Whoever waited may have gone.
            let _: Result<(), _> = flushed.send(Ok(()));
        }
        effects.wakers.into_iter().for_each(Waker::wake);
    }

    /// Tells those who listen, if anybody does.
    pub(super) fn tell(&self, event: Event) {
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

    pub(super) fn set_server(&self, server: Arc<ServerAddr>) {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = server;
    }

    pub(crate) fn closed_by(&self) -> Option<Disconnect> {
        self.closed_by.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn reconnects(&self) -> u64 {
        *self.reconnects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection that was made again.
    pub(super) fn count_reconnect(&self) {
        *self.reconnects.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    /// Notes why the connection is closed.
    pub(super) fn set_closed_by(&self, reason: Disconnect) {
        *self.closed_by.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
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
