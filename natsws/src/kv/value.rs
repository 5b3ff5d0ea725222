//! Values on their way into a bucket.

use bytes::{Bytes, BytesMut};

use crate::codec::{CodecError, ContentType, Encoder, Raw};
use crate::subject::SubjectError;
use crate::typed::{EncodeMessage, Subject, SubjectWriter};

/// What a bucket of `Self` takes as a value: a `Self`, and whatever has the same encoding, as a
/// `str` or a slice of bytes has in a bucket of bytes.
#[diagnostic::on_unimplemented(
    message = "a bucket of `{Self}` does not take a `{V}`",
    note = "`Bucket::typed` makes a bucket of another type of it"
)]
pub trait Stores<V: ?Sized> {}

impl<T> Stores<T> for T {}
impl Stores<str> for Bytes {}
impl Stores<String> for Bytes {}
impl Stores<[u8]> for Bytes {}
impl Stores<Vec<u8>> for Bytes {}
impl<const N: usize> Stores<[u8; N]> for Bytes {}
impl Stores<str> for String {}

/// A value that was encoded, or nothing, where a key is deleted.
pub(super) struct Outgoing {
    payload: Bytes,
    content_type: &'static str,
    content_encoding: Option<&'static str>,
}

impl Outgoing {
    pub(super) const NOTHING: Self =
        Self { payload: Bytes::new(), content_type: "", content_encoding: None };

    pub(super) fn new<V: ?Sized, C: Encoder<V>>(value: &V) -> Result<Self, CodecError> {
        let mut payload = BytesMut::new();
        C::encode(value, &mut payload)?;
        // Of plain bytes nobody knows what they mean, and they are to be read as any type.
        let is_raw = C::CONTENT_TYPE == Raw::CONTENT_TYPE;
        Ok(Self {
            payload: payload.freeze(),
            content_type: if is_raw { "" } else { C::CONTENT_TYPE },
            content_encoding: C::CONTENT_ENCODING,
        })
    }
}

/// Its subject is the key's, which is given apart.
impl Subject for Outgoing {
    const TEMPLATES: &'static [&'static str] = &[];
    const FILTERS: &'static [&'static str] = &[];

    fn write_subject(&self, _out: &mut SubjectWriter<'_>) -> Result<(), SubjectError> {
        Err(SubjectError::Empty)
    }
}

impl EncodeMessage for Outgoing {
    fn content_type(&self) -> &'static str {
        self.content_type
    }

    fn content_encoding(&self) -> Option<&'static str> {
        self.content_encoding
    }

    fn encode(&self, out: &mut BytesMut) -> Result<(), CodecError> {
        out.extend_from_slice(&self.payload);
        Ok(())
    }
}
