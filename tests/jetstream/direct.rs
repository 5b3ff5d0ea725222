//! Many messages of a stream, read without a consumer.

use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use natsws::jetstream::{
    ConfigError, JetStreamError, StoredMessage, StoredMessages, Stream, StreamConfig, Untyped,
};
use natsws::{ConnectOptions, Subject};
use natsws_tests::{eventually, within};
use serde::{Deserialize, Serialize};

use crate::stage::{OrderCreated, Stage};

async fn orders(stage: &Stage, count: u64) -> Stream {
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]).allow_direct(true);
    let stream = stage.js.create_stream(config).await.expect("made");
    let order = |id| OrderCreated::new(if id % 2 == 1 { "eu" } else { "us" }, id);
    for id in 1..count {
        stage.client.publish(&order(id)).await.expect("sent");
    }
    // When the stream has the last one, it has them all.
    let ack = stage.js.publish(&order(count)).await.expect("stored");
    assert_eq!(ack.sequence, count);
    stream
}

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("keys.{key}")]
struct Key {
    key: u32,
    value: String,
}

async fn all<T: natsws::jetstream::Deliverable>(
    messages: Result<StoredMessages<T>, JetStreamError>,
) -> Vec<StoredMessage<T>> {
    let messages = messages.expect("reading");
    within("the messages", messages.try_collect()).await.expect("read")
}

fn numbers<T>(messages: &[StoredMessage<T>]) -> Vec<u64> {
    messages.iter().map(StoredMessage::sequence).collect()
}

#[tokio::test]
async fn messages_are_read_in_order_to_the_last_one_and_typed() {
    let stage = Stage::new().await;
    let stream = orders(&stage, 1234).await;
    let mut messages = stream.messages::<OrderCreated>().await.expect("reading");
    for id in 1..=1234 {
        let order = within("an order", messages.next()).await.expect("one").expect("decoded");
        assert_eq!((order.id, order.sequence(), messages.pending()), (id, id, 1234 - id));
    }
    assert!(within("the end", messages.next()).await.is_none());
    assert!(messages.next().await.is_none(), "the end stays the end");
}

#[tokio::test]
async fn where_it_starts_how_much_it_reads_and_of_which_subject_can_be_said() {
    let stage = Stage::new().await;
    let stream = orders(&stage, 10).await;
    assert_eq!(numbers(&all(stream.messages::<Untyped>().from(8).await).await), [8, 9, 10]);
    assert_eq!(numbers(&all(stream.messages::<Untyped>().from(0).limit(2).await).await), [1, 2]);
    let us = stream.messages::<Untyped>().filter("orders.us.>").from(3).limit(3).await;
    assert_eq!(numbers(&all(us).await), [4, 6, 8]);
    let none = stream.messages::<Untyped>().filter("orders.cn.>").await;
    assert_eq!(numbers(&all(none).await), [0; 0]);
    assert_eq!(numbers(&all(stream.messages::<Untyped>().from(11).await).await), [0; 0]);
    assert_eq!(numbers(&all(stream.messages::<Untyped>().limit(0).await).await), [0; 0]);
    let time = stream.message::<Untyped>(6).await.expect("asked").expect("there").time();
    assert_eq!(
        numbers(&all(stream.messages::<Untyped>().from(time).await).await),
        [6, 7, 8, 9, 10]
    );
    let later = SystemTime::now() + Duration::from_secs(60);
    assert_eq!(numbers(&all(stream.messages::<Untyped>().from(later).await).await), [0; 0]);
}

#[tokio::test]
async fn pages_of_any_size_give_the_same_messages() {
    let stage = Stage::new().await;
    let stream = orders(&stage, 23).await;
    stream.delete_message(5).await.expect("deleted");
    let expected: Vec<u64> = (1..=23).filter(|id| *id != 5).collect();
    for batch in [0, 1, 2, 5, 22, 23, 100] {
        let messages = all(stream.messages::<OrderCreated>().batch(batch).await).await;
        assert_eq!(numbers(&messages), expected, "{batch} at a time");
    }
    for bytes in [0, 1, 200, 1000] {
        let messages = all(stream.messages::<OrderCreated>().max_bytes(bytes).await).await;
        assert_eq!(numbers(&messages), expected, "{bytes} bytes at a time");
    }
    let limited = all(stream.messages::<OrderCreated>().batch(4).limit(10).await).await;
    assert_eq!(numbers(&limited), expected[..10]);
}

#[tokio::test]
async fn limits_can_follow_one_another_until_there_is_no_more() {
    let stage = Stage::new().await;
    let stream = orders(&stage, 8).await;
    let (mut from, mut batches) = (1, Vec::new());
    loop {
        let mut messages = stream.messages::<Untyped>().from(from).limit(5).await.expect("asked");
        let mut count = 0;
        while let Some(message) = within("a message", messages.next()).await {
            from = message.expect("read").sequence() + 1;
            count += 1;
        }
        batches.push((count, messages.pending()));
        if count == 0 {
            break;
        }
    }
    assert_eq!(batches, [(5, 3), (3, 0), (0, 0)]);
}

#[tokio::test]
async fn a_message_that_does_not_decode_does_not_end_the_reading() {
    let stage = Stage::new().await;
    let stream = orders(&stage, 1).await;
    stage.client.connection().publish("orders.eu.created", "garbage").await.expect("sent");
    stage.js.publish(&OrderCreated::new("eu", 3)).await.expect("stored");
    let mut messages = stream.messages::<OrderCreated>().await.expect("reading");
    assert_eq!(messages.next().await.expect("one").expect("decoded").id, 1);
    match messages.next().await.expect("one") {
        Err(JetStreamError::Decode { message, .. }) => assert_eq!(message.sequence(), 2),
        other => panic!("{other:?}"),
    }
    assert_eq!(messages.next().await.expect("one").expect("decoded").id, 3);
    assert!(messages.next().await.is_none());
}

#[tokio::test]
async fn the_last_message_of_each_subject_is_read_as_it_was_at_a_moment() {
    let stage = Stage::new().await;
    let stream = orders(&stage, 6).await;
    let ids = async |read| numbers(&all(read).await);
    let each = || stream.last_messages::<OrderCreated>(["orders.>"]);
    assert_eq!(ids(each().await).await, [5, 6]);
    assert_eq!(ids(each().up_to(4).await).await, [3, 4]);
    assert_eq!(ids(each().up_to(1).await).await, [1]);
    let time = stream.message::<Untyped>(3).await.expect("asked").expect("there").time();
    assert_eq!(ids(each().up_to(time).await).await, [1, 2], "before message 3");
    let before = SystemTime::now() - Duration::from_secs(3600);
    assert_eq!(ids(each().up_to(before).await).await, [0; 0]);
    let two = ["orders.eu.created", "orders.us.created", "orders.cn.created"];
    assert_eq!(ids(stream.last_messages::<OrderCreated>(two).await).await, [5, 6]);
    assert_eq!(ids(stream.last_messages::<OrderCreated>(["nothing.>"]).await).await, [0; 0]);
}

#[tokio::test]
async fn pages_of_last_messages_are_all_of_the_moment_of_the_first() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("KEYS").subjects(["keys.*"]).allow_direct(true);
    let stream = stage.js.create_stream(config).await.expect("made");
    let put = async |key: u32, value: &str| {
        let stored = stage.js.publish(&Key { key, value: value.to_owned() }).await;
        stored.expect("stored");
    };
    for key in 0..10 {
        put(key, "old").await;
    }
    let mut messages = stream.last_messages::<Key>(["keys.>"]).batch(3).await.expect("reading");
    let mut subjects = Vec::new();
    while let Some(message) = within("a message", messages.next()).await {
        let message = message.expect("read");
        assert_eq!(message.value, "old");
        subjects.push(message.subject().to_owned());
        if subjects.len() == 3 {
            // The first page is here; this comes between it and the next.
            put(9, "new").await;
            put(0, "new").await;
        }
    }
    assert_eq!(subjects, (0..10).map(|key| format!("keys.{key}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn more_subjects_than_a_server_reads_at_once_are_refused_with_the_reason() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("KEYS").subjects(["keys.*"]).allow_direct(true);
    let stream = stage.js.create_stream(config).await.expect("made");
    for key in 0..1024 {
        let sent = stage.client.publish(&Key { key, value: String::new() }).await;
        sent.expect("sent");
    }
    let last = Key { key: 1024, value: String::new() };
    stage.js.publish(&last).await.expect("stored");
    let mut messages = stream.last_messages::<Untyped>(["keys.>"]).await.expect("asked");
    let error = within("the refusal", messages.next()).await.expect("one").expect_err("refused");
    assert_eq!(
        error.to_string(),
        "Too Many Results (code 413, error 0); ask for fewer subjects: 1024 at most"
    );
    assert!(messages.next().await.is_none());
}

#[tokio::test]
async fn what_contradicts_itself_is_refused_before_it_is_asked() {
    let stage = Stage::new().await;
    let stream = orders(&stage, 1).await;
    let error = stream.last_messages::<Untyped>([""; 0]).await.expect_err("refused");
    assert!(matches!(error, JetStreamError::Config(ConfigError::Value { .. })), "{error:?}");
    let error = stream.messages::<Untyped>().filter("a..b").await.expect_err("refused");
    assert!(matches!(error, JetStreamError::Subject(_)), "{error:?}");
    let error = stream.last_messages::<Untyped>(["a", "b c"]).await.expect_err("refused");
    assert!(matches!(error, JetStreamError::Subject(_)), "{error:?}");
}

#[tokio::test]
async fn a_stream_that_does_not_allow_it_says_what_to_do() {
    let stage = Stage::new().await;
    let stream =
        stage.js.create_stream(StreamConfig::new("S").subjects(["s"])).await.expect("made");
    let error = stream.messages::<Untyped>().await.expect_err("refused");
    let text = "stream \"S\" answers no direct requests: set its `allow_direct`, or read it with a consumer";
    assert_eq!(error.to_string(), text);

    // It allowed it when it was looked up.
    let config = stream.cached_info().config.clone();
    let stream = stage.js.update_stream(config.clone().allow_direct(true)).await.expect("updated");
    stage.js.update_stream(config).await.expect("updated");
    let mut messages = stream.messages::<Untyped>().await.expect("asked");
    let error = within("the refusal", messages.next()).await.expect("one").expect_err("refused");
    assert_eq!(error.to_string(), text);
    stage.js.delete_stream("S").await.expect("deleted");
    let mut messages = stream.messages::<Untyped>().await.expect("asked");
    let error = within("the refusal", messages.next()).await.expect("one").expect_err("refused");
    assert!(error.is_not_found(), "{error:?}");
}

#[tokio::test]
async fn reading_goes_on_behind_a_lost_connection_and_with_little_room() {
    let stage = Stage::new().await;
    orders(&stage, 2000).await;
    // No page is larger than what may wait to be read.
    let options = ConnectOptions::new().subscription_messages(50);
    let client =
        options.connect(stage.client.connection().server().to_string()).await.expect("it connects");
    let stream = client.jetstream().stream("ORDERS").await.expect("there");
    let mut messages = stream.messages::<OrderCreated>().await.expect("reading");
    for id in 1..=2000 {
        let order = within("an order", messages.next()).await.expect("one").expect("decoded");
        assert_eq!(order.id, id);
        if id % 700 == 0 {
            client.connection().reconnect();
        }
    }
    assert!(within("the end", messages.next()).await.is_none());
    eventually("nothing left", async || {
        (client.connection().requests_in_flight() == 0).then_some(())
    })
    .await;
}
