//! Options of streams, as a real server understands them.

use std::time::Duration;

use natsws::jetstream::{
    ConfigError, ConsumerConfig, ConsumerLimits, Discard, JetStreamError, PersistMode, Source,
    SourceConsumer, Storage, StreamConfig, Untyped,
};
use natsws_tests::{eventually, within};

use crate::stage::{OrderCreated, Stage};

fn memory(name: &str) -> StreamConfig {
    StreamConfig::new(name).storage(Storage::Memory)
}

#[tokio::test]
async fn a_handle_says_whose_api_it_is_and_how_long_it_waits() {
    let stage = Stage::new().await;
    let js = stage.client.jetstream();
    assert_eq!((js.prefix(), js.timeout()), ("$JS.API", Duration::from_secs(5)));
    let hub = js.clone().with_domain("hub").expect("a name").with_timeout(Duration::from_secs(2));
    assert_eq!((hub.prefix(), hub.timeout()), ("$JS.hub.API", Duration::from_secs(2)));
    assert_eq!(js.clone().with_prefix("hello.").expect("a prefix").prefix(), "hello");
    for prefix in ["", ".", "a..b", "a.*", "a b"] {
        assert!(js.clone().with_prefix(prefix).is_err(), "{prefix:?}");
    }
    assert!(js.clone().with_domain("a.b").is_err());
    assert_eq!(js.prefix(), "$JS.API", "a clone changes nothing here");
}

#[tokio::test]
async fn a_mirror_answers_direct_requests_for_its_stream_where_it_is_told_to() {
    let stage = Stage::new().await;
    let config = memory("ORDERS").subjects(["orders.>"]).allow_direct(true);
    let stream = stage.js.create_stream(config).await.expect("made");
    let config = memory("COPY").mirror(Source::new("ORDERS")).mirror_direct(true);
    let copy = stage.js.create_stream(config).await.expect("made");
    assert!(copy.cached_info().config.mirror_direct);
    stage.js.publish(&OrderCreated::new("eu", 1)).await.expect("stored");
    // Either of them may answer, and the mirror a moment later.
    let order =
        eventually("the order", async || stream.message::<OrderCreated>(1).await.expect("read"))
            .await;
    assert_eq!(order.id, 1);
}

#[tokio::test]
async fn a_subject_that_is_full_takes_nothing_new_while_others_do() {
    let stage = Stage::new().await;
    let config = memory("ORDERS").subjects(["orders.>"]).max_messages_per_subject(1);
    let config = config.discard_new_per_subject(true);
    let error = stage.js.create_stream(config.clone()).await.expect_err("it needs more");
    assert!(matches!(error, JetStreamError::Config(ConfigError::Needs { .. })), "{error:?}");
    stage.js.create_stream(config.discard(Discard::New)).await.expect("made");
    stage.js.publish(&OrderCreated::new("eu", 1)).await.expect("stored");
    stage.js.publish(&OrderCreated::new("us", 1)).await.expect("stored");
    assert!(stage.js.publish(&OrderCreated::new("eu", 2)).await.is_err());
}

#[tokio::test]
async fn consumers_have_the_limits_of_their_stream_and_no_more() {
    let stage = Stage::new().await;
    let limits = ConsumerLimits::new();
    let limits = limits.max_ack_pending(100).inactive_threshold(Duration::from_secs(60));
    let config = memory("S").consumer_limits(limits.clone());
    let stream = stage.js.create_stream(config).await.expect("made");
    assert_eq!(stream.cached_info().config.consumer_limits, limits);
    let consumer = stream.create_consumer(ConsumerConfig::durable("c")).await.expect("made");
    let config = &consumer.cached_info().expect("looked up").config;
    assert_eq!(config.max_ack_pending, Some(100));
    assert_eq!(config.inactive_threshold, Some(Duration::from_secs(60)));
    let mut less = ConsumerConfig::durable("less");
    less.max_ack_pending = Some(5);
    let consumer = stream.create_consumer(less).await.expect("made");
    assert_eq!(consumer.cached_info().expect("looked up").config.max_ack_pending, Some(5));
    let mut more = ConsumerConfig::durable("more");
    more.max_ack_pending = Some(101);
    let error = stream.create_consumer(more).await.expect_err("too much");
    assert!(matches!(error, JetStreamError::Api(_)), "{error:?}");
    let lower = limits.max_ack_pending(5);
    let changed = stream.update(|config| config.consumer_limits(lower)).await;
    let error = changed.expect_err("a consumer has more");
    assert!(matches!(error, JetStreamError::Api(_)), "{error:?}");
}

#[tokio::test]
async fn texts_for_whoever_reads_them_are_kept() {
    let stage = Stage::new().await;
    let config = memory("S").metadata([("owner", "me")]).description("mine");
    let stream = stage.js.create_stream(config).await.expect("made");
    let stream = stream.update(|config| config.metadata([("team", "us")])).await.expect("changed");
    let metadata = &stream.info().await.expect("there").config.metadata;
    assert_eq!(metadata.get("team").map(String::as_str), Some("us"));
    assert!(metadata.contains_key("_nats.req.level"), "the server adds its own: {metadata:?}");
}

#[tokio::test]
async fn what_cannot_be_changed_later_is_refused_then() {
    let stage = Stage::new().await;
    let config = StreamConfig::new("S").subjects(["s"]).persist_mode(PersistMode::Async);
    let stream = stage.js.create_stream(config).await.expect("made");
    assert_eq!(stream.cached_info().config.persist_mode, PersistMode::Async);
    let back = stream.update(|config| config.persist_mode(PersistMode::Default)).await;
    assert!(matches!(back, Err(JetStreamError::Api(_))), "{back:?}");
    let first = stage.js.create_stream(memory("T").subjects(["t"])).await.expect("made");
    let file = first.update(|config| config.storage(Storage::File)).await;
    assert!(matches!(file, Err(JetStreamError::Api(_))), "{file:?}");
}

#[tokio::test]
async fn a_stream_can_be_fed_by_a_consumer_that_is_there() {
    let stage = Stage::new().await;
    let stream = stage.js.create_stream(memory("S").subjects(["s"])).await.expect("made");
    let mut config = ConsumerConfig::durable("feed");
    config.deliver_subject = Some("feed.copy".to_owned());
    config.ack_policy = natsws::jetstream::AckPolicy::FlowControl;
    config.flow_control = true;
    config.idle_heartbeat = Some(Duration::from_secs(1));
    config.max_ack_pending = Some(100);
    stream.create_consumer(config).await.expect("made");
    let source = || Source::new("S").consumer(SourceConsumer::new("feed", "feed.copy"));
    let copy = stage.js.create_stream(memory("COPY").sources([source()])).await.expect("made");
    assert_eq!(copy.cached_info().config.sources[0].consumer, source().consumer);
    stage.client.connection().publish("s", "x").await.expect("sent");
    let copied = within(
        "the copy",
        eventually("it", async || copy.message::<Untyped>(1).await.expect("read")),
    )
    .await;
    assert_eq!(copied.payload(), b"x");
    let nameless = Source::new("S").consumer(SourceConsumer::new("", "feed.other"));
    let error = stage.js.create_stream(memory("T").sources([nameless])).await.expect_err("refused");
    assert!(matches!(error, JetStreamError::Config(_)), "{error:?}");
    let nowhere = Source::new("S").consumer(SourceConsumer::new("feed", ""));
    let error = stage.js.create_stream(memory("T").sources([nowhere])).await.expect_err("refused");
    assert!(matches!(error, JetStreamError::Config(_)), "{error:?}");
}
