//! Readers that are too slow, by each policy.

use std::time::Duration;

use natsws::{Connection, Event, Events, Overflow, State, Subscription, SubscriptionError};
use natsws_tests::{eventually, info, within};

use crate::{event, next, quick, scripted_as, text};

async fn publish(nc: &Connection, payloads: std::ops::Range<u32>) {
    for payload in payloads {
        nc.publish("a", payload.to_string()).await.expect("published");
    }
}

/// The next item that is no message.
async fn error(sub: &mut Subscription) -> SubscriptionError {
    let item = within("an item", sub.next()).await.expect("the subscription goes on");
    item.expect_err("no message")
}

/// When the reader became too slow: how many messages waited.
async fn slow(events: &mut Events) -> (String, usize) {
    event(events, |event| match event {
        Event::SlowConsumer { subject, waiting } => Some((subject, waiting)),
        _ => None,
    })
    .await
}

/// When there was room again: how many messages were dropped.
async fn recovered(events: &mut Events) -> (String, u64) {
    event(events, |event| match event {
        Event::SlowConsumerRecovered { subject, dropped } => Some((subject, dropped)),
        _ => None,
    })
    .await
}

everywhere! {
    async fn the_newest_are_dropped_by_default(target: Target) {
        let place = target.start().await;
        let nc = place.connect_with(quick().subscription_messages(3)).await;
        let mut events = nc.events();
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        publish(&nc, 0..10).await;
        nc.flush().await.expect("flushed");
        assert_eq!((sub.received(), sub.dropped(), sub.pending()), (10, 7, 3));
        assert_eq!(slow(&mut events).await, ("a".to_owned(), 3));
        for expected in ["0", "1", "2"] {
            assert_eq!(text(&mut sub).await, expected);
        }
        publish(&nc, 10..11).await;
        assert!(matches!(error(&mut sub).await, SubscriptionError::Lagged { dropped: 7 }));
        assert_eq!(text(&mut sub).await, "10");
        assert_eq!(recovered(&mut events).await, ("a".to_owned(), 7));
    }

    async fn the_oldest_are_dropped_where_that_is_wanted(target: Target) {
        let place = target.start().await;
        let options = quick().subscription_messages(3).overflow(Overflow::DropOldest);
        let nc = place.connect_with(options).await;
        let mut events = nc.events();
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        let mut other = nc.subscribe("a").overflow(Overflow::DropNewest).pending_messages(100);
        other = other.pending_bytes(1 << 20);
        let other = other.await.expect("subscribed");
        publish(&nc, 0..10).await;
        nc.flush().await.expect("flushed");
        assert_eq!((sub.received(), sub.dropped()), (10, 8));
        assert_eq!((other.received(), other.dropped()), (10, 0));
        assert_eq!(slow(&mut events).await, ("a".to_owned(), 3));
        assert!(matches!(error(&mut sub).await, SubscriptionError::Lagged { dropped: 8 }));
        assert_eq!([text(&mut sub).await, text(&mut sub).await], ["8", "9"]);
        publish(&nc, 10..11).await;
        assert_eq!(text(&mut sub).await, "10");
        assert_eq!(recovered(&mut events).await, ("a".to_owned(), 8));
    }

    async fn a_subscription_can_end_by_it(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut events = nc.events();
        let closing = nc.subscribe("a").overflow(Overflow::Close).pending_messages(3);
        let mut sub = closing.await.expect("subscribed");
        publish(&nc, 0..10).await;
        nc.flush().await.expect("flushed");
        assert_eq!(slow(&mut events).await, ("a".to_owned(), 3));
        eventually("the end", async || sub.is_closed().then_some(())).await;
        for expected in ["0", "1", "2"] {
            assert_eq!(text(&mut sub).await, expected);
        }
        assert!(matches!(error(&mut sub).await, SubscriptionError::TooSlow));
        assert!(within("the end", sub.next()).await.is_none());
        // The server sends it nothing any more.
        let (received, before) = (sub.received(), nc.stats().in_msgs);
        publish(&nc, 10..20).await;
        nc.flush().await.expect("flushed");
        assert_eq!((sub.received(), nc.stats().in_msgs), (received, before));
        assert_eq!(nc.state(), State::Connected);
    }

    async fn reading_can_wait_for_the_reader(target: Target) {
        let place = target.start().await;
        let publisher = place.connect().await;
        let nc = place.connect().await;
        let mut events = nc.events();
        let blocking = nc.subscribe("a").overflow(Overflow::Block).pending_messages(100);
        let mut sub = blocking.await.expect("subscribed");
        // Far more than is read at once, so that reading has to wait.
        let payload = "x".repeat(1000);
        for _ in 0..20_000 {
            publisher.publish("a", &payload).await.expect("published");
        }
        publisher.flush().await.expect("flushed");
        let (subject, waiting) = slow(&mut events).await;
        assert_eq!((subject.as_str(), waiting), ("a", 100));
        for _ in 0..20_000 {
            assert_eq!(next(&mut sub).await.payload().len(), 1000);
        }
        assert_eq!((sub.received(), sub.dropped()), (20_000, 0));
        assert_eq!(recovered(&mut events).await, ("a".to_owned(), 0));
        within("the flush", nc.flush()).await.expect("flushed");
    }
}

#[tokio::test]
async fn a_reader_that_does_not_come_back_holds_the_connection_up_for_five_seconds_only() {
    // Once with PINGs, where the connection is not given up though nothing is read, and once
    // without, where nothing else wakes it up.
    for interval in [Duration::from_millis(300), Duration::from_secs(3600)] {
        holds_up_for_five_seconds(quick().ping_interval(interval).max_pings_out(1)).await;
    }
}

async fn holds_up_for_five_seconds(options: natsws::ConnectOptions) {
    let (_scripted, mut peer, nc) = scripted_as(&info(), options).await;
    let blocking = nc.subscribe("a").overflow(Overflow::Block).pending_messages(2).unconfirmed();
    let mut sub = blocking.await.expect("subscribed");
    peer.expect_line("SUB").await;
    for number in 0..5 {
        peer.send(format!("MSG a 1 1\r\n{number}\r\n")).await;
    }
    eventually("the messages", async || (sub.received() == 5).then_some(())).await;
    let flushed = tokio::spawn({
        let nc = nc.clone();
        async move { nc.flush().await }
    });
    peer.skip_to_line("PING").await;
    peer.send("PONG\r\nMSG a 1 1\r\n5\r\nPONG\r\nPONG\r\nPONG\r\n").await;
    within("the flush", flushed).await.expect("no panic").expect("flushed");
    eventually("the last message", async || (sub.received() == 6).then_some(())).await;
    assert_eq!((sub.dropped(), nc.stats().reconnects), (1, 0));
    let mut numbers = Vec::new();
    while sub.pending() > 0 {
        if let Ok(msg) = within("an item", sub.next()).await.expect("it goes on") {
            numbers.push(msg.text().expect("text").to_owned());
        }
    }
    assert_eq!(numbers, ["0", "1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_subscription_that_holds_the_connection_up_lets_go_when_it_is_dropped() {
    let (_scripted, mut peer, nc) = scripted_as(&info(), quick()).await;
    let blocking = nc.subscribe("a").overflow(Overflow::Block).pending_messages(1).unconfirmed();
    let sub = blocking.await.expect("subscribed");
    peer.expect_line("SUB").await;
    peer.send("MSG a 1 1\r\n1\r\nMSG a 1 1\r\n2\r\nMSG a 1 1\r\n3\r\n").await;
    eventually("the messages", async || (sub.received() >= 2).then_some(())).await;
    drop(sub);
    peer.expect_line("UNSUB").await;
    crate::flush(&nc, &mut peer).await;
}

#[tokio::test]
async fn bytes_count_like_messages_for_all_subscriptions_that_say_nothing() {
    let options = quick().subscription_bytes(4);
    let (_scripted, mut peer, nc) = scripted_as(&info(), options).await;
    let sub = nc.subscribe("a").unconfirmed().await.expect("subscribed");
    let roomy = nc.subscribe("b").pending_bytes(100).unconfirmed().await.expect("subscribed");
    peer.skip_to_line("SUB b").await;
    for _ in 0..3 {
        peer.send("MSG a 1 3\r\nxyz\r\nMSG b 2 3\r\nxyz\r\n").await;
    }
    crate::flush(&nc, &mut peer).await;
    assert_eq!((sub.dropped(), sub.pending()), (2, 1));
    assert_eq!((roomy.dropped(), roomy.pending()), (0, 3));
}

#[tokio::test]
async fn a_slow_listener_misses_no_change_of_the_state() {
    let (scripted, mut peer, nc) =
        scripted_as(&info(), quick().reconnect_delay(|_| Duration::ZERO)).await;
    let mut slow = nc.events();
    for _ in 0..300 {
        peer.send("-ERR 'whatever'\r\n").await;
    }
    peer.close().await;
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    within("the connection", nc.wait_connected(Duration::from_secs(5))).await.expect("it is up");
    crate::flush(&nc, &mut peer).await;
    within("the end", nc.close()).await;
    let (mut errors, mut missed, mut others) = (0, 0, Vec::new());
    while let Some(event) = slow.next().await {
        match event {
            Event::ServerError(_) => errors += 1,
            Event::Missed { events } => missed += events,
            Event::Disconnected { .. } => others.push("disconnected"),
            Event::Reconnected { .. } => others.push("reconnected"),
            Event::Closed { .. } => others.push("closed"),
            _ => {}
        }
    }
    assert_eq!(others, ["disconnected", "reconnected", "closed"]);
    assert_eq!(errors, 256);
    // The attempt was no change of the state, and was missed like the errors before it.
    assert_eq!(missed, 300 - 256 + 1);
}

#[tokio::test]
async fn the_state_can_be_watched() {
    let (_scripted, peer, nc) = scripted_as(&info(), quick().reconnect(false)).await;
    let mut status = nc.status();
    assert_eq!(status.current(), State::Connected);
    let mut seen = Vec::new();
    peer.close().await;
    while let Some(state) = within("a change", status.changed()).await {
        seen.push(state);
        if state == State::Closed {
            break;
        }
    }
    // Of several changes between two looks the last one is seen.
    assert!(matches!(seen[..], [State::Closed] | [State::Disconnected, State::Closed]), "{seen:?}");
    assert_eq!(status.wait_for(|state| state == State::Connected).await, State::Closed);
}
