mod tls;
mod websocket;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn a_handshake_returns_what_stood_in_connect() {
    let (mut client, mut peer) = connected().await;
    client.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\nSUB a 1\r\nPU").await.unwrap();
    let connect = peer.handshake(&info_with(json!({ "port": 1 }))).await;
    assert_eq!(connect, json!({ "verbose": false }));
    assert_eq!(peer.expect_line("SUB").await, "SUB a 1");

    client.write_all(b"B a 5\r\nhe\r\no\r\nPUB b 0\r\n\r\n").await.unwrap();
    assert_eq!(peer.expect_line("PUB a").await, "PUB a 5");
    assert_eq!(peer.read_exact(7).await, b"he\r\no\r\n");
    assert_eq!(peer.read_available().await, b"PUB b 0\r\n\r\n");
    peer.close().await;

    let mut answer = String::new();
    within("the end", client.read_to_string(&mut answer)).await.unwrap();
    let (info, pong) = answer.split_once(" \r\n").unwrap();
    assert_eq!(pong, "PONG\r\n");
    let info: Value = serde_json::from_str(info.strip_prefix("INFO ").unwrap()).unwrap();
    assert_eq!((&info["port"], &info["proto"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn skip_to_line_passes_over_others() {
    let (mut client, mut peer) = connected().await;
    client.write_all(b"PING\r\nPING\r\nSUB a 1\r\nUNSUB 1\r\n").await.unwrap();
    assert_eq!(peer.skip_to_line("SUB").await, "SUB a 1");
    assert_eq!(peer.expect_line("UNSUB").await, "UNSUB 1");
}

#[tokio::test]
#[should_panic(
    expected = "expected \"PONG\", got \"PING\"; the client sent \"PING\\r\\nmore\" so far"
)]
async fn another_line_is_told_with_all_that_was_sent() {
    let (mut client, mut peer) = connected().await;
    client.write_all(b"PING\r\nmore").await.unwrap();
    peer.expect_line("PONG").await;
}

#[tokio::test]
#[should_panic(
    expected = "a line with \"PING\": the client closed the connection; the client sent \"PI\" so far"
)]
async fn the_end_is_told_with_all_that_was_sent() {
    let (mut client, mut peer) = connected().await;
    client.write_all(b"PI").await.unwrap();
    drop(client);
    peer.expect_line("PING").await;
}

#[tokio::test]
async fn read_to_end_returns_the_rest() {
    let (mut client, mut peer) = connected().await;
    client.write_all(b"PING\r\nrest").await.unwrap();
    peer.expect_line("PING").await;
    drop(client);
    assert_eq!(peer.read_to_end().await, b"rest");
    assert_eq!(peer.read_available().await, b"");
}

#[tokio::test]
async fn a_reset_is_no_end() {
    let (mut client, peer) = connected().await;
    peer.reset();
    let read = within("the reset", client.read_u8()).await;
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn info_takes_other_fields_and_loses_null_ones() {
    let info = info_with(json!({ "nonce": "abc", "headers": false, "client_ip": null }));
    assert_eq!(info["nonce"], "abc");
    assert_eq!(info["headers"], false);
    assert_eq!(info.get("client_ip"), None);
    assert_eq!(info["version"], super::info()["version"]);
}

async fn connected() -> (TcpStream, Peer) {
    let scripted = Scripted::start();
    assert_eq!(scripted.url(), format!("nats://{}", scripted.addr()));
    let client = TcpStream::connect(scripted.addr()).await.expect("it listens");
    (client, scripted.accept().await)
}
