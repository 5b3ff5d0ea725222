use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use super::*;

/// What one key's value of an answer is.
type Edit = (&'static str, Value);

fn at(milliseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(milliseconds)
}

fn metadata() -> BTreeMap<String, String> {
    BTreeMap::from([("region".to_owned(), "eu".to_owned())])
}

fn json_of(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("it has JSON")
}

fn ping() -> ServicePing {
    let mut ping = ServicePing::new("orders", "A1", "1.0.0");
    ping.metadata = metadata();
    ping
}

fn info() -> ServiceInfo {
    let mut endpoint = EndpointInfo::new("get", "orders.*.get", "q");
    endpoint.metadata = BTreeMap::from([("format".to_owned(), "json".to_owned())]);
    let mut info = ServiceInfo::new("orders", "A1", "1.0.0");
    info.description = "takes orders".to_owned();
    info.metadata = metadata();
    info.endpoints = vec![endpoint];
    info
}

fn stats() -> ServiceStats {
    let mut endpoint = EndpointStats::new("get", "orders.*.get", "q");
    endpoint.num_requests = 3;
    endpoint.num_errors = 1;
    endpoint.last_error = Some("no such order".to_owned());
    endpoint.processing_time = Duration::new(4, 500_000_001);
    endpoint.average_processing_time = Duration::from_nanos(1_500_000_000);
    endpoint.data = Some(json!({ "open": 7 }));
    let mut stats = ServiceStats::new("orders", "A1", "1.0.0", at(1_767_323_045_678));
    stats.metadata = metadata();
    stats.endpoints = vec![endpoint];
    stats
}

#[test]
fn a_ping_is_written_as_adr_32_says() {
    assert_eq!(
        json_of(&ping()),
        r#"{"type":"io.nats.micro.v1.ping_response","name":"orders","id":"A1","version":"1.0.0","metadata":{"region":"eu"}}"#
    );
    assert_eq!(
        json_of(&ServicePing::new("orders", "A1", "1.0.0")),
        r#"{"type":"io.nats.micro.v1.ping_response","name":"orders","id":"A1","version":"1.0.0"}"#
    );
}

#[test]
fn an_info_is_written_as_adr_32_says() {
    assert_eq!(
        json_of(&info()),
        r#"{"type":"io.nats.micro.v1.info_response","name":"orders","id":"A1","version":"1.0.0","description":"takes orders","metadata":{"region":"eu"},"endpoints":[{"name":"get","subject":"orders.*.get","queue_group":"q","metadata":{"format":"json"}}]}"#
    );
    let mut bare = ServiceInfo::new("orders", "A1", "1.0.0");
    bare.endpoints = vec![EndpointInfo::new("get", "get", "")];
    assert_eq!(
        json_of(&bare),
        r#"{"type":"io.nats.micro.v1.info_response","name":"orders","id":"A1","version":"1.0.0","description":"","endpoints":[{"name":"get","subject":"get","queue_group":""}]}"#
    );
}

#[test]
fn stats_are_written_as_adr_32_says() {
    assert_eq!(
        json_of(&stats()),
        r#"{"type":"io.nats.micro.v1.stats_response","name":"orders","id":"A1","version":"1.0.0","started":"2026-01-02T03:04:05.678Z","metadata":{"region":"eu"},"endpoints":[{"name":"get","subject":"orders.*.get","queue_group":"q","num_requests":3,"num_errors":1,"last_error":"no such order","processing_time":4500000001,"average_processing_time":1500000000,"data":{"open":7}}]}"#
    );
    let mut bare = ServiceStats::new("orders", "A1", "1.0.0", at(0));
    bare.endpoints = vec![EndpointStats::new("get", "get", "q")];
    assert_eq!(
        json_of(&bare),
        r#"{"type":"io.nats.micro.v1.stats_response","name":"orders","id":"A1","version":"1.0.0","started":"1970-01-01T00:00:00.000Z","endpoints":[{"name":"get","subject":"get","queue_group":"q","num_requests":0,"num_errors":0,"last_error":"","processing_time":0,"average_processing_time":0}]}"#
    );
}

#[test]
fn what_was_written_is_read_as_it_was() {
    assert_eq!(serde_json::from_str::<ServicePing>(&json_of(&ping())).expect("a ping"), ping());
    assert_eq!(serde_json::from_str::<ServiceInfo>(&json_of(&info())).expect("an info"), info());
    assert_eq!(serde_json::from_str::<ServiceStats>(&json_of(&stats())).expect("stats"), stats());
}

#[test]
fn what_is_absent_null_or_unknown_is_no_fault() {
    let full = json!({
        "type": "io.nats.micro.v1.info_response", "name": "a", "id": "b", "version": "1.0.0",
    });
    let bare = ServiceInfo::new("a", "b", "1.0.0");
    let edits: [&[Edit]; 3] = [
        &[],
        &[("metadata", Value::Null), ("description", Value::Null), ("endpoints", Value::Null)],
        &[("later", json!({ "type": [1] })), ("queue", json!(1))],
    ];
    for edits in edits {
        let mut answer = full.clone();
        for (key, value) in edits {
            answer[*key] = value.clone();
        }
        assert_eq!(serde_json::from_value::<ServiceInfo>(answer).expect("an info"), bare);
    }
    let endpoints = [
        json!({ "name": "x", "subject": "y" }),
        json!({
            "name": "x", "subject": "y", "queue_group": null, "num_requests": null,
            "num_errors": null, "last_error": null, "processing_time": null,
            "average_processing_time": null, "data": null, "metadata": {},
        }),
    ];
    for endpoint in endpoints {
        let read: EndpointStats = serde_json::from_value(endpoint).expect("stats");
        assert_eq!(read, EndpointStats::new("x", "y", ""));
    }
}

#[test]
fn times_of_any_client_are_read() {
    let started = |text: &str| {
        let mut answer = serde_json::to_value(stats()).expect("it has JSON");
        answer["started"] = json!(text);
        serde_json::from_value::<ServiceStats>(answer).map(|stats| stats.started)
    };
    let same = at(1_767_323_045_678);
    for text in [
        "2026-01-02T03:04:05.678Z",
        "2026-01-02T03:04:05.678000000Z",
        "2026-01-02T03:04:05.678+00:00",
        "2026-01-02T05:04:05.678+02:00",
        "2026-01-01T21:34:05.678-05:30",
        "2026-01-02t03:04:05.678z",
    ] {
        assert_eq!(started(text).expect(text), same, "{text}");
    }
    let nanosecond = at(0) + Duration::from_nanos(1);
    assert_eq!(started("1970-01-01T00:00:00.000000001Z").expect("a time"), nanosecond);
    // Go's zero, of a service that has not started.
    let zero = started("0001-01-01T00:00:00Z").expect("a time");
    assert_eq!(zero, UNIX_EPOCH - Duration::from_secs(62_135_596_800));
    for text in [
        "",
        "yesterday",
        "2026-01-02",
        "2026-01-02T03:04:05.678",
        "2026-13-02T03:04:05Z",
        "2026-02-30T03:04:05Z",
        "99999-01-01T00:00:00Z",
        "2026-01-02T03:04:05.678+99:99",
        "２026-01-02T03:04:05Z",
    ] {
        let error = started(text).expect_err(text).to_string();
        assert_eq!(error, "the time is not one of RFC 3339", "{text}");
    }
}

#[test]
fn a_time_beyond_the_calendar_is_not_written() {
    for time in [at(253_402_300_800_000), UNIX_EPOCH - Duration::from_millis(1)] {
        let stats = ServiceStats::new("a", "b", "1.0.0", time);
        let error = serde_json::to_string(&stats).expect_err("no time of RFC 3339");
        assert_eq!(error.to_string(), "the time is not within 1970 to 9999");
    }
    let last = ServiceStats::new("a", "b", "1.0.0", at(253_402_300_799_999));
    assert!(json_of(&last).contains(r#""started":"9999-12-31T23:59:59.999Z""#));
    let fine = ServiceStats::new("a", "b", "1.0.0", at(1) + Duration::from_nanos(999_999));
    assert!(json_of(&fine).contains(r#""started":"1970-01-01T00:00:00.001Z""#));
}

#[test]
fn numbers_of_any_client_are_read() {
    let time = |nanoseconds: Value| {
        let endpoint = json!({ "name": "x", "subject": "y", "processing_time": nanoseconds });
        serde_json::from_value::<EndpointStats>(endpoint).map(|stats| stats.processing_time)
    };
    for (given, nanoseconds) in [
        (json!(0), 0),
        (json!(u64::MAX), u64::MAX),
        (json!(1_333_333.333_3), 1_333_333),
        // A clock that was set back.
        (json!(-5_000_000), 0),
        (json!(-1.5), 0),
    ] {
        let read = time(given.clone()).expect("a time");
        assert_eq!(read, Duration::from_nanos(nanoseconds), "{given}");
    }
    for given in [json!("1"), json!([1]), json!({}), json!(true), json!(1e300)] {
        assert!(time(given.clone()).is_err(), "{given}");
    }
    let mut long = EndpointStats::new("x", "y", "q");
    long.processing_time = Duration::MAX;
    assert!(json_of(&long).contains(r#""processing_time":18446744073709551615"#));
}

#[test]
fn what_is_no_answer_of_its_type_is_an_error() {
    let fault = |text: &str| serde_json::from_str::<ServicePing>(text).expect_err(text).to_string();
    assert_eq!(
        fault(r#"{"type":"io.nats.micro.v1.info_response","name":"a","id":"b","version":"1"}"#),
        "the type is not \"io.nats.micro.v1.ping_response\" at line 1 column 40"
    );
    assert_eq!(
        fault(r#"{"name":"a","id":"b","version":"1.0.0"}"#),
        "missing field `type` at line 1 column 39"
    );
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for text in [
        "",
        "null",
        "[]",
        "{",
        "\u{feff}{}",
        r#"{"type":7}"#,
        r#"{"type":"io.nats.micro.v1.ping_response","name":null,"id":"b","version":"1.0.0"}"#,
        r#"{"type":"io.nats.micro.v1.ping_response","name":"a","id":"b"}"#,
        r#"{"type":"io.nats.micro.v1.ping_response","name":"a","name":"b","id":"b","version":"1"}"#,
        r#"{"type":"io.nats.micro.v1.ping_response","name":"a","id":"b","version":"1","metadata":{"a":1}}"#,
        r#"{"type":"io.nats.micro.v1.ping_response","name":"a","id":"b","version":"1"} more"#,
        &nested,
        &format!(r#"{{"later":{nested}}}"#),
    ] {
        assert!(!fault(text).is_empty());
    }
    assert!(serde_json::from_slice::<ServicePing>(b"{\"name\":\"\xff\"}").is_err());
}
