//! Waiting for room: who is called when, how often, and that nobody waits for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::line::{ON_THEIR_WAY, PATIENCE};
use super::*;
use crate::protocol::ServerInfo;

/// How much is taken before publishers have to wait.
const ROOM: usize = 64 * 1024;

#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future that publishes one message, taken apart.
#[derive(Default)]
struct Publisher {
    size: usize,
    ticket: Ticket,
    calls: Arc<Calls>,
    /// The calls that it has followed.
    seen: usize,
}

impl Publisher {
    fn new(size: usize) -> Self {
        Self { size, ..Self::default() }
    }

    /// Whether it was called since it was polled last.
    fn is_called(&self) -> bool {
        self.calls() > self.seen
    }

    fn calls(&self) -> usize {
        self.calls.0.load(Ordering::SeqCst)
    }

    /// Whether the message was accepted.
    fn poll(&mut self, outbox: &Outbox) -> bool {
        self.try_poll(outbox).is_some_and(|accepted| accepted.is_ok())
    }

    fn try_poll(&mut self, outbox: &Outbox) -> Option<Result<Accepted, Refused>> {
        self.seen = self.calls();
        let none = Headers::new();
        let head = PublishHead { subject: "a", reply: None, headers: &none, typed: None };
        let (payload, waker) = (vec![b'x'; self.size], Waker::from(Arc::clone(&self.calls)));
        let body = Body::Borrowed(&payload);
        match outbox.poll_publish(&head, body, &mut self.ticket, Some(&waker)) {
            Poll::Pending => None,
            Poll::Ready(accepted) => {
                outbox.leave(&mut self.ticket);
                Some(accepted)
            }
        }
    }
}

/// The task that sends.
#[derive(Default)]
struct Sender(Arc<Calls>);

impl Sender {
    /// Takes what waits; says whether there was any.
    fn take(&self, outbox: &Outbox) -> bool {
        outbox.poll_take(&Waker::from(Arc::clone(&self.0)), &mut VecDeque::new(), None).is_ready()
    }

    /// Looks until it sleeps; gives back how often that was.
    fn run(&self, outbox: &Outbox) -> u64 {
        let mut looks = 0;
        loop {
            let calls = self.0.0.load(Ordering::SeqCst);
            let took = self.take(outbox);
            looks += 1;
            assert!(looks < 1_000_000, "it never sleeps");
            if !took && self.0.0.load(Ordering::SeqCst) == calls {
                return looks;
            }
        }
    }
}

fn outbox() -> Outbox {
    let outbox = Outbox::new(OutboxLimits { high_water: ROOM, ..OutboxLimits::default() });
    let info = ServerInfo { max_payload: 1 << 20, headers: true, ..ServerInfo::default() };
    assert_eq!(outbox.connected(&info, Vec::new(), |_| true), Misfits::default());
    outbox
}

/// An outbox without room.
fn full() -> Outbox {
    let outbox = outbox();
    assert!(Publisher::new(ROOM).poll(&outbox));
    outbox
}

/// Publishers that wait for room.
fn crowd(outbox: &Outbox, count: usize, size: usize) -> Vec<Publisher> {
    let mut crowd: Vec<_> = (0..count).map(|_| Publisher::new(size)).collect();
    for publisher in &mut crowd {
        assert!(!publisher.poll(outbox));
    }
    crowd
}

/// The positions of those who were called since they were polled last.
fn called(crowd: &[Publisher]) -> Vec<usize> {
    crowd.iter().enumerate().filter(|(_, it)| it.is_called()).map(|(at, _)| at).collect()
}

#[test]
fn of_twenty_thousand_who_wait_each_is_called_once() {
    const COUNT: usize = 20_000;
    // A few in a batch, some hundred, and so many that all of them fit.
    for size in [16 * 1024, 256, 0] {
        let (outbox, sender) = (full(), Sender::default());
        let mut crowd = crowd(&outbox, COUNT, size);
        let mut sent = 0;
        while sent < COUNT {
            assert!(sender.take(&outbox), "there is something to take, or all were sent");
            // Who is called comes, and has others called by that.
            loop {
                let on_their_way: Vec<_> = (sent..COUNT.min(sent + ON_THEIR_WAY))
                    .filter(|at| crowd[*at].is_called())
                    .collect();
                if on_their_way.is_empty() {
                    break;
                }
                for at in on_their_way {
                    assert_eq!(at, sent, "they are called in the order in which they came");
                    assert!(crowd[at].poll(&outbox), "who is called finds room");
                    sent += 1;
                }
            }
        }
        let calls: usize = crowd.iter().map(Publisher::calls).sum();
        assert_eq!(calls, COUNT, "{size}");
    }
}

#[test]
fn only_so_many_are_on_their_way() {
    let (outbox, sender) = (full(), Sender::default());
    let crowd = crowd(&outbox, 1000, 1);
    assert!(sender.take(&outbox));
    assert_eq!(called(&crowd), (0..ON_THEIR_WAY).collect::<Vec<_>>());
}

#[test]
fn one_that_is_called_and_goes_has_the_next_one_called() {
    let (outbox, sender) = (full(), Sender::default());
    let mut crowd = crowd(&outbox, 3, ROOM);
    assert!(sender.take(&outbox));
    assert_eq!(called(&crowd), [0], "there is room for one");
    outbox.leave(&mut crowd[0].ticket);
    assert_eq!(called(&crowd), [0, 1]);
    // Going twice is going once.
    outbox.leave(&mut crowd[0].ticket);
    assert_eq!(called(&crowd), [0, 1]);
    assert!(crowd[1].poll(&outbox));
    assert!(sender.take(&outbox));
    assert!(crowd[2].poll(&outbox));
}

#[test]
fn one_that_goes_while_it_waits_leaves_nothing_and_calls_nobody() {
    let (outbox, sender) = (full(), Sender::default());
    let mut crowd = crowd(&outbox, 3, ROOM);
    for publisher in &mut crowd[..2] {
        outbox.leave(&mut publisher.ticket);
        assert_eq!(Arc::strong_count(&publisher.calls), 1, "its waker is gone");
    }
    assert_eq!(called(&crowd), [0; 0]);
    assert!(sender.take(&outbox));
    assert_eq!(called(&crowd), [2]);
}

#[test]
fn one_that_is_polled_again_and_again_has_one_place() {
    let (outbox, sender) = (full(), Sender::default());
    let mut crowd = crowd(&outbox, 2, ROOM);
    for _ in 0..100 {
        assert!(!crowd[0].poll(&outbox));
    }
    assert_eq!(Arc::strong_count(&crowd[0].calls), 2);
    assert!(sender.take(&outbox));
    assert!(crowd[0].poll(&outbox));
    assert!(sender.take(&outbox));
    assert_eq!(called(&crowd), [1]);
}

#[test]
fn newcomers_stand_behind_and_leave_the_room_that_is_promised() {
    let (outbox, sender) = (full(), Sender::default());
    let mut crowd = crowd(&outbox, 2, ROOM);
    assert!(sender.take(&outbox));
    assert_eq!(called(&crowd), [0]);
    let mut newcomer = Publisher::new(1);
    assert!(!newcomer.poll(&outbox));
    outbox.offer("o");
    assert_eq!(outbox.unsent(), 0);
    for publisher in &mut crowd {
        assert!(publisher.poll(&outbox));
        assert!(!newcomer.is_called());
        assert!(sender.take(&outbox));
    }
    assert!(newcomer.is_called());
    assert!(newcomer.poll(&outbox));
    // Nobody is on the way any more, and there is room.
    assert!(Publisher::new(1).poll(&outbox));
}

#[test]
fn who_is_polled_before_it_is_called_does_not_push_in() {
    let (outbox, sender) = (full(), Sender::default());
    let mut crowd = crowd(&outbox, 2, ROOM);
    assert!(sender.take(&outbox));
    assert!(!crowd[1].poll(&outbox));
    assert!(crowd[0].poll(&outbox));
}

#[test]
fn those_who_are_called_and_never_come_hold_nobody_up() {
    let (outbox, sender) = (full(), Sender::default());
    let crowd = crowd(&outbox, 1000, ROOM);
    let mut last = Publisher::new(1);
    assert!(!last.poll(&outbox));
    let looks = sender.run(&outbox);
    assert_eq!(called(&crowd).len(), 1000);
    assert!(crowd.iter().all(|publisher| publisher.calls() == 1));
    // Patience with each of them, and with the last one, and one look for what was there.
    assert_eq!(looks, 1001 * (PATIENCE + 1) + 1);
    assert!(last.is_called());
    assert!(last.poll(&outbox));
    // It sleeps, and nothing is promised to anybody.
    assert!(Publisher::new(1).poll(&outbox));
}

#[test]
fn patience_ends_where_others_send_all_the_while_too() {
    let (outbox, sender) = (full(), Sender::default());
    let crowd = crowd(&outbox, 2, ROOM - 100);
    for _ in 0..=PATIENCE {
        outbox.control(b"PING\r\n");
        assert!(sender.take(&outbox));
    }
    assert_eq!(called(&crowd), [0, 1]);
}

#[test]
fn who_comes_too_late_stands_where_it_stood_before() {
    let (outbox, sender) = (full(), Sender::default());
    let mut crowd = crowd(&outbox, 3, ROOM);
    sender.take(&outbox);
    for _ in 0..=PATIENCE {
        sender.take(&outbox);
    }
    assert_eq!(called(&crowd), [0, 1]);
    assert!(crowd[1].poll(&outbox));
    assert!(!crowd[0].poll(&outbox), "the room is taken");
    assert!(sender.take(&outbox));
    assert_eq!(called(&crowd), [0], "it is called before the third");
    assert!(crowd[0].poll(&outbox));
}

#[test]
fn everybody_hears_that_the_connection_is_lost_drained_or_closed() {
    type Change = fn(&Outbox);
    let changes: [(Change, Option<Refused>); 3] = [
        // There is room for some until the next connection.
        (|outbox| drop(outbox.disconnected()), None),
        (Outbox::stop_accepting, Some(Refused::Draining)),
        (|outbox| assert_eq!(outbox.close(), 1), Some(Refused::Closed)),
    ];
    for (change, refused) in changes {
        let outbox = full();
        let mut crowd = crowd(&outbox, 1000, 1);
        change(&outbox);
        assert_eq!(called(&crowd).len(), 1000);
        assert!(crowd.iter().all(|publisher| publisher.calls() == 1));
        for publisher in &mut crowd {
            let published = publisher.try_poll(&outbox).expect("it need not wait");
            assert_eq!(published.err(), refused);
        }
    }
}

#[test]
fn a_server_that_is_moved_to_has_those_who_wait_called() {
    let (outbox, sender) = (full(), Sender::default());
    let mut crowd = crowd(&outbox, 2, ROOM);
    outbox.take_all(&mut VecDeque::new());
    assert!(crowd[0].poll(&outbox), "it waits for the new server in the outbox");
    let smaller = ServerInfo { max_payload: 4, headers: true, ..ServerInfo::default() };
    let misfits = outbox.moved(&smaller, Vec::new(), |_| true);
    assert_eq!(misfits, Misfits { messages: 1, requests: vec![] });
    assert!(!sender.take(&outbox), "there is nothing");
    assert!(crowd[1].is_called());
    let refused = crowd[1].try_poll(&outbox).expect("it need not wait");
    assert_eq!(refused, Err(Refused::PayloadTooLarge { len: ROOM, max: 4 }));
    assert_eq!(sender.run(&outbox), 1);
}

#[test]
fn whatever_they_do_nobody_waits_for_ever() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (outbox, sender) = (outbox(), Sender::default());
        let (mut crowd, mut ghosts) = (Vec::new(), Vec::new());
        for _ in 0..2000 {
            match random.u8(..12) {
                0..5 => {
                    let mut publisher = Publisher::new(random.usize(..ROOM / 4));
                    if !publisher.poll(&outbox) {
                        crowd.push(publisher);
                    }
                }
                5..8 if !crowd.is_empty() => {
                    let at = random.usize(..crowd.len());
                    if crowd[at].poll(&outbox) {
                        crowd.swap_remove(at);
                    }
                }
                8 if !crowd.is_empty() => {
                    let at = random.usize(..crowd.len());
                    outbox.leave(&mut crowd.swap_remove(at).ticket);
                }
                // It is kept and never polled again.
                9 if !crowd.is_empty() => {
                    let at = random.usize(..crowd.len());
                    ghosts.push(crowd.swap_remove(at));
                }
                10 => outbox.take_lent(&mut VecDeque::new(), None),
                _ => drop(sender.take(&outbox)),
            }
        }
        // From here on tasks run where they are called, and not otherwise.
        while !crowd.is_empty() {
            sender.run(&outbox);
            let before = crowd.len();
            crowd.retain_mut(|publisher| !(publisher.is_called() && publisher.poll(&outbox)));
            assert!(crowd.len() < before, "{before} are stuck, seed {seed}");
        }
        sender.run(&outbox);
        assert!(ghosts.iter().all(Publisher::is_called), "seed {seed}");
    }
}
