use std::time::Duration;

use natsws::jetstream::{ApiError, PublishError, StreamConfig};
use natsws_tests::within;

use crate::stage::{OrderCreated, Stage};

async fn orders(stage: &Stage) -> natsws::jetstream::Stream {
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]).allow_atomic_publish(true);
    stage.js.create_stream(config).await.expect("made")
}

async fn count(stream: &natsws::jetstream::Stream) -> u64 {
    stream.info().await.expect("it is there").state.messages
}

#[tokio::test]
async fn a_batch_is_stored_whole_when_it_is_committed() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    stage.js.publish(&OrderCreated::new("eu", 0)).await.expect("stored");
    let mut batch = stage.js.batch();
    for id in 1..100 {
        batch.add(&OrderCreated::new("eu", id)).await.expect("added");
    }
    assert_eq!((batch.len(), count(&stream).await), (99, 1));
    let id = batch.id().to_owned();
    let ack = batch.commit(&OrderCreated::new("eu", 100)).await.expect("stored");
    assert_eq!((ack.stream.as_str(), ack.sequence, ack.count), ("ORDERS", 101, 100));
    assert_eq!(ack.batch_id, id);
    let mut stored = stream.ordered::<OrderCreated>().await.expect("reading");
    for id in 0..=100 {
        let order = within("an order", stored.next()).await.expect("one").expect("decoded");
        assert_eq!((order.id, order.sequence()), (id, id + 1));
    }
}

#[tokio::test]
async fn a_batch_may_be_one_message_and_other_kinds_of_them() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let ack = stage.js.batch().commit_bytes("orders.raw", "one").await.expect("stored");
    assert_eq!((ack.sequence, ack.count), (1, 1));
    let mut batch = stage.js.batch();
    assert!(batch.is_empty());
    let order = OrderCreated::new("eu", 1);
    batch.add_to("orders.x", &order).confirmed().await.expect("added");
    batch.add_bytes("orders.y", "raw").header("Kind", "raw").await.expect("added");
    let ack = batch.commit_to("orders.z", &order).await.expect("stored");
    assert_eq!((ack.sequence, ack.count), (4, 3));
    assert_eq!(count(&stream).await, 4);
}

#[tokio::test]
async fn a_batch_that_is_dropped_leaves_nothing() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let mut batch = stage.js.batch();
    batch.add(&OrderCreated::new("eu", 1)).await.expect("added");
    drop(batch);
    let ack = stage.js.publish(&OrderCreated::new("eu", 2)).await.expect("stored");
    assert_eq!(ack.sequence, 1);
    assert_eq!(count(&stream).await, 1);
}

#[tokio::test]
async fn what_is_expected_of_the_stream_is_as_it_is_before_the_batch() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    stage.js.publish(&OrderCreated::new("eu", 0)).await.expect("stored");
    let order = OrderCreated::new("us", 1);
    let mut batch = stage.js.batch();
    batch.add(&order).expect_last_sequence(7).await.expect("it is looked at in the end");
    let error = batch.commit(&order).await.expect_err("another sequence");
    assert!(error.is_wrong_last(), "{error:?}");
    assert_eq!(count(&stream).await, 1);
    let mut batch = stage.js.batch();
    batch.add(&order).expect_last_sequence(1).await.expect("added");
    let ack = batch.commit(&order).await.expect("stored");
    assert_eq!((ack.sequence, ack.count), (3, 2));
}

#[tokio::test]
async fn a_batch_is_of_one_stream() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let config = StreamConfig::new("BILLS").subjects(["bills.>"]).allow_atomic_publish(true);
    let bills = stage.js.create_stream(config).await.expect("made");
    let mut batch = stage.js.batch();
    batch.add_bytes("orders.a", "").await.expect("added");
    let error =
        batch.add_bytes("bills.a", "").confirmed().await.expect_err("it is not known there");
    assert_eq!(error.err_code(), Some(ApiError::BATCH_INCOMPLETE), "{error:?}");
    let refused = batch.add_bytes("orders.b", "").await;
    assert!(matches!(refused, Err(PublishError::BatchLost)));
    let refused = batch.commit_bytes("orders.b", "").await;
    assert!(matches!(refused, Err(PublishError::BatchLost)));
    // Without being asked for each, the server's word comes in the end.
    let mut batch = stage.js.batch();
    batch.add_bytes("orders.a", "").await.expect("added");
    batch.add_bytes("bills.a", "").await.expect("sent");
    let error = batch.commit_bytes("orders.b", "").await.expect_err("one is missing");
    assert_eq!(error.err_code(), Some(ApiError::BATCH_INCOMPLETE), "{error:?}");
    assert_eq!((count(&stream).await, count(&bills).await), (0, 0));
}

#[tokio::test]
async fn a_stream_that_takes_no_batches_says_so_with_the_first_message() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("PLAIN").subjects(["plain"]);
    let stream = stage.js.create_stream(config).await.expect("made");
    let mut batch = stage.js.batch();
    let error = batch.add_bytes("plain", "").await.expect_err("refused");
    assert_eq!(error.err_code(), Some(ApiError::ATOMIC_DISABLED));
    assert_eq!(count(&stream).await, 0);
}

#[tokio::test]
async fn more_messages_than_the_server_takes_are_refused() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let mut batch = stage.js.batch();
    for id in 0..1000 {
        batch.add(&OrderCreated::new("eu", id)).await.expect("added");
    }
    let error = batch.add(&OrderCreated::new("eu", 1000)).await.expect_err("one too many");
    assert_eq!(error.err_code(), Some(ApiError::BATCH_TOO_LARGE), "{error:?}");
    assert_eq!(count(&stream).await, 0);
}

#[tokio::test]
async fn what_cannot_be_sent_does_no_harm_to_the_batch() {
    let stage = Stage::new().await;
    orders(&stage).await;
    let mut batch = stage.js.batch();
    batch.add_bytes("orders.a", "").await.expect("added");
    let refused = batch.add_bytes("no subject", "").await;
    assert!(matches!(refused, Err(PublishError::NotSent(natsws::PublishError::Subject(_)))));
    let refused = batch.add_bytes("orders.b", "").header("bad name", "").await;
    assert!(matches!(refused, Err(PublishError::NotSent(natsws::PublishError::Header(_)))));
    let ack = batch.commit_bytes("orders.c", "").await.expect("stored");
    assert_eq!(ack.count, 2);
}

#[tokio::test]
async fn a_batch_without_a_stream_is_not_begun() {
    let stage = Stage::new().await;
    let js = stage.js.clone().with_timeout(Duration::from_millis(200));
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]).allow_atomic_publish(true);
    let mut batch = js.batch();
    // It is tried until there is one.
    let order = OrderCreated::new("eu", 1);
    let (added, stream) = tokio::join!(async { batch.add(&order).await }, async {
        stage.js.create_stream(config).await
    });
    added.expect("added");
    assert_eq!(count(&stream.expect("made")).await, 0);
    let ack = batch.commit(&order).await.expect("stored");
    assert_eq!(ack.count, 2);
}
