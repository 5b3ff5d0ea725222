//! Any text as one token: `#[subject(with = natsws::escaped)]` on a field.
//!
//! A field's value is never changed to make it fit into a subject, unless its type says so here.
//! What no token may contain is written as `%` and two hexadecimal digits, as in an address on the
//! web, and so are `%` and all that is not ASCII; the empty text is written as `%`. Nothing is lost:
//! every text is read back as it was.
//!
//! ```
//! use natsws::Subject;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, Subject)]
//! #[subject("hosts.{name}.up")]
//! struct HostUp {
//!     #[subject(with = natsws::escaped)]
//!     name: String,
//! }
//!
//! let up = HostUp { name: "db.example.com".into() };
//! assert_eq!(up.subject()?, "hosts.db%2Eexample%2Ecom.up");
//! let (name,) = HostUp::capture("hosts.db%2Eexample%2Ecom.up")?;
//! assert_eq!(name, "db.example.com");
//! # Ok::<(), natsws::SubjectError>(())
//! ```

use std::str::Utf8Error;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

const SPECIAL: &AsciiSet = &CONTROLS.add(b' ').add(b'.').add(b'*').add(b'>').add(b'%');
const EMPTY: &str = "%";

/// A token that is not an escaped text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EscapeError {
    /// A `%` is not followed by two hexadecimal digits.
    #[error("a `%` at byte {at} is not followed by two hexadecimal digits")]
    Digits {
        /// The byte offset of the `%`.
        at: usize,
    },
    /// What was escaped is not text.
    #[error("what was escaped is not text")]
    NotText(#[source] Utf8Error),
}

/// Writes a text as one token.
pub fn to_token<T: AsRef<str> + ?Sized>(value: &T) -> String {
    match value.as_ref() {
        "" => EMPTY.to_owned(),
        text => utf8_percent_encode(text, SPECIAL).to_string(),
    }
}

/// Reads a text back from its token.
///
/// # Errors
/// [`EscapeError`] where the token is none that [`to_token`] could have written.
pub fn from_token<T: From<String>>(token: &str) -> Result<T, EscapeError> {
    if token == EMPTY {
        return Ok(String::new().into());
    }
    for (at, _) in token.match_indices('%') {
        let digits = token.as_bytes().get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(EscapeError::Digits { at });
        }
    }
    let text = percent_decode_str(token).decode_utf8().map_err(EscapeError::NotText)?;
    Ok(text.into_owned().into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(token: &str) -> Result<String, String> {
        from_token(token).map_err(|error| error.to_string())
    }

    #[test]
    fn what_no_token_may_contain_is_escaped() {
        for (text, token) in [
            ("plain-text_7", "plain-text_7"),
            ("a.b", "a%2Eb"),
            ("*>", "%2A%3E"),
            (" \t\r\n\0\u{7f}", "%20%09%0D%0A%00%7F"),
            ("100%", "100%25"),
            ("%", "%25"),
            ("é", "%C3%A9"),
            ("", "%"),
        ] {
            assert_eq!(to_token(text), token);
            assert_eq!(read(token).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_token_that_was_not_escaped_is_refused() {
        let fault =
            |at| Err(format!("a `%` at byte {at} is not followed by two hexadecimal digits"));
        for (token, at) in [("a%", 1), ("%2", 0), ("%2x", 0), ("a%25%zz", 4), ("%é", 0)] {
            assert_eq!(read(token), fault(at), "{token}");
        }
        assert_eq!(read("%ff"), Err("what was escaped is not text".to_owned()));
    }

    proptest! {
        #[test]
        fn every_text_is_one_token_and_read_back(text in ".{0,40}|[.*>% \\x00-\\x1f]{0,9}") {
            let token = to_token(&text);
            prop_assert_eq!(crate::subject::token_fault(&token), None);
            prop_assert_eq!(read(&token), Ok(text));
        }
    }
}
