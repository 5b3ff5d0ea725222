use std::time::Duration;

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
