use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

use super::*;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Timed {
    #[serde(default, with = "some_rfc3339")]
    time: Option<SystemTime>,
}

fn read(text: &str) -> Result<Option<SystemTime>, String> {
    let timed = serde_json::from_value(json!({"time": text}));
    timed.map(|timed: Timed| timed.time).map_err(|error| error.to_string())
}

fn written(time: SystemTime) -> Value {
    let timed = serde_json::to_value(Timed { time: Some(time) }).expect("JSON");
    timed.get("time").expect("a time").clone()
}

#[test]
fn times_are_utc_with_nanoseconds() {
    let time = UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    assert_eq!(written(time), "2023-11-14T22:13:20.123456789Z");
    for text in [
        "2023-11-14T22:13:20.123456789Z",
        "2023-11-15T00:13:20.123456789+02:00",
        "2023-11-14T12:13:20.123456789-10:00",
    ] {
        assert_eq!(read(text), Ok(Some(time)));
    }
    assert_eq!(written(UNIX_EPOCH - Duration::from_millis(500)), "1969-12-31T23:59:59.5Z");
}

#[test]
fn the_zero_of_go_is_no_time() {
    for text in ["0001-01-01T00:00:00Z", "0001-01-01T01:00:00+01:00", ""] {
        assert_eq!(read(text), Ok(None));
    }
    assert_eq!(serde_json::from_str::<Timed>(r#"{"time":null}"#).expect("JSON").time, None);
}

#[test]
fn what_a_peer_says_of_time_is_never_a_panic() {
    for text in ["0000-01-01T00:00:00Z", "0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z"] {
        read(text).ok();
    }
    for text in ["soon", "2026-13-01T00:00:00Z", "99999-01-01T00:00:00Z", "2026-01-01"] {
        let error = read(text).expect_err(text);
        assert_eq!(error, "the time is not one of RFC 3339");
    }
    assert_eq!(rfc3339::at(i128::MAX), UNIX_EPOCH);
    assert_eq!(rfc3339::at(i128::MIN), UNIX_EPOCH);
}

#[test]
fn a_time_beyond_the_calendar_is_written_as_its_end() {
    let far = UNIX_EPOCH.checked_add(Duration::from_secs(1 << 60)).expect("a time");
    assert_eq!(written(far), "9999-12-31T23:59:59.999999999Z");
    // Not every clock goes that far back.
    if let Some(old) = UNIX_EPOCH.checked_sub(Duration::from_secs(1 << 60)) {
        assert_eq!(written(old), "0001-01-01T00:00:00Z");
    }
}

#[test]
fn bytes_are_base64() {
    #[derive(Deserialize)]
    struct Stored(#[serde(with = "base64")] Bytes);

    let Stored(read) = serde_json::from_value(json!("AP8xIGtn")).expect("bytes");
    assert_eq!(read, &b"\0\xff1 kg"[..]);
    let Stored(none) = serde_json::from_value(Value::Null).expect("no bytes");
    assert_eq!(none, Bytes::new());
    for text in ["AP8xIGt", "****", "AP8xIGtn="] {
        serde_json::from_value::<Stored>(json!(text)).err().expect(text);
    }
}

proptest! {
    #[test]
    fn every_text_is_a_time_or_an_error(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{0,20}[-+Z0-9:]{0,7}|.{0,30}") {
        read(&text).ok();
    }

    #[test]
    fn every_time_is_read_as_it_was_written(seconds in 0..253_402_300_800_u64, rest in 0..1_000_000_000_u32) {
        let time = UNIX_EPOCH + Duration::new(seconds, rest);
        let written = written(time);
        prop_assert_eq!(read(written.as_str().expect("text")), Ok(Some(time)));
    }
}
