//! Subjects: what may be published to, what may be subscribed to, and how the two match.
//!
//! The server drops some bad subjects without a word (`a..b`) and reads others as something else
//! (`a b` is a subject and a reply), so every subject is checked here before a byte is sent.

use std::borrow::Borrow;
use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// The longest subject that is accepted, in bytes.
///
/// The server closes a connection whose control line is longer than 4096 bytes (its default
/// `max_control_line`); this leaves room for the verb, a reply subject and the sizes.
pub const MAX_SUBJECT_LEN: usize = 2048;

/// A subject that cannot be used, with what is wrong in it and where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// The subject (or queue group) is the empty string.
    #[error("the subject is empty")]
    Empty,
    /// Two dots in a row, or a dot at the start or the end.
    #[error("subject {subject} has an empty token at byte {at}", subject = Shown(subject))]
    EmptyToken {
        /// The subject as given.
        subject: String,
        /// The byte offset of the empty token.
        at: usize,
    },
    /// A blank or a control character of ASCII, which would end the subject on the wire.
    #[error("subject {subject} has the character {character:?} at byte {at}, which no subject may contain", subject = Shown(subject))]
    Character {
        /// The subject as given.
        subject: String,
        /// The character that is not allowed.
        character: char,
        /// Its byte offset.
        at: usize,
    },
    /// A wildcard where none may stand: in a publish, or as part of a token.
    #[error("subject {subject} has a wildcard `{wildcard}` at byte {at}, where none may stand", subject = Shown(subject))]
    Wildcard {
        /// The subject as given.
        subject: String,
        /// `*` or `>`.
        wildcard: char,
        /// Its byte offset.
        at: usize,
    },
    /// Longer than [`MAX_SUBJECT_LEN`].
    #[error("the subject has {len} bytes, at most {max} are allowed")]
    TooLong {
        /// The length in bytes.
        len: usize,
        /// The longest length allowed.
        max: usize,
    },
    /// A field's value cannot be one token of a subject.
    #[error("field `{field}` cannot be a subject token: {fault}, in {value}", value = Shown(value))]
    Token {
        /// The field named by the placeholder.
        field: &'static str,
        /// The value as it would have been written.
        value: String,
        /// What is wrong with it.
        fault: TokenFault,
    },
    /// A received subject does not have the shape of the type's template.
    #[error("subject {subject} does not match the template `{template}`", subject = Shown(subject))]
    Mismatch {
        /// The subject that was received.
        subject: String,
        /// The template of the type.
        template: &'static str,
    },
    /// A received subject has the shape of none of the type's templates.
    #[error("subject {subject} matches none of the templates {templates}", subject = Shown(subject), templates = Listed(templates))]
    Unknown {
        /// The subject that was received.
        subject: String,
        /// The templates of the type.
        templates: &'static [&'static str],
    },
    /// The payload is another variant of the type than its subject says.
    #[error("the payload is not of the variant that subject {subject} stands for", subject = Shown(subject))]
    Variant {
        /// The subject that was received.
        subject: String,
    },
    /// A token of a received subject is not a value of the field's type.
    #[error("token {token} of the subject is not a value for field `{field}`", token = Shown(token))]
    Parse {
        /// The field named by the placeholder.
        field: &'static str,
        /// The token as received.
        token: String,
        /// Why it is not a value of the field's type.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// What keeps a value from being one token of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenFault {
    /// The value is the empty string.
    Empty,
    /// The value contains `.`, which would make two tokens of it.
    Separator,
    /// The value contains `*` or `>`.
    Wildcard,
    /// The value contains a blank or a control character.
    Character(char),
    /// The value's own formatting failed.
    Format,
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::Separator => f.write_str("it contains `.`"),
            Self::Wildcard => f.write_str("it contains a wildcard"),
            Self::Character(character) => write!(f, "it contains {character:?}"),
            Self::Format => f.write_str("it could not be formatted"),
        }
    }
}

/// Foreign text in a message for people: quoted, control characters escaped, and cut to a length
/// that a log line bears.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 80;
        match self.0.char_indices().nth(LONGEST) {
            None => write!(f, "{:?}", self.0),
            Some((cut, _)) => {
                write!(f, "{:?}… ({} bytes)", self.0.get(..cut).unwrap_or_default(), self.0.len())
            }
        }
    }
}

/// Templates in a message for people.
struct Listed<'a>(&'a [&'static str]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, template) in self.0.iter().enumerate() {
            write!(f, "{}`{template}`", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// A checked subject that messages can be published to: no wildcards, no blanks, no empty tokens.
///
/// ```
/// use natsws::SubjectBuf;
///
/// let subject: SubjectBuf = "orders.eu.created".parse()?;
/// assert_eq!(&*subject, "orders.eu.created");
/// assert!("orders.*.created".parse::<SubjectBuf>().is_err());
/// # Ok::<(), natsws::SubjectError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectBuf(String);

impl SubjectBuf {
    /// Takes a text whose tokens were each checked while it was written.
    pub(crate) fn from_checked(subject: String) -> Self {
        Self(subject)
    }

    /// The subject as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text itself, without a copy.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Deref for SubjectBuf {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for SubjectBuf {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for SubjectBuf {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SubjectBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for SubjectBuf {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for SubjectBuf {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl FromStr for SubjectBuf {
    type Err = SubjectError;

    fn from_str(subject: &str) -> Result<Self, SubjectError> {
        check_subject(subject)?;
        Ok(Self(subject.to_owned()))
    }
}

impl TryFrom<String> for SubjectBuf {
    type Error = SubjectError;

    fn try_from(subject: String) -> Result<Self, SubjectError> {
        check_subject(&subject)?;
        Ok(Self(subject))
    }
}

impl From<SubjectBuf> for String {
    fn from(subject: SubjectBuf) -> Self {
        subject.0
    }
}

/// What a byte means to a subject. Bytes above 127 are parts of characters and are plain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    Dot,
    Wildcard,
    Forbidden,
}

/// Every blank and control character is forbidden: the server ends a subject at a blank, and
/// the others only ever get there by accident or by attack.
const fn class(byte: u8) -> Class {
    match byte {
        b'.' => Class::Dot,
        b'*' | b'>' => Class::Wildcard,
        0..=b' ' | 0x7f => Class::Forbidden,
        _ => Class::Plain,
    }
}

/// Checks a subject for publishing: tokens separated by dots, none empty, no wildcards.
pub(crate) fn check_subject(subject: &str) -> Result<(), SubjectError> {
    check(subject, false)
}

/// Checks a subject for subscribing: as for publishing, but `*` may be a token and `>` the last.
pub(crate) fn check_filter(filter: &str) -> Result<(), SubjectError> {
    check(filter, true)
}

/// Checks a queue group's name, which stands where a subject stands on the wire.
pub(crate) fn check_queue_group(name: &str) -> Result<(), SubjectError> {
    check_subject(name)
}

#[inline]
fn check(subject: &str, wildcards: bool) -> Result<(), SubjectError> {
    if is_plain(subject) { Ok(()) } else { find_fault(subject, wildcards) }
}

/// Whether nothing of a subject needs a second look, as in most there is nothing. Every message
/// that is published goes through it, so it looks at 16 bytes at a time.
fn is_plain(subject: &str) -> bool {
    let len = subject.len();
    if len > LONGEST_PLAIN {
        return false;
    }
    // Between two dots, an empty token is two dots in a row wherever it stands.
    let mut between = [b'-'; 1 + LONGEST_PLAIN + 1 + WINDOW];
    between[0] = b'.';
    between[1..=len].copy_from_slice(subject.as_bytes());
    between[len + 1] = b'.';
    let windows = between.chunks_exact(WINDOW).zip(between[1..].chunks_exact(WINDOW));
    windows.take(len / WINDOW + 1).all(|(bytes, next)| is_plain_window(bytes, next))
}

const WINDOW: usize = 16;
/// Longer subjects are rare, and go through the loop that finds faults.
const LONGEST_PLAIN: usize = 4 * WINDOW - 2;

/// Without branches, so that it is compiled to a few instructions for all bytes at once.
#[expect(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch")]
#[inline]
fn is_plain_window(bytes: &[u8], next: &[u8]) -> bool {
    let fault = bytes.iter().zip(next).fold(false, |fault, (&byte, &next)| {
        fault
            | (byte <= b' ')
            | (byte == 0x7f)
            | (byte == b'*')
            | (byte == b'>')
            | ((byte == b'.') & (next == b'.'))
    });
    !fault
}

fn find_fault(subject: &str, wildcards: bool) -> Result<(), SubjectError> {
    if subject.is_empty() {
        return Err(SubjectError::Empty);
    }
    if subject.len() > MAX_SUBJECT_LEN {
        return Err(SubjectError::TooLong { len: subject.len(), max: MAX_SUBJECT_LEN });
    }
    let bytes = subject.as_bytes();
    let mut token = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        match class(byte) {
            Class::Plain => {}
            Class::Dot if at == token => return Err(empty_token(subject, at)),
            Class::Dot => token = at + 1,
            Class::Wildcard if wildcards && stands_alone(bytes, token, at) => {}
            Class::Wildcard => {
                let wildcard = char::from(byte);
                return Err(SubjectError::Wildcard { subject: subject.to_owned(), wildcard, at });
            }
            Class::Forbidden => {
                let character = char::from(byte);
                return Err(SubjectError::Character { subject: subject.to_owned(), character, at });
            }
        }
    }
    if token == bytes.len() { Err(empty_token(subject, token)) } else { Ok(()) }
}

/// Whether the wildcard at `at` is a whole token, and for `>` also the last one.
fn stands_alone(bytes: &[u8], token: usize, at: usize) -> bool {
    at == token
        && match bytes.get(at + 1) {
            None => true,
            Some(b'.') => bytes.get(at) == Some(&b'*'),
            Some(_) => false,
        }
}

fn empty_token(subject: &str, at: usize) -> SubjectError {
    SubjectError::EmptyToken { subject: subject.to_owned(), at }
}

/// Says what keeps `value` from being one token, if anything does.
pub(crate) fn token_fault(value: &str) -> Option<TokenFault> {
    if value.is_empty() {
        return Some(TokenFault::Empty);
    }
    value.bytes().find_map(|byte| match class(byte) {
        Class::Plain => None,
        Class::Dot => Some(TokenFault::Separator),
        Class::Wildcard => Some(TokenFault::Wildcard),
        Class::Forbidden => Some(TokenFault::Character(char::from(byte))),
    })
}

/// Says whether a subject falls under a filter with `*` and `>` wildcards, as the server would.
///
/// ```
/// assert!(natsws::subject_matches("orders.*.created", "orders.eu.created"));
/// assert!(natsws::subject_matches("orders.>", "orders.eu.created"));
/// assert!(!natsws::subject_matches("orders.>", "orders"));
/// ```
pub fn subject_matches(filter: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for pattern in filter.split('.') {
        match (pattern, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (literal, Some(token)) if literal == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<(), SubjectError>) -> String {
        result.expect_err("this subject is wrong").to_string()
    }

    #[test]
    fn plain_subjects_are_accepted_for_publishing_and_subscribing() {
        for subject in ["a", "a.b", "orders.eu.created", "$SYS.x", "_INBOX.a", "é.ü", "a-b_c:d"] {
            assert!(check_subject(subject).is_ok(), "{subject}");
            assert!(check_filter(subject).is_ok(), "{subject}");
        }
    }

    #[test]
    fn wildcards_are_accepted_as_whole_tokens_of_a_filter_only() {
        for filter in ["*", ">", "a.*", "a.>", "*.*", "*.a.>", "a.*.b"] {
            assert!(check_filter(filter).is_ok(), "{filter}");
            assert!(check_subject(filter).is_err(), "{filter}");
        }
        for filter in ["a*", "*a", "a.>.b", ">>", "a>b", "**", ">.a", "a.b*"] {
            assert!(check_filter(filter).is_err(), "{filter}");
        }
    }

    #[test]
    fn each_fault_is_named_with_its_place() {
        assert_eq!(message(check_subject("")), "the subject is empty");
        assert_eq!(message(check_subject("a..b")), "subject \"a..b\" has an empty token at byte 2");
        assert_eq!(message(check_subject(".a")), "subject \".a\" has an empty token at byte 0");
        assert_eq!(message(check_subject("a.")), "subject \"a.\" has an empty token at byte 2");
        assert_eq!(
            message(check_subject("a b")),
            "subject \"a b\" has the character ' ' at byte 1, which no subject may contain"
        );
        assert_eq!(
            message(check_subject("a\r\nPUB x 0\r\n")),
            "subject \"a\\r\\nPUB x 0\\r\\n\" has the character '\\r' at byte 1, which no subject may contain"
        );
        assert_eq!(
            message(check_subject("a.*")),
            "subject \"a.*\" has a wildcard `*` at byte 2, where none may stand"
        );
        assert_eq!(
            message(check_subject(&"x".repeat(3000))),
            "the subject has 3000 bytes, at most 2048 are allowed"
        );
    }

    #[test]
    fn a_fault_is_found_wherever_it_stands() {
        for len in 1..=LONGEST_PLAIN {
            for at in 0..len {
                for byte in 0..0x80 {
                    let mut bytes = vec![b'a'; len];
                    bytes[at] = byte;
                    let subject = String::from_utf8(bytes).expect("ASCII");
                    let expected = find_fault(&subject, false).is_ok();
                    assert_eq!(is_plain(&subject), expected, "{subject:?}");
                }
                let dots = format!("{}..{}", "a".repeat(at + 1), "b".repeat(len - at));
                assert!(!is_plain(&dots), "{dots}");
                let umlauts = format!("{}é.ü{}", "a".repeat(at), "b".repeat(len - at));
                assert_eq!(is_plain(&umlauts), umlauts.len() <= LONGEST_PLAIN, "{umlauts}");
            }
        }
        assert!(!is_plain(""));
        assert!(check_subject(&"x".repeat(MAX_SUBJECT_LEN)).is_ok());
    }

    #[test]
    fn every_control_character_is_refused() {
        for byte in (0..=b' ').chain([0x7f]) {
            let subject = format!("a{}b", char::from(byte));
            assert!(matches!(
                check_filter(&subject),
                Err(SubjectError::Character { at: 1, character, .. }) if character == char::from(byte)
            ));
        }
    }

    #[test]
    fn filters_match_as_the_server_matches() {
        for (filter, subject, expected) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a.b", "a", false),
            ("a", "a.b", false),
            ("*", "a", true),
            ("*", "a.b", false),
            ("a.*.c", "a.b.c", true),
            ("a.*.c", "a.b.d", false),
            (">", "a", true),
            (">", "a.b.c", true),
            ("a.>", "a", false),
            ("a.>", "a.b", true),
            ("a.*.>", "a.b", false),
            ("a.*.>", "a.b.c.d", true),
        ] {
            assert_eq!(subject_matches(filter, subject), expected, "{filter} {subject}");
        }
    }
}
