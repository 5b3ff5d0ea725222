//! How a service tells its caller that a request failed (ADR-32).

use std::fmt;

use bytes::Bytes;

use crate::header::{HeaderError, Headers};
use crate::subject::Shown;

/// The header that carries the description of a service's error (ADR-32).
pub const ERROR_HEADER: &str = "Nats-Service-Error";
/// The header that carries the code of a service's error (ADR-32).
pub const ERROR_CODE_HEADER: &str = "Nats-Service-Error-Code";

/// A service's answer that a request failed: a code, a description, and where there is one the
/// encoded error itself.
///
/// On the wire it is a reply with the headers `Nats-Service-Error` and `Nats-Service-Error-Code`,
/// which every NATS client understands. It is one pointer wide, so that errors stay small.
///
/// Two of them are equal where code, description and body are: other headers of the reply do not
/// count.
#[derive(Clone)]
pub struct ServiceError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: u16,
    description: String,
    body: Bytes,
    headers: Headers,
}

impl PartialEq for ServiceError {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (&*self.0, &*other.0);
        one.code == two.code && one.description == two.description && one.body == two.body
    }
}

impl Eq for ServiceError {}

impl ServiceError {
    /// An error with a code in the manner of HTTP (`404`, `500`) and a description for people.
    pub fn new(code: u16, description: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            description: description.into(),
            body: Bytes::new(),
            headers: Headers::new(),
        }))
    }

    /// Adds the payload of the error reply, in place of one that it had.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.0.body = body.into();
        // They say what the other one was.
        self.0.headers = Headers::new();
        self
    }

    /// Says in the headers what the body is.
    pub(crate) fn with_content(mut self, kind: &str, encoding: Option<&str>) -> Self {
        self.0.headers.append_content(kind, encoding);
        self
    }

    /// The code, in the manner of HTTP.
    pub fn code(&self) -> u16 {
        self.0.code
    }

    /// The description for people.
    pub fn description(&self) -> &str {
        &self.0.description
    }

    /// The payload of the error reply; empty where the service sent none.
    pub fn body(&self) -> &Bytes {
        &self.0.body
    }

    /// The headers of the error reply: of a received one all, of one that is to be sent those that
    /// say what the body is.
    ///
    /// A received error that is passed on keeps what says what its body is, and nothing else.
    pub fn headers(&self) -> &Headers {
        &self.0.headers
    }

    /// Reads the error out of a reply; `None` where the reply is not an error.
    ///
    /// A code that is missing or not a number counts as 500: the other header already says that
    /// the request failed, and that must not get lost.
    pub fn from_reply(headers: &Headers, payload: &Bytes) -> Option<Self> {
        Self::from_parts(headers, || payload.clone())
    }

    /// Whether a reply with these headers is an error.
    pub(crate) fn is_error_reply(headers: &Headers) -> bool {
        !headers.is_empty()
            && (headers.contains(ERROR_HEADER) || headers.contains(ERROR_CODE_HEADER))
    }

    /// As [`from_reply`](Self::from_reply), with a payload that is made only where it is an error.
    pub(crate) fn from_parts(headers: &Headers, payload: impl FnOnce() -> Bytes) -> Option<Self> {
        if !Self::is_error_reply(headers) {
            return None;
        }
        let description = headers.get(ERROR_HEADER);
        let code = headers.get(ERROR_CODE_HEADER);
        let code = code.and_then(|code| code.trim().parse().ok()).unwrap_or(500);
        let mut error = Self::new(code, description.unwrap_or_default()).with_body(payload());
        error.0.headers = headers.clone();
        Some(error)
    }

    /// The headers of the error reply. What no header value may contain is made a blank, since an
    /// answer with a plain description is worth more than none.
    pub fn to_headers(&self) -> Headers {
        let plain: String =
            self.0.description.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut headers = Headers::new();
        let code = self.0.code.to_string();
        // Of one that was received and is passed on, the rest is between its service and us.
        let content = self.0.headers.iter().filter(|(name, _)| name.starts_with("Content-"));
        for (name, value) in content {
            // One that was received may have what must not be sent.
            let _: Result<(), HeaderError> = headers.append(name, value);
        }
        for (name, value) in [(ERROR_HEADER, plain.as_str()), (ERROR_CODE_HEADER, code.as_str())] {
            let added = headers.append(name, value);
            debug_assert!(added.is_ok(), "both names and both values are plain");
        }
        headers
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the service answered {}: {}", self.0.code, Shown(&self.0.description))
    }
}

impl fmt::Debug for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceError")
            .field("code", &self.0.code)
            .field("description", &self.0.description)
            .field("body_len", &self.0.body.len())
            .finish()
    }
}

impl std::error::Error for ServiceError {}
