//! Operations to bytes. No formatting machinery: a publish is copies and a few digits.

use std::time::Duration;

use super::info::Connect;
use super::token;
use crate::header::{Headers, VERSION};

pub(crate) const PING: &[u8] = b"PING\r\n";
pub(crate) const PONG: &[u8] = b"PONG\r\n";

const CRLF: &[u8] = b"\r\n";
const CONTENT_TYPE: &[u8] = b"Content-Type: ";
const CONTENT_ENCODING: &[u8] = b"Content-Encoding: ";
const TIMEOUT: &[u8] = b"Request-Timeout: ";
const TIMEOUT_END: &[u8] = b"ms\r\n";
const TRACE_PARENT: &[u8] = b"traceparent: ";
const TRACE_STATE: &[u8] = b"tracestate: ";

/// Everything of a message that is published, but for its payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublishHead<'a> {
    pub(crate) subject: &'a str,
    pub(crate) reply: Option<Reply<'a>>,
    pub(crate) headers: &'a Headers,
    /// Headers besides those in `headers`.
    pub(crate) typed: Option<&'a Typed<'a>>,
}

/// The headers of typed messages, which are written without being made first.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Typed<'a> {
    pub(crate) content_type: Option<&'static str>,
    /// How long the reply is waited for.
    pub(crate) timeout: Option<Millis>,
    pub(crate) rare: Option<&'a Rare<'a>>,
}

/// Headers that most typed messages do not have, and are not to pay for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rare<'a> {
    /// How the payload is packed, where it is.
    pub(crate) content_encoding: Option<&'static str>,
    /// The trace that the message belongs to.
    pub(crate) trace_parent: Option<[u8; 55]>,
    pub(crate) trace_state: Option<&'a str>,
}

impl Rare<'_> {
    /// Names with their values.
    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let line = |name, value: Option<_>| value.map(|value| (name, value));
        let lines: [Option<(&[u8], &[u8])>; 3] = [
            line(CONTENT_ENCODING, self.content_encoding.map(str::as_bytes)),
            line(TRACE_PARENT, self.trace_parent.as_ref().map(<[u8; 55]>::as_slice)),
            line(TRACE_STATE, self.trace_state.map(str::as_bytes)),
        ];
        lines.into_iter().flatten()
    }

    #[cold]
    fn len(&self) -> usize {
        self.lines().map(|(name, value)| name.len() + value.len() + CRLF.len()).sum()
    }

    #[cold]
    fn write(&self, out: &mut Vec<u8>) {
        for (name, value) in self.lines() {
            out.extend_from_slice(name);
            out.extend_from_slice(value);
            out.extend_from_slice(CRLF);
        }
    }
}

/// A number of milliseconds as text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Millis {
    digits: [u8; Self::LONGEST],
    len: u8,
}

impl Millis {
    const LONGEST: usize = 20;

    /// Rounded up: whoever hears it must not give up before who says it.
    pub(crate) fn at_least(duration: Duration) -> Self {
        Self::new(duration.saturating_add(Duration::from_nanos(999_999)))
    }

    pub(crate) fn new(duration: Duration) -> Self {
        let mut number = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (mut digits, mut len) = ([b'0'; Self::LONGEST], 0);
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            len += 1;
            if number == 0 {
                break;
            }
        }
        Self { digits, len }
    }

    fn as_slice(&self) -> &[u8] {
        self.digits.get(Self::LONGEST - usize::from(self.len)..).unwrap_or_default()
    }
}

impl Typed<'_> {
    /// The bytes of all lines.
    #[inline]
    fn len(&self) -> usize {
        let mut len = 0;
        if let Some(kind) = self.content_type {
            len += CONTENT_TYPE.len() + kind.len() + CRLF.len();
        }
        if let Some(rare) = self.rare {
            len += rare.len();
        }
        if let Some(timeout) = &self.timeout {
            len += TIMEOUT.len() + timeout.as_slice().len() + TIMEOUT_END.len();
        }
        len
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        if let Some(kind) = self.content_type {
            out.extend_from_slice(CONTENT_TYPE);
            out.extend_from_slice(kind.as_bytes());
            out.extend_from_slice(CRLF);
        }
        if let Some(rare) = self.rare {
            rare.write(out);
        }
        if let Some(timeout) = &self.timeout {
            out.extend_from_slice(TIMEOUT);
            out.extend_from_slice(timeout.as_slice());
            out.extend_from_slice(TIMEOUT_END);
        }
    }
}

/// A reply subject: as given, or an inbox's prefix and the token of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply<'a> {
    Subject(&'a str),
    Inbox { prefix: &'a str, token: u64 },
}

impl PublishHead<'_> {
    /// The bytes of the header block; 0 where there is none.
    #[inline]
    pub(crate) fn headers_len(&self) -> usize {
        let lines = self.headers.as_lines().len();
        match (lines, self.typed.map_or(0, Typed::len)) {
            (0, 0) => 0,
            (0, typed) => VERSION.len() + 2 + typed + 2,
            (lines, typed) => lines + typed + 2,
        }
    }

    /// Writes `PUB` or `HPUB` up to where the payload begins, and makes `room` for what follows.
    /// `headers_len` is [`headers_len`](Self::headers_len), for which the caller needs it too.
    #[inline]
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        headers_len: usize,
        payload_len: usize,
        room: usize,
    ) {
        let reply_len = match self.reply {
            None => 0,
            Some(Reply::Subject(subject)) => subject.len(),
            Some(Reply::Inbox { prefix, .. }) => prefix.len() + token::LEN,
        };
        out.reserve(self.subject.len() + reply_len + headers_len + room + 64);
        if headers_len == 0 {
            out.extend_from_slice(b"PUB ");
        } else {
            out.extend_from_slice(b"HPUB ");
        }
        out.extend_from_slice(self.subject.as_bytes());
        out.push(b' ');
        match self.reply {
            None => {}
            Some(Reply::Subject(subject)) => {
                out.extend_from_slice(subject.as_bytes());
                out.push(b' ');
            }
            Some(Reply::Inbox { prefix, token }) => {
                out.extend_from_slice(prefix.as_bytes());
                out.extend_from_slice(&token::write(token));
                out.push(b' ');
            }
        }
        put_sizes(out, headers_len, payload_len);
        if headers_len != 0 {
            self.write_headers(out);
        }
    }

    /// The header block as it travels; empty where there is none.
    pub(crate) fn header_block(&self) -> Vec<u8> {
        let len = self.headers_len();
        let mut out = Vec::new();
        // What every message takes is not to be made larger for this.
        self.write(&mut out, len, 0, 0);
        out.split_off(out.len().saturating_sub(len))
    }

    fn write_headers(&self, out: &mut Vec<u8>) {
        if self.headers.is_empty() {
            out.extend_from_slice(VERSION.as_bytes());
            out.extend_from_slice(CRLF);
        } else {
            out.extend_from_slice(self.headers.as_lines());
        }
        if let Some(typed) = self.typed {
            typed.write(out);
        }
        out.extend_from_slice(CRLF);
    }
}

/// What stands behind a payload.
#[inline]
pub(crate) fn payload_end(out: &mut Vec<u8>) {
    out.extend_from_slice(CRLF);
}

pub(crate) fn connect(out: &mut Vec<u8>, connect: &Connect<'_>) {
    out.extend_from_slice(b"CONNECT ");
    out.extend_from_slice(&connect.to_json());
    out.extend_from_slice(CRLF);
}

pub(crate) fn subscribe(out: &mut Vec<u8>, subject: &str, queue_group: Option<&str>, sid: u64) {
    out.extend_from_slice(b"SUB ");
    out.extend_from_slice(subject.as_bytes());
    out.push(b' ');
    if let Some(group) = queue_group {
        out.extend_from_slice(group.as_bytes());
        out.push(b' ');
    }
    put_number(out, sid);
    out.extend_from_slice(CRLF);
}

pub(crate) fn unsubscribe(out: &mut Vec<u8>, sid: u64, max: Option<u64>) {
    out.extend_from_slice(b"UNSUB ");
    put_number(out, sid);
    if let Some(max) = max {
        out.push(b' ');
        put_number(out, max);
    }
    out.extend_from_slice(CRLF);
}

/// Writes ` [headers] total\r\n` of a publish or a delivery; the blank before is there already.
#[inline]
fn put_sizes(out: &mut Vec<u8>, headers_len: usize, payload_len: usize) {
    if headers_len != 0 {
        put_number(out, headers_len as u64);
        out.push(b' ');
    }
    let total = headers_len + payload_len;
    // Most have a few digits. These are written at once, and without a copy of unknown length.
    let digit = |number: u16| b'0' + (number % 10) as u8;
    match u16::try_from(total) {
        Ok(n @ 0..10) => out.extend_from_slice(&[digit(n), b'\r', b'\n']),
        Ok(n @ 10..100) => out.extend_from_slice(&[digit(n / 10), digit(n), b'\r', b'\n']),
        Ok(n @ 100..1000) => {
            out.extend_from_slice(&[digit(n / 100), digit(n / 10), digit(n), b'\r', b'\n']);
        }
        _ => {
            put_number(out, total as u64);
            out.extend_from_slice(CRLF);
        }
    }
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        start -= 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// What a server sends; the embedded broker and tests write these.
#[cfg(any(embedded_broker, test))]
pub(crate) mod server {
    use super::{CRLF, put_number, put_sizes};
    use crate::delivery::Delivery;
    use crate::protocol::ServerInfo;

    pub(crate) const OK: &[u8] = b"+OK\r\n";

    pub(crate) fn info(out: &mut Vec<u8>, info: &ServerInfo) {
        out.extend_from_slice(b"INFO ");
        out.extend_from_slice(&info.to_json());
        out.extend_from_slice(CRLF);
    }

    pub(crate) fn error(out: &mut Vec<u8>, text: &str) {
        out.extend_from_slice(b"-ERR '");
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"'\r\n");
    }

    /// Writes what was published as `MSG` or `HMSG` for one subscription. A subscriber that said it
    /// knows no headers is sent the payload alone.
    pub(crate) fn message(out: &mut Vec<u8>, delivery: &Delivery, sid: u64, with_headers: bool) {
        let headers = if with_headers { delivery.headers() } else { bytes::Bytes::new() };
        let payload = delivery.payload_bytes();
        out.reserve(delivery.subject().len() + headers.len() + payload.len() + 128);
        out.extend_from_slice(if headers.is_empty() { b"MSG " } else { b"HMSG " });
        out.extend_from_slice(delivery.subject());
        out.push(b' ');
        put_number(out, sid);
        out.push(b' ');
        if let Some(reply) = delivery.reply() {
            out.extend_from_slice(reply);
            out.push(b' ');
        }
        put_sizes(out, headers.len(), payload.len());
        out.extend_from_slice(&headers);
        out.extend_from_slice(payload);
        out.extend_from_slice(CRLF);
    }

    /// Writes the server's word that nobody answers requests to `subject`.
    pub(crate) fn no_responders(out: &mut Vec<u8>, reply: &[u8], sid: u64, subject: &[u8]) {
        let mut block = b"NATS/1.0 503\r\nNats-Subject: ".to_vec();
        block.extend_from_slice(subject);
        block.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(b"HMSG ");
        out.extend_from_slice(reply);
        out.push(b' ');
        put_number(out, sid);
        out.push(b' ');
        put_sizes(out, block.len(), 0);
        out.extend_from_slice(&block);
        out.extend_from_slice(CRLF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(head: &PublishHead<'_>, payload: &str) -> String {
        let mut out = Vec::new();
        head.write(&mut out, head.headers_len(), payload.len(), payload.len());
        out.extend_from_slice(payload.as_bytes());
        payload_end(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_publish_is_written_as_the_protocol_says() {
        let none = Headers::new();
        let head = PublishHead { subject: "a.b", reply: None, headers: &none, typed: None };
        assert_eq!(published(&head, "hi"), "PUB a.b 2\r\nhi\r\n");
        assert_eq!(published(&head, ""), "PUB a.b 0\r\n\r\n");
        let with_reply = PublishHead { reply: Some(Reply::Subject("r")), ..head };
        assert_eq!(published(&with_reply, "hi"), "PUB a.b r 2\r\nhi\r\n");
        let inbox = Reply::Inbox { prefix: "_INBOX.x.", token: 1_234_567_890 };
        let request = PublishHead { reply: Some(inbox), ..head };
        assert_eq!(published(&request, "hi"), "PUB a.b _INBOX.x.IBWb9100000 2\r\nhi\r\n");
    }

    #[test]
    fn headers_and_a_content_type_make_an_hpub() {
        let mut headers = Headers::new();
        headers.append("A", "b").expect("valid");
        let head = PublishHead { subject: "s", reply: None, headers: &headers, typed: None };
        assert_eq!(published(&head, "hi"), "HPUB s 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n");
        let kind = Typed { content_type: Some("x/y"), ..Typed::default() };
        let typed = PublishHead { typed: Some(&kind), ..head };
        assert_eq!(
            published(&typed, "hi"),
            "HPUB s 37 39\r\nNATS/1.0\r\nA: b\r\nContent-Type: x/y\r\n\r\nhi\r\n"
        );
        let none = Headers::new();
        let bare = PublishHead { headers: &none, ..typed };
        assert_eq!(
            published(&bare, "hi"),
            "HPUB s 31 33\r\nNATS/1.0\r\nContent-Type: x/y\r\n\r\nhi\r\n"
        );
        for (millis, digits) in [(0, "0"), (1500, "1500"), (u64::MAX, "18446744073709551615")] {
            let rare = Rare { content_encoding: Some("z"), ..Rare::default() };
            let all = Typed {
                content_type: None,
                timeout: Some(Millis::new(Duration::from_millis(millis))),
                rare: Some(&rare),
            };
            let bare = PublishHead { typed: Some(&all), ..bare };
            let block =
                format!("NATS/1.0\r\nContent-Encoding: z\r\nRequest-Timeout: {digits}ms\r\n\r\n");
            let (head, all) = (block.len(), block.len() + 2);
            assert_eq!(published(&bare, "hi"), format!("HPUB s {head} {all}\r\n{block}hi\r\n"));
        }
    }

    #[test]
    fn a_trace_is_one_header_or_two() {
        let headers = Headers::new();
        for (state, line) in [(None, ""), (Some("a=1"), "tracestate: a=1\r\n")] {
            let rare =
                Rare { trace_parent: Some([b'7'; 55]), trace_state: state, ..Rare::default() };
            let typed = Typed { rare: Some(&rare), ..Typed::default() };
            let head =
                PublishHead { subject: "s", reply: None, headers: &headers, typed: Some(&typed) };
            let parent = "7".repeat(55);
            let block = format!("NATS/1.0\r\ntraceparent: {parent}\r\n{line}\r\n");
            let (len, all) = (block.len(), block.len() + 2);
            assert_eq!(published(&head, "hi"), format!("HPUB s {len} {all}\r\n{block}hi\r\n"));
        }
    }

    #[test]
    fn subscribing_and_unsubscribing_are_written_as_the_protocol_says() {
        let mut out = Vec::new();
        subscribe(&mut out, "a.*", None, 7);
        subscribe(&mut out, "a", Some("q"), 8);
        unsubscribe(&mut out, 7, None);
        unsubscribe(&mut out, 8, Some(3));
        assert_eq!(&out[..], b"SUB a.* 7\r\nSUB a q 8\r\nUNSUB 7\r\nUNSUB 8 3\r\n");
    }

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 9, 10, 99, 100, 105, 999, 1000, 1001, u64::MAX] {
            let mut out = Vec::new();
            put_number(&mut out, number);
            assert_eq!(out, number.to_string().into_bytes());
        }
    }
}
