//! Bytes as the protocol, in both directions.

use std::fmt;

use bytes::Bytes;

use super::Cut;
use crate::delivery::Delivery;
use crate::protocol::ProtocolError;
use crate::protocol::decode::{Decoder, Limits};
use crate::protocol::encode;
use crate::protocol::op::{ClientOp, Operation, ServerOp};

/// Small enough that inputs of a few hundred bytes go beyond them.
const LIMITS: Limits = Limits { line: 64, message: 64 };
/// Up to this length inputs are also decoded byte by byte.
const SHORT: usize = 32;

/// Bytes as the protocol, in both directions: the operations and the place of the error are the
/// same however the bytes are cut, and nothing goes beyond the limits.
///
/// # Panics
/// Where that does not hold.
pub fn nats_ops(data: &[u8]) {
    every_cut::<ServerOp>(data);
    every_cut::<ClientOp>(data);
}

/// An operation that is checked and compared.
trait Checked: Operation + fmt::Debug {
    /// Whether both are the same, whatever blocks they lie in.
    fn same(&self, other: &Self) -> bool;

    /// The bytes of it that came from the peer, at least.
    fn check(&self) -> usize;

    /// Its message, where it is one.
    fn message(&self) -> Option<(u64, &Delivery)>;
}

impl Checked for ServerOp {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Info(a), Self::Info(b)) | (Self::Err(a), Self::Err(b)) => a == b,
            (Self::Ping, Self::Ping) | (Self::Pong, Self::Pong) | (Self::Ok, Self::Ok) => true,
            (Self::Msg { sid: a, delivery: x }, Self::Msg { sid: b, delivery: y }) => {
                a == b && same_delivery(x, y)
            }
            _ => false,
        }
    }

    fn check(&self) -> usize {
        match self {
            // An INFO line may be far longer than the inputs are.
            Self::Info(text) => 5 + text.len(),
            Self::Err(text) => 4 + check_text(text),
            Self::Ping | Self::Pong => 5,
            Self::Ok => 4,
            Self::Msg { delivery, .. } => 4 + check_delivery(delivery),
        }
    }

    fn message(&self) -> Option<(u64, &Delivery)> {
        match self {
            Self::Msg { sid, delivery } => Some((*sid, delivery)),
            _ => None,
        }
    }
}

impl Checked for ClientOp {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Connect(a), Self::Connect(b)) => a == b,
            (Self::Pub(a), Self::Pub(b)) => same_delivery(a, b),
            (
                Self::Sub { subject, queue_group, sid },
                Self::Sub { subject: a, queue_group: b, sid: c },
            ) => (subject, queue_group, sid) == (a, b, c),
            (Self::Unsub { sid, max }, Self::Unsub { sid: a, max: b }) => (sid, max) == (a, b),
            (Self::Ping, Self::Ping) | (Self::Pong, Self::Pong) => true,
            _ => false,
        }
    }

    fn check(&self) -> usize {
        match self {
            Self::Connect(text) => 8 + check_text(text),
            Self::Pub(delivery) => 4 + check_delivery(delivery),
            Self::Sub { subject, queue_group, .. } => {
                check_token(subject);
                let group = queue_group.as_ref();
                group.inspect(|group| check_token(group));
                5 + subject.len() + group.map_or(0, Bytes::len)
            }
            Self::Unsub { .. } => 8,
            Self::Ping | Self::Pong => 5,
        }
    }

    fn message(&self) -> Option<(u64, &Delivery)> {
        match self {
            Self::Pub(delivery) => Some((1, delivery)),
            _ => None,
        }
    }
}

pub(super) fn same_delivery(a: &Delivery, b: &Delivery) -> bool {
    a.subject() == b.subject()
        && a.reply() == b.reply()
        && a.headers() == b.headers()
        && a.payload_bytes() == b.payload_bytes()
}

fn check_text(text: &[u8]) -> usize {
    assert!(text.len() <= LIMITS.line && !text.contains(&b'\n'));
    text.len()
}

/// A subject, a reply subject or a queue group as it came.
fn check_token(token: &[u8]) {
    assert!(!token.is_empty() && token.len() <= LIMITS.line);
    assert!(!token.iter().any(|byte| matches!(byte, b' ' | b'\t' | b'\n')), "{token:?}");
}

fn check_delivery(delivery: &Delivery) -> usize {
    let (headers, payload) = (delivery.headers(), delivery.payload());
    check_token(delivery.subject());
    delivery.reply().inspect(|reply| check_token(reply));
    assert!(delivery.size() <= LIMITS.message);
    assert_eq!(delivery.size(), headers.len() + payload.len());
    assert_eq!(delivery.has_headers(), !headers.is_empty());
    assert_eq!(payload, delivery.payload_bytes());
    let nobody = payload.is_empty() && headers.starts_with(b"NATS/1.0 503");
    assert_eq!(delivery.is_no_responders(), nobody);
    assert_eq!(delivery.subject_text().is_some(), std::str::from_utf8(delivery.subject()).is_ok());
    delivery.subject().len() + delivery.size()
}

fn every_cut<O: Checked>(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let mut whole = Vec::new();
    let error = decode(&bytes, LIMITS, Cut::Whole, |op: O| whole.push(op));
    let len: usize = whole.iter().map(Checked::check).sum();
    assert!(len <= data.len(), "{whole:?} is more than came");
    assert!(error.is_none_or(|error| (len as u64..=data.len() as u64).contains(&error.at)));
    let cuts: &[Cut] =
        if data.len() <= SHORT { &[Cut::Derived, Cut::Single] } else { &[Cut::Derived] };
    for cut in cuts {
        let mut count = 0;
        let cut_error = decode(&bytes, LIMITS, *cut, |op: O| {
            let first = whole.get(count);
            assert!(first.is_some_and(|first| first.same(&op)), "{cut:?}: {first:?} and {op:?}");
            count += 1;
        });
        assert_eq!((count, cut_error), (whole.len(), error), "{cut:?}");
    }
    let mut sent = Vec::new();
    for (sid, delivery) in whole.iter().filter_map(Checked::message) {
        sent.clear();
        encode::server::message(&mut sent, delivery, sid, true);
        let mut read = Vec::new();
        assert_eq!(
            decode(&Bytes::copy_from_slice(&sent), Limits::default(), Cut::Whole, |op| read
                .push(op)),
            None
        );
        let expected = ServerOp::Msg { sid, delivery: delivery.clone() };
        assert!(matches!(&read[..], [op] if expected.same(op)), "{expected:?} is read as {read:?}");
    }
}

/// Decodes bytes that come in pieces.
fn decode<O: Operation>(
    bytes: &Bytes,
    limits: Limits,
    cut: Cut,
    mut each: impl FnMut(O),
) -> Option<ProtocolError> {
    let mut decoder = Decoder::new(limits);
    let mut rest = bytes.clone();
    let mut turn = 0;
    while !rest.is_empty() {
        decoder.push(rest.split_to(cut.size(bytes, turn).min(rest.len())));
        turn += 1;
        loop {
            match decoder.next::<O>() {
                Ok(Some(op)) => each(op),
                Ok(None) => break,
                Err(error) => {
                    decoder.push(Bytes::from_static(b"PING\r\n"));
                    assert_eq!(decoder.next::<O>().err(), Some(error), "an error stays");
                    return Some(error);
                }
            }
        }
    }
    None
}
