//! Reading some messages, or one.

use std::time::Duration;

use natsws::jetstream::{
    ConsumeError, Consumer, ConsumerConfig, Fetch, Notice, StreamConfig, Untyped,
};
use natsws_tests::{eventually, within};

use crate::stage::{SECOND, Stage, notice, numbers, read};

/// Reads to the end, which is no error.
async fn all(fetch: &mut Fetch<Untyped>) -> Vec<String> {
    let mut payloads = Vec::new();
    while let Some(message) = within("an item", fetch.next()).await {
        let message = message.expect("good");
        payloads.push(String::from_utf8_lossy(message.payload()).into_owned());
        message.ack().await.expect("sent");
    }
    payloads
}

async fn refusal(consumer: &Consumer) -> ConsumeError {
    let mut fetch = consumer.fetch::<Untyped>(1).await.expect("asked");
    let item = within("the end", fetch.next()).await.expect("one");
    assert!(within("the end", fetch.next()).await.is_none());
    item.expect_err("it is refused")
}

#[tokio::test]
async fn it_ends_with_the_last_message_that_was_asked_for() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(300).await;
    let mut fetch = consumer.fetch::<Untyped>(100).await.expect("asked");
    assert_eq!(all(&mut fetch).await, numbers(1..=100));
    assert_eq!(consumer.info().await.expect("it is there").pending, 200);
}

#[tokio::test]
async fn it_ends_when_its_time_is_over() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    let mut none = consumer.fetch::<Untyped>(10).expires(SECOND / 4).await.expect("asked");
    assert_eq!(all(&mut none).await, Vec::<String>::new());
    stage.store(1).await;
    let mut one = consumer.fetch::<Untyped>(10).expires(SECOND / 4).await.expect("asked");
    assert_eq!(all(&mut one).await, ["1"]);
}

#[tokio::test]
async fn what_is_there_is_taken_without_waiting() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    let mut none = consumer.fetch::<Untyped>(10).no_wait().await.expect("asked");
    assert_eq!(all(&mut none).await, Vec::<String>::new());
    stage.store(3).await;
    eventually("the messages", async || consumer.info().await.ok().filter(|it| it.pending == 3))
        .await;
    let mut three = consumer.fetch::<Untyped>(10).no_wait().await.expect("asked");
    assert_eq!(all(&mut three).await, numbers(1..=3));
    assert!(consumer.next::<Untyped>().no_wait().await.expect("asked").is_none());
}

#[tokio::test]
async fn it_brings_no_more_bytes_than_it_may() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    stage.store(9).await;
    // Subject, reply subject and payload.
    let first = consumer.next::<Untyped>().await.expect("asked").expect("one");
    let size = first.msg().size();
    first.ack().await.expect("sent");
    let mut two = consumer.fetch::<Untyped>(10).max_bytes(2 * size + 1).await.expect("asked");
    assert_eq!(all(&mut two).await, ["2", "3"]);
    // Where they are used up exactly, the server says nothing.
    let mut two = consumer.fetch::<Untyped>(10).max_bytes(2 * size).await.expect("asked");
    assert_eq!(all(&mut two).await, ["4", "5"]);
    let mut none = consumer.fetch::<Untyped>(10).max_bytes(8).await.expect("asked");
    match within("the end", none.next()).await {
        Some(Err(ConsumeError::Refused { code, description })) => {
            assert_eq!((code, description.as_str()), (409, "Message Size Exceeds MaxBytes"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn more_than_the_consumer_allows_is_refused() {
    let stage = Stage::new().await;
    let stream = stage.stream().await;
    let config = ConsumerConfig::durable("C").max_request_batch(10).max_request_expires(SECOND);
    let known = stream.create_consumer(config).await.expect("made");
    let error = known.fetch::<Untyped>(11).await.map(drop).expect_err("it is too much");
    assert_eq!(error.to_string(), "`max_messages` is 11, and may be 10 at most");
    let bound = stage.js.bound_consumer("S", "C").expect("good names");
    for (messages, expires, expected) in [
        (11, SECOND, "Exceeded MaxRequestBatch of 10"),
        (10, 2 * SECOND, "Exceeded MaxRequestExpires of 1s"),
    ] {
        let fetch = bound.fetch::<Untyped>(messages).expires(expires).await;
        match within("the end", fetch.expect("asked").next()).await {
            Some(Err(ConsumeError::Refused { code: 409, description })) => {
                assert_eq!(description, expected);
            }
            other => panic!("{other:?}"),
        }
    }
    let next = bound.next::<Untyped>().expires(2 * SECOND).await.map(drop);
    assert!(matches!(next, Err(ConsumeError::Refused { code: 409, .. })), "{next:?}");
}

#[tokio::test]
async fn who_asks_while_as_many_wait_as_may_is_refused_and_a_reader_asks_again() {
    let stage = Stage::new().await;
    let config = ConsumerConfig::durable("C").max_waiting(1);
    let consumer = stage.stream().await.create_consumer(config).await.expect("made");
    let mut waits = consumer.fetch::<Untyped>(1).await.expect("asked");
    eventually("the pull", async || consumer.info().await.ok().filter(|info| info.waiting == 1))
        .await;
    match consumer.next::<Untyped>().expires(SECOND / 3).await {
        Err(ConsumeError::Refused { code: 409, description }) => {
            assert_eq!(description, "Exceeded MaxWaiting");
        }
        other => panic!("{other:?}"),
    }
    // To who wants heartbeats the server says nothing, and sends none.
    let fetch = consumer.fetch::<Untyped>(1).expires(2 * SECOND).heartbeat(SECOND / 2);
    match within("the end", fetch.await.expect("asked").next()).await {
        Some(Err(ConsumeError::Silent { after })) => assert_eq!(after, SECOND),
        other => panic!("{other:?}"),
    }
    let reading = consumer.messages::<Untyped>().expires(2 * SECOND).heartbeat(SECOND / 2);
    let mut messages = reading.await.expect("reading");
    let mut notices = messages.notices();
    let missed = Notice::HeartbeatsMissed { after: SECOND };
    for _ in 0..2 {
        notice(&mut messages, &mut notices, |notice| *notice == missed).await;
    }
    stage.store(2).await;
    let first = within("a message", waits.next()).await.expect("one").expect("good");
    assert_eq!(first.payload(), b"1");
    assert_eq!(read(&mut messages, 1).await, ["2"]);
}

#[tokio::test]
async fn a_consumer_that_is_not_there_is_named_and_found_when_it_is() {
    let stage = Stage::new().await;
    let asked = "$JS.API.CONSUMER.INFO.>";
    let asked = stage.connection().subscribe(asked).await.expect("subscribed");
    let consumer = stage.js.bound_consumer("S", "C").expect("good names");
    for _ in 0..2 {
        match refusal(&consumer).await {
            ConsumeError::NoResponders { stream, consumer } => {
                assert_eq!((stream.as_str(), consumer.as_str()), ("S", "C"));
            }
            other => panic!("{other:?}"),
        }
        stage.stream().await;
        let error = consumer.next::<Untyped>().await.map(drop).expect_err("there is none");
        assert!(matches!(error, ConsumeError::NoResponders { .. }), "{error:?}");
        let stream = stage.js.stream("S").await.expect("it is there");
        stream.create_consumer(ConsumerConfig::durable("C")).await.expect("made");
        stage.store(1).await;
        let message = consumer.next::<Untyped>().await.expect("asked").expect("one");
        assert_eq!(message.payload(), b"1");
        message.ack().await.expect("sent");
        stage.js.delete_stream("S").await.expect("deleted");
    }
    stage.client.flush().await.expect("flushed");
    assert_eq!(asked.received(), 0, "it is not looked up");
}

#[tokio::test]
async fn a_consumer_that_is_deleted_meanwhile_is_an_error() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    let waiting = tokio::spawn({
        let consumer = consumer.clone();
        async move { refusal(&consumer).await }
    });
    eventually("the pull", async || consumer.info().await.ok().filter(|info| info.waiting == 1))
        .await;
    consumer.delete().await.expect("deleted");
    let error = within("the end", waiting).await.expect("no panic");
    assert!(matches!(error, ConsumeError::ConsumerGone { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_not_heard_of_is_an_error() {
    let stage = Stage::new().await;
    stage.consumer().await;
    let (proxy, client) = stage.proxied().await;
    let consumer = client.jetstream().consumer("S", "C").await.expect("it is there");
    proxy.freeze_to_client();
    let fetch = consumer.fetch::<Untyped>(1).expires(2 * SECOND).heartbeat(SECOND / 2);
    match within("the end", fetch.await.expect("asked").next()).await {
        Some(Err(ConsumeError::Silent { after })) => assert_eq!(after, SECOND),
        other => panic!("{other:?}"),
    }
    // Without heartbeats the time tells.
    let quick = client.jetstream().with_timeout(SECOND / 4).bound_consumer("S", "C");
    let quick = quick.expect("good names");
    match within("the end", quick.next::<Untyped>().expires(SECOND / 4).into_future()).await {
        Err(ConsumeError::Silent { after }) => assert_eq!(after, SECOND / 2),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_ends_with_its_connection() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    let mut fetch = consumer.fetch::<Untyped>(1).await.expect("asked");
    let next = tokio::spawn({
        let consumer = consumer.clone();
        async move { consumer.next::<Untyped>().await.map(drop) }
    });
    eventually("both pulls", async || consumer.info().await.ok().filter(|info| info.waiting == 2))
        .await;
    stage.connection().close().await;
    assert!(within("the end", fetch.next()).await.is_none());
    let error = within("the end", next).await.expect("no panic").expect_err("it is closed");
    assert!(matches!(error, ConsumeError::Subscribe(natsws::SubscribeError::Closed)), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_is_lost_and_made_again_ends_it_and_the_next_one_goes_on() {
    let stage = Stage::new().await;
    stage.consumer().await;
    let (proxy, client) = stage.proxied().await;
    let consumer = client.jetstream().consumer("S", "C").await.expect("it is there");
    let mut fetch = consumer.fetch::<Untyped>(10).await.expect("asked");
    eventually("the pull", async || consumer.info().await.ok().filter(|info| info.waiting == 1))
        .await;
    proxy.cut();
    assert!(within("the end", fetch.next()).await.is_none());
    // The server knows by then that nobody reads it any more, though it is still here.
    consumer.info().await.expect("it is there");
    stage.store(1).await;
    let message = within("a message", consumer.next::<Untyped>().into_future()).await;
    assert_eq!(message.expect("asked").expect("one").payload(), b"1");
}

#[tokio::test]
async fn one_that_is_asked_for_while_there_is_no_connection_comes_over_the_next() {
    let stage = Stage::new().await;
    stage.consumer().await;
    stage.store(1).await;
    let (proxy, client) = stage.proxied().await;
    let consumer = client.jetstream().consumer("S", "C").await.expect("it is there");
    proxy.refuse();
    proxy.cut();
    let mut status = client.connection().status();
    within("the loss", status.wait_for(|state| state == natsws::State::Disconnected)).await;
    let asked = tokio::spawn(async move { consumer.next::<Untyped>().await });
    tokio::task::yield_now().await;
    proxy.accept_again();
    let message = within("a message", asked).await.expect("no panic").expect("asked");
    assert_eq!(message.expect("one").payload(), b"1");
}

#[tokio::test]
async fn a_message_that_was_not_answered_is_delivered_again() {
    let stage = Stage::new().await;
    let config = ConsumerConfig::durable("C").ack_wait(Duration::from_millis(200)).max_deliver(2);
    let consumer = stage.stream().await.create_consumer(config).await.expect("made");
    stage.store(1).await;
    for delivered in [1, 2] {
        let message = consumer.next::<Untyped>().await.expect("asked").expect("one");
        assert_eq!((message.delivered(), message.sequence()), (delivered, 1));
    }
    let none = consumer.next::<Untyped>().expires(SECOND / 2).await.expect("asked");
    assert!(none.is_none());
}

#[tokio::test]
async fn nothing_is_left_subscribed_and_the_same_consumer_serves_again() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("S").subjects(["s.>"]);
    let stream = stage.js.create_stream(config).await.expect("made");
    let config = ConsumerConfig::named("C").inactive_threshold(SECOND / 2);
    let consumer = stream.create_consumer(config).await.expect("made");
    stage.store(4).await;
    for number in ["1", "2"] {
        let message = consumer.next::<Untyped>().await.expect("asked").expect("one");
        assert_eq!(message.payload(), number.as_bytes());
        message.ack().await.expect("sent");
    }
    drop(consumer.fetch::<Untyped>(100).await.expect("asked"));
    // With a pull left behind, the server would keep it.
    eventually("the end of the consumer", async || {
        consumer.info().await.err().filter(natsws::jetstream::JetStreamError::is_not_found)
    })
    .await;
}
