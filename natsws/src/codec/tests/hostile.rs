//! What a peer may send to do harm: each is an error with a name, or means what the documentation
//! says.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::*;

const DEPTH: usize = 100_000;

#[derive(Debug, Deserialize)]
struct Id {
    id: u8,
}

/// Decodes where there is little stack: half of what a thread of tokio has would be enough to find
/// an overflow.
fn with_little_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(test);
    thread.expect("a thread").join().expect("it does not panic");
}

fn json_error<T: for<'m> Deserialize<'m>>(payload: impl AsRef<[u8]>) -> String {
    let error = decoded::<Json, T>(payload.as_ref()).map(drop).expect_err("it is refused");
    assert!(matches!(error, CodecError::Decode { content_type: "application/json", .. }));
    std::error::Error::source(&error).expect("it has a reason").to_string()
}

fn msgpack_error<T: for<'m> Deserialize<'m>>(payload: impl AsRef<[u8]>) -> String {
    let payload = payload.as_ref();
    let [named, compact] = [decoded::<MsgPack, T>(payload), decoded::<MsgPackCompact, T>(payload)]
        .map(|read| read.map(drop).expect_err("it is refused"));
    assert!(matches!(named, CodecError::Decode { content_type: "application/msgpack", .. }));
    let reason = std::error::Error::source(&named).expect("it has a reason").to_string();
    assert_eq!(compact.to_string(), named.to_string());
    reason
}

#[test]
fn json_that_is_nested_without_end_is_refused() {
    with_little_stack(|| {
        let deep = "[".repeat(DEPTH);
        assert_eq!(json_error::<Value>(&deep), "recursion limit exceeded at line 1 column 128");
        let deep = r#"{"branches":"#.repeat(DEPTH);
        assert!(json_error::<Value>(&deep).starts_with("recursion limit exceeded"));
        let deep = r#"{"branches":["#.repeat(DEPTH);
        assert!(json_error::<Tree>(&deep).starts_with("recursion limit exceeded"));
        // What nobody asked for is stepped over, however deep it is.
        let ignored = format!(r#"{{"x":{}{},"id":7}}"#, "[".repeat(DEPTH), "]".repeat(DEPTH));
        assert_eq!(decoded::<Json, Id>(ignored.as_bytes()).expect("it has an id").id, 7);
        // Down to 127 levels it is read.
        let deepest = format!("{}{}", "[".repeat(127), "]".repeat(127));
        decoded::<Json, Value>(deepest.as_bytes()).expect("it is not too deep");
    });
}

/// What can be in itself without an array or a map of its own.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "it is only read")]
enum Rule {
    Not(Box<Self>),
    Always,
}

#[test]
fn msgpack_that_is_nested_without_end_is_refused() {
    with_little_stack(|| {
        let deep = |levels: usize| [&vec![0x91; levels][..], &[0xc0]].concat();
        assert_eq!(msgpack_error::<Value>(deep(DEPTH)), "it is nested in 128 levels or more");
        assert_eq!(msgpack_error::<IgnoredAny>(deep(DEPTH)), "it is nested in 128 levels or more");
        let maps = [b"\x81\xa1a".repeat(DEPTH), vec![0xc0]].concat();
        assert_eq!(msgpack_error::<Value>(maps), "it is nested in 128 levels or more");
        // A tree in a tree, as the branches of each.
        let trees = [b"\x81\xa8branches\x91".repeat(DEPTH), vec![0x80]].concat();
        assert_eq!(msgpack_error::<Tree>(trees), "it is nested in 128 levels or more");
        // Variants in variants, which the decoder does not count.
        let rules = |levels| [b"\x81\xa3Not".repeat(levels), b"\xa6Always".to_vec()].concat();
        assert_eq!(msgpack_error::<Rule>(rules(DEPTH)), "it is nested in 128 levels or more");
        assert_eq!(msgpack_error::<Rule>(rules(128)), "it is nested in 128 levels or more");
        decoded::<MsgPack, Rule>(&rules(127)).expect("it is not too deep");
        // Many beside each other are not deep.
        let wide = [&[0xdc, 1, 0][..], &b"\x91\xc0".repeat(256)].concat();
        decoded::<MsgPack, Value>(&wide).expect("it is not too deep");
        // Down to 127 levels it is read, as with JSON.
        decoded::<MsgPack, Value>(&deep(127)).expect("it is not too deep");
        assert_eq!(msgpack_error::<Value>(deep(128)), "it is nested in 128 levels or more");
    });
}

#[test]
fn lengths_that_msgpack_declares_and_does_not_have_are_refused() {
    let short = "the payload is shorter than it says";
    for marker in [0xc6, 0xc9, 0xdb, 0xdd, 0xdf_u8] {
        for rest in [&b""[..], b"\0", b"\xc0\xc0\xc0\xc0"] {
            let payload = [&[marker, 255, 255, 255, 255], rest].concat();
            assert_eq!(msgpack_error::<Value>(&payload), short);
            assert_eq!(msgpack_error::<Vec<u64>>(&payload), short);
            assert_eq!(msgpack_error::<Vec<String>>(&payload), short);
            assert_eq!(msgpack_error::<HashMap<String, Value>>(&payload), short);
            assert_eq!(msgpack_error::<String>(&payload), short);
            assert_eq!(msgpack_error::<Tree>(&payload), short);
            assert_eq!(msgpack_error::<IgnoredAny>(&payload), short);
        }
    }
    assert_eq!(msgpack_error::<Value>(b"\xdc\xff\xff".repeat(1000)), short);
    assert_eq!(msgpack_error::<u8>(b"\x07\x07"), "something stands behind the value");
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    assert!(json_error::<String>(b"\"\xff\"").starts_with("invalid unicode code point"));
    assert!(json_error::<String>(br#""\ud800""#).contains("end of hex escape"));
    assert!(json_error::<Value>(b"{\"\xc3\x28\":1}").starts_with("invalid unicode code point"));
    assert!(msgpack_error::<String>(b"\xa1\xff").starts_with("string found to be invalid utf8"));
    let error = decoded::<Text, String>(b"\xff").expect_err("it is no text");
    assert!(matches!(error, CodecError::Decode { content_type: "text/plain", .. }));
    assert_eq!(decoded::<Raw, Vec<u8>>(b"\xff").expect("it is bytes"), b"\xff");
}

#[test]
fn numbers_that_json_does_not_have_are_written_as_null() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(encoded::<Json, _>(&number), "null");
        assert_eq!(decoded::<Json, Option<f64>>(b"null").expect("it is null"), None);
        assert_eq!(round_trip::<MsgPack, f64>(&number).to_bits(), number.to_bits());
        assert_eq!(round_trip::<MsgPackCompact, f64>(&number).to_bits(), number.to_bits());
    }
    assert!(json_error::<f64>("null").starts_with("invalid type: null"));
    for word in ["NaN", "nan", "Infinity"] {
        assert!(json_error::<f64>(word).starts_with("expected "), "{word}");
    }
    assert!(json_error::<f64>("-Infinity").starts_with("invalid number"));
    assert!(json_error::<f64>("1e999").starts_with("number out of range"));
    assert!(json_error::<u8>("256").starts_with("invalid value: integer `256`"));
    assert!(json_error::<u64>("-1").starts_with("invalid value: integer `-1`"));
}

#[test]
fn a_key_that_comes_twice_is_refused_by_a_struct_and_the_last_one_counts_in_a_map() {
    let twice = br#"{"id":1,"id":2}"#;
    assert!(json_error::<Id>(twice).starts_with("duplicate field `id`"));
    assert_eq!(decoded::<Json, Value>(twice).expect("it is a map"), json!({"id": 2}));
    let twice = b"\x82\xa2id\x01\xa2id\x02";
    assert_eq!(msgpack_error::<Id>(twice), "duplicate field `id`");
    assert_eq!(decoded::<MsgPack, Value>(twice).expect("it is a map"), json!({"id": 2}));
}

#[test]
fn a_variant_that_is_not_known_is_refused_by_name() {
    let expected = "unknown variant `New`, expected one of `Unit`, `Newtype`, `Tuple`, `Struct`";
    assert!(json_error::<Leaf>(r#""New""#).starts_with(expected));
    assert!(json_error::<Leaf>(r#"{"New":{"of":[1,2]}}"#).starts_with(expected));
    assert_eq!(msgpack_error::<Leaf>(b"\xa3New"), expected);
    assert_eq!(msgpack_error::<Leaf>(b"\x81\xa3New\x91\x01"), expected);
}
