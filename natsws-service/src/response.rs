use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use natsws::codec::Encoder;
use natsws::{Headers, MaybeSend, ServiceError};

/// An answer on its way back through the layers: headers, and a payload or a stream of answers.
pub struct Response {
    headers: Headers,
    body: Body,
    error: Option<ServiceError>,
    /// Whether the error is one that the request declares.
    is_declared: bool,
}

pub(crate) enum Body {
    Whole(Bytes),
    Parts(Parts),
}

/// The answers of a stream, each of which is sent by itself.
pub(crate) type Parts = Pin<Box<dyn PartStream>>;

/// The parts of an answer, of whatever type.
pub(crate) trait PartStream: Stream<Item = Response> + MaybeSend {}

impl<T: Stream<Item = Response> + MaybeSend> PartStream for T {}

/// The room that a reply is given before it is encoded: enough for most, so that it need not grow.
const FIRST: usize = 256;

impl Response {
    /// An answer with this payload and no headers.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self {
            headers: Headers::new(),
            body: Body::Whole(payload.into()),
            error: None,
            is_declared: false,
        }
    }

    /// An error reply: the headers of ADR-32, and the error's body as the payload.
    pub fn error(error: &ServiceError) -> Self {
        let body = Body::Whole(error.body().clone());
        Self { headers: error.to_headers(), body, error: Some(error.clone()), is_declared: false }
    }

    /// An answer in parts: each is sent as a reply of its own, and behind the last a mark that there
    /// are no more, which `request_many` knows. An error is the last part.
    pub fn stream(parts: impl Stream<Item = Self> + MaybeSend + 'static) -> Self {
        Self {
            headers: Headers::new(),
            body: Body::Parts(Box::pin(parts)),
            error: None,
            is_declared: false,
        }
    }

    /// Encodes a reply, and says in its `Content-Type` how.
    pub(crate) fn encoded<C: Encoder<T>, T>(value: &T) -> Self {
        let mut payload = BytesMut::with_capacity(FIRST);
        match C::encode(value, &mut payload) {
            Ok(()) => {
                let headers = content(C::CONTENT_TYPE, C::CONTENT_ENCODING);
                Self {
                    headers,
                    body: Body::Whole(payload.freeze()),
                    error: None,
                    is_declared: false,
                }
            }
            Err(error) => {
                tracing::error!(%error, "a reply could not be encoded");
                Self::error(&ServiceError::new(500, "the reply could not be encoded"))
            }
        }
    }

    /// The headers; of an answer in parts those that every part gets.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The headers, to add to.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// The payload; empty where the answer comes in parts.
    pub fn payload(&self) -> &[u8] {
        match &self.body {
            Body::Whole(payload) => payload,
            Body::Parts(_) => &[],
        }
    }

    /// Whether the answer comes in parts.
    pub fn is_stream(&self) -> bool {
        matches!(self.body, Body::Parts(_))
    }

    /// Whether this is an error reply.
    pub fn is_error(&self) -> bool {
        self.error.is_some()
    }

    /// Whether this is the error that the request declares, which callers are meant to see.
    pub fn is_declared_error(&self) -> bool {
        self.is_declared
    }

    /// The same as the error that the request declares.
    pub(crate) fn declared(mut self) -> Self {
        self.is_declared = true;
        self
    }

    /// The error, where this is an error reply.
    pub fn service_error(&self) -> Option<&ServiceError> {
        self.error.as_ref()
    }

    /// The same answer once more; `None` where it comes in parts, which come only once.
    pub fn try_clone(&self) -> Option<Self> {
        let Body::Whole(payload) = &self.body else { return None };
        let (headers, error) = (self.headers.clone(), self.error.clone());
        Some(Self {
            headers,
            body: Body::Whole(payload.clone()),
            error,
            is_declared: self.is_declared,
        })
    }

    /// Does this with every part of an answer, and with the answer itself where it is whole.
    #[must_use]
    pub fn map_parts(self, mut map: impl FnMut(Self) -> Self + Send + 'static) -> Self {
        match self.body {
            Body::Whole(_) => map(self),
            Body::Parts(parts) => {
                let body = Body::Parts(Box::pin(parts.map(map)));
                Self {
                    headers: self.headers,
                    body,
                    error: self.error,
                    is_declared: self.is_declared,
                }
            }
        }
    }

    /// Puts something around the parts of an answer; a whole one stays as it is.
    pub(crate) fn around_parts<P>(mut self, around: impl FnOnce(Parts) -> P) -> Self
    where
        P: Stream<Item = Self> + MaybeSend + 'static,
    {
        self.body = match self.body {
            Body::Parts(parts) => Body::Parts(Box::pin(around(parts))),
            whole @ Body::Whole(_) => whole,
        };
        self
    }

    /// The answers as they are sent: the parts with the headers of the whole, or the answer itself.
    pub fn into_stream(self) -> impl Stream<Item = Self> + MaybeSend {
        let Self { headers, body, error, is_declared } = self;
        let (whole, parts) = match body {
            Body::Whole(payload) => (
                Some(Self {
                    headers: Headers::new(),
                    body: Body::Whole(payload),
                    error,
                    is_declared,
                }),
                None,
            ),
            Body::Parts(parts) => (None, Some(parts)),
        };
        stream::iter(whole).chain(stream::iter(parts).flatten()).map(move |mut part| {
            part.headers.extend(&headers);
            part
        })
    }

    pub(crate) fn into_parts(self) -> (Headers, Body, Option<ServiceError>) {
        (self.headers, self.body, self.error)
    }
}

/// The payload is not shown: it may be a secret, and it may be long.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("headers", &self.headers)
            .field("payload_len", &self.payload().len())
            .field("is_stream", &self.is_stream())
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// The headers that say how a reply is encoded. Those of the last codec are kept, since most threads
/// see replies of one: a clone is a count, where making them is an allocation.
fn content(kind: &'static str, encoding: Option<&'static str>) -> Headers {
    type Content = (&'static str, Option<&'static str>);
    thread_local! {
        static LAST: RefCell<(Content, Headers)> = RefCell::new((("", None), Headers::new()));
    }
    LAST.with_borrow_mut(|(last, headers)| {
        if *last != (kind, encoding) {
            let mut made = Headers::new();
            let names = [("Content-Type", Some(kind)), ("Content-Encoding", encoding)];
            for (name, value) in names.into_iter().filter_map(|(name, value)| Some((name, value?)))
            {
                let added = made.append(name, value);
                debug_assert!(added.is_ok(), "a codec's names are plain text");
            }
            (*last, *headers) = ((kind, encoding), made);
        }
        headers.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_codec_s_content_type_is_its_own() {
        for kind in ["application/json", "text/plain", "text/plain", "application/json"] {
            let headers = content(kind, None);
            assert_eq!(headers.iter().collect::<Vec<_>>(), [("Content-Type", kind)]);
        }
    }
}
