//! A message before it is decoded: what decoders read.

use std::fmt;

use bytes::Bytes;

use super::{CodecError, Decoder};
use crate::delivery::Delivery;
use crate::header::Headers;
use crate::msg::Msg;

/// A message as it came, before it is decoded: subject, headers and payload.
///
/// It borrows all of them for `'m`, so passing it on costs nothing, and what is decoded from it may
/// borrow too.
///
/// ```
/// use natsws::codec::{Encoded, Json};
///
/// let message = Encoded::new("temperatures.hall", "[20.5,21.0]");
/// assert_eq!(message.subject(), "temperatures.hall");
/// let degrees: Vec<f64> = message.decode_as::<Json, _>()?;
/// assert_eq!(degrees, [20.5, 21.0]);
/// # Ok::<(), natsws::CodecError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Encoded<'m> {
    subject: &'m str,
    headers: Option<&'m Headers>,
    payload: Source<'m>,
}

#[derive(Clone, Copy)]
enum Source<'m> {
    Slice(&'m [u8]),
    Shared(&'m Bytes),
    /// The handle on its block is counted only by who keeps the payload.
    Delivery(&'m Delivery),
}

impl<'m> Encoded<'m> {
    /// A message without headers.
    pub fn new<P: AsRef<[u8]> + ?Sized>(subject: &'m str, payload: &'m P) -> Self {
        Self { subject, headers: None, payload: Source::Slice(payload.as_ref()) }
    }

    /// A message without headers, whose payload can be kept without a copy.
    pub fn shared(subject: &'m str, payload: &'m Bytes) -> Self {
        Self { subject, headers: None, payload: Source::Shared(payload) }
    }

    /// The same with these headers.
    #[must_use]
    pub fn with_headers(mut self, headers: &'m Headers) -> Self {
        self.headers = Some(headers);
        self
    }

    /// The same under another subject: for who takes a prefix off, or puts one before it.
    ///
    /// ```
    /// use natsws::codec::Encoded;
    ///
    /// let message = Encoded::new("staging.lamps.hall", "80");
    /// assert_eq!(message.with_subject("lamps.hall").subject(), "lamps.hall");
    /// ```
    #[must_use]
    pub fn with_subject<'p>(&self, subject: &'p str) -> Encoded<'p>
    where
        'm: 'p,
    {
        Encoded { subject, ..*self }
    }

    /// The same with another payload: for codecs that unpack one and leave the rest to another.
    #[must_use]
    pub fn with_payload<'p>(&self, payload: &'p [u8]) -> Encoded<'p>
    where
        'm: 'p,
    {
        Encoded { subject: self.subject, headers: self.headers, payload: Source::Slice(payload) }
    }

    /// The same with another payload that can be kept without a copy.
    #[cfg(feature = "compressed")]
    pub(super) fn with_shared<'p>(&self, payload: &'p Bytes) -> Encoded<'p>
    where
        'm: 'p,
    {
        Encoded { subject: self.subject, headers: self.headers, payload: Source::Shared(payload) }
    }

    /// The subject that the message was published to; empty for an error's body.
    pub fn subject(&self) -> &'m str {
        self.subject
    }

    /// The payload.
    pub fn payload(&self) -> &'m [u8] {
        match self.payload {
            Source::Slice(payload) => payload,
            Source::Shared(payload) => payload,
            Source::Delivery(delivery) => delivery.payload_bytes(),
        }
    }

    /// The payload to keep: without a copy where the message was received.
    pub fn payload_bytes(&self) -> Bytes {
        match self.payload {
            Source::Slice(payload) => Bytes::copy_from_slice(payload),
            Source::Shared(payload) => payload.clone(),
            Source::Delivery(delivery) => delivery.payload(),
        }
    }

    /// The headers, where the message has any.
    pub fn headers(&self) -> Option<&'m Headers> {
        self.headers
    }

    /// What the `Content-Type` header says.
    pub fn content_type(&self) -> Option<&'m str> {
        self.headers?.content().0
    }

    /// What the `Content-Encoding` header says.
    pub fn content_encoding(&self) -> Option<&'m str> {
        self.headers?.content().1
    }

    /// Decodes the payload, where the headers do not say that it is something else.
    ///
    /// A message without a `Content-Type` is decoded: other clients write none.
    ///
    /// # Errors
    /// [`CodecError::ContentType`] and [`CodecError::ContentEncoding`] where a header names another
    /// type or encoding than the codec's, otherwise what the codec says.
    pub fn decode_as<C: Decoder<'m, T>, T>(self) -> Result<T, CodecError> {
        if let Some(headers) = self.headers.filter(|headers| !headers.is_empty()) {
            let (content_type, encoding) = headers.content();
            if let Some(found) = content_type.filter(|found| !C::accepts(found)) {
                let expected = C::CONTENT_TYPE;
                return Err(CodecError::ContentType { expected, found: found.to_owned() });
            }
            if let Some(found) = encoding.filter(|found| !C::accepts_encoding(found)) {
                let expected = C::CONTENT_ENCODING;
                return Err(CodecError::ContentEncoding { expected, found: found.to_owned() });
            }
        }
        C::decode(self)
    }
}

impl<'m> From<&'m Msg> for Encoded<'m> {
    fn from(msg: &'m Msg) -> Self {
        let payload = Source::Delivery(msg.delivery());
        Self { subject: msg.subject(), headers: Some(msg.headers()), payload }
    }
}

/// The payload is not shown: it may be a secret, and it may be long.
impl fmt::Debug for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded")
            .field("subject", &self.subject)
            .field("payload_len", &self.payload().len())
            .finish_non_exhaustive()
    }
}
