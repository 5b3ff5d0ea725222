//! The driver: the one task that owns the transport and moves bytes both ways.
//!
//! Handles never talk to it. They lock the session or the outbox, and the first byte that waits
//! wakes it.

mod handshake;
mod link;
mod moving;
mod outbox;
mod pipe;
mod reconnect;
mod servers;
mod shared;
mod trace;
#[cfg(feature = "jetstream")]
mod turn;

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

#[cfg(feature = "jetstream")]
pub(crate) use outbox::LARGE_PAYLOAD;
#[cfg(feature = "jetstream")]
pub(crate) use outbox::On;
pub(crate) use outbox::{Body, Misfits, Refused, Ticket};
pub(crate) use shared::Shared;
#[cfg(feature = "jetstream")]
pub(crate) use turn::Turn;

use crate::connect_error::ConnectError;
use crate::event::{CloseError, Disconnect, Event, State};
use crate::protocol::ServerInfo;
use crate::runtime::{self, BoxFuture, Instant, Page, SendFuture, Sleep};
use crate::server_addr::ServerAddr;
use crate::session::Effects;
use handshake::Established;
use link::Link;
use moving::Why;
use reconnect::{Failures, Found, Persistence};

/// Why the driver leaves a connection.
enum End {
    Lost(Disconnect),
    /// A server that the connection moves to is ready.
    Move(Box<Found>),
    Stopped,
}

/// Moves bytes between the transport, the session and the outbox of one connection.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    stopped: SendFuture<'static, ()>,
    orders: watch::Receiver<u64>,
    page: Page,
    /// When the JWT expires that the server was given last, in seconds since 1970.
    expires_at: Option<u64>,
    has_ended: bool,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let stopped = Box::pin(shared.stopped());
        let orders = shared.reconnect_orders();
        Self { shared, stopped, orders, page: Page::new(), expires_at: None, has_ended: false }
    }

    /// Connects, reports how that went, and keeps the connection until it is closed.
    pub(crate) async fn run(mut self, first: oneshot::Sender<Result<(), ConnectError>>) {
        let options = &self.shared.options.reconnect;
        let patient = options.lazy || options.wait_on_first_connect;
        let persistence =
            if patient { Persistence::Persist { max_failures: None } } else { Persistence::Once };
        let mut first = Some(first);
        if options.lazy {
            self.report(&mut first, Ok(()));
        }
        let found = match self.find(persistence).await {
            Some(found) => found.map_err(|attempts| ConnectError::NoServer { attempts }),
            None => Err(ConnectError::Closed),
        };
        match found {
            Ok(Found { server, established }) => {
                self.begin(server, established, &mut first).await;
            }
            Err(error) => {
                if let ConnectError::NoServer { attempts } = &error {
                    let attempts = attempts.clone();
                    self.shared.set_closed_by(CloseError::GaveUp { lost: None, attempts });
                }
                self.closed();
                self.report(&mut first, Err(error));
            }
        }
    }

    /// Looks for a server that answers, while there is a page to do so; `None` where it is stopped.
    async fn find(&mut self, persistence: Persistence) -> Option<Result<Found, Failures>> {
        let shared = Arc::clone(&self.shared);
        loop {
            tokio::select! {
                biased;
                () = &mut self.stopped => return None,
                () = self.page.present() => {}
                never = watch_deadlines(&shared) => match never {},
            }
            tokio::select! {
                biased;
                () = &mut self.stopped => return None,
                () = hurry_on_waking(&mut self.page, &shared) => {}
                found = reconnect::connect(&shared, persistence, None) => return Some(found),
                never = watch_deadlines(&shared) => match never {},
            }
        }
    }

    /// Tells whoever is connecting how that went. One who has given up wants no connection.
    fn report(
        &self,
        first: &mut Option<oneshot::Sender<Result<(), ConnectError>>>,
        result: Result<(), ConnectError>,
    ) {
        if let Some(first) = first.take() {
            if first.send(result).is_err() {
                self.shared.stop();
            }
        }
    }

    /// Takes the first connection into use, and keeps it.
    async fn begin(
        &mut self,
        server: Arc<ServerAddr>,
        established: Established,
        first: &mut Option<oneshot::Sender<Result<(), ConnectError>>>,
    ) {
        // What was asked for meanwhile is what there is now.
        self.orders.mark_unchanged();
        let (link, _) = self.adopt(&server, established);
        self.shared.set_state(State::Connected);
        self.shared.tell(&Event::Connected { server });
        self.report(first, Ok(()));
        Box::pin(self.keep(link)).await;
        self.closed();
    }

    /// Drives one connection after the other until one cannot be replaced.
    async fn keep(&mut self, mut link: Link) {
        loop {
            match self.serve(&mut link).await {
                End::Stopped => return link.finish(&self.shared).await,
                End::Move(found) => link = self.move_to(link, *found).await,
                End::Lost(reason) => {
                    drop(link);
                    self.shared.session().stay();
                    self.lost(reason.clone());
                    let Some(next) = self.again(reason).await else { return };
                    link = next;
                }
            }
        }
    }

    /// Carries a connection until something happens to it.
    async fn serve(&mut self, link: &mut Link) -> End {
        let shared = Arc::clone(&self.shared);
        let mut expiry = self.refresh_at().map(|at| Box::pin(runtime::sleep_until(at)));
        let expires_at = self.expires_at.unwrap_or_default();
        let mut lame_duck = shared.options.reconnect.move_on_lame_duck;
        let mut moving: Option<BoxFuture<'_, Option<Found>>> = None;
        let (stopped, page) = (&mut self.stopped, &mut self.page);
        let mut ordered = Box::pin(self.orders.changed());
        poll_fn(|cx| {
            if stopped.as_mut().poll(cx).is_ready() {
                return Poll::Ready(End::Stopped);
            }
            if ordered.as_mut().poll(cx).is_ready() {
                return Poll::Ready(End::Lost(Disconnect::Requested));
            }
            while page.poll_woken(cx).is_ready() {
                let (now, accepted) = (runtime::now(), shared.outbox.accepted());
                shared.with_session(|session, effects| session.check(now, accepted, effects));
            }
            if page.poll_away(cx).is_ready() {
                // What waits goes now or with the next connection.
                let _: Result<(), Disconnect> = link.transmit(&shared, cx);
                return Poll::Ready(End::Lost(Disconnect::PageHidden));
            }
            if let Poll::Ready(reason) = link.poll(&shared, cx) {
                return Poll::Ready(End::Lost(reason));
            }
            if moving.is_none() {
                let why = if lame_duck && link.is_lame_duck() {
                    lame_duck = false;
                    Some(Why::LameDuck)
                } else if is_due(&mut expiry, cx) {
                    expiry = None;
                    Some(Why::Expiry(expires_at))
                } else {
                    None
                };
                moving = why.map(|why| -> BoxFuture<'_, _> {
                    Box::pin(moving::prepare(Arc::clone(&shared), why))
                });
            }
            match moving.as_mut().map(|moving| moving.as_mut().poll(cx)) {
                Some(Poll::Ready(Some(found))) => Poll::Ready(End::Move(Box::new(found))),
                Some(Poll::Ready(None)) => {
                    moving = None;
                    shared.session().stay();
                    Poll::Pending
                }
                Some(Poll::Pending) | None => Poll::Pending,
            }
        })
        .await
    }

    /// When to log in anew, before the credentials expire.
    fn refresh_at(&self) -> Option<Instant> {
        const LONGEST_LEAD: Duration = Duration::from_secs(30);
        let left = Duration::from_secs(self.expires_at?).checked_sub(runtime::since_1970())?;
        Some(runtime::after(runtime::now(), left.saturating_sub((left / 4).min(LONGEST_LEAD))))
    }

    /// Moves to another server that is ready for it.
    async fn move_to(&mut self, mut link: Link, found: Found) -> Link {
        let Found { server, established } = found;
        let from = self.shared.server();
        let by = match moving::leave(&mut link, &self.shared).await {
            Ok(by) => by,
            Err(reason) => {
                drop(link);
                self.lost(reason);
                let (link, misfits) = self.arrive(&server, established, true);
                self.reconnected(server, misfits);
                return link;
            }
        };
        if let Some((transport, decoder)) = link.into_parts() {
            runtime::spawn(moving::linger(transport, decoder, Arc::clone(&self.shared), by));
        } else {
            self.shared.with_session(|session, effects| session.end_left(by, effects));
        }
        let (link, misfits) = self.arrive(&server, established, false);
        self.shared.count_reconnect();
        self.shared.tell(&Event::Moved { from, to: server, discarded: misfits });
        link
    }

    /// Makes a lost connection again; `None` where that is not to be, or cannot be.
    async fn again(&mut self, reason: Disconnect) -> Option<Link> {
        let shared = Arc::clone(&self.shared);
        if !shared.options.reconnect.enabled {
            shared.set_closed_by(CloseError::Lost(reason));
            return None;
        }
        let max_failures = shared.options.reconnect.max_attempts;
        let found = self.find(Persistence::Persist { max_failures }).await?;
        // What was asked for meanwhile is what there is now.
        self.orders.mark_unchanged();
        match found {
            Ok(Found { server, established }) => {
                let (link, misfits) = self.adopt(&server, established);
                self.reconnected(server, misfits);
                Some(link)
            }
            // There never was a server to try: the transport had been given.
            Err(attempts) if attempts.is_empty() => {
                shared.set_closed_by(CloseError::Lost(reason));
                None
            }
            Err(attempts) => {
                shared.set_closed_by(CloseError::GaveUp { lost: Some(reason), attempts });
                None
            }
        }
    }

    fn reconnected(&self, server: Arc<ServerAddr>, discarded: u64) {
        self.shared.count_reconnect();
        self.shared.set_state(State::Connected);
        self.shared.tell(&Event::Reconnected { server, discarded });
    }

    /// Takes a new connection into use: subscriptions first, then what waits to be sent. Gives back
    /// how many messages this server does not accept.
    fn adopt(&mut self, server: &Arc<ServerAddr>, established: Established) -> (Link, u64) {
        self.use_server(server, established, |shared, info, control| {
            let mut session = shared.session();
            session.resume(info, runtime::now(), control);
            let info = Arc::clone(session.info());
            let control = std::mem::take(control);
            let misfits =
                shared.outbox.connected(&info, control, |token| session.is_waiting(token));
            (info, misfits)
        })
    }

    /// Takes the connection into use that was moved to. It knows some subscriptions already.
    fn arrive(
        &mut self,
        server: &Arc<ServerAddr>,
        established: Established,
        was_lost: bool,
    ) -> (Link, u64) {
        self.use_server(server, established, |shared, info, control| {
            let mut session = shared.session();
            session.arrive(info, runtime::now(), control);
            let info = Arc::clone(session.info());
            let control = std::mem::take(control);
            let misfits = if was_lost {
                shared.outbox.connected(&info, control, |token| session.is_waiting(token))
            } else {
                shared.outbox.moved(&info, control, |token| session.is_waiting(token))
            };
            (info, misfits)
        })
    }

    fn use_server(
        &mut self,
        server: &Arc<ServerAddr>,
        established: Established,
        take: impl FnOnce(&Shared, ServerInfo, &mut Vec<u8>) -> (Arc<ServerInfo>, Misfits),
    ) -> (Link, u64) {
        let Established { mut transport, mut decoder, info, expires_at } = established;
        transport.limit(info.max_payload);
        let shared = &self.shared;
        decoder.limit_messages(link::message_limit(&shared.options, info.max_payload));
        self.expires_at = expires_at;
        shared.set_server(Arc::clone(server));
        let (info, misfits) = take(shared, info, &mut Vec::new());
        shared.with_session(|session, effects| session.never_sent(&misfits.requests, effects));
        shared.cluster(&info);
        let link = Link::new(transport, decoder, info.lame_duck_mode, shared.options.debug);
        shared.use_pipe(link.pipe());
        (link, misfits.messages)
    }

    fn lost(&mut self, reason: Disconnect) {
        let mut effects = Effects::default();
        let server = self.shared.server();
        let mut session = self.shared.session();
        let was_good = session.has_proved_itself();
        let left = self.shared.outbox.disconnected();
        let unconfirmed =
            session.disconnected(left.accepted, left.kept, &left.requests, &mut effects);
        drop(session);
        let error = match &reason {
            Disconnect::Server(error) => Some(error),
            _ => None,
        };
        // What is meant is no fault of the server's, and the connection is made again at once.
        let meant = matches!(reason, Disconnect::Requested | Disconnect::PageHidden);
        let mut servers = self.shared.servers();
        servers.lost(&server, was_good || meant, error, &self.shared.waits());
        if meant {
            servers.hurry();
        }
        drop(servers);
        // There is no connection that control operations could go to.
        effects.control.clear();
        self.shared.set_state(State::Disconnected);
        self.shared.tell(&Event::Disconnected { server, reason, unconfirmed });
        self.shared.apply(effects);
    }

    /// The end: nobody is left waiting.
    fn closed(&mut self) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let mut effects = Effects::default();
        let mut session = self.shared.session();
        let accepted = self.shared.outbox.close();
        let unconfirmed = accepted.saturating_sub(session.confirmed());
        session.close(&mut effects);
        drop(session);
        effects.control.clear();
        self.shared.apply(effects);
        self.shared.set_state(State::Closed);
        let error = self.shared.closed_by();
        self.shared.tell(&Event::Closed { unconfirmed, error });
    }
}

/// Whether a time has come, where there is one.
fn is_due(timer: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) -> bool {
    timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready())
}

/// Ends the waits between attempts whenever the page wakes; ready when it is put away.
async fn hurry_on_waking(page: &mut Page, shared: &Shared) {
    poll_fn(|cx| {
        while page.poll_woken(cx).is_ready() {
            shared.hurry();
        }
        page.poll_away(cx)
    })
    .await;
}

/// Ends what has waited too long, while there is no connection that would do so.
async fn watch_deadlines(shared: &Shared) -> Infallible {
    let mut timer: Option<(Instant, Pin<Box<Sleep>>)> = None;
    poll_fn(|cx| {
        loop {
            // A statement of its own, so that the session is not locked any longer.
            let next = shared.session().poll_timeout(cx.waker());
            let Some(next) = next else { break };
            let (_, sleep) = match timer.take() {
                Some((at, sleep)) if at == next => timer.insert((at, sleep)),
                _ => timer.insert((next, Box::pin(runtime::sleep_until(next)))),
            };
            if sleep.as_mut().poll(cx).is_pending() {
                break;
            }
            timer = None;
            let accepted = shared.outbox.accepted();
            let now = runtime::now();
            // No PING is out without a connection.
            let _: Result<(), usize> =
                shared.with_session(|session, effects| session.timeout(now, accepted, effects));
        }
        Poll::Pending
    })
    .await
}

/// A driver that is dropped with its runtime, or by a panic, leaves nobody waiting either.
impl Drop for Driver {
    fn drop(&mut self) {
        if !self.has_ended {
            self.shared.set_closed_by(CloseError::TaskEnded);
            self.closed();
        }
    }
}
