//! The queue between the connection and the reader of one subscription.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::backlog::Backlog;
use super::hand_over::Batch;
use super::overflow::{Overflow, Pace, QueueLimits};
use super::taken::{Progress, Taken};
use crate::delivery::{Delivery, Place};
use crate::protocol::ServerError;

/// What a subscription's reader finds in its queue.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Delivery(Delivery),
    /// Messages were dropped here, because the reader was too slow.
    Lagged {
        dropped: u64,
    },
    /// The reader was too slow, and the subscription is over by it.
    Overflowed,
    /// The server does not let this user subscribe.
    Denied(ServerError),
    /// No first message came in time.
    TimedOut,
}

/// Filled by the connection once per block that was read, emptied by the subscription in batches.
#[derive(Debug)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each comes true at a time of its own")]
struct Inner {
    items: Backlog,
    /// How much the reader has taken and, as far as it said, not read.
    held: usize,
    /// The bytes of all messages that wait, those that are held among them.
    bytes: usize,
    limits: QueueLimits,
    /// Most queues never have any of it, and there may be many.
    rare: Option<Box<Rare>>,
    /// The subscription is over, because its reader was too slow.
    overflowed: bool,
    received: u64,
    /// Messages go to a handler, and only their number comes here.
    handled: bool,
    /// Nothing more will be pushed.
    ended: bool,
    /// The reader has taken messages and not come back for more: it may still be at work on them.
    reading: bool,
    /// The reader has seen the end, or has gone.
    finished: bool,
    reader: Option<Waker>,
}

/// What a queue has when something is not as it should be, or ends.
#[derive(Debug, Default)]
struct Rare {
    /// Messages dropped since the last one that was kept, which are still to be told.
    gap: u64,
    /// While the reader is too slow: how many were dropped since it is.
    slow: Option<u64>,
    /// The connection was held up for long enough; now messages are dropped.
    gave_way: bool,
    dropped: u64,
    /// The server does not permit the subscription.
    denied: Option<ServerError>,
    drainer: Option<Waker>,
    /// Who waits for room.
    blocked: Option<Waker>,
}

impl Queue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            inner: Mutex::new(Inner {
                items: Backlog::default(),
                held: 0,
                bytes: 0,
                limits,
                rare: None,
                overflowed: false,
                received: 0,
                handled: false,
                ended: false,
                reading: false,
                finished: false,
                reader: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends messages of one block, as far as the limits allow; gives back whom to wake, and what
    /// changed in the order in which it did.
    pub(super) fn push(&self, block: &Bytes, batch: &mut Batch) -> (Option<Waker>, Vec<Pace>) {
        let (batch, bytes) = (&mut batch.places, std::mem::take(&mut batch.bytes));
        let mut inner = self.lock();
        inner.received += batch.len() as u64;
        if inner.finished || inner.overflowed {
            if inner.overflowed {
                inner.rare().dropped += batch.len() as u64;
            }
            batch.clear();
            return (None, Vec::new());
        }
        let mut paces = Vec::new();
        if inner.takes_all(batch.len(), bytes) {
            inner.bytes += bytes;
            inner.items.extend(block, batch.drain(..));
        } else {
            let mut source = Source { block, is_open: false };
            for place in batch.drain(..) {
                inner.push(&mut source, place, &mut paces);
            }
        }
        (inner.reader.take(), paces)
    }

    /// Appends something that is no message; gives back whom to wake.
    pub(crate) fn tell(&self, item: Item) -> Option<Waker> {
        let mut inner = self.lock();
        if inner.finished || inner.overflowed {
            return None;
        }
        inner.tell_gap();
        inner.items.push_item(item);
        inner.reader.take()
    }

    /// Waits until there is room, or nobody reads any more.
    pub(crate) fn poll_room(&self, waker: &Waker) -> Poll<()> {
        let mut inner = self.lock();
        if inner.finished || inner.ended || !inner.is_full(0) {
            drop(inner.take_blocked());
            return Poll::Ready(());
        }
        inner.rare().blocked = Some(waker.clone());
        Poll::Pending
    }

    /// Says that there was room; gives back how many messages were dropped meanwhile, where the
    /// reader was too slow.
    pub(crate) fn recover(&self) -> Option<u64> {
        self.lock().rare.as_mut()?.slow.take()
    }

    /// Messages are dropped from now on while there is no room.
    pub(crate) fn give_way(&self) {
        self.lock().rare().gave_way = true;
    }

    /// Counts messages that went to a handler instead of the queue.
    pub(crate) fn count(&self, messages: u64) {
        let mut inner = self.lock();
        inner.handled = true;
        inner.received += messages;
    }

    /// Notes that the server does not permit the subscription.
    pub(crate) fn deny(&self, error: &ServerError) {
        self.lock().rare().denied = Some(error.clone());
    }

    pub(crate) fn denied(&self) -> Option<ServerError> {
        self.lock().rare.as_ref()?.denied.clone()
    }

    pub(crate) fn is_handled(&self) -> bool {
        self.lock().handled
    }

    /// Says that nothing more will come; gives back whom to wake.
    pub(crate) fn end(&self) -> Option<Waker> {
        let mut inner = self.lock();
        inner.ended = true;
        if !inner.finished {
            inner.tell_gap();
        }
        let drainer = if inner.is_read() { inner.take_drainer() } else { None };
        let blocked = inner.take_blocked();
        let reader = inner.reader.take();
        drop(inner);
        drainer.into_iter().chain(blocked).for_each(Waker::wake);
        reader
    }

    /// Moves what is there into `taken`, all of which has been read. `Ready(false)` is the end.
    #[inline(never)]
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, taken: &mut Taken) -> Poll<bool> {
        let mut inner = self.lock();
        inner.bytes = inner.bytes.saturating_sub(taken.all_read().bytes);
        inner.held = 0;
        inner.reading = !inner.items.is_empty();
        if inner.items.is_empty() {
            let blocked = inner.take_blocked();
            if !inner.ended {
                inner.reader = Some(cx.waker().clone());
                inner.items.shrink();
                drop(inner);
                taken.shrink();
                blocked.into_iter().for_each(Waker::wake);
                return Poll::Pending;
            }
            let wakers = inner.finish();
            drop(inner);
            wakers.into_iter().flatten().chain(blocked).for_each(Waker::wake);
            return Poll::Ready(false);
        }
        let Inner { items, limits, held, .. } = &mut *inner;
        if limits.overflow == Overflow::DropOldest {
            taken.take_few(items, limits);
        } else {
            *held = items.len();
            taken.swap(items, limits);
        }
        let blocked = inner.unblocked();
        drop(inner);
        blocked.into_iter().for_each(Waker::wake);
        Poll::Ready(true)
    }

    /// Hears how far the reader has come.
    #[inline(never)]
    pub(super) fn has_read(&self, read: Progress) {
        let mut inner = self.lock();
        inner.held = inner.held.saturating_sub(read.items);
        inner.bytes = inner.bytes.saturating_sub(read.bytes);
        let blocked = inner.unblocked();
        drop(inner);
        blocked.into_iter().for_each(Waker::wake);
    }

    /// Says that nobody reads any more; what is there is dropped.
    pub(crate) fn abandon(&self) {
        let mut inner = self.lock();
        let dropped = std::mem::take(&mut inner.items);
        let wakers = inner.finish();
        drop(inner);
        drop(dropped);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Waits until nothing more will come and the reader is done with what came. A reader that
    /// looks at nothing, because nothing came, is not waited for.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if inner.is_read() {
            return Poll::Ready(());
        }
        inner.rare().drainer = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    pub(crate) fn is_read(&self) -> bool {
        self.lock().is_read()
    }

    /// Messages that came for the subscription, dropped ones among them.
    pub(crate) fn received(&self) -> u64 {
        self.lock().received
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.lock().rare.as_ref().map_or(0, |rare| rare.dropped)
    }

    /// Messages that wait in the queue.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }
}

impl Inner {
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Tells of what was dropped since the last message that was kept, if anything was.
    fn tell_gap(&mut self) -> bool {
        let dropped = self.rare.as_mut().map_or(0, |rare| std::mem::take(&mut rare.gap));
        if dropped > 0 {
            self.items.push_item(Item::Lagged { dropped });
        }
        dropped > 0
    }

    fn take_drainer(&mut self) -> Option<Waker> {
        self.rare.as_mut()?.drainer.take()
    }

    fn take_blocked(&mut self) -> Option<Waker> {
        self.rare.as_mut()?.blocked.take()
    }

    /// Who waits for room, where there is some.
    fn unblocked(&mut self) -> Option<Waker> {
        if self.is_full(0) { None } else { self.take_blocked() }
    }

    /// How much waits to be read.
    fn waiting(&self) -> usize {
        self.items.len() + self.held
    }

    /// Whether there is room for all of a batch, and nothing to be told before it.
    fn takes_all(&self, messages: usize, bytes: usize) -> bool {
        self.rare.as_ref().is_none_or(|rare| rare.slow.is_none() && rare.gap == 0)
            && self.waiting() + messages <= self.limits.messages
            && self.bytes.saturating_add(bytes) <= self.limits.bytes
    }

    /// Whether a message of this size is over the limits. One that is larger than the whole limit
    /// still gets through when nothing else waits.
    fn is_full(&self, size: usize) -> bool {
        self.waiting() >= self.limits.messages
            || (self.bytes > 0 && self.bytes.saturating_add(size) > self.limits.bytes)
    }

    fn push(&mut self, source: &mut Source<'_>, place: Place, paces: &mut Vec<Pace>) {
        let size = place.size();
        if self.overflowed {
            self.rare().dropped += 1;
        } else if !self.is_full(size) {
            if let Some(rare) = &mut self.rare {
                if let Some(dropped) = rare.slow.take() {
                    rare.gave_way = false;
                    paces.push(Pace::Recovered { dropped });
                }
            }
            self.append(source, place, size);
        } else {
            self.overflow(source, place, size, paces);
        }
    }

    fn append(&mut self, source: &mut Source<'_>, place: Place, size: usize) {
        if self.tell_gap() {
            source.is_open = false;
        }
        self.bytes += size;
        let is_open = std::mem::replace(&mut source.is_open, true);
        self.items.push((!is_open).then_some(source.block), place);
    }

    /// Does what is to be done with a message that is over the limits.
    fn overflow(
        &mut self,
        source: &mut Source<'_>,
        place: Place,
        size: usize,
        paces: &mut Vec<Pace>,
    ) {
        let waiting = self.waiting();
        let rare = self.rare();
        if rare.slow.is_none() {
            rare.slow = Some(0);
            paces.push(Pace::TooSlow { waiting });
        }
        let gave_way = rare.gave_way;
        match self.limits.overflow {
            Overflow::Block if !gave_way => {
                // It has been read already, so it is kept; nothing more will be read.
                self.append(source, place, size);
                if paces.last() != Some(&Pace::Blocked) {
                    paces.push(Pace::Blocked);
                }
            }
            Overflow::DropNewest | Overflow::Block => {
                self.rare().gap += 1;
                self.count_dropped(1);
            }
            Overflow::DropOldest => {
                self.make_room(size);
                if self.items.len() <= 1 {
                    // The message that the block was named with may be gone.
                    source.is_open = false;
                }
                self.append(source, place, size);
            }
            Overflow::Close => {
                self.overflowed = true;
                self.count_dropped(1);
                self.items.push_item(Item::Overflowed);
                paces.push(Pace::Closed);
            }
        }
    }

    fn count_dropped(&mut self, messages: u64) {
        let rare = self.rare();
        rare.dropped += messages;
        rare.slow = rare.slow.map(|dropped| dropped + messages);
    }

    /// Drops from the front, where the gap is then told.
    fn make_room(&mut self, size: usize) {
        let mut gap = 0;
        let mut now = 0;
        // The gap's own item takes a place, too.
        while self.waiting() + 1 >= self.limits.messages || self.is_full(size) {
            match self.items.front_item() {
                None | Some(Item::Lagged { .. }) => {}
                Some(_) => break,
            }
            match self.items.pop() {
                Some(Item::Delivery(delivery)) => {
                    self.bytes = self.bytes.saturating_sub(delivery.size());
                    now += 1;
                }
                Some(Item::Lagged { dropped }) => gap += dropped,
                Some(_) | None => break,
            }
        }
        self.count_dropped(now);
        if let Some(Item::Lagged { dropped }) = self.items.front_item() {
            gap += dropped;
            drop(self.items.pop());
        }
        if gap + now > 0 {
            self.items.push_item_front(Item::Lagged { dropped: gap + now });
        }
    }

    fn is_read(&self) -> bool {
        self.finished || (self.ended && self.items.is_empty() && !self.reading)
    }

    fn finish(&mut self) -> [Option<Waker>; 2] {
        self.finished = true;
        self.bytes = 0;
        self.held = 0;
        [self.take_drainer(), self.take_blocked()]
    }
}

/// The block of the messages that are pushed, and whether the backlog has it open.
struct Source<'b> {
    block: &'b Bytes,
    is_open: bool,
}

#[cfg(test)]
mod tests;
