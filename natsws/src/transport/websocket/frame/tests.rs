//! Frames as RFC 6455 has them. The numbers are those of the Autobahn test suite's cases.
//!
//! | Cases | What they hold | Here |
//! |---|---|---|
//! | 1.1, 1.2 | payloads of every form of length | as there |
//! | 2.1–2.11 | pings and pongs | as there; a PONG is sent for the last PING of those that wait |
//! | 3.1–3.7 | reserved bits | as there |
//! | 4.1, 4.2 | unknown opcodes | as there |
//! | 5.1–5.20 | fragments, with control frames between | as there; 5.19 and 5.20 are 5.1–5.8 with pauses, and how bytes are cut changes nothing |
//! | 6.1, 6.2, 6.5–6.7, 6.9, 6.22, 6.23 | text that is UTF-8 | as there; of 6.6 and 6.11 what is UTF-8 |
//! | 6.3, 6.4, 6.8, 6.10, 6.12–6.21 | text that is not UTF-8 | **exception**: it is passed on, see [`text`] |
//! | 7.1.1–7.1.6 | nothing counts behind a close | as there, in the tests of the socket |
//! | 7.3, 7.5, 7.7, 7.9 | lengths, reasons and codes of closes | as there; 1012–1014 were registered later and are read |
//! | 7.13 | the codes 5000 and 65535 | left open there, refused here |
//! | 9.1–9.8 | large messages, many fragments, bytes in chops, many messages | as there, see [`large`]; times are not measured |
//! | 10.1 | a message in fragments of 1300 bytes | as there |
//! | 12, 13 | permessage-deflate | see the tests of `deflate` |
//!
//! What is sent back there is what is read here: a client of NATS does not echo.

mod large;
mod text;

use super::*;

/// A frame with this first byte and payload, as a server or a client sends it.
fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = BytesMut::new();
    header(&mut out, 0, payload.len(), key);
    let mut frame = out.to_vec();
    frame[0] = first;
    let mut payload = payload.to_vec();
    if let Some(key) = key {
        mask::apply(&mut payload, key, 0);
    }
    frame.extend_from_slice(&payload);
    frame
}

/// What is read of these bytes when they come in pieces of this size: data joined, one line for
/// everything else, and the fault at the end.
fn read(role: Role, bytes: &[u8], piece: usize) -> Vec<String> {
    let mut reader = Reader::new(role);
    let mut all: Vec<String> = Vec::new();
    let mut block = BytesMut::new();
    for piece in bytes.chunks(piece) {
        block.extend_from_slice(piece);
        loop {
            match reader.next(&mut block) {
                Ok(Read::Nothing) => break,
                Ok(Read::Data(data)) => {
                    let data = String::from_utf8_lossy(&data).into_owned();
                    match all.last_mut() {
                        Some(last) if !last.starts_with('!') => last.push_str(&data),
                        _ => all.push(data),
                    }
                }
                Ok(other) => all.push(format!("!{other:?}")),
                Err(fault) => {
                    all.push(format!("!{fault}"));
                    return all;
                }
            }
        }
    }
    all
}

/// The data alone of what a client reads of these bytes in pieces of this size.
fn data(bytes: &[u8], piece: usize) -> Vec<u8> {
    let mut reader = Reader::new(Role::Client);
    let mut all = Vec::new();
    let mut block = BytesMut::new();
    for piece in bytes.chunks(piece) {
        block.extend_from_slice(piece);
        loop {
            match reader.next(&mut block) {
                Ok(Read::Nothing) => break,
                Ok(Read::Data(data)) => all.extend_from_slice(&data),
                other => unreachable!("there is data alone: {other:?}"),
            }
        }
    }
    all
}

/// A message with this opcode in fragments of this size; the last may be shorter.
fn fragments(opcode: u8, payload: &[u8], size: usize) -> Vec<u8> {
    let count = payload.len().div_ceil(size);
    let mut all = Vec::new();
    for (at, part) in payload.chunks(size).enumerate() {
        let first = if at == 0 { opcode } else { CONTINUED };
        let fin = if at + 1 == count { 0x80 } else { 0 };
        all.extend_from_slice(&frame(fin | first, part, None));
    }
    all
}

/// What a client reads, which is the same however the bytes are cut.
fn client(bytes: &[u8]) -> Vec<String> {
    let whole = read(Role::Client, bytes, bytes.len().max(1));
    for piece in [1, 2, 3, 7] {
        assert_eq!(read(Role::Client, bytes, piece), whole, "in pieces of {piece}");
    }
    whole
}

const TEXT: u8 = 0x01;
const FIN_TEXT: u8 = 0x81;
const FIN_BINARY: u8 = 0x82;
const BINARY: u8 = 0x02;
const CONTINUED: u8 = 0x00;
const FIN_CONTINUED: u8 = 0x80;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const CLOSE: u8 = 0x88;

#[test]
fn cases_1_payloads_of_every_length_form_are_read() {
    for len in [0, 1, 125, 126, 127, 128, 65_535, 65_536] {
        let payload = "x".repeat(len);
        for first in [0x81, FIN_BINARY] {
            let got = client(&frame(first, payload.as_bytes(), None)).concat();
            assert_eq!(got.len(), len, "{first:#x}");
            assert_eq!(got, payload);
        }
    }
}

#[test]
fn cases_2_pings_are_told_with_their_payload_and_pongs_are_ignored() {
    assert_eq!(client(&frame(PING, b"", None)), ["!Ping(b\"\")"]);
    assert_eq!(client(&frame(PING, b"hey", None)), ["!Ping(b\"hey\")"]);
    let longest = frame(PING, &[b'x'; 125], None);
    assert_eq!(client(&longest).len(), 1);
    assert_eq!(
        client(&frame(PING, &[b'x'; 126], None)),
        ["!a control frame has more than 125 bytes"]
    );
    assert!(client(&frame(PONG, b"unasked", None)).is_empty());
    let ten = frame(PING, b"a", None).repeat(10);
    assert_eq!(client(&ten), ["!Ping(b\"a\")"; 10]);
}

#[test]
fn cases_3_reserved_bits_are_refused() {
    for bits in [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70] {
        assert_eq!(client(&frame(FIN_BINARY | bits, b"x", None)), ["!a reserved bit is set"]);
    }
}

#[test]
fn cases_4_unknown_opcodes_are_refused() {
    for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        let expected = format!("!the opcode {opcode:#x} is not known");
        assert_eq!(client(&frame(0x80 | opcode, b"x", None)), [expected]);
    }
}

#[test]
fn cases_5_messages_come_in_fragments_with_control_frames_between() {
    let all = [
        frame(BINARY, b"one", None),
        frame(PING, b"p", None),
        frame(CONTINUED, b"", None),
        frame(CONTINUED, b"two", None),
        frame(PONG, b"", None),
        frame(FIN_CONTINUED, b"three", None),
        frame(FIN_BINARY, b"four", None),
    ]
    .concat();
    assert_eq!(client(&all), ["one", "!Ping(b\"p\")", "twothreefour"]);
    assert_eq!(client(&frame(0x09, b"", None)), ["!a control frame is fragmented"]);
    assert_eq!(client(&frame(0x08, b"", None)), ["!a control frame is fragmented"]);
    assert_eq!(
        client(&frame(FIN_CONTINUED, b"x", None)),
        ["!a message is continued that did not begin"]
    );
    let again = [frame(BINARY, b"x", None), frame(BINARY, b"y", None)].concat();
    assert_eq!(client(&again), ["x", "!a message begins inside another"]);
    let over =
        [frame(BINARY, b"x", None), frame(FIN_CONTINUED, b"y", None), frame(CONTINUED, b"z", None)]
            .concat();
    assert_eq!(client(&over), ["xy", "!a message is continued that did not begin"]);
}

#[test]
fn cases_7_closes_are_read_and_bad_ones_refused() {
    let close = |payload: &[u8]| client(&frame(CLOSE, payload, None));
    assert_eq!(close(b""), ["!Close { code: None }"]);
    assert_eq!(close(b"\x03"), ["!a close frame has a payload of one byte"]);
    assert_eq!(close(b"\x03\xe8bye"), ["!Close { code: Some(1000) }"]);
    assert_eq!(close(b"\x03\xe8\xff"), ["!a close frame has a reason that is not UTF-8"]);
    for code in [1000_u16, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        assert_eq!(close(&code.to_be_bytes()), [format!("!Close {{ code: Some({code}) }}")]);
    }
    for code in [0_u16, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535] {
        let expected = format!("!a close frame has the code {code}, which may not be sent");
        assert_eq!(close(&code.to_be_bytes()), [expected]);
    }
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    assert_eq!(
        client(&[FIN_BINARY, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ["!a length has its highest bit set"]
    );
    for bytes in [&[FIN_BINARY, 126, 0, 125][..], &[FIN_BINARY, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]]
    {
        assert_eq!(client(bytes), ["!a length is not written in the shortest form"]);
    }
    assert_eq!(
        client(&frame(FIN_BINARY, b"x", Some([1, 2, 3, 4]))),
        ["!a server's frame is masked"]
    );
    assert_eq!(
        read(Role::Server, &frame(FIN_BINARY, b"x", None), 100),
        ["!a client's frame is not masked"]
    );
}

#[test]
fn a_client_s_frames_are_unmasked_wherever_they_are_cut() {
    let key = Some([7, 77, 0, 255]);
    let all = [
        frame(FIN_BINARY, b"a text that is longer than a word", key),
        frame(PING, b"ping", key),
        frame(FIN_BINARY, b"more", key),
    ]
    .concat();
    for piece in 1..=all.len() {
        assert_eq!(
            read(Role::Server, &all, piece),
            ["a text that is longer than a word", "!Ping(b\"ping\")", "more"],
            "in pieces of {piece}"
        );
    }
}

#[test]
fn a_frame_is_passed_on_before_it_is_whole_and_is_not_copied() {
    let mut reader = Reader::new(Role::Client);
    let mut block = BytesMut::new();
    header(&mut block, 2, 64 * 1024 * 1024, None);
    block.extend_from_slice(b"the beginning");
    let at = block.as_ptr() as usize + 10;
    let Ok(Read::Data(data)) = reader.next(&mut block) else { unreachable!("there is data") };
    assert_eq!((&data[..], data.as_ptr() as usize), (&b"the beginning"[..], at));
    assert_eq!(reader.next(&mut block), Ok(Read::Nothing));
}

#[test]
fn small_frames_come_joined_and_large_ones_and_controls_stand_by_themselves() {
    let large = vec![b'l'; JOINED + 1];
    let mut bytes = Vec::new();
    for payload in [&b"one"[..], b"", b"two", b"three"] {
        bytes.extend(frame(0x82, payload, None));
    }
    bytes.extend(frame(0x89, b"?", None));
    bytes.extend(frame(0x82, b"four", None));
    bytes.extend(frame(0x82, &large, None));
    bytes.extend(frame(0x82, b"five", None));
    bytes.extend(frame(0xc2, b"bad", None));
    let mut block = BytesMut::from(&bytes[..]);
    let mut reader = Reader::new(Role::Client);
    let mut next = || reader.next(&mut block);
    assert_eq!(next(), Ok(Read::Data(Bytes::from_static(b"onetwothree"))));
    assert_eq!(next(), Ok(Read::Ping(Bytes::from_static(b"?"))));
    assert_eq!(next(), Ok(Read::Data(Bytes::from_static(b"four"))));
    assert_eq!(next(), Ok(Read::Data([&large[..], b"five"].concat().into())));
    assert_eq!(next(), Err(Fault::Reserved));
    assert_eq!(next(), Err(Fault::Reserved));
}
