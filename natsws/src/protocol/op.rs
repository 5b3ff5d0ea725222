//! The operations of the protocol and what each control line must look like.

use bytes::Bytes;

use super::error::ProtocolFault;
use crate::delivery::{Delivery, Offsets};

/// What a server sends.
#[derive(Debug, Clone)]
pub(crate) enum ServerOp {
    Info(Bytes),
    Msg {
        sid: u64,
        delivery: Delivery,
    },
    Ping,
    Pong,
    Ok,
    /// The text as sent, in quotes.
    Err(Bytes),
}

/// What a client sends. Only the embedded broker and tests read these.
#[cfg(any(feature = "embedded", test))]
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
#[derive(Debug, Clone, Copy)]
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
}

impl Head {
    /// The offsets of the finished message, whose bytes start at the subject. `line_end` is where
    /// headers begin, counted from the start of the control line.
    pub(crate) fn offsets(&self, line_end: usize) -> Offsets {
        let from_subject = |at: usize| u32::try_from(at - self.subject).unwrap_or(u32::MAX);
        Offsets {
            subject_end: from_subject(self.subject_end),
            reply_start: from_subject(self.reply),
            reply_end: from_subject(self.reply_end),
            headers_start: from_subject(line_end),
            payload_start: from_subject(line_end + self.headers_len),
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

    /// Makes the operation whose head and payload are complete.
    fn with_payload(sid: u64, delivery: Delivery) -> Self;
}

/// A part of a control line, from and to.
pub(crate) type Span = (usize, usize);

impl Operation for ServerOp {
    const VERBS: &'static [&'static [u8]] =
        &[b"MSG", b"HMSG", b"PING", b"PONG", b"+OK", b"-ERR", b"INFO"];

    fn line(line: &[u8], slice: impl Fn(Span) -> Bytes) -> Result<Line<Self>, ProtocolFault> {
        // `+OKay` and `PING and more` are accepted, because the seed's parser accepts them.
        let verb = line.get(..4).unwrap_or(line);
        if verb.eq_ignore_ascii_case(b"MSG ") || verb.eq_ignore_ascii_case(b"MSG\t") {
            return message(line, 3, Shape::Msg).map(Line::Payload);
        }
        if verb.eq_ignore_ascii_case(b"HMSG") && blank_at(line, 4) {
            return message(line, 4, Shape::HeaderMsg).map(Line::Payload);
        }
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

    fn with_payload(sid: u64, delivery: Delivery) -> Self {
        Self::Msg { sid, delivery }
    }
}

#[cfg(any(feature = "embedded", test))]
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
        let mut args = Args::<4>::default();
        let op = if is(b"PING") {
            Self::Ping
        } else if is(b"PONG") {
            Self::Pong
        } else if is(b"CONNECT") {
            Self::Connect(slice(trimmed(line, verb_end)))
        } else if is(b"SUB") {
            match *args.read(line, verb_end)? {
                [subject, sid] => {
                    let sid = number(line, sid)?;
                    Self::Sub { subject: slice(subject), queue_group: None, sid }
                }
                [subject, group, sid] => {
                    let (sid, queue_group) = (number(line, sid)?, Some(slice(group)));
                    Self::Sub { subject: slice(subject), queue_group, sid }
                }
                _ => return Err(ProtocolFault::Arguments),
            }
        } else if is(b"UNSUB") {
            match *args.read(line, verb_end)? {
                [sid] => Self::Unsub { sid: number(line, sid)?, max: None },
                [sid, max] => {
                    Self::Unsub { sid: number(line, sid)?, max: Some(number(line, max)?) }
                }
                _ => return Err(ProtocolFault::Arguments),
            }
        } else {
            return Err(ProtocolFault::UnknownOperation);
        };
        Ok(Line::Whole(op))
    }

    fn with_payload(_sid: u64, delivery: Delivery) -> Self {
        Self::Pub(delivery)
    }
}

/// The four operations with a payload differ in whether they carry a sid and a header size.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Msg,
    HeaderMsg,
    #[cfg(any(feature = "embedded", test))]
    Pub,
    #[cfg(any(feature = "embedded", test))]
    HeaderPub,
}

/// Reads `subject [sid] [reply] [header size] size` behind a verb that ends at `verb_end`.
fn message(line: &[u8], verb_end: usize, shape: Shape) -> Result<Head, ProtocolFault> {
    let has_sid = matches!(shape, Shape::Msg | Shape::HeaderMsg);
    let has_headers = !matches!(shape, Shape::Msg);
    #[cfg(any(feature = "embedded", test))]
    let has_headers = has_headers && shape != Shape::Pub;

    let mut args = Args::<5>::default();
    let args = args.read(line, verb_end)?;
    let (subject, args) = args.split_first().ok_or(ProtocolFault::Arguments)?;
    let (sid, args) = if has_sid {
        let (sid, args) = args.split_first().ok_or(ProtocolFault::Arguments)?;
        (number(line, *sid)?, args)
    } else {
        (0, args)
    };
    let (reply, headers, total) = match (has_headers, args) {
        (false, [total]) => (None, None, total),
        (false, [reply, total]) => (Some(*reply), None, total),
        (true, [headers, total]) => (None, Some(*headers), total),
        (true, [reply, headers, total]) => (Some(*reply), Some(*headers), total),
        _ => return Err(ProtocolFault::Arguments),
    };
    let total = number(line, *total)?;
    let headers_len = headers.map_or(Ok(0), |span| number(line, span))?;
    if headers_len > total {
        return Err(ProtocolFault::HeaderSize);
    }
    let (reply, reply_end) = reply.unwrap_or((subject.1, subject.1));
    Ok(Head {
        sid,
        subject: subject.0,
        subject_end: subject.1,
        reply,
        reply_end,
        headers_len: usize::try_from(headers_len).map_err(|_| ProtocolFault::Number)?,
        total,
    })
}

/// The arguments of a line, at most `N`.
struct Args<const N: usize> {
    spans: [Span; N],
}

impl<const N: usize> Default for Args<N> {
    fn default() -> Self {
        Self { spans: [(0, 0); N] }
    }
}

impl<const N: usize> Args<N> {
    fn read(&mut self, line: &[u8], from: usize) -> Result<&[Span], ProtocolFault> {
        let mut count = 0;
        let mut start = None;
        let mut put = |span: Span| -> Result<(), ProtocolFault> {
            *self.spans.get_mut(count).ok_or(ProtocolFault::Arguments)? = span;
            count += 1;
            Ok(())
        };
        for (at, byte) in line.iter().enumerate().skip(from) {
            match (is_blank(*byte), start) {
                (false, None) => start = Some(at),
                (true, Some(begin)) => {
                    put((begin, at))?;
                    start = None;
                }
                _ => {}
            }
        }
        if let Some(begin) = start {
            put((begin, line.len()))?;
        }
        Ok(self.spans.get(..count).unwrap_or_default())
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
    let digits = line.get(span.0..span.1).unwrap_or_default();
    if digits.is_empty() || digits.len() > MAX_DIGITS {
        return Err(ProtocolFault::Number);
    }
    digits.iter().try_fold(0, |value: u64, byte| match byte {
        b'0'..=b'9' => Ok(value * 10 + u64::from(byte - b'0')),
        _ => Err(ProtocolFault::Number),
    })
}
