//! The dispatcher of an endpoint: owns its service and feeds it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{FutureExt, Stream};
use natsws::private::runtime;
use natsws::{BoxFuture, Deadline, Msg, PublishError, ServiceError, Subscription};
use tokio::sync::watch;

use crate::answer::{answer, give_up, reply};
use crate::attend::Attend;
use crate::error::BoxError;
use crate::incoming::{Incoming, waited_too_long};
use crate::limits::{Limits, WhenFull};
use crate::place::Place;
use crate::recover::unknown;
use crate::registry::Registry;
use crate::response::Response;
use crate::route::{Route, answered, poll_ready};
use crate::running::Running;
use crate::stats::Counts;
use crate::waiting::Waiting;

/// How many messages are received before other tasks get their turn.
const TURN: usize = 128;

/// How long handlers that are given up have to be dropped.
pub(crate) const GIVING_UP: Duration = Duration::from_secs(1);

/// How far a service or one of its endpoints has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    /// No new requests; what has come is finished.
    Draining,
    /// What is not finished now is given up.
    Over,
}

pub(crate) struct Dispatcher {
    pub(crate) place: Arc<Place>,
    pub(crate) route: Route,
    pub(crate) limits: Limits,
    pub(crate) counts: Arc<Counts>,
    /// Where this is a fallback: what the other endpoints take is not for it.
    pub(crate) others: Option<Arc<Registry>>,
    pub(crate) running: Running,
    pub(crate) waiting: Waiting<Incoming>,
    /// Whether the layers were asked for room and have not said yet. What they hand over then must be
    /// used, or it is lost to others who share the limit.
    pub(crate) asked: bool,
    /// An answer to a request that is not begun, where the connection has no room for it.
    pub(crate) refusing: Option<BoxFuture<'static, ()>>,
}

/// What came of looking for a message.
enum Received {
    One,
    Nothing,
    /// There will be no more.
    Over,
}

impl Dispatcher {
    /// Runs until the subscription is over and every request is answered, or time is up.
    pub(crate) async fn run(
        mut self,
        mut subscription: Subscription,
        mut phase: watch::Receiver<Phase>,
    ) {
        let mut over = phase.clone();
        let work = async {
            tokio::select! {
                biased;
                _ = phase.wait_for(|phase| *phase >= Phase::Draining) => {}
                () = poll_fn(|cx| self.poll(&mut subscription, cx)) => return,
            }
            // Begun, it goes on by itself, and ends the subscription when the server has sent all.
            let _ = subscription.drain().now_or_never();
            poll_fn(|cx| self.poll(&mut subscription, cx)).await;
        };
        let in_time = tokio::select! {
            biased;
            _ = over.wait_for(|phase| *phase == Phase::Over) => false,
            () = work => true,
        };
        if !in_time {
            self.give_up(&mut subscription).await;
        }
    }

    /// Tells every caller that waits that it waits in vain, also those whose requests are still on
    /// their way here.
    async fn give_up(mut self, subscription: &mut Subscription) {
        let _ = subscription.drain().now_or_never();
        self.waiting.drain().for_each(|incoming| give_up(incoming.msg()));
        self.running.abort();
        let ended = poll_fn(|cx| {
            while let Poll::Ready(Some(next)) = Pin::new(&mut *subscription).poll_next(cx) {
                match next {
                    Ok(msg) if self.is_for_others(&msg) => {}
                    Ok(msg) => {
                        self.counts.received(1);
                        give_up(&msg);
                    }
                    Err(error) => self.counts.could_not_receive(&self.place, &error),
                }
            }
            loop {
                self.running.reap(|_| ());
                if self.running.len() == 0 && subscription.is_closed() {
                    return Poll::Ready(());
                }
                if self.running.wake_at_end(cx) {
                    return Poll::Pending;
                }
            }
        });
        // A handler that never yields cannot be ended, and a server that is gone says no more.
        if runtime::timeout(GIVING_UP, ended).await.is_none() {
            tracing::error!(endpoint = self.place.endpoint, "not everything could be given up");
        }
    }

    /// Whether this is a fallback and another endpoint takes the message.
    fn is_for_others(&self, msg: &Msg) -> bool {
        self.others.as_ref().is_some_and(|others| others.takes(msg.subject()))
    }

    fn poll(&mut self, subscription: &mut Subscription, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURN {
            let waiting = &mut self.waiting;
            self.running.reap(|key| waiting.ended(key));
            self.begin(cx);
            let received = self.receive(subscription, cx);
            let over = match received {
                Received::One => continue,
                Received::Nothing => false,
                Received::Over => true,
            };
            let idle = self.waiting.len() == 0 && self.running.len() == 0;
            if over && idle && self.refusing.is_none() {
                return Poll::Ready(());
            }
            // A request that ends wakes nobody unless somebody waits for that.
            let waits = over || self.waiting.len() > 0;
            if !waits || self.running.wake_at_end(cx) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes the next message, and lets it wait or refuses it.
    fn receive(&mut self, subscription: &mut Subscription, cx: &mut Context<'_>) -> Received {
        if let Some(refusing) = &mut self.refusing {
            if refusing.as_mut().poll(cx).is_pending() {
                return Received::Nothing;
            }
            self.refusing = None;
        }
        match Pin::new(subscription).poll_next(cx) {
            Poll::Pending => return Received::Nothing,
            Poll::Ready(None) => return Received::Over,
            Poll::Ready(Some(Ok(msg))) => self.take(msg, cx),
            Poll::Ready(Some(Err(error))) => self.counts.could_not_receive(&self.place, &error),
        }
        Received::One
    }

    fn take(&mut self, msg: Msg, cx: &mut Context<'_>) {
        if self.is_for_others(&msg) {
            return;
        }
        self.counts.received(1);
        let size = msg.size();
        if self.is_full(size) {
            let full = ServiceError::new(503, "the service is overloaded");
            return self.refuse(&msg, &full);
        }
        let incoming = Incoming::new(msg, Arc::clone(&self.place));
        let Ok(key) = self.limits.key_of(&incoming) else {
            return self.refuse(incoming.msg(), &unknown());
        };
        // Mostly nothing waits, and nothing need be put away.
        if key.is_none() && !is_late(&incoming) && self.waiting.len() == 0 && self.has_room() {
            if let Poll::Ready(readiness) = self.poll_ready(cx) {
                return self.start(incoming, None, readiness);
            }
        }
        self.waiting.push(incoming, key, size);
    }

    fn has_room(&self) -> bool {
        self.running.len() < self.limits.concurrency && self.refusing.is_none()
    }

    fn is_full(&self, size: usize) -> bool {
        let Limits { concurrency, when_full, waiting, waiting_bytes, .. } = self.limits;
        let wait = self.waiting.len();
        match when_full {
            WhenFull::Shed => self.running.len().saturating_add(wait) >= concurrency,
            WhenFull::Wait => {
                let bytes = self.waiting.bytes().saturating_add(size);
                wait >= waiting.max(1) || (wait > 0 && bytes > waiting_bytes)
            }
        }
    }

    /// Begins what may begin.
    ///
    /// The layers are asked last, because what they say holds only for the moment: asked early,
    /// load shedding would judge by a load that is long gone, and a limit that several endpoints
    /// share would give its room to one that has nothing to do.
    fn begin(&mut self, cx: &mut Context<'_>) {
        while self.has_room() {
            let Some(is_late) = self.waiting.next_ready().map(is_late) else { return };
            if is_late && !self.asked {
                let Some(waiter) = self.waiting.pop() else { return };
                waiter.key.into_iter().for_each(|key| self.waiting.ended(key));
                self.refuse(waiter.request.msg(), &waited_too_long());
                continue;
            }
            let Poll::Ready(readiness) = self.poll_ready(cx) else { return };
            let Some(mut waiter) = self.waiting.pop() else { return };
            waiter.request.is_late = is_late;
            self.start(waiter.request, waiter.key, readiness);
        }
    }

    /// Answers a request that is not begun.
    fn refuse(&mut self, msg: &Msg, error: &ServiceError) {
        self.counts.refused(error, msg.reply().is_none());
        let response = Response::error(error);
        match reply(msg, response.headers(), response.payload(), None).try_send() {
            Ok(()) | Err(PublishError::NoReplySubject) => {}
            Err(PublishError::WouldBlock) => {
                let msg = msg.clone();
                self.refusing = Some(Box::pin(async move {
                    answer(&msg, None, response).await;
                }));
            }
            Err(error) => tracing::error!(%error, "a request could not be refused"),
        }
    }

    fn start(&mut self, incoming: Incoming, key: Option<u64>, readiness: Result<(), BoxError>) {
        let (msg, deadline) = (incoming.msg().clone(), incoming.deadline());
        let (place, counts) = (Arc::clone(&self.place), Arc::clone(&self.counts));
        let response = answered(&mut self.route, readiness, incoming, deadline);
        self.running
            .spawn(key, |running| Attend::new(msg, response, deadline, place, counts, running));
    }

    /// Asks the service whether it is ready.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let ready = poll_ready(&mut self.route, cx);
        self.asked = ready.is_pending();
        ready
    }
}

fn is_late(incoming: &Incoming) -> bool {
    incoming.deadline().is_some_and(Deadline::has_passed)
}

/// Goes on to a later phase, and never back.
pub(crate) fn advance(phase: &watch::Sender<Phase>, to: Phase) {
    phase.send_if_modified(|phase| {
        let later = *phase < to;
        *phase = to.max(*phase);
        later
    });
}

/// Answers 503 to what comes to a subscription that is not served after all.
pub(crate) async fn turn_away(mut subscription: Subscription) {
    let _ = subscription.drain().now_or_never();
    let rest = async {
        while let Some(next) = subscription.next().await {
            next.iter().for_each(give_up);
        }
    };
    let _ = runtime::timeout(GIVING_UP, rest).await;
}
