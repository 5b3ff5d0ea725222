//! Codecs that are chosen while the program runs.

use serde_json::{Value, json};

use super::*;
use crate::codec::Registry;

/// Text as a JSON string: `Value` itself has another `Display`.
struct PlainText;

impl ContentType for PlainText {
    const CONTENT_TYPE: &'static str = Text::CONTENT_TYPE;

    fn accepts(content_type: &str) -> bool {
        Text::accepts(content_type)
    }
}

impl Encoder<Value> for PlainText {
    fn encode(value: &Value, out: &mut BytesMut) -> Result<(), CodecError> {
        let text = value.as_str().ok_or_else(|| CodecError::encode::<Self>("it is no text"))?;
        Text::encode(text, out)
    }
}

impl<'m> Decoder<'m, Value> for PlainText {
    fn decode(message: Encoded<'m>) -> Result<Value, CodecError> {
        <Text as Decoder<'m, String>>::decode(message).map(Value::String)
    }
}

fn registry() -> Registry<Value> {
    Registry::new::<Json>().with::<MsgPack>().with::<PlainText>().with::<Compressed<Json>>()
}

fn message(content: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in content {
        headers.append(name, value).expect("a header value");
    }
    headers
}

/// Headers and payload of a message, and what it is read as.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [u8], Value);

#[test]
fn the_content_type_of_a_message_says_who_reads_it() {
    let registry = registry();
    let packed = encoded::<Compressed<Json>, _>(&json!([7]));
    let cases: [Case<'_>; 8] = [
        (&[], b"[7]", json!([7])),
        (&[("Content-Type", "application/json; charset=utf-8")], b"[7]", json!([7])),
        (&[("Content-Type", "application/problem+json")], b"[7]", json!([7])),
        (&[("Content-Type", "application/x-msgpack")], b"\x91\x07", json!([7])),
        (&[("Content-Type", "text/csv")], b"[7]", json!("[7]")),
        (&[("Content-Encoding", "deflate")], &packed, json!([7])),
        (
            &[("Content-Encoding", "deflate"), ("Content-Type", "application/json")],
            &packed,
            json!([7]),
        ),
        (&[("Content-Encoding", "identity"), ("Content-Type", "text/plain")], b"7", json!("7")),
    ];
    for (content, payload, expected) in cases {
        let headers = message(content);
        let read = registry.decode(Encoded::new("a", payload).with_headers(&headers));
        assert_eq!(read.expect("it reads"), expected, "{content:?}");
    }
}

#[test]
fn what_no_codec_is_for_is_named_and_what_there_is() {
    let registry = registry();
    let headers = message(&[("Content-Type", "application/cbor")]);
    let error = registry.decode(Encoded::new("a", "x").with_headers(&headers)).expect_err("cbor");
    assert_eq!(
        error.to_string(),
        r#"no codec is for "application/cbor"; there are those for application/json, application/msgpack, text/plain, application/json"#
    );
    let error = registry.encode("application/cbor", &json!(7)).expect_err("cbor");
    assert!(matches!(
        error,
        CodecError::UnknownContentType { found, known } if found == "application/cbor" && known.len() == 4
    ));
    let headers = message(&[("Content-Type", "text/plain"), ("Content-Encoding", "gzip")]);
    let error = registry.decode(Encoded::new("a", "x").with_headers(&headers)).expect_err("gzip");
    assert!(
        matches!(error, CodecError::ContentEncoding { expected: None, found } if found == "gzip")
    );
}

#[test]
fn what_is_written_says_what_it_is() {
    let registry = registry();
    for (asked, name, payload) in [
        ("application/json", "application/json", &b"\"x\""[..]),
        ("Application/MsgPack; v=1", "application/msgpack", b"\xa1x"),
        ("text/plain; charset=utf-8", "text/plain", b"x"),
    ] {
        let (headers, written) = registry.encode(asked, &json!("x")).expect("it is known");
        assert!(headers.iter().eq([("Content-Type", name)]), "{asked}");
        assert_eq!(written, payload);
    }
    registry.encode("application/problem+json", &json!("x")).expect_err("it would be another type");
    registry.encode("text/plain", &json!(7)).expect_err("the codec says no");
    let packing = Registry::<Value>::new::<Compressed<Json>>();
    let (headers, payload) = packing.encode("application/json", &json!("x")).expect("it is known");
    let content = [("Content-Type", "application/json"), ("Content-Encoding", "deflate")];
    assert!(headers.iter().eq(content));
    let read = packing.decode(Encoded::new("a", &payload).with_headers(&headers));
    assert_eq!(read.expect("it reads back"), json!("x"));
}

#[test]
fn any_type_of_value_will_do_and_threads_share_it() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    let registry = Registry::<Vec<u8>>::new::<Json>().with::<Raw>();
    shared(&registry);
    shared(&Registry::<std::rc::Rc<str>>::new::<Unread>());
    let headers = message(&[("Content-Type", "image/png")]);
    let read = registry.decode(Encoded::new("a", "[1]").with_headers(&headers));
    assert_eq!(read.expect("it is bytes"), b"[1]");
    assert_eq!(registry.decode(Encoded::new("a", "[1]")).expect("it is JSON"), [1]);
    assert_eq!(format!("{registry:?}"), r#"["application/json", "application/octet-stream"]"#);
}

/// For a type that no thread may share.
struct Unread;

impl ContentType for Unread {
    const CONTENT_TYPE: &'static str = "x/y";
}

impl<T> Encoder<T> for Unread {
    fn encode(_value: &T, _out: &mut BytesMut) -> Result<(), CodecError> {
        Ok(())
    }
}

impl<T> Decoder<'_, T> for Unread {
    fn decode(_message: Encoded<'_>) -> Result<T, CodecError> {
        Err(CodecError::decode::<Self>("it is not read"))
    }
}
