use std::time::UNIX_EPOCH;

use super::*;

#[test]
fn a_consumer_that_nobody_uses_has_no_times() {
    // The answer of a server 2.15.1.
    let text = r#"{"ack_floor":{"consumer_seq":0,"stream_seq":0},"config":{"ack_policy":"explicit",
        "deliver_policy":"new","durable_name":"pinned","max_deliver":-1,"name":"pinned",
        "num_replicas":0,"replay_policy":"instant"},"created":"2026-11-30T01:51:34.862862648Z",
        "delivered":{"consumer_seq":0,"stream_seq":6},"name":"pinned","num_ack_pending":0,
        "num_pending":0,"num_redelivered":0,"num_waiting":0,
        "priority_groups":[{"group":"jobs","pinned_ts":"0001-01-01T00:00:00Z"}],
        "stream_name":"ORDERS","ts":"2026-11-30T01:51:34.865104396Z",
        "type":"io.nats.jetstream.api.v1.consumer_info_response"}"#;
    let info: ConsumerInfo = serde_json::from_str(text).expect("a consumer");
    let config =
        ConsumerConfig::durable("pinned").deliver_policy(crate::jetstream::DeliverPolicy::New);
    assert_eq!((info.stream.as_str(), info.name.as_str()), ("ORDERS", "pinned"));
    assert_eq!(info.config, config);
    assert_eq!(info.created, UNIX_EPOCH + Duration::new(1_796_003_494, 862_862_648));
    assert_eq!(info.delivered, SequenceInfo { stream_sequence: 6, ..Default::default() });
    let group = PriorityGroupState { group: "jobs".to_owned(), ..Default::default() };
    assert_eq!(info.priority_groups, [group]);
    assert_eq!((info.paused, info.pause_remaining), (false, None));
}

#[test]
fn negative_counts_are_an_error_and_what_is_missing_is_nothing() {
    let least = r#"{"stream_name":"S","name":"c","created":"1970-01-01T00:00:01Z"}"#;
    let info: ConsumerInfo = serde_json::from_str(least).expect("a consumer");
    assert_eq!((info.config, info.time, info.waiting), (ConsumerConfig::new(), None, 0));
    for field in ["num_pending", "num_ack_pending", "num_waiting", "num_redelivered"] {
        let text = least.replace('}', &format!(",\"{field}\":-1}}"));
        let error = serde_json::from_str::<ConsumerInfo>(&text).expect_err(field).to_string();
        assert!(error.starts_with("the number is negative or too large"), "{error}");
    }
}
