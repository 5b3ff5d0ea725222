//! Through an HTTP proxy to every kind of server, and proxies that do not let one through.

use std::time::Duration;

use natsws::{AttemptError, ConnectError, Connection, Phase, TransportError};
use natsws_tests::{
    Certificates, HttpProxy, Scripted, Server, Transport, eventually, info, info_with, within,
};
use serde_json::json;

use crate::handshake::{endless, nobody_came, reason, refused};
use crate::{quick, text};

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_server_is_reached_through_a_proxy() {
    let certificates = Certificates::new();
    let clear = Server::start();
    let tls = Server::builder().tls(&certificates).start();
    for server in [&clear, &tls] {
        for transport in Transport::ALL {
            let proxy = HttpProxy::start();
            let url = server.url(transport);
            let options = quick().tls_config(certificates.client_config()).proxy(&proxy.url());
            let nc = crate::connect_with(&url, options).await;
            let mut sub = nc.subscribe("a").await.expect("subscribed");
            let large = "x".repeat(300_000);
            nc.publish("a", &large).await.expect("published");
            assert!(text(&mut sub).await == large);
            assert_eq!(nc.server().to_string(), url);

            let (_, target) = url.split_once("://").expect("an address");
            let requests = proxy.requests();
            let [request] = &requests[..] else { unreachable!("{requests:?}") };
            assert_eq!((request.method.as_str(), request.target.as_str()), ("CONNECT", target));
            assert_eq!(request.headers, headers(&[("Host", target)]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_may_want_a_login() {
    let server = Server::start();
    let proxy = HttpProxy::with_auth("me", "p@ss:word");
    for transport in Transport::ALL {
        let url = server.url(transport);
        // What is no plain letter is written as in any address.
        let options = quick().proxy(&proxy.url_with("me", "p%40ss:word"));
        let nc = crate::connect_with(&url, options.clone()).await;
        nc.flush().await.expect("flushed");
        assert!(!format!("{options:?} {nc:?}").contains("word"));
        let request = proxy.requests().pop().expect("it was asked");
        let (_, target) = url.split_once("://").expect("an address");
        assert_eq!(
            request.headers,
            headers(&[("Host", target), ("Proxy-Authorization", "Basic bWU6cEBzczp3b3Jk")])
        );

        for wrong in [proxy.url(), proxy.url_with("me", "canary")] {
            let error = refused(&url, quick().proxy(&wrong)).await;
            assert_eq!(
                error.to_string(),
                "the proxy opened no tunnel: it answered \
                 \"HTTP/1.1 407 Proxy Authentication Required\""
            );
            assert!(!format!("{error:?}").contains("canary"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_opens_no_tunnel_is_told_by_its_status() {
    let proxy = HttpProxy::start();
    let nobody = {
        let scripted = Scripted::start();
        scripted.addr()
    };
    for (target, status) in [
        (nobody.to_string(), "HTTP/1.1 502 Bad Gateway"),
        ("broker.test:4222".to_owned(), "HTTP/1.1 403 Forbidden"),
    ] {
        for scheme in ["nats", "ws", "wss", "tls"] {
            let url = format!("{scheme}://{target}");
            assert_eq!(
                reason(&url, quick().proxy(&proxy.url())).await,
                format!("the proxy opened no tunnel: it answered {status:?}")
            );
        }
    }
    // The name of the server is the proxy's to look up.
    assert!(proxy.requests().iter().skip(4).all(|it| it.target == "broker.test:4222"));
}

#[tokio::test]
async fn whatever_a_proxy_answers_in_place_of_a_tunnel_is_told() {
    let proxy = HttpProxy::start();
    let scripted = Scripted::start();
    for (answer, shown) in [
        ("HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\n\r\n", "HTTP/1.1 302 Found"),
        ("HTTP/1.0 503 Service Unavailable\r\n\r\n", "HTTP/1.0 503 Service Unavailable"),
        ("HTTP/1.1 200", "HTTP/1.1 200"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.1 101 Switching Protocols"),
        ("SSH-2.0-OpenSSH_9.6\r\n\r\n", "SSH-2.0-OpenSSH_9.6"),
        ("", ""),
    ] {
        proxy.answer_with(answer);
        assert_eq!(
            reason(&scripted.url_as("ws"), quick().proxy(&proxy.url())).await,
            format!("the proxy opened no tunnel: it answered {shown:?}")
        );
    }
    nobody_came(&scripted).await;
}

#[tokio::test]
async fn an_answer_of_a_proxy_without_end_is_given_up() {
    let scripted = Scripted::start();
    for (start, again) in
        [("HTTP/1.1 200 OK\r\n", "A: b\r\n"), ("HTTP/1.1 200 OK\r\nX-Long: ", "x")]
    {
        let (proxy, serving) = endless("http", start, again);
        let (error, ()) =
            tokio::join!(refused(scripted.url_as("ws"), quick().proxy(&proxy)), serving);
        assert_eq!(
            error.to_string(),
            "the proxy opened no tunnel: it answered \"HTTP/1.1 200 OK\""
        );
    }
    nobody_came(&scripted).await;
}

#[tokio::test]
async fn a_proxy_that_says_nothing_is_given_up_in_time() {
    for scheme in ["nats", "tls", "ws", "wss"] {
        let (proxy, scripted) = (Scripted::start(), Scripted::start());
        let after = Duration::from_millis(100);
        let options = quick().timeout(after).proxy(&proxy.url_as("http")).user("canary", "canary");
        let (error, said) = tokio::join!(refused(scripted.url_as(scheme), options), async {
            proxy.accept().await.read_to_end().await
        });
        let AttemptError::TimedOut { phase, .. } = *error else { unreachable!("{error:?}") };
        assert_eq!(phase, Phase::Proxy);
        assert_eq!(error.to_string(), "it took longer than 100ms, waiting for the proxy's answer");
        let target = scripted.addr();
        let expected = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
        assert_eq!(String::from_utf8_lossy(&said), expected);
        nobody_came(&scripted).await;
    }
}

#[tokio::test]
async fn a_server_that_stands_still_behind_a_proxy_is_not_blamed_on_it() {
    let proxy = HttpProxy::start();
    for (scheme, expected) in [("nats", Phase::Info), ("ws", Phase::Upgrade), ("wss", Phase::Tls)] {
        let scripted = Scripted::start();
        let options = quick().timeout(Duration::from_millis(500)).proxy(&proxy.url());
        let (error, _) = tokio::join!(refused(scripted.url_as(scheme), options), async {
            scripted.accept().await.read_to_end().await
        });
        let AttemptError::TimedOut { phase, .. } = *error else { unreachable!("{error:?}") };
        assert_eq!(phase, expected);
    }
}

#[tokio::test]
async fn what_comes_right_behind_the_answer_is_the_servers() {
    let proxy = Scripted::start();
    let options = quick().proxy(&proxy.url_as("http"));
    let (nc, _peer) = tokio::join!(crate::connect_with("nats://broker.test", options), async {
        let tunnel = proxy.accept_upgrade().await;
        assert_eq!(tunnel.target(), "broker.test:4222");
        let answer = format!("HTTP/1.1 200 OK\r\nVia: 1.1 test\r\n\r\nINFO {} \r\n", info());
        let mut peer = tunnel.respond(answer).await;
        peer.expect_line("CONNECT ").await;
        peer.expect_line("PING").await;
        peer.send("PONG\r\n").await;
        peer
    });
    assert_eq!(nc.server().to_string(), "nats://broker.test:4222");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_told_and_nothing_goes_around_it() {
    let scripted = Scripted::start();
    let nobody = {
        let scripted = Scripted::start();
        scripted.url_as("http")
    };
    let told = reason(&scripted.url(), quick().proxy(&nobody)).await;
    assert!(told.starts_with("the connection failed: Connection refused"), "{told}");
    nobody_came(&scripted).await;
}

#[tokio::test]
async fn a_proxy_that_cannot_be_understood_is_refused_before_anything_is_dialled() {
    let scripted = Scripted::start();
    for proxy in [
        "",
        "https://proxy.test",
        "socks5://proxy.test:1",
        "http://me:canary@proxy test",
        "http://a/b",
    ] {
        let result = Connection::connect_with(scripted.url(), quick().proxy(proxy)).await;
        let error = result.expect_err("it is refused");
        assert_eq!(
            error.to_string(),
            "the proxy is not valid: write it as http://host:port or \
             http://user:password@host:port"
        );
        assert!(!format!("{error:?}").contains("canary"));
        assert!(matches!(error, ConnectError::Proxy(_)), "{error:?}");
    }
    nobody_came(&scripted).await;
}

#[tokio::test]
async fn servers_that_were_discovered_are_reached_through_the_proxy_too() {
    let proxy = HttpProxy::start();
    let (first, second) = (Scripted::start(), Scripted::start());
    let url = first.url();
    let options = quick().proxy(&proxy.url());
    let (nc, _peer) = tokio::join!(crate::connect_with(&url, options), async {
        let mut peer = first.accept().await;
        peer.handshake(&info_with(json!({ "connect_urls": [second.addr().to_string()] }))).await;
        peer.close().await;
        let mut peer = second.accept().await;
        peer.handshake(&info()).await;
        peer
    });
    let there = second.url();
    eventually("the second", async || (nc.server().to_string() == there).then_some(())).await;
    let targets: Vec<_> = proxy.requests().into_iter().map(|it| it.target).take(2).collect();
    assert_eq!(targets, [first.addr().to_string(), second.addr().to_string()]);
}

#[tokio::test]
async fn a_proxy_that_refuses_while_reconnecting_does_not_end_the_connection() {
    let proxy = HttpProxy::with_auth("me", "secret");
    let scripted = Scripted::start();
    let url = scripted.url();
    let options = quick().proxy(&proxy.url_with("me", "secret"));
    let (nc, mut peer) = tokio::join!(crate::connect_with(&url, options), async {
        let mut peer = scripted.accept().await;
        peer.handshake(&info()).await;
        peer
    });
    let mut events = nc.events();
    proxy.answer_with("HTTP/1.1 503 Busy\r\n\r\n");
    peer.send("+OK\r\n").await;
    peer.reset();
    let error = crate::event(&mut events, |event| match event {
        natsws::Event::ConnectFailed { error, .. } => Some(error),
        _ => None,
    })
    .await;
    let AttemptError::Transport(TransportError::Proxy { answer }) = &*error else {
        unreachable!("{error:?}")
    };
    assert_eq!(answer, "HTTP/1.1 503 Busy");
    within("the end", nc.close()).await;
}
