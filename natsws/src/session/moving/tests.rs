//! What each server is told while a connection moves, byte for byte.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::*;
use crate::protocol::op::ServerOp;
use crate::runtime;
use crate::session::{Effects, Queue, QueueLimits, Route, SubjectHash, Target};

fn session() -> Session {
    let mut session =
        Session::new("i.x.".into(), Duration::from_secs(60), 2, false, runtime::now());
    session.resume(ServerInfo::default(), runtime::now(), &mut BytesMut::new());
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

fn said(write: impl FnOnce(&mut BytesMut)) -> String {
    let mut out = BytesMut::new();
    write(&mut out);
    String::from_utf8(out.to_vec()).expect("text")
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
    assert_eq!(said(|out| session.leave(0, left, out)), "UNSUB 1\r\nUNSUB 2\r\nPING\r\n");
    assert!(gone.try_recv().is_err());
    let mut effects = Effects::default();
    session.receive([ServerOp::Pong], runtime::now(), &mut effects).expect("a good operation");
    let answered = effects.flushed.pop().expect("the PONG is for it");
    answered.send(Ok(())).expect("somebody waits");
    assert_eq!(gone.try_recv(), Ok(Ok(())));
    assert_eq!(arrive(&mut session), "SUB plain 1\r\n");
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
    assert_eq!(effects.control, "");
    session.timeout(start + Duration::from_secs(6), 0, &mut effects).expect("it is not stale");
    assert_eq!(effects.control, "PING\r\n");
    assert!(!session.has_proved_itself());
    session.receive([ServerOp::Pong], start, &mut effects).expect("a good operation");
    assert!(session.has_proved_itself());
}
