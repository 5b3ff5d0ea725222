mod lengths;

use bytes::{BufMut, BytesMut};
use rmp_serde::{Deserializer, Serializer};
use serde::{Deserialize, Serialize};

use super::{CodecError, ContentType, Decoder, Encoded, Encoder, essence};

/// MessagePack through `rmp-serde`, with field names: `application/msgpack`.
///
/// Structs are written as maps, so fields may be added: readers pass over those that they do not
/// know, and fill in those that are missing where they are an `Option` or have `#[serde(default)]`.
/// What [`MsgPackCompact`] wrote is read as well.
///
/// An empty payload is read as `nil`. Nesting of 128 levels and more is refused, as in JSON; so is a
/// payload that is shorter than it says, before anything is made of it.
///
/// ```
/// use natsws::bytes::BytesMut;
/// use natsws::codec::{Encoder, MsgPack, MsgPackCompact};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Door { id: u8 }
///
/// let (mut named, mut compact) = (BytesMut::new(), BytesMut::new());
/// MsgPack::encode(&Door { id: 7 }, &mut named)?;
/// MsgPackCompact::encode(&Door { id: 7 }, &mut compact)?;
/// assert_eq!((&named[..], &compact[..]), (&b"\x81\xa2id\x07"[..], &b"\x91\x07"[..]));
/// # Ok::<(), natsws::CodecError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct MsgPack;

/// MessagePack without field names: a struct is written as an array of its fields.
///
/// It is smaller than [`MsgPack`], and both read what the other wrote. But fields are found by
/// their order: new ones may only come last, with `#[serde(default)]` even where they are an
/// `Option`, and none may be left out with `skip_serializing_if`. Older readers refuse a message that
/// has more fields than they know, so they are updated first.
#[derive(Debug, Clone, Copy)]
pub struct MsgPackCompact;

const CONTENT_TYPE: &str = "application/msgpack";
const NIL: u8 = 0xc0;

/// The names that MessagePack goes by.
fn is_msgpack(content_type: &str) -> bool {
    let names = [CONTENT_TYPE, "application/x-msgpack", "application/vnd.msgpack"];
    names.iter().any(|name| essence(content_type).eq_ignore_ascii_case(name))
}

/// Nesting of so many levels is refused, as in JSON.
const MAX_DEPTH: usize = 128;

fn from_payload<'m, T, C>(payload: &'m [u8]) -> Result<T, CodecError>
where
    T: Deserialize<'m>,
    C: ContentType,
{
    let payload = if payload.is_empty() { &[NIL] } else { payload };
    lengths::check(payload).map_err(CodecError::decode::<C>)?;
    let mut deserializer = Deserializer::from_read_ref(payload);
    deserializer.set_max_depth(MAX_DEPTH);
    T::deserialize(&mut deserializer).map_err(CodecError::decode::<C>)
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
        from_payload::<T, Self>(message.payload())
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
        from_payload::<T, Self>(message.payload())
    }
}
