use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::*;
use crate::Certificates;
use crate::server::testing::tls_over;

#[tokio::test]
async fn a_request_is_shown_and_accepted() {
    let (mut client, mut peer) = upgraded().await;
    client.send(Message::binary("CONNECT {}\r\nPI")).await.unwrap();
    client.send(Message::binary("NG\r\nSUB a 1\r\n")).await.unwrap();
    assert_eq!(peer.handshake(&info()).await, json!({}));
    assert_eq!(peer.read_available().await, b"SUB a 1\r\n");
    peer.send("MSG a 1 0\r\n\r\n").await;

    assert_eq!(next(&mut client).await, Message::binary(format!("INFO {} \r\n", info())));
    assert_eq!(next(&mut client).await, Message::binary("PONG\r\n"));
    assert_eq!(next(&mut client).await, Message::binary("MSG a 1 0\r\n\r\n"));
}

#[tokio::test]
async fn the_head_of_the_request_is_text() {
    let scripted = Scripted::start();
    let url = format!("{}/nats?key=1", scripted.url_as("ws"));
    let tcp = TcpStream::connect(scripted.addr()).await.unwrap();
    let (client, upgrade) = tokio::join!(client_async(&url, tcp), async {
        let upgrade = scripted.accept_upgrade().await;
        assert!(upgrade.request().starts_with("GET /nats?key=1 HTTP/1.1\r\n"));
        assert!(upgrade.request().ends_with("\r\n\r\n"));
        assert_eq!(upgrade.target(), "/nats?key=1");
        assert_eq!(upgrade.header("host"), Some(&*scripted.addr().to_string()));
        assert_eq!(upgrade.header("Cookie"), None);
        upgrade.accept_with("Set-Cookie: a=b\r\n").await
    });
    let (_, response) = client.unwrap();
    assert_eq!(response.headers()["set-cookie"], "a=b");
    drop(upgrade);
}

#[tokio::test]
async fn another_response_is_given_as_it_is() {
    let scripted = Scripted::start();
    let tcp = TcpStream::connect(scripted.addr()).await.unwrap();
    let url = scripted.url_as("ws");
    let (client, mut peer) = tokio::join!(client_async(&url, tcp), async {
        let upgrade = scripted.accept_upgrade().await;
        upgrade.respond("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await
    });
    let Err(Error::Http(response)) = client else { panic!("{client:?}") };
    assert_eq!(response.status(), 403);
    assert_eq!(peer.read_to_end().await, b"");
}

#[tokio::test]
async fn messages_of_all_kinds_go_both_ways() {
    let (mut client, mut peer) = upgraded().await;
    peer.send_message(Message::text("text")).await;
    peer.send_message(Message::Ping(Bytes::from("1"))).await;
    assert_eq!(next(&mut client).await, Message::text("text"));
    assert_eq!(next(&mut client).await, Message::Ping(Bytes::from("1")));
    client.flush().await.unwrap();
    client.send(Message::Ping(Bytes::from("2"))).await.unwrap();
    assert_eq!(peer.read_message().await, Some(Message::Pong(Bytes::from("1"))));
    assert_eq!(peer.read_message().await, Some(Message::Ping(Bytes::from("2"))));
    // A server's frames have no mask; this one has no sense either.
    peer.send_raw([0xff, 0]).await;
    assert_eq!(next(&mut client).await, Message::Pong(Bytes::from("2")));
    let broken = within("an error", client.next()).await.unwrap().unwrap_err();
    assert!(matches!(broken, Error::Protocol(_)), "{broken}");
}

#[tokio::test]
#[should_panic(expected = "the client sent text: Utf8Bytes(b\"PING\\r\\n\")")]
async fn text_is_told() {
    let (mut client, mut peer) = upgraded().await;
    client.send(Message::text("PING\r\n")).await.unwrap();
    peer.expect_line("PING").await;
}

#[tokio::test]
async fn either_end_closes() {
    let (mut client, peer) = upgraded().await;
    peer.close().await;
    assert_eq!(next(&mut client).await, Message::Close(None));

    let (mut client, mut peer) = upgraded().await;
    client.send(Message::binary("rest")).await.unwrap();
    client.close(None).await.unwrap();
    assert_eq!(peer.read_to_end().await, b"rest");

    let (client, mut peer) = upgraded().await;
    drop(client);
    assert_eq!(peer.read_message().await, None);

    let (mut client, peer) = upgraded().await;
    peer.reset();
    within("the reset", client.next()).await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_websocket_goes_over_tls() {
    let (certificates, scripted) = (Certificates::new(), Scripted::start());
    let tcp = TcpStream::connect(scripted.addr()).await.unwrap();
    let server = certificates.server();
    let (mut client, mut peer) = tokio::join!(
        async {
            let tls = tls_over(tcp, "127.0.0.1", certificates.client_config()).await.unwrap();
            client_async(scripted.url_as("wss"), tls).await.unwrap().0
        },
        async {
            let peer = scripted.accept().await.tls(&server).await.unwrap();
            peer.upgrade().await.accept().await
        }
    );
    client.send(Message::binary("PING\r\n")).await.unwrap();
    peer.expect_line("PING").await;
    peer.send("PONG\r\n").await;
    assert_eq!(next(&mut client).await, Message::binary("PONG\r\n"));
}

#[tokio::test]
#[should_panic(expected = "the client asks for no WebSocket: \"GET / HTTP/1.1\\r\\n\\r\\n\"")]
async fn a_request_for_something_else_is_told() {
    let (mut client, peer) = connected().await;
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    peer.upgrade().await.accept().await;
}

async fn upgraded() -> (WebSocketStream<TcpStream>, Peer) {
    let (tcp, peer) = connected().await;
    let (client, peer) = tokio::join!(client_async("ws://127.0.0.1", tcp), async {
        peer.upgrade().await.accept().await
    });
    (client.expect("it is accepted").0, peer)
}

async fn next<S: AsyncRead + AsyncWrite + Unpin>(client: &mut WebSocketStream<S>) -> Message {
    within("a message", client.next()).await.expect("a message").expect("a message")
}
