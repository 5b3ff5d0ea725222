use std::time::{Duration, SystemTime};

use super::kind::AdvisoryAction;
use super::{Advisory, AdvisoryKind};
use crate::header::Headers;
use crate::msg::Msg;

fn read(payload: &str) -> Advisory {
    let subject = "$JS.EVENT.ADVISORY.X";
    Advisory::read(&Msg::local(subject, None, Headers::new(), payload).expect("valid"))
}

fn of_kind(kind: &str, fields: &str) -> Advisory {
    read(&format!(
        r#"{{"type":"io.nats.jetstream.{kind}","id":"i7","timestamp":"1970-01-01T00:00:01.5Z",{fields}}}"#
    ))
}

#[test]
fn an_advisory_has_an_id_a_time_a_domain_and_its_fields() {
    let advisory =
        of_kind("advisory.v1.stream_action", r#""stream":"S","action":"modify","domain":"hub""#);
    assert_eq!(advisory.id, "i7");
    assert_eq!(advisory.time, Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1500)));
    assert_eq!(advisory.domain.as_deref(), Some("hub"));
    let AdvisoryKind::StreamAction { stream, action } = advisory.kind else {
        panic!("{advisory:?}")
    };
    assert_eq!((stream.as_str(), action), ("S", AdvisoryAction::Modify));
}

#[test]
fn numbers_and_times_are_read_in_full() {
    let fields = r#""stream":"S","consumer":"C","consumer_seq":18446744073709551615,"stream_seq":3,"ack_time":1500000000,"deliveries":2"#;
    let advisory = of_kind("metric.v1.consumer_ack", fields);
    let AdvisoryKind::ConsumerAck { consumer_sequence, ack_time, deliveries, .. } = advisory.kind
    else {
        panic!("{advisory:?}")
    };
    assert_eq!((consumer_sequence, deliveries), (u64::MAX, 2));
    assert_eq!(ack_time, Duration::from_millis(1500));
}

#[test]
fn what_is_null_or_missing_or_unknown_does_no_harm() {
    let advisory = of_kind("advisory.v1.stream_quorum_lost", r#""replicas":null,"new":[1]"#);
    let AdvisoryKind::StreamQuorumLost { stream, replicas, .. } = advisory.kind else {
        panic!("{advisory:?}")
    };
    assert_eq!((stream.as_str(), replicas.len()), ("", 0));
}

#[test]
fn whatever_else_comes_is_handed_over_as_it_came() {
    let new = of_kind("advisory.v1.brand_new", r#""x":1"#);
    assert_eq!(new.id, "i7");
    let AdvisoryKind::Other { kind, json } = new.kind else { panic!("{new:?}") };
    assert_eq!(kind, "io.nats.jetstream.advisory.v1.brand_new");
    assert!(json.ends_with(r#""x":1}"#), "{json}");
    let wrong = of_kind("advisory.v1.max_deliver", r#""deliveries":"many""#);
    assert!(matches!(wrong.kind, AdvisoryKind::Other { .. }), "{wrong:?}");
    for garbage in ["", "7", "[]", "garbage", r#"{"type":7}"#, r#"{"type":"Other"}"#] {
        let advisory = read(garbage);
        assert!(matches!(&advisory.kind, AdvisoryKind::Other { json, .. } if json == garbage));
    }
}

#[test]
fn every_kind_of_the_server_is_known() {
    for kind in [
        "advisory.v1.api_audit",
        "advisory.v1.stream_action",
        "advisory.v1.consumer_action",
        "advisory.v1.consumer_pause",
        "metric.v1.consumer_ack",
        "advisory.v1.max_deliver",
        "advisory.v1.nak",
        "advisory.v1.terminated",
        "advisory.v1.snapshot_create",
        "advisory.v1.snapshot_complete",
        "advisory.v1.restore_create",
        "advisory.v1.restore_complete",
        "advisory.v1.domain_leader_elected",
        "advisory.v1.stream_leader_elected",
        "advisory.v1.stream_quorum_lost",
        "advisory.v1.stream_batch_abandoned",
        "advisory.v1.consumer_leader_elected",
        "advisory.v1.consumer_quorum_lost",
        "advisory.v1.consumer_group_pinned",
        "advisory.v1.consumer_group_unpinned",
        "advisory.v1.server_out_of_space",
        "advisory.v1.server_removed",
        "advisory.v1.api_limit_reached",
    ] {
        let advisory = of_kind(kind, r#""stream":"S""#);
        assert!(!matches!(advisory.kind, AdvisoryKind::Other { .. }), "{advisory:?}");
    }
}
