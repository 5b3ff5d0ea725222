use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::{Certificates, within};

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

#[tokio::test]
async fn a_server_listens_on_tcp_and_websocket() {
    let server = Server::start();
    assert_eq!(server.nats_url(), format!("nats://127.0.0.1:{}", server.ports.tcp));
    assert_eq!(server.ws_url(), format!("ws://127.0.0.1:{}", server.ports.ws));

    let info = info(&server).await;
    assert_eq!(info["max_payload"], 1_048_576);
    assert_eq!(info["jetstream"], Value::Null);
    assert_eq!(info["auth_required"], Value::Null);

    let mut ws = connect(&server, Transport::Ws).await;
    assert!(upgrade(&mut ws).await.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
}

#[tokio::test]
async fn what_the_server_is_told_reaches_it() {
    let server = Server::builder()
        .config("server_name: \"told\"")
        .websocket_config("same_origin: true")
        .max_payload(1000)
        .token("a \"quoted\" token")
        .jetstream()
        .start();
    let info = info(&server).await;
    assert_eq!(info["server_name"], "told");
    assert_eq!(info["max_payload"], 1000);
    assert_eq!(info["auth_required"], true);
    assert_eq!(info["jetstream"], true);

    let told = r#"CONNECT {"verbose":false,"auth_token":"a \"quoted\" token"}"#;
    let mut tcp = connect(&server, Transport::Tcp).await;
    line(&mut tcp).await.unwrap();
    assert_eq!(ask(&mut tcp, told).await.unwrap(), "PONG");

    let mut ws = connect(&server, Transport::Ws).await;
    let request = UPGRADE.replace("\r\n\r\n", "\r\nOrigin: http://elsewhere.test\r\n\r\n");
    ws.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(line(&mut ws).await.unwrap(), "HTTP/1.1 403 Forbidden");
}

#[tokio::test]
async fn a_user_needs_the_right_password() {
    let server = Server::builder().user("ann", "right").start();
    for (connect_line, expected) in [
        (r#"CONNECT {"verbose":false,"user":"ann","pass":"right"}"#, "PONG"),
        (
            r#"CONNECT {"verbose":false,"user":"ann","pass":"wrong"}"#,
            "-ERR 'Authorization Violation'",
        ),
    ] {
        let mut tcp = connect(&server, Transport::Tcp).await;
        line(&mut tcp).await.unwrap();
        assert_eq!(ask(&mut tcp, connect_line).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_restart_keeps_the_ports() {
    let mut server = Server::builder().fixed_ports().start();
    let (ports, pid) = (server.ports, server.pid());
    let mut tcp = connect(&server, Transport::Tcp).await;
    line(&mut tcp).await.unwrap();
    server.stop();
    assert!(TcpStream::connect(server.addr(Transport::Tcp)).await.is_err());
    within("the end", tcp.read_to_end(&mut Vec::new())).await.unwrap();

    server.restart();
    assert_eq!(server.ports, ports);
    assert_ne!(server.pid(), pid);
    info(&server).await;

    server.kill();
    assert!(TcpStream::connect(server.addr(Transport::Ws)).await.is_err());
    server.restart();
    server.restart();
    assert_eq!(server.ports, ports);
    assert_eq!(server.log().matches("Server is ready").count(), 4);
}

#[test]
#[should_panic(expected = "a server that restarts is built with fixed_ports()")]
fn a_restart_without_fixed_ports_is_refused() {
    Server::start().restart();
}

#[tokio::test]
async fn a_reload_takes_the_new_configuration_and_keeps_the_ports() {
    for builder in [Server::builder(), Server::builder().fixed_ports()] {
        let mut server = builder.max_payload(1000).start();
        server.rewrite_config(|told| told.max_payload(2000).token("new"));
        server.signal_reload();
        let info = info(&server).await;
        assert_eq!((&info["max_payload"], &info["auth_required"]), (&2000.into(), &true.into()));
    }
}

#[test]
#[should_panic(
    expected = "it does not take the new configuration\n--- its configuration\nlisten: "
)]
fn a_reload_that_fails_is_told() {
    let mut server = Server::start();
    server.rewrite_config(|told| told.config("no_such_setting: 1"));
    server.signal_reload();
}

#[test]
#[should_panic(expected = "unknown field \"no_such_setting\"")]
fn a_server_that_does_not_start_shows_its_log() {
    Server::builder().config("no_such_setting: 1").start();
}

#[tokio::test]
async fn a_lame_duck_refuses_clients() {
    let server = Server::builder()
        .config("lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"1s\"")
        .start();
    server.lame_duck();
    crate::eventually("a refused client", async || {
        TcpStream::connect(server.addr(Transport::Tcp)).await.err()
    })
    .await;
}

#[tokio::test]
async fn tls_begins_after_info_on_tcp_and_at_once_on_a_websocket() {
    let certificates = Certificates::new();
    let server = Server::builder().tls(&certificates).start();
    assert_eq!(server.nats_url(), format!("tls://localhost:{}", server.ports.tcp));
    assert_eq!(server.ws_url(), format!("wss://localhost:{}", server.ports.ws));
    assert_eq!(info(&server).await["tls_required"], true);

    for name in ["localhost", "127.0.0.1"] {
        let config = certificates.client_config();
        let mut tcp = tls(&server, Transport::Tcp, name, config.clone()).await.unwrap();
        assert_eq!(ask(&mut tcp, r#"CONNECT {"verbose":false}"#).await.unwrap(), "PONG");
        let mut ws = tls(&server, Transport::Ws, name, config).await.unwrap();
        assert!(upgrade(&mut ws).await.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_or_of_another_authority_is_refused() {
    let certificates = Certificates::new();
    let other_host = Server::builder().tls_for_other_host(&certificates).start();
    let usual = Server::builder().tls(&certificates).start();
    for transport in Transport::ALL {
        let config = certificates.client_config();
        let refused = tls(&other_host, transport, "localhost", config.clone()).await.unwrap_err();
        assert!(refused.to_string().contains("not valid for name"), "{refused}");
        tls(&other_host, transport, Certificates::OTHER_HOST, config).await.unwrap();

        let stranger = Certificates::new().client_config();
        let refused = tls(&usual, transport, "localhost", stranger).await.unwrap_err();
        assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
    }
}

#[tokio::test]
async fn a_server_that_verifies_clients_wants_a_certificate() {
    let certificates = Certificates::new();
    let server = Server::builder().tls_verifying_clients(&certificates).start();
    let with = certificates.client_config_with_cert();
    let mut tcp = tls(&server, Transport::Tcp, "localhost", with.clone()).await.unwrap();
    assert_eq!(ask(&mut tcp, r#"CONNECT {"verbose":false}"#).await.unwrap(), "PONG");
    let mut ws = tls(&server, Transport::Ws, "localhost", with).await.unwrap();
    assert!(upgrade(&mut ws).await.starts_with("HTTP/1.1 101"));

    // In TLS 1.3 the client learns of it only when it reads.
    let without = certificates.client_config();
    let mut tcp = tls(&server, Transport::Tcp, "localhost", without).await.unwrap();
    assert!(ask(&mut tcp, r#"CONNECT {"verbose":false}"#).await.is_err());
}

async fn connect(server: &Server, transport: Transport) -> TcpStream {
    TcpStream::connect(server.addr(transport)).await.expect("the server listens")
}

/// TLS as each transport begins it.
async fn tls(
    server: &Server,
    transport: Transport,
    name: &'static str,
    config: Arc<ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let mut stream = connect(server, transport).await;
    if transport == Transport::Tcp {
        assert!(line(&mut stream).await?.starts_with("INFO "));
    }
    let name = ServerName::try_from(name).expect("a host name");
    within("the TLS handshake", TlsConnector::from(config).connect(name, stream)).await
}

async fn info(server: &Server) -> Value {
    let line = line(&mut connect(server, Transport::Tcp).await).await.expect("a line");
    serde_json::from_str(line.strip_prefix("INFO ").expect("INFO")).expect("JSON")
}

/// Sends the line and a PING, and returns the first line of the answer.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), text: &str) -> io::Result<String> {
    stream.write_all(format!("{text}\r\nPING\r\n").as_bytes()).await?;
    line(stream).await
}

async fn upgrade(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    stream.write_all(UPGRADE.as_bytes()).await.expect("the server reads");
    read_until(stream, "\r\n\r\n").await.expect("an answer")
}

async fn line(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    Ok(read_until(stream, "\r\n").await?.trim_end().to_owned())
}

async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> io::Result<String> {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        read.push(within("the server's answer", stream.read_u8()).await?);
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}
