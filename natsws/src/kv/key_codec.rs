//! Keys that are written otherwise than they are said.

use std::fmt;

use data_encoding::{BASE64_NOPAD, BASE64URL};

/// How the tokens of keys are written in a bucket: with one, keys may have characters that the
/// bucket itself does not allow.
///
/// The dots stay where they are, and so do the wildcards of filters, so that keys keep their order
/// and can be chosen by their first tokens.
///
/// ```
/// use natsws::kv::{Base64Keys, KeyCodec};
///
/// let written = Base64Keys.encode("größe");
/// assert_eq!(written, "Z3LDtsOfZQ==");
/// assert_eq!(Base64Keys.decode(&written).as_deref(), Some("größe"));
/// ```
pub trait KeyCodec: fmt::Debug + Send + Sync {
    /// What is written for a token. It must itself be a token of a key.
    fn encode(&self, token: &str) -> String;

    /// The token that was written so; `None` where this codec did not write it.
    fn decode(&self, written: &str) -> Option<String>;
}

/// Each token as Base64, with padding, as the JavaScript client writes them; with `-` in place of
/// `+`, which no key may have. Without padding and as the alphabet of URLs says it is read as well.
#[derive(Debug, Clone, Copy, Default)]
pub struct Base64Keys;

impl KeyCodec for Base64Keys {
    fn encode(&self, token: &str) -> String {
        BASE64URL.encode(token.as_bytes()).replace('_', "/")
    }

    fn decode(&self, written: &str) -> Option<String> {
        let plain = written.trim_end_matches('=').replace('-', "+").replace('_', "/");
        String::from_utf8(BASE64_NOPAD.decode(plain.as_bytes()).ok()?).ok()
    }
}

/// Writes every token but the wildcards, which are not for keys and are refused there before.
pub(super) fn encode(codec: &dyn KeyCodec, key: &str) -> String {
    let written = key.split('.').map(|token| match token {
        // A token that is missing is to be found missing.
        "" | "*" | ">" => token.to_owned(),
        token => codec.encode(token),
    });
    written.collect::<Vec<_>>().join(".")
}

/// Reads every token; `None` where the codec did not write one of them.
pub(super) fn decode(codec: &dyn KeyCodec, written: &str) -> Option<String> {
    let tokens: Option<Vec<_>> = written.split('.').map(|token| codec.decode(token)).collect();
    Some(tokens?.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_written_one_by_one_and_wildcards_left_alone() {
        assert_eq!(encode(&Base64Keys, "a.b.c"), "YQ==.Yg==.Yw==");
        assert_eq!(encode(&Base64Keys, "a.*.>"), "YQ==.*.>");
        assert_eq!(encode(&Base64Keys, "a..b"), "YQ==..Yg==");
        assert_eq!(decode(&Base64Keys, "YQ==.Yg==.Yw==").as_deref(), Some("a.b.c"));
    }

    #[test]
    fn any_text_comes_back_and_is_written_as_a_key() {
        for key in ["größe", "a b", "~~~???", "🦀.*x", "x>y", "\u{7f}\n"] {
            let written = encode(&Base64Keys, key);
            assert_eq!(super::super::key::check_key(&written), Ok(()), "{written}");
            assert_eq!(decode(&Base64Keys, &written).as_deref(), Some(key));
        }
    }

    #[test]
    fn other_ways_to_write_base64_are_read_too() {
        for written in ["fn5-Pz8_", "fn5+Pz8/", "fn5-Pz8/"] {
            assert_eq!(Base64Keys.decode(written).as_deref(), Some("~~~???"), "{written}");
        }
        assert_eq!(Base64Keys.decode("Yg").as_deref(), Some("b"));
        for written in ["!", "Y", "_w=="] {
            assert_eq!(Base64Keys.decode(written), None, "{written}");
        }
    }
}
