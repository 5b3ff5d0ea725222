//! Text frames. A server of NATS sends none, and some accept them. What they carry is a stream of
//! NATS, whose payloads are bytes: it is passed on as it is, as that of a binary frame. To refuse
//! what is not UTF-8 (cases 6.3, 6.4, 6.8, 6.10, 6.12–6.21 and parts of 6.6 and 6.11) would be to
//! lose a connection for a payload that NATS allows.

use super::*;

const GREEK: &str = "κόσμε";

/// What comes of a text message is what it was, in one frame and in one for each byte.
fn comes_as_it_is(payload: &[u8], case: &str) {
    for bytes in [frame(FIN_TEXT, payload, None), fragments(TEXT, payload, 1)] {
        for piece in [1, bytes.len()] {
            assert_eq!(data(&bytes, piece), payload, "{case}");
        }
    }
}

#[test]
fn cases_6_1_empty_fragments_are_read() {
    assert!(client(&frame(FIN_TEXT, b"", None)).is_empty());
    let empty = || frame(CONTINUED, b"", None);
    let message = |middle: Vec<u8>| {
        [frame(TEXT, b"", None), middle, frame(FIN_CONTINUED, b"", None)].concat()
    };
    assert!(client(&message(empty())).is_empty());
    let middle = frame(CONTINUED, b"middle frame payload", None);
    assert_eq!(client(&message(middle)), ["middle frame payload"]);
}

#[test]
fn cases_6_2_text_is_read_wherever_its_fragments_end() {
    let text = "Hello-µ@ßöäüàá-UTF-8!!".as_bytes();
    for size in [text.len(), 12, 1] {
        let bytes = fragments(TEXT, text, size);
        for piece in [1, 3, bytes.len()] {
            assert_eq!(data(&bytes, piece), text, "6.2.1 to 6.2.3");
        }
    }
    assert_eq!(data(&fragments(TEXT, GREEK.as_bytes(), 1), 1), GREEK.as_bytes(), "6.2.4");
}

#[test]
fn exceptions_6_3_and_6_4_what_is_not_text_is_passed_on_without_waiting_for_the_rest() {
    for wrong in [&b"\xed\xa0\x80"[..], b"\xf4\x90\x80\x80"] {
        let payload = [GREEK.as_bytes(), wrong, b"edited"].concat();
        comes_as_it_is(&payload, "6.3");
        let in_three = [
            frame(TEXT, GREEK.as_bytes(), None),
            frame(CONTINUED, wrong, None),
            frame(FIN_CONTINUED, b"edited", None),
        ]
        .concat();
        assert_eq!(data(&in_three, 1), payload, "6.4.1 and 6.4.3");
        let inside = [
            frame(TEXT, &payload[..12], None),
            frame(CONTINUED, &payload[12..13], None),
            frame(FIN_CONTINUED, &payload[13..], None),
        ]
        .concat();
        assert_eq!(data(&inside, 1), payload, "6.4.2 and 6.4.4");
    }
}

/// Sequences of cases 6.5 to 6.23, as Markus Kuhn's decoder test has them.
const UTF8: [(&str, &[&[u8]]); 10] = [
    ("6.5", &[b"hello\x24world", b"hello\xc2\xa2world", b"hello\xe2\x82\xacworld"]),
    ("6.5", &[b"hello\xf0\xa4\xad\xa2world", GREEK.as_bytes()]),
    ("6.6", &[b"\xce\xba", b"\xce\xba\xe1\xbd\xb9", b"\xce\xba\xe1\xbd\xb9\xcf\x83"]),
    ("6.7", &[b"\0", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]),
    ("6.9", &[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]),
    ("6.11", &[b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"]),
    ("6.22", &[b"\xef\xbf\xbe", b"\xf0\x9f\xbf\xbe", b"\xf0\xaf\xbf\xbf", b"\xf0\xbf\xbf\xbe"]),
    ("6.22", &[b"\xf1\x8f\xbf\xbe", b"\xf2\x9f\xbf\xbf", b"\xf3\xaf\xbf\xbe", b"\xf4\x8f\xbf\xbe"]),
    ("6.23", &[b"\xef\xbf\xb9", b"\xef\xbf\xba", b"\xef\xbf\xbb", b"\xef\xbf\xbc"]),
    ("6.23", &[b"\xef\xbf\xbd", b"\xef\xbf\xbe", b"\xef\xbf\xbf"]),
];

const NOT_UTF8: [(&str, &[&[u8]]); 17] = [
    ("6.6", &[b"\xce", b"\xce\xba\xe1", b"\xce\xba\xe1\xbd", b"\xce\xba\xe1\xbd\xb9\xcf"]),
    ("6.8", &[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
    ("6.10", &[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]),
    ("6.11", &[b"\xf4\x90\x80\x80"]),
    ("6.12", &[b"\x80", b"\xbf", b"\x80\xbf", b"\x80\xbf\x80", b"\x80\xbf\x80\xbf\x80\xbf"]),
    ("6.13", &[b"\xc0 \xc1 \xde ", b"\xe0 \xe1 ", b"\xf0 \xf1 ", b"\xf8 \xf9 ", b"\xfc "]),
    ("6.14", &[b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xdf", b"\xef\xbf"]),
    ("6.14", &[b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf"]),
    ("6.15", &[b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf"]),
    ("6.16", &[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
    ("6.17", &[b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf"]),
    ("6.18", &[b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf"]),
    ("6.19", &[b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80"]),
    ("6.20", &[b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf"]),
    ("6.20", &[b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf"]),
    (
        "6.21",
        &[b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xa0\x80\xed\xbf\xbf", b"\xed\xad\xbf\xed\xb0\x80"],
    ),
    (
        "6.21",
        &[b"\xed\xae\x80\xed\xb0\x80", b"\xed\xaf\xbf\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf"],
    ),
];

#[test]
fn cases_6_5_to_6_23_what_is_utf_8_comes_as_it_is() {
    for (case, all) in UTF8 {
        for payload in all {
            assert!(std::str::from_utf8(payload).is_ok(), "{case}: {payload:x?}");
            comes_as_it_is(payload, case);
        }
    }
}

#[test]
fn exceptions_6_6_to_6_21_what_is_not_utf_8_comes_as_it_is() {
    for (case, all) in NOT_UTF8 {
        for payload in all {
            assert!(std::str::from_utf8(payload).is_err(), "{case}: {payload:x?}");
            comes_as_it_is(payload, case);
        }
    }
}
