use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;

use super::testing::{UPGRADE, ask, authenticate, connect, info, line, tls, tls_over, upgrade};
use super::*;
use crate::{Certificates, Message, within};

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
    let second = Duration::from_secs(1);
    let server = Server::builder().lame_duck(30 * second, second).start();
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

#[tokio::test]
async fn users_may_do_what_their_permissions_say() {
    let ann =
        ("ann", "a \"quoted\" password", "publish: [\"greet.>\"]\nsubscribe: { deny: \"x\" }");
    let server = Server::builder().users(&[ann, ("bob", "b", "")]).start();
    for (user, password, allowed) in [("ann", ann.1, false), ("bob", "b", true)] {
        let connect = |_: &str| json!({ "user": user, "pass": password });
        let (mut tcp, answer) = authenticate(&server, connect).await;
        assert_eq!(answer, "PONG");
        let expected =
            if allowed { "PONG" } else { "-ERR 'Permissions Violation for Publish to \"a\"'" };
        assert_eq!(ask(&mut tcp, "PUB greet.a 0\r\n\r\nPUB a 0\r\n").await.unwrap(), expected);
    }
}

#[tokio::test]
async fn tls_first_begins_at_once_on_both_ports() {
    let certificates = Certificates::new();
    let server = Server::builder().tls_first(&certificates).start();
    for transport in Transport::ALL {
        let tcp = connect(&server, transport).await;
        let mut stream = tls_over(tcp, "localhost", certificates.client_config()).await.unwrap();
        if transport == Transport::Ws {
            assert!(upgrade(&mut stream).await.starts_with("HTTP/1.1 101 "));
        } else {
            assert!(line(&mut stream).await.unwrap().starts_with("INFO "));
        }
    }
}

#[tokio::test]
async fn the_certificate_of_a_client_says_who_it_is() {
    let certificates = Certificates::new();
    let server = Server::builder().tls_mapping(&certificates).monitoring().start();
    let with = certificates.client_config_with_cert();
    let mut tcp = tls(&server, Transport::Tcp, "localhost", with.clone()).await.unwrap();
    assert_eq!(ask(&mut tcp, r#"CONNECT {"verbose":false}"#).await.unwrap(), "PONG");
    let clients = server.monitor("/connz?auth=1");
    assert_eq!(clients["connections"][0]["authorized_user"], Certificates::CLIENT_SUBJECT);
    let ws = tls(&server, Transport::Ws, "localhost", with).await.unwrap();
    let (mut ws, _) = client_async("wss://localhost", ws).await.unwrap();
    let told = Message::binary("CONNECT {\"verbose\":false}\r\nPING\r\n");
    ws.send(told).await.unwrap();
    for begin in ["INFO ", "PONG"] {
        let said = within("a message", ws.next()).await.unwrap().unwrap().into_data();
        assert!(said.starts_with(begin.as_bytes()), "{}", said.escape_ascii());
    }

    let without = certificates.client_config();
    let mut tcp = tls(&server, Transport::Tcp, "localhost", without).await.unwrap();
    assert!(ask(&mut tcp, r#"CONNECT {"verbose":false}"#).await.is_err());
}

#[tokio::test]
async fn a_certificate_has_the_names_that_were_asked_for() {
    let certificates = Certificates::new();
    let identity = certificates.for_names(&["localhost", "nats.test"]);
    let server = Server::builder().tls_identity(&certificates, identity).start();
    for transport in Transport::ALL {
        for name in ["localhost", "nats.test"] {
            tls(&server, transport, name, certificates.client_config()).await.unwrap();
        }
        let config = certificates.client_config();
        let refused = tls(&server, transport, "127.0.0.1", config).await.unwrap_err();
        assert!(refused.to_string().contains("not valid for name \"127.0.0.1\""), "{refused}");
    }
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let certificates = Certificates::new();
    let server = Server::builder().tls_identity(&certificates, certificates.expired()).start();
    for transport in Transport::ALL {
        let config = certificates.client_config();
        let refused = tls(&server, transport, "localhost", config).await.unwrap_err();
        assert!(refused.to_string().contains("certificate expired"), "{refused}");
    }
}

#[test]
#[should_panic(expected = "it is asked about itself without monitoring()")]
fn a_server_without_monitoring_tells_nothing_about_itself() {
    Server::start().monitor("/varz");
}
