use bytes::{Bytes, BytesMut};

use super::{CodecError, Decoder, Encoder};

/// The payload as it is, for types that are bytes: `application/octet-stream`.
///
/// ```
/// use natsws::bytes::{Bytes, BytesMut};
/// use natsws::codec::{Decoder, Encoder, Raw};
///
/// let mut out = BytesMut::new();
/// Raw::encode(&Bytes::from_static(b"abc"), &mut out)?;
/// let back: Bytes = Raw::decode(out.freeze())?;
/// assert_eq!(back, "abc");
/// # Ok::<(), natsws::CodecError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Raw;

impl<T: AsRef<[u8]> + ?Sized> Encoder<T> for Raw {
    const CONTENT_TYPE: &'static str = "application/octet-stream";

    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError> {
        out.extend_from_slice(value.as_ref());
        Ok(())
    }
}

impl<T: From<Bytes>> Decoder<T> for Raw {
    fn decode(payload: Bytes) -> Result<T, CodecError> {
        Ok(payload.into())
    }
}
