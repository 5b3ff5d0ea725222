//! TLS on every way to a server, and what must not pass for it.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use natsws::{AttemptError, Connection, Event, TransportError};
use natsws_tests::{
    Certificates, Cluster, Identity, Peer, Scripted, Server, Transport, eventually, info,
    info_with, within,
};
use rustls::AlertDescription;
use serde_json::{Value, json};

use crate::handshake::{reason, refused, whole};
use crate::{attempt, event, quick, text};

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

/// The TLS alert with which the client left.
fn alert(result: io::Result<Peer>) -> AlertDescription {
    let error = result.expect_err("the client leaves");
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::AlertReceived(alert)) = inner else { unreachable!("{error:?}") };
    *alert
}

#[tokio::test]
async fn what_a_server_says_in_the_clear_changes_nothing_about_its_name() {
    let certificates = Certificates::new();
    let lie = info_with(json!({
        "tls_required": true, "host": Certificates::OTHER_HOST,
        "server_name": Certificates::OTHER_HOST, "connect_urls": ["evil.test:4222"],
    }));
    for scheme in ["nats", "tls", "wss"] {
        for host in ["localhost", "127.0.0.1"] {
            let scripted = Scripted::start();
            let url = format!("{scheme}://{host}:{}", scripted.addr().port());
            let options = quick().tls_config(certificates.client_config()).user("u", "canary");
            let (error, alert) = tokio::join!(refused(&url, options), async {
                let mut peer = scripted.accept().await;
                if scheme != "wss" {
                    peer.send(format!("INFO {lie} \r\n")).await;
                }
                // It leaves before the handshake is done, so nothing of it can be read.
                alert(peer.tls(&certificates.other_host()).await)
            });
            assert_eq!(alert, AlertDescription::BadCertificate, "{url}");
            let AttemptError::Transport(TransportError::CertificateName { expected, .. }) = &*error
            else {
                unreachable!("{url}: {error:?}")
            };
            assert_eq!(expected, host);
        }
    }
}

/// Meets a client with TLS.
async fn serve(scripted: &Scripted, scheme: &str, identity: &Identity, info: &Value) -> Peer {
    let mut peer = scripted.accept().await;
    if scheme == "wss" {
        let peer = peer.tls(identity).await.expect("it is trusted");
        let mut peer = peer.upgrade().await.accept().await;
        peer.handshake(info).await;
        return peer;
    }
    peer.send(format!("INFO {info} \r\n")).await;
    let mut peer = peer.tls(identity).await.expect("it is trusted");
    peer.expect_line("CONNECT ").await;
    peer.expect_line("PING").await;
    peer.send("PONG\r\n").await;
    peer
}

/// The first of three servers is connected to and goes; the second has a certificate for another
/// host, and the third one for the name of the first.
async fn goes_on_to_the_one_with_the_name_that_was_dialled(scheme: &str) {
    // Where the first one asked for TLS, the others have to have it.
    let discovered = if scheme == "nats" { "tls" } else { scheme };
    let certificates = Certificates::new();
    let [first, second, third] = [Scripted::start(), Scripted::start(), Scripted::start()];
    let url = format!("{scheme}://localhost:{}", first.addr().port());
    let named = certificates.for_names(&["localhost"]);
    let info = info_with(json!({
        "tls_required": true, "connect_urls": [second.addr().to_string(), third.addr().to_string()],
    }));
    let options = quick().tls_config(certificates.client_config()).user("u", "canary");
    let (nc, peer) =
        tokio::join!(crate::connect_with(&url, options), serve(&first, scheme, &named, &info));
    assert_eq!(nc.server().to_string(), url);
    let mut events = nc.events();
    peer.close().await;

    let ((server, error), alert) = tokio::join!(
        event(&mut events, |event| match event {
            Event::ConnectFailed { server, error } => Some((server, error)),
            _ => None,
        }),
        async {
            let mut peer = second.accept().await;
            if scheme != "wss" {
                peer.send(format!("INFO {info} \r\n")).await;
            }
            alert(peer.tls(&certificates.other_host()).await)
        }
    );
    assert_eq!(alert, AlertDescription::BadCertificate);
    assert_eq!(server.to_string(), second.url_as(discovered));
    let AttemptError::Transport(TransportError::CertificateName { expected, .. }) = &*error else {
        unreachable!("{error:?}")
    };
    assert_eq!(expected, "localhost");

    let (server, _peer) = tokio::join!(
        event(&mut events, |event| match event {
            Event::Reconnected { server, .. } => Some(server),
            _ => None,
        }),
        serve(&third, scheme, &named, &info)
    );
    assert_eq!(server.to_string(), third.url_as(discovered));
}

#[tokio::test]
async fn a_discovered_server_may_have_the_name_that_was_dialled_over_tcp() {
    goes_on_to_the_one_with_the_name_that_was_dialled("tls").await;
}

#[tokio::test]
async fn a_discovered_server_may_have_the_name_that_was_dialled_over_a_websocket() {
    goes_on_to_the_one_with_the_name_that_was_dialled("wss").await;
}

#[tokio::test]
async fn a_discovered_server_may_have_the_name_that_was_dialled_where_the_server_asks_for_tls() {
    goes_on_to_the_one_with_the_name_that_was_dialled("nats").await;
}

#[tokio::test]
async fn servers_that_are_dialled_by_address_may_have_a_certificate_each() {
    let certificates = Certificates::new();
    // No machine of these addresses is there: the proxy is each of them.
    let proxy = Scripted::start();
    for scheme in ["tls", "wss"] {
        let options = quick().proxy(&proxy.url_as("http")).tls_config(certificates.client_config());
        let url = format!("{scheme}://192.0.2.1:4222");
        let meet = async |host: &str| {
            let tunnel = proxy.accept_upgrade().await;
            assert_eq!(tunnel.target(), format!("{host}:4222"));
            let mut peer = tunnel.respond("HTTP/1.1 200 OK\r\n\r\n").await;
            let info =
                info_with(json!({ "tls_required": true, "connect_urls": ["192.0.2.2:4222"] }));
            if scheme == "tls" {
                peer.send(format!("INFO {info} \r\n")).await;
            }
            let mut peer = peer.tls(&certificates.for_names(&[host])).await?;
            if scheme == "wss" {
                peer = peer.upgrade().await.accept().await;
                peer.send(format!("INFO {info} \r\n")).await;
            }
            peer.expect_line("CONNECT ").await;
            peer.expect_line("PING").await;
            peer.send("PONG\r\n").await;
            Ok::<_, io::Error>(peer)
        };
        let (nc, first) = tokio::join!(crate::connect_with(&url, options), meet("192.0.2.1"));
        let mut events = nc.events();
        first.expect("it is trusted").close().await;
        let (server, second) = tokio::join!(
            event(&mut events, |event| match event {
                Event::ConnectFailed { error, .. } => Some(Err(whole(&*error))),
                Event::Reconnected { server, .. } => Some(Ok(server.to_string())),
                _ => None,
            }),
            meet("192.0.2.2")
        );
        assert_eq!(server, Ok(format!("{scheme}://192.0.2.2:4222")));
        second.expect("it is trusted");
        within("the end", nc.close()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nodes_of_a_cluster_may_share_a_name_while_they_are_listed_by_address() {
    let certificates = Certificates::new();
    let named = certificates.for_names(&["localhost"]);
    let mut cluster = Cluster::with(2, |node| node.tls_identity(&certificates, named.clone()));
    for (transport, node) in [(Transport::Tcp, 0), (Transport::Ws, 1)] {
        let url = cluster.node(node).url(transport);
        let options = quick().tls_config(certificates.client_config());
        let nc = crate::connect_with(&url, options).await;
        let (scheme, _) = url.split_once("://").expect("an address");
        let other = cluster.node(1 - node).addr(transport);
        let expected = format!("{scheme}://{other}");
        let listed =
            |nc: &Connection| nc.servers().iter().any(|it| it.addr.to_string() == expected);
        eventually("the other one", async || listed(&nc).then_some(())).await;
        cluster.node_mut(node).kill();
        let moved = async || (nc.server().to_string() == expected).then_some(());
        eventually("the other one", moved).await;
        nc.flush().await.expect("flushed");
        cluster.restart(node);
    }
}

#[tokio::test]
async fn a_discovered_server_never_gets_a_weaker_scheme() {
    let certificates = Certificates::new();
    for scheme in ["tls", "wss"] {
        let [first, second, third] = [Scripted::start(), Scripted::start(), Scripted::start()];
        let url = format!("{scheme}://localhost:{}", first.addr().port());
        let identity = certificates.server();
        let listed = info_with(json!({
            "tls_required": true, "connect_urls": [second.url_as("ws"), third.url_as("nats")],
        }));
        let options = quick().tls_config(certificates.client_config()).user("canary", "canary");
        let (nc, peer) = tokio::join!(
            crate::connect_with(&url, options),
            serve(&first, scheme, &identity, &listed)
        );
        let mut pool: Vec<_> = nc.servers().iter().map(|it| it.addr.to_string()).collect();
        pool.sort();
        let mut expected = vec![url, second.url_as(scheme), third.url_as(scheme)];
        expected.sort();
        assert_eq!(pool, expected);

        let mut events = nc.events();
        peer.close().await;
        let ((server, error), said) = tokio::join!(
            event(&mut events, |event| match event {
                Event::ConnectFailed { server, error } => Some((server, error)),
                _ => None,
            }),
            async {
                // A server that speaks in the clear alone.
                let mut peer = second.accept().await;
                if scheme == "tls" {
                    peer.send(format!("INFO {} \r\n", info())).await;
                    return peer.read_to_end().await;
                }
                let hello = peer.read_available().await;
                peer.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
                assert_eq!(hello.first(), Some(&22), "a TLS handshake record");
                [hello, peer.read_to_end().await].concat()
            }
        );
        assert!(scheme == "wss" || said.is_empty(), "{said:?}");
        assert!(!said.windows(6).any(|part| part == b"canary"));
        assert_eq!(server.to_string(), second.url_as(scheme));
        assert_eq!(error.to_string(), "this port does not speak TLS");
        let (server, _peer) = tokio::join!(
            event(&mut events, |event| match event {
                Event::Reconnected { server, .. } => Some(server),
                _ => None,
            }),
            serve(&third, scheme, &identity, &listed)
        );
        assert_eq!(server.to_string(), third.url_as(scheme));
    }
}

#[tokio::test]
async fn what_asked_for_tls_once_gets_nothing_in_the_clear_from_those_it_lists() {
    let certificates = Certificates::new();
    let [first, second] = [Scripted::start(), Scripted::start()];
    let listed = info_with(json!({
        "tls_required": true, "connect_urls": [second.addr().to_string()],
    }));
    let options = quick().tls_config(certificates.client_config()).user("canary", "canary");
    let url = format!("nats://localhost:{}", first.addr().port());
    let identity = certificates.server();
    let (nc, peer) =
        tokio::join!(crate::connect_with(&url, options), serve(&first, "nats", &identity, &listed));
    let mut events = nc.events();
    peer.close().await;
    let (error, said) = tokio::join!(
        event(&mut events, |event| match event {
            Event::ConnectFailed { error, .. } => Some(error),
            _ => None,
        }),
        async {
            let mut peer = second.accept().await;
            peer.send(format!("INFO {} \r\n", info())).await;
            peer.read_available().await
        }
    );
    assert_eq!(said, b"");
    assert_eq!(error.to_string(), "this port does not speak TLS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_with_tls_has_no_second_tls_inside() {
    let certificates = Certificates::new();
    let server = Server::builder().tls(&certificates).start();
    for options in [
        quick().tls_config(certificates.client_config()),
        // A WebSocket begins with TLS in any case.
        quick().tls_config(certificates.client_config()).tls_first(true),
    ] {
        let nc = crate::connect_with(&server.ws_url(), options).await;
        assert!(nc.server_info().tls_required);
        nc.flush().await.expect("flushed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_comes_from_a_file_or_a_text() {
    let certificates = Certificates::new();
    let server = Server::builder().tls(&certificates).start();
    let pem = fs::read(certificates.authority()).expect("it is there");
    let stranger = Certificates::new();
    for transport in Transport::ALL {
        let url = server.url(transport);
        for options in [
            quick().tls_ca_file(certificates.authority()),
            quick().tls_ca_pem(&pem),
            quick().tls_ca_file(stranger.authority()).tls_ca_pem(&pem),
            quick().tls_ca_pem(
                [fs::read(stranger.authority()).expect("it is there"), pem.clone()].concat(),
            ),
        ] {
            let nc = crate::connect_with(&url, options).await;
            nc.flush().await.expect("flushed");
        }
        // Neither the platform's authorities nor a stranger's of the same name have issued it.
        for (options, cause) in [
            (quick(), "UnknownIssuer"),
            (quick().tls_ca_file(stranger.authority()), "BadSignature"),
        ] {
            assert_eq!(
                reason(&url, options).await,
                format!(
                    "the server's certificate is not trusted: invalid peer certificate: {cause}"
                )
            );
        }
        // A configuration is used as it is.
        let config = stranger.client_config();
        let options = quick().tls_ca_pem(&pem).tls_config(config);
        let error = refused(&url, options).await;
        assert!(matches!(*error, AttemptError::Transport(TransportError::Certificate(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_comes_from_files_or_texts() {
    let certificates = Certificates::new();
    let server = Server::builder().tls_mapping(&certificates).start();
    let identity = certificates.client();
    let read = |path: &Path| fs::read(path).expect("it is there");
    let (certificate, key) = (read(&identity.certificate), read(&identity.key));
    for transport in Transport::ALL {
        let url = server.url(transport);
        let trusting = || quick().tls_ca_file(certificates.authority());
        for options in [
            trusting().tls_client_auth_files(&identity.certificate, &identity.key),
            trusting().tls_client_auth_pem(&certificate, &key),
        ] {
            assert!(!format!("{options:?}").contains("PRIVATE"));
            let nc = crate::connect_with(&url, options).await;
            nc.flush().await.expect("flushed");
        }
        assert_eq!(
            reason(&url, trusting()).await,
            "the server requires a client certificate: received fatal alert: CertificateRequired"
        );
        // A server has no use for a certificate that is for servers, or of a stranger.
        let stranger = Certificates::new();
        for wrong in [certificates.server(), stranger.client()] {
            let options = trusting().tls_client_auth_files(wrong.certificate, wrong.key);
            let told = reason(&url, options).await;
            let start = "the server requires a client certificate: received fatal alert: ";
            assert!(told.starts_with(start), "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_were_replaced_are_used_for_the_next_connection() {
    let before = Certificates::new();
    let after = Certificates::new();
    let directory = tempfile::tempdir().expect("a directory");
    let ca = directory.path().join("ca.pem");
    fs::copy(before.authority(), &ca).expect("it is copied");
    for transport in Transport::ALL {
        let mut server = Server::builder().tls(&before).fixed_ports().start();
        fs::copy(before.authority(), &ca).expect("it is copied");
        let options = quick().tls_ca_file(&ca).unlimited_reconnect_attempts();
        let nc = crate::connect_with(&server.url(transport), options).await;
        let mut events = nc.events();
        server.stop();
        server.rewrite_config(|told| told.tls(&after));
        server.restart();
        let untrusted = event(&mut events, |event| match event {
            Event::ConnectFailed { error, .. }
                if matches!(*error, AttemptError::Transport(TransportError::Certificate(_))) =>
            {
                Some(whole(&*error))
            }
            _ => None,
        });
        assert_eq!(
            untrusted.await,
            "the server's certificate is not trusted: invalid peer certificate: BadSignature"
        );
        fs::copy(after.authority(), &ca).expect("it is copied");
        event(&mut events, |event| matches!(event, Event::Reconnected { .. }).then_some(())).await;
        nc.flush().await.expect("flushed");
    }
}

#[tokio::test]
async fn a_pem_file_that_cannot_be_used_is_named() {
    let certificates = Certificates::new();
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("it is written");
        path
    };
    let missing = directory.path().join("missing.pem");
    let (empty, garbage) = (file("empty.pem", ""), file("garbage.pem", "canary\u{0}\u{1}"));
    let broken =
        file("broken.pem", "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n");
    let (server, client) = (certificates.server(), certificates.client());
    let certificate = &client.certificate;
    let ca = |path: &Path| quick().tls_ca_file(path);
    let identity = |certificate: &Path, key: &Path| {
        quick().tls_ca_file(certificates.authority()).tls_client_auth_files(certificate, key)
    };
    let text = |text: &str| quick().tls_ca_pem(text);
    let shown = |path: &Path| path.display().to_string();
    let given = || "the given PEM text".to_owned();
    let no_certificate = "it has no certificate";
    for (options, name, cause) in [
        (ca(&missing), shown(&missing), "No such file or directory (os error 2)"),
        (ca(&empty), shown(&empty), no_certificate),
        (ca(&garbage), shown(&garbage), no_certificate),
        (ca(&broken), shown(&broken), "invalid peer certificate: BadEncoding"),
        // A key in place of a certificate.
        (ca(&server.key), shown(&server.key), no_certificate),
        (text("canary"), given(), no_certificate),
        (
            identity(&missing, &client.key),
            shown(&missing),
            "No such file or directory (os error 2)",
        ),
        (identity(&garbage, &client.key), shown(&garbage), no_certificate),
        (
            identity(certificate, &missing),
            shown(&missing),
            "No such file or directory (os error 2)",
        ),
        (identity(certificate, &garbage), shown(&garbage), "there is no certificate or key in it"),
        (
            identity(certificate, certificate),
            shown(certificate),
            "there is no certificate or key in it",
        ),
        (
            identity(certificate, &server.key),
            shown(certificate),
            "keys may not be consistent: KeyMismatch",
        ),
    ] {
        for scheme in ["wss", "tls"] {
            let scripted = Scripted::start();
            let (error, _) =
                tokio::join!(refused(scripted.url_as(scheme), options.clone()), async {
                    let mut peer = scripted.accept().await;
                    if scheme == "tls" {
                        let tls = info_with(json!({ "tls_required": true }));
                        peer.send(format!("INFO {tls} \r\n")).await;
                    }
                    peer.read_to_end().await
                });
            assert_eq!(whole(&*error), format!("{name} cannot be used for TLS: {cause}"));
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
            let AttemptError::Transport(TransportError::Pem { file, .. }) = &*error else {
                unreachable!("{error:?}")
            };
            assert_eq!(*file, name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tls_first_is_reached_where_that_is_asked_for() {
    let certificates = Certificates::new();
    let server = Server::builder().tls_first(&certificates).start();
    let port = server.addr(Transport::Tcp).port();
    let after = Duration::from_millis(700);
    let options = || quick().tls_config(certificates.client_config()).timeout(after);
    for scheme in ["tls", "nats"] {
        let url = format!("{scheme}://localhost:{port}");
        let nc = crate::connect_with(
            &url,
            quick().tls_config(certificates.client_config()).tls_first(true),
        )
        .await;
        nc.flush().await.expect("flushed");
        assert_eq!(nc.server().to_string(), url);
        assert_eq!(
            reason(&url, options()).await,
            "it took longer than 700ms, waiting for the server's INFO"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_info_comes_first_has_no_tls_for_who_begins_with_it() {
    let certificates = Certificates::new();
    let (clear, tls) = (Server::start(), Server::builder().tls(&certificates).start());
    for server in [&clear, &tls] {
        for scheme in ["tls", "nats"] {
            let url = format!("{scheme}://{}", server.addr(Transport::Tcp));
            let options = quick().tls_config(certificates.client_config()).tls_first(true);
            assert_eq!(reason(&url, options).await, "this port does not speak TLS");
        }
    }
    // What is on a WebSocket is not changed by it.
    let options = quick().tls_first(true);
    crate::connect_with(&clear.ws_url(), options).await.flush().await.expect("flushed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_refused() {
    let certificates = Certificates::new();
    let server = Server::builder().tls_identity(&certificates, certificates.expired()).start();
    for transport in Transport::ALL {
        let url = server.url(transport);
        let options = quick().tls_ca_file(certificates.authority());
        let told = reason(&url, options).await;
        let start = "the server's certificate is not trusted: invalid peer certificate: \
                     certificate expired: ";
        assert!(told.starts_with(start), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_certificate_is_believed_where_that_is_asked_for() {
    let certificates = Certificates::new();
    let stranger = Server::builder().tls(&certificates).start();
    let expired = Server::builder().tls_identity(&certificates, certificates.expired()).start();
    let other = Server::builder().tls_for_other_host(&certificates).start();
    for server in [&stranger, &expired, &other] {
        for transport in Transport::ALL {
            let url = server.url(transport);
            let options = quick().dangerous_accept_any_certificate();
            let nc = crate::connect_with(&url, options).await;
            nc.flush().await.expect("flushed");
            let error = refused(&url, quick()).await;
            let untrusted =
                matches!(*error, AttemptError::Transport(TransportError::Certificate(_)));
            assert!(untrusted, "{error:?}");
        }
    }
    // It is no way around TLS.
    let clear = Server::start();
    for transport in Transport::ALL {
        let url = clear.url(transport).replace("ws:", "wss:").replace("nats:", "tls:");
        let told = reason(&url, quick().dangerous_accept_any_certificate()).await;
        assert_eq!(told, "this port does not speak TLS");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_that_is_offered_is_used_where_the_address_asks_for_it_alone() {
    let certificates = Certificates::new();
    let server = Server::builder().tls(&certificates).config("allow_non_tls: true").start();
    let addr = server.addr(Transport::Tcp);
    // Without an authority that is trusted, so that what is secured would fail.
    let nc = crate::connect_with(&format!("nats://{addr}"), quick()).await;
    assert_eq!((nc.server_info().tls_available, nc.server_info().tls_required), (true, false));
    nc.flush().await.expect("flushed");
    let options = quick().tls_ca_file(certificates.authority());
    let nc = crate::connect_with(&format!("tls://{addr}"), options).await;
    nc.flush().await.expect("flushed");
    let error = refused(format!("tls://{addr}"), quick()).await;
    assert!(matches!(*error, AttemptError::Transport(TransportError::Certificate(_))));
}
