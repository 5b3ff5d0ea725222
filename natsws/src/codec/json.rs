#![cfg(feature = "json")]

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{CodecError, Decoder, Encoder};

/// JSON through `serde_json`, the default: `application/json`.
///
/// An empty payload is read as `null`, because other clients publish "nothing" that way. Nesting
/// deeper than 128 levels is refused.
#[derive(Debug, Clone, Copy)]
pub struct Json;

const CONTENT_TYPE: &str = "application/json";

impl<T: Serialize + ?Sized> Encoder<T> for Json {
    const CONTENT_TYPE: &'static str = CONTENT_TYPE;

    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError> {
        serde_json::to_writer(out.writer(), value)
            .map_err(|source| CodecError::encode(CONTENT_TYPE, source))
    }
}

impl<T: DeserializeOwned> Decoder<T> for Json {
    fn decode(payload: Bytes) -> Result<T, CodecError> {
        let text: &[u8] = if payload.is_empty() { b"null" } else { &payload };
        serde_json::from_slice(text).map_err(|source| CodecError::decode(CONTENT_TYPE, source))
    }
}
