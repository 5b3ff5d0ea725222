//! The one task of a publisher: it takes the acknowledgements, and sees to what has none.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::super::ack::{glance, read_ack};
use super::Core;
use super::outcome::{Failure, Outcome};
use super::window::Answer;
use crate::connection::StateWatch;
use crate::driver::Ticket;
use crate::event::{Event, State};
use crate::msg::Msg;
use crate::protocol::token;
use crate::runtime::{self, Instant, SendFuture, Sleep};
use crate::subscription::{Subscription, SubscriptionError};

/// Acknowledgements taken before others have their turn.
const TURN: usize = 1024;
/// Failures kept for whoever finishes.
const FAILURES: usize = 1000;

/// What a publisher does in the background, until every message has its outcome and nobody
/// publishes any more.
pub(super) struct Keeper {
    core: Arc<Core>,
    answers: Subscription,
    state: State,
    changed: SendFuture<'static, (StateWatch, Option<State>)>,
    reconnects: u64,
    connection: u64,
    timer: Option<(Instant, Pin<Box<Sleep>>)>,
    came: Vec<(u64, Answer)>,
    outcomes: Vec<Outcome>,
    /// Of a message that waits for room.
    ticket: Ticket,
}

impl Keeper {
    /// `on` is the connection that the window begins with.
    pub(super) fn new(core: Arc<Core>, answers: Subscription, on: u64) -> Self {
        let connection = core.js.connection();
        let reconnects = connection.shared().reconnects();
        let watch = connection.status();
        let state = watch.current();
        let changed = Box::pin(next_state(watch));
        Self {
            core,
            answers,
            // What it was before it was looked at is not known to have been the same.
            state,
            changed,
            reconnects,
            connection: on,
            timer: None,
            came: Vec::new(),
            outcomes: Vec::new(),
            ticket: Ticket::default(),
        }
    }

    /// Reads what came; gives back whether the acknowledgements are over.
    fn take_answers(&mut self, cx: &mut Context<'_>) -> bool {
        let core = Arc::clone(&self.core);
        for _ in 0..TURN {
            match Pin::new(&mut self.answers).poll_next(cx) {
                Poll::Ready(Some(Ok(msg))) => self.came.extend(core.read(&msg)),
                // Without acknowledgements nothing can be known any more.
                Poll::Ready(None | Some(Err(SubscriptionError::Denied(_)))) => return true,
                Poll::Ready(Some(Err(_))) => {}
                Poll::Pending => return false,
            }
        }
        cx.waker().wake_by_ref();
        false
    }

    fn look_at_state(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready((watch, state)) = self.changed.as_mut().poll(cx) {
            self.state = state.unwrap_or(State::Closed);
            if self.state == State::Closed {
                // It says nothing else from now on.
                self.changed = Box::pin(std::future::pending());
                return;
            }
            self.changed = Box::pin(next_state(watch));
        }
    }

    /// Waits for the time when something may be late.
    fn poll_timer(&mut self, at: Option<Instant>, cx: &mut Context<'_>) {
        let Some(at) = at else {
            self.timer = None;
            return;
        };
        if self.timer.as_ref().is_none_or(|(known, _)| *known != at) {
            self.timer = Some((at, Box::pin(runtime::sleep_until(at))));
        }
        if let Some((_, timer)) = &mut self.timer {
            if timer.as_mut().poll(cx).is_ready() {
                self.timer = None;
                cx.waker().wake_by_ref();
            }
        }
    }

    /// Tells who wants to know; gives back how many outcomes there were.
    fn tell(&mut self) -> usize {
        let told = self.outcomes.len();
        for outcome in self.outcomes.drain(..) {
            self.core.tell(outcome);
        }
        told
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.core.js.connection().shared().outbox.leave(&mut self.ticket);
    }
}

impl Future for Keeper {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let core = Arc::clone(&this.core);
        let shared = core.js.connection().shared();
        let over = this.take_answers(cx);
        this.look_at_state(cx);
        let reconnects = shared.reconnects();
        let connection = shared.outbox.connection();
        // One that was moved is lost for nobody, but answers may be.
        let is_new = (this.reconnects, this.connection) != (reconnects, connection);
        (this.reconnects, this.connection) = (reconnects, connection);

        let now = runtime::now();
        let mut window = core.window();
        window.set_keeper(cx.waker());
        for (token, answer) in this.came.drain(..) {
            window.answer(token, answer, now, &mut this.outcomes);
        }
        window.set_up(matches!(this.state, State::Connected | State::Draining));
        if is_new {
            window.left_behind(connection);
        }
        if window.check_at().is_some_and(|at| at <= now) {
            window.check(now, &mut this.outcomes);
        }
        if over || this.state == State::Closed {
            window.close(&mut this.outcomes);
        }
        let mut fills_batch = false;
        let ticket = &mut this.ticket;
        window.send(now, &mut this.outcomes, |parcel| {
            core.hand(parcel, Some((ticket, cx.waker())), &mut fills_batch)
        });
        let check_at = window.check_at();
        let mut is_done = window.left && window.is_settled();
        let mut waiter = window.take_waiter();
        drop(window);

        if fills_batch {
            shared.lend_a_hand();
        }
        if !this.outcomes.is_empty() {
            // Room there is already, and what is told may take its time.
            waiter.take().into_iter().for_each(std::task::Waker::wake);
            let told = this.tell();
            let mut window = core.window();
            window.told(told);
            is_done = window.left && window.is_settled();
            waiter = window.take_waiter();
        }
        waiter.into_iter().for_each(std::task::Waker::wake);
        if is_done {
            return Poll::Ready(());
        }
        this.poll_timer(check_at, cx);
        Poll::Pending
    }
}

async fn next_state(mut watch: StateWatch) -> (StateWatch, Option<State>) {
    let state = watch.changed().await;
    (watch, state)
}

impl Core {
    /// What came, and for which attempt of which message.
    fn read(&self, msg: &Msg) -> Option<(u64, Answer)> {
        let token = token::read(msg.subject().as_bytes().get(self.inbox.len()..)?)?;
        if msg.delivery().is_no_responders() {
            let has_jetstream = self.js.connection().server_info().jetstream;
            return Some((token, Answer::NoResponders { has_jetstream }));
        }
        if !self.wants_acks() {
            if let Some(duplicate) = glance(msg.payload()) {
                return Some((token, Answer::Stored { duplicate, ack: None }));
            }
        }
        Some((
            token,
            match read_ack(msg.payload()) {
                Ok(ack) => Answer::Stored { duplicate: ack.duplicate, ack: Some(ack) },
                Err(fault) => Answer::Failed(fault),
            },
        ))
    }

    fn tell(&self, outcome: Outcome) {
        let Outcome { number, subject, result, receiver } = outcome;
        if let Some(on_outcome) = &self.on_outcome {
            let call = || (super::lock(on_outcome))(number, result.as_ref());
            if catch_unwind(AssertUnwindSafe(call)).is_err() {
                self.js.connection().shared().tell(&Event::HandlerPanicked);
            }
        }
        if let Some(receiver) = receiver {
            // Whoever wanted to know may not any more.
            let _: Result<(), _> = receiver.send(result);
        } else if let Err(error) = result {
            let subject = subject.unwrap_or_default();
            let mut failures = super::lock(&self.failures);
            if self.is_left() {
                tracing::warn!(number, %error, "a message is not known to be stored");
            } else if failures.len() < FAILURES {
                failures.push(Failure { number, subject, error });
            }
        }
    }
}
