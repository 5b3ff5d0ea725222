//! Frames that are larger than any message, and what they cost a reader, which is a process of its
//! own so that its memory is its own as well.

pub(crate) mod reader;
pub(crate) mod recorder;

use natsws_tests::{Proxy, Scripted, Server, Transport, info};

use crate::connect;
use reader::{Reader, SIZE, payload};
use recorder::Recorder;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Has a reader stand still until a backlog of 55 MB is there for it, and then read it. Returns the
/// size of the largest frame that came.
async fn read_backlog(compression: bool) -> u64 {
    const COUNT: usize = 5500;
    let config = "max_pending: 128MB\nwrite_deadline: \"60s\"";
    let server = Server::builder().config(config).websocket_config("compression: true").start();
    let proxy = Proxy::to(server.addr(Transport::Ws));
    let recorder = Recorder::start(proxy.addr());
    let mut reader = Reader::start_with(&recorder.url(), COUNT, compression);
    reader.is_ready().await;

    proxy.freeze_to_client();
    let nc = connect(&server.nats_url()).await;
    for number in 0..COUNT {
        nc.publish("a", payload(number)).await.expect("published");
    }
    nc.flush().await.expect("the server has it all");
    proxy.resume();

    let report = reader.report().await;
    assert_eq!((report.messages, &*report.end), (COUNT, ""));
    assert!(report.grown <= 16 * MIB, "{} bytes more for {COUNT} of {SIZE}", report.grown);
    let passed = recorder.to_client();
    assert_eq!(passed.compressed > 0, compression);
    passed.largest
}

#[tokio::test]
async fn a_backlog_that_comes_as_one_huge_frame_is_delivered_in_little_memory() {
    let largest = read_backlog(false).await;
    // What the sockets on the way hold went before it.
    assert!(largest >= 40 * MIB, "the largest frame had {largest} bytes");
}

#[tokio::test]
async fn a_backlog_that_comes_compressed_is_delivered_in_little_memory() {
    let largest = read_backlog(true).await;
    assert!(largest >= 15 * MIB, "the largest frame had {largest} bytes");
}

#[tokio::test]
async fn a_frame_that_announces_more_than_there_is_memory_holds_none() {
    for len in [4_u64 << 30, 1 << 62] {
        let scripted = Scripted::start();
        let mut reader = Reader::start(&scripted.url_as("ws"), 2);
        let mut peer = scripted.accept_upgrade().await.accept().await;
        peer.handshake(&info()).await;
        peer.expect_line("SUB a 1").await;
        // One for the subscription, and one for the flush behind it.
        for _ in 0..2 {
            peer.expect_line("PING").await;
            peer.send("PONG\r\n").await;
        }
        reader.is_ready().await;

        let mut frame = vec![0x82, 127];
        frame.extend_from_slice(&len.to_be_bytes());
        for number in 0..2 {
            frame.extend_from_slice(format!("MSG a 1 {SIZE}\r\n").as_bytes());
            frame.extend_from_slice(&payload(number));
            frame.extend_from_slice(b"\r\n");
        }
        peer.send_raw(frame).await;
        let report = reader.report().await;
        assert_eq!((report.messages, &*report.end), (2, ""));
        assert!(report.grown <= 2 * MIB, "{} bytes more", report.grown);
    }
}
