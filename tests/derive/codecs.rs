use std::fmt::{self, Display};
use std::num::ParseFloatError;
use std::str::FromStr;

use natsws::bytes::{BufMut, Bytes, BytesMut};
use natsws::codec::{ContentType, Decoder, Encoded, Encoder};
use natsws::{CodecError, EncodeMessage, Subject};
use serde::{Deserialize, Serialize};

use crate::{decode, payload, round_trip};

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("a.{id}")]
struct Default {
    id: u64,
    name: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("a.{id}", codec = Json)]
struct AsJson {
    id: u64,
    name: String,
}

#[test]
fn json_is_the_default() {
    let message = Default { id: 7, name: "x".to_owned() };
    assert_eq!(message.content_type(), "application/json");
    assert_eq!(payload(&message), r#"{"id":7,"name":"x"}"#);
    assert_eq!(round_trip(&message), message);

    let declared = AsJson { id: 7, name: "x".to_owned() };
    assert_eq!(declared.content_type(), "application/json");
    assert_eq!(payload(&declared), payload(&message));
    assert_eq!(round_trip(&declared), declared);
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("a.{id}", codec = MsgPack)]
struct AsMsgPack {
    id: u64,
    name: String,
}

#[test]
fn msgpack_is_found_without_an_import() {
    let message = AsMsgPack { id: 7, name: "x".to_owned() };
    assert_eq!(message.content_type(), "application/msgpack");
    assert_eq!(payload(&message), &b"\x82\xa2id\x07\xa4name\xa1x"[..]);
    assert_eq!(round_trip(&message), message);
}

#[derive(Debug, PartialEq, Subject)]
#[subject("sensors.{sensor}", codec = Text)]
struct AsText {
    sensor: u8,
    degrees: f64,
}

impl Display for AsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.degrees)
    }
}

impl FromStr for AsText {
    type Err = ParseFloatError;

    fn from_str(text: &str) -> Result<Self, ParseFloatError> {
        text.parse().map(|degrees| Self { sensor: 0, degrees })
    }
}

#[test]
fn text_is_found_without_an_import() {
    let message = AsText { sensor: 3, degrees: 21.5 };
    assert_eq!(message.content_type(), "text/plain");
    assert_eq!(payload(&message), "21.5");
    assert_eq!(round_trip(&message), message);
}

#[derive(Debug, PartialEq, Subject)]
#[subject("frames.{camera}", codec = Raw)]
struct AsRaw {
    camera: String,
    frame: Bytes,
}

impl AsRef<[u8]> for AsRaw {
    fn as_ref(&self) -> &[u8] {
        &self.frame
    }
}

impl From<Bytes> for AsRaw {
    fn from(frame: Bytes) -> Self {
        Self { camera: String::new(), frame }
    }
}

#[test]
fn raw_is_found_without_an_import() {
    let message = AsRaw { camera: "door".to_owned(), frame: Bytes::from_static(b"\0\x01\xff") };
    assert_eq!(message.content_type(), "application/octet-stream");
    assert_eq!(payload(&message), &b"\0\x01\xff"[..]);
    assert_eq!(round_trip(&message), message);
}

mod wire {
    /// Shares its name with a built-in codec, and one byte in front tells them apart.
    #[derive(Debug)]
    pub(crate) struct Json;

    #[derive(Debug)]
    pub(crate) struct Marked<const MARK: u8, Inner>(std::marker::PhantomData<Inner>);
}

impl ContentType for wire::Json {
    const CONTENT_TYPE: &'static str = "application/x-own";
}

impl<T: Serialize> Encoder<T> for wire::Json {
    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError> {
        out.put_u8(b'!');
        natsws::codec::Json::encode(value, out)
    }
}

impl<const MARK: u8, Inner: ContentType> ContentType for wire::Marked<MARK, Inner> {
    const CONTENT_TYPE: &'static str = Inner::CONTENT_TYPE;
}

impl<T, const MARK: u8, Inner: Encoder<T>> Encoder<T> for wire::Marked<MARK, Inner> {
    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError> {
        out.put_u8(MARK);
        Inner::encode(value, out)
    }
}

impl<'m, T, const MARK: u8, Inner: for<'p> Decoder<'p, T>> Decoder<'m, T>
    for wire::Marked<MARK, Inner>
{
    fn decode(message: Encoded<'m>) -> Result<T, CodecError> {
        let inside = message.payload().get(1..).unwrap_or_default();
        Inner::decode(message.with_payload(inside))
    }
}

/// Can be published only: its codec has no other half.
#[derive(Serialize, Subject)]
#[subject("a", codec = wire::Json)]
struct Owned {
    id: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("a", codec = wire::Marked<b'?', wire::Marked<b'!', natsws::codec::Json>>)]
struct Marked {
    id: u64,
}

#[test]
fn a_codec_of_ones_own_is_any_path() {
    assert_eq!(Owned { id: 7 }.content_type(), "application/x-own");
    assert_eq!(payload(&Owned { id: 7 }), r#"!{"id":7}"#);
    assert_eq!(payload(&Marked { id: 7 }), r#"?!{"id":7}"#);
    assert_eq!(round_trip(&Marked { id: 7 }), Marked { id: 7 });
}

macro_rules! message {
    ($name:ident, $subject:literal, $codec:ty, $field:ident: $ty:ty) => {
        #[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
        #[subject($subject, codec = $codec)]
        struct $name {
            $field: $ty,
        }
    };
}

message!(FromMacro, "made.{id}", MsgPack, id: u64);

#[test]
fn a_macro_may_write_the_attribute() {
    let message = FromMacro { id: 7 };
    assert_eq!(message.subject().unwrap(), "made.7");
    assert_eq!(message.content_type(), "application/msgpack");
    assert_eq!(round_trip(&message), message);
}

#[test]
fn an_empty_payload_is_not_a_struct_with_fields() {
    let error = decode::<AsJson>("a.7", Bytes::new()).expect_err("there is no name");
    assert_eq!(error.to_string(), "the payload does not fit the message");
}
