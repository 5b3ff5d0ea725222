//! One connection to one server: the four steps that move its bytes.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::SinkExt;

use super::pipe::{self, Pipe, SharedPipe};
use super::shared::Shared;
use crate::event::Disconnect;
use crate::options::ConnectOptions;
use crate::protocol::decode::{Decoder, Limits};
use crate::protocol::op::ServerOp;
use crate::protocol::{ProtocolError, ServerError};
use crate::runtime::{self, Instant, Sleep};
use crate::session::Effects;
use crate::transport::{BoxTransport, TransportError};

/// Blocks read before other tasks get their turn.
const ROUNDS: usize = 16;
/// Fewer bytes than this may wait for a turn, where there are requests.
const SMALL: usize = 16 * 1024;
/// Operations routed under one lock.
const OPS: usize = 512;
/// How long closing waits for what was accepted to be written.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// The largest message that is accepted from a server. The server's own limit is for what clients
/// publish, and does not hold for what it answers itself: a stored message comes as base64, which
/// makes it larger by a third, and what is said of a stream names a hundred thousand subjects.
pub(super) fn message_limit(options: &ConnectOptions, max_payload: usize) -> usize {
    const LEAST: usize = 16 * 1024 * 1024;
    const SLACK: usize = 64 * 1024;
    if let Some(max) = options.max_message_size {
        return max;
    }
    let encoded = max_payload.saturating_add(max_payload / 2);
    encoded.max(LEAST).saturating_add(SLACK).min(Limits::LARGEST_MESSAGE)
}

/// One connection to one server, while it lasts: bytes in, bytes out.
pub(super) struct Link {
    pipe: SharedPipe,
    decoder: Decoder,
    timer: Pin<Box<Sleep>>,
    timer_at: Instant,
    /// What the server reported last; it often says why before it closes the connection.
    last_error: Option<ServerError>,
    /// A subscription has no room, and more is read when it does.
    blocked: bool,
    /// The server is about to shut down.
    lame_duck: bool,
    /// What waited was little, and has been left for one turn.
    held_back: bool,
}

impl Link {
    pub(super) fn new(
        transport: BoxTransport,
        decoder: Decoder,
        lame_duck: bool,
        debug: bool,
    ) -> Self {
        let now = runtime::now();
        Self {
            pipe: Arc::new(Mutex::new(Pipe::new(transport, debug))),
            decoder,
            timer: Box::pin(runtime::sleep_until(now)),
            timer_at: now,
            last_error: None,
            blocked: false,
            lame_duck,
            held_back: false,
        }
    }

    /// Whether the server is about to shut down.
    pub(super) fn is_lame_duck(&self) -> bool {
        self.lame_duck
    }

    pub(super) fn pipe(&self) -> &SharedPipe {
        &self.pipe
    }

    /// The transport, and what was read and is not whole.
    pub(super) fn into_parts(mut self) -> Option<(BoxTransport, Decoder)> {
        let transport = pipe::lock(&self.pipe).take()?;
        let decoder = std::mem::replace(&mut self.decoder, Decoder::new(Limits::default()));
        Some((transport, decoder))
    }

    /// The four steps. Each is bounded, and none waits for another: reading goes on while writing
    /// cannot.
    pub(super) fn poll(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<Disconnect> {
        let steps =
            self.receive(shared, cx).and_then(|()| self.timers(shared, cx)).and_then(|()| {
                if self.holds_back(shared, cx) {
                    return Ok(());
                }
                self.transmit(shared, cx)
            });
        match steps {
            Ok(()) => Poll::Pending,
            Err(reason) => Poll::Ready(reason),
        }
    }

    /// As [`poll`](Self::poll), but nothing more is taken to be sent.
    pub(super) fn poll_last(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<Disconnect> {
        let steps =
            self.receive(shared, cx).and_then(|()| self.timers(shared, cx)).and_then(|()| {
                let flushed = pipe::lock(&self.pipe).flush(cx);
                flushed.map(drop).map_err(|error| self.broken(error))
            });
        match steps {
            Ok(()) => Poll::Pending,
            Err(reason) => Poll::Ready(reason),
        }
    }

    fn receive(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Result<(), Disconnect> {
        // What came behind the handshake's PONG is in the decoder already.
        self.dispatch(shared)?;
        for _ in 0..ROUNDS {
            if self.blocked && !shared.may_read(cx.waker()) {
                return Ok(());
            }
            self.blocked = false;
            // A statement of its own, so that the pipe is not locked any longer.
            let received = pipe::lock(&self.pipe).poll_receive(cx);
            match received {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(chunk)) => {
                    self.decoder.push(chunk);
                    self.dispatch(shared)?;
                }
                Poll::Ready(Err(error)) => return Err(self.broken(error)),
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Routes everything that is whole. Operations before a fault still count.
    fn dispatch(&mut self, shared: &Shared) -> Result<(), Disconnect> {
        while !self.decoder.is_idle() {
            let (mut effects, mut fault) = (Effects::default(), None);
            let (mut last_error, mut count) = (None, 0);
            let now = runtime::now();
            let mut session = shared.session();
            let more = self.decoder.each(|op, block| {
                if let ServerOp::Err(text) = &op {
                    let error = ServerError::parse(text);
                    if !error.is_permission() {
                        last_error = Some(error);
                    }
                }
                fault = session.receive(op, block, now, &mut effects).err();
                count += 1;
                count < OPS && fault.is_none()
            });
            session.end_block(now, &mut effects);
            drop(session);
            // Only what is said right before the end says why it ends.
            if count > 0 {
                self.last_error = last_error;
            }
            if let Some(info) = &effects.info {
                self.decoder.limit_messages(message_limit(&shared.options, info.max_payload));
                pipe::lock(&self.pipe).limit(info.max_payload);
                self.lame_duck = info.lame_duck_mode;
            }
            self.blocked = effects.blocked;
            shared.apply(effects);
            if let Some(fault) = fault {
                return Err(Disconnect::Protocol(ProtocolError { fault, at: 0 }));
            }
            more.map_err(Disconnect::Protocol)?;
        }
        Ok(())
    }

    /// The timer is only set anew for an earlier time or when it has fired, not for every block
    /// that moves the next PING.
    fn timers(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Result<(), Disconnect> {
        loop {
            let Some(next) = shared.session().poll_timeout(cx.waker()) else { return Ok(()) };
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
            // Timers are rare where there is much to do.
            shared.outbox.shrink();
            if self.blocked {
                // A subscription may have given way, and nothing else says that more may be read.
                cx.waker().wake_by_ref();
            }
        }
    }

    /// Whether what waits is so little that it waits for one more turn, in which those whose
    /// requests were answered can make the next ones. Each would have a system call of its own
    /// otherwise. With a single request there is nothing to wait for.
    fn holds_back(&mut self, shared: &Shared, cx: &Context<'_>) -> bool {
        let holds_back = !self.held_back
            && (1..SMALL).contains(&shared.outbox.waiting())
            && shared.session().requests_in_flight() >= 2;
        if holds_back {
            cx.waker().wake_by_ref();
        }
        self.held_back = holds_back;
        holds_back
    }

    /// Sends what waits, as far as that goes now.
    pub(super) fn transmit(
        &mut self,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Result<(), Disconnect> {
        let sent = pipe::lock(&self.pipe).transmit(&shared.outbox, cx);
        sent.map_err(|error| self.broken(error))
    }

    /// The reason that a broken connection is reported with.
    fn broken(&mut self, error: TransportError) -> Disconnect {
        match self.last_error.take() {
            Some(error) => Disconnect::Server(error),
            None => Disconnect::Transport(Arc::new(error)),
        }
    }

    /// Sends what waits and closes the transport, both for a short time.
    pub(super) async fn finish(mut self, shared: &Shared) {
        shared.outbox.stop_accepting();
        let finish = async {
            let written = poll_fn(|cx| match self.transmit(shared, cx) {
                Err(_) => Poll::Ready(false),
                Ok(()) if pipe::lock(&self.pipe).is_flushed() => Poll::Ready(true),
                Ok(()) => Poll::Pending,
            });
            if written.await {
                // The connection is over, whether or not this fails.
                let transport = pipe::lock(&self.pipe).take();
                if let Some(mut transport) = transport {
                    drop(transport.close().await);
                }
            }
        };
        // Either way the transport goes with this.
        let _: Option<()> = runtime::timeout(LAST_WRITE, finish).await;
    }
}

/// What is still waiting stays for the next connection: nobody may take it for this one any more.
impl Drop for Link {
    fn drop(&mut self) {
        drop(pipe::lock(&self.pipe).take());
    }
}
