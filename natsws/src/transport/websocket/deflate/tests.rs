//! Messages as RFC 7692 has them. The numbers are those of the Autobahn test suite's cases.
//!
//! | Cases | What they hold | Here |
//! |---|---|---|
//! | 12.1–12.5 | messages of 16 to 131072 bytes, whole and in fragments, of five files | as there, of four kinds of data, and fewer of each |
//! | 13.2 | no context is kept | as there: it is what is offered |
//! | 13.1, 13.3–13.7 | context is kept, smaller windows | **exception**: not offered, since it takes memory or makes messages larger; a server that says it uses a smaller window is read |

use proptest::prelude::*;

use super::*;
use crate::transport::websocket::frame::{self, Role};

/// What is read of these frames in pieces of this size: data joined, and the fault at the end.
fn read(frames: &[u8], piece: usize) -> (Vec<u8>, Option<String>) {
    let mut reader = Reader::new(Role::Client);
    reader.allow_compression();
    let mut deflate = Deflate::new();
    let mut all = Vec::new();
    let mut block = BytesMut::new();
    for piece in frames.chunks(piece) {
        block.extend_from_slice(piece);
        loop {
            match deflate.read(&mut reader, &mut block) {
                Ok(Read::Nothing) => break,
                Ok(Read::Data(data)) => {
                    assert!(data.len() <= BLOCK || !reader.is_compressed(), "{}", data.len());
                    all.extend_from_slice(&data);
                }
                Ok(other) => unreachable!("there is data alone: {other:?}"),
                Err(fault) => return (all, Some(fault.to_string())),
            }
        }
    }
    (all, None)
}

/// A message in frames of this size, which is compressed where `bit` says so.
fn frames(payload: &[u8], size: usize, bit: u8) -> Vec<u8> {
    let count = payload.len().div_ceil(size).max(1);
    let mut out = BytesMut::new();
    for at in 0..count {
        let part = &payload[at * size..payload.len().min((at + 1) * size)];
        let from = out.len();
        frame::header(&mut out, if at == 0 { 2 | bit } else { 0 }, part.len(), None);
        if at + 1 < count {
            out[from] &= 0x7f;
        }
        out.extend_from_slice(part);
    }
    out.to_vec()
}

fn whole(payload: &[u8]) -> Vec<u8> {
    frames(payload, payload.len().max(1), frame::COMPRESSED)
}

/// Compresses as a server does, with nothing of ours.
fn compressed(payload: &[u8], level: u32) -> Vec<u8> {
    let mut compress = Compress::new(Compression::new(level), false);
    let mut out = Vec::with_capacity(payload.len() + 1024);
    compress.compress_vec(payload, &mut out, FlushCompress::Sync).expect("it can");
    assert_eq!(compress.total_in(), payload.len() as u64);
    out.truncate(out.len() - END.len());
    out
}

/// Data of four kinds: alike, JSON, text, and noise.
fn data(kind: usize, len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(len as u64);
    let words = ["order", "region", "total", "created", "eu-west", "42", "1.5", "\r\n"];
    let mut all = Vec::with_capacity(len + 64);
    while all.len() < len {
        match kind {
            0 => all.extend_from_slice(&[b'x'; 64]),
            1 => {
                let line = format!("{{\"id\":{},\"total\":{}}}", random.u32(..), random.u8(..));
                all.extend_from_slice(line.as_bytes());
            }
            2 => all.extend_from_slice(words[random.usize(..words.len())].as_bytes()),
            _ => all.push(random.u8(..)),
        }
    }
    all.truncate(len);
    all
}

#[test]
fn the_examples_of_the_standard_are_read_however_they_are_cut() {
    let examples: [(&[u8], &[u8]); 5] = [
        (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"Hello"),
        (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", b"Hello"),
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", b"Hello"),
        (b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", b"Hello"),
        (b"\x00", b""),
    ];
    for (payload, expected) in examples {
        for size in 1..=payload.len() {
            // One after the other, since none may change what the next one means.
            let bytes = frames(payload, size, frame::COMPRESSED).repeat(2);
            for piece in [1, 2, 3, bytes.len()] {
                assert_eq!(read(&bytes, piece), (expected.repeat(2), None), "{payload:x?} {size}");
            }
        }
    }
}

#[test]
fn the_end_of_a_message_may_be_a_frame_without_anything() {
    for payload in [&b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..], b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"] {
        let mut bytes = whole(payload);
        bytes[0] &= 0x7f;
        bytes.extend_from_slice(&[0x80, 0]);
        assert_eq!(read(&bytes.repeat(2), 1), (b"HelloHello".to_vec(), None));
    }
}

#[test]
fn cases_12_messages_of_every_size_are_read_whole_and_in_fragments() {
    for kind in 0..4 {
        for len in [0, 1, 16, 64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536, 131_072] {
            let payload = data(kind, len);
            let sent = compressed(&payload, 1);
            for size in [256, 1024, 4096, 32_768, sent.len()] {
                let bytes = frames(&sent, size, frame::COMPRESSED).repeat(2);
                assert!(read(&bytes, BLOCK) == (payload.repeat(2), None), "{kind} {len} {size}");
            }
        }
    }
}

#[test]
fn case_13_2_messages_are_read_at_every_level_and_among_others_that_are_not_compressed() {
    let payload = data(1, 20_000);
    let plain = frames(b"plain", 2, 0);
    for level in 0..=9 {
        let bytes = [whole(&compressed(&payload, level)), plain.clone()].concat().repeat(3);
        let expected = [&payload[..], b"plain"].concat().repeat(3);
        for piece in [7, 1000, bytes.len()] {
            assert!(read(&bytes, piece) == (expected.clone(), None), "{level} {piece}");
        }
    }
}

#[test]
fn what_is_no_compressed_message_is_refused() {
    let corrupt = "compressed data is corrupt";
    let incomplete = "a compressed message ends in the middle";
    let behind = "a compressed message goes on behind its end";
    for (payload, expected) in [
        (&b"\x07"[..], corrupt),
        (b"\x00\x05\x00\x00\x00Hello\x00", corrupt),
        (b"\xf2\x48\xcd", incomplete),
        (b"\x00\x05\x00\xfa\xffHel", incomplete),
        // The length that is announced is as long as what is left out.
        (b"\x00\x09\x00\xf6\xff", incomplete),
        (b"", incomplete),
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x01", behind),
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00\x00", behind),
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00", behind),
    ] {
        for piece in [1, 100] {
            let (_, fault) = read(&whole(payload), piece);
            assert_eq!(fault.as_deref(), Some(expected), "{payload:x?}");
        }
    }
}

#[test]
fn only_the_first_frame_of_a_message_says_that_it_is_compressed() {
    let reserved = Some("a reserved bit is set".to_owned());
    for first in [0xc8, 0xc9, 0xca, 0xa2, 0x92, 0xe2] {
        assert_eq!(read(&[first, 0], 1), (Vec::new(), reserved.clone()), "{first:#x}");
    }
    for second in [0x40, 0xc0] {
        assert_eq!(read(&[0x42, 0, second, 0], 1), (Vec::new(), reserved.clone()));
        assert_eq!(read(&[0x02, 1, b'x', second, 0], 1), (b"x".to_vec(), reserved.clone()));
    }
}

/// Some bytes that inflate to 1 MiB of zeros each time they come, in whole blocks.
fn bomb() -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(64 * 1024);
    let zeros = vec![0; 1024 * 1024];
    compress.compress_vec(&zeros, &mut out, FlushCompress::Full).expect("it can");
    out
}

#[test]
fn a_bomb_goes_off_a_block_at_a_time_and_no_faster_than_it_is_taken() {
    let parts = 1024;
    let sent = bomb().repeat(parts);
    assert!(sent.len() < 2 * 1024 * 1024, "{}", sent.len());
    let mut inflater = Inflater::new();
    inflater.push(sent.clone().into(), true);
    for taken in 1..=64 {
        let block = inflater.next().expect("it is no fault").expect("there is more");
        assert!(block.len() <= BLOCK && block.iter().all(|byte| *byte == 0));
        let begun = sent.len() - inflater.input.len();
        assert!(begun <= (taken + 1) * BLOCK / 512, "{taken}: {begun}");
    }
}

#[test]
fn messages_without_anything_give_others_their_turn() {
    let mut reader = Reader::new(Role::Client);
    reader.allow_compression();
    let mut deflate = Deflate::new();
    let mut block = BytesMut::from(&whole(&[0]).repeat(3)[..]);
    for _ in 0..3 {
        let read = deflate.read(&mut reader, &mut block).expect("it is no fault");
        assert_eq!(read, Read::Data(Bytes::new()));
    }
    assert_eq!(deflate.read(&mut reader, &mut block).expect("no fault"), Read::Nothing);
}

/// The messages that go out, each as it was and whether it went compressed.
fn sent(payload: &[u8], max_payload: usize) -> Vec<(Vec<u8>, bool)> {
    let mut deflate = Deflate::new();
    deflate.limit(max_payload);
    let mut rest = Bytes::copy_from_slice(payload);
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (message, is_compressed) = deflate.message(&mut rest);
        let bit = if is_compressed { frame::COMPRESSED } else { 0 };
        let size = message.len();
        let (inflated, fault) = read(&frames(&message, size, bit), size);
        assert_eq!(fault, None);
        assert!(!is_compressed || size < inflated.len(), "it was worth it");
        all.push((inflated, is_compressed));
    }
    all
}

#[test]
fn no_compressed_message_inflates_to_more_than_the_server_takes() {
    for max_payload in [64, 100, 1000, 65_535, 65_536, 1024 * 1024] {
        let payload = data(1, 200_000);
        let messages = sent(&payload, max_payload);
        for (message, is_compressed) in &messages {
            assert!(!is_compressed || message.len() <= max_payload.min(BLOCK));
        }
        assert!(messages.len() >= 200_000 / max_payload.min(BLOCK));
        let all: Vec<u8> = messages.into_iter().flat_map(|(message, _)| message).collect();
        assert!(all == payload, "{max_payload}");
    }
}

#[test]
fn what_is_short_or_does_not_get_shorter_goes_as_it_is() {
    let compressed = |payload: &[u8]| -> Vec<bool> {
        sent(payload, 1024 * 1024).iter().map(|(_, is_compressed)| *is_compressed).collect()
    };
    assert!(compressed(b"").is_empty());
    assert_eq!(compressed(&[b'x'; 63]), [false]);
    assert_eq!(compressed(&[b'x'; 64]), [true]);
    assert_eq!(compressed(&data(3, 1000)), [false]);
    assert_eq!(compressed(&data(0, BLOCK + 63)), [true, false]);
    assert_eq!(compressed(&data(0, BLOCK + 64)), [true, true]);
}

#[test]
fn nothing_is_compressed_before_the_server_has_said_what_it_takes() {
    for max_payload in [0, 1, 63] {
        let payload = data(0, 100_000);
        assert!(sent(&payload, max_payload) == [(payload, false)], "{max_payload}");
    }
}

proptest! {
    #[test]
    fn what_is_sent_is_read(
        seeds in prop::collection::vec((0..4_usize, 0..3000_usize), 0..20),
        max_payload in 0..5000_usize,
        piece in 1..3000_usize,
    ) {
        let payload: Vec<u8> = seeds.into_iter().flat_map(|(kind, len)| data(kind, len)).collect();
        let mut deflate = Deflate::new();
        deflate.limit(max_payload);
        let mut rest = Bytes::copy_from_slice(&payload);
        let mut bytes = Vec::new();
        while !rest.is_empty() {
            let (message, is_compressed) = deflate.message(&mut rest);
            let bit = if is_compressed { frame::COMPRESSED } else { 0 };
            bytes.extend_from_slice(&frames(&message, message.len(), bit));
        }
        prop_assert_eq!(read(&bytes, piece), (payload, None));
    }
}
