//! What a queue keeps, drops and tells, for each policy.

use bytes::Bytes;

use super::*;

/// Pushes messages of one block with these payloads.
fn pushed(queue: &Queue, payloads: &[&str]) -> Vec<Pace> {
    let block = Bytes::from(payloads.concat());
    let mut start = 0;
    let mut batch = Batch::default();
    for payload in payloads {
        let len = u32::try_from(payload.len()).expect("short");
        batch.places.push(Place::of_payload(start, len));
        batch.bytes += payload.len();
        start += len;
    }
    queue.push(&block, &mut batch).1
}

fn limits(messages: usize, bytes: usize) -> QueueLimits {
    QueueLimits { messages, bytes, ..QueueLimits::default() }
}

fn with(overflow: Overflow) -> Queue {
    Queue::new(QueueLimits { overflow, ..limits(3, 100) })
}

fn shown(queue: &Queue) -> Vec<String> {
    let mut local = Taken::default();
    let mut cx = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    while let Poll::Ready(true) = queue.poll_take(&mut cx, &mut local) {
        all.extend(std::iter::from_fn(|| local.pop(queue)).map(|item| match item {
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
    let queue = Queue::new(limits(2, 100));
    assert_eq!(pushed(&queue, &["a", "b", "c", "d"]), [Pace::TooSlow { waiting: 2 }]);
    assert_eq!(shown(&queue), ["a", "b"]);
    assert_eq!(pushed(&queue, &["e"]), [Pace::Recovered { dropped: 2 }]);
    assert_eq!(shown(&queue), ["Lagged { dropped: 2 }", "e"]);
    assert_eq!((queue.received(), queue.dropped()), (5, 2));
}

#[test]
fn a_gap_at_the_end_is_not_lost() {
    let queue = Queue::new(limits(1, 100));
    pushed(&queue, &["a", "b"]);
    assert!(queue.end().is_none());
    assert_eq!(shown(&queue), ["a", "Lagged { dropped: 1 }"]);
    assert!(queue.is_read());
}

#[test]
fn bytes_are_limited_too_but_never_shut_out_a_single_message() {
    let queue = Queue::new(limits(10, 4));
    pushed(&queue, &["123456", "x"]);
    assert_eq!(shown(&queue), ["123456"]);
    pushed(&queue, &["1234", "5"]);
    assert_eq!(shown(&queue), ["Lagged { dropped: 1 }", "1234"]);
    assert_eq!(queue.dropped(), 2);
}

#[test]
fn the_oldest_are_dropped_and_the_gap_is_told_in_front() {
    let queue = with(Overflow::DropOldest);
    assert_eq!(pushed(&queue, &["a", "b", "c"]), []);
    assert_eq!(pushed(&queue, &["d"]), [Pace::TooSlow { waiting: 3 }]);
    assert_eq!(pushed(&queue, &["e"]), []);
    assert_eq!(shown(&queue), ["Lagged { dropped: 3 }", "d", "e"]);
    assert_eq!((queue.received(), queue.dropped()), (5, 3));
    assert_eq!(pushed(&queue, &["f"]), [Pace::Recovered { dropped: 3 }]);
    assert_eq!(shown(&queue), ["f"]);
    let one = Queue::new(QueueLimits { overflow: Overflow::DropOldest, ..limits(1, 100) });
    pushed(&one, &["a", "b", "c"]);
    assert_eq!(shown(&one), ["Lagged { dropped: 2 }", "c"]);
}

#[test]
fn a_blocking_queue_keeps_everything_until_it_has_to_give_way() {
    let queue = with(Overflow::Block);
    let slow = [Pace::TooSlow { waiting: 3 }, Pace::Blocked];
    assert_eq!(pushed(&queue, &["a", "b", "c", "d", "e"]), slow);
    assert!(queue.poll_room(Waker::noop()).is_pending());
    queue.give_way();
    assert_eq!(pushed(&queue, &["f"]), []);
    assert_eq!(shown(&queue), ["a", "b", "c", "d", "e"]);
    assert!(queue.poll_room(Waker::noop()).is_ready());
    assert_eq!(pushed(&queue, &["g"]), [Pace::Recovered { dropped: 1 }]);
    assert_eq!(shown(&queue), ["Lagged { dropped: 1 }", "g"]);
    assert_eq!(pushed(&queue, &["h", "i", "j", "k"]), slow);
    assert_eq!(shown(&queue), ["h", "i", "j", "k"]);
    assert_eq!((queue.recover(), queue.recover()), (Some(0), None));
}

#[test]
fn a_queue_that_closes_says_so_behind_what_had_come() {
    let queue = with(Overflow::Close);
    let closed = [Pace::TooSlow { waiting: 3 }, Pace::Closed];
    assert_eq!(pushed(&queue, &["a", "b", "c", "d", "e"]), closed);
    assert_eq!(pushed(&queue, &["f"]), []);
    queue.end();
    assert_eq!(shown(&queue), ["a", "b", "c", "Overflowed"]);
    assert_eq!((queue.received(), queue.dropped()), (6, 3));
}

#[test]
fn a_queue_is_read_when_its_reader_comes_back_for_more() {
    let queue = Queue::new(QueueLimits::default());
    let mut cx = Context::from_waker(Waker::noop());
    let mut local = Taken::default();
    pushed(&queue, &["a"]);
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
    pushed(&queue, &["a"]);
    queue.abandon();
    pushed(&queue, &["b"]);
    assert_eq!((queue.len(), queue.received()), (0, 2));
    assert!(queue.is_read());
}

/// Lets the reader take, and read so many.
fn read(queue: &Queue, taken: &mut Taken, count: usize) -> Vec<String> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    while all.len() < count {
        match taken.pop(queue) {
            Some(Item::Delivery(delivery)) => {
                all.push(String::from_utf8_lossy(delivery.payload_bytes()).into_owned());
            }
            Some(other) => all.push(format!("{other:?}")),
            None => assert!(queue.poll_take(&mut cx, taken).is_ready()),
        }
    }
    all
}

#[test]
fn what_a_reader_holds_counts_until_it_is_read() {
    let queue = Queue::new(limits(3, 100));
    let mut taken = Taken::default();
    pushed(&queue, &["a", "b", "c"]);
    assert_eq!(read(&queue, &mut taken, 1), ["a"]);
    assert_eq!(pushed(&queue, &["d", "e"]), [Pace::TooSlow { waiting: 3 }]);
    assert_eq!(read(&queue, &mut taken, 2), ["b", "c"]);
    assert_eq!(pushed(&queue, &["f"]), [Pace::Recovered { dropped: 1 }]);
    assert_eq!(read(&queue, &mut taken, 3), ["d", "Lagged { dropped: 1 }", "f"]);
    let by_size = Queue::new(limits(10, 4));
    pushed(&by_size, &["12", "34"]);
    assert_eq!(read(&by_size, &mut taken, 1), ["12"]);
    assert_eq!(pushed(&by_size, &["56"]), []);
    assert_eq!(read(&by_size, &mut taken, 2), ["34", "56"]);
}

#[test]
fn a_reader_of_the_latest_gets_the_latest_though_it_holds_some() {
    let queue = Queue::new(QueueLimits { overflow: Overflow::DropOldest, ..limits(32, 1000) });
    let names: Vec<String> = (0..200).map(|number| format!("{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut taken = Taken::default();
    pushed(&queue, &names[..20]);
    assert_eq!(read(&queue, &mut taken, 1), ["0"]);
    assert_eq!(pushed(&queue, &names[20..21]), [], "there is room for it");
    for name in &names[21..] {
        pushed(&queue, &[*name]);
    }
    let rest = read(&queue, &mut taken, 15);
    assert_eq!((rest[0].as_str(), rest[14].as_str()), ("1", "15"));
    assert_eq!(read(&queue, &mut taken, 2), ["Lagged { dropped: 153 }", "169"]);
    assert_eq!(read(&queue, &mut taken, 30).last().map(String::as_str), Some("199"));
}

#[test]
fn a_subscription_that_closes_does_so_only_where_there_is_no_room() {
    let queue = with(Overflow::Close);
    let mut taken = Taken::default();
    pushed(&queue, &["a", "b", "c"]);
    for more in ["d", "e", "f"] {
        read(&queue, &mut taken, 1);
        assert_eq!(pushed(&queue, &[more]), []);
    }
    assert_eq!(read(&queue, &mut taken, 3), ["d", "e", "f"]);
}

#[test]
fn the_reason_of_the_end_comes_behind_the_last_gap() {
    let queue = Queue::new(limits(1, 100));
    pushed(&queue, &["a", "b"]);
    queue.tell(Item::TimedOut);
    queue.end();
    assert_eq!(shown(&queue), ["a", "Lagged { dropped: 1 }", "TimedOut"]);
}
