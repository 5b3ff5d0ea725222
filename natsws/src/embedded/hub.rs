//! The exchange, shared by the tasks of all connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::watch;

use super::ClientId;
use super::exchange::{Exchange, Origin, Outgoing, Rules, Standing};
use super::record::Missed;
use crate::delivery::Delivery;
use crate::protocol::decode::{Decoder, Limits};
use crate::protocol::op::ClientOp;
use crate::runtime::{self, Instant};

/// What one turn may deliver before the tasks of those who receive it get theirs.
const TURN_BYTES: usize = 1024 * 1024;
/// Operations in one turn, so that many that deliver nothing do not keep the lock either.
const TURN_OPS: usize = 4096;
/// nats-server's `max_control_line`, which counts arguments only, and the longest verb.
const MAX_LINE: usize = 4096 + b"CONNECT \r\n".len();

/// The exchange behind a lock, and whom to wake.
pub(super) struct Hub {
    state: Mutex<State>,
    limits: Limits,
    /// Tells those who wait for more in the record.
    news: watch::Sender<()>,
}

struct State {
    exchange: Exchange,
    wakers: HashMap<ClientId, Waker>,
    closed: bool,
    /// Nobody is let in for now.
    refusing: bool,
    /// How far the record was told of.
    told: u64,
}

/// How far the operations of a client were done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// All that the decoder has.
    Done,
    /// It may have more.
    More,
    /// It may have more, but someone who receives them does not keep up.
    Congested,
}

/// What a reader of the record finds.
#[derive(Debug)]
pub(super) enum Reading {
    Next(Result<Delivery, Missed>),
    /// Nothing yet.
    Nothing,
    /// Nothing, and the broker was closed.
    Over,
}

impl Hub {
    pub(super) fn new(rules: Rules, seed: u64) -> Self {
        let limits = Limits { line: MAX_LINE, message: rules.max_payload };
        let exchange = Exchange::new(rules, seed);
        let state =
            State { exchange, wakers: HashMap::new(), closed: false, refusing: false, told: 0 };
        Self { state: Mutex::new(state), limits, news: watch::Sender::new(()) }
    }

    /// A decoder for what one client sends.
    pub(super) fn decoder(&self) -> Decoder {
        Decoder::new(self.limits)
    }

    pub(super) fn connections(&self) -> usize {
        self.lock().exchange.connections()
    }

    pub(super) fn subscriptions(&self) -> usize {
        self.lock().exchange.subscriptions()
    }

    /// Lets a client in, unless the broker was closed or refuses connections.
    pub(super) fn join(&self, origin: Origin) -> Option<ClientId> {
        self.change(|state| {
            let is_open = !(state.closed || state.refusing);
            is_open.then(|| state.exchange.join(origin))
        })
    }

    pub(super) fn leave(&self, id: ClientId) {
        let waker = self.change(|state| {
            state.exchange.cut(id);
            state.wakers.remove(&id)
        });
        drop(waker);
    }

    /// Remembers whom to wake for a client, and says how it stands.
    pub(super) fn attend(&self, id: ClientId, waker: &Waker) -> Standing {
        let mut state = self.lock();
        let known = state.wakers.get(&id).is_some_and(|known| known.will_wake(waker));
        let before = if known { None } else { state.wakers.insert(id, waker.clone()) };
        let standing = state.exchange.standing(id);
        drop(state);
        drop(before);
        standing
    }

    /// Does what a client's decoder has, up to a bound.
    pub(super) fn receive(self: &Arc<Self>, id: ClientId, decoder: &mut Decoder) -> Progress {
        let now = runtime::now();
        let (progress, due) = self.change(|state| {
            let exchange = &mut state.exchange;
            let mut ops = 0;
            let done = loop {
                match decoder.next::<ClientOp>() {
                    Ok(Some(op)) => exchange.apply(id, op, now),
                    Ok(None) => break true,
                    Err(error) => {
                        exchange.refuse(id, error.fault);
                        break true;
                    }
                }
                ops += 1;
                if ops == TURN_OPS || exchange.work().bytes >= TURN_BYTES {
                    break false;
                }
            };
            let progress = match (done, exchange.take_work().congested) {
                (_, true) => Progress::Congested,
                (true, false) => Progress::Done,
                (false, false) => Progress::More,
            };
            (progress, exchange.take_due())
        });
        for at in due {
            self.release_at(at);
        }
        progress
    }

    /// Delivers what is delayed until then, if the broker is still there.
    fn release_at(self: &Arc<Self>, due: Instant) {
        let hub = Arc::downgrade(self);
        runtime::spawn(async move {
            runtime::sleep_until(due).await;
            if let Some(hub) = hub.upgrade() {
                hub.change(|state| state.exchange.release(runtime::now()));
            }
        });
    }

    pub(super) fn drop_messages(&self, filter: &str, messages: Option<u64>) {
        self.change(|state| state.exchange.drop_messages(filter, messages));
    }

    pub(super) fn delay_messages(&self, filter: &str, by: Duration) {
        self.change(|state| state.exchange.delay_messages(filter, by));
    }

    pub(super) fn silence(&self, silent: bool) {
        self.change(|state| state.exchange.silence(silent));
    }

    /// Lets nobody in, or does so again; those who are in stay.
    pub(super) fn refuse(&self, refusing: bool) {
        self.change(|state| state.refusing = refusing);
    }

    pub(super) fn lift_faults(&self) {
        self.change(|state| {
            state.refusing = false;
            state.exchange.lift_faults();
        });
    }

    /// Hears whenever there may be more in the record, or never will be.
    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Reads on in the record from the number `from`.
    pub(super) fn read_record(&self, from: &mut u64, filters: &[&str]) -> Reading {
        let state = self.lock();
        match state.exchange.record().next(from, filters) {
            Some(next) => Reading::Next(next),
            None if state.closed => Reading::Over,
            None => Reading::Nothing,
        }
    }

    /// All that is in the record under one of these filters.
    pub(super) fn recorded(&self, filters: &[&str]) -> Result<Vec<Delivery>, Missed> {
        self.lock().exchange.record().all(filters)
    }

    pub(super) fn forget_published(&self) {
        self.change(|state| state.exchange.forget_published());
    }

    pub(super) fn take(&self, id: ClientId) -> Outgoing {
        self.lock().exchange.take(id)
    }

    pub(super) fn finish(&self, id: ClientId) {
        self.change(|state| state.exchange.finish(id));
    }

    pub(super) fn cut_all(&self) {
        self.change(|state| state.exchange.cut_all());
    }

    /// Lets nobody in any more, and ends all connections behind what waits for them.
    pub(super) fn close(&self) {
        self.change(|state| {
            state.closed = true;
            state.exchange.finish_all();
        });
    }

    /// Lets nobody in any more, and ends all connections at once.
    pub(super) fn abandon(&self) {
        self.change(|state| {
            state.closed = true;
            state.exchange.cut_all();
        });
    }

    /// Changes the state, then wakes whom that concerns when the lock is free again.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        let touched = state.exchange.take_touched();
        let waker = |id: &ClientId| state.wakers.get(id).cloned();
        let wakers = touched.iter().filter_map(waker).collect::<Vec<_>>();
        let end = state.exchange.record().end();
        let has_news = state.closed || state.told != end;
        state.told = end;
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        if has_news {
            self.news.send_replace(());
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
