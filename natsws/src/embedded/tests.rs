//! The broker over its three transports.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, Stream, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::*;

const CONNECT: &str = "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\n";

/// Reads chunks until what was read ends like this, and returns it without the `INFO`.
async fn read_until<T>(transport: &mut T, end: &str) -> String
where
    T: Stream<Item = Result<Bytes, crate::TransportError>> + Unpin,
{
    let mut text = String::new();
    while !text.ends_with(end) {
        let chunk = transport.next().await.expect("more").expect("a chunk");
        text += std::str::from_utf8(&chunk).expect("text");
    }
    without_info(text)
}

fn without_info(mut text: String) -> String {
    if text.starts_with("INFO ") {
        let end = text.find("\r\n").expect("a line") + 2;
        text.replace_range(..end, "");
    }
    text
}

async fn raw_client(broker: &Broker) -> TcpStream {
    TcpStream::connect(broker.running.nats).await.expect("a connection")
}

async fn ws_client(broker: &Broker) -> WebSocketStream<TcpStream> {
    let io = TcpStream::connect(broker.running.ws).await.expect("a connection");
    let (frames, _) = tokio_tungstenite::client_async(broker.ws_url() + "/any/path", io)
        .await
        .expect("a handshake");
    frames
}

async fn read_raw(io: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        assert_ne!(io.read_buf(&mut text).await.expect("readable"), 0);
    }
    without_info(String::from_utf8(text).expect("text"))
}

/// Lets the other tasks go on until something is so.
async fn until(condition: impl AsyncFn() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    runtime::timeout(Duration::from_secs(10), waiting).await.expect("it is so by now");
}

#[tokio::test]
async fn clients_of_all_transports_reach_each_other() {
    let broker = Broker::start().await.expect("a broker");
    let mut memory = broker.attach();
    let mut raw = raw_client(&broker).await;
    let mut ws = ws_client(&broker).await;
    let hello = format!("{CONNECT}SUB a 1\r\nPING\r\n");
    memory.send(Bytes::from(hello.clone())).await.expect("sent");
    assert_eq!(read_until(&mut memory, "PONG\r\n").await, "PONG\r\n");
    raw.write_all(hello.as_bytes()).await.expect("sent");
    assert_eq!(read_raw(&mut raw, "PONG\r\n").await, "PONG\r\n");
    let info = ws.next().await.expect("a frame").expect("valid");
    assert!(matches!(info, Message::Binary(bytes) if bytes.starts_with(b"INFO {")));
    // A text frame that is cut anywhere is as good as a binary one.
    let (start, rest) = hello.split_at(40);
    ws.send(Message::text(start)).await.expect("sent");
    ws.send(Message::binary(rest.to_owned())).await.expect("sent");
    assert_eq!(ws.next().await.expect("a frame").expect("valid"), Message::binary("PONG\r\n"));
    assert_eq!((broker.connections(), broker.subscriptions()), (3, 3));

    ws.send(Message::binary("PUB a 1\r\nx\r\nPUB a 1\r\ny\r\nPING\r\n")).await.expect("sent");
    let messages = "MSG a 1 1\r\nx\r\nMSG a 1 1\r\ny\r\n";
    assert_eq!(read_until(&mut memory, "y\r\n").await, messages);
    assert_eq!(read_raw(&mut raw, "y\r\n").await, messages);
    // All that one flush has is one frame.
    let frame = ws.next().await.expect("a frame").expect("valid");
    assert_eq!(frame, Message::binary(format!("{messages}PONG\r\n")));
}

#[tokio::test]
async fn an_error_is_read_before_the_end_though_more_was_sent() {
    let broker = Broker::builder().token("secret").start().await.expect("a broker");
    let more = format!("CONNECT {{}}\r\nPUB a 100000\r\n{}", "x".repeat(90_000));
    let violation = "-ERR 'Authorization Violation'\r\n";

    let mut raw = raw_client(&broker).await;
    raw.write_all(more.as_bytes()).await.expect("sent");
    let mut text = String::new();
    raw.read_to_string(&mut text).await.expect("no reset");
    assert_eq!(without_info(text), violation);

    let mut ws = ws_client(&broker).await;
    ws.send(Message::binary(more.clone())).await.expect("sent");
    let _info = ws.next().await.expect("a frame").expect("valid");
    assert_eq!(ws.next().await.expect("a frame").expect("valid"), Message::binary(violation));
    assert!(matches!(ws.next().await, Some(Ok(Message::Close(_)))));
    assert!(ws.next().await.is_none());

    let mut memory = broker.attach();
    memory.send(Bytes::from(more)).await.expect("sent");
    assert_eq!(read_until(&mut memory, violation).await, violation);
    assert!(memory.next().await.is_none());
}

#[tokio::test]
async fn a_websocket_ping_and_a_close_are_answered() {
    let broker = Broker::start().await.expect("a broker");
    let mut ws = ws_client(&broker).await;
    let _info = ws.next().await.expect("a frame").expect("valid");
    ws.send(Message::Ping(Bytes::from_static(b"hey"))).await.expect("sent");
    assert_eq!(
        ws.next().await.expect("a frame").expect("valid"),
        Message::Pong(Bytes::from_static(b"hey"))
    );
    ws.close(None).await.expect("closed");
    assert!(matches!(ws.next().await, Some(Ok(Message::Close(_)))));
    assert!(ws.next().await.is_none());
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_subscriptions_along() {
    let broker = Broker::start().await.expect("a broker");
    let mut memory = broker.attach();
    memory.send(Bytes::from(format!("{CONNECT}SUB a 1\r\nPING\r\n"))).await.expect("sent");
    read_until(&mut memory, "PONG\r\n").await;
    assert_eq!((broker.connections(), broker.subscriptions()), (1, 1));
    drop(memory);
    until(async || broker.connections() == 0).await;
    assert_eq!(broker.subscriptions(), 0);
}

#[tokio::test]
async fn a_cut_ends_every_connection_and_clients_may_come_back() {
    let broker = Broker::start().await.expect("a broker");
    let (mut memory, mut raw) = (broker.attach(), raw_client(&broker).await);
    read_until(&mut memory, "\r\n").await;
    read_raw(&mut raw, "\r\n").await;
    broker.disconnect_all();
    assert_eq!(broker.connections(), 0);
    assert!(memory.next().await.is_none());
    assert_eq!(raw.read(&mut [0]).await.expect("an end"), 0);
    let mut again = raw_client(&broker).await;
    again.write_all(format!("{CONNECT}PING\r\n").as_bytes()).await.expect("sent");
    assert_eq!(read_raw(&mut again, "PONG\r\n").await, "PONG\r\n");
}

#[tokio::test]
async fn closing_sends_what_waits_and_frees_the_ports() {
    let broker = Broker::start().await.expect("a broker");
    let (mut memory, mut raw) = (broker.attach(), raw_client(&broker).await);
    let mut ws = ws_client(&broker).await;
    read_raw(&mut raw, "\r\n").await;
    let _info = ws.next().await.expect("a frame").expect("valid");
    let clients = async {
        assert_eq!(raw.read(&mut [0]).await.expect("an end"), 0);
        drop(raw);
        assert!(matches!(ws.next().await, Some(Ok(Message::Close(_)))));
        assert!(ws.next().await.is_none());
    };
    tokio::join!(broker.close(), clients);
    assert_eq!(broker.connections(), 0);
    read_until(&mut memory, "\r\n").await;
    assert!(memory.next().await.is_none());
    for port in [broker.running.nats, broker.running.ws] {
        assert!(TcpStream::connect(port).await.is_err());
    }
    assert!(broker.attach().next().await.is_none());
    broker.close().await;
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_a_client_that_does_not_read() {
    let broker = Broker::start().await.expect("a broker");
    let mut memory = broker.attach();
    memory.send(Bytes::from(format!("{CONNECT}SUB a 1\r\nPING\r\n"))).await.expect("sent");
    read_until(&mut memory, "PONG\r\n").await;
    let mut publisher = broker.attach();
    let message = format!("PUB a 1000000\r\n{}\r\n", "x".repeat(1_000_000));
    publisher
        .send(Bytes::from(format!("{CONNECT}{}PING\r\n", message.repeat(4))))
        .await
        .expect("sent");
    read_until(&mut publisher, "PONG\r\n").await;
    broker.close().await;
    assert_eq!(broker.connections(), 0);
}

#[tokio::test]
async fn the_last_clone_takes_the_broker_along() {
    let broker = Broker::start().await.expect("a broker");
    let (clone, nats) = (broker.clone(), broker.running.nats);
    let mut memory = broker.attach();
    read_until(&mut memory, "\r\n").await;
    drop(broker);
    assert_eq!(clone.connections(), 1);
    drop(clone);
    assert!(memory.next().await.is_none());
    until(async || TcpStream::connect(nats).await.is_err()).await;
}

#[tokio::test]
async fn a_client_in_memory_keeps_the_broker_running() {
    let broker = Broker::start().await.expect("a broker");
    let nats = broker.running.nats;
    let client = broker.connect().await.expect("in memory");
    drop(broker);
    client.flush().await.expect("the broker is there");
    drop(client);
    until(async || TcpStream::connect(nats).await.is_err()).await;
}

#[tokio::test]
async fn reading_goes_on_while_a_client_does_not_read() {
    let broker = Broker::start().await.expect("a broker");
    let mut deaf = raw_client(&broker).await;
    let message = format!("PUB a 1000000\r\n{}\r\n", "x".repeat(1_000_000));
    deaf.write_all(format!("{CONNECT}SUB a 1\r\n").as_bytes()).await.expect("sent");
    // More than the sockets hold, and less than makes a client too slow.
    for _ in 0..32 {
        deaf.write_all(message.as_bytes()).await.expect("taken");
    }
    deaf.write_all(b"PUB done 0\r\n\r\nPING\r\n").await.expect("taken");
    let text = read_raw(&mut deaf, "PONG\r\n").await;
    assert_eq!(text.matches("MSG a 1 1000000\r\n").count(), 32);
}

#[tokio::test]
async fn a_burst_in_one_frame_is_not_too_much_for_a_client_that_reads() {
    let broker = Broker::start().await.expect("a broker");
    let (mut ws, mut memory) = (ws_client(&broker).await, broker.attach());
    memory
        .send(Bytes::from(format!("{CONNECT}SUB a 1\r\nSUB a 2\r\nPING\r\n")))
        .await
        .expect("sent");
    read_until(&mut memory, "PONG\r\n").await;
    let message = format!("PUB a 1000000\r\n{}\r\n", "x".repeat(1_000_000));
    let burst = Message::binary(format!("{CONNECT}{}", message.repeat(60)));
    let reading = async {
        let mut read = 0;
        while read < 120_000_000 {
            read += memory.next().await.expect("not cut").expect("a chunk").len();
        }
    };
    // The burst is passed on while it comes.
    let (sent, ()) = tokio::join!(ws.send(burst), reading);
    sent.expect("sent");
}

#[tokio::test]
async fn a_largest_payload_out_of_range_is_refused() {
    for bytes in [0, usize::MAX] {
        let error = Broker::builder().max_payload(bytes).start().await.expect_err("refused");
        assert!(matches!(error, BrokerError::MaxPayload { .. }));
    }
}

#[test]
fn secrets_are_not_in_what_is_shown() {
    let builder = Broker::builder().token("canary");
    assert_eq!(
        format!("{builder:?}"),
        "BrokerBuilder { rules: Rules { max_payload: 1048576, headers: true, \
         credentials: Token(..), record: RecordLimits { messages: 10000, bytes: 16777216 } } }"
    );
    let builder = builder.user("canary", "canary");
    assert!(!format!("{builder:?}").contains("canary"));
}
