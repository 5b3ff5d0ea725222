//! Those who wait for room, in the order in which they came.
//!
//! No more are called than find room, and what they find is promised to them: newcomers do not get
//! it. A promise lapses, since a future that is called may be kept and never polled again, and must
//! not hold up those behind it. Whoever comes too late takes what room there is, or stands where he
//! stood before.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::task::Waker;

/// How many are called and on their way at most. It is enough to keep a few threads busy, since each
/// that has come has another one called, and as many as a worker of tokio queues without a lock.
pub(super) const ON_THEIR_WAY: usize = 128;
/// How often the driver looks before a promise lapses. It is more often than it does in one go, so
/// that whoever is called has had his turn in between.
pub(super) const PATIENCE: u64 = 32;
/// What a message has around subject, headers and payload, about.
const AROUND: usize = 16;

/// A place in the line, while there is one. Whoever has it hands it back by
/// [`Outbox::leave`](super::Outbox::leave).
#[derive(Debug, Default)]
pub(crate) struct Ticket(Option<NonZeroU64>);

impl Ticket {
    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

#[derive(Debug)]
struct Waiter {
    waker: Waker,
    size: usize,
}

#[derive(Debug)]
struct Promise {
    size: usize,
    /// When it was made, in looks.
    at: u64,
}

#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: BTreeMap<NonZeroU64, Waiter>,
    called: BTreeMap<NonZeroU64, Promise>,
    /// The bytes promised to those who were called.
    promised: usize,
    last: u64,
    /// How often the driver has looked.
    looks: u64,
}

impl Line {
    /// Whether nobody waits and nobody is on his way.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.called.is_empty()
    }

    /// Whether a message has to wait where `len` bytes of `high_water` are taken.
    #[inline]
    pub(super) fn has_to_wait(&self, len: usize, high_water: usize, ticket: &Ticket) -> bool {
        match ticket.0 {
            None => len + self.promised >= high_water || !self.waiting.is_empty(),
            Some(number) => len >= high_water || self.is_waiting(number),
        }
    }

    #[cold]
    fn is_waiting(&self, number: NonZeroU64) -> bool {
        self.waiting.contains_key(&number)
    }

    /// Has a message of about `size` bytes wait, where it stood before if it did. The waker that is
    /// given back was the last one's, to be dropped without the lock.
    #[cold]
    #[must_use]
    pub(super) fn stand(
        &mut self,
        ticket: &mut Ticket,
        waker: &Waker,
        size: usize,
    ) -> Option<Waker> {
        let number = *ticket.0.get_or_insert_with(|| {
            self.last += 1;
            NonZeroU64::new(self.last).unwrap_or(NonZeroU64::MIN)
        });
        self.fulfil(number);
        let waiter = Waiter { waker: waker.clone(), size: size + AROUND };
        self.waiting.insert(number, waiter).map(|before| before.waker)
    }

    /// Takes a ticket back. The waker is to be dropped without the lock.
    #[must_use]
    pub(super) fn leave(&mut self, ticket: &mut Ticket) -> Option<Waker> {
        let number = ticket.0.take()?;
        self.fulfil(number);
        self.waiting.remove(&number).map(|waiter| waiter.waker)
    }

    fn fulfil(&mut self, number: NonZeroU64) {
        if let Some(promise) = self.called.remove(&number) {
            self.promised -= promise.size;
        }
    }

    /// Calls those who are next, as far as there is `room`.
    #[must_use]
    pub(super) fn call(&mut self, room: usize) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while self.promised < room && self.called.len() < ON_THEIR_WAY {
            let Some((number, Waiter { waker, size })) = self.waiting.pop_first() else { break };
            self.promised += size;
            self.called.insert(number, Promise { size, at: self.looks });
            wakers.push(waker);
        }
        wakers
    }

    /// The driver looks: promises that are too old lapse.
    pub(super) fn look(&mut self) {
        self.looks += 1;
        if self.called.is_empty() {
            return;
        }
        let (looks, promised) = (self.looks, &mut self.promised);
        self.called.retain(|_, promise| {
            let stands = looks - promise.at <= PATIENCE;
            if !stands {
                *promised -= promise.size;
            }
            stands
        });
    }

    /// Calls everybody, for news that concerns them all.
    #[must_use]
    pub(super) fn dissolve(&mut self) -> Vec<Waker> {
        self.called.clear();
        self.promised = 0;
        std::mem::take(&mut self.waiting).into_values().map(|waiter| waiter.waker).collect()
    }
}
