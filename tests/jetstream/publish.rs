use std::time::{Duration, Instant};

use natsws::jetstream::{ApiError, PublishError, Rollup, StreamConfig, Untyped};
use natsws::{Client, Headers, RequestError};
use natsws_tests::{Proxy, Server, Transport, eventually, within};

use crate::stage::{OrderCreated, Stage};

async fn orders(stage: &Stage) -> natsws::jetstream::Stream {
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]);
    stage.js.create_stream(config).await.expect("made")
}

#[tokio::test]
async fn a_message_is_acknowledged_with_its_stream_and_its_sequence() {
    let stage = Stage::new().await;
    orders(&stage).await;
    for sequence in 1..=2 {
        let ack = stage.js.publish(&OrderCreated::new("eu", sequence)).await.expect("stored");
        assert_eq!((ack.stream.as_str(), ack.sequence, ack.duplicate), ("ORDERS", sequence, false));
        assert_eq!((ack.domain, ack.value), (None, None));
    }
    let ack = stage.js.publish_bytes("orders.raw", b"\x00\xff").await.expect("stored");
    assert_eq!(ack.sequence, 3);
    let order = OrderCreated::new("eu", 4);
    assert_eq!(stage.js.publish_to("orders.x", &order).await.expect("stored").sequence, 4);
}

#[tokio::test]
async fn a_message_is_stored_with_its_id_its_content_type_and_the_headers_it_was_given() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let mut given = Headers::new();
    given.append("Tag", "red").expect("valid");
    let before = given.clone();
    let order = OrderCreated::new("eu", 1);
    let publish = stage.js.publish(&order).headers(&given).header("Tag", "round");
    publish.message_id("order-1").expect_last_sequence(0).await.expect("stored");
    assert_eq!(given, before);
    stage.js.publish_bytes("orders.raw", "raw").without_message_id().await.expect("stored");
    let mut stored = stream.ordered::<Untyped>().await.expect("reading");
    let first = within("a message", stored.next()).await.expect("one").expect("read");
    let headers = first.headers();
    assert_eq!(headers.get_all("Tag").collect::<Vec<_>>(), ["red", "round"]);
    assert_eq!(headers.get("Nats-Msg-Id"), Some("order-1"));
    assert_eq!(headers.get("Content-Type"), Some("application/json"));
    let raw = within("a message", stored.next()).await.expect("one").expect("read");
    assert_eq!((raw.payload(), raw.headers().is_empty()), (&b"raw"[..], true));
}

#[tokio::test]
async fn ids_that_are_made_differ_and_one_among_given_headers_is_kept() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let order = OrderCreated::new("eu", 1);
    for _ in 0..2 {
        assert!(!stage.js.publish(&order).await.expect("stored").duplicate);
    }
    let mut given = Headers::new();
    given.append("Nats-Msg-Id", "mine").expect("valid");
    assert!(!stage.js.publish(&order).headers(&given).await.expect("stored").duplicate);
    let again = stage.js.publish(&order).message_id("mine").await.expect("stored");
    assert_eq!((again.sequence, again.duplicate), (3, true));
    assert_eq!(stream.info().await.expect("it is there").state.messages, 3);
}

#[tokio::test]
async fn what_is_expected_and_not_so_is_refused_at_once() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]).max_message_size(1000);
    let stream = stage.js.create_stream(config).await.expect("made");
    let js = &stage.js;
    let order = OrderCreated::new("eu", 1);
    js.publish(&order).message_id("first").await.expect("stored");
    let began = Instant::now();
    let refused = js.publish(&order).expect_stream("OTHER").await.expect_err("another");
    assert_eq!(refused.err_code(), Some(ApiError::WRONG_STREAM));
    let refused = js.publish(&order).expect_last_message_id("other").await.expect_err("another");
    assert_eq!(refused.err_code(), Some(ApiError::WRONG_LAST_MESSAGE_ID));
    assert!(refused.is_wrong_last() && !refused.may_be_stored());
    for sequence in [0, 7] {
        let refused = js.publish(&order).expect_last_sequence(sequence).await;
        assert!(refused.expect_err("another").is_wrong_last());
        let refused = js.publish(&order).expect_last_subject_sequence(sequence).await;
        assert!(refused.expect_err("another").is_wrong_last());
    }
    let large = "x".repeat(2000);
    let refused = js.publish_bytes("orders.large", &large).await.expect_err("too large");
    assert_eq!(refused.err_code(), Some(ApiError::MESSAGE_TOO_LARGE));
    let refused = js.publish(&order).ttl(Duration::from_secs(1)).await.expect_err("not allowed");
    assert_eq!(refused.err_code(), Some(ApiError::TTL_DISABLED));
    assert!(began.elapsed() < Duration::from_secs(5), "nothing was tried again");
    let ack = js.publish(&order).expect_last_message_id("first").expect_last_sequence(1);
    assert_eq!(ack.expect_stream("ORDERS").await.expect("stored").sequence, 2);
    let ack = js.publish_bytes("orders.us.created", "").expect_last_of("orders.eu.*");
    let ack = ack.expect_last_subject_sequence(2).await.expect("stored");
    assert_eq!(ack.sequence, 3);
    assert_eq!(stream.info().await.expect("it is there").state.messages, 3);
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_says_why() {
    let stage = Stage::new().await;
    orders(&stage).await;
    let refused = stage.js.publish(&OrderCreated::new("e.u", 1)).await;
    assert!(matches!(refused, Err(PublishError::NotSent(natsws::PublishError::Subject(_)))));
    let refused = stage.js.publish_bytes("orders.*", "").await;
    assert!(matches!(refused, Err(PublishError::NotSent(natsws::PublishError::Subject(_)))));
    let refused = stage.js.publish_bytes("orders.a", "").message_id("a\r\nb").await;
    assert!(matches!(refused, Err(PublishError::NotSent(natsws::PublishError::Header(_)))));
    let large = vec![0; 2 * 1024 * 1024];
    let refused = stage.js.publish_bytes("orders.a", &large).await;
    assert!(
        matches!(refused, Err(PublishError::NotSent(natsws::PublishError::PayloadTooLarge { .. }))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_message_lives_as_long_as_it_says() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]).allow_message_ttl(true);
    let config = config.max_age(Duration::from_secs(2));
    let stream = stage.js.create_stream(config).await.expect("made");
    let order = OrderCreated::new("eu", 1);
    stage.js.publish(&order).ttl(Duration::from_secs(1)).await.expect("stored");
    stage.js.publish(&order).never_expires().await.expect("stored");
    stage.js.publish(&order).await.expect("stored");
    eventually("the end of those that end", async || {
        let info = stream.info().await.ok()?;
        (info.state.messages == 1).then_some(info.state.first_sequence)
    })
    .await;
}

#[tokio::test]
async fn a_rollup_deletes_what_is_before_it() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("ORDERS").subjects(["orders.>"]).allow_rollup(true);
    let stream = stage.js.create_stream(config).await.expect("made");
    for subject in ["orders.a", "orders.a", "orders.b"] {
        stage.js.publish_bytes(subject, "").await.expect("stored");
    }
    stage.js.publish_bytes("orders.a", "").rollup(Rollup::Subject).await.expect("stored");
    assert_eq!(stream.info().await.expect("it is there").state.messages, 2);
    stage.js.publish_bytes("orders.a", "").rollup(Rollup::All).await.expect("stored");
    assert_eq!(stream.info().await.expect("it is there").state.messages, 1);
}

#[tokio::test]
async fn a_stream_counts() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("HITS").subjects(["hits.>"]).allow_message_counter(true);
    stage.js.create_stream(config.allow_direct(true)).await.expect("made");
    let value = async |by: i64| {
        let ack = stage.js.publish_bytes("hits.front", "").increment(by).await.expect("stored");
        ack.value.expect("a counter has a value")
    };
    assert_eq!(value(5).await, "5");
    assert_eq!(value(-7).await, "-2");
    assert_eq!(value(i64::MAX).await, "9223372036854775805");
    assert_eq!(value(i64::MAX).await, "18446744073709551612");
    let refused = stage.js.publish_bytes("hits.front", "7").increment(1).await;
    assert_eq!(refused.expect_err("it has a payload").err_code(), Some(10170));
    orders(&stage).await;
    let refused = stage.js.publish_bytes("orders.a", "").increment(1).await;
    let refused = refused.expect_err("it does not count");
    assert_eq!(refused.err_code(), Some(ApiError::COUNTER_DISABLED));
}

#[tokio::test]
async fn a_lost_acknowledgement_is_asked_for_again_and_the_message_is_stored_once() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let proxy = Proxy::to(stage.server.addr(Transport::Tcp));
    let options = natsws::ConnectOptions::new().reconnect_time_wait(Duration::from_millis(20));
    let client = options.connect(proxy.url("nats")).await.expect("it connects");
    let js = client.jetstream();
    // The server has it, and its answer is lost with the connection.
    proxy.freeze_to_client();
    let order = OrderCreated::new("eu", 1);
    let publishing = tokio::spawn({
        let (js, order) = (js.clone(), order.clone());
        async move { js.publish(&order).message_id("order-1").await }
    });
    eventually("the message", async || {
        stream.info().await.ok().filter(|info| info.state.messages == 1)
    })
    .await;
    proxy.cut();
    eventually("the next connection", async || (proxy.connections() > 1).then_some(())).await;
    proxy.resume();
    let ack = within("the answer", publishing).await.expect("no panic").expect("stored");
    // It was published once, by this caller.
    assert_eq!((ack.sequence, ack.duplicate), (1, false));
    assert_eq!(stream.info().await.expect("it is there").state.messages, 1);
    // Somebody who publishes it again is told.
    let again = js.publish(&order).message_id("order-1").await.expect("stored");
    assert_eq!((again.sequence, again.duplicate), (1, true));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_asked_for_again() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let proxy = Proxy::to(stage.server.addr(Transport::Tcp));
    let client = Client::connect(proxy.url("nats")).await.expect("it connects");
    let js = client.jetstream().with_timeout(Duration::from_millis(100));
    proxy.freeze_to_client();
    let publishing = tokio::spawn({
        let js = js.clone();
        async move { js.publish(&OrderCreated::new("eu", 1)).await }
    });
    eventually("more than one attempt", async || {
        (client.connection().stats().out_msgs >= 3).then_some(())
    })
    .await;
    proxy.resume();
    let ack = within("the answer", publishing).await.expect("no panic").expect("stored");
    assert_eq!((ack.sequence, ack.duplicate), (1, false));
    assert_eq!(stream.info().await.expect("it is there").state.messages, 1);
}

#[tokio::test]
async fn without_an_id_a_lost_answer_is_an_error() {
    let stage = Stage::new().await;
    let stream = orders(&stage).await;
    let proxy = Proxy::to(stage.server.addr(Transport::Tcp));
    let client = Client::connect(proxy.url("nats")).await.expect("it connects");
    let js = client.jetstream().with_timeout(Duration::from_millis(100));
    proxy.freeze_to_client();
    let order = OrderCreated::new("eu", 1);
    let error = js.publish(&order).without_message_id().await.expect_err("no answer");
    assert!(matches!(error, PublishError::TimedOut { .. }) && error.may_be_stored(), "{error:?}");
    let publishing = tokio::spawn({
        let js = js.with_timeout(Duration::from_secs(10));
        async move { js.publish(&order).without_message_id().await }
    });
    eventually("the message", async || {
        stream.info().await.ok().filter(|info| info.state.messages == 2)
    })
    .await;
    proxy.cut();
    let error = within("the error", publishing).await.expect("no panic").expect_err("lost");
    assert!(error.may_be_stored(), "{error:?}");
    assert!(matches!(error, PublishError::Request(RequestError::Disconnected { .. })));
}

#[tokio::test]
async fn a_subject_without_a_stream_is_tried_until_the_deadline() {
    let stage = Stage::new().await;
    let order = OrderCreated::new("eu", 1);
    let began = Instant::now();
    let deadline = Duration::from_millis(400);
    match stage.js.publish(&order).deadline(deadline).await {
        Err(PublishError::NoStream { subject, after }) => {
            assert_eq!((subject.as_str(), after), ("orders.eu.created", deadline));
        }
        other => panic!("{other:?}"),
    }
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    let (stored, _) = tokio::join!(async { stage.js.publish(&order).await }, orders(&stage));
    assert_eq!(stored.expect("stored").sequence, 1);
}

#[tokio::test]
async fn a_server_without_jetstream_is_named_at_once() {
    let server = Server::start();
    let client = Client::connect(server.nats_url()).await.expect("it connects");
    let js = client.jetstream();
    let order = OrderCreated::new("eu", 1);
    match within("the error", js.publish(&order).into_future()).await {
        Err(PublishError::NotEnabled { subject }) => assert_eq!(subject, "orders.eu.created"),
        other => panic!("{other:?}"),
    }
    let mut batch = js.batch();
    let added = batch.add_bytes("orders.a", "1").into_future();
    let refused = within("the error", added).await;
    assert!(matches!(refused, Err(PublishError::NotEnabled { .. })), "{refused:?}");
    let committed = js.batch().commit_bytes("orders.a", "1").into_future();
    let refused = within("the error", committed).await;
    assert!(matches!(refused, Err(PublishError::NotEnabled { .. })), "{refused:?}");
}
