use std::time::Duration;

use natsws::jetstream::{ConsumeError, ConsumerConfig, JetStreamError, StreamConfig, Untyped};
use natsws::{Client, Event};
use natsws_tests::{Server, within};

use crate::stage::{OrderCreated, Stage};

#[tokio::test]
async fn what_is_published_to_a_stream_is_delivered_until_it_is_acknowledged() {
    let stage = Stage::new().await;
    let js = &stage.js;
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]);
    let stream = js.create_or_update_stream(config).await.expect("made");
    let order = OrderCreated::new("eu", 7);
    let ack = js.publish(&order).message_id("order-7").await.expect("stored");
    assert_eq!((ack.stream.as_str(), ack.sequence, ack.duplicate), ("ORDERS", 1, false));
    let ack = js.publish(&order).message_id("order-7").await.expect("stored");
    assert_eq!((ack.sequence, ack.duplicate), (1, true));

    let config = ConsumerConfig::durable("workers").ack_wait(Duration::from_millis(200));
    let consumer = stream.create_consumer(config).await.expect("made");
    let mut events = stage.client.connection().events();
    let mut messages = consumer.messages::<OrderCreated>().await.expect("reading");
    let first = within("a delivery", messages.next()).await.expect("one").expect("decoded");
    assert_eq!((&*first, first.delivered(), first.sequence()), (&order, 1, 1));
    drop(first);
    let told = within("the event", events.next()).await.expect("one");
    assert!(
        matches!(&told, Event::DeliveryUnanswered { stream, consumer } if stream == "ORDERS" && consumer == "workers"),
        "{told:?}"
    );
    let again = within("a delivery", messages.next()).await.expect("one").expect("decoded");
    assert_eq!((again.delivered(), again.is_redelivered()), (2, true));
    within("the confirmation", again.ack_confirmed()).await.expect("confirmed");
    let info = consumer.info().await.expect("it is there");
    assert_eq!((info.ack_pending, info.pending, info.ack_floor.stream_sequence), (0, 0, 1));
}

#[tokio::test]
async fn a_message_that_does_not_decode_can_be_terminated() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]);
    let stream = stage.js.create_stream(config).await.expect("made");
    stage.client.connection().publish("orders.eu.created", "garbage").await.expect("sent");
    let good = OrderCreated::new("eu", 1);
    stage.js.publish(&good).await.expect("stored");
    let config = ConsumerConfig::durable("workers");
    let consumer = stream.create_consumer(config).await.expect("made");
    let mut messages = consumer.fetch::<OrderCreated>(2).await.expect("asked");
    match within("an item", messages.next()).await.expect("one") {
        Err(ConsumeError::Decode { delivery, .. }) => {
            assert_eq!(delivery.payload(), b"garbage");
            delivery.term("it is garbage").await.expect("sent");
        }
        other => panic!("{other:?}"),
    }
    let second = within("an item", messages.next()).await.expect("one").expect("decoded");
    assert_eq!(*second, good);
    second.ack().await.expect("sent");
    assert!(within("the end", messages.next()).await.is_none());
}

#[tokio::test]
async fn a_stream_is_read_in_order_and_tells_when_that_was_all() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]);
    let stream = stage.js.create_stream(config).await.expect("made");
    for id in 0..1000 {
        let sent = stage.client.publish(&OrderCreated::new("eu", id)).await;
        sent.expect("accepted");
    }
    stage.client.flush().await.expect("flushed");
    let mut orders = stream.ordered::<OrderCreated>().await.expect("reading");
    let mut ids = Vec::new();
    loop {
        let order = within("an order", orders.next()).await.expect("one").expect("decoded");
        ids.push(order.id);
        if order.pending() == 0 {
            break;
        }
    }
    assert_eq!(ids, (0..1000).collect::<Vec<_>>());
    assert_eq!(orders.consumers_made(), 1);
}

#[tokio::test]
async fn a_filter_with_wildcards_stands_in_the_subject_of_the_api_and_holds() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]);
    let stream = stage.js.create_stream(config).await.expect("made");
    let api = stage.client.connection().subscribe("$JS.API.CONSUMER.CREATE.>").await;
    let mut api = api.expect("subscribed");
    for (region, id) in [("eu", 1), ("us", 2), ("eu", 3)] {
        stage.js.publish(&OrderCreated::new(region, id)).await.expect("stored");
    }
    let eu = stream.ordered::<OrderCreated>().filter_subjects(["orders.eu.*"]);
    let mut eu = eu.name_prefix("eu").await.expect("reading");
    let asked = within("the call", api.next()).await.expect("one").expect("read");
    assert_eq!(asked.subject(), "$JS.API.CONSUMER.CREATE.ORDERS.eu_1.orders.eu.*");
    for expected in [1, 3] {
        let order = within("an order", eu.next()).await.expect("one").expect("decoded");
        assert_eq!((order.id, order.sequence()), (expected, expected));
    }
}

#[tokio::test]
async fn what_is_absent_is_named() {
    let stage = Stage::new().await;
    let js = stage.js.clone().with_timeout(Duration::from_secs(2));
    match js.stream("NONE").await {
        Err(JetStreamError::StreamNotFound { name }) => assert_eq!(name, "NONE"),
        other => panic!("{other:?}"),
    }
    let stream = js.create_stream(StreamConfig::new("S").subjects(["s"])).await.expect("made");
    match stream.consumer("none").await {
        Err(JetStreamError::ConsumerNotFound { stream, name }) => {
            assert_eq!((stream.as_str(), name.as_str()), ("S", "none"));
        }
        other => panic!("{other:?}"),
    }
    let consumer = stream.create_consumer(ConsumerConfig::durable("c")).await.expect("made");
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    let reading = tokio::spawn(async move { messages.next().await });
    natsws_tests::eventually("the pull", async || {
        consumer.info().await.ok().filter(|info| info.waiting == 1)
    })
    .await;
    consumer.delete().await.expect("deleted");
    match within("the end", reading).await.expect("no panic") {
        Some(Err(ConsumeError::ConsumerGone { consumer, .. })) => assert_eq!(consumer, "c"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_without_jetstream_is_told_from_one_that_does_not_answer() {
    let server = Server::start();
    let client = Client::connect(server.nats_url()).await.expect("it connects");
    let error = client.jetstream().account_info().await.expect_err("there is none");
    assert!(error.is_not_enabled(), "{error:?}");
    assert_eq!(
        error.to_string(),
        "JetStream is not available at `$JS.API`: enable it on the server and for the account, or correct the domain"
    );
}
