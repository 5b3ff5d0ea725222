//! Several subjects in one subscription: one queue, one order, one end.

use std::time::Duration;

use natsws::{ServerError, SubscribeError, SubscriptionError};
use natsws_tests::{Server, Transport, eventually, info, within};

use crate::{flush, next, quick, rest, scripted, scripted_as, text};

everywhere! {
    async fn messages_of_several_subjects_come_in_the_order_of_all(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a.*").and("b").and("c.>").await.expect("subscribed");
        let subjects = ["a.1", "b", "c.1.2", "a.2", "x", "c.3", "b"];
        let sent: Vec<&str> = subjects.into_iter().cycle().take(700).collect();
        for subject in &sent {
            nc.publish(subject, *subject).await.expect("published");
        }
        for subject in sent.iter().filter(|subject| **subject != "x") {
            assert_eq!(text(&mut sub).await, **subject);
        }
        assert_eq!((sub.received(), sub.processed()), (600, 600));
        within("the drain", sub.drain()).await.expect("the connection is up");
        assert!(rest(&mut sub).await.is_empty());
    }

    async fn their_maximum_counts_all_of_them(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut limited = nc.subscribe("a").and("b").max(3).await.expect("subscribed");
        let mut lowered = nc.subscribe("a").and("b").await.expect("subscribed");
        lowered.unsubscribe_after(2);
        for subject in ["a", "b", "b", "a", "b"] {
            nc.publish(subject, subject).await.expect("published");
        }
        assert_eq!(rest(&mut limited).await, ["a", "b", "b"]);
        assert_eq!(rest(&mut lowered).await, ["a", "b"]);
        nc.flush().await.expect("flushed");
        assert_eq!((limited.received(), lowered.received()), (3, 2));
        let mut none = nc.subscribe("a").max(0).await.expect("subscribed");
        let mut neither = nc.subscribe("a").and("b").max(0).await.expect("subscribed");
        assert!(rest(&mut none).await.is_empty());
        assert!(rest(&mut neither).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_subscribed_and_all_are_unsubscribed_together() {
    let (_scripted, mut peer, nc) = scripted().await;
    let sub = nc.subscribe("a").and("b").and("c").queue("q").unconfirmed().await;
    let mut sub = sub.expect("subscribed");
    sub.unsubscribe_after(2);
    for line in ["SUB a q 1", "SUB b q 2", "SUB c q 3"] {
        peer.expect_line(line).await;
    }
    peer.send("MSG b 2 1\r\nx\r\nMSG c 3 1\r\ny\r\nMSG a 1 1\r\nz\r\n").await;
    assert_eq!(rest(&mut sub).await, ["x", "y"]);
    for line in ["UNSUB 1", "UNSUB 2", "UNSUB 3"] {
        peer.expect_line(line).await;
    }
    let other = nc.subscribe("d").and("e").unconfirmed().await.expect("subscribed");
    peer.expect_line("SUB d 4").await;
    peer.expect_line("SUB e 5").await;
    drop(other);
    peer.expect_line("UNSUB 4").await;
    peer.expect_line("UNSUB 5").await;
    flush(&nc, &mut peer).await;
    let both = nc.subscribe("a").and("b").queue("q").max(2).await;
    assert!(matches!(both, Err(SubscribeError::MaxInQueueGroup)), "{both:?}");
    let wrong = nc.subscribe("a").and("b..c").await;
    assert!(matches!(wrong, Err(SubscribeError::Subject(_))));
    flush(&nc, &mut peer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_denied_ends_them_all() {
    let (_scripted, mut peer, nc) = scripted().await;
    let sub = nc.subscribe("a").and("b").and("c").unconfirmed().await;
    let mut sub = sub.expect("subscribed");
    for line in ["SUB a 1", "SUB b 2", "SUB c 3"] {
        peer.expect_line(line).await;
    }
    peer.send("MSG a 1 1\r\nx\r\n-ERR 'Permissions Violation for Subscription to \"b\"'\r\n").await;
    assert_eq!(text(&mut sub).await, "x");
    let item = within("the reason", sub.next()).await;
    let denied = ServerError::SubscribeDenied { subject: "b".to_owned(), queue_group: None };
    assert!(
        matches!(&item, Some(Err(SubscriptionError::Denied(error))) if *error == denied),
        "{item:?}"
    );
    assert!(within("the end", sub.next()).await.is_none());
    for line in ["UNSUB 1", "UNSUB 2", "UNSUB 3"] {
        peer.expect_line(line).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_the_server_does_not_permit_is_the_error_of_the_subscription() {
    let rules = "authorization { users: [{ user: u, password: p, permissions: {
        subscribe: { deny: [\"no\"] } } }] }";
    for transport in Transport::ALL {
        let server = Server::builder().config(rules).start();
        let options = quick().user("u", "p");
        let nc = crate::connect_with(&server.url(transport), options).await;
        let error = nc.subscribe("yes").and("no").await.expect_err("it is denied");
        assert!(matches!(error, SubscribeError::Denied(_)), "{error:?}");
        let mut still = nc.subscribe("yes").await.expect("subscribed");
        nc.publish("yes", "x").await.expect("published");
        assert_eq!(next(&mut still).await.subject(), "yes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_come_back_after_a_lost_connection() {
    let options = quick().reconnect_time_wait(Duration::from_millis(10));
    let (scripted, mut peer, nc) = scripted_as(&info(), options).await;
    let mut sub = nc.subscribe("a").and("b").max(3).unconfirmed().await.expect("subscribed");
    peer.expect_line("SUB a 1").await;
    peer.expect_line("SUB b 2").await;
    peer.send("MSG b 2 1\r\nx\r\n").await;
    assert_eq!(text(&mut sub).await, "x");
    drop(peer);
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    peer.expect_line("SUB a 1").await;
    peer.expect_line("SUB b 2").await;
    peer.send("MSG b 2 1\r\ny\r\nMSG a 1 1\r\nz\r\n").await;
    assert_eq!(rest(&mut sub).await, ["y", "z"]);
    eventually("the connection", async || (nc.stats().reconnects == 1).then_some(())).await;
}
