//! The names of buckets, the keys in them, and the filters that choose among keys.

use std::fmt;

use crate::jetstream::{NameError, NameFault};
use crate::subject::Shown;

/// A text that cannot be a key, or cannot choose keys.
///
/// A key is one or more tokens with dots between them, as a subject is. In the tokens are letters
/// and digits of ASCII, and `-`, `_`, `=` and `/` (ADR-8). What chooses keys may have `*` in place
/// of a token, and `>` in place of the last ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} cannot be used as a key: {fault}", key = Shown(key))]
#[non_exhaustive]
pub struct KeyError {
    /// The key as given.
    pub key: String,
    /// What is wrong with it.
    pub fault: KeyFault,
}

/// What is wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFault {
    /// It is the empty text.
    Empty,
    /// It starts or ends with a dot, or has two in a row.
    EmptyToken {
        /// The byte offset of the token that is missing.
        at: usize,
    },
    /// It has a character that no key may have.
    Character {
        /// The character.
        character: char,
        /// Its byte offset.
        at: usize,
    },
    /// It has a wildcard where none may stand: in a key, or as part of a token.
    Wildcard {
        /// `*` or `>`.
        wildcard: char,
        /// Its byte offset.
        at: usize,
    },
    /// It stands in the bucket, and the bucket's [`KeyCodec`](super::KeyCodec) cannot read it.
    Foreign,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::EmptyToken { at } => write!(f, "a token is missing at byte {at}"),
            Self::Character { character, at } => write!(
                f,
                "it contains {character:?} at byte {at}; letters, digits and `-_=/.` are allowed"
            ),
            Self::Wildcard { wildcard, at } => {
                write!(f, "it has a wildcard `{wildcard}` at byte {at}, where none may stand")
            }
            Self::Foreign => f.write_str("the key codec cannot read it"),
        }
    }
}

impl KeyError {
    pub(super) fn new(key: &str, fault: KeyFault) -> Self {
        Self { key: key.to_owned(), fault }
    }
}

/// Whether a value can stand under this key.
pub(super) fn check_key(key: &str) -> Result<(), KeyError> {
    check(key, false)
}

/// Whether this chooses keys: a key, which may have wildcards.
pub(super) fn check_filter(filter: &str) -> Result<(), KeyError> {
    check(filter, true)
}

fn check(key: &str, wildcards: bool) -> Result<(), KeyError> {
    match find_fault(key, wildcards) {
        Some(fault) => Err(KeyError::new(key, fault)),
        None => Ok(()),
    }
}

fn find_fault(key: &str, wildcards: bool) -> Option<KeyFault> {
    if key.is_empty() {
        return Some(KeyFault::Empty);
    }
    let mut start = 0;
    for token in key.split('.') {
        let is_last = start + token.len() == key.len();
        match token {
            "" => return Some(KeyFault::EmptyToken { at: start }),
            "*" if wildcards => {}
            ">" if wildcards && is_last => {}
            token => {
                if let Some((at, character)) = token.char_indices().find(|(_, c)| !is_plain(*c)) {
                    let at = start + at;
                    return Some(match character {
                        '*' | '>' => KeyFault::Wildcard { wildcard: character, at },
                        character => KeyFault::Character { character, at },
                    });
                }
            }
        }
        start += token.len() + 1;
    }
    None
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '=' | '/')
}

/// Whether a bucket can have this name: letters and digits of ASCII, `-` and `_`.
pub(super) fn check_bucket(name: &str) -> Result<(), NameError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let fault = match name.char_indices().find(|(_, character)| !plain(*character)) {
        Some((at, character)) => NameFault::Character { character, at },
        None if name.is_empty() => NameFault::Empty,
        None => return Ok(()),
    };
    Err(NameError::new("bucket", name, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_fault(key: &str) -> KeyFault {
        check_key(key).expect_err(key).fault
    }

    #[test]
    fn keys_are_tokens_of_plain_characters() {
        for key in ["foo", "_foo", "-foo", "_kv_foo", "foo123", "123", "a/b/c", "a.b.c", "a=", "="]
        {
            assert_eq!(check_key(key), Ok(()), "{key}");
        }
    }

    #[test]
    fn a_bad_key_is_told_with_what_is_wrong_and_where() {
        for (key, fault) in [
            ("", KeyFault::Empty),
            (".", KeyFault::EmptyToken { at: 0 }),
            (".foo", KeyFault::EmptyToken { at: 0 }),
            ("foo.", KeyFault::EmptyToken { at: 4 }),
            ("a..b", KeyFault::EmptyToken { at: 2 }),
            (" x y", KeyFault::Character { character: ' ', at: 0 }),
            ("a.b c", KeyFault::Character { character: ' ', at: 3 }),
            ("foo!", KeyFault::Character { character: '!', at: 3 }),
            ("größe", KeyFault::Character { character: 'ö', at: 2 }),
            ("a\r\nb", KeyFault::Character { character: '\r', at: 1 }),
            ("$a", KeyFault::Character { character: '$', at: 0 }),
            ("foo.*", KeyFault::Wildcard { wildcard: '*', at: 4 }),
            ("foo*", KeyFault::Wildcard { wildcard: '*', at: 3 }),
            ("foo.>", KeyFault::Wildcard { wildcard: '>', at: 4 }),
            ("*", KeyFault::Wildcard { wildcard: '*', at: 0 }),
            (">", KeyFault::Wildcard { wildcard: '>', at: 0 }),
        ] {
            assert_eq!(key_fault(key), fault, "{key}");
        }
        assert_eq!(
            check_key("a b").expect_err("bad").to_string(),
            "\"a b\" cannot be used as a key: it contains ' ' at byte 1; \
             letters, digits and `-_=/.` are allowed"
        );
    }

    #[test]
    fn filters_may_have_wildcards_as_whole_tokens() {
        for filter in ["foo", "*", ">", "a.*.c", "a.>", "*.*", "*.>"] {
            assert_eq!(check_filter(filter), Ok(()), "{filter}");
        }
        for (filter, fault) in [
            ("", KeyFault::Empty),
            ("a*", KeyFault::Wildcard { wildcard: '*', at: 1 }),
            ("a.>.b", KeyFault::Wildcard { wildcard: '>', at: 2 }),
            (">.a", KeyFault::Wildcard { wildcard: '>', at: 0 }),
            (">>", KeyFault::Wildcard { wildcard: '>', at: 0 }),
            ("a..>", KeyFault::EmptyToken { at: 2 }),
            ("a b", KeyFault::Character { character: ' ', at: 1 }),
        ] {
            assert_eq!(check_filter(filter).expect_err(filter).fault, fault, "{filter}");
        }
    }

    #[test]
    fn buckets_have_names_without_dots_and_slashes() {
        for name in ["settings", "A-b_c", "123", "_", "-"] {
            assert_eq!(check_bucket(name), Ok(()), "{name}");
        }
        for (name, fault) in [
            ("", NameFault::Empty),
            ("a.b", NameFault::Character { character: '.', at: 1 }),
            ("a b", NameFault::Character { character: ' ', at: 1 }),
            ("a/b", NameFault::Character { character: '/', at: 1 }),
            ("b*", NameFault::Character { character: '*', at: 1 }),
            (">", NameFault::Character { character: '>', at: 0 }),
            ("größe", NameFault::Character { character: 'ö', at: 2 }),
        ] {
            assert_eq!(check_bucket(name).expect_err(name).fault, fault, "{name}");
        }
    }
}
