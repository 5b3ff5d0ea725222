//! The subscriptions of a connection, by the id that the server gets for each.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::queue::{Item, Queue};
use super::replies::Collect;
use crate::protocol::encode;
use crate::runtime::Instant;

/// A function that takes a subscription's messages inline with their arrival.
pub(crate) type Handler = Arc<Mutex<dyn FnMut(Item) + Send>>;

/// Where the messages of a subscription go.
pub(crate) enum Target {
    Queue(Arc<Queue>),
    Handler(Box<Inline>),
    /// The one message goes to a request, by its token.
    Request(u64),
    /// All of them go to one request, by its token.
    Replies(u64, Arc<Collect>),
    /// The shared inbox of all requests.
    Inbox,
    /// Whatever another subscription's messages go to, in the order in which they came.
    Follows(u64),
}

/// A handler, and the queue that counts for it.
pub(crate) struct Inline {
    pub(crate) call: Handler,
    pub(crate) queue: Arc<Queue>,
}

/// One subscription.
pub(crate) struct Route {
    pub(crate) subject: Arc<str>,
    pub(crate) queue_group: Option<Box<str>>,
    pub(crate) target: Target,
    pub(crate) received: u64,
    /// How many of them had come before this connection: the server counts from there.
    received_before: u64,
    /// The subscription ends with this many messages, counted over its whole life.
    pub(crate) max: Option<u64>,
    /// One of them was the server's word that nobody is there.
    pub(crate) uncounted: bool,
    /// The server has been told a maximum.
    told_max: bool,
    /// UNSUB has been sent, and the route goes at the PONG that follows.
    pub(crate) draining: bool,
    /// When the first message must have come.
    pub(crate) deadline: Option<Instant>,
    /// Where what came for it is collected, in the block that is being read.
    pub(super) batch: Option<u32>,
    /// The server that the connection is moving to knows it already, and counts from there.
    pub(crate) moved: Option<u64>,
    /// The connection has moved away from the server that alone knows it.
    pub(super) left: Option<u64>,
    /// Those that follow this one: they begin and end with it.
    pub(super) followers: Vec<u64>,
}

impl Route {
    pub(crate) fn new(
        subject: impl Into<Arc<str>>,
        queue_group: Option<String>,
        target: Target,
    ) -> Self {
        Self {
            subject: subject.into(),
            queue_group: queue_group.map(Into::into),
            target,
            received: 0,
            received_before: 0,
            max: None,
            uncounted: false,
            told_max: false,
            draining: false,
            deadline: None,
            batch: None,
            moved: None,
            left: None,
            followers: Vec::new(),
        }
    }

    /// Whether two servers may know the subscription at once, without a message that comes twice:
    /// a queue group gives each message to one member, and a request takes the first reply.
    pub(crate) fn may_overlap(&self) -> bool {
        self.queue_group.is_some() || matches!(self.target, Target::Inbox | Target::Request(_))
    }

    pub(crate) fn queue(&self) -> Option<&Arc<Queue>> {
        match &self.target {
            Target::Queue(queue) => Some(queue),
            Target::Handler(inline) => Some(&inline.queue),
            Target::Replies(_, collect) => Some(&collect.queue),
            Target::Request(_) | Target::Inbox | Target::Follows(_) => None,
        }
    }

    /// The request that the subscription is for alone, by its token.
    pub(super) fn request(&self) -> Option<u64> {
        match &self.target {
            Target::Request(token) | Target::Replies(token, _) => Some(*token),
            _ => None,
        }
    }

    /// Where messages wait for the one who reads them.
    pub(super) fn read_from(&self) -> Option<&Arc<Queue>> {
        match &self.target {
            Target::Queue(queue) => Some(queue),
            Target::Replies(_, collect) => Some(&collect.queue),
            _ => None,
        }
    }

    /// Writes the end of the subscription and of those that follow it.
    pub(crate) fn write_end(&self, sid: u64, out: &mut Vec<u8>) {
        for sid in [sid].iter().chain(&self.followers) {
            encode::unsubscribe(out, *sid, None);
        }
    }

    /// Whether the subscription has had all the messages that it wanted.
    pub(crate) fn is_complete(&self) -> bool {
        self.max.is_some_and(|max| self.received >= max)
    }

    /// Writes what makes a new connection's server know this subscription, with what is left of
    /// its `max`.
    pub(crate) fn write(&mut self, sid: u64, out: &mut Vec<u8>) {
        self.received_before = self.received;
        self.told_max = false;
        encode::subscribe(out, &self.subject, self.queue_group.as_deref(), sid);
        self.write_max(sid, out);
    }

    /// Writes what makes a server know this subscription beside the one that does already.
    pub(crate) fn write_beside(&mut self, sid: u64, out: &mut Vec<u8>) {
        let before = self.received_before;
        self.write(sid, out);
        self.moved = Some(std::mem::replace(&mut self.received_before, before));
        // Both deliver for a while, so neither sees the whole number.
        self.uncounted |= self.max.is_some();
    }

    /// The server beside is the one in use now. `false` where it knows nothing of this yet.
    pub(crate) fn has_moved(&mut self, sid: u64, out: &mut Vec<u8>) -> bool {
        let Some(counts_from) = self.moved.take() else { return false };
        self.received_before = counts_from;
        // It may have been changed meanwhile.
        self.write_max(sid, out);
        self.uncounted |= self.max.is_some();
        true
    }

    /// Writes after how many messages the server ends the subscription, if it does.
    pub(crate) fn write_max(&mut self, sid: u64, out: &mut Vec<u8>) {
        /// What is more than nine digits the server takes for nothing, and ends the subscription.
        const MOST: u64 = 999_999_999;
        // The server counts each of several alone, so it cannot say when all have had enough.
        let Some(max) = self.max.filter(|_| self.followers.is_empty()) else { return };
        let left = max.saturating_sub(self.received_before);
        if left > MOST {
            self.uncounted = true;
            if !self.told_max {
                return;
            }
        }
        encode::unsubscribe(out, sid, Some(left.min(MOST)));
        self.told_max = true;
    }
}

/// All subscriptions: a slab, whose index is in the sid together with a generation, so that a late
/// message for a subscription that is gone never reaches the one that has its place now.
#[derive(Default)]
pub(crate) struct Routes {
    slots: Vec<Slot>,
    /// Those that have waited longest to be used again are first.
    free: VecDeque<usize>,
}

struct Slot {
    generation: u64,
    route: Option<Route>,
}

const INDEX_BITS: u32 = 24;
/// A place is used again when this many are free: sids of places that were not used before are
/// short, and the server repeats them with every message.
const FREE: usize = 64;

impl Routes {
    /// Adds a subscription and names its sid. The first ones are 1, 2, 3.
    pub(crate) fn insert(&mut self, route: Route) -> u64 {
        let free = if self.free.len() >= FREE { self.free.pop_front() } else { None };
        let index = free.unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, route: None });
            self.slots.len() - 1
        });
        match self.slots.get_mut(index) {
            Some(slot) => {
                slot.route = Some(route);
                sid_of(index, slot.generation)
            }
            None => 0,
        }
    }

    pub(crate) fn get(&self, sid: u64) -> Option<&Route> {
        let (index, generation) = place_of(sid)?;
        let slot = self.slots.get(index)?;
        if slot.generation == generation { slot.route.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, sid: u64) -> Option<&mut Route> {
        let (index, generation) = place_of(sid)?;
        let slot = self.slots.get_mut(index)?;
        if slot.generation == generation { slot.route.as_mut() } else { None }
    }

    pub(crate) fn remove(&mut self, sid: u64) -> Option<Route> {
        let (index, generation) = place_of(sid)?;
        let slot = self.slots.get_mut(index)?;
        if slot.generation != generation {
            return None;
        }
        let route = slot.route.take()?;
        slot.generation += 1;
        self.free.push_back(index);
        Some(route)
    }

    /// The sids of all subscriptions for which `wanted` holds.
    pub(crate) fn sids(&self, wanted: impl Fn(&Route) -> bool) -> Vec<u64> {
        self.iter().filter(|(_, route)| wanted(route)).map(|(sid, _)| sid).collect()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut Route)> {
        self.slots.iter_mut().enumerate().filter_map(|(index, slot)| {
            let sid = sid_of(index, slot.generation);
            slot.route.as_mut().map(|route| (sid, route))
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Route)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            slot.route.as_ref().map(|route| (sid_of(index, slot.generation), route))
        })
    }
}

fn sid_of(index: usize, generation: u64) -> u64 {
    (generation << INDEX_BITS) | (index as u64 + 1)
}

fn place_of(sid: u64) -> Option<(usize, u64)> {
    let index = usize::try_from(sid & ((1 << INDEX_BITS) - 1)).ok()?.checked_sub(1)?;
    Some((index, sid >> INDEX_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_message_does_not_reach_the_next_subscription_in_its_place() {
        let mut routes = Routes::default();
        let route = || Route::new("a", None, Target::Inbox);
        assert_eq!((routes.insert(route()), routes.insert(route())), (1, 2));
        assert!(routes.remove(1).is_some());
        let mut next = routes.insert(route());
        // Places are used again, but not at once.
        while next & ((1 << INDEX_BITS) - 1) != 1 {
            assert!(next < 1 << INDEX_BITS, "a new place has a short sid");
            assert!(routes.remove(next).is_some());
            next = routes.insert(route());
        }
        assert_ne!(next, 1);
        assert!(routes.slots.len() <= FREE + 2);
        assert!(routes.get(1).is_none());
        assert!(routes.remove(1).is_none());
        assert!(routes.get(next).is_some());
        assert_eq!(routes.sids(|_| true), [next, 2]);
    }

    #[test]
    fn sids_from_the_peer_are_never_out_of_bounds() {
        let mut routes = Routes::default();
        for sid in [0, 1, 2, u64::MAX, 1 << INDEX_BITS] {
            assert!(routes.get_mut(sid).is_none());
        }
    }
}
