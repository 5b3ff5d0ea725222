//! Codecs: how a value becomes a payload and a payload a value.
//!
//! A codec is a type that is named and never made: `codec = MsgPack` in `#[subject(…)]`. One of your
//! own implements [`ContentType`], [`Encoder`] and [`Decoder`]:
//!
//! ```
//! use natsws::CodecError;
//! use natsws::bytes::BytesMut;
//! use natsws::codec::{ContentType, Decoder, Encoded, Encoder};
//!
//! /// Numbers in network byte order.
//! struct BigEndian;
//!
//! impl ContentType for BigEndian {
//!     const CONTENT_TYPE: &'static str = "application/x-u32";
//! }
//!
//! impl Encoder<u32> for BigEndian {
//!     fn encode(value: &u32, out: &mut BytesMut) -> Result<(), CodecError> {
//!         out.extend_from_slice(&value.to_be_bytes());
//!         Ok(())
//!     }
//! }
//!
//! impl<'m> Decoder<'m, u32> for BigEndian {
//!     fn decode(message: Encoded<'m>) -> Result<u32, CodecError> {
//!         let bytes = message.payload().try_into();
//!         bytes.map(u32::from_be_bytes).map_err(|error| CodecError::decode::<Self>(error))
//!     }
//! }
//!
//! assert_eq!(Encoded::new("", &[0, 0, 1, 0]).decode_as::<BigEndian, u32>()?, 256);
//! # Ok::<(), CodecError>(())
//! ```
//!
//! Where a program gets messages of any type, a [`Registry`] finds the codec by the content type.

#[cfg(feature = "compressed")]
mod compressed;
mod encoded;
mod error_codec;
mod json;
#[cfg(feature = "msgpack")]
mod msgpack;
mod raw;
mod registry;
#[cfg(all(test, feature = "json", feature = "msgpack", feature = "compressed"))]
mod tests;
mod text;

use std::error::Error;

use bytes::BytesMut;

use crate::subject::Shown;

#[cfg(feature = "compressed")]
pub use compressed::Compressed;
pub use encoded::Encoded;
pub use error_codec::{AsIs, ErrorCodec};
#[cfg(feature = "json")]
pub use json::Json;
#[cfg(feature = "msgpack")]
pub use msgpack::{MsgPack, MsgPackCompact};
pub use raw::Raw;
pub use registry::Registry;
pub use text::Text;

/// A value that could not be encoded, or a payload that could not be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The value has no encoding.
    #[error("encoding as {content_type} failed")]
    Encode {
        /// The content type of the codec.
        content_type: &'static str,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The payload is not an encoding of such a value.
    #[error("decoding as {content_type} failed")]
    Decode {
        /// The content type of the codec.
        content_type: &'static str,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The message says that it is of another type. It was not decoded.
    #[error("the message is {found}, but {expected} was expected", found = Shown(found))]
    ContentType {
        /// The content type of the codec.
        expected: &'static str,
        /// What the header says.
        found: String,
    },
    /// The message says that its payload is packed in another way. It was not decoded.
    #[error(
        "the message is encoded as {found}, but {expected} was expected",
        found = Shown(found), expected = expected.unwrap_or("none")
    )]
    ContentEncoding {
        /// The content encoding of the codec, if it has one.
        expected: Option<&'static str>,
        /// What the header says.
        found: String,
    },
    /// The payload is packed, and unpacks to more than the codec reads.
    #[error("the payload unpacks to more than {max} bytes")]
    TooLarge {
        /// How much the codec reads, in bytes.
        max: usize,
    },
    /// No codec of a [`Registry`] is for this content type.
    #[error(
        "no codec is for {found}; there are those for {known}",
        found = Shown(found), known = known.join(", ")
    )]
    UnknownContentType {
        /// What the header says, or what was to be written.
        found: String,
        /// The content types of the registry.
        known: Vec<&'static str>,
    },
}

impl CodecError {
    /// The codec `C` could not write a value.
    pub fn encode<C: ContentType>(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Encode { content_type: C::CONTENT_TYPE, source: source.into() }
    }

    /// The codec `C` could not read a payload.
    pub fn decode<C: ContentType>(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Decode { content_type: C::CONTENT_TYPE, source: source.into() }
    }
}

/// What the headers of a message say about a codec's payloads.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a codec",
    note = "the codecs are `Json`, `MsgPack`, `MsgPackCompact`, `Raw`, `Text` and `Compressed<…>`; one of your own implements `ContentType`, `Encoder` and `Decoder`"
)]
pub trait ContentType {
    /// What the `Content-Type` header says, as in `application/json`.
    const CONTENT_TYPE: &'static str;
    /// What the `Content-Encoding` header says, where the payload is packed.
    const CONTENT_ENCODING: Option<&'static str> = None;

    /// Whether a message of this content type can be decoded. A message that names none always is.
    ///
    /// Unless a codec says otherwise it is its own type, in any case and with any parameters.
    fn accepts(content_type: &str) -> bool {
        essence(content_type).eq_ignore_ascii_case(essence(Self::CONTENT_TYPE))
    }

    /// Whether a message of this content encoding can be decoded.
    fn accepts_encoding(content_encoding: &str) -> bool {
        content_encoding.eq_ignore_ascii_case(Self::CONTENT_ENCODING.unwrap_or("identity"))
    }
}

/// A content type without its parameters: `text/plain` of `text/plain; charset=utf-8`.
fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim_ascii()
}

/// The half of a codec that writes: all that publishing needs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot encode `{T}`",
    note = "`Json` and `MsgPack` need `serde::Serialize`, `Text` needs `Display`, `Raw` needs `AsRef<[u8]>`; a codec of your own implements `Encoder<{T}>`"
)]
pub trait Encoder<T: ?Sized>: ContentType {
    /// Appends the value's encoding to `out`.
    ///
    /// # Errors
    /// [`CodecError`] where the value has no encoding; nothing is sent then.
    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError>;
}

/// The half of a codec that reads: all that subscribing needs.
///
/// A value may borrow from the message, as with `serde::Deserialize<'m>`; one that does not is
/// decoded from a message of any lifetime.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot decode `{T}`",
    note = "`Json` and `MsgPack` need `serde::Deserialize`, `Text` needs `FromStr`, `Raw` needs `From<Bytes>`; a codec of your own implements `Decoder<'_, {T}>`"
)]
pub trait Decoder<'m, T>: ContentType {
    /// Reads a value out of a whole payload.
    ///
    /// # Errors
    /// [`CodecError`] where the payload is not an encoding of such a value.
    fn decode(message: Encoded<'m>) -> Result<T, CodecError>;
}

/// A way to turn values of `T` into payloads and back.
///
/// It is implemented by whatever implements [`Encoder`] and [`Decoder`]; write those two.
pub trait Codec<T>: Encoder<T> + for<'m> Decoder<'m, T> {}

impl<T, C: Encoder<T> + for<'m> Decoder<'m, T>> Codec<T> for C {}
