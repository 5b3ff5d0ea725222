//! Streams and consumers: what one library makes and changes is the same to the other.

use std::time::{Duration, SystemTime};

use natsws::jetstream::{
    AckPolicy, Compression, ConsumerConfig, ConsumerInfo, ConsumerLimits, DeliverPolicy, Discard,
    PersistMode, PriorityPolicy, ReplayPolicy, Republish, Retention, Source, Storage, Stream,
    StreamConfig, SubjectTransform,
};
use natsws_tests::within;
use serde::Serialize;
use serde_json::{Value, json};

use crate::javascript::{Stage, said_by_theirs_alone};

const SECOND: Duration = Duration::from_secs(1);
const NANOS: u64 = 1_000_000_000;

/// A stream as this library says what it is to be, and as the server has it.
fn shop() -> (StreamConfig, Value) {
    let shop = StreamConfig::new("SHOP")
        .description("all that is sold")
        .subjects(["shop.*.new", "shop.*.paid"])
        .max_consumers(9)
        .max_messages(1000)
        .max_bytes(1 << 30)
        .max_age(3600 * SECOND)
        .max_messages_per_subject(10)
        .max_message_size(4096)
        .discard(Discard::New)
        .discard_new_per_subject(true)
        .duplicate_window(60 * SECOND)
        .compression(Compression::S2)
        .first_sequence(7)
        .subject_transform(SubjectTransform::new("shop.*.new", "new.{{wildcard(1)}}"))
        .republish(Republish::new("new.>", "again.>").headers_only(true))
        .deny_delete(true)
        .allow_rollup(true)
        .allow_direct(true)
        .consumer_limits(ConsumerLimits::new().inactive_threshold(600 * SECOND).max_ack_pending(50))
        .metadata([("team", "sales"), ("größe", "§ 12")])
        .allow_message_ttl(true)
        .subject_delete_marker_ttl(30 * SECOND)
        .allow_atomic_publish(true)
        .allow_batch_publish(true);
    let shop_json = json!({
        "name": "SHOP", "description": "all that is sold",
        "subjects": ["shop.*.new", "shop.*.paid"],
        "max_consumers": 9, "max_msgs": 1000, "max_bytes": 1 << 30, "max_age": 3600 * NANOS,
        "max_msgs_per_subject": 10, "max_msg_size": 4096, "discard": "new",
        "discard_new_per_subject": true, "duplicate_window": 60 * NANOS, "compression": "s2",
        "first_seq": 7,
        "subject_transform": { "src": "shop.*.new", "dest": "new.{{wildcard(1)}}" },
        "republish": { "src": "new.>", "dest": "again.>", "headers_only": true },
        "deny_delete": true, "allow_rollup_hdrs": true, "allow_direct": true,
        "consumer_limits": { "inactive_threshold": 600 * NANOS, "max_ack_pending": 50 },
        "metadata": { "team": "sales", "größe": "§ 12" },
        "allow_msg_ttl": true, "subject_delete_marker_ttl": 30 * NANOS,
        "allow_atomic": true, "allow_batched": true,
    });
    (shop, shop_json)
}

/// Streams likewise: between them they use every option that one server alone takes.
fn streams() -> Vec<(StreamConfig, Value)> {
    let jobs = StreamConfig::new("JOBS")
        .subjects(["jobs.>"])
        .retention(Retention::WorkQueue)
        .storage(Storage::Memory)
        .duplicate_window(120 * SECOND)
        .deny_purge(true)
        .no_ack(true);
    let jobs_json = json!({
        "name": "JOBS", "subjects": ["jobs.>"], "retention": "workqueue", "storage": "memory",
        "duplicate_window": 120 * NANOS, "deny_purge": true, "no_ack": true,
    });
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    let gathered = StreamConfig::new("GATHERED").duplicate_window(120 * SECOND).sources([
        Source::new("JOBS").filter_subject("jobs.done.>").start_sequence(3),
        Source::new("SHOP")
            .start_time(time)
            .subject_transforms([SubjectTransform::new("new.*", "eu.{{wildcard(1)}}")]),
    ]);
    let gathered_json = json!({
        "name": "GATHERED", "duplicate_window": 120 * NANOS,
        "sources": [
            { "name": "JOBS", "filter_subject": "jobs.done.>", "opt_start_seq": 3 },
            {
                "name": "SHOP", "opt_start_time": "2023-11-14T22:13:20.123456789Z",
                "subject_transforms": [{ "src": "new.*", "dest": "eu.{{wildcard(1)}}" }],
            },
        ],
    });
    let copy = StreamConfig::new("COPY")
        .mirror("SHOP")
        .allow_direct(true)
        .mirror_direct(true)
        .duplicate_window(120 * SECOND)
        .allow_message_ttl(true);
    let copy_json = json!({
        "name": "COPY", "mirror": { "name": "SHOP" }, "allow_direct": true, "mirror_direct": true,
        "duplicate_window": 120 * NANOS, "allow_msg_ttl": true,
    });
    let counts = StreamConfig::new("COUNTS")
        .subjects(["counts.*"])
        .duplicate_window(120 * SECOND)
        .allow_message_counter(true)
        .allow_direct(true);
    let counts_json = json!({
        "name": "COUNTS", "subjects": ["counts.*"], "duplicate_window": 120 * NANOS,
        "allow_msg_counter": true, "allow_direct": true,
    });
    let quick = StreamConfig::new("QUICK")
        .subjects(["quick"])
        .retention(Retention::Interest)
        .duplicate_window(120 * SECOND)
        .persist_mode(PersistMode::Async);
    let quick_json = json!({
        "name": "QUICK", "subjects": ["quick"], "duplicate_window": 120 * NANOS,
        "retention": "interest", "persist_mode": "async",
    });
    let later = StreamConfig::new("LATER")
        .subjects(["later.>"])
        .duplicate_window(120 * SECOND)
        .allow_rollup(true)
        .allow_message_schedules(true);
    let later_json = json!({
        "name": "LATER", "subjects": ["later.>"], "duplicate_window": 120 * NANOS,
        "allow_rollup_hdrs": true, "allow_msg_schedules": true,
    });
    vec![
        shop(),
        (jobs, jobs_json),
        (gathered, gathered_json),
        (copy, copy_json),
        (counts, counts_json),
        (quick, quick_json),
        (later, later_json),
    ]
}

/// Consumers of stream `SHOP`, likewise.
fn consumers() -> Vec<(ConsumerConfig, Value)> {
    let workers = ConsumerConfig::durable("workers")
        .description("those who pack")
        .deliver_policy(DeliverPolicy::FromSequence(9))
        .ack_wait(SECOND)
        .max_deliver(5)
        .backoff([SECOND, 20 * SECOND])
        .filter_subjects(["shop.*.paid", "new.*"])
        .replay_policy(ReplayPolicy::Original)
        .sample_percent(50)
        .max_waiting(64)
        .max_ack_pending(20)
        .max_request_batch(30)
        .max_request_expires(5 * SECOND)
        .max_request_bytes(4096)
        .inactive_threshold(300 * SECOND)
        .replicas(1)
        .memory_storage(true)
        .metadata([("shift", "früh")]);
    let workers_json = json!({
        "name": "workers", "durable_name": "workers", "description": "those who pack",
        "deliver_policy": "by_start_sequence", "opt_start_seq": 9, "ack_policy": "explicit",
        "ack_wait": NANOS, "max_deliver": 5, "backoff": [NANOS, 20 * NANOS],
        "filter_subjects": ["shop.*.paid", "new.*"], "replay_policy": "original",
        "sample_freq": "50%", "max_waiting": 64, "max_ack_pending": 20, "max_batch": 30,
        "max_expires": 5 * NANOS, "max_bytes": 4096, "inactive_threshold": 300 * NANOS,
        "num_replicas": 1, "mem_storage": true, "metadata": { "shift": "früh" },
    });
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 120_000_000);
    let pushed = ConsumerConfig::durable("pushed")
        .deliver_subject("to.me")
        .deliver_policy(DeliverPolicy::FromTime(time))
        .ack_policy(AckPolicy::All)
        .ack_wait(30 * SECOND)
        .filter_subject("new.eu")
        .flow_control(true)
        .idle_heartbeat(5 * SECOND)
        .rate_limit_bps(1 << 20)
        .headers_only(true)
        .max_ack_pending(50)
        .inactive_threshold(600 * SECOND);
    let pushed_json = json!({
        "name": "pushed", "durable_name": "pushed", "deliver_subject": "to.me",
        "deliver_policy": "by_start_time", "opt_start_time": "2023-11-14T22:13:20.12Z",
        "ack_policy": "all", "ack_wait": 30 * NANOS, "filter_subject": "new.eu",
        "flow_control": true, "idle_heartbeat": 5 * NANOS, "rate_limit_bps": 1 << 20,
        "headers_only": true, "max_ack_pending": 50, "inactive_threshold": 600 * NANOS,
    });
    let shared = ConsumerConfig::durable("shared")
        .deliver_subject("to.us")
        .deliver_group("packers")
        .deliver_policy(DeliverPolicy::LastPerSubject)
        .filter_subject(">")
        .ack_wait(30 * SECOND)
        .max_ack_pending(50)
        .inactive_threshold(600 * SECOND);
    let shared_json = json!({
        "name": "shared", "durable_name": "shared", "deliver_subject": "to.us",
        "deliver_group": "packers", "deliver_policy": "last_per_subject", "filter_subject": ">",
        "ack_policy": "explicit", "ack_wait": 30 * NANOS, "max_ack_pending": 50,
        "inactive_threshold": 600 * NANOS,
    });
    let pinned = ConsumerConfig::durable("pinned")
        .deliver_policy(DeliverPolicy::New)
        .ack_wait(30 * SECOND)
        .max_waiting(512)
        .max_ack_pending(50)
        .inactive_threshold(600 * SECOND)
        .pause_until(SystemTime::UNIX_EPOCH + Duration::new(4_000_000_000, 500_000_000))
        .priority_groups(["A"])
        .priority_policy(PriorityPolicy::PinnedClient)
        .priority_timeout(60 * SECOND);
    let pinned_json = json!({
        "name": "pinned", "durable_name": "pinned", "deliver_policy": "new",
        "ack_policy": "explicit", "ack_wait": 30 * NANOS, "max_waiting": 512,
        "max_ack_pending": 50, "inactive_threshold": 600 * NANOS,
        "pause_until": "2096-10-02T07:06:40.5Z", "priority_groups": ["A"],
        "priority_policy": "pinned_client", "priority_timeout": 60 * NANOS,
    });
    vec![
        (workers, workers_json),
        (pushed, pushed_json),
        (shared, shared_json),
        (pinned, pinned_json),
    ]
}

/// What the server says of a stream that nobody has told it; to this library that is nothing.
fn nothing_of_a_stream() -> Value {
    json!({
        "retention": "limits", "max_consumers": -1, "max_msgs": -1, "max_bytes": -1, "max_age": 0,
        "max_msgs_per_subject": -1, "max_msg_size": -1, "storage": "file", "discard": "old",
        "num_replicas": 1, "compression": "none", "sealed": false, "deny_delete": false,
        "deny_purge": false, "allow_rollup_hdrs": false, "allow_direct": false,
        "mirror_direct": false, "consumer_limits": {}, "allow_msg_ttl": false,
    })
}

/// And of a consumer.
fn nothing_of_a_consumer() -> Value {
    json!({ "max_deliver": -1, "replay_policy": "instant", "num_replicas": 0 })
}

/// Without what the server puts there by itself.
fn told(mut config: Value) -> Value {
    let fields = config.as_object_mut().expect("a map");
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !key.starts_with("_nats"));
        if metadata.is_empty() {
            fields.remove("metadata");
        }
    }
    config
}

fn json_of(value: &impl Serialize) -> Value {
    told(serde_json::to_value(value).expect("it has JSON"))
}

/// What both say is the same, and what theirs says alone is nothing.
#[track_caller]
fn assert_same(theirs: &Value, ours: &Value, nothing: &Value) {
    for (key, value) in said_by_theirs_alone(theirs, ours).as_object().expect("a map") {
        assert_eq!(nothing.get(key), Some(value), "{key} of {ours}");
    }
}

/// Makes a consumer, of whichever kind it is.
async fn make(stream: &Stream, config: ConsumerConfig) -> ConsumerInfo {
    if config.deliver_subject.is_some() {
        let made = stream.create_push_consumer(config).await.expect("made");
        made.cached_info().clone()
    } else {
        let made = stream.create_consumer(config).await.expect("made");
        made.info().await.expect("there")
    }
}

/// What is said of a consumer, of whichever kind it is.
async fn found(stream: &Stream, name: &str) -> ConsumerConfig {
    let mut consumers = stream.consumers();
    while let Some(info) = within("a consumer", consumers.next()).await {
        let info = info.expect("listed");
        if info.name == name {
            return info.config;
        }
    }
    panic!("there is no consumer {name}")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn streams_and_consumers_of_ours_are_to_them_what_we_said() {
    let mut stage = Stage::new("streams.mjs").await;
    for (config, said) in streams() {
        let made = stage.js.create_stream(config.clone()).await.expect("made");
        let theirs = told(stage.theirs.can("info", json!({ "stream": config.name })).await);
        assert_same(&theirs, &said, &nothing_of_a_stream());
        assert_same(&theirs, &json_of(&made.cached_info().config), &nothing_of_a_stream());
    }
    let shop = stage.js.stream("SHOP").await.expect("there");
    for (config, said) in consumers() {
        let ours = json_of(&make(&shop, config).await.config);
        let given = json!({ "stream": "SHOP", "consumer": said["name"] });
        let theirs = told(stage.theirs.can("consumer", given).await["config"].take());
        assert_same(&theirs, &said, &nothing_of_a_consumer());
        assert_same(&theirs, &ours, &nothing_of_a_consumer());
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn streams_and_consumers_of_theirs_are_to_us_what_they_said() {
    let mut stage = Stage::new("streams.mjs").await;
    for (config, said) in streams() {
        let theirs = told(stage.theirs.can("add", json!({ "config": said })).await);
        let found = stage.js.stream(&config.name).await.expect("there");
        assert_same(&theirs, &json_of(&found.cached_info().config), &nothing_of_a_stream());
        assert_eq!(json_of(&found.cached_info().config), json_of(&config));
        // What is there as we would make it is made.
        stage.js.create_stream(config).await.expect("the same");
    }
    let shop = stage.js.stream("SHOP").await.expect("there");
    for (config, said) in consumers() {
        let name = config.name.clone().expect("a name");
        let given = json!({ "stream": "SHOP", "config": said });
        let theirs = told(stage.theirs.can("addConsumer", given).await);
        let found = json_of(&found(&shop, &name).await);
        assert_same(&theirs, &found, &nothing_of_a_consumer());
        assert_eq!(said_by_theirs_alone(&found, &json_of(&config)), json!({}));
        make(&shop, config).await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn a_change_by_one_keeps_what_the_other_said() {
    let mut stage = Stage::new("streams.mjs").await;
    let (config, said) = shop();
    stage.js.create_stream(config).await.expect("made");

    let change = json!({ "description": "theirs", "max_msgs": 2000 });
    let given = json!({ "stream": "SHOP", "config": change });
    stage.theirs.can("update", given).await;
    let shop = stage.js.stream("SHOP").await.expect("there");
    let mut expected = said;
    (expected["description"], expected["max_msgs"]) = (json!("theirs"), json!(2000));
    assert_eq!(json_of(&shop.cached_info().config), expected);

    shop.update(|config| config.max_age(7200 * SECOND)).await.expect("changed");
    expected["max_age"] = json!(7200 * NANOS);
    let theirs = told(stage.theirs.can("info", json!({ "stream": "SHOP" })).await);
    assert_same(&theirs, &expected, &nothing_of_a_stream());

    let (config, said) = consumers().swap_remove(0);
    let workers = shop.create_consumer(config).await.expect("made");
    let change = json!({ "description": "theirs", "max_ack_pending": 30 });
    let given = json!({ "stream": "SHOP", "consumer": "workers", "config": change });
    stage.theirs.can("updateConsumer", given).await;
    let now = workers.info().await.expect("there").config;
    let mut expected = said;
    (expected["description"], expected["max_ack_pending"]) = (json!("theirs"), json!(30));
    assert_eq!(json_of(&now), expected);

    shop.update_consumer(now.max_deliver(6)).await.expect("changed");
    expected["max_deliver"] = json!(6);
    let given = json!({ "stream": "SHOP", "consumer": "workers" });
    let theirs = told(stage.theirs.can("consumer", given).await["config"].take());
    assert_same(&theirs, &expected, &nothing_of_a_consumer());
    stage.end().await;
}
