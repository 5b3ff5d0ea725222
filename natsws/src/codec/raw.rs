use bytes::{Bytes, BytesMut};

use super::{CodecError, ContentType, Decoder, Encoded, Encoder};

/// The payload as it is, for types that are bytes: `application/octet-stream`.
///
/// A message of any content type is read: it is bytes, whatever they mean.
///
/// ```
/// use natsws::bytes::{Bytes, BytesMut};
/// use natsws::codec::{Encoded, Encoder, Raw};
///
/// let mut out = BytesMut::new();
/// Raw::encode(&Bytes::from_static(b"abc"), &mut out)?;
/// let back: Bytes = Encoded::new("", &out).decode_as::<Raw, _>()?;
/// assert_eq!(back, "abc");
/// # Ok::<(), natsws::CodecError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Raw;

impl ContentType for Raw {
    const CONTENT_TYPE: &'static str = "application/octet-stream";

    fn accepts(_content_type: &str) -> bool {
        true
    }
}

impl<T: AsRef<[u8]> + ?Sized> Encoder<T> for Raw {
    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError> {
        out.extend_from_slice(value.as_ref());
        Ok(())
    }
}

impl<'m, T: From<Bytes>> Decoder<'m, T> for Raw {
    fn decode(message: Encoded<'m>) -> Result<T, CodecError> {
        Ok(message.payload_bytes().into())
    }
}
