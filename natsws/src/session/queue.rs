//! The queue between the connection and the reader of one subscription.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::delivery::Delivery;
use crate::protocol::ServerError;

/// What a subscription's reader finds in its queue.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Delivery(Delivery),
    /// Messages were dropped here, because the reader was too slow.
    Lagged {
        dropped: u64,
    },
    /// The server does not let this user subscribe.
    Denied(ServerError),
    /// No first message came in time.
    TimedOut,
}

/// How much a queue holds before messages are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { messages: 65_536, bytes: 64 * 1024 * 1024 }
    }
}

/// What pushing a batch changed about the queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Unchanged,
    /// The first message was dropped.
    TooSlow,
    /// The first message was kept again.
    Recovered {
        dropped: u64,
    },
}

/// Filled by the connection once per block that was read, emptied by the subscription in batches.
#[derive(Debug)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each comes true at a time of its own")]
struct Inner {
    items: VecDeque<Item>,
    bytes: usize,
    limits: QueueLimits,
    /// Messages dropped since the last one that was kept.
    gap: u64,
    dropped: u64,
    received: u64,
    /// Messages go to a handler, and only their number comes here.
    handled: bool,
    /// The server does not permit the subscription.
    denied: Option<ServerError>,
    /// Nothing more will be pushed.
    ended: bool,
    /// The reader has taken messages and not come back for more: it may still be at work on them.
    reading: bool,
    /// The reader has seen the end, or has gone.
    finished: bool,
    reader: Option<Waker>,
    drainer: Option<Waker>,
}

/// How many items a reader takes in one lock at most. More would be counted as read before they
/// are, and so hide that the reader is slow.
const BATCH: usize = 1024;

impl Queue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            inner: Mutex::new(Inner {
                items: VecDeque::new(),
                bytes: 0,
                limits,
                gap: 0,
                dropped: 0,
                received: 0,
                handled: false,
                denied: None,
                ended: false,
                reading: false,
                finished: false,
                reader: None,
                drainer: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends what was read, dropping what is over the limits; gives back whom to wake.
    pub(crate) fn push(&self, batch: &mut Vec<Item>) -> (Option<Waker>, Pace) {
        let mut inner = self.lock();
        if inner.finished {
            inner.received += batch.len() as u64;
            batch.clear();
            return (None, Pace::Unchanged);
        }
        let mut pace = Pace::Unchanged;
        for item in batch.drain(..) {
            if let Some(change) = inner.push(item) {
                pace = change;
            }
        }
        (inner.reader.take(), pace)
    }

    /// Counts messages that went to a handler instead of the queue.
    pub(crate) fn count(&self, messages: u64) {
        let mut inner = self.lock();
        inner.handled = true;
        inner.received += messages;
    }

    /// Notes that the server does not permit the subscription.
    pub(crate) fn deny(&self, error: &ServerError) {
        self.lock().denied = Some(error.clone());
    }

    pub(crate) fn denied(&self) -> Option<ServerError> {
        self.lock().denied.clone()
    }

    pub(crate) fn is_handled(&self) -> bool {
        self.lock().handled
    }

    /// Says that nothing more will come; gives back whom to wake.
    pub(crate) fn end(&self) -> Option<Waker> {
        let mut inner = self.lock();
        inner.ended = true;
        let dropped = std::mem::take(&mut inner.gap);
        if dropped > 0 && !inner.finished {
            inner.items.push_back(Item::Lagged { dropped });
        }
        let waiting = if inner.is_read() { inner.drainer.take() } else { None };
        let reader = inner.reader.take();
        drop(inner);
        waiting.into_iter().for_each(Waker::wake);
        reader
    }

    /// Moves what is there into `local`, which is empty. `Ready(false)` is the end.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, local: &mut VecDeque<Item>) -> Poll<bool> {
        let mut inner = self.lock();
        inner.reading = !inner.items.is_empty();
        if inner.items.is_empty() {
            if !inner.ended {
                inner.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let drainer = inner.finish();
            drop(inner);
            drainer.into_iter().for_each(Waker::wake);
            return Poll::Ready(false);
        }
        if inner.items.len() <= BATCH {
            std::mem::swap(&mut inner.items, local);
            inner.bytes = 0;
        } else {
            local.extend(inner.items.drain(..BATCH));
            let taken: usize = local.iter().map(Item::size).sum();
            inner.bytes = inner.bytes.saturating_sub(taken);
        }
        Poll::Ready(true)
    }

    /// Says that nobody reads any more; what is there is dropped.
    pub(crate) fn abandon(&self) {
        let mut inner = self.lock();
        let dropped = std::mem::take(&mut inner.items);
        let drainer = inner.finish();
        drop(inner);
        drop(dropped);
        drainer.into_iter().for_each(Waker::wake);
    }

    /// Waits until nothing more will come and the reader is done with what came. A reader that
    /// looks at nothing, because nothing came, is not waited for.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if inner.is_read() {
            return Poll::Ready(());
        }
        inner.drainer = Some(cx.waker().clone());
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
        self.lock().dropped
    }

    /// Messages that wait in the queue.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }
}

impl Inner {
    fn push(&mut self, item: Item) -> Option<Pace> {
        let Item::Delivery(delivery) = &item else {
            self.items.push_back(item);
            return None;
        };
        self.received += 1;
        let size = delivery.size();
        // A message larger than the whole limit still gets through when nothing else waits.
        let full = self.items.len() >= self.limits.messages
            || (self.bytes > 0 && self.bytes.saturating_add(size) > self.limits.bytes);
        if full {
            self.gap += 1;
            self.dropped += 1;
            return (self.gap == 1).then_some(Pace::TooSlow);
        }
        let dropped = std::mem::take(&mut self.gap);
        if dropped > 0 {
            self.items.push_back(Item::Lagged { dropped });
        }
        self.bytes += size;
        self.items.push_back(item);
        (dropped > 0).then_some(Pace::Recovered { dropped })
    }

    fn is_read(&self) -> bool {
        self.finished || (self.ended && self.items.is_empty() && !self.reading)
    }

    fn finish(&mut self) -> Option<Waker> {
        self.finished = true;
        self.bytes = 0;
        self.drainer.take()
    }
}

impl Item {
    fn size(&self) -> usize {
        match self {
            Self::Delivery(delivery) => delivery.size(),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::delivery::Offsets;

    fn message(payload: &'static str) -> Item {
        let at = Offsets {
            subject_end: 0,
            reply_start: 0,
            reply_end: 0,
            headers_start: 0,
            payload_start: 0,
        };
        Item::Delivery(Delivery::new(Bytes::from_static(payload.as_bytes()), at))
    }

    fn shown(queue: &Queue) -> Vec<String> {
        let mut local = VecDeque::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut all = Vec::new();
        while let Poll::Ready(true) = queue.poll_take(&mut cx, &mut local) {
            all.extend(local.drain(..).map(|item| match item {
                Item::Delivery(delivery) => {
                    String::from_utf8_lossy(delivery.payload_bytes()).into_owned()
                }
                other => format!("{other:?}"),
            }));
        }
        all
    }

    #[test]
    fn a_gap_is_an_item_where_it_happened() {
        let queue = Queue::new(QueueLimits { messages: 2, bytes: 100 });
        let mut batch = vec![message("a"), message("b"), message("c"), message("d")];
        assert_eq!(queue.push(&mut batch).1, Pace::TooSlow);
        assert_eq!(shown(&queue), ["a", "b"]);
        assert_eq!(queue.push(&mut vec![message("e")]).1, Pace::Recovered { dropped: 2 });
        assert_eq!(shown(&queue), ["Lagged { dropped: 2 }", "e"]);
        assert_eq!((queue.received(), queue.dropped()), (5, 2));
    }

    #[test]
    fn a_gap_at_the_end_is_not_lost() {
        let queue = Queue::new(QueueLimits { messages: 1, bytes: 100 });
        queue.push(&mut vec![message("a"), message("b")]);
        assert!(queue.end().is_none());
        assert_eq!(shown(&queue), ["a", "Lagged { dropped: 1 }"]);
        assert!(queue.is_read());
    }

    #[test]
    fn bytes_are_limited_too_but_never_shut_out_a_single_message() {
        let queue = Queue::new(QueueLimits { messages: 10, bytes: 4 });
        queue.push(&mut vec![message("123456"), message("x")]);
        assert_eq!(shown(&queue), ["123456"]);
        queue.push(&mut vec![message("1234"), message("5")]);
        assert_eq!(shown(&queue), ["Lagged { dropped: 1 }", "1234"]);
        assert_eq!(queue.dropped(), 2);
    }

    #[test]
    fn a_queue_is_read_when_its_reader_comes_back_for_more() {
        let queue = Queue::new(QueueLimits::default());
        let mut cx = Context::from_waker(Waker::noop());
        let mut local = VecDeque::new();
        queue.push(&mut vec![message("a")]);
        queue.end();
        assert!(!queue.is_read());
        assert_eq!(queue.poll_take(&mut cx, &mut local), Poll::Ready(true));
        assert!(!queue.is_read(), "the reader is at work");
        assert_eq!(queue.poll_take(&mut cx, &mut local), Poll::Ready(false));
        assert!(queue.is_read());
        let nothing_came = Queue::new(QueueLimits::default());
        assert!(!nothing_came.is_read());
        nothing_came.end();
        assert!(nothing_came.is_read());
    }

    #[test]
    fn an_abandoned_queue_keeps_nothing() {
        let queue = Queue::new(QueueLimits::default());
        queue.push(&mut vec![message("a")]);
        queue.abandon();
        queue.push(&mut vec![message("b")]);
        assert_eq!((queue.len(), queue.received()), (0, 2));
        assert!(queue.is_read());
    }
}
