use bytes::{BufMut, Bytes, BytesMut};
use rmp_serde::Serializer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{CodecError, Decoder, Encoder};

/// MessagePack through `rmp-serde`, with field names: `application/msgpack`.
///
/// Structs are written as maps, so fields can be added without breaking older readers. An empty
/// payload is read as `nil`.
#[derive(Debug, Clone, Copy)]
pub struct MsgPack;

const CONTENT_TYPE: &str = "application/msgpack";
const NIL: u8 = 0xc0;

impl<T: Serialize + ?Sized> Encoder<T> for MsgPack {
    const CONTENT_TYPE: &'static str = CONTENT_TYPE;

    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError> {
        let mut serializer = Serializer::new(out.writer()).with_struct_map();
        value.serialize(&mut serializer).map_err(|source| CodecError::encode(CONTENT_TYPE, source))
    }
}

impl<T: DeserializeOwned> Decoder<T> for MsgPack {
    fn decode(payload: Bytes) -> Result<T, CodecError> {
        let bytes: &[u8] = if payload.is_empty() { &[NIL] } else { &payload };
        rmp_serde::from_slice(bytes).map_err(|source| CodecError::decode(CONTENT_TYPE, source))
    }
}
