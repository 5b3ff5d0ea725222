//! Single messages of a stream, read from its leader or from any server that keeps it.

use std::time::{Duration, SystemTime};

use natsws::jetstream::{ApiError, JetStreamError, Storage, Stream, StreamConfig, Untyped};
use natsws_tests::within;

use crate::stage::{OrderCreated, Stage};

/// Orders 1 to 6, of the regions `eu` and `us` in turn.
async fn six_orders(stage: &Stage, config: StreamConfig) -> Stream {
    let stream = stage.js.create_stream(config.subjects(["orders.>"])).await.expect("made");
    for id in 1..=6 {
        let region = if id % 2 == 1 { "eu" } else { "us" };
        let ack = stage.js.publish(&OrderCreated::new(region, id)).await.expect("stored");
        assert_eq!(ack.sequence, id);
    }
    stream
}

#[tokio::test]
async fn a_message_is_read_by_number_from_the_leader_and_from_any_server() {
    let stage = Stage::new().await;
    let begin = SystemTime::now();
    for allow_direct in [false, true] {
        let config = StreamConfig::new("ORDERS").allow_direct(allow_direct);
        let stream = six_orders(&stage, config).await;
        let order = within("the message", stream.message::<OrderCreated>(3).into_future()).await;
        let order = order.expect("read").expect("it is there");
        assert_eq!(*order, OrderCreated::new("eu", 3));
        assert_eq!((order.subject(), order.sequence()), ("orders.eu.created", 3));
        assert!(
            order.time() >= begin - Duration::from_secs(1) && order.time() <= SystemTime::now()
        );
        let names: Vec<_> = order.headers().iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["Content-Type", "Nats-Msg-Id"]);
        let by_leader = stream.message::<OrderCreated>(3).from_leader().await.expect("read");
        let by_leader = by_leader.expect("it is there");
        assert_eq!(by_leader.time(), order.time());
        assert_eq!(
            by_leader.headers().iter().collect::<Vec<_>>(),
            order.headers().iter().collect::<Vec<_>>()
        );
        assert_eq!(by_leader.into_inner(), order.into_inner());

        assert!(stream.message::<OrderCreated>(7).await.expect("asked").is_none());
        assert!(stream.message::<Untyped>(7).from_leader().await.expect("asked").is_none());
        stage.js.delete_stream("ORDERS").await.expect("deleted");
    }
}

#[tokio::test]
async fn a_message_is_read_by_subject_as_the_last_or_the_next() {
    let stage = Stage::new().await;
    for allow_direct in [false, true] {
        let config = StreamConfig::new("ORDERS").allow_direct(allow_direct);
        let stream = six_orders(&stage, config).await;
        for (subject, last) in
            [("orders.eu.created", 5), ("orders.us.created", 6), ("orders.>", 6), ("*.eu.*", 5)]
        {
            let order = stream.last_message::<OrderCreated>(subject).await.expect("asked");
            assert_eq!(order.expect("it is there").id, last, "{subject}");
        }
        for (from, next) in [(0, 2), (1, 2), (2, 2), (3, 4), (6, 6)] {
            let order = stream.next_message::<OrderCreated>("orders.us.>", from).await;
            assert_eq!(order.expect("asked").expect("it is there").id, next, "{from}");
        }
        assert!(stream.next_message::<Untyped>("orders.eu.>", 6).await.expect("asked").is_none());
        assert!(stream.last_message::<Untyped>("orders.cn.>").await.expect("asked").is_none());
        assert!(stream.last_message::<Untyped>("orders.cn").await.expect("asked").is_none());
        let time = stream.message::<Untyped>(4).await.expect("asked").expect("there").time();
        let since = stream.next_message::<OrderCreated>("orders.>", time).await.expect("asked");
        assert_eq!(since.expect("it is there").id, 4);
        let later = time + Duration::from_secs(60);
        let later = stream.next_message::<Untyped>("orders.>", later).await.expect("asked");
        assert!(later.is_none(), "{later:?}");
        stage.js.delete_stream("ORDERS").await.expect("deleted");
    }
}

#[tokio::test]
async fn what_is_no_number_and_no_subject_is_refused_before_it_is_asked() {
    let stage = Stage::new().await;
    let stream = six_orders(&stage, StreamConfig::new("ORDERS")).await;
    let before = stage.client.connection().stats();
    let error = stream.message::<Untyped>(0).await.expect_err("refused");
    assert!(matches!(error, JetStreamError::Config(_)), "{error:?}");
    for subject in ["", "a..b", "a.>.b"] {
        let error = stream.last_message::<Untyped>(subject).await.expect_err("refused");
        assert!(matches!(error, JetStreamError::Subject(_)), "{error:?}");
    }
    assert_eq!(stage.client.connection().stats().out_msgs, before.out_msgs);
}

#[tokio::test]
async fn an_empty_message_and_its_repeated_headers_are_read_as_they_were() {
    let stage = Stage::new().await;
    for allow_direct in [false, true] {
        let config = StreamConfig::new("S").subjects(["s"]).storage(Storage::Memory);
        let stream = stage.js.create_stream(config.allow_direct(allow_direct)).await.expect("made");
        let connection = stage.client.connection();
        connection.publish("s", "").await.expect("sent");
        // What a message has that another stream republished.
        let publish = connection.publish("s", "x").header("Nats-Stream", "FIRST");
        publish
            .header("Nats-Sequence", "77")
            .header("Tag", "a")
            .header("Tag", "b")
            .await
            .expect("sent");
        connection.flush().await.expect("flushed");
        let empty = stream.message::<Untyped>(1).await.expect("asked").expect("there");
        assert_eq!((empty.payload(), empty.headers().len()), (&b""[..], 0));
        let message = stream.message::<Untyped>(2).await.expect("asked").expect("there");
        assert_eq!((message.payload(), message.sequence()), (&b"x"[..], 2));
        let headers: Vec<_> = message.headers().iter().collect();
        let expected =
            [("Nats-Stream", "FIRST"), ("Nats-Sequence", "77"), ("Tag", "a"), ("Tag", "b")];
        assert_eq!(headers, expected, "direct: {allow_direct}");
        stage.js.delete_stream("S").await.expect("deleted");
    }
}

#[tokio::test]
async fn a_message_that_does_not_decode_is_handed_over_with_the_error() {
    let stage = Stage::new().await;
    let stream = six_orders(&stage, StreamConfig::new("ORDERS")).await;
    stage.client.connection().publish("orders.eu.created", "garbage").await.expect("sent");
    stage.client.flush().await.expect("flushed");
    match stream.message::<OrderCreated>(7).await {
        Err(JetStreamError::Decode { message, .. }) => assert_eq!(message.payload(), b"garbage"),
        other => panic!("{other:?}"),
    }
    let message = stream.message::<Untyped>(6).await.expect("asked").expect("there");
    assert_eq!(message.view::<OrderCreated>().expect("decoded"), OrderCreated::new("us", 6));
}

#[tokio::test]
async fn a_stream_that_answers_directly_no_more_is_read_from_its_leader() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("ORDERS").allow_direct(true);
    let stream = six_orders(&stage, config).await;
    let config = stream.cached_info().config.clone();
    stage.js.update_stream(config.allow_direct(false)).await.expect("updated");
    let order = stream.message::<OrderCreated>(6).await.expect("asked").expect("there");
    assert_eq!(order.id, 6);
}

#[tokio::test]
async fn a_deleted_message_is_gone_and_the_numbers_go_on() {
    let stage = Stage::new().await;
    let stream = six_orders(&stage, StreamConfig::new("ORDERS")).await;
    assert!(stream.delete_message(2).await.expect("asked"));
    assert!(stream.delete_message(4).without_erasing().await.expect("asked"));
    assert!(!stream.delete_message(2).await.expect("asked"), "it is gone already");
    assert!(!stream.delete_message(99).await.expect("asked"), "it never was there");
    assert!(stream.message::<Untyped>(2).await.expect("asked").is_none());
    let info = stream.info().await.expect("there");
    assert_eq!(
        (info.state.messages, info.state.first_sequence, info.state.last_sequence),
        (4, 1, 6)
    );
    let ack = stage.js.publish(&OrderCreated::new("eu", 7)).await.expect("stored");
    assert_eq!(ack.sequence, 7);
}

#[tokio::test]
async fn a_stream_that_is_gone_is_named_by_every_call_on_it() {
    let stage = Stage::new().await;
    let stream = six_orders(&stage, StreamConfig::new("ORDERS")).await;
    stage.js.delete_stream("ORDERS").await.expect("deleted");
    let gone = |error: JetStreamError| {
        assert!(
            matches!(&error, JetStreamError::StreamNotFound { name } if name == "ORDERS"),
            "{error:?}"
        );
        assert_eq!(error.err_code(), Some(ApiError::STREAM_NOT_FOUND));
    };
    gone(stream.message::<Untyped>(1).await.expect_err("gone"));
    gone(stream.delete_message(1).await.expect_err("gone"));
    gone(stream.info().await.expect_err("gone"));
}

#[tokio::test]
async fn the_largest_message_that_a_server_takes_is_read_from_the_leader_too() {
    let stage = Stage::new().await;
    for allow_direct in [false, true] {
        let config = StreamConfig::new("S").subjects(["s"]).storage(Storage::Memory);
        let stream = stage.js.create_stream(config.allow_direct(allow_direct)).await.expect("made");
        let connection = stage.client.connection();
        let payload = vec![7; connection.server_info().max_payload];
        let stored = connection.request("s", &payload).timeout(Duration::from_secs(5)).await;
        stored.expect("stored");
        let message = stream.message::<Untyped>(1).await.expect("read").expect("there");
        assert_eq!(message.payload(), payload);
        stage.js.delete_stream("S").await.expect("deleted");
    }
}
