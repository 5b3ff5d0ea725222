//! Leaving.

use std::time::Duration;

use natsws::{DrainError, Event, FlushError, ServerError, State, SubscriptionError};
use natsws_tests::{eventually, info, within};

use super::{at_once, monitored, subscriptions};
use crate::{event, next, quick, rest, scripted, scripted_as, text};

#[tokio::test]
async fn a_drain_whose_server_stays_away_says_what_was_not_sent() {
    let options = at_once().drain_timeout(Duration::from_millis(100));
    let (scripted, peer, nc) = scripted_as(&info(), options).await;
    drop(scripted);
    peer.close().await;
    crate::reconnect::down(&nc).await;
    for _ in 0..3 {
        nc.publish("a", "kept").await.expect("kept");
    }
    let drained = within("the drain", nc.drain()).await;
    assert_eq!(drained, Err(DrainError::TimedOut { unread: 0, unsent: 3 }));
    assert_eq!(nc.state(), State::Closed);
    assert_eq!(nc.drain().await, drained);
}

#[tokio::test]
async fn a_drain_whose_server_goes_says_what_is_not_confirmed() {
    let (scripted, mut peer, nc) = scripted_as(&info(), at_once()).await;
    nc.publish("a", "x").await.expect("published");
    let (drained, ()) = tokio::join!(within("the drain", nc.drain()), async {
        peer.skip_to_line("PUB a 1").await;
        peer.skip_to_line("PING").await;
        peer.close().await;
        let mut peer = scripted.accept().await;
        peer.handshake(&info()).await;
        peer.expect_line("PING").await;
        peer.send("PONG\r\n").await;
    });
    let lost = DrainError::Flush(FlushError::Disconnected { unconfirmed: 1 });
    assert_eq!((drained, nc.state()), (Err(lost), State::Closed));

    // Where there is no next connection it is no success either.
    let (_scripted, mut peer, nc) = scripted_as(&info(), quick().reconnect(false)).await;
    nc.publish("a", "x").await.expect("published");
    let (drained, ()) = tokio::join!(within("the drain", nc.drain()), async {
        peer.skip_to_line("PING").await;
        peer.close().await;
    });
    assert_eq!((drained, nc.state()), (Err(lost), State::Closed));
}

everywhere! {
    async fn a_panic_that_takes_the_last_handle_with_it_leaves_nothing_behind(target: Target) {
        let place = target.start_with(monitored, |it| it).await;
        let other = place.connect().await;
        let mut sub = other.subscribe("a").max(100).await.expect("subscribed");
        let before = subscriptions(&place);
        let nc = place.connect().await;
        let mut events = nc.events();
        let panicking = tokio::spawn(async move {
            let mut own = nc.subscribe("own").await.expect("subscribed");
            let waiting = nc.request("own", "").into_future();
            for number in 0..100 {
                nc.publish("a", number.to_string()).await.expect("published");
            }
            tokio::select! {
                biased;
                _ = waiting => {}
                msg = next(&mut own) => {
                    assert_eq!(msg.text(), Ok("this panic is part of the test"));
                }
            }
        });
        assert!(within("the panic", panicking).await.expect_err("a panic").is_panic());
        let expected: Vec<_> = (0..100).map(|number: u32| number.to_string()).collect();
        assert_eq!(rest(&mut sub).await, expected);
        let closed = |event| match event {
            Event::Closed { error, .. } => Some(error.is_none()),
            _ => None,
        };
        assert!(event(&mut events, closed).await, "the end of the last handle is no failure");
        // The other one has had its hundred.
        eventually("the end", async || (subscriptions(&place) < before).then_some(())).await;
    }
}

#[tokio::test]
async fn the_end_of_a_subscription_that_was_denied_is_no_silence() {
    // A server may also take back later what it had permitted.
    let (_scripted, mut peer, nc) = scripted().await;
    let mut sub = nc.subscribe("a").unconfirmed().await.expect("subscribed");
    let mut other = nc.subscribe("a").queue("g").unconfirmed().await.expect("subscribed");
    peer.send("MSG a 1 2\r\nhi\r\n-ERR 'Permissions Violation for Subscription to \"a\"'\r\n")
        .await;
    assert_eq!(text(&mut sub).await, "hi");
    let item = within("the reason", sub.next()).await;
    let denied = ServerError::SubscribeDenied { subject: "a".to_owned(), queue_group: None };
    let Some(Err(SubscriptionError::Denied(reason))) = item else { unreachable!("{item:?}") };
    assert_eq!(reason, denied);
    assert!(within("the end", sub.next()).await.is_none());
    peer.send("MSG a 2 3\r\nyou\r\n").await;
    assert_eq!(text(&mut other).await, "you");
}
