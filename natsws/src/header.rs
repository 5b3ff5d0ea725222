//! Message headers (ADR-4): names are case-sensitive, values repeat, order is kept.
//!
//! Headers are held as they travel, so a received block is read in place and a block that is sent
//! is copied once. A block is `NATS/1.0[ code[ description]]\r\n`, then `name: value\r\n` for each
//! value, then `\r\n`; what is held here leaves out that last line end.

use std::fmt;
use std::str;

use bytes::Bytes;
use memchr::{memchr, memchr2};

use crate::status::Status;
use crate::subject::Shown;

/// The first line of every header block.
pub(crate) const VERSION: &str = "NATS/1.0";
const VERSION_LINE: &str = "NATS/1.0\r\n";

/// A header that cannot be sent, or a received block that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// A name is empty or has a character other than printable ASCII without `:`.
    #[error("header name {name} is not valid: use printable ASCII without blanks and `:`", name = Shown(name))]
    Name {
        /// The name as given.
        name: String,
    },
    /// A value has a line end or a NUL, which would end it on the wire.
    #[error(
        "the value of header `{name}` has the character {character:?}, which no value may contain"
    )]
    Value {
        /// The name of the header; its value may be a secret and is not shown.
        name: String,
        /// The character that is not allowed.
        character: char,
    },
    /// A received header block is not one of NATS.
    #[error("the received header block is malformed: {fault}")]
    Malformed {
        /// What is wrong with it.
        fault: &'static str,
    },
}

/// The headers of a message: names with one or more values each, in the order they were added.
///
/// Names are compared exactly, as all NATS clients of today do; [`get_ignore_case`] is there for
/// senders that spell them differently.
///
/// ```
/// use natsws::Headers;
///
/// let mut headers = Headers::new();
/// headers.append("Tag", "red")?;
/// headers.append("Tag", "round")?;
/// headers.insert("Trace", "7f3a")?;
/// assert_eq!(headers.get("Tag"), Some("red"));
/// assert_eq!(headers.get_all("Tag").collect::<Vec<_>>(), ["red", "round"]);
/// assert_eq!(headers.get("trace"), None);
/// assert_eq!(headers.get_ignore_case("trace"), Some("7f3a"));
/// # Ok::<(), natsws::HeaderError>(())
/// ```
///
/// [`get_ignore_case`]: Self::get_ignore_case
#[derive(Clone, Default)]
pub struct Headers {
    /// The lines as they travel, without the last line end, so that a clone copies nothing. Most
    /// messages have none: nothing to make and nothing to drop.
    lines: Option<Bytes>,
}

impl Headers {
    /// No headers; a message with these is sent without a header block.
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a received block, checking every line, without copying it.
    pub(crate) fn parse(block: &Bytes) -> Result<Self, HeaderError> {
        let malformed = |fault| HeaderError::Malformed { fault };
        if block.is_empty() {
            return Ok(Self::new());
        }
        let text = str::from_utf8(block).map_err(|_| malformed("it is not UTF-8"))?;
        let body = text.strip_suffix("\r\n").ok_or_else(|| malformed("it does not end"))?;
        let mut lines = Lines(body);
        let first = lines.next().unwrap_or_default();
        let status = first
            .strip_prefix(VERSION)
            .ok_or_else(|| malformed("it does not start with `NATS/1.0`"))?;
        if !(status.is_empty() || status.starts_with([' ', '\t'])) || status_of(status).is_err() {
            return Err(malformed("its first line has no valid status"));
        }
        for line in lines.by_ref() {
            let (name, value) = parts(line).ok_or_else(|| malformed("a line has no `:`"))?;
            if !is_name(name) {
                return Err(malformed("a name is not valid"));
            }
            if memchr2(b'\r', b'\0', value.as_bytes()).is_some() {
                return Err(malformed("a value has a line end in it"));
            }
        }
        if !lines.0.is_empty() {
            return Err(malformed("a line does not end as it should"));
        }
        let end = body.len();
        Ok(Self { lines: Some(block.slice(..end)) })
    }

    /// The lines as they travel, without the last line end.
    #[inline]
    pub(crate) fn as_lines(&self) -> &[u8] {
        self.lines.as_deref().unwrap_or_default()
    }

    /// Every byte of a block was checked when it was read or added, so this never falls back.
    fn text(&self) -> &str {
        str::from_utf8(self.as_lines()).unwrap_or_default()
    }

    /// Adds lines in as many parts as there are at hand: names and values that are known to be
    /// valid, each line with its end.
    #[cfg(feature = "jetstream")]
    pub(crate) fn append_lines(&mut self, parts: &[&str]) {
        if parts.iter().any(|part| !part.is_empty()) {
            self.add(parts);
        }
    }

    /// Adds these parts of lines, behind the first line where there is none yet.
    fn add(&mut self, parts: &[&str]) {
        let mut lines = match self.lines.take() {
            None => VERSION_LINE.as_bytes().to_vec(),
            // Without a copy, unless a clone or a message holds them too.
            Some(lines) => Vec::from(lines),
        };
        // Room that is left over would cost an allocation of its own.
        lines.reserve_exact(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            lines.extend_from_slice(part.as_bytes());
        }
        self.lines = Some(lines.into());
    }

    /// Adds a value, keeping those that the name has already.
    ///
    /// # Errors
    /// [`HeaderError`] where the name is empty or not printable ASCII without blanks and `:`, or
    /// where the value contains a carriage return, a line feed or a NUL. Blanks around the value
    /// are not kept.
    pub fn append(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        check_name(name)?;
        if let Some(character) = value.chars().find(|c| matches!(c, '\r' | '\n' | '\0')) {
            return Err(HeaderError::Value { name: name.to_owned(), character });
        }
        self.add(&[name, ": ", value.trim(), "\r\n"]);
        Ok(())
    }

    /// Whether a value can be told as it is.
    #[cfg(feature = "jetstream")]
    pub(crate) fn is_value(value: &str) -> bool {
        !value.contains(['\r', '\n', '\0'])
    }

    /// Says what a payload is, and how it is packed where it is. A codec may have any name; one that
    /// is no header value is not told.
    pub(crate) fn append_content(&mut self, kind: &str, encoding: Option<&str>) {
        let _: Result<(), HeaderError> = self.append("Content-Type", kind);
        if let Some(encoding) = encoding {
            let _: Result<(), HeaderError> = self.append("Content-Encoding", encoding);
        }
    }

    /// Sets the only value of a name, in place of all that it had.
    ///
    /// # Errors
    /// As [`append`](Self::append); the headers are unchanged then.
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        let mut changed = self.clone();
        changed.remove(name);
        changed.append(name, value)?;
        *self = changed;
        Ok(())
    }

    /// Takes a name out with all its values, and says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        if !self.contains(name) {
            return false;
        }
        let mut kept = Vec::with_capacity(self.as_lines().len());
        for (at, line) in self.text().split_inclusive("\r\n").enumerate() {
            let named = line.split_once(':').is_some_and(|(found, _)| found == name);
            if at == 0 || !named {
                kept.extend_from_slice(line.as_bytes());
            }
        }
        self.lines = (kept != VERSION_LINE.as_bytes()).then(|| kept.into());
        true
    }

    /// Adds every value of `other` behind those that are here.
    pub fn extend(&mut self, other: &Self) {
        let lines = other.as_lines();
        let has_values =
            lines.starts_with(VERSION_LINE.as_bytes()) && lines.len() > VERSION_LINE.len();
        if self.lines.is_none() && has_values {
            self.clone_from(other);
            return;
        }
        let more = other.text();
        let lines = more.split_once('\n').map_or("", |(_, lines)| lines);
        if !lines.is_empty() {
            self.add(&[lines]);
        }
    }

    /// The first value of a name, compared exactly.
    pub fn get(&self, name: &str) -> Option<&str> {
        // A name with a colon in it would be found in the middle of a line.
        if name.contains(':') {
            return None;
        }
        values(self.as_lines()).find_map(|line| value_of(line, name.as_bytes()))
    }

    /// What `Content-Type` and `Content-Encoding` say, found in one pass: every typed message is
    /// asked for both. One that is empty says nothing.
    pub(crate) fn content(&self) -> (Option<&str>, Option<&str>) {
        let mut content = (None, None);
        for line in values(self.as_lines()).filter(|line| line.starts_with(b"Content-")) {
            if content.0.is_none() {
                content.0 = value_of(line, b"Content-Type");
            }
            if content.1.is_none() {
                content.1 = value_of(line, b"Content-Encoding");
            }
        }
        let said = |value: &&str| !value.is_empty();
        (content.0.filter(said), content.1.filter(said))
    }

    /// The first value of a name, whatever the case of its letters.
    pub fn get_ignore_case(&self, name: &str) -> Option<&str> {
        self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All values of a name, in the order they were added.
    pub fn get_all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.iter().filter(move |(found, _)| *found == name).map(|(_, value)| value)
    }

    /// Whether the name has a value.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All names with their values, a pair for each value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        Lines(self.text()).skip(1).filter_map(parts).map(|(name, value)| (name, value.trim()))
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are neither values nor a status.
    pub fn is_empty(&self) -> bool {
        self.as_lines().is_empty()
    }

    /// The status that the server or a service put into the first line.
    pub fn status(&self) -> Option<Status<'_>> {
        let first = Lines(self.text()).next()?;
        status_of(first.strip_prefix(VERSION)?).ok().flatten()
    }
}

/// The lines behind the first, each with its end. Only what is asked for is looked at as text.
fn values(mut lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut next = move || {
        let end = memchr(b'\n', lines).map_or(lines.len(), |at| at + 1);
        let (line, rest) = lines.split_at_checked(end)?;
        lines = rest;
        (!line.is_empty()).then_some(line)
    };
    next();
    std::iter::from_fn(next)
}

/// The value of a line that has this name.
#[inline]
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let value = line.strip_prefix(name)?.strip_prefix(b":")?;
    let value = str::from_utf8(value.trim_ascii()).ok()?;
    // Other blanks are rare, and looking for them is not cheap.
    let is_plain = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_graphic);
    let ends = value.as_bytes();
    Some(if is_plain(ends.first()) && is_plain(ends.last()) { value } else { value.trim() })
}

/// Reads what follows `NATS/1.0` in the first line: nothing, or a number and a description.
fn status_of(text: &str) -> Result<Option<Status<'_>>, ()> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (code, description) = text.split_at(digits);
    let code = code.parse().map_err(|_| ())?;
    Ok(Some(Status::new(code, description.trim_start())))
}

/// Lines that end with `\r\n`, without that. What ends otherwise stays.
struct Lines<'a>(&'a str);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let end = memchr(b'\n', self.0.as_bytes())?;
        let line = self.0.get(..end)?.strip_suffix('\r')?;
        self.0 = self.0.get(end + 1..)?;
        Some(line)
    }
}

/// A line's name and value.
#[inline]
fn parts(line: &str) -> Option<(&str, &str)> {
    let colon = memchr(b':', line.as_bytes())?;
    Some((line.get(..colon)?, line.get(colon + 1..)?))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

fn check_name(name: &str) -> Result<(), HeaderError> {
    if is_name(name) { Ok(()) } else { Err(HeaderError::Name { name: name.to_owned() }) }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        if let Some(status) = self.status() {
            map.entry(&"status", &status.code());
        }
        map.entries(self.iter()).finish()
    }
}

/// Equal headers have the same status and the same values of each name in the same order.
impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.status() == other.status() && self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(block: &'static str) -> Result<Headers, HeaderError> {
        Headers::parse(&Bytes::from_static(block.as_bytes()))
    }

    #[test]
    fn a_received_block_reads_as_it_was_sent() {
        let headers = parse("NATS/1.0\r\nA: b\r\nc:d\r\nA:   e   \r\n\r\n").expect("a good block");
        let pairs: Vec<_> = headers.iter().collect();
        assert_eq!(pairs, [("A", "b"), ("c", "d"), ("A", "e")]);
        assert_eq!(headers.status(), None);
        assert_eq!(headers.len(), 3);
    }

    #[test]
    fn a_status_has_a_code_and_a_description() {
        for (block, code, description) in [
            ("NATS/1.0 503\r\n\r\n", 503, ""),
            ("NATS/1.0 100 Idle Heartbeat\r\nx: y\r\n\r\n", 100, "Idle Heartbeat"),
            ("NATS/1.0  1 H\r\n\r\n", 1, "H"),
        ] {
            let headers = parse(block).expect("a good block");
            let status = headers.status().expect("a status");
            assert_eq!((status.code(), status.description()), (code, description));
        }
        assert_eq!(parse("NATS/1.0 \r\n\r\n").expect("a good block").status(), None);
        assert!(
            parse("NATS/1.0 503\r\n\r\n")
                .expect("a good block")
                .status()
                .is_some_and(|s| s.is_error())
        );
        assert!(
            !parse("NATS/1.0 200 OK\r\n\r\n")
                .expect("a good block")
                .status()
                .is_some_and(|s| s.is_error())
        );
    }

    #[test]
    fn malformed_blocks_are_refused_with_the_fault() {
        for (block, fault) in [
            ("HTTP/1.1 200 OK\r\n\r\n", "it does not start with `NATS/1.0`"),
            ("NATS/1.0\nA: b\r\n\r\n", "it does not start with `NATS/1.0`"),
            ("NATS/1.05\r\n\r\n", "its first line has no valid status"),
            ("NATS/1.0 abc\r\n\r\n", "its first line has no valid status"),
            ("NATS/1.0 99999\r\n\r\n", "its first line has no valid status"),
            ("NATS/1.0\r\nA: b\n\r\n", "a line does not end as it should"),
            ("NATS/1.0\r\nA b\r\n\r\n", "a line has no `:`"),
            ("NATS/1.0\r\nA: b\r\nC: d", "it does not end"),
            ("NATS/1.0\r\n: b\r\n\r\n", "a name is not valid"),
            ("NATS/1.0\r\nA b: c\r\n\r\n", "a name is not valid"),
            ("NATS/1.0\r\nA: b\rc\r\n\r\n", "a value has a line end in it"),
        ] {
            assert_eq!(parse(block), Err(HeaderError::Malformed { fault }), "{block:?}");
        }
        assert_eq!(
            Headers::parse(&Bytes::from_static(b"NATS/1.0\r\nA: \xff\r\n\r\n")),
            Err(HeaderError::Malformed { fault: "it is not UTF-8" })
        );
    }

    #[test]
    fn names_are_case_sensitive_and_repeated_values_are_kept() {
        let mut headers = Headers::new();
        headers.append("a", "1").expect("valid");
        headers.append("A", "2").expect("valid");
        headers.append("a", "3").expect("valid");
        assert_eq!(headers.get_all("a").collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(headers.get("A"), Some("2"));
        headers.insert("a", "4").expect("valid");
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("A", "2"), ("a", "4")]);
        assert!(headers.remove("A"));
        assert!(!headers.remove("A"));
        assert!(headers.remove("a"));
        assert!(headers.is_empty());
    }

    #[test]
    fn what_would_break_the_block_is_refused_and_changes_nothing() {
        let mut headers = Headers::new();
        headers.insert("k", "v").expect("valid");
        for name in ["", "a b", "a:b", "a\r", "é", "a\0"] {
            assert_eq!(headers.insert(name, "x"), Err(HeaderError::Name { name: name.to_owned() }));
        }
        for (value, character) in [("a\r\nX: y", '\r'), ("a\n", '\n'), ("\0", '\0')] {
            let name = "k".to_owned();
            assert_eq!(headers.insert("k", value), Err(HeaderError::Value { name, character }));
        }
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("k", "v")]);
    }

    #[test]
    fn a_name_is_found_as_it_stands_and_an_empty_content_type_says_nothing() {
        let read = |lines: &str| {
            let block = format!("NATS/1.0 100 a: b\r\n{lines}\r\n\r\n");
            Headers::parse(&block.into_bytes().into()).expect("it is a block")
        };
        let headers = read("A:\u{b}v\u{b}\r\nAB: 2\r\nA::b\r\nA: \u{a0}x\u{3000}");
        for name in ["A", "AB", "B", "", "A:"] {
            let listed = headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value);
            assert_eq!(headers.get(name), listed, "{name}");
        }
        assert_eq!(headers.get("A"), Some("v"));
        let headers = read("Content-Typ: a\r\nContent-Type:\r\nContent-Encoding: z");
        assert_eq!(headers.content(), (None, Some("z")));
        assert_eq!(read("Content-Type: a\r\nContent-Type: b").content(), (Some("a"), None));
    }

    #[test]
    fn ten_thousand_headers_are_kept_and_read_back() {
        let mut headers = Headers::new();
        for number in 0..10_000 {
            headers.append(&format!("Name-{number}"), &number.to_string()).expect("valid");
        }
        let mut block = headers.as_lines().to_vec();
        block.extend_from_slice(b"\r\n");
        let read = Headers::parse(&block.into()).expect("it is a block");
        assert_eq!(read.len(), 10_000);
        assert_eq!(read.get("Name-9999"), Some("9999"));
    }

    #[test]
    fn values_may_be_empty_and_hold_other_alphabets() {
        let mut headers = Headers::new();
        headers.append("a", "").expect("valid");
        headers.append("b", "  grüße  ").expect("valid");
        assert_eq!(headers.get("a"), Some(""));
        assert_eq!(headers.get("b"), Some("grüße"));
    }

    #[test]
    fn headers_can_be_joined() {
        let mut headers = Headers::new();
        headers.extend(&Headers::new());
        assert!(headers.is_empty());
        let more = parse("NATS/1.0 503 No\r\nA: b\r\n\r\n").expect("a good block");
        headers.extend(&more);
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("A", "b")]);
        assert_eq!(headers.status(), None);
    }
}
