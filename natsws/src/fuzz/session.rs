//! A session behind a WebSocket and a decoder.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::Cut;
use super::frames::Frames;
use super::ops::same_delivery;
use crate::delivery::{Delivery, Place};
use crate::protocol::decode::{Decoder, Limits};
use crate::protocol::op::{ClientOp, ServerOp};
use crate::protocol::{ServerInfo, encode};
use crate::runtime::{self, Instant};
use crate::session::{
    Effects, Inline, Item, Outcome, Overflow, Queue, QueueLimits, Route, Session, SubjectHash,
    Taken, Target, Unanswered,
};

const INBOX: &str = "_INBOX.f.";
/// Room for the longest error text, and for messages that are too large.
const LIMITS: Limits = Limits { line: 256, message: 64 };
/// Enough for every kind of subscription twice, and little to look through.
const MOST: usize = 12;

/// Bytes as a connection to a server, with subscriptions, a handler, requests and flushes that
/// wait, while handles do what the first bytes say. The connection is then lost and made again,
/// and closed at last.
///
/// The first byte is the setup, the second the number of actions that follow it. Between two
/// chunks comes one action; those that are left are done when nothing more comes.
///
/// # Panics
/// Where a request does not end in exactly one outcome or keeps its slot, where a flush is not
/// answered in its turn, where what a subscription got is not what came for it, or where what is
/// sent is not the protocol.
pub fn pipeline(data: &[u8]) {
    let [setup, actions, rest @ ..] = data else { return };
    let (actions, stream) = rest.split_at(usize::from(actions % 16).min(rest.len()));
    let mut world = World::new(*setup, actions);
    let framed = if setup & 8 == 0 { framed(stream) } else { stream.to_vec() };
    let cut = if setup & 16 == 0 { Cut::Whole } else { Cut::Derived };
    world.connect();
    world.start();
    world.receive(&framed, cut, setup & 64 != 0);
    while world.act() {}
    if setup & 32 != 0 {
        world.connect();
        world.receive(&framed, cut, false);
    }
    world.close();
}

/// Puts a stream into frames, so that a change in one place does not lose all that follows.
fn framed(stream: &[u8]) -> Vec<u8> {
    let mut frames = Vec::with_capacity(stream.len() * 2);
    let mut rest = stream;
    let mut turn = 0;
    while !rest.is_empty() {
        let (piece, left) = rest.split_at(Cut::Derived.size(stream, turn).min(rest.len()));
        frames.extend_from_slice(&[0x82, u8::try_from(piece.len()).unwrap_or(0)]);
        frames.extend_from_slice(piece);
        rest = left;
        turn += 1;
    }
    frames
}

/// A subscription, and what must come of it.
struct Reader {
    sid: u64,
    queue: Arc<Queue>,
    overflow: Overflow,
    /// What the handler was called with, where there is one.
    called: Option<Arc<Mutex<Vec<Item>>>>,
    /// What came for it, also when it was over already.
    sent: Vec<Delivery>,
    /// How many of these were read or reported as dropped.
    seen: usize,
    delivered: u64,
    max: Option<u64>,
    draining: bool,
    overflowed: bool,
    /// The reader has gone.
    abandoned: bool,
}

impl Reader {
    fn take(&mut self, item: Item) {
        match item {
            Item::Delivery(delivery) => {
                let expected = self.sent.get(self.seen);
                assert!(
                    expected.is_some_and(|expected| same_delivery(expected, &delivery)),
                    "{delivery:?} instead of {expected:?}"
                );
                assert!(!self.overflowed, "a message came behind the end");
                self.seen += 1;
                self.delivered += 1;
            }
            Item::Lagged { dropped } => {
                assert!(dropped > 0, "a gap without a message");
                self.seen += usize::try_from(dropped).unwrap_or(usize::MAX);
            }
            Item::Overflowed => {
                assert!(self.overflow == Overflow::Close && !self.overflowed);
                self.overflowed = true;
            }
            Item::TimedOut => assert_eq!(self.queue.received(), 0, "something had come"),
            Item::Denied(_) => {}
        }
    }

    /// Reads what is there; `false` at the end.
    fn read(&mut self) -> bool {
        if let Some(called) = &self.called {
            let calls = std::mem::take(&mut *called.lock().unwrap_or_else(PoisonError::into_inner));
            for item in calls {
                self.take(item);
            }
            return !self.queue.is_ended();
        }
        let mut local = Taken::default();
        let mut cx = Context::from_waker(Waker::noop());
        while !self.abandoned {
            match self.queue.poll_take(&mut cx, &mut local) {
                Poll::Pending => return true,
                Poll::Ready(true) => {
                    while let Some(item) = local.pop(&self.queue) {
                        self.take(item);
                    }
                }
                Poll::Ready(false) => break,
            }
        }
        false
    }

    fn check_end(&mut self) {
        assert!(!self.read() && self.queue.is_ended() && self.queue.is_read());
        let (received, dropped) = (self.queue.received(), self.queue.dropped());
        assert!(received <= self.sent.len() as u64);
        assert!(self.max.is_none_or(|max| received <= max), "more than were wanted");
        assert_eq!(self.queue.len(), 0);
        if self.abandoned {
            assert!(self.delivered + dropped <= received);
        } else {
            assert_eq!(self.delivered + dropped, received);
            if !self.overflowed {
                assert_eq!(self.seen as u64, received, "every gap is told");
            }
        }
    }
}

/// A request that has its slot.
struct Waiting {
    token: u64,
    deadline: Instant,
    /// What a lost connection made of it, where it was the first to end it.
    lost: Option<bool>,
}

/// Somebody who waits for a PONG.
struct Flush {
    answer: oneshot::Receiver<Result<(), Unanswered>>,
    /// Whether what lost connections left is told, too.
    is_told: bool,
}

/// What lost connections left unconfirmed.
#[derive(Default)]
struct Lost {
    /// All that no flush was told of.
    total: u64,
    /// What the last one left.
    last: u64,
    /// A flush was told just now.
    told: bool,
}

struct World<'a> {
    session: Session,
    now: Instant,
    actions: std::slice::Iter<'a, u8>,
    overflow: Overflow,
    keep_requests: bool,
    connected: bool,
    closed: bool,
    /// Messages that were accepted for sending.
    accepted: u64,
    readers: Vec<Reader>,
    requests: Vec<Waiting>,
    /// The tokens of all requests that ever were.
    tokens: Vec<u64>,
    flushes: VecDeque<Flush>,
    lost: Lost,
    /// The other end of the connection.
    server: Decoder,
    pings: u64,
    pongs: u64,
    /// Flushes that a PONG answered.
    answered: u64,
    received: (u64, u64),
}

impl<'a> World<'a> {
    fn new(setup: u8, actions: &'a [u8]) -> Self {
        let now = runtime::now();
        let overflow = match (setup >> 1) & 3 {
            0 => Overflow::DropNewest,
            1 => Overflow::DropOldest,
            2 => Overflow::Block,
            _ => Overflow::Close,
        };
        let keep_requests = setup & 1 != 0;
        // So short that a server is given up before a subscription gives way.
        let interval = Duration::from_secs(2);
        Self {
            session: Session::new(INBOX.into(), interval, 1, keep_requests, now),
            now,
            actions: actions.iter(),
            overflow,
            keep_requests,
            connected: false,
            closed: false,
            accepted: 0,
            readers: Vec::new(),
            requests: Vec::new(),
            tokens: Vec::new(),
            flushes: VecDeque::new(),
            lost: Lost::default(),
            server: Decoder::new(Limits::default()),
            pings: 0,
            pongs: 0,
            answered: 0,
            received: (0, 0),
        }
    }

    /// What the application has at the start.
    fn start(&mut self) {
        self.subscribe("a", None, None);
        self.subscribe("b.*", Some("q"), None);
        self.handle("c.>", None);
        self.subscribe("d", None, Some(Duration::from_secs(2)));
        self.unsubscribe_after(3, 2);
        self.request(false, Duration::from_secs(3));
        self.request(true, Duration::from_secs(4));
        self.flush(true);
    }

    /// Changes the session, and does what it wants done.
    fn with<T>(&mut self, change: impl FnOnce(&mut Session, &mut Effects) -> T) -> T {
        let mut effects = Effects::default();
        let result = change(&mut self.session, &mut effects);
        self.apply(effects);
        result
    }

    fn apply(&mut self, effects: Effects) {
        if !effects.control.is_empty() {
            assert!(self.connected, "{:?} goes nowhere", effects.control);
            self.send(effects.control);
        }
        for (handler, item) in effects.calls {
            handler.lock().unwrap_or_else(PoisonError::into_inner)(item);
        }
        for flushed in effects.flushed {
            // Whoever waited may have gone.
            let _: Result<(), _> = flushed.send(Ok(()));
        }
        effects.wakers.into_iter().for_each(Waker::wake);
        self.check();
    }

    /// Reads what is sent as the server would.
    fn send(&mut self, wire: Vec<u8>) {
        self.server.push(Bytes::from(wire));
        while let Some(op) = self.server.next().expect("what is sent is the protocol") {
            match op {
                ClientOp::Ping => self.pings += 1,
                ClientOp::Pong | ClientOp::Sub { .. } | ClientOp::Unsub { .. } => {}
                ClientOp::Connect(_) | ClientOp::Pub(_) => unreachable!("{op:?}"),
            }
        }
    }

    /// What holds between any two things that happen.
    fn check(&mut self) {
        assert_eq!(self.session.received(), self.received);
        assert_eq!(self.session.requests_in_flight(), self.requests.len());
        assert!(self.session.confirmed() <= self.accepted);
        while let Some(flush) = self.flushes.front_mut() {
            match flush.answer.try_recv() {
                Ok(Ok(())) => {
                    self.answered += 1;
                    assert!(self.answered <= self.pongs, "nobody answered");
                }
                Ok(Err(error)) => {
                    assert!(!self.connected);
                    let Lost { total, last, .. } = self.lost;
                    let waiting = self.accepted - self.session.confirmed();
                    let expected = match error {
                        Unanswered::Closed => Unanswered::Closed,
                        Unanswered::NotConnected { .. } => {
                            Unanswered::NotConnected { unconfirmed: waiting + total }
                        }
                        Unanswered::Disconnected { .. } => Unanswered::Disconnected {
                            unconfirmed: if flush.is_told { total } else { last },
                        },
                    };
                    assert_eq!(error, expected);
                    assert_eq!(error == Unanswered::Closed, self.closed);
                    self.lost.told |=
                        flush.is_told && matches!(error, Unanswered::Disconnected { .. });
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Closed) => unreachable!("a flush was forgotten"),
            }
            self.flushes.pop_front();
        }
        // They are answered in their order, so none behind the first that waits is.
        let mut behind = self.flushes.iter_mut();
        assert!(behind.all(|flush| flush.answer.try_recv() == Err(TryRecvError::Empty)));
        assert!(self.connected || self.flushes.is_empty());
    }

    fn connect(&mut self) {
        let mut out = Vec::new();
        self.session.resume(ServerInfo::default(), self.now, &mut out);
        self.connected = true;
        self.server = Decoder::new(Limits::default());
        self.send(out);
    }

    /// One connection, from its first byte to its end. Where it is `idle` at last, the actions
    /// that are left are done before it ends.
    fn receive(&mut self, stream: &[u8], cut: Cut, idle: bool) {
        let mut frames = Frames::new(stream, cut);
        let mut decoder = Decoder::new(LIMITS);
        while let (true, Some(Ok(chunk))) = (self.connected, frames.next()) {
            decoder.push(chunk);
            let is_good = loop {
                let mut ops = Vec::with_capacity(8);
                let put = |op, block: &Bytes| {
                    ops.push((op, block.clone()));
                    true
                };
                match decoder.each(put) {
                    Ok(true) if self.dispatch(ops) => {}
                    Ok(false) => break true,
                    Ok(true) | Err(_) => break false,
                }
            };
            if !is_good {
                break;
            }
            self.act();
        }
        while idle && self.connected && self.act() {}
        self.disconnect(0, &[]);
    }

    fn may_read(&mut self) -> bool {
        self.with(|session, effects| session.poll_may_read(Waker::noop(), effects))
    }

    fn dispatch(&mut self, ops: Vec<(ServerOp<Place>, Bytes)>) -> bool {
        for (op, block) in &ops {
            match op {
                ServerOp::Msg { sid, delivery } => {
                    self.received.0 += 1;
                    self.received.1 += delivery.size() as u64;
                    let reader = self.readers.iter_mut().find(|reader| reader.sid == *sid);
                    if let Some(reader) = reader {
                        reader.sent.push(Delivery::new(block.clone(), *delivery));
                    }
                }
                ServerOp::Pong => self.pongs += 1,
                _ => {}
            }
        }
        let (now, mut effects) = (self.now, Effects::default());
        let mut received = Ok(());
        for (op, block) in ops {
            if let Err(fault) = self.session.receive(op, &block, now, &mut effects) {
                received = Err(fault);
            }
        }
        self.session.end_block(now, &mut effects);
        let blocked = effects.blocked;
        self.apply(effects);
        assert!(blocked || self.may_read(), "nobody says that reading has to wait");
        while !self.may_read() {
            if !self.act() {
                self.read();
                assert!(self.may_read(), "everything is read and there is no room");
            }
        }
        received.is_ok()
    }

    fn disconnect(&mut self, kept: u64, unsent: &[u64]) {
        if !self.connected {
            return;
        }
        self.connected = false;
        let pings = self.pings;
        self.send(encode::PING.to_vec());
        assert_eq!(self.pings, pings + 1, "something that was sent is not whole");
        let (accepted, before) = (self.accepted, self.session.confirmed());
        let waited: Vec<_> =
            self.requests.iter().map(|r| self.session.is_waiting(r.token)).collect();
        let mut effects = Effects::default();
        let unconfirmed = self.session.disconnected(accepted, kept, unsent, &mut effects);
        assert_eq!(unconfirmed, accepted - kept - before);
        assert_eq!(self.session.confirmed(), accepted - kept);
        effects.control.clear();
        self.lost.total += unconfirmed;
        self.lost.last = unconfirmed;
        self.apply(effects);
        if std::mem::take(&mut self.lost.told) {
            self.lost.total = 0;
        }
        assert!(self.may_read(), "the next connection would wait for this one");
        let mut drained = self.readers.iter().filter(|reader| reader.draining);
        assert!(drained.all(|reader| reader.queue.is_ended()), "nothing more can come");
        for (request, waited) in self.requests.iter_mut().zip(waited) {
            assert_eq!(self.session.is_waiting(request.token), waited && self.keep_requests);
            if waited && !self.keep_requests {
                request.lost = Some(!unsent.contains(&request.token));
            }
        }
    }

    /// The end: nobody is left waiting, and nothing is left over.
    fn close(&mut self) {
        let mut effects = Effects::default();
        self.connected = false;
        self.closed = true;
        self.session.close(&mut effects);
        effects.control.clear();
        self.apply(effects);
        assert!(self.session.is_closed() && self.flushes.is_empty());
        self.poll_requests();
        assert!(self.requests.is_empty(), "a request has no outcome");
        assert_eq!(self.session.requests_in_flight(), 0);
        assert!(self.session.subscriptions().is_empty());
        self.readers.iter_mut().for_each(Reader::check_end);
        self.flush(true);
        assert!(self.flushes.is_empty());
        assert_eq!(self.session.take_lost(), self.lost.total, "what is lost is told once");
    }

    /// Does the next action; `false` where there is none.
    fn act(&mut self) -> bool {
        let Some(action) = self.actions.next() else { return false };
        let arg = u64::from(action >> 4);
        let long = Duration::from_millis(arg * arg * 100);
        // The first ones are those of the start.
        let chosen = usize::from(action >> 4) % self.readers.len().max(1);
        match action & 15 {
            0 => self.accepted += arg,
            1 => self.read(),
            2 => self.unsubscribe_after(chosen, arg / 4),
            3 => self.drain(chosen),
            4 => self.unsubscribe(chosen),
            5 => self.request(false, long),
            6 => self.request(true, long),
            7 => self.cancel(arg),
            8 => self.flush(arg < 8),
            9 => self.timeout(long),
            10 => {
                let kept = arg.min(self.accepted - self.session.confirmed());
                let unsent = self.requests.first().map(|request| request.token);
                self.disconnect(kept, unsent.as_slice());
            }
            11 => self.poll_requests(),
            12 => self.subscribe("a", None, (arg > 0).then_some(long)),
            13 => self.handle("c.>", (arg > 0).then_some(long)),
            14 => self.abandon(chosen),
            // Whoever waits for the answer may go.
            _ if arg > 7 && !self.flushes.is_empty() => drop(self.flushes.pop_back()),
            _ => self.never_sent(),
        }
        self.check();
        true
    }

    // What handles do.

    fn read(&mut self) {
        for reader in &mut self.readers {
            reader.read();
        }
    }

    fn add(&mut self, route: Route, queue: Arc<Queue>, overflow: Overflow) -> &mut Reader {
        let deadline = route.deadline;
        let next = self.session.poll_timeout(Waker::noop());
        let mut woken = false;
        let sid = self.with(|session, effects| {
            let sid = session.subscribe(route, effects);
            woken = !effects.wakers.is_empty();
            sid
        });
        let is_earlier = deadline.is_some_and(|at| next.is_none_or(|next| at < next));
        assert!(woken || !is_earlier, "the driver does not know of a deadline");
        assert!(self.readers.iter().all(|reader| reader.sid != sid), "an id comes twice");
        self.readers.push(Reader {
            sid,
            queue,
            overflow,
            called: None,
            sent: Vec::new(),
            seen: 0,
            delivered: 0,
            max: None,
            draining: false,
            overflowed: false,
            abandoned: false,
        });
        self.readers.last_mut().expect("it was added just above")
    }

    fn subscribe(&mut self, subject: &str, group: Option<&str>, within: Option<Duration>) {
        if self.readers.len() >= MOST {
            return;
        }
        let limits = match group {
            Some(_) => QueueLimits { messages: 3, bytes: 16, overflow: self.overflow },
            None => QueueLimits::default(),
        };
        let queue = Arc::new(Queue::new(limits));
        let target = Target::Queue(Arc::clone(&queue));
        let mut route = Route::new(subject.to_owned(), group.map(str::to_owned), target);
        route.deadline = within.map(|within| self.now + within);
        self.add(route, queue, limits.overflow);
    }

    fn handle(&mut self, subject: &str, within: Option<Duration>) {
        if self.readers.len() >= MOST {
            return;
        }
        let queue = Arc::new(Queue::new(QueueLimits::default()));
        let called: Arc<Mutex<Vec<Item>>> = Arc::default();
        let calls = Arc::clone(&called);
        let target = Target::Handler(Box::new(Inline {
            call: Arc::new(Mutex::new(move |item| {
                calls.lock().unwrap_or_else(PoisonError::into_inner).push(item);
            })),
            queue: Arc::clone(&queue),
        }));
        let mut route = Route::new(subject.to_owned(), None, target);
        route.deadline = within.map(|within| self.now + within);
        self.add(route, queue, Overflow::default()).called = Some(called);
    }

    fn unsubscribe_after(&mut self, chosen: usize, messages: u64) {
        let Some(reader) = self.readers.get_mut(chosen) else { return };
        let sid = reader.sid;
        // One that is over keeps what it was over by.
        if !reader.queue.is_ended() {
            reader.max = Some(messages.max(reader.queue.received()));
        }
        self.with(|session, effects| session.unsubscribe_after(sid, messages, effects));
    }

    fn drain(&mut self, chosen: usize) {
        let Some(reader) = self.readers.get_mut(chosen) else { return };
        reader.draining = true;
        let (sid, accepted) = (reader.sid, self.accepted);
        self.with(|session, effects| session.drain(sid, accepted, effects));
    }

    fn unsubscribe(&mut self, chosen: usize) {
        let Some(sid) = self.readers.get(chosen).map(|reader| reader.sid) else { return };
        self.with(|session, effects| session.unsubscribe(sid, effects));
        assert!(self.readers.get(chosen).is_some_and(|reader| reader.queue.is_ended()));
    }

    fn abandon(&mut self, chosen: usize) {
        self.unsubscribe(chosen);
        if let Some(reader) = self.readers.get_mut(chosen) {
            if reader.called.is_none() {
                reader.queue.abandon();
                reader.abandoned = true;
            }
        }
    }

    fn request(&mut self, alone: bool, within: Duration) {
        if !self.session.takes_requests() || self.requests.len() >= MOST {
            return;
        }
        let deadline = self.now + within;
        let next = self.session.poll_timeout(Waker::noop());
        let mut woken = false;
        let mut effects = Effects::default();
        let hash = SubjectHash::of("a");
        let token = if alone {
            let mut reply = String::from("r.");
            let _: std::fmt::Result = write!(reply, "{}", self.requests.len());
            self.session.request_at(&reply, deadline, hash, Waker::noop(), &mut effects)
        } else {
            self.session.request(deadline, hash, Waker::noop(), &mut effects)
        };
        woken |= !effects.wakers.is_empty();
        assert!(woken || next.is_some_and(|next| next <= deadline), "nobody looks in time");
        assert!(!self.tokens.contains(&token), "a late reply would come to this request");
        self.tokens.push(token);
        self.requests.push(Waiting { token, deadline, lost: None });
        self.apply(effects);
    }

    fn poll_requests(&mut self) {
        let mut requests = std::mem::take(&mut self.requests);
        requests.retain(|request| {
            let Poll::Ready(outcome) = self.session.poll_reply(request.token, Waker::noop()) else {
                return true;
            };
            match (&outcome, request.lost) {
                (Outcome::Disconnected { maybe_delivered }, lost) => {
                    assert_eq!(lost, Some(*maybe_delivered));
                }
                (_, Some(_)) => unreachable!("{outcome:?} came after the connection was lost"),
                (Outcome::TimedOut, None) => assert!(request.deadline <= self.now),
                (Outcome::Closed, None) => assert!(self.closed),
                (Outcome::Reply(reply), None) => assert!(!reply.is_no_responders()),
                (Outcome::NoResponders | Outcome::Denied, None) => {}
                (Outcome::Complete, None) => unreachable!("none of them wants many replies"),
            }
            let again = self.session.poll_reply(request.token, Waker::noop());
            assert!(matches!(again, Poll::Ready(Outcome::Closed)), "a second outcome");
            false
        });
        self.requests = requests;
    }

    fn never_sent(&mut self) {
        let Some(request) = self.requests.last_mut() else { return };
        let token = request.token;
        if self.session.is_waiting(token) {
            request.lost = Some(false);
        }
        self.with(|session, effects| session.never_sent(&[token], effects));
    }

    fn cancel(&mut self, arg: u64) {
        let chosen = usize::try_from(arg).unwrap_or(0) % self.requests.len().max(1);
        if chosen < self.requests.len() {
            let token = self.requests.remove(chosen).token;
            self.with(|session, effects| {
                session.cancel(token, effects);
                session.cancel(token, effects);
            });
        }
    }

    /// Asks for a PONG, as a flush or as one who wants to know no more.
    fn flush(&mut self, is_told: bool) {
        let (waiter, answer) = oneshot::channel();
        let accepted = self.accepted;
        self.flushes.push_back(Flush { answer, is_told });
        self.with(|session, effects| {
            if is_told {
                session.flush(waiter, accepted, effects);
            } else {
                session.ping(waiter, accepted, effects);
            }
        });
    }

    fn timeout(&mut self, later: Duration) {
        self.now += later;
        let (now, accepted) = (self.now, self.accepted);
        match self.with(|session, effects| session.timeout(now, accepted, effects)) {
            Ok(()) => {
                let next = self.session.poll_timeout(Waker::noop());
                assert!(next.is_none_or(|next| next > now), "what was due is not done");
            }
            Err(pings) => {
                assert!(pings > 0 && self.connected);
                assert!(self.may_read(), "a server that is not read from cannot answer");
                self.disconnect(0, &[]);
            }
        }
    }
}
