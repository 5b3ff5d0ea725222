use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;

use super::*;
use crate::{Peer, Scripted, within};

#[tokio::test]
async fn both_directions_are_forwarded() {
    let (proxy, mut client, mut peer) = connected().await;
    client.write_all(b"PING\r\n").await.unwrap();
    peer.expect_line("PING").await;
    peer.send("PONG\r\n").await;
    peer.close().await;
    assert_eq!(rest(&mut client).await.unwrap(), b"PONG\r\n");
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn cut_resets_all_connections_but_not_the_next() {
    let scripted = Scripted::start();
    let proxy = Proxy::to(scripted.addr());
    let (mut first, mut first_peer) = connect(&proxy, &scripted).await;
    let (mut second, _second_peer) = connect(&proxy, &scripted).await;
    proxy.cut();
    assert_eq!(rest(&mut first).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(rest(&mut second).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(first_peer.read_to_end().await, b"");

    let (mut third, mut third_peer) = connect(&proxy, &scripted).await;
    third_peer.send("hello").await;
    third_peer.close().await;
    assert_eq!(rest(&mut third).await.unwrap(), b"hello");
    assert_eq!(proxy.connections(), 3);
}

#[tokio::test]
async fn cut_after_lets_exactly_so_many_bytes_through() {
    for bytes in [0, 1, 7, 40_000] {
        let (proxy, mut client, mut peer) = connected().await;
        proxy.cut_after(bytes);
        client.write_all(b"not counted").await.unwrap();
        peer.send(vec![b'x'; 50_000]).await;
        assert_eq!(rest(&mut client).await.unwrap().len(), bytes);
    }
}

#[tokio::test]
async fn cut_after_counts_over_connections_and_cuts_once() {
    let scripted = Scripted::start();
    let proxy = Proxy::to(scripted.addr());
    proxy.cut_after(7);
    for (sent, expected) in [("hello", "hello"), ("hello", "he"), ("hello", "hello")] {
        let (mut client, mut peer) = connect(&proxy, &scripted).await;
        peer.send(sent).await;
        peer.close().await;
        assert_eq!(rest(&mut client).await.unwrap(), expected.as_bytes());
    }
}

#[tokio::test]
async fn a_stall_keeps_what_is_sent_until_resume() {
    let (proxy, mut client, mut peer) = connected().await;
    proxy.stall();
    peer.send("late").await;
    client.write_all(b"late\r\n").await.unwrap();
    // Nothing says that nothing comes, except for time.
    let silence = tokio::time::timeout(Duration::from_millis(50), client.readable()).await;
    assert!(silence.is_err());
    proxy.resume();
    peer.expect_line("late").await;
    peer.close().await;
    assert_eq!(rest(&mut client).await.unwrap(), b"late");
}

#[tokio::test]
async fn one_direction_freezes_alone() {
    let (proxy, mut client, mut peer) = connected().await;
    proxy.freeze_to_server();
    client.write_all(b"late\r\n").await.unwrap();
    peer.send("now").await;
    let mut now = [0; 3];
    within("the other direction", client.read_exact(&mut now)).await.unwrap();
    assert_eq!(&now, b"now");
    let silence = tokio::time::timeout(Duration::from_millis(50), peer.read_available()).await;
    assert!(silence.is_err());
    proxy.resume();
    peer.expect_line("late").await;

    proxy.freeze_to_client();
    peer.send("late").await;
    client.write_all(b"now\r\n").await.unwrap();
    peer.expect_line("now").await;
    let silence = tokio::time::timeout(Duration::from_millis(50), client.read_u8()).await;
    assert!(silence.is_err());
    // The end waits as well.
    peer.close().await;
    proxy.resume();
    assert_eq!(rest(&mut client).await.unwrap(), b"late");
}

#[tokio::test]
async fn refuse_closes_new_connections_alone() {
    let scripted = Scripted::start();
    let proxy = Proxy::to(scripted.addr());
    let (mut first, mut first_peer) = connect(&proxy, &scripted).await;
    proxy.refuse();
    let mut refused = TcpStream::connect(proxy.addr).await.unwrap();
    assert_eq!(rest(&mut refused).await.unwrap(), b"");
    first.write_all(b"PING\r\n").await.unwrap();
    first_peer.expect_line("PING").await;

    proxy.accept_again();
    let (_second, _second_peer) = connect(&proxy, &scripted).await;
    assert_eq!(proxy.connections(), 3);
}

#[tokio::test]
async fn throttle_slows_both_directions_until_full_speed() {
    let (proxy, mut client, mut peer) = connected().await;
    proxy.throttle(10_000);
    let begin = Instant::now();
    client.write_all(&[b'x'; 2_000]).await.unwrap();
    peer.read_exact(2_000).await;
    // The last of the four steps of 500 bytes comes after three pauses of 50 ms.
    assert!(begin.elapsed() >= Duration::from_millis(150), "{:?}", begin.elapsed());

    let begin = Instant::now();
    peer.send([b'x'; 2_000]).await;
    within("all of it", client.read_exact(&mut [0; 2_000])).await.unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(150), "{:?}", begin.elapsed());

    // It would take days.
    proxy.throttle(1);
    peer.send(vec![b'x'; 1_000_000]).await;
    within("the first byte", client.read_exact(&mut [0])).await.unwrap();
    proxy.full_speed();
    peer.close().await;
    assert_eq!(rest(&mut client).await.unwrap().len(), 999_999);
}

#[tokio::test]
#[should_panic(expected = "a connection without any speed is stalled")]
async fn no_speed_at_all_is_refused() {
    Proxy::to(Scripted::start().addr()).throttle(0);
}

#[tokio::test]
async fn a_server_that_refuses_closes_the_connection() {
    let (listener, gone) = listen();
    drop(listener);
    let proxy = Proxy::to(gone);
    let mut client = TcpStream::connect(proxy.addr).await.unwrap();
    assert_eq!(rest(&mut client).await.unwrap(), b"");
}

#[tokio::test]
async fn a_dropped_proxy_takes_its_connections_with_it() {
    let (proxy, mut client, _peer) = connected().await;
    drop(proxy);
    assert_eq!(rest(&mut client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// The scripted server need not outlive its connections.
async fn connected() -> (Proxy, TcpStream, Peer) {
    let scripted = Scripted::start();
    let proxy = Proxy::to(scripted.addr());
    let (client, peer) = connect(&proxy, &scripted).await;
    (proxy, client, peer)
}

async fn connect(proxy: &Proxy, scripted: &Scripted) -> (TcpStream, Peer) {
    let client = TcpStream::connect(proxy.addr).await.expect("the proxy listens");
    (client, scripted.accept().await)
}

async fn rest(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    within("the end of the connection", client.read_to_end(&mut read)).await?;
    Ok(read)
}
