//! Operations to bytes. No formatting machinery: a publish is copies and a few digits.

use bytes::{BufMut, BytesMut};

use super::info::Connect;
use crate::header::{Headers, VERSION};

pub(crate) const PING: &[u8] = b"PING\r\n";
pub(crate) const PONG: &[u8] = b"PONG\r\n";

const CRLF: &[u8] = b"\r\n";
const CONTENT_TYPE: &[u8] = b"Content-Type: ";

/// Everything of a message that is published, but for its payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublishHead<'a> {
    pub(crate) subject: &'a str,
    pub(crate) reply: Option<Reply<'a>>,
    pub(crate) headers: &'a Headers,
    /// A `Content-Type` header besides those in `headers`.
    pub(crate) content_type: Option<&'static str>,
}

/// A reply subject: as given, or an inbox's prefix and the token of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply<'a> {
    Subject(&'a str),
    Inbox { prefix: &'a str, token: u64 },
}

impl PublishHead<'_> {
    /// The bytes of the header block; 0 where there is none.
    pub(crate) fn headers_len(&self) -> usize {
        let lines = self.headers.as_lines().len();
        let content_type = self.content_type.map_or(0, |kind| CONTENT_TYPE.len() + kind.len() + 2);
        match (lines, content_type) {
            (0, 0) => 0,
            (0, content_type) => VERSION.len() + 2 + content_type + 2,
            (lines, content_type) => lines + content_type + 2,
        }
    }

    /// Writes `PUB` or `HPUB` up to where the payload begins, and makes `room` for what follows.
    pub(crate) fn write(&self, out: &mut BytesMut, payload_len: usize, room: usize) {
        let headers_len = self.headers_len();
        let reply_len = match self.reply {
            None => 0,
            Some(Reply::Subject(subject)) => subject.len(),
            Some(Reply::Inbox { prefix, .. }) => prefix.len() + 20,
        };
        out.reserve(self.subject.len() + reply_len + headers_len + room + 64);
        out.put_slice(if headers_len == 0 { b"PUB " } else { b"HPUB " });
        out.put_slice(self.subject.as_bytes());
        out.put_u8(b' ');
        match self.reply {
            None => {}
            Some(Reply::Subject(subject)) => {
                out.put_slice(subject.as_bytes());
                out.put_u8(b' ');
            }
            Some(Reply::Inbox { prefix, token }) => {
                out.put_slice(prefix.as_bytes());
                put_number(out, token);
                out.put_u8(b' ');
            }
        }
        put_sizes(out, headers_len, payload_len);
        if headers_len != 0 {
            if self.headers.is_empty() {
                out.put_slice(VERSION.as_bytes());
                out.put_slice(CRLF);
            } else {
                out.put_slice(self.headers.as_lines());
            }
            if let Some(kind) = self.content_type {
                out.put_slice(CONTENT_TYPE);
                out.put_slice(kind.as_bytes());
                out.put_slice(CRLF);
            }
            out.put_slice(CRLF);
        }
    }
}

/// What stands behind a payload.
pub(crate) fn payload_end(out: &mut BytesMut) {
    out.put_slice(CRLF);
}

pub(crate) fn connect(out: &mut BytesMut, connect: &Connect<'_>) {
    out.put_slice(b"CONNECT ");
    out.put_slice(&connect.to_json());
    out.put_slice(CRLF);
}

pub(crate) fn subscribe(out: &mut BytesMut, subject: &str, queue_group: Option<&str>, sid: u64) {
    out.put_slice(b"SUB ");
    out.put_slice(subject.as_bytes());
    out.put_u8(b' ');
    if let Some(group) = queue_group {
        out.put_slice(group.as_bytes());
        out.put_u8(b' ');
    }
    put_number(out, sid);
    out.put_slice(CRLF);
}

pub(crate) fn unsubscribe(out: &mut BytesMut, sid: u64, max: Option<u64>) {
    out.put_slice(b"UNSUB ");
    put_number(out, sid);
    if let Some(max) = max {
        out.put_u8(b' ');
        put_number(out, max);
    }
    out.put_slice(CRLF);
}

/// Writes ` [headers] total\r\n` of a publish or a delivery; the blank before is there already.
fn put_sizes(out: &mut BytesMut, headers_len: usize, payload_len: usize) {
    if headers_len != 0 {
        put_number(out, headers_len as u64);
        out.put_u8(b' ');
    }
    put_number(out, (headers_len + payload_len) as u64);
    out.put_slice(CRLF);
}

fn put_number(out: &mut BytesMut, mut number: u64) {
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
    out.put_slice(digits.get(start..).unwrap_or_default());
}

/// What a server sends; the embedded broker and tests write these.
#[cfg(any(feature = "embedded", test))]
pub(crate) mod server {
    use bytes::{BufMut, BytesMut};

    use super::{CRLF, put_number, put_sizes};
    use crate::delivery::Delivery;
    use crate::protocol::ServerInfo;

    pub(crate) const OK: &[u8] = b"+OK\r\n";

    pub(crate) fn info(out: &mut BytesMut, info: &ServerInfo) {
        out.put_slice(b"INFO ");
        out.put_slice(&info.to_json());
        out.put_slice(CRLF);
    }

    pub(crate) fn error(out: &mut BytesMut, text: &str) {
        out.put_slice(b"-ERR '");
        out.put_slice(text.as_bytes());
        out.put_slice(b"'\r\n");
    }

    /// Writes what was published as `MSG` or `HMSG` for one subscription. A subscriber that said it
    /// knows no headers is sent the payload alone.
    pub(crate) fn message(out: &mut BytesMut, delivery: &Delivery, sid: u64, with_headers: bool) {
        let headers = if with_headers { delivery.headers() } else { bytes::Bytes::new() };
        let payload = delivery.payload_bytes();
        out.reserve(delivery.subject().len() + headers.len() + payload.len() + 128);
        out.put_slice(if headers.is_empty() { b"MSG " } else { b"HMSG " });
        out.put_slice(delivery.subject());
        out.put_u8(b' ');
        put_number(out, sid);
        out.put_u8(b' ');
        if let Some(reply) = delivery.reply() {
            out.put_slice(reply);
            out.put_u8(b' ');
        }
        put_sizes(out, headers.len(), payload.len());
        out.put_slice(&headers);
        out.put_slice(payload);
        out.put_slice(CRLF);
    }

    /// Writes the server's word that nobody answers requests to `subject`.
    pub(crate) fn no_responders(out: &mut BytesMut, reply: &[u8], sid: u64, subject: &[u8]) {
        let mut block = BytesMut::from(&b"NATS/1.0 503\r\nNats-Subject: "[..]);
        block.put_slice(subject);
        block.put_slice(b"\r\n\r\n");
        out.put_slice(b"HMSG ");
        out.put_slice(reply);
        out.put_u8(b' ');
        put_number(out, sid);
        out.put_u8(b' ');
        put_sizes(out, block.len(), 0);
        out.put_slice(&block);
        out.put_slice(CRLF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(head: &PublishHead<'_>, payload: &str) -> String {
        let mut out = BytesMut::new();
        head.write(&mut out, payload.len(), payload.len());
        out.put_slice(payload.as_bytes());
        payload_end(&mut out);
        String::from_utf8(out.to_vec()).expect("text")
    }

    #[test]
    fn a_publish_is_written_as_the_protocol_says() {
        let none = Headers::new();
        let head = PublishHead { subject: "a.b", reply: None, headers: &none, content_type: None };
        assert_eq!(published(&head, "hi"), "PUB a.b 2\r\nhi\r\n");
        assert_eq!(published(&head, ""), "PUB a.b 0\r\n\r\n");
        let with_reply = PublishHead { reply: Some(Reply::Subject("r")), ..head };
        assert_eq!(published(&with_reply, "hi"), "PUB a.b r 2\r\nhi\r\n");
        let inbox = Reply::Inbox { prefix: "_INBOX.x.", token: 1_234_567_890 };
        let request = PublishHead { reply: Some(inbox), ..head };
        assert_eq!(published(&request, "hi"), "PUB a.b _INBOX.x.1234567890 2\r\nhi\r\n");
    }

    #[test]
    fn headers_and_a_content_type_make_an_hpub() {
        let mut headers = Headers::new();
        headers.append("A", "b").expect("valid");
        let head = PublishHead { subject: "s", reply: None, headers: &headers, content_type: None };
        assert_eq!(published(&head, "hi"), "HPUB s 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n");
        let typed = PublishHead { content_type: Some("x/y"), ..head };
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
    }

    #[test]
    fn subscribing_and_unsubscribing_are_written_as_the_protocol_says() {
        let mut out = BytesMut::new();
        subscribe(&mut out, "a.*", None, 7);
        subscribe(&mut out, "a", Some("q"), 8);
        unsubscribe(&mut out, 7, None);
        unsubscribe(&mut out, 8, Some(3));
        assert_eq!(&out[..], b"SUB a.* 7\r\nSUB a q 8\r\nUNSUB 7\r\nUNSUB 8 3\r\n");
    }

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 9, 10, 99, 1000, u64::MAX] {
            let mut out = BytesMut::new();
            put_number(&mut out, number);
            assert_eq!(out, number.to_string());
        }
    }
}
