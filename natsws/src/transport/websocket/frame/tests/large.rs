//! Cases 9 and 10: large messages and small pieces. The largest are cut to a size that tests the same
//! in little time; the socket's tests and those with a server have tens of megabytes.

use super::*;

const K: usize = 1024;
const M: usize = K * K;
/// What one read gives.
const READ: usize = 64 * K;

/// Bytes that differ from their neighbours, so that one that is out of place is seen.
fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251).to_le_bytes()[0]).collect()
}

#[test]
fn cases_9_1_and_9_2_messages_of_up_to_16_mib_are_read() {
    for size in [64 * K, 256 * K, M, 4 * M, 16 * M] {
        let payload = payload(size);
        for first in [FIN_TEXT, FIN_BINARY] {
            assert!(data(&frame(first, &payload, None), READ) == payload, "{first:#x} {size}");
        }
    }
}

#[test]
fn cases_9_3_and_9_4_messages_are_read_in_fragments_of_every_size() {
    let payload = payload(M);
    for size in [64, 256, K, 4 * K, 16 * K, 64 * K, 256 * K, M] {
        for opcode in [TEXT, BINARY] {
            assert!(data(&fragments(opcode, &payload, size), READ) == payload, "{opcode} {size}");
        }
    }
}

#[test]
fn cases_9_5_and_9_6_a_message_is_read_in_chops_of_every_size() {
    let payload = payload(M);
    for first in [FIN_TEXT, FIN_BINARY] {
        let bytes = frame(first, &payload, None);
        for chop in [64, 128, 256, 512, K, 2 * K] {
            assert!(data(&bytes, chop) == payload, "{first:#x} {chop}");
        }
    }
}

#[test]
fn cases_9_7_and_9_8_a_thousand_messages_are_read() {
    for size in [0, 16, 64, 256, K, 4 * K] {
        let payload = payload(size);
        for first in [FIN_TEXT, FIN_BINARY] {
            let bytes = frame(first, &payload, None).repeat(1000);
            assert!(data(&bytes, READ) == payload.repeat(1000), "{first:#x} {size}");
        }
    }
}

#[test]
fn case_10_1_a_message_is_read_in_51_fragments() {
    let payload = payload(65_536);
    let bytes = fragments(TEXT, &payload, 1300);
    let headers = 51 * 4;
    assert_eq!(bytes.len(), 65_536 + headers);
    for piece in [1, READ, bytes.len()] {
        assert!(data(&bytes, piece) == payload, "in pieces of {piece}");
    }
}

#[test]
fn a_length_of_2_to_the_62_holds_no_memory() {
    for len in [4_u64 << 30, 1 << 62, (1 << 63) - 1] {
        let mut reader = Reader::new(Role::Client);
        let mut block = BytesMut::with_capacity(READ);
        block.extend_from_slice(&[FIN_BINARY, 127]);
        block.extend_from_slice(&len.to_be_bytes());
        assert_eq!(reader.next(&mut block), Ok(Read::Nothing));
        for _ in 0..100 {
            block.extend_from_slice(b"a little");
            assert_eq!(reader.next(&mut block), Ok(Read::Data(Bytes::from_static(b"a little"))));
        }
        assert_eq!(reader.next(&mut block), Ok(Read::Nothing));
        assert!(block.capacity() <= READ, "{} bytes are held", block.capacity());
    }
}
