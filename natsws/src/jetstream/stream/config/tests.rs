use serde_json::json;

use super::*;
use crate::jetstream::ConfigError;

fn read(value: Value) -> StreamConfig {
    serde_json::from_value(value).expect("a configuration")
}

fn fault(config: &StreamConfig) -> String {
    config.check().expect_err("a contradiction").to_string()
}

#[test]
fn only_what_is_set_is_written() {
    let config = StreamConfig::new("ORDERS")
        .subjects(["orders.>"])
        .max_age(Duration::from_secs(3600))
        .max_messages(7)
        .retention(Retention::WorkQueue)
        .replicas(3);
    let expected = json!({
        "name": "ORDERS", "subjects": ["orders.>"], "max_age": 3_600_000_000_000_u64,
        "max_msgs": 7, "retention": "workqueue", "num_replicas": 3,
    });
    assert_eq!(serde_json::to_value(config).expect("JSON"), expected);
}

#[test]
fn what_a_server_has_filled_in_is_read_as_what_was_left_alone() {
    // The answer of a server 2.15.1 to `{"name":"ORDERS","subjects":["orders.>"]}`.
    let text = r#"{"allow_direct":false,"allow_msg_ttl":false,"allow_rollup_hdrs":false,
        "compression":"none","consumer_limits":{},"deny_delete":false,"deny_purge":false,
        "discard":"old","duplicate_window":120000000000,"max_age":0,"max_bytes":-1,
        "max_consumers":-1,"max_msg_size":-1,"max_msgs":-1,"max_msgs_per_subject":-1,
        "metadata":{"_nats.level":"5","_nats.req.level":"0","_nats.ver":"2.15.1"},
        "mirror_direct":false,"name":"ORDERS","num_replicas":1,"retention":"limits",
        "sealed":false,"storage":"file","subjects":["orders.>"]}"#;
    let read: StreamConfig = serde_json::from_str(text).expect("a configuration");
    let expected = StreamConfig::new("ORDERS")
        .subjects(["orders.>"])
        .duplicate_window(Duration::from_secs(120))
        .metadata([("_nats.level", "5"), ("_nats.req.level", "0"), ("_nats.ver", "2.15.1")]);
    assert_eq!(read, expected);
}

#[test]
fn what_a_newer_server_says_is_sent_back_at_every_level() {
    let newer = json!({
        "name": "ORDERS", "subjects": ["orders.>"], "retention": "until_tuesday",
        "storage": "tape", "discard": "middle", "compression": "zip", "persist_mode": "never",
        "colour": "red",
        "placement": {"cluster": "eu", "planet": {"name": "earth"}},
        "consumer_limits": {"max_ack_pending": 5, "max_joy": -7},
        "republish": {"dest": "copy.>", "speed": 18_446_744_073_709_551_615_u64},
        "subject_transform": {"src": "a", "dest": "b", "weights": [0.5, 1]},
        "sources": [{
            "name": "OTHER", "shade": true,
            "external": {"api": "$JS.hub.API", "port": 1},
            "consumer": {"name": "c", "deliver_subject": "d", "mood": null},
            "subject_transforms": [{"src": "a", "dest": "b", "x": "y"}],
        }],
    });
    let config = read(newer.clone());
    assert_eq!(config.retention, Retention::Other("until_tuesday".to_owned()));
    assert_eq!(config.storage.to_string(), "tape");
    assert_eq!(serde_json::to_value(&config).expect("JSON"), newer);

    let changed = config.description("new");
    let mut expected = newer;
    expected.as_object_mut().expect("an object").insert("description".into(), "new".into());
    assert_eq!(serde_json::to_value(changed).expect("JSON"), expected);
}

#[test]
fn a_limit_that_is_not_above_zero_is_none() {
    for none in [0_i64, -1, -2, i64::MIN] {
        let config = read(json!({
            "name": "X", "max_consumers": none, "max_msgs": none, "max_bytes": none,
            "max_msgs_per_subject": none, "max_msg_size": none, "max_age": none,
            "duplicate_window": none, "subject_delete_marker_ttl": none,
            "consumer_limits": {"max_ack_pending": none, "inactive_threshold": none},
        }));
        assert_eq!(config, StreamConfig::new("X"));
    }
}

#[test]
fn what_go_writes_for_nothing_is_nothing() {
    let config = read(json!({
        "name": "X", "description": "", "subjects": null, "sources": null, "mirror": null,
        "placement": null, "metadata": null, "consumer_limits": null, "first_seq": 0,
        "retention": "", "republish": null, "subject_transform": null, "max_msgs": null,
    }));
    assert_eq!(config, StreamConfig::new("X"));
    let source: Source = serde_json::from_value(json!({
        "name": "X", "opt_start_seq": 0, "opt_start_time": "0001-01-01T00:00:00Z",
        "filter_subject": "", "subject_transforms": null, "external": null, "consumer": null,
    }))
    .expect("a source");
    assert_eq!(source, Source::new("X"));
}

#[test]
fn numbers_that_are_none_are_an_error() {
    for (field, value) in [
        ("num_replicas", json!(-1)),
        ("num_replicas", json!(4_294_967_296_u64)),
        ("first_seq", json!(-1)),
        ("max_msgs", json!(1.5)),
        ("max_msgs", json!("7")),
        ("max_msg_size", json!(4_294_967_296_u64)),
        ("max_age", json!(1e300)),
        ("max_age", json!({})),
    ] {
        let told = json!({"name": "X", field: value});
        serde_json::from_value::<StreamConfig>(told).expect_err(field);
    }
}

#[test]
fn what_a_server_cannot_count_to_is_written_as_the_most_that_it_can() {
    let config = StreamConfig::new("X").max_bytes(u64::MAX).max_age(Duration::MAX);
    let written = serde_json::to_value(&config).expect("JSON");
    assert_eq!(written, json!({"name": "X", "max_bytes": i64::MAX, "max_age": i64::MAX}));
    let read = read(written);
    assert_eq!(read.max_bytes, u64::try_from(i64::MAX).ok());
    let starts = Source::new("X").start_sequence(u64::MAX);
    let written = serde_json::to_value(&starts).expect("JSON");
    assert_eq!(written, json!({"name": "X", "opt_start_seq": u64::MAX}));
}

#[test]
fn a_domain_is_an_external_api_and_excludes_another() {
    let domain = Source::new("ORDERS").domain("hub");
    assert_eq!(domain.external, Some(External::new("$JS.hub.API")));
    let written = serde_json::to_value(&domain).expect("JSON");
    assert_eq!(written, json!({"name": "ORDERS", "external": {"api": "$JS.hub.API"}}));
    assert_eq!(Source::new("ORDERS").domain(""), Source::new("ORDERS"));

    let other = External::new("theirs.API").deliver("theirs.deliver");
    StreamConfig::new("X").sources([domain.clone()]).check().expect("a domain");
    StreamConfig::new("X")
        .mirror(Source::new("ORDERS").external(other.clone()))
        .check()
        .expect("an external API");
    for both in
        [domain.clone().external(other.clone()), Source::new("A").external(other).domain("hub")]
    {
        let said = "`domain` and `external` exclude each other: leave one of them out";
        assert_eq!(fault(&StreamConfig::new("X").mirror(both.clone())), said);
        assert_eq!(fault(&StreamConfig::new("X").sources([both])), said);
    }
    let broken = StreamConfig::new("X").sources([Source::new("A").domain("a b")]);
    assert!(matches!(broken.check(), Err(ConfigError::Subject { option: "sources", .. })));
}

#[test]
fn what_no_server_takes_is_said_with_what_to_do() {
    let new = || StreamConfig::new("X");
    let ms = Duration::from_millis;
    let by_hand = Source::new("A").consumer(SourceConsumer::new("c", "d"));
    let twice =
        Source::new("A").filter_subject("a").subject_transforms([SubjectTransform::new("a", "b")]);
    let excludes = |one: &str, two: &str| {
        format!("`{one}` and `{two}` exclude each other: leave one of them out")
    };
    let needs = |one: &str, two: &str| {
        format!("`{one}` needs `{two}`: set that as well, or leave `{one}` out")
    };
    let short = |option: &str, given: &str, least: &str| {
        format!("`{option}` is {given}, and has to be {least} or more")
    };
    let large = |option: &str, given: usize, most: usize| {
        format!("`{option}` is {given}, and may be {most} at most")
    };
    let per_subject = "discard_new_per_subject";
    let (counter, early) = ("allow_message_counter", "PersistMode::Async");
    let named = || "a name in the configuration cannot be used".to_owned();
    for (config, said) in vec![
        (
            new().discard_new_per_subject(true).max_messages_per_subject(1),
            needs(per_subject, "Discard::New"),
        ),
        (
            new().discard_new_per_subject(true).discard(Discard::New),
            needs(per_subject, "max_messages_per_subject"),
        ),
        (new().max_age(ms(99)), short("max_age", "99ms", "100ms")),
        (new().duplicate_window(ms(1)), short("duplicate_window", "1ms", "100ms")),
        (
            new().max_age(ms(100)).duplicate_window(ms(101)),
            "`duplicate_window` exceeds `max_age`: lower the one or raise the other".to_owned(),
        ),
        (
            new().subject_delete_marker_ttl(ms(999)),
            short("subject_delete_marker_ttl", "999ms", "1s"),
        ),
        (new().replicas(6), large("replicas", 6, 5)),
        (new().description("x".repeat(4097)), large("description", 4097, 4096)),
        (new().metadata([("k", "x".repeat(131_072))]), large("metadata", 131_073, 131_072)),
        (
            new().subjects(["a", "a"]),
            "`subjects` has a value that no server takes: one subject stands there twice"
                .to_owned(),
        ),
        (new().subjects(["a..b"]), "`subjects` has a subject that cannot be used".to_owned()),
        (new().deny_purge(true).allow_rollup(true), excludes("deny_purge", "allow_rollup")),
        (
            new().allow_message_counter(true).allow_message_ttl(true),
            excludes(counter, "allow_message_ttl"),
        ),
        (
            new().allow_message_counter(true).retention(Retention::Interest),
            needs(counter, "Retention::Limits"),
        ),
        (
            new().allow_message_schedules(true).sources(["A"]),
            excludes("allow_message_schedules", "sources"),
        ),
        (
            new().persist_mode(PersistMode::Async).storage(Storage::Memory),
            needs(early, "Storage::File"),
        ),
        (
            new().persist_mode(PersistMode::Async).allow_atomic_publish(true),
            excludes(early, "allow_atomic_publish"),
        ),
        (new().mirror("A").subjects(["a"]), excludes("mirror", "subjects")),
        (new().mirror("A").sources(["B"]), excludes("mirror", "sources")),
        (new().mirror("A").first_sequence(2), excludes("mirror", "first_sequence")),
        (new().sources([twice]), excludes("filter_subject", "subject_transforms")),
        (new().mirror(by_hand.start_sequence(1)), excludes("consumer", "start_sequence")),
        (StreamConfig::new("a b"), named()),
        (new().sources(["a.b"]), named()),
    ] {
        assert_eq!(fault(&config), said);
    }
}
