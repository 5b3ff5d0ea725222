//! What a message says it is, and who reads it then.

use super::*;

/// Whether a codec reads a message that says this of itself.
fn reads<C: ContentType>(content_type: &str) -> bool {
    let mut headers = Headers::new();
    headers.append("Content-Type", content_type).expect("a header value");
    // It takes a message of any payload, to see who would be asked to decode it.
    Encoded::new("", "").with_headers(&headers).decode_as::<Reading<C>, ()>().is_ok()
}

/// A codec that reads what `C` accepts, whatever it is.
struct Reading<C>(C);

impl<C: ContentType> ContentType for Reading<C> {
    const CONTENT_TYPE: &'static str = C::CONTENT_TYPE;
    const CONTENT_ENCODING: Option<&'static str> = C::CONTENT_ENCODING;

    fn accepts(content_type: &str) -> bool {
        C::accepts(content_type)
    }

    fn accepts_encoding(content_encoding: &str) -> bool {
        C::accepts_encoding(content_encoding)
    }
}

impl<C: ContentType> Decoder<'_, ()> for Reading<C> {
    fn decode(_message: Encoded<'_>) -> Result<(), CodecError> {
        Ok(())
    }
}

#[test]
fn each_codec_has_its_content_type() {
    fn of<C: ContentType>() -> (&'static str, Option<&'static str>) {
        (C::CONTENT_TYPE, C::CONTENT_ENCODING)
    }
    assert_eq!(of::<Json>(), ("application/json", None));
    assert_eq!(of::<MsgPack>(), ("application/msgpack", None));
    assert_eq!(of::<MsgPackCompact>(), ("application/msgpack", None));
    assert_eq!(of::<Text>(), ("text/plain", None));
    assert_eq!(of::<Raw>(), ("application/octet-stream", None));
    assert_eq!(of::<Compressed<Json>>(), ("application/json", Some("deflate")));
    assert_eq!(of::<Compressed<MsgPack, 10>>(), ("application/msgpack", Some("deflate")));
}

#[test]
fn case_and_parameters_of_a_content_type_do_not_count() {
    for json in [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=utf-8",
        "Application/JSON ; v=1",
        "text/json",
        "application/problem+json",
        "application/vnd.api+JSON; v=1",
    ] {
        assert!(
            reads::<Json>(json) && reads::<Compressed<Json>>(json) && reads::<Raw>(json),
            "{json}"
        );
        assert!(!reads::<MsgPack>(json) && !reads::<Compressed<MsgPack>>(json), "{json}");
    }
    for msgpack in ["application/msgpack", "application/x-MsgPack", "application/vnd.msgpack; v=1"]
    {
        assert!(reads::<MsgPack>(msgpack) && reads::<MsgPackCompact>(msgpack), "{msgpack}");
        assert!(!reads::<Json>(msgpack) && !reads::<Text>(msgpack), "{msgpack}");
    }
    for text in ["text/plain", "TEXT/csv", "text/plain; charset=utf-8"] {
        assert!(reads::<Text>(text) && !reads::<Json>(text) && !reads::<MsgPack>(text), "{text}");
    }
    for neither in ["json", "jsonish", "application/jsonx", "application/json5", ";", "/", "+"] {
        assert!(!reads::<Json>(neither) && !reads::<MsgPack>(neither), "{neither}");
    }
    assert!(reads::<Json>("") && reads::<MsgPack>(" "), "one that is empty says nothing");
}

#[test]
fn a_mismatch_names_both_content_types() {
    let headers = headers::<MsgPack>();
    let message = Encoded::new("a", "7").with_headers(&headers);
    let error = message.decode_as::<Json, u8>().expect_err("it says so");
    assert!(matches!(
        &error,
        CodecError::ContentType { expected: "application/json", found } if found == "application/msgpack"
    ));
    assert_eq!(
        error.to_string(),
        r#"the message is "application/msgpack", but application/json was expected"#
    );
    // Who writes no header is believed.
    assert_eq!(Encoded::new("a", "7").decode_as::<Json, u8>().expect("it is JSON"), 7);
}

#[test]
fn a_plain_codec_names_how_a_message_is_packed() {
    let packed = headers::<Compressed<Json>>();
    let message = Encoded::new("a", "7").with_headers(&packed);
    let error = message.decode_as::<Json, u8>().expect_err("it says that it is packed");
    assert!(matches!(
        &error,
        CodecError::ContentEncoding { expected: None, found } if found == "deflate"
    ));
    assert_eq!(error.to_string(), r#"the message is encoded as "deflate", but none was expected"#);

    let mut gzip = Headers::new();
    gzip.append("Content-Encoding", "gzip").expect("a header value");
    let message = Encoded::new("a", "7").with_headers(&gzip);
    let error = message.decode_as::<Compressed<Json>, u8>().expect_err("it is another packing");
    assert_eq!(error.to_string(), r#"the message is encoded as "gzip", but deflate was expected"#);

    let mut identity = Headers::new();
    identity.append("Content-Encoding", "Identity").expect("a header value");
    let message = Encoded::new("a", "7").with_headers(&identity);
    assert_eq!(message.decode_as::<Json, u8>().expect("it is not packed"), 7);
    assert_eq!(message.decode_as::<Compressed<Json>, u8>().expect("it is not packed"), 7);
}

#[test]
fn an_empty_payload_means_nothing() {
    assert_eq!(decoded::<Json, Option<u8>>(b"").expect("it is null"), None);
    assert_eq!(decoded::<MsgPack, Option<u8>>(b"").expect("it is nil"), None);
    assert_eq!(decoded::<MsgPackCompact, Option<u8>>(b"").expect("it is nil"), None);
    assert_eq!(decoded::<Text, String>(b"").expect("it is a text"), "");
    assert_eq!(decoded::<Raw, Vec<u8>>(b"").expect("it is bytes"), b"");
    // Nothing is not an encoding of something.
    decoded::<Json, u8>(b"").expect_err("null is no number");
    decoded::<MsgPack, u8>(b"").expect_err("nil is no number");
    decoded::<Text, u8>(b"").expect_err("nothing is no number");
    // What says that it is packed is a zlib stream, which is never empty.
    decoded::<Compressed<Json>, Option<u8>>(b"").expect_err("it is cut short");
    let plain = Encoded::new("a", "").decode_as::<Compressed<Json>, Option<u8>>();
    assert_eq!(plain.expect("it is null"), None);
}

/// A codec whose content type has a parameter.
struct Csv;

impl ContentType for Csv {
    const CONTENT_TYPE: &'static str = "text/csv; charset=utf-8";
}

#[test]
fn a_parameter_of_a_codec_s_own_does_not_count_either() {
    for csv in ["text/csv; charset=utf-8", "text/csv", "Text/CSV;charset=latin1"] {
        assert!(reads::<Csv>(csv), "{csv}");
    }
    assert!(!reads::<Csv>("text/plain; charset=utf-8"));
}

#[test]
fn a_value_borrows_from_the_message() {
    #[derive(Deserialize, Serialize)]
    struct Line<'a> {
        text: &'a str,
        #[serde(borrow)]
        bytes: Option<&'a [u8]>,
    }
    let line = Line { text: "hello", bytes: None };
    for payload in [encoded::<Json, _>(&line), encoded::<MsgPack, _>(&line)] {
        let message = Encoded::shared("a", &payload);
        let read: Line<'_> = message
            .decode_as::<MsgPack, _>()
            .unwrap_or_else(|_| message.decode_as::<Json, _>().expect("it is one of them"));
        assert_eq!((read.text, read.bytes), ("hello", None));
        assert!(payload.as_ptr_range().contains(&read.text.as_ptr()), "it is the same memory");
    }
    // An escape is not what the text says, so there is nothing to borrow.
    Encoded::new("a", r#"{"text":"a\nb"}"#)
        .decode_as::<Json, Line<'_>>()
        .map(drop)
        .expect_err("it");
    let raw = b"\x82\xa4text\xa1a\xa5bytes\xc4\x02\x01\x02";
    let read: Line<'_> = Encoded::new("a", raw).decode_as::<MsgPack, _>().expect("it reads");
    assert_eq!(read.bytes, Some(&[1, 2][..]));
    assert_eq!(read.bytes.map(<[u8]>::as_ptr), Some(raw[raw.len() - 2..].as_ptr()));
}
