//! The names of streams and consumers.

use std::fmt;

use crate::subject::Shown;

/// The longest name that a server takes, in bytes.
const LONGEST: usize = 255;

/// A name that no stream or consumer can have.
///
/// A name becomes one token of a subject and one folder on a disk, so it has neither the dots and
/// wildcards of subjects, nor the slashes of paths, nor blanks or control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} cannot be the name of a {what}: {fault}", name = Shown(name))]
#[non_exhaustive]
pub struct NameError {
    /// What was to be named: `stream`, `consumer`.
    pub what: &'static str,
    /// The name as given.
    pub name: String,
    /// What is wrong with it.
    pub fault: NameFault,
}

impl NameError {
    pub(crate) fn new(what: &'static str, name: &str, fault: NameFault) -> Self {
        Self { what, name: name.to_owned(), fault }
    }
}

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameFault {
    /// It is the empty text.
    Empty,
    /// It has a character that no name may have.
    Character {
        /// The character.
        character: char,
        /// Its byte offset.
        at: usize,
    },
    /// It is longer than 255 bytes.
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::Character { character, at } => {
                write!(f, "it contains {character:?} at byte {at}")
            }
            Self::TooLong { len } => write!(f, "it has {len} bytes, at most {LONGEST} are allowed"),
        }
    }
}

/// Whether a server takes this as a name.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), NameError> {
    let bad = |c: char| matches!(c, '.' | '*' | '>' | '/' | '\\' | ' ') || c.is_control();
    let fault = match name.char_indices().find(|(_, character)| bad(*character)) {
        Some((at, character)) => NameFault::Character { character, at },
        None if name.is_empty() => NameFault::Empty,
        None if name.len() > LONGEST => NameFault::TooLong { len: name.len() },
        None => return Ok(()),
    };
    Err(NameError::new(what, name, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_subject_or_a_path_gives_a_meaning_to_is_in_no_name() {
        for character in ['.', '*', '>', '/', '\\', ' ', '\t', '\r', '\n', '\0', '\u{7f}'] {
            let name = format!("or{character}ders");
            let error = check_name("stream", &name).expect_err("no name");
            assert_eq!(error.fault, NameFault::Character { character, at: 2 });
            assert_eq!(
                error.to_string(),
                format!(
                    "{name:?} cannot be the name of a stream: it contains {character:?} at byte 2"
                )
            );
        }
    }

    #[test]
    fn a_name_is_neither_empty_nor_longer_than_a_file_name() {
        let error = check_name("consumer", "").expect_err("no name");
        assert_eq!(error.to_string(), "\"\" cannot be the name of a consumer: it is empty");
        assert_eq!(check_name("consumer", &"x".repeat(255)), Ok(()));
        let error = check_name("consumer", &"x".repeat(256)).expect_err("no name");
        assert_eq!(error.fault, NameFault::TooLong { len: 256 });
        assert!(error.to_string().ends_with("it has 256 bytes, at most 255 are allowed"));
        assert!(error.to_string().len() < 200, "{error}");
    }

    #[test]
    fn everything_else_is_a_name() {
        for name in ["ORDERS", "KV_config", "größe", "a-b=c$d", "{x}"] {
            assert_eq!(check_name("stream", name), Ok(()));
        }
    }
}
