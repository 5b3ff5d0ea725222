//! What a reader has taken out of its queue and not read yet.

use std::task::{Context, Poll, ready};

use super::backlog::Backlog;
use super::overflow::{Overflow, QueueLimits};
use super::queue::{Item, Queue};
use crate::runtime;

/// What a reader has taken out of its queue, all at once, and not read yet. Until it has, it counts
/// as waiting.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    items: Backlog,
    /// What was read since the queue was told.
    read: Progress,
    /// When the queue is told next.
    step: Progress,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

impl Progress {
    /// How often a queue hears of its reader: where few may wait, at once.
    fn step(limits: &QueueLimits) -> Self {
        let items = match limits.overflow {
            // One message too much ends the subscription, so what is read counts at once.
            Overflow::Close => 1,
            _ => (limits.messages / 64).clamp(1, 1024),
        };
        Self { items, bytes: (limits.bytes / 64).max(1) }
    }
}

impl Taken {
    /// As [`poll_next`](Self::poll_next), for a task: whoever finds something each time lets others
    /// have their turn now and then. Looking at that once for each time that the queue is locked is
    /// often enough.
    #[cfg_attr(not(browser), inline(always))]
    pub(crate) fn poll_in_turn(
        &mut self,
        queue: &Queue,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Item>> {
        match self.pop(queue) {
            Some(item) => Poll::Ready(Some(item)),
            None => runtime::in_turn(cx, |cx| self.poll_next(queue, cx)),
        }
    }

    /// Takes what has waited longest, out of the queue where nothing is left here. `None` is the end.
    #[cfg_attr(not(browser), inline(always))]
    pub(crate) fn poll_next(&mut self, queue: &Queue, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        loop {
            if let Some(item) = self.pop(queue) {
                return Poll::Ready(Some(item));
            }
            if !ready!(queue.poll_take(cx, self)) {
                return Poll::Ready(None);
            }
        }
    }

    /// Takes what has waited longest.
    #[cfg_attr(not(browser), inline(always))]
    pub(crate) fn pop(&mut self, queue: &Queue) -> Option<Item> {
        let item = self.items.pop()?;
        self.read.items += 1;
        if let Item::Delivery(delivery) = &item {
            self.read.bytes += delivery.size();
        }
        if self.read.items >= self.step.items || self.read.bytes >= self.step.bytes {
            queue.has_read(std::mem::take(&mut self.read));
        }
        Some(item)
    }

    /// All of it has been read; gives back what the queue was not told of yet.
    pub(super) fn all_read(&mut self) -> Progress {
        std::mem::take(&mut self.read)
    }

    /// Takes all that waits, and leaves what was taken before, which is empty.
    pub(super) fn swap(&mut self, items: &mut Backlog, limits: &QueueLimits) {
        std::mem::swap(items, &mut self.items);
        self.step = Progress::step(limits);
    }

    /// Takes only what is read at once, so that the rest can still be dropped for what is newer.
    pub(super) fn take_few(&mut self, items: &mut Backlog, limits: &QueueLimits) {
        const FEW: usize = 16;
        for item in std::iter::from_fn(|| items.pop()).take(FEW) {
            self.items.push_item(item);
        }
        self.step = Progress::step(limits);
    }

    /// Gives much memory back, where nothing is left.
    pub(super) fn shrink(&mut self) {
        self.items.shrink();
    }

    /// How much of it is left.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }
}
