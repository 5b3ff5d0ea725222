//! What others send must not hurt: other publishers, and servers that break the protocol.

use natsws::{Disconnect, Event, ProtocolFault, SubscriptionError};
use natsws_tests::{info, within};

use crate::place::Raw;
use crate::{event, next, quick, scripted_as};

everywhere! {
    async fn subjects_that_are_not_text_are_one_error_each(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a.>").await.expect("subscribed");
        let mut raw = Raw::connect(place.tcp()).await;
        raw.send(b"PUB a.\xff 3\r\nbad\r\nPUB a.b \xfe\xff 2\r\nno\r\nPUB a.c 4\r\ngood\r\nPING\r\n").await;
        raw.read_until("PONG\r\n").await;
        for (subject, reply, payload) in [
            (&b"a.\xff"[..], None, &b"bad"[..]),
            (b"a.b", Some(&b"\xfe\xff"[..]), b"no"),
        ] {
            let item = within("an error", sub.next()).await.expect("the subscription goes on");
            let Err(SubscriptionError::SubjectNotUtf8 { raw }) = item else {
                unreachable!("not that error: {item:?}")
            };
            assert_eq!((raw.subject(), raw.reply(), raw.payload()), (subject, reply, payload));
        }
        let msg = next(&mut sub).await;
        assert_eq!((msg.subject(), msg.text()), ("a.c", Ok("good")));
        assert_eq!((nc.stats().reconnects, sub.processed()), (0, 3));
    }

    async fn malformed_headers_are_one_error_each(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        let mut raw = Raw::connect(place.tcp()).await;
        let blocks: [&[u8]; 9] = [
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"NATS/1.0\nA: b\n\n",
            b"NATS/1.0\r\n: b\r\n\r\n",
            b"NATS/1.0\r\nA: b\r\n",
            b"NATS/1.0 what\r\n\r\n",
            b"NATS/1.0\r\nno colon\r\n\r\n",
            b"NATS/1.0\r\nA: \xff\r\n\r\n",
            b"NATS/1.0\r\nA: b\0\r\n\r\n",
            b"NATS/1.00\r\n\r\n",
        ];
        for block in blocks {
            let mut publish = format!("HPUB a {} {}\r\n", block.len(), block.len() + 2).into_bytes();
            publish.extend_from_slice(block);
            publish.extend_from_slice(b"hi\r\n");
            raw.send(publish).await;
        }
        let many = format!("NATS/1.0\r\n{}\r\n", "Name: a value of some length\r\n".repeat(2000));
        raw.send(format!("HPUB a {} {}\r\n{many}\r\nPUB a 4\r\ngood\r\nPING\r\n", many.len(), many.len())).await;
        raw.read_until("PONG\r\n").await;
        for block in blocks {
            let item = within("an error", sub.next()).await.expect("the subscription goes on");
            let Err(SubscriptionError::MalformedHeaders { raw, .. }) = item else {
                unreachable!("{:?} is taken: {item:?}", block.escape_ascii().to_string())
            };
            assert_eq!((&raw.header_block()[..], raw.payload()), (block, &b"hi"[..]));
        }
        assert_eq!(next(&mut sub).await.headers().len(), 2000);
        assert_eq!(next(&mut sub).await.text(), Ok("good"));
        assert_eq!(nc.stats().reconnects, 0);
    }

    async fn odd_but_valid_subjects_arrive(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe(">").await.expect("subscribed");
        let long = "x".repeat(2000);
        for subject in ["é.ü", "a.\u{1f600}", "$a", "a*b", "a>b", "a/b", "%s", long.as_str()] {
            if !subject.contains(['*', '>']) {
                nc.publish(subject, "x").await.expect("published");
                assert_eq!(next(&mut sub).await.subject(), subject);
            }
        }
        let mut raw = Raw::connect(place.tcp()).await;
        raw.send("PUB a.* 1\r\nx\r\nPUB b \"q\" 1\r\nx\r\n").await;
        assert_eq!(next(&mut sub).await.subject(), "a.*");
        assert_eq!(next(&mut sub).await.reply(), Some("\"q\""));
    }
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_left_and_the_subscription_restored() {
    // A server that breaks so often is waited for longer and longer otherwise.
    let options = quick().reconnect_delay(|_| std::time::Duration::ZERO);
    let (scripted, mut peer, nc) = scripted_as(&info(), options).await;
    let mut events = nc.events();
    let mut sub = nc.subscribe("a").queue("g").max(50).unconfirmed().await.expect("subscribed");
    assert_eq!(peer.expect_line("SUB").await, "SUB a g 1");
    assert_eq!(peer.expect_line("UNSUB").await, "UNSUB 1 50");
    let mut left = 50;
    for (bytes, fault) in [
        (&b"MSG a 1 18446744073709551615\r\n"[..], None),
        (b"MSG a 1 99999999999999999999\r\n", Some(ProtocolFault::Number)),
        (b"MSG a 1 -1\r\n", Some(ProtocolFault::Number)),
        (b"MSG a 1 1x\r\n", Some(ProtocolFault::Number)),
        (b"MSG a x 1\r\nx\r\n", Some(ProtocolFault::Number)),
        (b"MSG a 1\r\n", Some(ProtocolFault::Arguments)),
        (b"MSG a 1 r 1 1\r\n", Some(ProtocolFault::Arguments)),
        (b"HMSG a 1 20 10\r\n", Some(ProtocolFault::HeaderSize)),
        (
            b"MSG a 1 20000000\r\n",
            Some(ProtocolFault::MessageTooLarge { len: 20_000_000, max: 16_842_752 }),
        ),
        (b"MSG a 1 2\r\nabcd\r\n", Some(ProtocolFault::PayloadEnd)),
        (b"WHAT is this\r\n", Some(ProtocolFault::UnknownOperation)),
        (b"\x00\xff\xfe\r\n", Some(ProtocolFault::UnknownOperation)),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Some(ProtocolFault::UnknownOperation)),
        (b"INFO {\r\n", Some(ProtocolFault::Json)),
    ] {
        // A message before the fault still counts.
        peer.send("MSG a 1 2\r\nok\r\n").await;
        peer.send(bytes).await;
        left -= 1;
        let reason = event(&mut events, |event| match event {
            Event::Disconnected { reason, .. } => Some(reason),
            _ => None,
        })
        .await;
        let Disconnect::Protocol(error) = reason else {
            unreachable!("{:?}: {reason:?}", bytes.escape_ascii().to_string())
        };
        if let Some(fault) = fault {
            assert_eq!(error.fault, fault, "{:?}", bytes.escape_ascii().to_string());
        }
        assert_eq!(next(&mut sub).await.text(), Ok("ok"));
        peer = scripted.accept().await;
        peer.handshake(&info()).await;
        assert_eq!(peer.expect_line("SUB").await, "SUB a g 1");
        assert_eq!(peer.expect_line("UNSUB").await, format!("UNSUB 1 {left}"));
    }
    assert_eq!((sub.received(), nc.stats().reconnects), (14, 14));
}

#[tokio::test]
async fn a_control_line_without_end_is_given_up() {
    let (_scripted, mut peer, nc) = scripted_as(&info(), quick()).await;
    let mut events = nc.events();
    let line = vec![b'x'; 70_000];
    peer.send("MSG ").await;
    peer.send(line).await;
    let reason = event(&mut events, |event| match event {
        Event::Disconnected { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    let Disconnect::Protocol(error) = reason else { unreachable!("{reason:?}") };
    assert_eq!(error.fault, ProtocolFault::LineTooLong { max: 65_536 });
    assert!(nc.stats().in_msgs == 0);
}

#[tokio::test]
async fn a_subscription_of_a_long_lived_connection_still_gets_its_messages() {
    // 19 digits are the id of a subscription after half a trillion others in its place.
    let (_scripted, mut peer, nc) = scripted_as(&info(), quick()).await;
    peer.send("MSG a 9999999999999999999 2\r\nhi\r\n").await;
    natsws_tests::eventually("it", async || (nc.stats().in_msgs == 1).then_some(())).await;
    assert_eq!((nc.state(), nc.stats().reconnects), (natsws::State::Connected, 0));
}

#[tokio::test]
async fn messages_and_pongs_that_nobody_asked_for_are_no_fault() {
    let (_scripted, mut peer, nc) = scripted_as(&info(), quick()).await;
    peer.send("PONG\r\n+OK\r\nMSG a 77 2\r\nhi\r\nMSG a 999999999999999 0\r\n\r\n").await;
    natsws_tests::eventually("both", async || (nc.stats().in_msgs == 2).then_some(())).await;
    crate::flush(&nc, &mut peer).await;
    assert_eq!((nc.stats().in_bytes, nc.stats().reconnects), (2, 0));
}
