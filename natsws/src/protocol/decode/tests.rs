use proptest::prelude::*;

use super::*;
use crate::delivery::{Delivery, Place};
use crate::protocol::op::{ClientOp, ServerOp};

/// An operation as text that tests compare.
fn shown(op: &ServerOp) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match op {
        ServerOp::Info(json) => format!("INFO: {}", text(json)),
        ServerOp::Err(error) => format!("ERR: {}", text(error)),
        ServerOp::Ping => "PING".to_owned(),
        ServerOp::Pong => "PONG".to_owned(),
        ServerOp::Ok => "OK".to_owned(),
        ServerOp::Msg { sid, delivery } => format!(
            "MSG: {} {sid} {} [{}] [{}]",
            text(delivery.subject()),
            text(delivery.reply().unwrap_or(b"-")),
            text(&delivery.headers()),
            text(&delivery.payload()),
        ),
    }
}

/// Decodes everything, in chunks of the given sizes, over and over.
fn decode(bytes: &[u8], sizes: &[usize]) -> (Vec<String>, Option<ProtocolError>) {
    decode_within(bytes, sizes, Limits::default())
}

fn decode_within(
    bytes: &[u8],
    sizes: &[usize],
    limits: Limits,
) -> (Vec<String>, Option<ProtocolError>) {
    let mut decoder = Decoder::new(limits);
    let mut ops = Vec::new();
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        let (chunk, left) = rest.split_at((*size).min(rest.len()));
        rest = left;
        decoder.push(Bytes::copy_from_slice(chunk));
        loop {
            match decoder.next::<ServerOp>() {
                Ok(Some(op)) => ops.push(shown(&op)),
                Ok(None) => break,
                Err(error) => return (ops, Some(error)),
            }
        }
        if rest.is_empty() {
            break;
        }
    }
    (ops, None)
}

/// Whole and byte by byte must agree.
fn ops(bytes: &str) -> Vec<String> {
    let whole = decode(bytes.as_bytes(), &[usize::MAX]);
    assert_eq!(whole, decode(bytes.as_bytes(), &[1]), "{bytes:?}");
    assert_eq!(whole.1, None, "{bytes:?}");
    whole.0
}

fn fault(bytes: &str) -> ProtocolFault {
    let whole = decode(bytes.as_bytes(), &[usize::MAX]);
    assert_eq!(whole, decode(bytes.as_bytes(), &[1]), "{bytes:?}");
    whole.1.expect("these bytes are not the protocol").fault
}

#[test]
fn simple_operations_are_read_whatever_their_case_and_blanks() {
    assert_eq!(ops("PING\r\n"), ["PING"]);
    assert_eq!(ops("ping\r\n"), ["PING"]);
    assert_eq!(ops("PING \r \n"), ["PING"]);
    assert_eq!(ops("PONG\n"), ["PONG"]);
    assert_eq!(ops("+OK\r\n"), ["OK"]);
    assert_eq!(ops("+OKay\r\n"), ["OK"]);
    assert_eq!(ops("-ERR '234 6789'\r\n"), ["ERR: '234 6789'"]);
    assert_eq!(ops("-ERR\r\n"), ["ERR: "]);
    assert_eq!(ops("INFO {}\r\n"), ["INFO: {}"]);
    assert_eq!(ops("INFO  {}  \r\n"), ["INFO: {}"]);
    assert_eq!(ops("INFO\t{\"a\": 1} \r\n"), ["INFO: {\"a\": 1}"]);
    assert_eq!(ops("PING\r\nPONG\r\n+OK\r\n"), ["PING", "PONG", "OK"]);
}

#[test]
fn messages_are_read_with_and_without_reply_and_headers() {
    assert_eq!(ops("MSG foo 1 3\r\nabc\r\n"), ["MSG: foo 1 - [] [abc]"]);
    assert_eq!(ops("MSG foo 1 0\r\n\r\n"), ["MSG: foo 1 - [] []"]);
    assert_eq!(ops("MSG foo 1 bar 3\r\nabc\r\n"), ["MSG: foo 1 bar [] [abc]"]);
    assert_eq!(ops("msg\tfoo  1\t bar 3\nabc\n"), ["MSG: foo 1 bar [] [abc]"]);
    assert_eq!(
        ops("HMSG foo 1 12 15\r\nNATS/1.0\r\n\r\nabc\r\n"),
        ["MSG: foo 1 - [NATS/1.0\r\n\r\n] [abc]"]
    );
    assert_eq!(
        ops("HMSG foo 1 bar 12  12\r\nNATS/1.0\r\n\r\n\r\nPING\r\n"),
        ["MSG: foo 1 bar [NATS/1.0\r\n\r\n] []", "PING"]
    );
    assert_eq!(ops("HMSG foo 1 0 2\r\nab\r\n"), ["MSG: foo 1 - [] [ab]"]);
}

#[test]
fn a_payload_is_opaque() {
    assert_eq!(ops("MSG a 1 8\r\nPING\r\n\r\n\r\n"), ["MSG: a 1 - [] [PING\r\n\r\n]"]);
    let (read, error) = decode(b"MSG a 1 3\r\n\0\xff\n\r\n", &[2]);
    assert_eq!((read, error), (vec!["MSG: a 1 - [] [\0\u{fffd}\n]".to_owned()], None));
}

#[test]
fn malformed_lines_are_refused() {
    for line in [
        " PING",
        "POO",
        "Px",
        "PIx",
        "PINx",
        "PONx",
        "ZOO",
        "Mx",
        "MSx",
        "MSGx",
        "+x",
        "+0x",
        "-x",
        "-Ex",
        "-ERx",
        "-ERRx",
        "IxNFO {}",
        "INxFO {}",
        "INFxO {}",
        "INFOx {}",
        "INFO{}",
        "HTTP/1.1 400",
        "\u{16}\u{3}\u{1}",
        "MSG",
    ] {
        assert_eq!(fault(&format!("{line}\r\n")), ProtocolFault::UnknownOperation, "{line:?}");
    }
    for line in
        ["MSG ", "MSG foo", "MSG foo 1", "HMSG foo 1 2", "HMSG foo 1 r 2 3 4", "MSG a 1 r 2 3"]
    {
        assert_eq!(fault(&format!("{line}\r\n")), ProtocolFault::Arguments, "{line:?}");
    }
    for line in [
        "MSG foo bar 1",
        "MSG foo bar 1 baz",
        "MSG foo 1 bar baz",
        "MSG a b c",
        "MSG a 1 -1",
        "MSG a 1 +1",
        "MSG a 1 1x",
        "MSG a 1 18446744073709551615",
        "MSG a 1 18446744073709551606",
        "MSG a 1 00000000000000000001",
        "HMSG a 1 x 2",
    ] {
        assert_eq!(fault(&format!("{line}\r\n")), ProtocolFault::Number, "{line:?}");
    }
    assert_eq!(fault("HMSG a 1 5 4\r\n"), ProtocolFault::HeaderSize);
    assert_eq!(fault("MSG a 1 2\r\nabc\r\n"), ProtocolFault::PayloadEnd);
    assert_eq!(fault("MSG a 1 2\r\nab\rx"), ProtocolFault::PayloadEnd);
}

#[test]
fn a_peer_that_speaks_something_else_is_found_out_before_its_line_ends() {
    let (_, error) = decode(b"SSH-2.0-OpenSSH", &[1]);
    assert_eq!(error, Some(ProtocolError { fault: ProtocolFault::UnknownOperation, at: 0 }));
}

#[test]
fn an_error_stays_and_says_where_it_was() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(Bytes::from_static(b"PING\r\nMSG a 1 1\r\nx\r\nPOO\r\nPING\r\n"));
    assert!(matches!(decoder.next::<ServerOp>(), Ok(Some(ServerOp::Ping))));
    assert!(matches!(decoder.next::<ServerOp>(), Ok(Some(ServerOp::Msg { .. }))));
    let expected = ProtocolError { fault: ProtocolFault::UnknownOperation, at: 20 };
    assert_eq!(decoder.next::<ServerOp>().err(), Some(expected));
    decoder.push(Bytes::from_static(b"PING\r\n"));
    assert_eq!(decoder.next::<ServerOp>().err(), Some(expected));
}

#[test]
fn sizes_beyond_the_limits_are_refused_before_anything_is_kept() {
    let limits = Limits { line: 100, message: 10 };
    let large = |bytes: &[u8], chunk| decode_within(bytes, &[chunk], limits).1.map(|e| e.fault);
    for chunk in [1, 7, usize::MAX] {
        assert_eq!(
            large(b"MSG a 1 11\r\n", chunk),
            Some(ProtocolFault::MessageTooLarge { len: 11, max: 10 })
        );
        assert_eq!(
            large(b"MSG a 1 999999999999999\r\n", chunk),
            Some(ProtocolFault::MessageTooLarge { len: 999_999_999_999_999, max: 10 })
        );
        assert_eq!(large(b"MSG a 1 10\r\n0123456789\r\n", chunk), None);
        let long = format!("MSG {} 1 1\r\n", "a".repeat(100));
        assert_eq!(large(long.as_bytes(), chunk), Some(ProtocolFault::LineTooLong { max: 100 }));
        let info = format!("INFO {}\r\n", "1".repeat(200));
        assert_eq!(large(info.as_bytes(), chunk), None);
    }
}

#[test]
fn long_replies_and_payloads_in_pieces_come_out_whole() {
    let reply = "r".repeat(1000);
    let payload: String = (0..102_400_u32).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
    let wire = format!("MSG foo 1 {reply} {}\r\n{payload}\r\nPING\r\n", payload.len());
    let expected = [format!("MSG: foo 1 {reply} [] [{payload}]"), "PING".to_owned()];
    assert_eq!(decode(wire.as_bytes(), &[1024]).0, expected);
    assert_eq!(decode(wire.as_bytes(), &[usize::MAX]).0, expected);
}

#[test]
fn messages_kept_while_others_arrive_do_not_change() {
    let mut decoder = Decoder::new(Limits::default());
    let mut kept = Vec::new();
    for n in 0..100_u8 {
        let payload = vec![n; 1 << 16];
        let mut wire = format!("HMSG s.{n} 1 r.{n} 12 {}\r\nNATS/1.0\r\n\r\n", payload.len() + 12)
            .into_bytes();
        wire.extend_from_slice(&payload);
        wire.extend_from_slice(b"\r\n");
        for chunk in wire.chunks(10_000) {
            decoder.push(Bytes::copy_from_slice(chunk));
            while let Some(op) = decoder.next::<ServerOp>().expect("the protocol") {
                kept.push(op);
            }
        }
    }
    assert_eq!(kept.len(), 100);
    for (n, op) in kept.iter().enumerate() {
        let ServerOp::Msg { delivery, .. } = op else { panic!("only messages were sent") };
        assert_eq!(delivery.subject(), format!("s.{n}").as_bytes());
        assert_eq!(delivery.reply(), Some(format!("r.{n}").as_bytes()));
        assert!(delivery.payload().iter().all(|byte| usize::from(*byte) == n));
    }
}

#[test]
fn a_whole_message_is_not_copied() {
    let chunk = Bytes::from_static(b"MSG a 1 3\r\nabc\r\n");
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(chunk.clone());
    let Ok(Some(ServerOp::Msg { delivery, .. })) = decoder.next::<ServerOp>() else {
        panic!("a message")
    };
    assert_eq!(delivery.payload().as_ptr(), chunk[11..].as_ptr());
}

#[test]
fn what_clients_send_is_read_too() {
    let wire = b"CONNECT {\"verbose\":false}\r\nSUB a.* 1\r\nSUB b q 2\r\nUNSUB 1\r\nUNSUB 2 5\r\n\
        PUB x 2\r\nhi\r\nPUB x r 0\r\n\r\nHPUB x 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPING\r\nPONG\r\n";
    for size in [1, 3, 1000] {
        let mut decoder = Decoder::new(Limits::default());
        let mut read = Vec::new();
        for chunk in wire.chunks(size) {
            decoder.push(Bytes::copy_from_slice(chunk));
            while let Some(op) = decoder.next::<ClientOp>().expect("the protocol") {
                read.push(match op {
                    ClientOp::Connect(json) => format!("CONNECT {json:?}"),
                    ClientOp::Sub { subject, queue_group, sid } => {
                        format!("SUB {subject:?} {queue_group:?} {sid}")
                    }
                    ClientOp::Unsub { sid, max } => format!("UNSUB {sid} {max:?}"),
                    ClientOp::Pub(delivery) => format!(
                        "PUB {:?} {:?} {:?}",
                        delivery.subject_text(),
                        delivery.has_headers(),
                        delivery.payload()
                    ),
                    ClientOp::Ping => "PING".to_owned(),
                    ClientOp::Pong => "PONG".to_owned(),
                });
            }
        }
        assert_eq!(
            read,
            [
                "CONNECT b\"{\\\"verbose\\\":false}\"",
                "SUB b\"a.*\" None 1",
                "SUB b\"b\" Some(b\"q\") 2",
                "UNSUB 1 None",
                "UNSUB 2 Some(5)",
                "PUB Some(\"x\") false b\"hi\"",
                "PUB Some(\"x\") false b\"\"",
                "PUB Some(\"x\") true b\"hi\"",
                "PING",
                "PONG",
            ]
        );
    }
}

/// Bytes that are often nearly the protocol.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"MSG a.b 1 3\r\nabc\r\n".to_vec()),
        2 => Just(b"HMSG a 1 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n".to_vec()),
        2 => Just(b"PING\r\n".to_vec()),
        1 => Just(b"INFO {\"max_payload\":10}\r\n".to_vec()),
        1 => Just(b"-ERR 'x'\r\n".to_vec()),
        1 => Just(b"MSG a 1 ".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn every_way_to_cut_the_bytes_gives_the_same_operations(
        bytes in pieces(),
        sizes in proptest::collection::vec(1..20_usize, 1..8),
    ) {
        let limits = Limits { line: 64, message: 20 };
        let whole = decode_within(&bytes, &[usize::MAX], limits);
        prop_assert_eq!(&whole, &decode_within(&bytes, &sizes, limits));
        prop_assert_eq!(&whole, &decode_within(&bytes, &[1], limits));
    }
}

#[test]
fn the_operations_of_a_block_come_together_and_messages_as_places_in_it() {
    let mut decoder = Decoder::new(Limits::default());
    let whole = Bytes::from_static(b"PING\r\nMSG a 1 1\r\nx\r\nMSG b 2 r 2\r\nyz\r\nMSG c");
    decoder.push(whole.clone());
    decoder.push(Bytes::from_static(b" 3 1\r\n!\r\nPONG\r\n"));
    let mut all = Vec::new();
    loop {
        let mut texts = Vec::new();
        let put = |op: ServerOp<Place>, block: &Bytes| {
            texts.push(match op {
                ServerOp::Msg { sid, delivery } => {
                    let delivery = Delivery::new(block.clone(), delivery);
                    shown(&ServerOp::Msg { sid, delivery })
                }
                ServerOp::Ping => "PING".to_owned(),
                ServerOp::Pong => "PONG".to_owned(),
                other => format!("{other:?}"),
            });
            texts.len() < 2
        };
        if !decoder.each(put).expect("the protocol") {
            break;
        }
        all.push(texts);
    }
    let expected: [&[&str]; 4] = [
        &["PING", "MSG: a 1 - [] [x]"],
        &["MSG: b 2 r [] [yz]"],
        &["MSG: c 3 - [] [!]"],
        &["PONG"],
    ];
    assert_eq!(all, expected);
}
