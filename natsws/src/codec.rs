//! Codecs: how a value becomes a payload and a payload a value.

mod error_codec;
mod json;
#[cfg(feature = "msgpack")]
mod msgpack;
mod raw;
mod text;

use std::error::Error;

use bytes::{Bytes, BytesMut};

pub use error_codec::{AsIs, ErrorCodec};
#[cfg(feature = "json")]
pub use json::Json;
#[cfg(feature = "msgpack")]
pub use msgpack::MsgPack;
pub use raw::Raw;
pub use text::Text;

/// A value that could not be encoded, or a payload that could not be decoded.
#[derive(Debug, thiserror::Error)]
#[error("{action} as {content_type} failed", action = if *encoding { "encoding" } else { "decoding" })]
#[non_exhaustive]
pub struct CodecError {
    /// The content type of the codec.
    pub content_type: &'static str,
    encoding: bool,
    source: Box<dyn Error + Send + Sync>,
}

impl CodecError {
    /// The codec of `content_type` could not write a value.
    pub fn encode(
        content_type: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { content_type, encoding: true, source: source.into() }
    }

    /// The codec of `content_type` could not read a payload.
    pub fn decode(
        content_type: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { content_type, encoding: false, source: source.into() }
    }
}

/// The half of a codec that writes: all that publishing needs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot encode `{T}`",
    note = "`Json` and `MsgPack` need `serde::Serialize`, `Text` needs `Display`, `Raw` needs `AsRef<[u8]>`"
)]
pub trait Encoder<T: ?Sized> {
    /// What the `Content-Type` header says of payloads that this codec wrote.
    const CONTENT_TYPE: &'static str;

    /// Appends the value's encoding to `out`.
    ///
    /// # Errors
    /// [`CodecError`] where the value has no encoding; nothing is sent then.
    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError>;
}

/// The half of a codec that reads: all that subscribing needs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot decode `{T}`",
    note = "`Json` and `MsgPack` need `serde::Deserialize`, `Text` needs `FromStr`, `Raw` needs `From<Bytes>`"
)]
pub trait Decoder<T> {
    /// Reads a value out of a whole payload.
    ///
    /// # Errors
    /// [`CodecError`] where the payload is not an encoding of such a value.
    fn decode(payload: Bytes) -> Result<T, CodecError>;
}

/// A way to turn values of `T` into payloads and back.
///
/// It is implemented by whatever implements [`Encoder`] and [`Decoder`]; write those two.
pub trait Codec<T>: Encoder<T> + Decoder<T> {}

impl<T, C: Encoder<T> + Decoder<T>> Codec<T> for C {}
