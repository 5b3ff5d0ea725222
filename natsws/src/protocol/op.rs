//! The operations of the protocol and what each control line must look like.

use bytes::Bytes;

use super::error::ProtocolFault;
use crate::delivery::{Delivery, Message, Offsets, Place, Text};

/// What a server sends, with messages as they are or as where they lie.
#[derive(Debug, Clone)]
pub(crate) enum ServerOp<M = Delivery> {
    Info(Bytes),
    Msg {
        sid: u64,
        delivery: M,
    },
    Ping,
    Pong,
    Ok,
    /// The text as sent, in quotes.
    Err(Bytes),
}

/// What a client sends. Only the embedded broker and tests read these.
#[cfg(any(embedded_broker, test))]
#[derive(Debug, Clone)]
pub(crate) enum ClientOp {
    Connect(Bytes),
    Pub(Delivery),
    Sub { subject: Bytes, queue_group: Option<Bytes>, sid: u64 },
    Unsub { sid: u64, max: Option<u64> },
    Ping,
    Pong,
}

/// The head of an operation that a payload follows: offsets into its control line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) sid: u64,
    /// Where the subject starts in the line.
    pub(crate) subject: usize,
    pub(crate) subject_end: usize,
    pub(crate) reply: usize,
    pub(crate) reply_end: usize,
    pub(crate) headers_len: usize,
    /// Headers and payload together.
    pub(crate) total: u64,
    /// Subject and reply are known to be ASCII.
    pub(crate) is_ascii: bool,
}

impl Head {
    /// Where the finished message lies. `line` and `line_end` are where its control line starts in
    /// the block, and where headers begin, counted from there.
    #[expect(clippy::cast_possible_truncation, reason = "blocks and messages are never that long")]
    #[inline]
    pub(crate) fn place(&self, line: usize, line_end: usize) -> Place {
        let from_subject = |at: usize| at.wrapping_sub(self.subject) as u32;
        Place {
            start: (line + self.subject) as u32,
            len: from_subject(line_end).wrapping_add(self.total as u32),
            at: Offsets {
                subject_end: from_subject(self.subject_end),
                reply_start: from_subject(self.reply),
                reply_end: from_subject(self.reply_end),
                headers_start: from_subject(line_end),
                payload_start: from_subject(line_end + self.headers_len),
                text: Text::new(self.is_ascii),
            },
        }
    }
}

/// A control line: an operation by itself, or the head of one with a payload.
pub(crate) enum Line<O> {
    Whole(O),
    Payload(Head),
}

/// One direction of the protocol: which lines it knows.
pub(crate) trait Operation: Sized {
    /// What its lines start with.
    const VERBS: &'static [&'static [u8]];

    /// Reads a control line without its line end. `slice` makes a shared slice of a part of it.
    fn line(line: &[u8], slice: impl Fn(Span) -> Bytes) -> Result<Line<Self>, ProtocolFault>;

    /// Makes the operation whose message is complete.
    fn with_message(sid: u64, place: Place, block: &Bytes) -> Self;
}

/// A part of a control line, from and to.
pub(crate) type Span = (usize, usize);

impl<M: Message> Operation for ServerOp<M> {
    const VERBS: &'static [&'static [u8]] =
        &[b"MSG", b"HMSG", b"PING", b"PONG", b"+OK", b"-ERR", b"INFO"];

    #[cfg_attr(not(browser), inline(always))]
    fn line(line: &[u8], slice: impl Fn(Span) -> Bytes) -> Result<Line<Self>, ProtocolFault> {
        // `+OKay` and `PING and more` are accepted, because the seed's parser accepts them.
        if let Some(head) = plain_message(line) {
            return Ok(Line::Payload(head));
        }
        match line {
            [b'M' | b'm', b'S' | b's', b'G' | b'g', b' ' | b'\t', ..] => {
                return message(line, 3, Shape::Msg).map(Line::Payload);
            }
            [b'H' | b'h', b'M' | b'm', b'S' | b's', b'G' | b'g', b' ' | b'\t', ..] => {
                return message(line, 4, Shape::HeaderMsg).map(Line::Payload);
            }
            _ => {}
        }
        let verb = line.get(..4).unwrap_or(line);
        let op = if verb.eq_ignore_ascii_case(b"PING") {
            Self::Ping
        } else if verb.eq_ignore_ascii_case(b"PONG") {
            Self::Pong
        } else if verb.get(..3).is_some_and(|verb| verb.eq_ignore_ascii_case(b"+OK")) {
            Self::Ok
        } else if verb.eq_ignore_ascii_case(b"INFO") && blank_at(line, 4) {
            Self::Info(slice(trimmed(line, 4)))
        } else if verb.eq_ignore_ascii_case(b"-ERR") && (line.len() == 4 || blank_at(line, 4)) {
            Self::Err(slice(trimmed(line, 4)))
        } else {
            return Err(ProtocolFault::UnknownOperation);
        };
        Ok(Line::Whole(op))
    }

    #[inline]
    fn with_message(sid: u64, place: Place, block: &Bytes) -> Self {
        Self::Msg { sid, delivery: M::cut(place, block) }
    }
}

#[cfg(any(embedded_broker, test))]
impl Operation for ClientOp {
    const VERBS: &'static [&'static [u8]] =
        &[b"PUB", b"HPUB", b"SUB", b"UNSUB", b"PING", b"PONG", b"CONNECT"];

    fn line(line: &[u8], slice: impl Fn(Span) -> Bytes) -> Result<Line<Self>, ProtocolFault> {
        let verb_end = line.iter().position(|b| is_blank(*b)).unwrap_or(line.len());
        let verb = line.get(..verb_end).unwrap_or(line);
        let is = |name: &[u8]| verb.eq_ignore_ascii_case(name);
        if is(b"PUB") {
            return message(line, verb_end, Shape::Pub).map(Line::Payload);
        }
        if is(b"HPUB") {
            return message(line, verb_end, Shape::HeaderPub).map(Line::Payload);
        }
        let mut words = Words { line, at: verb_end };
        let op = if is(b"PING") {
            Self::Ping
        } else if is(b"PONG") {
            Self::Pong
        } else if is(b"CONNECT") {
            Self::Connect(slice(trimmed(line, verb_end)))
        } else if is(b"SUB") {
            let (subject, second) = (slice(words.next()?), words.next()?);
            if words.is_done() {
                Self::Sub { subject, queue_group: None, sid: number(line, second)? }
            } else {
                let (sid, queue_group) = (number(line, words.next()?)?, Some(slice(second)));
                Self::Sub { subject, queue_group, sid }
            }
        } else if is(b"UNSUB") {
            let sid = number(line, words.next()?)?;
            let max = if words.is_done() { None } else { Some(number(line, words.next()?)?) };
            Self::Unsub { sid, max }
        } else {
            return Err(ProtocolFault::UnknownOperation);
        };
        let takes_words = matches!(op, Self::Sub { .. } | Self::Unsub { .. });
        if takes_words && !words.is_done() {
            return Err(ProtocolFault::Arguments);
        }
        Ok(Line::Whole(op))
    }

    fn with_message(_sid: u64, place: Place, block: &Bytes) -> Self {
        Self::Pub(Delivery::cut(place, block))
    }
}

/// The four operations with a payload differ in whether they carry a sid and a header size.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Msg,
    HeaderMsg,
    #[cfg(any(embedded_broker, test))]
    Pub,
    #[cfg(any(embedded_broker, test))]
    HeaderPub,
}

/// Reads `MSG subject sid [reply] size`, or `HMSG` with a header size before the size, as servers
/// write it: in capitals, with single blanks. What is written otherwise is for [`message`] to read,
/// and what is wrong for it to tell.
#[cfg_attr(not(browser), inline(always))]
fn plain_message(line: &[u8]) -> Option<Head> {
    let (verb, text) = match line {
        [b'M', b'S', b'G', b' ', text @ ..] => (4, text),
        [b'H', b'M', b'S', b'G', b' ', text @ ..] => (5, text),
        _ => return None,
    };
    let (subject, text) = plain_word(text)?;
    let (sid, text) = digits(text)?;
    let text = text.strip_prefix(b" ")?;
    let subject_end = verb + subject.len;
    let mut head = Head {
        sid,
        subject: verb,
        subject_end,
        reply: subject_end,
        reply_end: subject_end,
        headers_len: 0,
        total: 0,
        is_ascii: subject.is_ascii,
    };
    let has_headers = verb == 5;
    let sizes = plain_sizes(text, has_headers);
    let (headers_len, total) = if let Some(sizes) = sizes {
        sizes
    } else {
        head.reply = line.len() - text.len();
        let (reply, text) = plain_word(text)?;
        head.reply_end = head.reply + reply.len;
        head.is_ascii &= reply.is_ascii;
        plain_sizes(text, has_headers)?
    };
    head.headers_len = usize::try_from(headers_len).ok()?;
    (headers_len <= total).then_some(Head { total, ..head })
}

/// The sizes that a line ends with.
#[cfg_attr(not(browser), inline(always))]
fn plain_sizes(text: &[u8], has_headers: bool) -> Option<(u64, u64)> {
    let (mut headers_len, mut text) = (0, text);
    if has_headers {
        (headers_len, text) = digits(text)?;
        text = text.strip_prefix(b" ")?;
    }
    match digits(text)? {
        (total, []) => Some((headers_len, total)),
        _ => None,
    }
}

/// A word that a single blank follows.
struct PlainWord {
    len: usize,
    /// It is ASCII. Where it is not said, it may be nevertheless.
    is_ascii: bool,
}

/// The word that a text starts with, and what comes behind its blank.
#[cfg_attr(not(browser), inline(always))]
fn plain_word(text: &[u8]) -> Option<(PlainWord, &[u8])> {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES << 7;
    let (mut len, mut seen) = (0, 0);
    // Eight bytes at a time: of each, the highest bit tells whether it is a blank or less. The lowest
    // such bit is right, whatever the subtraction borrowed further up.
    while let Some(bytes) = text.get(len..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*bytes);
        seen |= word;
        let found = word.wrapping_sub(ONES * 0x21) & !word & HIGH;
        if found != 0 {
            len += found.trailing_zeros() as usize / 8;
            break;
        }
        len += 8;
    }
    while let Some(byte) = text.get(len).filter(|byte| **byte > b' ') {
        seen |= u64::from(*byte);
        len += 1;
    }
    match text.get(len..)? {
        [b' ', rest @ ..] if len > 0 => Some((PlainWord { len, is_ascii: seen & HIGH == 0 }, rest)),
        _ => None,
    }
}

/// The number that a text starts with, and what comes behind it.
#[cfg_attr(not(browser), inline(always))]
fn digits(text: &[u8]) -> Option<(u64, &[u8])> {
    let (mut number, mut rest) = (0_u64, text);
    while let [digit @ b'0'..=b'9', more @ ..] = rest {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = more;
    }
    // So many do not overflow.
    (1..=MAX_DIGITS).contains(&(text.len() - rest.len())).then_some((number, rest))
}

/// Reads `subject [sid] [reply] [header size] size` behind a verb that ends at `verb_end`.
fn message(line: &[u8], verb_end: usize, shape: Shape) -> Result<Head, ProtocolFault> {
    let has_sid = matches!(shape, Shape::Msg | Shape::HeaderMsg);
    let has_headers = !matches!(shape, Shape::Msg);
    #[cfg(any(embedded_broker, test))]
    let has_headers = has_headers && shape != Shape::Pub;

    let mut words = Words { line, at: verb_end };
    let subject = words.next()?;
    let sid = if has_sid { number(line, words.next()?)? } else { 0 };
    // What stands before the sizes is a reply subject.
    let mut sizes = [words.next()?; 2];
    if has_headers {
        sizes[1] = words.next()?;
    }
    let reply = if words.is_done() {
        (subject.1, subject.1)
    } else {
        let reply = sizes[0];
        sizes = if has_headers { [sizes[1], words.next()?] } else { [words.next()?; 2] };
        reply
    };
    if !words.is_done() {
        return Err(ProtocolFault::Arguments);
    }
    let total = number(line, sizes[1])?;
    let headers_len = if has_headers { number(line, sizes[0])? } else { 0 };
    if headers_len > total {
        return Err(ProtocolFault::HeaderSize);
    }
    Ok(Head {
        sid,
        subject: subject.0,
        subject_end: subject.1,
        reply: reply.0,
        reply_end: reply.1,
        headers_len: usize::try_from(headers_len).map_err(|_| ProtocolFault::Number)?,
        total,
        is_ascii: false,
    })
}

/// The words of a line, one after the other.
struct Words<'l> {
    line: &'l [u8],
    at: usize,
}

impl Words<'_> {
    fn skip_blanks(&mut self) -> &[u8] {
        while self.line.get(self.at).is_some_and(|byte| is_blank(*byte)) {
            self.at += 1;
        }
        self.line.get(self.at..).unwrap_or_default()
    }

    /// The next word; it is an error where there is none.
    fn next(&mut self) -> Result<Span, ProtocolFault> {
        let rest = self.skip_blanks();
        if rest.is_empty() {
            return Err(ProtocolFault::Arguments);
        }
        let len = rest.iter().position(|byte| is_blank(*byte)).unwrap_or(rest.len());
        let start = self.at;
        self.at += len;
        Ok((start, self.at))
    }

    fn is_done(&mut self) -> bool {
        self.skip_blanks().is_empty()
    }
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn blank_at(line: &[u8], at: usize) -> bool {
    line.get(at).is_some_and(|byte| is_blank(*byte))
}

/// What follows `from` without blanks around it.
fn trimmed(line: &[u8], from: usize) -> Span {
    let rest = line.get(from..).unwrap_or_default();
    let start = from + rest.iter().take_while(|byte| is_blank(**byte)).count();
    let blanks = rest.iter().rev().take_while(|byte| is_blank(**byte)).count();
    (start, line.len().saturating_sub(blanks).max(start))
}

/// The most digits a number may have: enough for sids, whose generation counts for long, and too
/// few to overflow anything.
const MAX_DIGITS: usize = 19;

fn number(line: &[u8], span: Span) -> Result<u64, ProtocolFault> {
    match digits(line.get(span.0..span.1).unwrap_or_default()) {
        Some((number, [])) => Ok(number),
        _ => Err(ProtocolFault::Number),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_read_quickly_reads_as_everything_does(
            has_headers: bool,
            text in "[a.*\u{1}é_]{0,20}[ \t]{0,2}[0-9a]{0,20} {0,2}([0-9]{1,3}|[a.]{0,9})[ \t]?[0-9]{0,20}[ \t]?[0-9]{0,3}",
        ) {
            let (verb, shape) = if has_headers { ("HMSG", Shape::HeaderMsg) } else { ("MSG", Shape::Msg) };
            let line = format!("{verb} {text}");
            if let Some(head) = plain_message(line.as_bytes()) {
                let all = message(line.as_bytes(), verb.len(), shape);
                prop_assert_eq!(Ok(Head { is_ascii: false, ..head }), all);
            }
        }
    }

    #[test]
    fn lines_of_servers_are_read_quickly() {
        for line in [
            "MSG a 1 2",
            "MSG orders.eu.created 4294967297 _INBOX.abc.17 1048576",
            "HMSG a 1 12 15",
            "HMSG orders.eu.created 7 _INBOX.abc.17 120 1048576",
            "HMSG a 1 12 12 15",
        ] {
            assert!(plain_message(line.as_bytes()).is_some(), "{line}");
        }
    }
}
