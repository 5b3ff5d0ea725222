use std::error::Error;
use std::fmt::{Display, Write};
use std::str::{self, FromStr};

use bytes::{Bytes, BytesMut};

use super::{CodecError, Decoder, Encoder};

/// Text through `Display` and `FromStr`: `text/plain`.
///
/// ```
/// use natsws::bytes::{Bytes, BytesMut};
/// use natsws::codec::{Decoder, Encoder, Text};
///
/// let mut out = BytesMut::new();
/// Text::encode(&21.5, &mut out)?;
/// assert_eq!(&out[..], b"21.5");
/// let degrees: f64 = Text::decode(out.freeze())?;
/// assert_eq!(degrees, 21.5);
/// # Ok::<(), natsws::CodecError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Text;

const CONTENT_TYPE: &str = "text/plain";

impl<T: Display + ?Sized> Encoder<T> for Text {
    const CONTENT_TYPE: &'static str = CONTENT_TYPE;

    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError> {
        write!(out, "{value}").map_err(|source| CodecError::encode(CONTENT_TYPE, source))
    }
}

impl<T: FromStr> Decoder<T> for Text
where
    T::Err: Into<Box<dyn Error + Send + Sync>>,
{
    fn decode(payload: Bytes) -> Result<T, CodecError> {
        let text =
            str::from_utf8(&payload).map_err(|source| CodecError::decode(CONTENT_TYPE, source))?;
        text.parse().map_err(|source: T::Err| CodecError::decode(CONTENT_TYPE, source))
    }
}
