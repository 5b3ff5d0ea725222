use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use natsws::codec::Encoder;
use natsws::{Headers, ServiceError};

/// An answer on its way back through the layers: headers and an encoded payload.
#[derive(Debug, Clone)]
pub struct Response {
    headers: Headers,
    payload: Bytes,
    failed: bool,
}

impl Response {
    /// An answer with this payload and no headers.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self { headers: Headers::new(), payload: payload.into(), failed: false }
    }

    /// An error reply: the headers of ADR-32, and the error's body as the payload.
    pub fn error(error: &ServiceError) -> Self {
        Self { headers: error.to_headers(), payload: error.body().clone(), failed: true }
    }

    /// Encodes a reply, and says in its `Content-Type` how.
    pub(crate) fn encoded<C: Encoder<T>, T>(value: &T) -> Self {
        let mut payload = BytesMut::new();
        match C::encode(value, &mut payload) {
            Ok(()) => {
                let headers = content(C::CONTENT_TYPE, C::CONTENT_ENCODING);
                Self { headers, payload: payload.freeze(), failed: false }
            }
            Err(error) => {
                tracing::error!(%error, "a reply could not be encoded");
                Self::error(&ServiceError::new(500, "the reply could not be encoded"))
            }
        }
    }

    /// The headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The headers, to add to.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// The payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Whether this is an error reply.
    pub fn is_error(&self) -> bool {
        self.failed
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
