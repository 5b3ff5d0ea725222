#![cfg(feature = "json")]

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};

use super::{CodecError, ContentType, Decoder, Encoded, Encoder, essence};

/// JSON through `serde_json`, the default: `application/json`.
///
/// An empty payload is read as `null`, because other clients publish "nothing" that way. Types that
/// are JSON too, such as `application/problem+json`, are read as well.
///
/// Fields may be added: readers pass over those that they do not know, and fill in those that are
/// missing where they are an `Option` or have `#[serde(default)]`. Numbers read back as they were,
/// to the last bit; NaN and the infinities, which JSON does not have, are written as `null`. Nesting
/// of 128 levels and more is refused.
///
/// ```
/// use natsws::codec::{Encoded, Json};
///
/// let floors: Vec<u8> = Encoded::new("", "[1, 2]").decode_as::<Json, _>()?;
/// assert_eq!(floors, [1, 2]);
/// let nothing: Option<u8> = Encoded::new("", "").decode_as::<Json, _>()?;
/// assert_eq!(nothing, None);
/// # Ok::<(), natsws::CodecError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl ContentType for Json {
    const CONTENT_TYPE: &'static str = "application/json";

    fn accepts(content_type: &str) -> bool {
        let essence = essence(content_type);
        let suffix = essence.rsplit(['/', '+']).next().unwrap_or_default();
        essence.contains('/') && suffix.eq_ignore_ascii_case("json")
    }
}

impl<T: Serialize + ?Sized> Encoder<T> for Json {
    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError> {
        serde_json::to_writer(out.writer(), value).map_err(CodecError::encode::<Self>)
    }
}

impl<'m, T: Deserialize<'m>> Decoder<'m, T> for Json {
    fn decode(message: Encoded<'m>) -> Result<T, CodecError> {
        let payload = message.payload();
        let text: &[u8] = if payload.is_empty() { b"null" } else { payload };
        serde_json::from_slice(text).map_err(CodecError::decode::<Self>)
    }
}
