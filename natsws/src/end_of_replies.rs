//! The mark that ends many typed replies to one request.

use crate::header::Headers;
use crate::service_error::ServiceError;

/// Whether a reply is the mark behind the last of many typed replies: one with an empty payload and
/// no `Content-Type`, which is no error either.
///
/// A service sends it by answering with nothing at all, `msg.respond("")`. It cannot be mistaken for
/// a value that has an empty encoding, because every typed reply says its `Content-Type`; and other
/// clients understand it, as `nats req --wait-for-empty` does.
///
/// ```
/// use natsws::{Headers, is_end_of_replies};
///
/// let mut headers = Headers::new();
/// assert!(is_end_of_replies(&headers, b""));
/// headers.append("Content-Type", "text/plain")?;
/// assert!(!is_end_of_replies(&headers, b""), "it is an empty text");
/// # Ok::<(), natsws::HeaderError>(())
/// ```
pub fn is_end_of_replies(headers: &Headers, payload: &[u8]) -> bool {
    payload.is_empty()
        && !headers.contains("Content-Type")
        && !ServiceError::is_error_reply(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_the_mark_only_where_it_says_nothing() {
        let of = |name: &str| {
            let mut headers = Headers::new();
            headers.append(name, "1").expect("a valid header");
            headers
        };
        assert!(is_end_of_replies(&Headers::new(), b""));
        assert!(is_end_of_replies(&of("Trace"), b""));
        assert!(!is_end_of_replies(&Headers::new(), b"null"));
        for name in ["Content-Type", "Nats-Service-Error", "Nats-Service-Error-Code"] {
            assert!(!is_end_of_replies(&of(name), b""), "{name}");
        }
    }
}
