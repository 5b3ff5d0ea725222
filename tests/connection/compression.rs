//! Compression of the WebSocket: what is offered, what may be answered, and that all comes through.

use flate2::{Compress, Compression, FlushCompress};
use natsws::embedded::Broker;
use natsws::{AttemptError, ConnectOptions, Connection, TransportError};
use natsws_tests::{Peer, Scripted, Server, Transport, info, within};

use crate::frames::reader::{LARGEST, Reader};
use crate::frames::recorder::Recorder;
use crate::handshake::refused;
use crate::{connect, connect_with, next, quick};

const OFFER: &str = "permessage-deflate; client_no_context_takeover; server_no_context_takeover";

fn compressing() -> ConnectOptions {
    quick().compression(true)
}

fn server(max_payload: usize) -> Server {
    Server::builder().max_payload(max_payload).websocket_config("compression: true").start()
}

/// A payload that compresses well, and says which one it is.
fn payload(number: usize, len: usize) -> Vec<u8> {
    let mut payload = format!("{number:08},").repeat(len / 9 + 1).into_bytes();
    payload.truncate(len);
    payload
}

#[tokio::test]
async fn it_is_offered_where_that_is_wanted_and_a_server_may_decline() {
    for (options, expected) in
        [(quick(), None), (compressing(), Some(OFFER)), (compressing().compression(false), None)]
    {
        let scripted = Scripted::start();
        let url = scripted.url_as("ws");
        let (nc, (peer, offered)) = tokio::join!(connect_with(&url, options), async {
            let upgrade = scripted.accept_upgrade().await;
            let offered = upgrade.header("Sec-WebSocket-Extensions").map(str::to_owned);
            let mut peer = upgrade.accept().await;
            peer.handshake(&info()).await;
            (peer, offered)
        });
        assert_eq!(offered.as_deref(), expected);
        pings(&nc, peer).await;
    }
}

/// The peer would panic at a frame that is compressed.
async fn pings(nc: &Connection, mut peer: Peer) {
    let long = payload(1, 1000);
    let (flushed, ()) = tokio::join!(
        async {
            nc.publish("a", &long).await.expect("published");
            within("the flush", nc.flush()).await
        },
        async {
            peer.expect_line("PUB a 1000").await;
            peer.read_exact(1002).await;
            peer.expect_line("PING").await;
            peer.send("PONG\r\n").await;
        }
    );
    flushed.expect("it was answered");
}

#[tokio::test]
async fn servers_without_it_are_used_without_it() {
    let server = Server::start();
    let broker = Broker::start().await.expect("a broker");
    for target in [server.addr(Transport::Ws), addr(&broker.ws_url())] {
        let recorder = Recorder::start(target);
        let nc = connect_with(&recorder.url(), compressing()).await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        nc.publish("a", payload(1, 1000)).await.expect("published");
        assert_eq!(next(&mut sub).await.payload(), &payload(1, 1000));
        assert_eq!((recorder.to_client().compressed, recorder.to_server().compressed), (0, 0));
    }
}

fn addr(url: &str) -> std::net::SocketAddr {
    url.strip_prefix("ws://").expect("a WebSocket").parse().expect("an address")
}

#[tokio::test]
async fn an_answer_to_something_else_is_refused_with_what_it_said() {
    for (answer, expected) in [
        ("x-webkit-deflate-frame", "the server chose the extension \"x-webkit-deflate-frame\", "),
        (
            "permessage-deflate; server_no_context_takeover; client_max_window_bits=9",
            "the server chose compression with \"client_max_window_bits=9\", ",
        ),
        (
            "permessage-deflate",
            "the server chose compression without `server_no_context_takeover`, ",
        ),
    ] {
        let scripted = Scripted::start();
        let (error, ()) = tokio::join!(refused(scripted.url_as("ws"), compressing()), async {
            let header = format!("Sec-WebSocket-Extensions: {answer}\r\n");
            drop(scripted.accept_upgrade().await.accept_with(&header).await);
        });
        let AttemptError::Transport(TransportError::WebSocket(fault)) = &*error else {
            unreachable!("{error:?}")
        };
        assert!(fault.to_string().starts_with(expected), "{fault}");
    }
}

#[tokio::test]
async fn messages_of_every_size_go_both_ways() {
    const SIZES: [usize; 14] =
        [0, 1, 20, 63, 64, 65, 1000, 4096, 65_535, 65_536, 65_537, 200_000, 500_000, 1_048_576];
    let server = server(1024 * 1024);
    let recorder = Recorder::start(server.addr(Transport::Ws));
    let nc = connect_with(&recorder.url(), compressing()).await;
    let mut sub = nc.subscribe("a").await.expect("subscribed");
    for round in 0..3 {
        for len in SIZES {
            nc.publish("a", payload(round, len)).await.expect("published");
        }
    }
    for round in 0..3 {
        for len in SIZES {
            assert!(next(&mut sub).await.payload()[..] == payload(round, len), "{round} {len}");
        }
    }

    let other = connect(&server.nats_url()).await;
    let mut asked = other.subscribe("echo").await.expect("subscribed");
    for len in SIZES {
        let request = nc.request("echo", payload(7, len)).into_future();
        let (reply, ()) = tokio::join!(within("the reply", request), async {
            let msg = next(&mut asked).await;
            msg.respond(msg.payload()).await.expect("published");
        });
        assert!(reply.expect("it is answered").payload()[..] == payload(7, len), "{len}");
    }
    assert_eq!(nc.stats().reconnects, 0);
    let (to_client, to_server) = (recorder.to_client(), recorder.to_server());
    assert!(to_client.compressed > 10 && to_server.compressed > 10, "{to_client:?} {to_server:?}");
    assert!(to_server.largest < 64 * 1024, "{to_server:?}");
}

/// Publishes so many messages of all sizes as fast as they go, and has them all come.
async fn publish_many(max_payload: usize, count: usize, largest: usize) {
    let server = server(max_payload);
    let recorder = Recorder::start(server.addr(Transport::Ws));
    let nc = connect_with(&recorder.url(), compressing()).await;
    let reader = connect(&server.nats_url()).await;
    let limit = 64 * 1024 * 1024;
    let sub = reader.subscribe("a").pending_messages(count).pending_bytes(limit);
    let mut sub = sub.await.expect("subscribed");
    let len = |number: usize| number * 37 % largest;
    tokio::join!(
        async {
            for number in 0..count {
                nc.publish("a", payload(number, len(number))).await.expect("published");
            }
            nc.flush().await.expect("the connection is there");
        },
        async {
            for number in 0..count {
                let msg = sub.next().await.expect("it goes on").expect("none is lost");
                assert!(msg.payload()[..] == payload(number, len(number)), "{number}");
            }
        }
    );
    assert_eq!((nc.stats().reconnects, nc.stats().out_msgs), (0, count as u64));
    let passed = recorder.to_server();
    assert!(passed.compressed > 100, "{passed:?}");
    assert!(!server.log().contains("maximum payload"), "{}", server.log());
}

#[tokio::test]
async fn a_hundred_thousand_messages_at_once_never_are_more_than_the_server_inflates() {
    publish_many(64 * 1024, 100_000, 200).await;
    publish_many(64 * 1024, 2_000, 64 * 1024).await;
    publish_many(1000, 5_000, 1000).await;
}

/// A message that inflates to `start` and 1 GiB of zeros behind it, in less than 2 MiB.
fn bomb(start: &[u8]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    let mut bomb = Vec::with_capacity(2 * 1024 * 1024);
    compress.compress_vec(start, &mut bomb, FlushCompress::Full).expect("it can");
    let begun = bomb.len();
    let zeros = vec![0; 1024 * 1024];
    compress.compress_vec(&zeros, &mut bomb, FlushCompress::Full).expect("it can");
    let part = bomb.split_off(begun);
    for _ in 0..1024 {
        bomb.extend_from_slice(&part);
    }
    // An empty block, whose end is left out.
    bomb.push(0);
    let mut frame = vec![0xc2, 127];
    frame.extend_from_slice(&(bomb.len() as u64).to_be_bytes());
    frame.extend_from_slice(&bomb);
    frame
}

#[tokio::test]
async fn a_bomb_stops_at_the_largest_message_and_takes_no_more_memory() {
    const MIB: u64 = 1024 * 1024;
    for (start, expected) in [
        (format!("MSG a 1 {LARGEST}\r\n"), "fault: PayloadEnd"),
        (format!("MSG a 1 {}\r\n", LARGEST + 1), "fault: MessageTooLarge {"),
        ("MSG ".to_owned(), "fault: LineTooLong {"),
    ] {
        let scripted = Scripted::start();
        let mut reader = Reader::start_with(&scripted.url_as("ws"), 1, true);
        let upgrade = scripted.accept_upgrade().await;
        let mut peer = upgrade.accept_with(&format!("Sec-WebSocket-Extensions: {OFFER}\r\n")).await;
        // It takes no message, so that nothing is compressed for it.
        peer.handshake(&natsws_tests::info_with(serde_json::json!({ "max_payload": 0 }))).await;
        peer.expect_line("SUB a 1").await;
        for _ in 0..2 {
            peer.expect_line("PING").await;
            peer.send("PONG\r\n").await;
        }
        reader.is_ready().await;
        let frame = bomb(start.as_bytes());
        assert!(frame.len() < 2 * 1024 * 1024, "{}", frame.len());
        // The client may be gone before it has read all of it.
        let (report, _) = tokio::join!(reader.report(), peer.try_send_raw(frame));
        assert_eq!(report.messages, 0);
        assert!(report.end.contains(expected), "{}", report.end);
        assert!(report.grown <= LARGEST as u64 + 2 * MIB, "{} bytes more", report.grown);
    }
}
