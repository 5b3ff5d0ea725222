use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

const CONNECTION: u64 = 7;

fn window() -> Window {
    let (timeout, deadline) = (Duration::from_secs(5), Duration::from_secs(30));
    Window::new(Terms { messages: 10, bytes: 1000, timeout, deadline }, CONNECTION)
}

/// Has the window take a message; gives back the connection that it was handed to, if it was.
fn publish(window: &mut Window, handed: Handed) -> Option<u64> {
    let (mut message, mut on) = (Outgoing::default(), None);
    let number = window.accept(&mut message, true, None, runtime::now(), |parcel| {
        on = Some(parcel.connection);
        handed
    });
    number.expect("it is taken");
    on
}

/// Sends what waits; gives back the numbers and the connections.
fn sent(window: &mut Window) -> Vec<(u64, u64)> {
    let mut sent = Vec::new();
    window.send(runtime::now(), &mut Vec::new(), |parcel| {
        sent.push((split_token(parcel.token).0, parcel.connection));
        Handed::Sent
    });
    sent
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_window_is_empty_when_the_last_failure_is_told_and_not_before() {
    let mut window = window();
    assert_eq!(publish(&mut window, Handed::Sent), Some(CONNECTION));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(!window.is_empty(&waker));
    let mut outcomes = Vec::new();
    let fault = PublishError::NoAck("no".into());
    window.answer(1, Answer::Failed(fault), runtime::now(), &mut outcomes);
    assert_eq!((outcomes.len(), window.published.failed), (1, 1));
    // The keeper has it, and whoever finishes now would not.
    assert!(window.take_waiter().is_none());
    assert!(!window.is_empty(&waker) && !window.is_settled());
    window.told(outcomes.len());
    window.take_waiter().expect("it is over").wake();
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert!(window.is_empty(&waker) && window.is_settled());
}

#[test]
fn what_nobody_wants_to_know_more_of_is_not_waited_for() {
    let mut window = window();
    publish(&mut window, Handed::Sent);
    let mut outcomes = Vec::new();
    let stored = Answer::Stored { duplicate: false, ack: None };
    window.answer(1, stored, runtime::now(), &mut outcomes);
    assert!(outcomes.is_empty() && window.is_settled());
}

#[test]
fn what_a_lost_connection_left_open_goes_before_what_is_new() {
    let mut window = window();
    publish(&mut window, Handed::Sent);
    publish(&mut window, Handed::Sent);
    // The connection is another one by now, and the keeper has not looked yet.
    assert_eq!(publish(&mut window, Handed::NotNow), Some(CONNECTION));
    assert_eq!(publish(&mut window, Handed::Sent), None);
    window.left_behind(CONNECTION + 1);
    let next = CONNECTION + 1;
    assert_eq!(sent(&mut window), [(1, next), (2, next), (3, next), (4, next)]);
    assert_eq!(publish(&mut window, Handed::Sent), Some(next));
}

#[test]
fn a_message_that_nobody_answers_for_is_sent_again_only_where_there_is_jetstream() {
    let (mut window, mut outcomes) = (window(), Vec::new());
    publish(&mut window, Handed::Sent);
    publish(&mut window, Handed::Sent);
    let now = runtime::now();
    window.answer(1, Answer::NoResponders { has_jetstream: true }, now, &mut outcomes);
    assert!(outcomes.is_empty());
    window.answer(2, Answer::NoResponders { has_jetstream: false }, now, &mut outcomes);
    assert_eq!(outcomes.len(), 1);
    let told = &outcomes[0];
    assert_eq!(told.number, 2);
    assert!(matches!(told.result, Err(PublishError::NotEnabled { .. })), "{told:?}");
}
