//! What is written as a configuration is what the server reads, and the other way round: nothing of
//! it is unknown on one of the sides.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use natsws::Connection;
use natsws::jetstream::{
    AckPolicy, Compression, ConsumerConfig, ConsumerInfo, ConsumerLimits, DeliverPolicy, Discard,
    External, PersistMode, Placement, PriorityPolicy, ReplayPolicy, Republish, Retention, Source,
    SourceConsumer, Storage, StreamConfig, StreamInfo, SubjectTransform,
};
use natsws_tests::{Server, within};
use serde_json::{Value, json};

async fn start() -> (Server, Connection) {
    let server = Server::builder().jetstream().start();
    let url = server.nats_url();
    let nc = within("connecting", Connection::connect(&url)).await.expect("a server is there");
    (server, nc)
}

/// What the server answers, where that is no error.
async fn api(nc: &Connection, operation: &str, body: &Value) -> Value {
    let subject = format!("$JS.API.{operation}");
    let request = nc.request(&subject, body.to_string());
    let reply = within("the answer", request.into_future()).await.expect("JetStream is on");
    let answer: Value = serde_json::from_str(reply.text().expect("text")).expect("JSON");
    assert!(answer.get("error").is_none(), "{operation}: {answer}");
    answer
}

/// Asks for what the server does not do.
async fn refused(nc: &Connection, operation: &str, body: &Value) {
    let subject = format!("$JS.API.{operation}");
    let request = nc.request(&subject, body.to_string());
    let reply = within("the answer", request.into_future()).await.expect("JetStream is on");
    let answer: Value = serde_json::from_str(reply.text().expect("text")).expect("JSON");
    assert!(answer.get("error").is_some(), "{operation}: {body} became {answer}");
}

/// Creates the stream, and reads what there is then.
async fn create(nc: &Connection, config: &StreamConfig) -> StreamInfo {
    config.check().expect("no contradiction");
    let body = serde_json::to_value(config).expect("JSON");
    api(nc, &format!("STREAM.CREATE.{}", config.name), &body).await;
    read(nc, &config.name).await
}

async fn read(nc: &Connection, name: &str) -> StreamInfo {
    let answer = api(nc, &format!("STREAM.INFO.{name}"), &json!({})).await;
    let mut info: StreamInfo = serde_json::from_value(answer).expect("a stream");
    info.config.metadata.retain(|key, _| !key.starts_with("_nats"));
    info
}

async fn add(nc: &Connection, stream: &str, config: &ConsumerConfig) -> ConsumerInfo {
    config.check().expect("no contradiction");
    let name = config.name.as_deref().expect("it has a name");
    let body = json!({"stream_name": stream, "config": config, "action": "create"});
    api(nc, &format!("CONSUMER.CREATE.{stream}.{name}"), &body).await;
    let answer = api(nc, &format!("CONSUMER.INFO.{stream}.{name}"), &json!({})).await;
    let mut info: ConsumerInfo = serde_json::from_value(answer).expect("a consumer");
    info.config.metadata.retain(|key, _| !key.starts_with("_nats"));
    info
}

fn at(seconds: u64, nanoseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}

#[tokio::test]
async fn a_stream_is_read_back_field_by_field() {
    let (_server, nc) = start().await;
    let everything = StreamConfig::new("EVERYTHING")
        .description("all that goes together")
        .subjects(["a.>", "b.*"])
        .retention(Retention::Interest)
        .max_consumers(7)
        .max_messages(1000)
        .max_bytes(1 << 20)
        .max_age(Duration::from_secs(3600))
        .max_messages_per_subject(10)
        .max_message_size(4096)
        .storage(Storage::Memory)
        .discard(Discard::New)
        .discard_new_per_subject(true)
        .no_ack(true)
        .duplicate_window(Duration::from_millis(1500))
        .placement(Placement::new().cluster("here").tags(["ssd", "eu"]))
        .compression(Compression::S2)
        .first_sequence(100)
        .subject_transform(SubjectTransform::new("a.*", "a.changed.{{wildcard(1)}}"))
        .republish(Republish::new("a.>", "copy.>").headers_only(true))
        .deny_delete(true)
        .deny_purge(true)
        .allow_direct(true)
        .consumer_limits(
            ConsumerLimits::new().inactive_threshold(Duration::from_secs(60)).max_ack_pending(50),
        )
        .metadata([("team", "orders"), ("tier", "1")])
        .allow_message_ttl(true)
        .allow_atomic_publish(true)
        .allow_batch_publish(true);
    let markers = StreamConfig::new("MARKERS")
        .subjects(["m.>"])
        .retention(Retention::WorkQueue)
        .allow_rollup(true)
        .allow_message_ttl(true)
        .subject_delete_marker_ttl(Duration::from_secs(60))
        .allow_message_schedules(true)
        .duplicate_window(Duration::from_secs(120));
    let counter = StreamConfig::new("COUNTER")
        .subjects(["c.>"])
        .allow_message_counter(true)
        .duplicate_window(Duration::from_secs(120));
    let early = StreamConfig::new("EARLY")
        .subjects(["e.>"])
        .persist_mode(PersistMode::Async)
        .duplicate_window(Duration::from_secs(120));

    for config in [everything, markers, counter, early] {
        let info = create(&nc, &config).await;
        assert_eq!(info.config, config);
        assert_eq!((info.state.messages, info.state.first_time), (0, None));
        let cluster = info.cluster.expect("of one server");
        assert_eq!((cluster.leader.is_some(), cluster.replicas), (true, vec![]));
        assert!(info.created <= info.time.expect("servers since 2.10 say it"));
    }
}

#[tokio::test]
async fn a_mirror_and_sources_are_read_back_field_by_field() {
    let (_server, nc) = start().await;
    let origin = StreamConfig::new("ORDERS").subjects(["orders.>"]).allow_direct(true);
    create(&nc, &origin).await;

    let mirror = StreamConfig::new("MIRROR")
        .mirror(
            Source::new("ORDERS")
                .start_sequence(5)
                .subject_transforms([SubjectTransform::new("orders.eu.>", "eu.>")]),
        )
        .mirror_direct(true);
    let info = create(&nc, &mirror).await;
    assert_eq!(info.config, mirror);
    let progress = info.mirror.expect("it is a mirror");
    assert_eq!((progress.name.as_str(), progress.lag, progress.error), ("ORDERS", 0, None));
    assert_eq!(progress.subject_transforms, [SubjectTransform::new("orders.eu.>", "eu.>")]);

    let gathered = StreamConfig::new("GATHERED").sources([
        Source::new("ORDERS")
            .start_time(at(1_700_000_000, 123_456_789))
            .filter_subject("orders.us.>"),
        Source::new("ELSEWHERE").domain("hub"),
        Source::new("OTHERS").external(External::new("others.api").deliver("others.deliver")),
        Source::new("HANDED").consumer(SourceConsumer::new("hand", "hand.over")),
    ]);
    let info = create(&nc, &gathered).await;
    let external = |at: usize| info.config.sources.get(at)?.external.clone();
    assert_eq!(external(1), Some(External::new("$JS.hub.API")));
    assert_eq!(external(2), Some(External::new("others.api").deliver("others.deliver")));
    // What was read does not say whether `external` was written as a domain.
    let sent = serde_json::to_value(&gathered).expect("JSON");
    assert_eq!(info.config, serde_json::from_value(sent).expect("a configuration"));
    let mut names: Vec<_> = info.sources.iter().map(|source| source.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["ELSEWHERE", "HANDED", "ORDERS", "OTHERS"]);
}

#[tokio::test]
async fn what_is_left_alone_is_left_to_the_server() {
    let (_server, nc) = start().await;
    let plain = StreamConfig::new("PLAIN");
    assert_eq!(serde_json::to_value(&plain).expect("JSON"), json!({"name": "PLAIN"}));
    let info = create(&nc, &plain).await;
    let expected =
        StreamConfig::new("PLAIN").subjects(["PLAIN"]).duplicate_window(Duration::from_secs(120));
    assert_eq!(info.config, expected);

    let sealed = info.config.sealed(true);
    let body = serde_json::to_value(&sealed).expect("JSON");
    api(&nc, "STREAM.UPDATE.PLAIN", &body).await;
    let sealed = sealed.discard(Discard::New).deny_delete(true).deny_purge(true);
    assert_eq!(read(&nc, "PLAIN").await.config, sealed);
}

#[tokio::test]
async fn what_is_in_a_stream_is_counted() {
    let (_server, nc) = start().await;
    create(&nc, &StreamConfig::new("ORDERS").subjects(["orders.>"])).await;
    for subject in ["orders.eu", "orders.us", "orders.eu"] {
        let stored = nc.request(subject, "1 kg");
        within("the answer", stored.into_future()).await.expect("it is stored");
    }
    api(&nc, "STREAM.MSG.DELETE.ORDERS", &json!({"seq": 2})).await;
    let asked = json!({"deleted_details": true, "subjects_filter": ">"});
    let answer = api(&nc, "STREAM.INFO.ORDERS", &asked).await;
    let info: StreamInfo = serde_json::from_value(answer).expect("a stream");
    let state = info.state;
    assert_eq!((state.messages, state.first_sequence, state.last_sequence), (2, 1, 3));
    assert_eq!((state.num_subjects, state.num_deleted, state.deleted), (1, 1, vec![2]));
    assert_eq!(state.subjects.into_iter().collect::<Vec<_>>(), [("orders.eu".to_owned(), 2)]);
    let (first, last) = (state.first_time.expect("it is there"), state.last_time);
    assert!(info.created < first && Some(first) < last && last < info.time);
}

#[tokio::test]
async fn a_consumer_is_read_back_field_by_field() {
    let (_server, nc) = start().await;
    create(&nc, &StreamConfig::new("ORDERS").subjects(["orders.>"])).await;
    let pull = ConsumerConfig::durable("pull")
        .description("all that goes together")
        .deliver_policy(DeliverPolicy::FromTime(at(1_700_000_000, 123_456_789)))
        .ack_policy(AckPolicy::All)
        .ack_wait(Duration::from_secs(5))
        .max_deliver(3)
        .backoff([Duration::from_secs(5), Duration::from_secs(10)])
        .filter_subjects(["orders.eu.>", "orders.us.>"])
        .replay_policy(ReplayPolicy::Original)
        .sample_percent(30)
        .max_waiting(12)
        .max_ack_pending(13)
        .headers_only(true)
        .max_request_batch(14)
        .max_request_expires(Duration::from_secs(15))
        .max_request_bytes(16)
        .inactive_threshold(Duration::from_secs(600))
        .replicas(1)
        .memory_storage(true)
        .metadata([("team", "orders")])
        .pause_until(at(4_000_000_000, 5));
    let push = ConsumerConfig::named("push")
        .deliver_policy(DeliverPolicy::FromSequence(7))
        .ack_policy(AckPolicy::None)
        .filter_subject("orders.>")
        .rate_limit_bps(8192)
        .flow_control(true)
        .idle_heartbeat(Duration::from_secs(5))
        .deliver_subject("pushed")
        .inactive_threshold(Duration::from_secs(600));
    let shared = ConsumerConfig::durable("shared")
        .deliver_policy(DeliverPolicy::LastPerSubject)
        .filter_subject("orders.>")
        .deliver_subject("shared")
        .deliver_group("workers")
        .ack_wait(Duration::from_secs(30))
        .max_ack_pending(u64::MAX);
    let pinned = ConsumerConfig::durable("pinned")
        .deliver_policy(DeliverPolicy::New)
        .ack_wait(Duration::from_secs(30))
        .max_ack_pending(1000)
        .max_waiting(512)
        .priority_groups(["jobs"])
        .priority_policy(PriorityPolicy::PinnedClient)
        .priority_timeout(Duration::from_secs(9));
    let flow = ConsumerConfig::durable("flow")
        .deliver_policy(DeliverPolicy::Last)
        .ack_policy(AckPolicy::FlowControl)
        .deliver_subject("flow")
        .flow_control(true)
        .idle_heartbeat(Duration::from_secs(1))
        .max_ack_pending(1000);

    for config in [pull, push, shared, pinned, flow] {
        let info = add(&nc, "ORDERS", &config).await;
        assert_eq!(info.config, config);
        assert_eq!((info.stream.as_str(), Some(&info.name)), ("ORDERS", config.name.as_ref()));
        assert_eq!((info.pending, info.delivered.last_active), (0, None));
        assert_eq!(info.paused, info.pause_remaining.is_some());
        assert_eq!(info.paused, config.pause_until.is_some());
        let groups: Vec<_> = info.priority_groups.iter().map(|state| &state.group).collect();
        assert_eq!(groups, config.priority_groups.iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_the_check_of_a_stream_refuses_the_server_refuses_too() {
    let (_server, nc) = start().await;
    let new = || StreamConfig::new("X");
    let ms = Duration::from_millis;
    let by_hand = || Source::new("A").consumer(SourceConsumer::new("c", "d"));
    let twice = || {
        let source = Source::new("A").filter_subject("a");
        source.subject_transforms([SubjectTransform::new("a", "b")])
    };
    for config in vec![
        new().discard_new_per_subject(true).max_messages_per_subject(1),
        new().discard_new_per_subject(true).discard(Discard::New),
        new().max_age(ms(99)),
        new().duplicate_window(ms(99)),
        new().max_age(ms(100)).duplicate_window(ms(101)),
        new().subject_delete_marker_ttl(ms(999)),
        new().replicas(6),
        new().description("x".repeat(4097)),
        new().metadata([("k", "x".repeat(128 * 1024))]),
        new().subjects(["a", "a"]),
        new().subjects(["a..b"]),
        new().deny_purge(true).allow_rollup(true),
        new().allow_message_counter(true).discard(Discard::New),
        new().allow_message_counter(true).allow_message_ttl(true),
        new().allow_message_counter(true).allow_message_schedules(true),
        new().allow_message_counter(true).retention(Retention::Interest),
        new().allow_message_schedules(true).discard(Discard::New),
        new().allow_message_schedules(true).sources(["A"]),
        new().persist_mode(PersistMode::Async).storage(Storage::Memory),
        new().persist_mode(PersistMode::Async).replicas(3),
        new().persist_mode(PersistMode::Async).allow_atomic_publish(true),
        new().mirror("A").subjects(["a"]),
        new().mirror("A").sources(["B"]),
        new().mirror("A").first_sequence(2),
        new().mirror("A").allow_message_counter(true),
        new().mirror("A").allow_atomic_publish(true),
        new().mirror("A").allow_batch_publish(true),
        new().mirror("A").allow_message_schedules(true),
        new().mirror("A").subject_delete_marker_ttl(ms(1000)),
        new().mirror("a.b"),
        new().mirror(twice()),
        new().mirror(Source::new("A").external(External::new("a b"))),
        new().mirror(by_hand().start_sequence(1)),
        new().mirror(by_hand().filter_subject("a")),
        new().sources(["a.b"]),
        new().sources([Source::new("A").external(External::new("a.*"))]),
        new().sources([twice()]),
        new().sources([by_hand().start_time(UNIX_EPOCH)]),
        new().sources([Source::new("A").consumer(SourceConsumer::new("c", "d.*"))]),
    ] {
        config.check().expect_err("a contradiction");
        let body = serde_json::to_value(&config).expect("JSON");
        refused(&nc, "STREAM.CREATE.X", &body).await;
    }
}

#[tokio::test]
async fn what_the_check_of_a_consumer_refuses_the_server_refuses_too() {
    let (_server, nc) = start().await;
    create(&nc, &StreamConfig::new("ORDERS").subjects(["orders.>"])).await;
    let new = || ConsumerConfig::named("c");
    let push = || new().deliver_subject("pushed");
    let second = Duration::from_secs(1);
    let by_flow = || push().ack_policy(AckPolicy::FlowControl);
    let group =
        |name: &str| new().priority_policy(PriorityPolicy::Overflow).priority_groups([name]);
    for config in [
        new().description("x".repeat(4097)),
        new().filter_subjects(["orders.a", ""]),
        new().deliver_subject("pushed.*"),
        new().deliver_policy(DeliverPolicy::LastPerSubject),
        new().deliver_policy(DeliverPolicy::FromSequence(0)),
        push().max_waiting(1),
        push().ack_policy(AckPolicy::None).max_ack_pending(1),
        push().idle_heartbeat(Duration::from_millis(99)),
        push().flow_control(true),
        push().priority_policy(PriorityPolicy::Overflow).priority_groups(["g"]),
        new().rate_limit_bps(1),
        new().idle_heartbeat(second),
        new().flow_control(true),
        new().ack_policy(AckPolicy::FlowControl),
        new().max_request_expires(Duration::from_micros(999)),
        by_flow().ack_wait(second),
        by_flow().backoff([second]),
        by_flow().max_deliver(1),
        new().backoff([second, second]).max_deliver(1),
        new().priority_groups(["g"]),
        new().priority_policy(PriorityPolicy::Overflow),
        new().priority_timeout(second),
        group(""),
        group("a.b"),
        group("seventeen-letters"),
    ] {
        config.check().expect_err("a contradiction");
        let body = json!({"stream_name": "ORDERS", "config": config, "action": "create"});
        refused(&nc, "CONSUMER.CREATE.ORDERS.c", &body).await;
    }
}
