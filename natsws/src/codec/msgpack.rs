use bytes::{BufMut, BytesMut};
use rmp_serde::Serializer;
use serde::{Deserialize, Serialize};

use super::{CodecError, ContentType, Decoder, Encoded, Encoder, essence};

/// MessagePack through `rmp-serde`, with field names: `application/msgpack`.
///
/// Structs are written as maps, so fields can be added without breaking older readers. An empty
/// payload is read as `nil`. What [`MsgPackCompact`] wrote is read as well.
#[derive(Debug, Clone, Copy)]
pub struct MsgPack;

/// MessagePack without field names: a struct is written as an array of its fields.
///
/// It is smaller than [`MsgPack`], and both read what the other wrote. But fields are found by
/// their order: new ones may only come last, with `#[serde(default)]`, and older readers refuse a
/// message that has more fields than they know.
#[derive(Debug, Clone, Copy)]
pub struct MsgPackCompact;

const CONTENT_TYPE: &str = "application/msgpack";
const NIL: u8 = 0xc0;

/// The names that MessagePack goes by.
fn is_msgpack(content_type: &str) -> bool {
    let names = [CONTENT_TYPE, "application/x-msgpack", "application/vnd.msgpack"];
    names.iter().any(|name| essence(content_type).eq_ignore_ascii_case(name))
}

fn from_payload<'m, T: Deserialize<'m>>(payload: &'m [u8]) -> Result<T, rmp_serde::decode::Error> {
    rmp_serde::from_slice(if payload.is_empty() { &[NIL] } else { payload })
}

impl ContentType for MsgPack {
    const CONTENT_TYPE: &'static str = CONTENT_TYPE;

    fn accepts(content_type: &str) -> bool {
        is_msgpack(content_type)
    }
}

impl<T: Serialize + ?Sized> Encoder<T> for MsgPack {
    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError> {
        let mut serializer = Serializer::new(out.writer()).with_struct_map();
        value.serialize(&mut serializer).map_err(CodecError::encode::<Self>)
    }
}

impl<'m, T: Deserialize<'m>> Decoder<'m, T> for MsgPack {
    fn decode(message: Encoded<'m>) -> Result<T, CodecError> {
        from_payload(message.payload()).map_err(CodecError::decode::<Self>)
    }
}

impl ContentType for MsgPackCompact {
    const CONTENT_TYPE: &'static str = CONTENT_TYPE;

    fn accepts(content_type: &str) -> bool {
        is_msgpack(content_type)
    }
}

impl<T: Serialize + ?Sized> Encoder<T> for MsgPackCompact {
    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError> {
        let mut serializer = Serializer::new(out.writer());
        value.serialize(&mut serializer).map_err(CodecError::encode::<Self>)
    }
}

impl<'m, T: Deserialize<'m>> Decoder<'m, T> for MsgPackCompact {
    fn decode(message: Encoded<'m>) -> Result<T, CodecError> {
        from_payload(message.payload()).map_err(CodecError::decode::<Self>)
    }
}
