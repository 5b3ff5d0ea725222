//! Draining: nothing that was sent before is lost, and nothing comes after.

use std::time::Duration;

use natsws::{DrainError, PublishError, RequestError, State, SubscribeError};
use natsws_tests::{eventually, within};

use crate::{next, rest, text};

everywhere! {
    async fn a_subscription_that_drains_under_load_loses_nothing(target: Target) {
        let place = target.start().await;
        let (nc, publisher) = (place.connect().await, place.connect().await);
        let mut control = nc.subscribe("a").await.expect("subscribed");
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        let load = tokio::spawn(async move {
            let mut number = 0_u64;
            while publisher.publish("a", number.to_string()).await.is_ok() {
                number += 1;
                if number.is_multiple_of(100) {
                    publisher.flush().await.expect("flushed");
                }
            }
        });
        eventually("some load", async || (sub.received() > 500).then_some(())).await;
        within("the drain", sub.drain()).await.expect("drained");
        assert!(sub.is_closed());
        let received = sub.received();
        // The other subscription goes on, far beyond where this one ended.
        eventually("more load", async || (control.received() > received + 500).then_some(())).await;
        assert_eq!(sub.received(), received);
        let drained = rest(&mut sub).await;
        assert_eq!(drained.len() as u64, received);
        for (number, text) in drained.iter().enumerate() {
            assert_eq!(*text, number.to_string());
            assert_eq!(next(&mut control).await.text(), Ok(text.as_str()));
        }
        load.abort();
    }

    async fn a_connection_that_drains_is_read_to_the_end_and_closed(target: Target) {
        let place = target.start().await;
        let (nc, other) = (place.connect().await, place.connect().await);
        let mut answers = other.subscribe("answers").await.expect("subscribed");
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        for number in 0..100 {
            nc.publish("a", number.to_string()).reply("answers").await.expect("published");
        }
        let mut status = nc.status();
        let reader = tokio::spawn(async move {
            // What was read before is no part of the drain, nor of its report.
            status.wait_for(|state| state == State::Draining).await;
            let mut read = Vec::new();
            while let Some(msg) = sub.next().await {
                let msg = msg.expect("nothing but messages");
                msg.respond(msg.payload()).await.expect("answers go out while draining");
                read.push(msg.text().expect("text").to_owned());
            }
            read
        });
        let report = within("the drain", nc.drain()).await.expect("drained");
        let expected: Vec<_> = (0..100).map(|number: u32| number.to_string()).collect();
        assert_eq!(within("the reader", reader).await.expect("no panic"), expected);
        for number in &expected {
            assert_eq!(text(&mut answers).await, *number);
        }
        assert_eq!(nc.state(), State::Closed);
        assert!(nc.closed().await.is_ok());
        assert_eq!((report.delivered, report.dropped), (100, 0));
        assert_eq!(nc.drain().await, Ok(report));
    }

    async fn a_connection_that_was_closed_cannot_be_drained(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        nc.close().await;
        assert_eq!(nc.drain().await, Err(DrainError::Closed));
    }

    async fn while_draining_all_that_is_new_is_refused_by_name(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        nc.publish("a", "1").await.expect("published");
        nc.flush().await.expect("flushed");
        let (drained, again, ()) = tokio::join!(nc.drain(), nc.drain(), async {
            eventually("draining", async || (nc.state() == State::Draining).then_some(())).await;
            let result = nc.subscribe("b").await.map(drop);
            assert!(matches!(result, Err(SubscribeError::Draining)), "{result:?}");
            let result = nc.request("b", "").await;
            assert!(matches!(result, Err(RequestError::Draining)), "{result:?}");
            nc.publish("b", "an answer").await.expect("published");
            assert_eq!(rest(&mut sub).await, ["1"]);
        });
        let report = drained.expect("drained");
        assert_eq!((report.delivered, report.dropped), (1, 0));
        assert_eq!((again, nc.drain().await), (Ok(report), Ok(report)));
        let result = nc.publish("b", "").await;
        assert!(matches!(result, Err(PublishError::Closed)), "{result:?}");
        let result = nc.subscribe("b").await.map(drop);
        assert!(matches!(result, Err(SubscribeError::Closed)), "{result:?}");
        let result = nc.request("b", "").await;
        assert!(matches!(result, Err(RequestError::Closed)), "{result:?}");
    }

    async fn a_drain_that_nobody_reads_says_what_was_not_read(target: Target) {
        let place = target.start().await;
        let options = crate::quick().drain_timeout(Duration::from_millis(100));
        let nc = place.connect_with(options).await;
        let _sub = nc.subscribe("a").await.expect("subscribed");
        for _ in 0..3 {
            nc.publish("a", "1").await.expect("published");
        }
        let result = within("the drain", nc.drain()).await;
        assert_eq!(result, Err(DrainError::TimedOut { unread: 3, unsent: 0 }));
        assert_eq!(nc.state(), State::Closed);
    }

    async fn a_subscription_can_be_drained_twice(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        nc.publish("a", "1").await.expect("published");
        let (first, second) = tokio::join!(sub.drain(), sub.drain());
        assert_eq!((first, second, sub.drain().await), (Ok(()), Ok(()), Ok(())));
        assert_eq!(rest(&mut sub).await, ["1"]);
    }
}

everywhere! {
    async fn many_subscriptions_that_drain_under_load_lose_nothing(target: Target) {
        let place = target.start().await;
        let (nc, publisher) = (place.connect().await, place.connect().await);
        let load = tokio::spawn(async move {
            let mut number = 0_u64;
            while publisher.publish("a", number.to_string()).await.is_ok() {
                number += 1;
                if number.is_multiple_of(20) {
                    publisher.flush().await.expect("flushed");
                }
            }
        });
        for _ in 0..50 {
            let mut sub = nc.subscribe("a").await.expect("subscribed");
            let first: u64 = text(&mut sub).await.parse().expect("a number");
            within("the drain", sub.drain()).await.expect("drained");
            let received = sub.received();
            let drained = rest(&mut sub).await;
            let expected: Vec<_> = (first + 1..first + received).map(|it| it.to_string()).collect();
            assert_eq!(drained, expected);
        }
        load.abort();
    }
}

#[tokio::test]
async fn a_drain_without_a_connection_waits_for_the_next_one() {
    let (scripted, peer, nc) = crate::scripted().await;
    peer.close().await;
    eventually("the loss", async || (nc.state() == State::Disconnected).then_some(())).await;
    nc.publish("a", "kept").await.expect("kept for the next connection");
    let (drained, ()) = tokio::join!(nc.drain(), async {
        let mut peer = scripted.accept().await;
        peer.handshake(&natsws_tests::info()).await;
        peer.expect_line("PUB a 4").await;
        peer.expect_line("kept").await;
        peer.expect_line("PING").await;
        peer.send("PONG\r\n").await;
        assert_eq!(peer.read_to_end().await, b"");
    });
    drained.expect("drained");
    assert_eq!(nc.state(), State::Closed);
}
