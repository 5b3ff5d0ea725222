//! What a block brought, on its way to those who read it: collected by subscription, so that each
//! queue is locked once and each reader woken once.

use std::sync::Arc;

use super::overflow::Pace;
use super::queue::{Item, Queue};
use super::routes::{Route, Target};
use super::{Blocked, Effects, LONGEST_BLOCK, Notice, Session};
use crate::delivery::Place;
use crate::runtime::Instant;

/// The messages of one subscription in the block that is being read.
#[derive(Debug, Default)]
pub(super) struct Batch {
    sid: u64,
    pub(super) places: Vec<Place>,
    pub(super) bytes: usize,
}

/// All of them. Their memory is used again for the next block.
#[derive(Debug, Default)]
pub(super) struct Batches {
    all: Vec<Batch>,
    used: usize,
}

impl Batches {
    /// Adds a message of a subscription that has a batch at `at`, or gets one now.
    #[inline]
    pub(super) fn add(&mut self, at: &mut Option<u32>, sid: u64, place: Place, size: usize) {
        let index = if let Some(index) = *at {
            index as usize
        } else {
            if self.used == self.all.len() {
                self.all.push(Batch::default());
            }
            *at = u32::try_from(self.used).ok();
            self.used += 1;
            self.used - 1
        };
        if let Some(batch) = self.all.get_mut(index) {
            batch.sid = sid;
            batch.places.push(place);
            batch.bytes += size;
        }
    }

    /// The batch of a subscription, where it has one. It has none from now on.
    fn take(&mut self, at: &mut Option<u32>) -> Option<&mut Batch> {
        at.take().and_then(|index| self.all.get_mut(index as usize))
    }
}

impl Session {
    /// Moves what the block brought into the queues.
    pub(super) fn hand_over(&mut self, now: Instant, effects: &mut Effects) {
        let used = std::mem::take(&mut self.batches.used);
        for at in 0..used {
            let Some(batch) = self.batches.all.get_mut(at) else { continue };
            let sid = batch.sid;
            let Some(route) = self.routes.get_mut(sid) else {
                // It ended meanwhile, and its reader has got them.
                batch.places.clear();
                continue;
            };
            route.batch = None;
            let Some(queue) = route.read_from() else { continue };
            let (waker, paces) = queue.push(&self.block, batch);
            effects.wakers.extend(waker);
            match tell(&route.subject, paces, effects) {
                Some(Pace::Blocked) => {
                    let (queue, subject) = (Arc::clone(queue), Arc::clone(&route.subject));
                    if !self.blocked.iter().any(|known| Arc::ptr_eq(&known.queue, &queue)) {
                        let until = now + LONGEST_BLOCK;
                        self.blocked.push(Blocked { queue, subject, until });
                    }
                }
                Some(Pace::Closed) => self.unsubscribe(sid, effects),
                _ => {}
            }
        }
    }

    /// Moves what the block brought for one subscription, which is about to end.
    fn hand_over_last(&mut self, route: &mut Route, queue: &Queue, effects: &mut Effects) {
        if let Some(batch) = self.batches.take(&mut route.batch) {
            let (waker, paces) = queue.push(&self.block, batch);
            effects.wakers.extend(waker);
            tell(&route.subject, paces, effects);
        }
    }

    /// Takes a subscription out; its reader gets what is there, the reason where there is one, and
    /// then the end.
    pub(super) fn end_route(&mut self, sid: u64, reason: Option<Item>, effects: &mut Effects) {
        let Some(mut route) = self.routes.remove(sid) else { return };
        let followers = route.followers.iter();
        effects.ended.extend(followers.filter_map(|sid| self.routes.remove(*sid)));
        if let Some(queue) = route.read_from().cloned() {
            self.hand_over_last(&mut route, &queue, effects);
            effects.wakers.extend(reason.and_then(|reason| queue.tell(reason)));
        }
        if let Some(queue) = route.queue() {
            effects.wakers.extend(queue.end());
            if matches!(route.target, Target::Handler(_)) {
                queue.abandon();
            }
        }
        effects.ended.push(route);
    }
}

/// Tells of a change of pace; gives back what the session has to do.
fn tell(subject: &str, paces: Vec<Pace>, effects: &mut Effects) -> Option<Pace> {
    let mut last = None;
    for pace in paces {
        let subject = subject.to_owned();
        match pace {
            Pace::TooSlow { waiting } => {
                effects.notices.push(Notice::SlowConsumer { subject, waiting });
            }
            Pace::Recovered { dropped } => {
                effects.notices.push(Notice::SlowConsumerRecovered { subject, dropped });
            }
            Pace::Blocked | Pace::Closed => last = Some(pace),
        }
    }
    last
}
