//! Values on their way into a bucket.

use bytes::{Bytes, BytesMut};

use crate::codec::{CodecError, ContentType, Encoder, Raw};

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
#[derive(Default)]
pub(super) struct Outgoing {
    pub(super) payload: Bytes,
    pub(super) content_type: Option<&'static str>,
    pub(super) content_encoding: Option<&'static str>,
}

impl Outgoing {
    pub(super) fn new<V: ?Sized, C: Encoder<V>>(value: &V) -> Result<Self, CodecError> {
        let mut payload = BytesMut::new();
        C::encode(value, &mut payload)?;
        // Of plain bytes nobody knows what they mean, and they are to be read as any type.
        let is_raw = C::CONTENT_TYPE == Raw::CONTENT_TYPE;
        Ok(Self {
            payload: payload.freeze(),
            content_type: (!is_raw).then_some(C::CONTENT_TYPE),
            content_encoding: C::CONTENT_ENCODING,
        })
    }
}
