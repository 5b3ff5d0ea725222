//! A client's WebSocket after its handshake, against a peer that says what the test wants.

use std::task::Waker;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncWriteExt, duplex, join};

use super::*;

/// A frame as a server sends it.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = BytesMut::new();
    frame::header(&mut frame, opcode, payload.len(), None);
    [&frame[..], payload].concat()
}

/// What a client's frame has to say.
fn unmasked(frame: &[u8]) -> Vec<u8> {
    let (key, payload) = frame[2..].split_at(4);
    let mut payload = payload.to_vec();
    mask::apply(&mut payload, key.try_into().expect("four bytes"), 0);
    payload
}

#[tokio::test]
async fn a_pong_that_does_not_fit_now_follows_while_only_reading_goes_on() {
    let (near, mut far) = duplex(16);
    let mut client = WebSocket::opened(near);
    let ping = frame(0x9, &[7; 100]);
    let mut answer = vec![0; 106];
    tokio::select! {
        _ = client.next() => unreachable!("there is nothing to be read"),
        () = async {
            far.write_all(&ping).await.expect("it reads");
            far.read_exact(&mut answer).await.expect("it answers");
        } => {}
    }
    assert_eq!((answer[0], unmasked(&answer)), (0x8a, vec![7; 100]));
}

#[tokio::test]
async fn however_many_pings_come_one_pong_waits() {
    let pings = frame(0x9, &[1; 125]).repeat(10_000);
    let (near, _far) = duplex(8);
    let mut client = WebSocket::opened(join(&pings[..], near));
    let mut cx = Context::from_waker(Waker::noop());
    let mut turns = 0;
    while Pin::new(&mut client).poll_next(&mut cx).is_pending() {
        turns += 1;
    }
    assert!(turns > 100, "others had their turn: {turns}");
    assert!(client.writer.chunks.len() <= 140, "{} bytes wait", client.writer.chunks.len());
}

#[tokio::test]
async fn a_close_is_answered_once_and_is_the_end() {
    let (near, mut far) = duplex(1024);
    let mut client = WebSocket::opened(near);
    far.write_all(&frame(0x8, b"\x03\xe9Server Shutdown")).await.expect("it reads");
    far.write_all(&frame(0x2, b"too late")).await.expect("it reads");
    assert!(client.next().await.is_none());
    assert!(client.next().await.is_none());
    let mut answer = vec![0; 8];
    far.read_exact(&mut answer).await.expect("it answers");
    assert_eq!((answer[0], unmasked(&answer)), (0x88, b"\x03\xe8".to_vec()));
    let refused = client.send(Bytes::from_static(b"x")).await;
    assert!(matches!(refused, Err(TransportError::Closed)), "{refused:?}");
    drop(client);
    assert_eq!(far.read(&mut answer).await.expect("it is over"), 0, "nothing more was said");
}

#[tokio::test]
async fn a_fault_is_told_and_answered_with_its_code() {
    let (near, mut far) = duplex(1024);
    let mut client = WebSocket::opened(near);
    far.write_all(&[0xf2, 0]).await.expect("it reads");
    let told = client.next().await.expect("an error").expect_err("no data");
    assert!(matches!(told, TransportError::WebSocket(_)), "{told:?}");
    assert!(client.next().await.is_none());
    let mut answer = vec![0; 8];
    far.read_exact(&mut answer).await.expect("it answers");
    assert_eq!(unmasked(&answer), 1002_u16.to_be_bytes());
}

#[tokio::test]
async fn what_is_sent_is_a_masked_frame_each_and_others_payloads_stay_as_they_are() {
    let (near, mut far) = duplex(1024);
    let mut client = WebSocket::opened(near);
    let shared = Bytes::from_static(b"PING\r\n");
    client.send(shared.clone()).await.expect("sent");
    client.send(Bytes::from(b"PONG\r\n".to_vec())).await.expect("sent");
    assert_eq!(shared, "PING\r\n");
    let mut frames = vec![0; 24];
    far.read_exact(&mut frames).await.expect("they came");
    let (first, second) = frames.split_at(12);
    assert_eq!((first[0], first[1]), (0x82, 0x86));
    assert_eq!((unmasked(first), unmasked(second)), (b"PING\r\n".to_vec(), b"PONG\r\n".to_vec()));
    assert_ne!(first[2..6], second[2..6], "each has a key of its own");
}

/// RFC 7692, section 7.2.3.1.
#[cfg(native_deflate)]
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

#[cfg(native_deflate)]
#[tokio::test]
async fn messages_are_compressed_both_ways_and_control_frames_are_not() {
    let (near, mut far) = duplex(1024);
    let mut client = WebSocket::opened(near).compressed();
    client.limit(1024);
    let mut sent = frame(0x42, &HELLO[..3]);
    sent[0] &= 0x7f;
    sent.extend_from_slice(&frame(0x9, b"ping"));
    sent.extend_from_slice(&frame(0x0, &HELLO[3..]));
    far.write_all(&sent).await.expect("it reads");
    let mut read = Vec::new();
    while read.len() < 5 {
        read.extend_from_slice(&client.next().await.expect("it goes on").expect("data"));
    }
    assert_eq!(read, b"Hello");
    let mut pong = vec![0; 10];
    tokio::select! {
        _ = client.next() => unreachable!("there is nothing more to be read"),
        answered = far.read_exact(&mut pong) => { answered.expect("it answers"); }
    }
    assert_eq!((pong[0], unmasked(&pong)), (0x8a, b"ping".to_vec()));
    client.send(Bytes::from(vec![b'x'; 100])).await.expect("sent");
    let mut header = vec![0; 2];
    far.read_exact(&mut header).await.expect("it came");
    assert_eq!(header[0], 0xc2);
    assert!(header[1] & 0x7f < 20, "{header:?}");
}

#[cfg(native_deflate)]
#[tokio::test]
async fn what_does_not_inflate_is_told_and_answered_with_its_code() {
    let (near, mut far) = duplex(1024);
    let mut client = WebSocket::opened(near).compressed();
    far.write_all(&frame(0x42, b"\x07")).await.expect("it reads");
    let told = client.next().await.expect("an error").expect_err("no data");
    let TransportError::WebSocket(fault) = told else { unreachable!("{told:?}") };
    assert_eq!(fault.to_string(), "compressed data is corrupt");
    assert!(client.next().await.is_none());
    let mut answer = vec![0; 8];
    far.read_exact(&mut answer).await.expect("it answers");
    assert_eq!(unmasked(&answer), 1002_u16.to_be_bytes());
}
