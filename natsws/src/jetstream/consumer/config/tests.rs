use std::time::UNIX_EPOCH;

use serde_json::json;

use super::*;
use crate::jetstream::ConfigError;

fn read(value: Value) -> ConsumerConfig {
    serde_json::from_value(value).expect("a configuration")
}

fn written(config: &ConsumerConfig) -> Value {
    serde_json::to_value(config).expect("JSON")
}

fn fault(config: &ConsumerConfig) -> String {
    config.check().expect_err("a contradiction").to_string()
}

#[test]
fn only_what_is_set_is_written_and_how_messages_are_acknowledged() {
    let plain = json!({"deliver_policy": "all", "ack_policy": "explicit"});
    assert_eq!(written(&ConsumerConfig::new()), plain);
    let durable = json!({
        "name": "w", "durable_name": "w", "deliver_policy": "all", "ack_policy": "explicit",
    });
    assert_eq!(written(&ConsumerConfig::durable("w")), durable);
    let named = json!({"name": "w", "deliver_policy": "all", "ack_policy": "explicit"});
    assert_eq!(written(&ConsumerConfig::named("w")), named);
}

#[test]
fn what_a_server_has_filled_in_is_read() {
    // The answer of a server 2.15.1.
    let text = r#"{"ack_policy":"explicit","ack_wait":30000000000,"deliver_group":"workers",
        "deliver_policy":"last_per_subject","deliver_subject":"shared","durable_name":"shared",
        "filter_subject":"orders.>","max_ack_pending":-1,"max_deliver":-1,
        "metadata":{"_nats.level":"5"},"name":"shared","num_replicas":0,
        "replay_policy":"instant"}"#;
    let expected = ConsumerConfig::durable("shared")
        .deliver_policy(DeliverPolicy::LastPerSubject)
        .filter_subject("orders.>")
        .deliver_subject("shared")
        .deliver_group("workers")
        .ack_wait(Duration::from_secs(30))
        .max_ack_pending(u64::MAX)
        .metadata([("_nats.level", "5")]);
    let read: ConsumerConfig = serde_json::from_str(text).expect("a configuration");
    assert_eq!(read, expected);
    let again = written(&read);
    assert_eq!(again.get("max_ack_pending"), Some(&json!(-1)));
    assert_eq!(again.get("max_deliver"), None);
}

#[test]
fn one_filter_is_another_field_than_several() {
    let one = ConsumerConfig::new().filter_subject("a.>");
    let several = ConsumerConfig::new().filter_subjects(["a", "b"]);
    let fields = |config: &ConsumerConfig| {
        let written = written(config);
        (written.get("filter_subject").cloned(), written.get("filter_subjects").cloned())
    };
    assert_eq!(fields(&ConsumerConfig::new()), (None, None));
    assert_eq!(fields(&one), (Some(json!("a.>")), None));
    assert_eq!(fields(&several), (None, Some(json!(["a", "b"]))));
    for config in [one, several] {
        assert_eq!(read(written(&config)), config);
    }
    let listed = read(json!({"filter_subject": "", "filter_subjects": ["a"]}));
    assert_eq!(listed.filter_subjects, ["a"]);
}

#[test]
fn where_delivery_starts_is_one_value() {
    let time = UNIX_EPOCH + Duration::new(1_700_000_000, 5);
    for (policy, fields) in [
        (DeliverPolicy::All, json!({"deliver_policy": "all"})),
        (DeliverPolicy::Last, json!({"deliver_policy": "last"})),
        (DeliverPolicy::New, json!({"deliver_policy": "new"})),
        (DeliverPolicy::LastPerSubject, json!({"deliver_policy": "last_per_subject"})),
        (
            DeliverPolicy::FromSequence(u64::MAX),
            json!({"deliver_policy": "by_start_sequence", "opt_start_seq": u64::MAX}),
        ),
        (
            DeliverPolicy::FromTime(time),
            json!({
                "deliver_policy": "by_start_time",
                "opt_start_time": "2023-11-14T22:13:20.000000005Z",
            }),
        ),
        (
            DeliverPolicy::Other {
                policy: "by_mood".to_owned(),
                sequence: Some(7),
                time: Some(UNIX_EPOCH),
            },
            json!({
                "deliver_policy": "by_mood", "opt_start_seq": 7,
                "opt_start_time": "1970-01-01T00:00:00Z",
            }),
        ),
    ] {
        let mut expected = fields;
        let object = expected.as_object_mut().expect("an object");
        object.insert("ack_policy".into(), "explicit".into());
        let config = ConsumerConfig::new().deliver_policy(policy);
        assert_eq!(written(&config), expected);
        assert_eq!(read(expected), config);
    }
}

#[test]
fn what_a_newer_server_says_is_sent_back() {
    let newer = json!({
        "name": "w", "deliver_policy": "by_mood", "ack_policy": "twice",
        "replay_policy": "backwards", "priority_policy": "loudest", "filter_subject": "a",
        "direct": true, "size": 18_446_744_073_709_551_615_u64, "nested": {"a": [1, null]},
    });
    let config = read(newer.clone());
    assert_eq!(config.ack_policy, AckPolicy::Other("twice".to_owned()));
    assert_eq!(written(&config), newer);
}

#[test]
fn hostile_values_are_nothing_or_an_error() {
    let none = read(json!({
        "name": "", "durable_name": "", "description": "", "deliver_subject": "",
        "deliver_group": "", "max_deliver": -7, "ack_wait": -1, "backoff": null,
        "max_ack_pending": 0, "sample_freq": "often", "num_replicas": 0, "metadata": null,
        "pause_until": "0001-01-01T00:00:00Z", "priority_groups": null, "priority_timeout": -1,
    }));
    assert_eq!(none, ConsumerConfig::new());
    for (field, value) in [
        ("num_replicas", json!(4_294_967_296_u64)),
        ("opt_start_seq", json!(-1)),
        ("max_ack_pending", json!(0.5)),
        ("pause_until", json!("next Tuesday")),
        ("pause_until", json!("99999-01-01T00:00:00Z")),
        ("backoff", json!([1e300])),
        ("deliver_policy", json!(7)),
    ] {
        serde_json::from_value::<ConsumerConfig>(json!({field: value})).expect_err(field);
    }
    let far = ConsumerConfig::new().pause_until(UNIX_EPOCH + Duration::from_secs(1 << 50));
    let end = json!("9999-12-31T23:59:59.999999999Z");
    assert_eq!(written(&far).get("pause_until"), Some(&end));
}

#[test]
fn a_percentage_is_read_with_and_without_its_sign() {
    for text in ["30%", "30"] {
        assert_eq!(read(json!({"sample_freq": text})).sample_percent, Some(30));
    }
    let config = ConsumerConfig::new().sample_percent(100);
    assert_eq!(written(&config).get("sample_freq"), Some(&json!("100%")));
}

#[test]
fn what_no_server_takes_is_said_with_what_to_do() {
    let new = ConsumerConfig::new;
    let push = || ConsumerConfig::new().deliver_subject("pushed");
    let second = Duration::from_secs(1);
    let group =
        |name: &str| new().priority_policy(PriorityPolicy::Overflow).priority_groups([name]);
    let excludes = |one: &str, two: &str| {
        format!("`{one}` and `{two}` exclude each other: leave one of them out")
    };
    let needs = |one: &str, two: &str| {
        format!("`{one}` needs `{two}`: set that as well, or leave `{one}` out")
    };
    let mut two_names = ConsumerConfig::durable("a");
    two_names.name = Some("b".to_owned());
    let named = "`priority_groups` has a value that no server takes: a group's name is 1 to 16 \
                 letters, digits and `/ _ = -`";
    for (config, said) in [
        (push().deliver_group("g").flow_control(true), excludes("deliver_group", "flow_control")),
        (
            push().deliver_group("g").idle_heartbeat(second),
            excludes("deliver_group", "idle_heartbeat"),
        ),
        (push().max_waiting(1), excludes("deliver_subject", "max_waiting")),
        (push().flow_control(true), needs("flow_control", "idle_heartbeat")),
        (new().flow_control(true), needs("flow_control", "deliver_subject")),
        (new().idle_heartbeat(second), needs("idle_heartbeat", "deliver_subject")),
        (new().rate_limit_bps(1), needs("rate_limit_bps", "deliver_subject")),
        (
            new().ack_policy(AckPolicy::FlowControl),
            needs("AckPolicy::FlowControl", "deliver_subject"),
        ),
        (
            push().ack_policy(AckPolicy::FlowControl).max_deliver(1),
            excludes("AckPolicy::FlowControl", "max_deliver"),
        ),
        (
            push().ack_policy(AckPolicy::None).max_ack_pending(1),
            excludes("max_ack_pending", "AckPolicy::None"),
        ),
        (
            new().deliver_policy(DeliverPolicy::LastPerSubject),
            needs("DeliverPolicy::LastPerSubject", "filter_subjects"),
        ),
        (
            new().deliver_policy(DeliverPolicy::FromSequence(0)),
            "`deliver_policy` has a value that no server takes: sequence numbers start with 1"
                .to_owned(),
        ),
        (
            new().backoff([second, second]).max_deliver(1),
            "`backoff` exceeds `max_deliver`: lower the one or raise the other".to_owned(),
        ),
        (new().priority_groups(["g"]), needs("priority_groups", "priority_policy")),
        (
            new().priority_policy(PriorityPolicy::Overflow),
            needs("priority_policy", "priority_groups"),
        ),
        (new().priority_timeout(second), needs("priority_timeout", "priority_policy")),
        (
            push().priority_policy(PriorityPolicy::Overflow).priority_groups(["g"]),
            excludes("deliver_subject", "priority_policy"),
        ),
        (group(""), named.to_owned()),
        (group("a.b"), named.to_owned()),
        (group("seventeen-letters"), named.to_owned()),
        (
            two_names,
            "`durable_name` has a value that no server takes: it has to be the same as `name`"
                .to_owned(),
        ),
        (ConsumerConfig::durable("a.b"), "a name in the configuration cannot be used".to_owned()),
        (
            new().filter_subjects(["a", ""]),
            "`filter_subjects` has a subject that cannot be used".to_owned(),
        ),
        (
            push().deliver_subject("a.*"),
            "`deliver_subject` has a subject that cannot be used".to_owned(),
        ),
    ] {
        assert_eq!(fault(&config), said);
    }
    for fine in [
        group("sixteen-letters_"),
        new().backoff([second, second]).max_deliver(2),
        new().backoff([second, second]),
        push().flow_control(true).idle_heartbeat(second),
        push().ack_policy(AckPolicy::None).max_ack_pending(u64::MAX),
    ] {
        fine.check().expect("a server takes it");
    }
    let error = ConsumerConfig::durable("").check().expect_err("no name");
    let ConfigError::Name(error) = error else { unreachable!("{error:?}") };
    assert_eq!(error.to_string(), "\"\" cannot be the name of a consumer: it is empty");
}
