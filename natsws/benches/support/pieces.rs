//! Workloads without a connection.

use std::hint::black_box;

use natsws::Headers;
use natsws::bench;
use natsws::bytes::{Bytes, BytesMut};
use natsws::codec::{Codec, Encoded, Encoder};

use super::{BLOCK, Run};

pub(super) const SUBJECT: &str = "orders.eu.created";
pub(super) const HEADERS: &str =
    "NATS/1.0\r\nTrace: 7f3a8b61c2d94e05\r\nContent-Type: application/json\r\n\r\n";

/// A message as the server sends it to the first subscription.
pub(super) fn message(payload: &[u8], headers: &str) -> Vec<u8> {
    let (head, total) = (headers.len(), headers.len() + payload.len());
    let line = if headers.is_empty() {
        format!("MSG {SUBJECT} 1 {total}\r\n")
    } else {
        format!("HMSG {SUBJECT} 1 {head} {total}\r\n")
    };
    [line.as_bytes(), headers.as_bytes(), payload, b"\r\n"].concat()
}

/// A message that a consumer delivers.
pub(super) fn delivery() -> Vec<u8> {
    let reply = "$JS.ACK.ORDERS.workers.1.7123456.7123456.1700000000123456789.1000";
    format!("MSG {SUBJECT} 1 {reply} 16\r\n0123456789abcdef\r\n").into_bytes()
}

/// A block of messages.
pub(super) fn block(message: impl Fn() -> Vec<u8>) -> Bytes {
    message().repeat(BLOCK).into()
}

pub(super) fn messages(size: usize, headers: &str) -> Bytes {
    block(|| message(&vec![b'x'; size], headers))
}

/// Does something a block's times over.
fn each(mut work: impl FnMut() + 'static) -> Run {
    Box::new(move |count| (0..count).for_each(|_| work()))
}

pub(super) fn decode(block: &Bytes, cut: usize) -> Run {
    let cut = cut.min(block.len());
    let chunks: Vec<Bytes> = block.chunks(cut).map(|chunk| block.slice_ref(chunk)).collect();
    Box::new(move |count| {
        for _ in 0..count / BLOCK {
            assert_eq!(bench::decode(black_box(&chunks)), Ok(BLOCK));
        }
    })
}

pub(super) fn encode(headers: &str) -> Run {
    let headers = parsed(headers);
    let mut out = Vec::new();
    Box::new(move |count| {
        for _ in 0..count / BLOCK {
            for _ in 0..BLOCK {
                bench::encode(black_box(SUBJECT), black_box(&headers), 16, &mut out);
            }
            black_box(&out);
            out.clear();
        }
    })
}

fn parsed(block: &str) -> Headers {
    let block = Bytes::copy_from_slice(block.as_bytes());
    if block.is_empty() { Headers::new() } else { bench::parse_headers(&block).expect("valid") }
}

pub(super) fn parse_headers() -> Run {
    let block = Bytes::from_static(HEADERS.as_bytes());
    each(move || {
        let headers = bench::parse_headers(black_box(&block)).expect("valid");
        assert!(black_box(&headers).get("Trace").is_some());
    })
}

pub(super) fn build_headers() -> Run {
    each(|| {
        let mut headers = Headers::new();
        headers.append("Trace", black_box("7f3a8b61c2d94e05")).expect("valid");
        headers.append("Content-Type", black_box("application/json")).expect("valid");
        black_box(&headers);
    })
}

pub(super) fn check_subject() -> Run {
    each(|| bench::check_subject(black_box(SUBJECT)).expect("valid"))
}

pub(super) fn encoded<C: Encoder<T>, T>(value: &T) -> Bytes {
    let mut out = BytesMut::new();
    C::encode(value, &mut out).expect("it has an encoding");
    out.freeze()
}

pub(super) fn codec_encode<C: Encoder<T>, T: 'static>(value: T) -> Run {
    let mut out = BytesMut::new();
    each(move || {
        out.clear();
        C::encode(black_box(&value), &mut out).expect("it has an encoding");
        black_box(&out);
    })
}

pub(super) fn codec_decode<C, T>(value: &T) -> Run
where
    C: Codec<T>,
    T: 'static,
{
    let payload = encoded::<C, T>(value);
    each(move || {
        black_box(
            Encoded::shared("", black_box(&payload))
                .decode_as::<C, T>()
                .expect("it is an encoding"),
        );
    })
}
