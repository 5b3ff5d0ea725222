//! Requests that wait for their reply: a slab, with no timer, channel or task for each.

use std::task::{Poll, Waker};
use std::time::Duration;

use crate::delivery::Delivery;
use crate::runtime::{self, Instant};

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Reply(Delivery),
    /// Of many replies the last one has come.
    Complete,
    NoResponders,
    TimedOut,
    /// The connection was lost; says whether the request may have been delivered before.
    Disconnected {
        maybe_delivered: bool,
    },
    /// The user may not publish to the subject.
    Denied,
    Closed,
}

#[derive(Debug)]
enum State {
    Free,
    Waiting(Option<Waker>),
    Done(Outcome),
}

#[derive(Debug)]
struct Slot {
    generation: u64,
    state: State,
    deadline: Instant,
    subject: SubjectHash,
    /// The subscription that is this request's alone, where it has one.
    sid: Option<u64>,
}

/// A subject's hash: enough to find the request that a permission error is about, without keeping
/// a copy of the subject for each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SubjectHash(u64);

impl SubjectHash {
    /// FNV-1a. An attacker cannot choose the subjects of requests that are in flight here.
    pub(crate) fn of(subject: &str) -> Self {
        let hash = subject.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(hash)
    }
}

/// All requests in flight. A token is the slot's index and its generation, so that a late reply
/// never reaches the request that has the slot now.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// No deadline is before this; it may be early, since requests that end do not move it.
    earliest: Option<Instant>,
    /// Before this the slots are not looked through again.
    rests_until: Option<Instant>,
}

/// How long looking through the slots rests afterwards, for each of them. It takes a few nanoseconds
/// for each, and where deadlines pass all the while it would do nothing else. A request of a hundred
/// thousand times out up to ten milliseconds late by it, and one of a few is not late.
const REST: Duration = Duration::from_nanos(100);

const INDEX_BITS: u32 = 24;

impl Requests {
    /// Takes a slot until `deadline` and gives its token.
    pub(crate) fn insert(&mut self, deadline: Instant, subject: SubjectHash, waker: &Waker) -> u64 {
        self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
        let state = State::Waiting(Some(waker.clone()));
        if let Some(index) = self.free.pop() {
            if let Some(slot) = self.slots.get_mut(index) {
                *slot = Slot { generation: slot.generation, state, deadline, subject, sid: None };
                return token_of(index, slot.generation);
            }
        }
        self.slots.push(Slot { generation: 0, state, deadline, subject, sid: None });
        token_of(self.slots.len() - 1, 0)
    }

    fn slot(&mut self, token: u64) -> Option<&mut Slot> {
        let index = usize::try_from(token & ((1 << INDEX_BITS) - 1)).ok()?;
        let slot = self.slots.get_mut(index)?;
        (slot.generation == token >> INDEX_BITS && !matches!(slot.state, State::Free))
            .then_some(slot)
    }

    /// Whether the request has no outcome yet.
    pub(crate) fn is_waiting(&self, token: u64) -> bool {
        let index = usize::try_from(token & ((1 << INDEX_BITS) - 1)).ok();
        index.and_then(|index| self.slots.get(index)).is_some_and(|slot| {
            slot.generation == token >> INDEX_BITS && matches!(slot.state, State::Waiting(_))
        })
    }

    /// Notes the subscription that is this request's alone.
    pub(crate) fn owns(&mut self, token: u64, sid: u64) {
        if let Some(slot) = self.slot(token) {
            slot.sid = Some(sid);
        }
    }

    /// Takes the outcome, which frees the slot, or leaves the waker.
    pub(crate) fn poll(&mut self, token: u64, waker: &Waker) -> Poll<Outcome> {
        let Some(slot) = self.slot(token) else { return Poll::Ready(Outcome::Closed) };
        match &mut slot.state {
            State::Done(_) => {
                let State::Done(outcome) = std::mem::replace(&mut slot.state, State::Free) else {
                    return Poll::Pending;
                };
                self.release(token);
                Poll::Ready(outcome)
            }
            State::Waiting(current) => {
                if !current.as_ref().is_some_and(|current| current.will_wake(waker)) {
                    *current = Some(waker.clone());
                }
                Poll::Pending
            }
            State::Free => Poll::Ready(Outcome::Closed),
        }
    }

    /// Gives a slot up, whether or not it has an outcome; names the subscription it owned.
    pub(crate) fn cancel(&mut self, token: u64) -> Option<u64> {
        let slot = self.slot(token)?;
        slot.state = State::Free;
        let sid = slot.sid.take();
        self.release(token);
        sid
    }

    fn release(&mut self, token: u64) {
        if let Ok(index) = usize::try_from(token & ((1 << INDEX_BITS) - 1)) {
            if let Some(slot) = self.slots.get_mut(index) {
                slot.generation += 1;
                self.free.push(index);
            }
        }
    }

    /// Ends a request by what came for it; gives back whom to wake. Only the first outcome counts.
    #[inline]
    pub(crate) fn answer(&mut self, token: u64, outcome: Outcome) -> Option<Waker> {
        let slot = self.slot(token)?;
        let State::Waiting(waker) = &mut slot.state else { return None };
        let waker = waker.take();
        slot.state = State::Done(outcome);
        waker
    }

    /// Ends a request. Only the first outcome counts; later ones find nobody.
    pub(crate) fn complete(&mut self, token: u64, outcome: Outcome) -> Ended {
        let mut ended = Ended::default();
        if let Some(slot) = self.slot(token) {
            ended.add(slot, outcome);
        }
        ended
    }

    /// Gives a request that goes on until then.
    pub(crate) fn wait_until(&mut self, token: u64, deadline: Instant) {
        self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
        if let Some(slot) = self.slot(token) {
            slot.deadline = deadline;
        }
    }

    /// Ends every request whose deadline has passed, unless it has just been looked for some.
    pub(crate) fn expire(&mut self, now: Instant) -> Ended {
        let mut ended = Ended::default();
        if self.earliest().is_none_or(|earliest| earliest > now) {
            return ended;
        }
        self.earliest = None;
        let slots = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.rests_until = Some(runtime::after(now, REST.saturating_mul(slots)));
        for slot in &mut self.slots {
            if !matches!(slot.state, State::Waiting(_)) {
                continue;
            }
            if slot.deadline <= now {
                ended.add(slot, Outcome::TimedOut);
            } else {
                let earliest = self.earliest.map_or(slot.deadline, |at| at.min(slot.deadline));
                self.earliest = Some(earliest);
            }
        }
        ended
    }

    /// Ends every request that `outcome` has one for, by its token and subject.
    pub(crate) fn end(
        &mut self,
        mut outcome: impl FnMut(u64, SubjectHash) -> Option<Outcome>,
    ) -> Ended {
        let mut ended = Ended::default();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if matches!(slot.state, State::Waiting(_)) {
                if let Some(outcome) = outcome(token_of(index, slot.generation), slot.subject) {
                    ended.add(slot, outcome);
                }
            }
        }
        ended
    }

    /// When [`expire`](Self::expire) is next worth calling.
    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.earliest.map(|earliest| self.rests_until.map_or(earliest, |until| earliest.max(until)))
    }

    /// How many slots are taken.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

/// What ending requests leaves to do.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) wakers: Vec<Waker>,
    /// Subscriptions that were theirs alone.
    pub(crate) sids: Vec<u64>,
}

impl Ended {
    fn add(&mut self, slot: &mut Slot, outcome: Outcome) {
        if let State::Waiting(waker) = &mut slot.state {
            self.wakers.extend(waker.take());
            self.sids.extend(slot.sid.take());
            slot.state = State::Done(outcome);
        }
    }
}

fn token_of(index: usize, generation: u64) -> u64 {
    (generation << INDEX_BITS) | index as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(requests: &mut Requests, deadline: Instant) -> u64 {
        requests.insert(deadline, SubjectHash::of("a"), Waker::noop())
    }

    #[test]
    fn each_request_ends_once_and_its_slot_is_used_again_under_another_token() {
        let mut requests = Requests::default();
        let deadline = runtime::now() + Duration::from_secs(1);
        let first = insert(&mut requests, deadline);
        assert_eq!(requests.complete(first, Outcome::NoResponders).wakers.len(), 1);
        assert_eq!(requests.complete(first, Outcome::TimedOut).wakers.len(), 0);
        assert!(matches!(requests.poll(first, Waker::noop()), Poll::Ready(Outcome::NoResponders)));
        assert_eq!(requests.len(), 0);
        let second = insert(&mut requests, deadline);
        assert_ne!(first, second);
        assert_eq!(requests.complete(first, Outcome::NoResponders).wakers.len(), 0);
        assert!(requests.poll(second, Waker::noop()).is_pending());
    }

    #[test]
    fn an_abandoned_request_keeps_nothing() {
        let mut requests = Requests::default();
        let deadline = runtime::now() + Duration::from_secs(1);
        for _ in 0..1000 {
            let token = insert(&mut requests, deadline);
            requests.cancel(token);
            requests.cancel(token);
        }
        assert_eq!((requests.len(), requests.slots.len(), requests.free.len()), (0, 1, 1));
    }

    #[test]
    fn only_requests_whose_deadline_has_passed_time_out() {
        let mut requests = Requests::default();
        let now = runtime::now();
        let (soon, later) = (now + Duration::from_secs(1), now + Duration::from_secs(2));
        let first = insert(&mut requests, soon);
        let second = insert(&mut requests, later);
        assert_eq!(requests.expire(now).wakers.len(), 0);
        assert_eq!(requests.earliest(), Some(soon));
        assert_eq!(requests.expire(soon).wakers.len(), 1);
        assert_eq!(requests.earliest(), Some(later));
        assert!(matches!(requests.poll(first, Waker::noop()), Poll::Ready(Outcome::TimedOut)));
        assert!(requests.poll(second, Waker::noop()).is_pending());
    }

    #[test]
    fn of_a_hundred_thousand_whose_deadlines_pass_all_the_while_few_looks_find_all() {
        const COUNT: u32 = 100_000;
        let mut requests = Requests::default();
        let begun = runtime::now();
        // A hundred of them each millisecond, for a second.
        for number in 1..=COUNT {
            insert(&mut requests, begun + Duration::from_micros(10) * number);
        }
        let (mut looks, mut ended) = (0, 0);
        for millis in 1..=1020 {
            let now = begun + Duration::from_millis(millis);
            looks += u32::from(requests.earliest().is_some_and(|at| at <= now));
            ended += requests.expire(now).wakers.len();
            let due = usize::try_from(millis * 100).expect("small").min(COUNT as usize);
            let late = due.saturating_sub(ended);
            assert!(late <= 1000, "{late} are more than ten milliseconds late");
        }
        // The first after a millisecond, and from then on one every ten.
        assert_eq!((looks, ended), (101, COUNT as usize));
        assert_eq!(requests.earliest(), None);
    }

    #[test]
    fn a_permission_error_ends_the_requests_on_that_subject() {
        let mut requests = Requests::default();
        let deadline = runtime::now() + Duration::from_secs(1);
        let denied = insert(&mut requests, deadline);
        let other = requests.insert(deadline, SubjectHash::of("b"), Waker::noop());
        let hash = SubjectHash::of("a");
        let ended = requests.end(|_, subject| (subject == hash).then_some(Outcome::Denied));
        assert_eq!(ended.wakers.len(), 1);
        assert!(matches!(requests.poll(denied, Waker::noop()), Poll::Ready(Outcome::Denied)));
        assert!(requests.poll(other, Waker::noop()).is_pending());
    }
}
