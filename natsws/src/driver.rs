//! The driver: the one task that owns the transport and moves bytes both ways.
//!
//! Handles never talk to it. They lock the session or the outbox, and the first byte that waits
//! wakes it.

mod handshake;
mod link;
mod outbox;
mod reconnect;
mod shared;

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::oneshot;

pub(crate) use outbox::{Body, Refused};
pub(crate) use shared::Shared;

use crate::connect_error::ConnectError;
use crate::event::{Disconnect, Event, State};
use crate::runtime::{self, Instant, Sleep};
use crate::server_addr::ServerAddr;
use crate::session::Effects;
#[cfg(feature = "embedded")]
use crate::transport::BoxTransport;
use link::{Link, message_limit};
use reconnect::Pool;

/// Why the driver leaves a connection.
enum End {
    Lost(Disconnect),
    Stopped,
}

/// Moves bytes between the transport, the session and the outbox of one connection.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    pool: Pool,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, servers: Vec<ServerAddr>) -> Self {
        let stopped = Box::pin(shared.stopped());
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
        let link = match first_connection {
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
        Box::pin(self.keep(link.0)).await;
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
                let (link, _) = self.adopt(server, established);
                self.shared.set_state(State::Connected);
                if first.send(Ok(())).is_err() {
                    self.shared.stop();
                }
                Box::pin(self.keep(link)).await;
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
    async fn keep(&mut self, mut link: Link) {
        loop {
            let end = poll_fn(|cx| {
                if self.stopped.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(End::Stopped);
                }
                link.poll(&self.shared, cx).map(End::Lost)
            })
            .await;
            let reason = match end {
                End::Stopped => return link.finish(&self.shared).await,
                End::Lost(reason) => reason,
            };
            drop(link);
            self.lost(reason.clone());
            let shared = Arc::clone(&self.shared);
            let pool = &mut self.pool;
            let next =
                async { if shared.options.reconnect { pool.next(&shared).await } else { None } };
            let next = tokio::select! {
                biased;
                () = &mut self.stopped => return,
                next = next => next,
                never = watch_deadlines(&shared) => match never {},
            };
            let Some((server, established)) = next else {
                self.shared.set_closed_by(reason);
                return;
            };
            let discarded;
            (link, discarded) = self.adopt(Arc::clone(&server), established);
            self.shared.count_reconnect();
            self.shared.set_state(State::Connected);
            self.shared.tell(Event::Reconnected { server, discarded });
        }
    }

    /// Takes a new connection into use: subscriptions first, then what waits to be sent.
    fn adopt(
        &mut self,
        server: Arc<ServerAddr>,
        established: handshake::Established,
    ) -> (Link, u64) {
        let handshake::Established { transport, mut decoder, info } = established;
        decoder.limit_messages(message_limit(info.max_payload));
        self.shared.set_server(server);
        let mut session = self.shared.session();
        let mut control = bytes::BytesMut::new();
        session.resume(info, runtime::now(), &mut control);
        let info = Arc::clone(session.info());
        let discarded = self.shared.outbox.connected(&info, control);
        drop(session);
        (Link::new(transport, decoder), discarded)
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

/// A driver that is dropped with its runtime leaves nobody waiting either.
impl Drop for Driver {
    fn drop(&mut self) {
        if self.shared.state() != State::Closed {
            self.closed();
        }
    }
}
