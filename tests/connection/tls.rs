//! TLS on every way to a server, and what must not pass for it.

use natsws::{AttemptError, Connection, TransportError};
use natsws_tests::{Certificates, Scripted, Server, Transport, info, info_with};
use serde_json::json;

use crate::{attempt, quick, text};

#[tokio::test(flavor = "multi_thread")]
async fn messages_travel_over_tls_on_each_transport() {
    let certificates = Certificates::new();
    let server = Server::builder().tls(&certificates).start();
    let port = server.addr(Transport::Tcp).port();
    for url in [
        server.ws_url(),
        server.nats_url(),
        // The server asks for TLS in its INFO.
        format!("nats://localhost:{port}"),
        format!("nats://127.0.0.1:{port}"),
    ] {
        let nc = crate::connect_with(&url, quick().tls_config(certificates.client_config())).await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        let large = "x".repeat(300_000);
        nc.publish("a", "hello").await.expect("published");
        nc.publish("a", &large).await.expect("published");
        assert_eq!(text(&mut sub).await, "hello");
        assert!(text(&mut sub).await == large);
        assert_eq!(nc.server().to_string(), url);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_host_or_of_a_stranger_is_refused() {
    let certificates = Certificates::new();
    let other = Server::builder().tls_for_other_host(&certificates).start();
    let right = Server::builder().tls(&certificates).start();
    let stranger = Certificates::new();
    for transport in Transport::ALL {
        for (url, config, expected) in [
            (
                other.url(transport),
                certificates.client_config(),
                "the server's certificate is not for `localhost`: ",
            ),
            (
                right.url(transport),
                stranger.client_config(),
                "the server's certificate is not trusted: ",
            ),
        ] {
            let result = Connection::connect_with(&url, quick().tls_config(config)).await;
            let shown = result.expect_err("the certificate is wrong").to_string();
            let start = format!("no server could be reached: {url} ({expected}");
            assert!(shown.starts_with(&start), "{shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_a_client_certificate_gets_it() {
    let certificates = Certificates::new();
    let server = Server::builder().tls_verifying_clients(&certificates).start();
    for transport in Transport::ALL {
        let config = certificates.client_config_with_cert();
        let nc = crate::connect_with(&server.url(transport), quick().tls_config(config)).await;
        nc.flush().await.expect("flushed");
        let options = quick().tls_config(certificates.client_config());
        let result = Connection::connect_with(server.url(transport), options).await;
        let error = attempt(result.expect_err("there is no client certificate"));
        assert_eq!(error.to_string(), "the server requires a client certificate");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_speaks_tls_alone_is_not_reached_in_the_clear() {
    let certificates = Certificates::new();
    let server = Server::builder().tls(&certificates).start();
    let url = format!("ws://{}", server.addr(Transport::Ws));
    let error = Connection::connect_with(&url, quick()).await.expect_err("it speaks TLS");
    assert_eq!(
        error.to_string(),
        format!(
            "no server could be reached: {url} (this port speaks TLS: use `wss://` or `tls://`)"
        )
    );
}

#[tokio::test]
async fn data_in_the_clear_behind_info_is_refused_before_anything_is_said() {
    let certificates = Certificates::new();
    let tls = info_with(json!({ "tls_required": true }));
    for (scheme, info) in [("tls", &info()), ("nats", &tls)] {
        let scripted = Scripted::start();
        let url = scripted.url().replace("nats", scheme);
        let options = quick().tls_config(certificates.client_config()).user("u", "canary");
        let (connected, said) = tokio::join!(Connection::connect_with(&url, options), async {
            let mut peer = scripted.accept().await;
            peer.send(format!("INFO {info} \r\nMSG a 1 1\r\nx\r\n")).await;
            peer.read_to_end().await
        });
        assert_eq!(said, b"");
        let error = attempt(connected.expect_err("it is refused"));
        let early = matches!(*error, AttemptError::Transport(TransportError::DataBeforeTls));
        assert!(early, "{error:?}");
    }
}

#[tokio::test]
async fn credentials_never_go_in_the_clear_where_tls_is_asked_for() {
    let certificates = Certificates::new();
    let scripted = Scripted::start();
    let url = scripted.url().replace("nats", "tls");
    let options = quick().tls_config(certificates.client_config()).user("canary", "canary");
    let (connected, said) = tokio::join!(Connection::connect_with(&url, options), async {
        let mut peer = scripted.accept().await;
        peer.send(format!("INFO {} \r\n", info_with(json!({ "tls_available": true })))).await;
        // A TLS client hello, which a server without TLS does not understand.
        let said = peer.read_available().await;
        peer.close().await;
        said
    });
    assert_eq!(said.first(), Some(&22), "a TLS handshake record");
    assert!(!said.windows(6).any(|part| part == b"canary"));
    let error = attempt(connected.expect_err("it is refused"));
    assert!(matches!(*error, AttemptError::Transport(TransportError::Tls(_))), "{error:?}");
}

#[tokio::test]
async fn a_server_that_has_no_tls_is_told_nothing_where_tls_is_asked_for() {
    let scripted = Scripted::start();
    let url = scripted.url().replace("nats", "tls");
    let options = quick().user("canary", "canary");
    let (connected, said) = tokio::join!(Connection::connect_with(&url, options), async {
        let mut peer = scripted.accept().await;
        peer.send(format!("INFO {} \r\n", info())).await;
        peer.read_to_end().await
    });
    assert_eq!(said, b"");
    let error = attempt(connected.expect_err("it is refused"));
    assert_eq!(error.to_string(), "this port does not speak TLS");
}
