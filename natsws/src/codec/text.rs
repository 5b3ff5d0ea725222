use std::error::Error;
use std::fmt::{Display, Write};
use std::str::{self, FromStr};

use bytes::BytesMut;

use super::{CodecError, ContentType, Decoder, Encoded, Encoder, essence};

/// Text through `Display` and `FromStr`: `text/plain`. Every other `text/…` is read as well.
///
/// ```
/// use natsws::bytes::BytesMut;
/// use natsws::codec::{Encoded, Encoder, Text};
///
/// let mut out = BytesMut::new();
/// Text::encode(&21.5, &mut out)?;
/// assert_eq!(&out[..], b"21.5");
/// let degrees: f64 = Encoded::new("", &out).decode_as::<Text, _>()?;
/// assert_eq!(degrees, 21.5);
/// # Ok::<(), natsws::CodecError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Text;

impl ContentType for Text {
    const CONTENT_TYPE: &'static str = "text/plain";

    fn accepts(content_type: &str) -> bool {
        let kind = essence(content_type).split('/').next().unwrap_or_default();
        kind.eq_ignore_ascii_case("text")
    }
}

impl<T: Display + ?Sized> Encoder<T> for Text {
    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError> {
        write!(out, "{value}").map_err(CodecError::encode::<Self>)
    }
}

impl<'m, T: FromStr> Decoder<'m, T> for Text
where
    T::Err: Into<Box<dyn Error + Send + Sync>>,
{
    fn decode(message: Encoded<'m>) -> Result<T, CodecError> {
        let text = str::from_utf8(message.payload()).map_err(CodecError::decode::<Self>)?;
        text.parse().map_err(CodecError::decode::<Self>)
    }
}
