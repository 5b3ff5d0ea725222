//! A client in a few lines, for the tests of the servers.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::{Server, Transport, within};

pub(crate) const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// A connection that nobody has read from or written to.
pub(crate) async fn connect(server: &Server, transport: Transport) -> TcpStream {
    TcpStream::connect(server.addr(transport)).await.expect("the server listens")
}

/// TLS as each transport begins it.
pub(crate) async fn tls(
    server: &Server,
    transport: Transport,
    name: &'static str,
    config: Arc<ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let mut stream = connect(server, transport).await;
    if transport == Transport::Tcp {
        assert!(line(&mut stream).await?.starts_with("INFO "));
    }
    tls_over(stream, name, config).await
}

/// TLS from here on.
pub(crate) async fn tls_over(
    stream: TcpStream,
    name: &'static str,
    config: Arc<ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(name).expect("a host name");
    within("the TLS handshake", TlsConnector::from(config).connect(name, stream)).await
}

/// What the server says first on TCP.
pub(crate) async fn info(server: &Server) -> Value {
    let line = line(&mut connect(server, Transport::Tcp).await).await.expect("a line");
    serde_json::from_str(line.strip_prefix("INFO ").expect("INFO")).expect("JSON")
}

/// Sends the line and a PING, and returns the first line of the answer.
pub(crate) async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    text: &str,
) -> io::Result<String> {
    stream.write_all(format!("{text}\r\nPING\r\n").as_bytes()).await?;
    line(stream).await
}

/// Asks for a WebSocket, and returns the head of the answer.
pub(crate) async fn upgrade(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    stream.write_all(UPGRADE.as_bytes()).await.expect("the server reads");
    read_until(stream, "\r\n\r\n").await.expect("an answer")
}

/// The next line, without its end.
pub(crate) async fn line(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    Ok(read_until(stream, "\r\n").await?.trim_end().to_owned())
}

/// All up to this end, which is included.
pub(crate) async fn read_until(
    stream: &mut (impl AsyncRead + Unpin),
    end: &str,
) -> io::Result<String> {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        read.push(within("the server's answer", stream.read_u8()).await?);
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}

/// Says this in `CONNECT`, which may depend on the server's nonce. Returns the connection, and the
/// server's answer.
pub(crate) async fn authenticate(
    server: &Server,
    connect_line: impl FnOnce(&str) -> Value,
) -> (TcpStream, String) {
    let mut stream = connect(server, Transport::Tcp).await;
    let info = line(&mut stream).await.expect("a line");
    let info: Value = serde_json::from_str(&info["INFO ".len()..]).expect("JSON");
    let mut told = connect_line(info["nonce"].as_str().unwrap_or_default());
    told["verbose"] = false.into();
    let answer = ask(&mut stream, &format!("CONNECT {told}")).await.expect("a line");
    (stream, answer)
}
