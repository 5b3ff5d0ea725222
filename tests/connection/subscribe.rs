//! Subscriptions: what they get, when they end, and what they count.

use std::time::Duration;

use futures_util::FutureExt;
use natsws::embedded::Broker;
use natsws::{Event, Replies, Subscription, SubscriptionError};
use natsws_tests::{eventually, within};

use crate::{event, next, rest, text};

everywhere! {
    async fn each_subscription_gets_what_its_subject_matches(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let subject = |sub: &'static str| nc.subscribe(sub);
        let mut exact = subject("a.b").await.expect("subscribed");
        let mut again = subject("a.b").await.expect("subscribed");
        let mut token = subject("a.*").await.expect("subscribed");
        let mut middle = subject("*.b").await.expect("subscribed");
        let mut tail = subject("a.>").await.expect("subscribed");
        let mut all = subject(">").await.expect("subscribed");
        for subject in ["a.b", "a.c", "a.b.c", "b.b", "a", "A.b"] {
            nc.publish(subject, subject).await.expect("published");
        }
        nc.flush().await.expect("flushed");
        for (sub, expected) in [
            (&mut exact, &["a.b"][..]),
            (&mut again, &["a.b"]),
            (&mut token, &["a.b", "a.c"]),
            (&mut middle, &["a.b", "b.b", "A.b"]),
            (&mut tail, &["a.b", "a.c", "a.b.c"]),
            (&mut all, &["a.b", "a.c", "a.b.c", "b.b", "a", "A.b"]),
        ] {
            sub.unsubscribe();
            assert_eq!(rest(sub).await, expected, "{}", sub.subject());
        }
    }

    async fn max_ends_the_subscription_with_that_message(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").max(2).await.expect("subscribed");
        for number in 0..5 {
            nc.publish("a", number.to_string()).await.expect("published");
        }
        assert_eq!(rest(&mut sub).await, ["0", "1"]);
        assert_eq!((sub.received(), sub.processed(), sub.is_closed()), (2, 2, true));
    }

    async fn a_maximum_of_any_size_lets_messages_through(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        for max in [999_999_999, 1_000_000_000, u64::MAX] {
            let mut sub = nc.subscribe("a").max(max).await.expect("subscribed");
            let mut raised = nc.subscribe("a").max(1).await.expect("subscribed");
            raised.unsubscribe_after(max);
            let mut many = nc.request_many("a", "1").replies(Replies::Count(max)).await.expect("sent");
            nc.publish("a", "2").await.expect("published");
            let asked = next(&mut sub).await;
            asked.respond("reply").await.expect("sent");
            assert_eq!(text(&mut sub).await, "2");
            assert_eq!((text(&mut raised).await, text(&mut raised).await), ("1".into(), "2".into()));
            let reply = within("a reply", many.next()).await.expect("a reply").expect("no error");
            assert_eq!(reply.text(), Ok("reply"), "{max}");
        }
    }

    async fn unsubscribe_after_raises_and_lowers_the_number(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut raised = nc.subscribe("a").max(1).await.expect("subscribed");
        let mut lowered = nc.subscribe("a").max(10).await.expect("subscribed");
        let mut passed = nc.subscribe("a").await.expect("subscribed");
        raised.unsubscribe_after(3);
        lowered.unsubscribe_after(2);
        for number in 0..5 {
            nc.publish("a", number.to_string()).await.expect("published");
        }
        nc.flush().await.expect("flushed");
        assert_eq!(rest(&mut raised).await, ["0", "1", "2"]);
        assert_eq!(rest(&mut lowered).await, ["0", "1"]);
        passed.unsubscribe_after(4);
        assert_eq!(rest(&mut passed).await, ["0", "1", "2", "3", "4"], "five had come already");
    }

    async fn a_timeout_without_a_first_message_is_an_error_and_the_end(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let timeout = Duration::from_millis(30);
        let mut sub = nc.subscribe("a").timeout(timeout).await.expect("subscribed");
        let item = within("the timeout", sub.next()).await;
        assert!(matches!(item, Some(Err(SubscriptionError::TimedOut))), "{item:?}");
        assert!(within("the end", sub.next()).await.is_none());
        assert!(sub.is_closed());
    }

    async fn the_first_message_ends_the_timeout(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let timeout = Duration::from_millis(200);
        let mut sub = nc.subscribe("a").timeout(timeout).await.expect("subscribed");
        nc.publish("a", "in time").await.expect("published");
        assert_eq!(text(&mut sub).await, "in time");
        // Another subscription, made later, times out; by then this one would have.
        let mut later = nc.subscribe("b").timeout(timeout).await.expect("subscribed");
        let item = within("the timeout", later.next()).await;
        assert!(matches!(item, Some(Err(SubscriptionError::TimedOut))), "{item:?}");
        nc.publish("a", "later").await.expect("published");
        assert_eq!(text(&mut sub).await, "later");
    }

    async fn unsubscribing_keeps_what_had_come(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        nc.publish("a", "1").await.expect("published");
        nc.publish("a", "2").await.expect("published");
        nc.flush().await.expect("flushed");
        assert_eq!((sub.pending(), sub.received(), sub.processed()), (2, 2, 0));
        sub.unsubscribe();
        sub.unsubscribe();
        nc.publish("a", "3").await.expect("published");
        nc.flush().await.expect("flushed");
        assert_eq!(rest(&mut sub).await, ["1", "2"]);
        assert_eq!((sub.pending(), sub.received(), sub.processed()), (0, 2, 2));
    }

    async fn dropping_a_subscription_unsubscribes(target: Target) {
        let place = target.start().await;
        let (nc, other) = (place.connect().await, place.connect().await);
        let sub = nc.subscribe("a").await.expect("subscribed");
        drop(sub);
        nc.flush().await.expect("flushed");
        let error = other.request("a", "").await.expect_err("nobody is there");
        assert!(error.is_no_responders(), "{error}");
        if let crate::place::Place::Broker { broker, .. } = &place {
            // The inbox of the other's requests is left.
            assert_eq!(broker.subscriptions(), 1);
        }
    }

    async fn a_subscribe_that_is_dropped_early_leaves_nothing(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        {
            let mut subscribe = Box::pin(nc.subscribe("a").into_future());
            tokio::select! {
                biased;
                sub = &mut subscribe => drop(sub),
                () = std::future::ready(()) => {}
            }
        }
        nc.flush().await.expect("flushed");
        let error = nc.request("a", "").await.expect_err("nobody is there");
        assert!(error.is_no_responders(), "{error}");
    }

    async fn a_slow_reader_is_told_where_the_gap_is(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut events = nc.events();
        let mut slow = nc.subscribe("a").pending_messages(2).await.expect("subscribed");
        let mut other = nc.subscribe("a").await.expect("subscribed");
        for number in 0..5 {
            nc.publish("a", number.to_string()).await.expect("published");
        }
        nc.flush().await.expect("flushed");
        assert_eq!((slow.pending(), slow.received(), slow.dropped()), (2, 5, 3));
        let subject = event(&mut events, |event| match event {
            Event::SlowConsumer { subject, waiting: 2 } => Some(subject),
            _ => None,
        }).await;
        assert_eq!(subject, "a");

        assert_eq!([text(&mut slow).await, text(&mut slow).await], ["0", "1"]);
        nc.publish("a", "5").await.expect("published");
        let item = within("the gap", slow.next()).await;
        assert!(matches!(item, Some(Err(SubscriptionError::Lagged { dropped: 3 }))), "{item:?}");
        assert_eq!(text(&mut slow).await, "5");
        let recovered = event(&mut events, |event| match event {
            Event::SlowConsumerRecovered { subject, dropped } => Some((subject, dropped)),
            _ => None,
        }).await;
        assert_eq!(recovered, ("a".to_owned(), 3));
        assert_eq!((slow.received(), slow.processed(), slow.dropped()), (6, 3, 3));
        other.unsubscribe();
        assert_eq!(rest(&mut other).await, ["0", "1", "2", "3", "4", "5"]);
    }

    async fn bytes_that_wait_are_limited_too_and_a_gap_at_the_end_is_told(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut slow = nc.subscribe("a").pending_bytes(10).await.expect("subscribed");
        for payload in ["1234", "123456", "1", ""] {
            nc.publish("a", payload).await.expect("published");
        }
        nc.flush().await.expect("flushed");
        slow.unsubscribe();
        assert_eq!([text(&mut slow).await, text(&mut slow).await], ["1234", "123456"]);
        let item = within("the gap", slow.next()).await;
        assert!(matches!(item, Some(Err(SubscriptionError::Lagged { dropped: 1 }))), "{item:?}");
        assert_eq!(text(&mut slow).await, "");
        assert!(within("the end", slow.next()).await.is_none());
    }

    async fn a_stopper_ends_a_subscription_that_is_being_read(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        let stopper = sub.stopper();
        nc.publish("a", "1").await.expect("published");
        let reader = tokio::spawn(async move { rest(&mut sub).await });
        eventually("the message", async || (nc.stats().in_msgs == 1).then_some(())).await;
        stopper.unsubscribe();
        stopper.unsubscribe();
        assert_eq!(within("the reader", reader).await.expect("no panic"), ["1"]);
    }

    async fn no_echo_keeps_ones_own_messages_away(target: Target) {
        let place = target.start().await;
        let quiet = place.connect_with(crate::quick().no_echo(true)).await;
        let other = place.connect().await;
        let mut sub = quiet.subscribe("a").await.expect("subscribed");
        quiet.publish("a", "mine").await.expect("published");
        quiet.flush().await.expect("flushed");
        other.publish("a", "yours").await.expect("published");
        assert_eq!(next(&mut sub).await.text(), Ok("yours"));
    }
}

everywhere! {
    async fn a_read_that_is_given_up_loses_nothing(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").max(500).await.expect("subscribed");
        let publisher = nc.clone();
        let publishing = tokio::spawn(async move {
            for number in 0..500 {
                publisher.publish("a", number.to_string()).await.expect("published");
                publisher.flush().await.expect("flushed");
            }
        });
        let mut read = Vec::new();
        within("all of them", async {
            loop {
                tokio::select! {
                    biased;
                    () = tokio::task::yield_now() => {}
                    item = sub.next() => match item {
                        Some(msg) => read.push(msg.expect("no gap").text().expect("text").to_owned()),
                        None => break,
                    },
                }
            }
        }).await;
        let expected: Vec<_> = (0..500).map(|number: u32| number.to_string()).collect();
        assert_eq!(read, expected);
        within("the publisher", publishing).await.expect("no panic");
    }
}

/// What a task may do of in one go, as tokio has it.
const SHARE: usize = 128;

#[tokio::test]
async fn a_task_that_finds_something_each_time_lets_others_have_their_turn() {
    let broker = Broker::start().await.expect("a broker");
    let client = broker.connect().await.expect("it is there");
    let nc = client.connection();
    let mut subs = Vec::new();
    for number in 0..2 * SHARE {
        subs.push(nc.subscribe(number.to_string()).await.expect("subscribed"));
        nc.publish(&number.to_string(), "").await.expect("published");
    }
    // All of it is here when the PONG is.
    nc.flush().await.expect("flushed");
    tokio::task::yield_now().await;
    let ready = |subs: &mut [Subscription]| -> usize {
        subs.iter_mut().map(|sub| usize::from(sub.next().now_or_never().is_some())).sum()
    };
    assert_eq!(ready(&mut subs), SHARE);
    tokio::task::yield_now().await;
    assert_eq!(ready(&mut subs[SHARE..]), SHARE, "nothing is lost");
}
