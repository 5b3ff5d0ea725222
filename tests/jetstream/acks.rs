//! Answering deliveries.

use std::time::Duration;

use natsws::jetstream::{AckError, AckPolicy, Consumer, ConsumerConfig, Delivery, Untyped};
use natsws::{Event, RequestError, Subscription};
use natsws_tests::{eventually, within};

use crate::stage::{SECOND, Stage};

async fn next(consumer: &Consumer) -> Delivery<Untyped> {
    let message = within("a message", consumer.next::<Untyped>().into_future()).await;
    message.expect("asked").expect("one")
}

async fn acks(stage: &Stage) -> Subscription {
    stage.connection().subscribe("$JS.ACK.>").await.expect("subscribed")
}

/// What was said so far, of which the last is this.
async fn said(stage: &Stage, acks: &mut Subscription) -> Vec<String> {
    stage.client.flush().await.expect("flushed");
    let mut all = Vec::new();
    while acks.pending() > 0 {
        let msg = acks.next().await.expect("one").expect("good");
        all.push(msg.text().expect("it is text").to_owned());
    }
    all
}

#[tokio::test]
async fn each_answer_is_what_the_server_reads() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(6).await;
    let mut acks = acks(&stage).await;
    next(&consumer).await.ack().await.expect("sent");
    next(&consumer).await.term("").await.expect("sent");
    next(&consumer).await.term("no such region").await.expect("sent");
    next(&consumer).await.nak(Duration::from_millis(1500)).await.expect("sent");
    next(&consumer).await.nak(None).await.expect("sent");
    let last = next(&consumer).await;
    last.in_progress().await.expect("sent");
    last.in_progress().await.expect("sent");
    last.ack().await.expect("sent");
    let expected = [
        "+ACK",
        "+TERM",
        "+TERM no such region",
        "-NAK {\"delay\":1500000000}",
        "-NAK",
        "+WPI",
        "+WPI",
        "+ACK",
    ];
    assert_eq!(said(&stage, &mut acks).await, expected);
}

#[tokio::test]
async fn the_first_answer_holds_and_later_ones_are_not_sent() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(2).await;
    let mut acks = acks(&stage).await;
    let message = next(&consumer).await;
    assert!(!message.is_answered());
    message.ack().await.expect("sent");
    assert!(message.is_answered());
    message.nak(None).await.expect("not sent");
    message.term("").await.expect("not sent");
    message.in_progress().await.expect("not sent");
    assert_eq!(said(&stage, &mut acks).await, ["+ACK"]);
    let message = next(&consumer).await;
    message.term("").await.expect("sent");
    message.ack().await.expect("not sent");
    let error = message.ack_confirmed().await.expect_err("it is terminated");
    assert!(matches!(error, AckError::AnsweredOtherwise), "{error:?}");
    assert_eq!(said(&stage, &mut acks).await, ["+TERM"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_answer_at_the_same_time_one_is_heard() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(20).await;
    let mut acks = acks(&stage).await;
    for _ in 0..20 {
        let message = std::sync::Arc::new(next(&consumer).await);
        let answers: Vec<_> = (0..16)
            .map(|number| {
                let message = message.clone();
                tokio::spawn(async move {
                    match number % 3 {
                        0 => message.ack().await,
                        1 => message.nak(SECOND * 60).await,
                        _ => message.term("").await,
                    }
                })
            })
            .collect();
        for answer in answers {
            answer.await.expect("no panic").expect("sent or not sent");
        }
    }
    assert_eq!(said(&stage, &mut acks).await.len(), 20);
}

#[tokio::test]
async fn a_confirmation_says_that_the_server_has_it_and_can_be_asked_for_again() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(1).await;
    let message = next(&consumer).await;
    message.ack().await.expect("sent");
    message.ack_confirmed().await.expect("confirmed");
    message.ack_confirmed().await.expect("confirmed");
    let info = consumer.info().await.expect("it is there");
    assert_eq!((info.ack_pending, info.ack_floor.stream_sequence), (0, 1));
}

#[tokio::test]
async fn a_consumer_that_wants_no_acknowledgement_confirms_none() {
    let stage = Stage::new().await;
    let config = ConsumerConfig::durable("C").ack_policy(AckPolicy::None);
    let consumer = stage.stream().await.create_consumer(config).await.expect("made");
    stage.store(1).await;
    let message = next(&consumer).await;
    let error = within("the refusal", message.ack_confirmed()).await.expect_err("nobody reads it");
    assert!(matches!(&error, AckError::NotConfirmed(RequestError::NoResponders)), "{error:?}");
}

#[tokio::test]
async fn a_confirmation_is_waited_for_no_longer_than_said() {
    let stage = Stage::new().await;
    stage.consumer().await;
    stage.store(1).await;
    let (proxy, client) = stage.proxied().await;
    let js = client.jetstream().with_timeout(SECOND / 2);
    let consumer = js.consumer("S", "C").await.expect("it is there");
    let message = next(&consumer).await;
    proxy.freeze_to_client();
    let error = within("the end", message.ack_confirmed()).await.expect_err("nothing is heard");
    assert!(matches!(&error, AckError::NotConfirmed(RequestError::TimedOut { .. })), "{error:?}");
    // It may have been heard, so it can be asked for again.
    assert!(!message.is_answered());
    proxy.resume();
    message.ack_confirmed().await.expect("confirmed");
}

#[tokio::test]
async fn a_connection_that_is_lost_is_waited_for_with_the_confirmation() {
    let stage = Stage::new().await;
    stage.consumer().await;
    stage.store(1).await;
    let (proxy, client) = stage.proxied().await;
    let consumer = client.jetstream().consumer("S", "C").await.expect("it is there");
    let message = next(&consumer).await;
    proxy.freeze_to_client();
    let confirming = tokio::spawn(async move { message.ack_confirmed().await });
    eventually("the acknowledgement", async || {
        let info = stage.js.consumer("S", "C").await.expect("it is there").info().await;
        info.ok().filter(|info| info.ack_pending == 0)
    })
    .await;
    proxy.cut();
    proxy.resume();
    within("the confirmation", confirming).await.expect("no panic").expect("confirmed");
}

#[tokio::test]
async fn a_confirmation_that_is_not_heard_is_asked_for_again() {
    let stage = Stage::new().await;
    stage.consumer().await;
    stage.store(1).await;
    let mut acks = acks(&stage).await;
    let (proxy, client) = stage.proxied().await;
    let consumer = client.jetstream().consumer("S", "C").await.expect("it is there");
    let message = next(&consumer).await;
    proxy.freeze_to_client();
    let confirming = tokio::spawn(async move { message.ack_confirmed().await });
    for _ in 0..2 {
        let ack = within("the acknowledgement", acks.next()).await.expect("one").expect("good");
        assert_eq!(ack.text().expect("it is text"), "+ACK");
    }
    proxy.resume();
    within("the confirmation", confirming).await.expect("no panic").expect("confirmed");
}

#[tokio::test]
async fn an_answer_without_a_connection_is_kept_for_the_next_one() {
    let stage = Stage::new().await;
    stage.consumer().await;
    stage.store(1).await;
    let (proxy, client) = stage.proxied().await;
    let consumer = client.jetstream().consumer("S", "C").await.expect("it is there");
    let message = next(&consumer).await;
    proxy.refuse();
    proxy.cut();
    let mut status = client.connection().status();
    within("the loss", status.wait_for(|state| state == natsws::State::Disconnected)).await;
    message.ack().await.expect("kept");
    proxy.accept_again();
    eventually("the acknowledgement", async || {
        consumer.info().await.ok().filter(|info| info.ack_pending == 0)
    })
    .await;
}

#[tokio::test]
async fn what_is_given_back_comes_again_after_its_pause() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(1).await;
    let message = next(&consumer).await;
    let start = tokio::time::Instant::now();
    message.nak(SECOND / 2).await.expect("sent");
    let again = next(&consumer).await;
    let waited = start.elapsed();
    assert!((SECOND / 2..2 * SECOND).contains(&waited), "{waited:?}");
    assert_eq!((again.delivered(), again.is_redelivered()), (2, true));
    again.nak(None).await.expect("sent");
    assert_eq!(next(&consumer).await.delivered(), 3);
}

#[tokio::test]
async fn work_that_is_in_progress_is_not_given_to_somebody_else() {
    let stage = Stage::new().await;
    let config = ConsumerConfig::durable("C").ack_wait(Duration::from_millis(500));
    let consumer = stage.stream().await.create_consumer(config).await.expect("made");
    stage.store(1).await;
    let message = next(&consumer).await;
    for _ in 0..4 {
        let other = consumer.next::<Untyped>().expires(Duration::from_millis(300)).await;
        assert!(other.expect("asked").is_none());
        message.in_progress().await.expect("sent");
    }
    message.ack_confirmed().await.expect("confirmed");
}

#[tokio::test]
async fn a_delivery_that_nobody_answers_is_told_once_for_each_reader() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(6).await;
    let mut events = stage.connection().events();
    for _ in 0..2 {
        let mut batch = consumer.fetch::<Untyped>(3).await.expect("asked");
        while let Some(message) = within("an item", batch.next()).await {
            drop(message.expect("good"));
        }
        let told = within("the event", events.next()).await.expect("one");
        assert!(matches!(told, Event::DeliveryUnanswered { .. }), "{told:?}");
    }
    stage.connection().close().await;
    let told = within("the event", events.next()).await.expect("one");
    assert!(matches!(told, Event::Closed { .. }), "{told:?}");
}

#[tokio::test]
async fn one_acknowledgement_is_for_all_before_where_the_consumer_says_so() {
    let stage = Stage::new().await;
    let config = ConsumerConfig::durable("C").ack_policy(AckPolicy::All);
    let consumer = stage.stream().await.create_consumer(config).await.expect("made");
    stage.store(5).await;
    let mut batch = consumer.fetch::<Untyped>(5).await.expect("asked");
    let mut last = None;
    while let Some(message) = within("an item", batch.next()).await {
        last = Some(message.expect("good"));
    }
    last.expect("there are five").ack_confirmed().await.expect("confirmed");
    let info = consumer.info().await.expect("it is there");
    assert_eq!((info.ack_pending, info.ack_floor.stream_sequence), (0, 5));
}
