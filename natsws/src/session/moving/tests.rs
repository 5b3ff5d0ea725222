//! What each server is told while a connection moves, byte for byte.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::protocol::decode::{Decoder, Limits};
use crate::protocol::op::ServerOp;
use crate::runtime;
use crate::session::{
    Collect, Effects, Outcome, Queue, QueueLimits, Replies, Route, SubjectHash, Taken, Target,
};

fn session() -> Session {
    let mut session =
        Session::new("i.x.".into(), Duration::from_secs(60), 2, false, runtime::now());
    session.resume(ServerInfo::default(), runtime::now(), &mut Vec::new());
    session
}

/// Subscribes, and gives the sid.
fn subscribe(session: &mut Session, subject: &str, group: Option<&str>, max: Option<u64>) -> u64 {
    let queue = Arc::new(Queue::new(QueueLimits::default()));
    let mut route = Route::new(subject.to_owned(), group.map(str::to_owned), Target::Queue(queue));
    route.max = max;
    session.subscribe(route, &mut Effects::default())
}

fn request(session: &mut Session) -> u64 {
    let deadline = runtime::now() + Duration::from_secs(60);
    let subject = SubjectHash::of("r");
    session.request(deadline, subject, Waker::noop(), &mut Effects::default())
}

/// Asks for many replies; gives the token.
fn request_many(session: &mut Session, collect: &Arc<Collect>) -> u64 {
    let deadline = runtime::now() + Duration::from_secs(60);
    let subject = SubjectHash::of("r");
    let mut effects = Effects::default();
    session.request_many(collect, deadline, subject, Waker::noop(), &mut effects)
}

fn collect() -> Arc<Collect> {
    let queue = Arc::new(Queue::new(QueueLimits::default()));
    let (inbox, replies) = ("i.y.0".into(), Replies::WithinTimeout);
    Arc::new(Collect { inbox, queue, replies, typed: false, until: None })
}

fn said(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("text")
}

fn arrive(session: &mut Session) -> String {
    said(|out| session.arrive(ServerInfo::default(), runtime::now(), out))
}

#[test]
fn what_may_overlap_moves_first_and_the_rest_when_the_old_server_has_let_go() {
    let mut session = session();
    subscribe(&mut session, "plain", None, None);
    subscribe(&mut session, "work", Some("g"), Some(5));
    request(&mut session);
    assert_eq!(said(|out| session.move_first(out)), "SUB work g 2\r\nUNSUB 2 5\r\nSUB i.x.* 3\r\n");
    let (left, mut gone) = oneshot::channel();
    assert_eq!(
        said(|out| assert_eq!(session.leave(0, left, out), 1)),
        "UNSUB 1\r\nUNSUB 2\r\nPING\r\n"
    );
    assert!(gone.try_recv().is_err());
    let mut effects = Effects::default();
    session
        .receive(ServerOp::Pong, &Bytes::new(), runtime::now(), &mut effects)
        .expect("a good operation");
    let answered = effects.flushed.pop().expect("the PONG is for it");
    answered.send(Ok(())).expect("somebody waits");
    assert_eq!(gone.try_recv(), Ok(Ok(())));
    // The `max` may have been changed meanwhile.
    assert_eq!(arrive(&mut session), "SUB plain 1\r\nUNSUB 2 5\r\n");
    // The next move begins anew.
    assert_eq!(said(|out| session.move_first(out)), "SUB work g 2\r\nUNSUB 2 5\r\nSUB i.x.* 3\r\n");
}

#[test]
fn what_begins_and_ends_meanwhile_is_right_at_the_new_server() {
    let mut session = session();
    let ended = subscribe(&mut session, "ended", Some("g"), None);
    let kept = subscribe(&mut session, "kept", Some("g"), None);
    assert_eq!(said(|out| session.move_first(out)), "SUB ended g 1\r\nSUB kept g 2\r\n");
    session.unsubscribe(ended, &mut Effects::default());
    let begun = subscribe(&mut session, "begun", Some("g"), None);
    assert_ne!(begun, ended, "a sid is not used again");
    assert_eq!(arrive(&mut session), format!("UNSUB {ended}\r\nSUB begun g {begun}\r\n"));
    assert_eq!(kept, 2);
}

#[test]
fn a_move_that_does_not_come_about_leaves_nothing_behind() {
    let mut session = session();
    subscribe(&mut session, "work", Some("g"), None);
    assert_eq!(said(|out| session.move_first(out)), "SUB work g 1\r\n");
    session.stay();
    // The connection is lost instead, and made again.
    let mut effects = Effects::default();
    session.disconnected(0, 0, &[], &mut effects);
    let resumed = said(|out| session.resume(ServerInfo::default(), runtime::now(), out));
    assert_eq!(resumed, "SUB work g 1\r\n");
    assert_eq!(said(|out| session.move_first(out)), "SUB work g 1\r\n");
}

#[test]
fn a_connection_is_asked_to_prove_itself_and_does_by_its_pong() {
    let mut session = session();
    let start = runtime::now();
    assert!(!session.has_proved_itself());
    let mut effects = Effects::default();
    session.timeout(start, 0, &mut effects).expect("nothing is due");
    assert_eq!(effects.control, b"");
    session.timeout(start + Duration::from_secs(6), 0, &mut effects).expect("it is not stale");
    assert_eq!(effects.control, b"PING\r\n");
    assert!(!session.has_proved_itself());
    session.receive(ServerOp::Pong, &Bytes::new(), start, &mut effects).expect("a good operation");
    assert!(session.has_proved_itself());
}

#[test]
fn a_connection_that_is_lost_while_it_moves_tells_the_new_server_what_has_ended() {
    let mut session = session();
    let ended = subscribe(&mut session, "ended", Some("g"), None);
    subscribe(&mut session, "plain", None, None);
    session.move_first(&mut Vec::new());
    let mut effects = Effects::default();
    session.unsubscribe(ended, &mut effects);
    session.disconnected(0, 0, &[], &mut effects);
    assert_eq!(arrive(&mut session), format!("UNSUB {ended}\r\nSUB plain 2\r\n"));
}

#[test]
fn a_max_that_changes_while_the_connection_moves_is_told_to_each_server_as_it_counts() {
    let mut session = session();
    let sid = subscribe(&mut session, "work", Some("g"), Some(20));
    let message = |session: &mut Session| {
        let mut decoder = Decoder::new(Limits::default());
        decoder.push(Bytes::from(format!("MSG work {sid} 1\r\nx\r\n")));
        let mut effects = Effects::default();
        let put = |op, block: &Bytes| {
            session.receive(op, block, runtime::now(), &mut effects).expect("a good operation");
            true
        };
        assert!(decoder.each(put).expect("a good operation"));
        String::from_utf8(effects.control).expect("text")
    };
    for _ in 0..10 {
        message(&mut session);
    }
    // The new server counts from here, the old one from the beginning.
    assert_eq!(said(|out| session.move_first(out)), "SUB work g 1\r\nUNSUB 1 10\r\n");
    let mut effects = Effects::default();
    session.unsubscribe_after(sid, 15, &mut effects);
    assert_eq!(effects.control, b"UNSUB 1 15\r\n");
    assert_eq!(arrive(&mut session), "UNSUB 1 5\r\n");
    for _ in 0..4 {
        assert_eq!(message(&mut session), "");
    }
    // Neither server has seen the whole number, so it is said.
    assert_eq!(message(&mut session), "UNSUB 1\r\n");
}

/// Two subjects as one subscription.
fn family(session: &mut Session, group: Option<&str>) -> u64 {
    let sid = subscribe(session, "a", group, None);
    session.follow(sid, "b".into(), &mut Effects::default());
    sid
}

#[test]
fn several_subjects_of_one_subscription_move_as_one() {
    let mut session = session();
    let drained = family(&mut session, Some("g"));
    session.drain(drained, 0, &mut Effects::default());
    let moved = family(&mut session, Some("g"));
    assert_eq!((drained, moved), (1, 3));
    assert_eq!(said(|out| session.move_first(out)), "SUB a g 3\r\nSUB b g 4\r\n");
    let mut effects = Effects::default();
    session.unsubscribe(moved, &mut effects);
    assert_eq!(String::from_utf8_lossy(&effects.control), "UNSUB 3\r\nUNSUB 4\r\n");
    assert!(arrive(&mut session).starts_with("UNSUB 3\r\nUNSUB 4\r\n"));
}

#[test]
fn a_flush_is_told_of_all_that_was_lost_and_only_once() {
    let mut session = session();
    let mut effects = Effects::default();
    session.disconnected(5, 0, &[], &mut effects);
    session.resume(ServerInfo::default(), runtime::now(), &mut Vec::new());
    let (ping, mut pinged) = oneshot::channel();
    let (flush, mut flushed) = oneshot::channel();
    session.ping(ping, 8, &mut effects);
    session.flush(flush, 8, &mut effects);
    session.disconnected(8, 0, &[], &mut effects);
    let all = Unanswered::Disconnected { unconfirmed: 8 };
    assert_eq!(flushed.try_recv(), Ok(Err(all)));
    assert_eq!(pinged.try_recv(), Ok(Err(Unanswered::Disconnected { unconfirmed: 3 })));
    assert_eq!(session.take_lost(), 0);
    // One that nobody waits for any more was not told.
    session.resume(ServerInfo::default(), runtime::now(), &mut Vec::new());
    let (flush, flushed) = oneshot::channel();
    drop(flushed);
    session.flush(flush, 9, &mut effects);
    session.disconnected(9, 0, &[], &mut effects);
    assert_eq!(session.take_lost(), 1);
}

#[test]
fn a_maximum_of_more_digits_than_a_server_reads_is_not_told() {
    let mut session = session();
    let sid = subscribe(&mut session, "a", None, None);
    let told = |session: &mut Session, max| {
        let mut effects = Effects::default();
        session.unsubscribe_after(sid, max, &mut effects);
        String::from_utf8_lossy(&effects.control).into_owned()
    };
    assert_eq!(told(&mut session, u64::MAX), "");
    assert_eq!(told(&mut session, 1_000_000_000), "");
    assert_eq!(told(&mut session, 999_999_999), "UNSUB 1 999999999\r\n");
    assert_eq!(told(&mut session, 5), "UNSUB 1 5\r\n");
    assert_eq!(told(&mut session, 1_000_000_000), "UNSUB 1 999999999\r\n", "5 is told already");
}

#[test]
fn many_replies_stay_with_the_old_server_and_end_with_it() {
    let mut session = session();
    let wanted = collect();
    let token = request_many(&mut session, &wanted);
    assert_eq!(said(|out| session.move_first(out)), "");
    let (left, _gone) = oneshot::channel();
    assert_eq!(said(|out| assert_eq!(session.leave(0, left, out), 1)), "PING\r\n");
    let begun = request_many(&mut session, &collect());
    assert_eq!(arrive(&mut session), "SUB i.y.0 2\r\n");

    let mut decoder = Decoder::new(Limits::default());
    decoder.push(Bytes::from_static(b"MSG i.y.0 1 1\r\nx\r\n"));
    let late = decoder.next().expect("a good operation").expect("a message");
    session.receive_aside(late, runtime::now(), &mut Effects::default());
    assert!(session.has_left(1) && !session.has_left(2));
    // The server that is moved to is left in its turn, while the first one is there still.
    let (left, _gone) = oneshot::channel();
    said(|out| assert_eq!(session.leave(0, left, out), 2));
    assert_eq!(arrive(&mut session), "");
    assert!(session.has_left(1) && session.has_left(2));
    session.end_left(1, &mut Effects::default());
    assert!(!session.has_left(1) && session.has_left(2));
    let mut reader = Taken::default();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(reader.poll_next(&wanted.queue, &mut cx), Poll::Ready(Some(_))));
    assert!(matches!(reader.poll_next(&wanted.queue, &mut cx), Poll::Ready(None)));
    let outcome = session.poll_reply(token, Waker::noop());
    let lost = matches!(outcome, Poll::Ready(Outcome::Disconnected { maybe_delivered: true }));
    assert!(lost, "{outcome:?}");
    assert!(session.poll_reply(begun, Waker::noop()).is_pending());
}

#[test]
fn many_replies_go_to_the_next_server_where_the_old_one_is_lost() {
    let keep_requests = true;
    let interval = Duration::from_secs(60);
    let mut session = Session::new("i.x.".into(), interval, 2, keep_requests, runtime::now());
    session.resume(ServerInfo::default(), runtime::now(), &mut Vec::new());
    request_many(&mut session, &collect());
    session.leave(0, oneshot::channel().0, &mut Vec::new());
    session.disconnected(0, 0, &[], &mut Effects::default());
    assert!(!session.has_left(1));
    assert_eq!(arrive(&mut session), "SUB i.y.0 1\r\n");
    // Where the old one goes in good order they wait as well.
    said(|out| assert_eq!(session.leave(0, oneshot::channel().0, out), 2));
    assert_eq!(arrive(&mut session), "");
    let mut effects = Effects::default();
    session.end_left(2, &mut effects);
    assert_eq!(String::from_utf8_lossy(&effects.control), "SUB i.y.0 1\r\n");
    assert!(!session.has_left(2));
}
