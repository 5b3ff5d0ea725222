use std::sync::{Arc, Mutex};
use std::time::Duration;

use natsws::jetstream::{Discard, PublishError, StreamConfig, Untyped};
use natsws::{Client, ConnectOptions};
use natsws_tests::{Proxy, Server, Transport, within};

use crate::stage::{OrderCreated, Stage};

async fn orders(stage: &Stage) -> natsws::jetstream::Stream {
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]);
    stage.js.create_stream(config).await.expect("made")
}

#[tokio::test]
async fn many_messages_are_stored_in_the_order_in_which_they_were_published() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let mut publisher = stage.js.publisher().window(100).await.expect("begun");
    for id in 0..5000 {
        let number = publisher.publish(&OrderCreated::new("eu", id)).await;
        assert_eq!(number.expect("taken"), id + 1);
    }
    let done = within("the end", publisher.finish()).await.expect("all stored");
    assert_eq!((done.stored, done.duplicates, done.failed), (5000, 0, 0));
    let mut stored = stream.ordered::<OrderCreated>().await.expect("reading");
    for id in 0..5000 {
        let order = within("an order", stored.next()).await.expect("one").expect("decoded");
        assert_eq!((order.id, order.sequence()), (id, id + 1));
    }
}

#[tokio::test]
async fn publishing_waits_while_the_window_is_full() {
    let stage = Stage::new().await;
    orders(&stage).await;
    let proxy = Proxy::to(stage.server.addr(Transport::Tcp));
    let client = Client::connect(proxy.url("nats")).await.expect("it connects");
    let js = client.jetstream();
    let mut publisher = js.publisher().window(3).await.expect("begun");
    proxy.freeze_to_client();
    for id in 0..3 {
        publisher.publish(&OrderCreated::new("eu", id)).await.expect("taken");
    }
    let fourth = OrderCreated::new("eu", 3);
    let waits = tokio::time::timeout(Duration::from_millis(50), publisher.publish(&fourth)).await;
    assert!(waits.is_err());
    assert_eq!(publisher.pending(), 3);
    proxy.resume();
    // What was given up was not taken.
    let number = publisher.publish(&fourth).await.expect("taken");
    assert_eq!(number, 4);
    let done = within("the end", publisher.finish()).await.expect("all stored");
    assert_eq!(done.stored, 4);
}

#[tokio::test]
async fn each_message_has_its_outcome_by_receipt_and_by_callback() {
    let stage = Stage::new().await;
    orders(&stage).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let publisher = stage.js.publisher().on_outcome(move |number, outcome| {
        let sequence = outcome.map(|ack| ack.sequence).ok();
        told.lock().expect("no panic").push((number, sequence));
    });
    let mut publisher = publisher.await.expect("begun");
    let order = OrderCreated::new("eu", 1);
    let first = publisher.publish(&order).message_id("a").receipt().await.expect("taken");
    let again = publisher.publish(&order).message_id("a").receipt().await.expect("taken");
    let wrong = publisher.publish(&order).expect_last_sequence(7).receipt().await.expect("taken");
    let other = publisher.publish_bytes("orders.x", "raw").expect_stream("OTHER");
    assert_eq!(other.await.expect("taken"), 4);
    assert_eq!((first.number(), again.number(), wrong.number()), (1, 2, 3));
    let first = within("the outcome", first).await.expect("stored");
    assert_eq!((first.stream.as_str(), first.sequence, first.duplicate), ("ORDERS", 1, false));
    let again = within("the outcome", again).await.expect("stored");
    assert_eq!((again.sequence, again.duplicate), (1, true));
    assert!(within("the outcome", wrong).await.expect_err("refused").is_wrong_last());
    let error = within("the end", publisher.finish()).await.expect_err("one failed");
    let done = error.published;
    assert_eq!((done.stored, done.duplicates, done.failed), (2, 1, 2));
    assert_eq!(error.failures.len(), 1);
    assert_eq!((error.failures[0].number, error.failures[0].subject.as_str()), (4, "orders.x"));
    assert_eq!(error.failures[0].error.err_code(), Some(10060));
    assert_eq!(error.to_string(), "2 of 4 messages are not known to be stored");
    let seen = seen.lock().expect("no panic");
    assert_eq!(*seen, [(1, Some(1)), (2, Some(1)), (3, None), (4, None)]);
}

#[tokio::test]
async fn what_a_lost_connection_left_open_is_sent_again_and_stored_once() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let proxy = Proxy::to(stage.server.addr(Transport::Tcp));
    let options = ConnectOptions::new().reconnect_delay(|_| Duration::from_millis(20));
    let client = options.connect(proxy.url("nats")).await.expect("it connects");
    let mut publisher = client.jetstream().publisher().window(500).await.expect("begun");
    for id in 0..3000 {
        if id % 700 == 350 {
            proxy.cut();
        }
        publisher.publish(&OrderCreated::new("eu", id)).await.expect("taken");
    }
    let done = within("the end", publisher.finish()).await.expect("all stored");
    assert_eq!((done.stored, done.duplicates), (3000, 0));
    let mut stored = stream.ordered::<OrderCreated>().await.expect("reading");
    for id in 0..3000 {
        let order = within("an order", stored.next()).await.expect("one").expect("decoded");
        assert_eq!((order.id, order.sequence()), (id, id + 1));
    }
}

#[tokio::test]
async fn what_was_not_written_yet_does_not_overtake_what_was_lost() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let proxy = Proxy::to(stage.server.addr(Transport::Tcp));
    let options = ConnectOptions::new().reconnect_delay(|_| Duration::from_millis(20));
    let client = options.connect(proxy.url("nats")).await.expect("it connects");
    let js = client.jetstream();
    let mut publisher = js.publisher().window_bytes(64 << 20).await.expect("begun");
    // More than the system takes: some is written and lost, some waits to be written.
    proxy.stall();
    let payload = vec![b'x'; 40_000];
    for number in 1..=400_u64 {
        let publish = publisher.publish_bytes("orders.a", &payload);
        publish.header("Number", number.to_string()).await.expect("taken");
    }
    natsws_tests::eventually("what waits", async || {
        (client.connection().stats().out_msgs > 60).then_some(())
    })
    .await;
    proxy.cut();
    proxy.resume();
    let done = within("the end", publisher.finish()).await.expect("all stored");
    assert_eq!((done.stored, done.duplicates), (400, 0));
    let mut stored = stream.ordered::<Untyped>().await.expect("reading");
    for number in 1..=400_u64 {
        let message = within("a message", stored.next()).await.expect("one").expect("read");
        assert_eq!(message.headers().get("Number"), Some(number.to_string().as_str()));
    }
}

#[tokio::test]
async fn a_message_without_an_id_is_not_sent_again_where_it_may_be_stored() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let proxy = Proxy::to(stage.server.addr(Transport::Tcp));
    let client = Client::connect(proxy.url("nats")).await.expect("it connects");
    let js = client.jetstream().with_timeout(Duration::from_millis(300));
    let mut publisher = js.publisher().await.expect("begun");
    proxy.freeze_to_client();
    let order = OrderCreated::new("eu", 1);
    let receipt = publisher.publish(&order).without_message_id().receipt().await.expect("taken");
    natsws_tests::eventually("the message", async || {
        stream.info().await.ok().filter(|info| info.state.messages == 1)
    })
    .await;
    proxy.cut();
    natsws_tests::eventually("the next connection", async || {
        (proxy.connections() > 1).then_some(())
    })
    .await;
    proxy.resume();
    let error = within("the outcome", receipt).await.expect_err("nobody knows");
    assert!(error.may_be_stored(), "{error:?}");
    publisher.publish(&order).await.expect("taken");
    let error = within("the end", publisher.finish()).await.expect_err("one failed");
    assert_eq!((error.published.stored, error.published.failed), (1, 1));
    assert_eq!(stream.info().await.expect("it is there").state.messages, 2);
}

#[tokio::test]
async fn closing_the_connection_settles_everything() {
    let stage = Stage::new().await;
    orders(&stage).await;
    let proxy = Proxy::to(stage.server.addr(Transport::Tcp));
    let client = Client::connect(proxy.url("nats")).await.expect("it connects");
    let mut publisher = client.jetstream().publisher().window(10).await.expect("begun");
    proxy.stall();
    for id in 0..10 {
        publisher.publish(&OrderCreated::new("eu", id)).await.expect("taken");
    }
    client.connection().close().await;
    let refused = publisher.publish(&OrderCreated::new("eu", 10)).await;
    assert!(matches!(refused, Err(PublishError::NotSent(natsws::PublishError::Closed))));
    let error = within("the end", publisher.finish()).await.expect_err("none is known");
    assert_eq!((error.published.stored, error.published.failed), (0, 10));
    assert!(error.failures.iter().all(|failure| failure.error.may_be_stored()));
    let numbers: Vec<_> = error.failures.iter().map(|failure| failure.number).collect();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_the_stream_does_not_take_leaves_the_others_alone() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]);
    let config = config.max_messages(3).discard(Discard::New);
    let stream = stage.js.create_stream(config).await.expect("made");
    let mut publisher = stage.js.publisher().await.expect("begun");
    for id in 0..6 {
        publisher.publish(&OrderCreated::new("eu", id)).await.expect("taken");
    }
    assert_eq!(within("outcomes", publisher.flush()).await.failed, 3);
    let error = within("the end", publisher.finish()).await.expect_err("some failed");
    assert_eq!((error.published.stored, error.published.failed), (3, 3));
    for (failure, number) in error.failures.iter().zip(4..) {
        assert_eq!((failure.number, failure.error.err_code()), (number, Some(10077)));
    }
    assert_eq!(stream.info().await.expect("it is there").state.messages, 3);
}

#[tokio::test]
async fn a_publisher_that_is_dropped_still_brings_what_it_took() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let mut publisher = stage.js.publisher().await.expect("begun");
    for id in 0..100 {
        publisher.publish(&OrderCreated::new("eu", id)).await.expect("taken");
    }
    drop(publisher);
    natsws_tests::eventually("the messages", async || {
        stream.info().await.ok().filter(|info| info.state.messages == 100)
    })
    .await;
}

#[tokio::test]
async fn a_publisher_needs_no_stream_until_its_deadline() {
    let server = Server::builder().jetstream().start();
    let client = Client::connect(server.nats_url()).await.expect("it connects");
    let js = client.jetstream();
    let publisher = js.publisher().deadline(Duration::from_secs(20));
    let mut publisher = publisher.await.expect("begun");
    let receipt = publisher.publish(&OrderCreated::new("eu", 1)).receipt().await.expect("taken");
    js.create_stream(StreamConfig::new("ORDERS").subjects(["orders.>"])).await.expect("made");
    assert_eq!(within("the outcome", receipt).await.expect("stored").sequence, 1);
    let publisher = js.publisher().deadline(Duration::from_millis(200));
    let mut publisher = publisher.await.expect("begun");
    let receipt = publisher.publish_bytes("nobody", "").receipt().await.expect("taken");
    match within("the outcome", receipt).await {
        Err(PublishError::NoStream { subject, .. }) => assert_eq!(subject, "nobody"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_publisher_names_a_server_without_jetstream_at_once() {
    let server = Server::start();
    let client = Client::connect(server.nats_url()).await.expect("it connects");
    let mut publisher = client.jetstream().publisher().await.expect("begun");
    publisher.publish(&OrderCreated::new("eu", 1)).await.expect("taken");
    let error = within("the end", publisher.finish()).await.expect_err("it failed");
    assert_eq!((error.published.failed, error.failures.len()), (1, 1));
    match &error.failures[0].error {
        PublishError::NotEnabled { subject } => assert_eq!(subject, "orders.eu.created"),
        other => panic!("{other:?}"),
    }
}
