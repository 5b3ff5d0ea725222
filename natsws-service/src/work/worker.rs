//! Feeds the service of some work with what its consumer delivers.

use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use natsws::State;
use natsws::jetstream::{ConsumeError, Delivery, Messages};
use natsws::private::runtime::{self, Sleep};
use tokio::sync::watch;

use super::attend::{Attempt, attend, give_back};
use super::retry::Rules;
use crate::dispatch::{GIVING_UP, Phase};
use crate::incoming::Incoming;
use crate::limits::Limits;
use crate::place::Place;
use crate::route::{ResponseFuture, Route, answered, poll_ready};
use crate::running::Running;
use crate::stats::Counts;
use crate::waiting::Waiting;

/// How many messages are taken before other tasks get their turn.
const TURN: usize = 128;

/// A message that waits for its turn.
struct Held {
    incoming: Incoming,
    delivery: Arc<Delivery>,
}

/// What keeps a consumer's messages coming, and its handler at work.
///
/// It asks for no more than it has room for, and tells the server of everything that it holds, so
/// that nothing comes twice because it waited here.
pub(crate) struct Worker {
    place: Arc<Place>,
    route: Route,
    limits: Limits,
    counts: Arc<Counts>,
    rules: Arc<Rules>,
    running: Running,
    waiting: Waiting<Held>,
    keep: Keep,
}

/// Tells the server that work goes on.
struct Keep {
    every: Duration,
    tick: Pin<Box<Sleep>>,
    held: Vec<Weak<Delivery>>,
}

impl Keep {
    fn new(rules: &Rules) -> Self {
        let every = rules.keep_every;
        Self { every, tick: runtime::sleep(every), held: Vec::new() }
    }

    /// Holds a message; `open` is how many are held at the moment.
    fn hold(&mut self, delivery: &Arc<Delivery>, open: usize) {
        if self.held.len() > 2 * open + 64 {
            self.held.retain(|held| held.strong_count() > 0);
        }
        self.held.push(Arc::downgrade(delivery));
    }

    fn poll(&mut self, place: &Place, cx: &mut Context<'_>) {
        while self.tick.as_mut().poll(cx).is_ready() {
            self.tick = runtime::sleep(self.every);
            // What is said to no server would be kept for the next one, and be out of date there.
            let client = place.client.as_ref();
            if client.is_some_and(|client| client.connection().state() == State::Disconnected) {
                continue;
            }
            self.held.retain(|held| {
                let Some(held) = held.upgrade().filter(|held| !held.is_answered()) else {
                    return false;
                };
                // Where much waits to be sent the next tick tells it.
                let _ = held.try_in_progress();
                true
            });
        }
    }
}

impl Worker {
    pub(crate) fn new(
        place: Arc<Place>,
        route: Route,
        limits: Limits,
        counts: Arc<Counts>,
        rules: Arc<Rules>,
    ) -> Self {
        let keep = Keep::new(&rules);
        let (running, waiting) = (Running::default(), Waiting::default());
        Self { place, route, limits, counts, rules, running, waiting, keep }
    }

    /// Runs until the consumer is gone, or all is done after a drain, or time is up.
    pub(crate) async fn run(mut self, mut messages: Messages, mut phase: watch::Receiver<Phase>) {
        let mut over = phase.clone();
        let work = async {
            tokio::select! {
                biased;
                _ = phase.wait_for(|phase| *phase >= Phase::Draining) => {}
                () = poll_fn(|cx| self.poll(&mut messages, cx)) => {}
            }
            messages.drain();
            self.give_back_waiting();
            poll_fn(|cx| self.poll_rest(&mut messages, cx)).await;
        };
        let in_time = tokio::select! {
            biased;
            _ = over.wait_for(|phase| *phase == Phase::Over) => false,
            () = work => true,
        };
        if !in_time {
            self.waiting.drain().for_each(|held| give_back(&held.delivery));
            self.running.abort();
            let ended = poll_fn(|cx| self.poll_running(cx));
            // A handler that never yields cannot be ended.
            if runtime::timeout(GIVING_UP, ended).await.is_none() {
                tracing::error!(endpoint = self.place.endpoint, "not everything could be given up");
            }
        }
    }

    /// Ready when the consumer delivers no more.
    fn poll(&mut self, messages: &mut Messages, cx: &mut Context<'_>) -> Poll<()> {
        self.keep.poll(&self.place, cx);
        for _ in 0..TURN {
            let waiting = &mut self.waiting;
            self.running.reap(|key| waiting.ended(key));
            self.begin(cx);
            // What was asked for is taken in any case: the server counts the time from when it sent
            // it, and has to hear that it is held.
            messages.set_asking(self.has_room());
            match Pin::new(&mut *messages).poll_next(cx) {
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Ready(Some(Ok(delivery))) => self.take(delivery),
                Poll::Ready(Some(Err(error))) => self.could_not_receive(&error),
                Poll::Pending if self.running.wake_at_end(cx) => return Poll::Pending,
                Poll::Pending => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Gives back what has not begun, but for what the server would not deliver again.
    fn give_back_waiting(&mut self) {
        let held: Vec<_> = self.waiting.drain().collect();
        for held in held {
            self.give_back_or_keep(held);
        }
    }

    fn give_back_or_keep(&mut self, held: Held) {
        if self.rules.is_last_delivery(held.delivery.delivered()) {
            let size = held.delivery.msg().size();
            self.waiting.push(held, None, size);
        } else {
            give_back(&held.delivery);
        }
    }

    /// Gives back what still comes, and is ready when nothing is left to be done.
    fn poll_rest(&mut self, messages: &mut Messages, cx: &mut Context<'_>) -> Poll<()> {
        self.keep.poll(&self.place, cx);
        let is_over = loop {
            match Pin::new(&mut *messages).poll_next(cx) {
                Poll::Ready(Some(Ok(delivery))) => {
                    let held = self.hold(delivery);
                    self.give_back_or_keep(held);
                }
                Poll::Ready(Some(Err(_))) => {}
                Poll::Ready(None) => break true,
                Poll::Pending => break false,
            }
        };
        loop {
            self.running.reap(|_| ());
            self.begin(cx);
            if is_over && self.running.len() == 0 && self.waiting.len() == 0 {
                return Poll::Ready(());
            }
            if self.running.wake_at_end(cx) {
                return Poll::Pending;
            }
        }
    }

    fn poll_running(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.running.reap(|_| ());
            if self.running.len() == 0 {
                return Poll::Ready(());
            }
            if self.running.wake_at_end(cx) {
                return Poll::Pending;
            }
        }
    }

    /// Whether more may be asked for: as many are held ready as run. So many can be asked for at a
    /// time, and come.
    fn has_room(&self) -> bool {
        self.running.len().saturating_add(self.waiting.len()) <= self.limits.concurrency
    }

    /// Tells the server of it from now on.
    fn hold(&mut self, delivery: Delivery) -> Held {
        let delivery = Arc::new(delivery);
        let open = self.running.len().saturating_add(self.waiting.len());
        self.keep.hold(&delivery, open);
        let incoming = Incoming::work(&delivery, Arc::clone(&self.place));
        Held { incoming, delivery }
    }

    fn take(&mut self, delivery: Delivery) {
        let size = delivery.msg().size();
        let held = self.hold(delivery);
        match self.limits.key_of(&held.incoming) {
            Ok(key) => self.waiting.push(held, key, size),
            Err(failed) => self.attend(held, None, Box::pin(ready(Ok(failed)))),
        }
    }

    fn begin(&mut self, cx: &mut Context<'_>) {
        while self.running.len() < self.limits.concurrency && self.waiting.next_ready().is_some() {
            let Poll::Ready(readiness) = poll_ready(&mut self.route, cx) else { return };
            let Some(waiter) = self.waiting.pop() else { return };
            let incoming = waiter.request.incoming.clone();
            let response = answered(&mut self.route, readiness, incoming, None);
            self.attend(waiter.request, waiter.key, response);
        }
    }

    fn attend(&mut self, held: Held, key: Option<u64>, response: ResponseFuture) {
        // Counted now and not before: what is given back was never begun.
        self.counts.received(1);
        let Held { incoming, delivery } = held;
        let (rules, counts) = (Arc::clone(&self.rules), Arc::clone(&self.counts));
        let attempt = Attempt { incoming, response, rules, counts };
        self.running.spawn(key, |running| attend(attempt, delivery, running));
    }

    fn could_not_receive(&self, error: &ConsumeError) {
        let (endpoint, source) = (&self.place.endpoint, error as &dyn std::error::Error);
        tracing::warn!(endpoint, error = source, "the consumer has something to say");
        if error.is_final() {
            self.counts.fail(error.to_string());
        }
        self.counts.keep(error.to_string());
    }
}
