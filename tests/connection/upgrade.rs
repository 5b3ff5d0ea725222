//! The HTTP request that begins a WebSocket, and the answers to it that are none.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use natsws::{
    AttemptError, ConnectError, ConnectOptions, Connection, Event, Phase, ServerAddr,
    TransportError,
};
use natsws_tests::{Certificates, Peer, Scripted, Server, Upgrade, info, info_with};
use serde_json::json;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::handshake::{endless, nobody_came, reason, refused, whole};
use crate::{event, quick};

/// The request up to the random key, which is left out.
fn head(upgrade: &Upgrade) -> String {
    let key = upgrade.header("Sec-WebSocket-Key").expect("each request has one");
    assert_eq!((key.len(), key.ends_with("==")), (24, true), "16 bytes of base64: {key}");
    upgrade.request().replace(key, "KEY")
}

/// Time for the client to read what it was just sent, before there is more.
async fn turns() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// A client that is connected to a scripted server over a WebSocket, and how it asked for it.
async fn connected(
    url: &str,
    scripted: &Scripted,
    options: ConnectOptions,
) -> (Connection, Peer, String) {
    let (nc, (peer, request)) = tokio::join!(crate::connect_with(url, options), async {
        let upgrade = scripted.accept_upgrade().await;
        let request = head(&upgrade);
        let mut peer = upgrade.accept().await;
        peer.handshake(&info()).await;
        (peer, request)
    });
    (nc, peer, request)
}

#[tokio::test]
async fn the_request_has_what_a_websocket_needs_and_nothing_else() {
    let scripted = Scripted::start();
    let addr = scripted.addr();
    for (path, target) in [
        ("", "/"),
        ("/", "/"),
        ("/nats/%7Bx%7D?key=a%2Fb&c=d#fragment", "/nats/%7Bx%7D?key=a%2Fb&c=d"),
        ("?key=1", "/?key=1"),
    ] {
        // The login is for the server of NATS, and goes in its own protocol.
        let url = format!("ws://canary:canary@{addr}{path}");
        let (_nc, _peer, request) = connected(&url, &scripted, quick()).await;
        assert_eq!(
            request,
            format!(
                "GET {target} HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\n\
                 Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: KEY\r\n\r\n"
            )
        );
    }
}

#[tokio::test]
async fn each_request_has_a_key_of_its_own() {
    let scripted = Scripted::start();
    let mut keys = Vec::new();
    for _ in 0..3 {
        let (_, key) = tokio::join!(refused(scripted.url_as("ws"), quick()), async {
            let upgrade = scripted.accept_upgrade().await;
            upgrade.header("Sec-WebSocket-Key").map(str::to_owned)
        });
        keys.extend(key);
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 3);
}

#[tokio::test]
async fn nothing_is_sent_before_the_answer_is_read() {
    let scripted = Scripted::start();
    let options = quick().timeout(Duration::from_millis(500));
    let (error, said) = tokio::join!(refused(scripted.url_as("ws"), options), async {
        let mut peer = scripted.accept_upgrade().await.respond("").await;
        peer.read_to_end().await
    });
    assert_eq!(said, b"");
    let AttemptError::TimedOut { phase, .. } = *error else { unreachable!("{error:?}") };
    assert_eq!(phase, Phase::Upgrade);
}

#[tokio::test]
async fn the_default_port_does_not_stand_in_the_host_header() {
    // The only way to a default port that a test can have: a proxy, which is the server as well.
    let certificates = Certificates::new();
    let identity = certificates.for_names(&["broker.test"]);
    for (scheme, port, host) in [
        ("ws", 80, "broker.test"),
        ("wss", 443, "broker.test"),
        ("ws", 8080, "broker.test:8080"),
        ("wss", 80, "broker.test:80"),
    ] {
        let proxy = Scripted::start();
        let url = format!("{scheme}://broker.test:{port}");
        let options = quick().proxy(&proxy.url_as("http")).tls_config(certificates.client_config());
        let (_nc, request) = tokio::join!(crate::connect_with(&url, options), async {
            let tunnel = proxy.accept_upgrade().await;
            assert_eq!(tunnel.target(), format!("broker.test:{port}"));
            let mut peer = tunnel.respond("HTTP/1.1 200 OK\r\n\r\n").await;
            if scheme == "wss" {
                peer = peer.tls(&identity).await.expect("it is trusted");
            }
            let upgrade = peer.upgrade().await;
            let host = upgrade.header("Host").map(str::to_owned);
            upgrade.accept().await.handshake(&info()).await;
            host
        });
        assert_eq!(request.as_deref(), Some(host), "{url}");
    }
}

#[tokio::test]
async fn own_headers_and_cookies_are_in_the_request() {
    let scripted = Scripted::start();
    let options = quick()
        .upgrade_header("x-trace", "a b;c=\"d\"")
        .upgrade_header("cookie", "session=1; theme=dark")
        .upgrade_header("Origin", "https://app.test")
        .upgrade_header("x-empty", "")
        .upgrade_headers(async |server: ServerAddr| {
            Ok::<_, io::Error>(vec![("authorization".to_owned(), server.port().to_string())])
        });
    let (_nc, _peer, request) = connected(&scripted.url_as("ws"), &scripted, options).await;
    let addr = scripted.addr();
    let own = request.strip_prefix(&format!(
        "GET / HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: KEY\r\n"
    ));
    let mut own: Vec<_> = own.expect("the usual ones come first").lines().collect();
    own.sort_unstable();
    let authorization = format!("authorization: {}", addr.port());
    assert_eq!(
        own,
        [
            "",
            "Origin: https://app.test",
            authorization.as_str(),
            "cookie: session=1; theme=dark",
            "x-empty: ",
            "x-trace: a b;c=\"d\"",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_reads_a_token_from_a_cookie() {
    let server =
        Server::builder().token("t0ps3cret").websocket_config("token_cookie: \"session\"").start();
    let options = quick().upgrade_header("Cookie", "other=1; session=t0ps3cret");
    let nc = crate::connect_with(&server.ws_url(), options).await;
    nc.flush().await.expect("flushed");
    let options = quick().upgrade_header("Cookie", "session=wrong");
    let error = Connection::connect_with(server.ws_url(), options).await.expect_err("it is wrong");
    assert!(error.is_auth(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_may_be_for_some_origins_alone() {
    let server =
        Server::builder().websocket_config("allowed_origins: [\"https://app.test\"]").start();
    let origin = |origin: &str| quick().upgrade_header("Origin", origin);
    crate::connect_with(&server.ws_url(), origin("https://app.test")).await;
    let reason = reason(&server.ws_url(), origin("https://evil.test")).await;
    assert_eq!(
        reason,
        "the server answered the WebSocket handshake with HTTP status 403: \"Forbidden\""
    );
}

#[tokio::test]
async fn headers_are_asked_for_before_each_connection_with_its_server() {
    let (first, second) = (Scripted::start(), Scripted::start());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let options = quick().upgrade_headers({
        let asked = Arc::clone(&asked);
        move |server: ServerAddr| {
            let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.push(server.to_string());
            let token = format!("token-{}", asked.len());
            async move { Ok::<_, io::Error>(vec![("Authorization".to_owned(), token)]) }
        }
    });
    let urls = [first.url_as("ws"), second.url_as("ws")];
    let both = urls.join(",");
    let (_nc, tokens) = tokio::join!(crate::connect_with(&both, options), async {
        let mut tokens = Vec::new();
        for scripted in [&first, &second, &first] {
            let upgrade = scripted.accept_upgrade().await;
            tokens.extend(upgrade.header("Authorization").map(str::to_owned));
            let mut peer = upgrade.accept().await;
            peer.handshake(&info()).await;
            peer.close().await;
        }
        tokens
    });
    assert_eq!(tokens, ["token-1", "token-2", "token-3"]);
    let [first, second] = urls;
    let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(asked.get(..3), Some(&[first.clone(), second, first][..]));
}

#[tokio::test]
async fn headers_that_cannot_be_made_are_told_and_nothing_is_dialled() {
    let scripted = Scripted::start();
    let url = scripted.url_as("ws");
    let options = quick()
        .upgrade_headers(async |_| Err::<Vec<(String, String)>, _>(io::Error::other("no token")));
    assert_eq!(
        reason(&url, options).await,
        "the headers for the WebSocket handshake could not be made: no token"
    );
    for (name, value, text) in [
        (
            "Host",
            "canary",
            "the header `Host` cannot be added to the WebSocket handshake: it belongs to the \
             handshake itself",
        ),
        (
            "A b",
            "canary",
            "the header `A b` cannot be added to the WebSocket handshake: a name has letters, \
             digits and some signs alone",
        ),
        (
            "X-Token",
            "canary\r\nX-Other: canary",
            "the header `X-Token` cannot be added to the WebSocket handshake: a value has \
             printable ASCII alone",
        ),
    ] {
        let options = quick().upgrade_headers(async move |_| {
            Ok::<_, io::Error>(vec![(name.to_owned(), value.to_owned())])
        });
        let error = refused(&url, options).await;
        assert_eq!(error.to_string(), text);
        assert!(!format!("{error:?}").contains("canary"));
        let named = matches!(
            &*error,
            AttemptError::Transport(TransportError::UpgradeHeader { name: found, .. })
                if found == name
        );
        assert!(named, "{error:?}");
    }
    nobody_came(&scripted).await;
}

#[tokio::test]
async fn headers_that_never_come_are_given_up_in_time() {
    let scripted = Scripted::start();
    let options = quick()
        .timeout(Duration::from_millis(50))
        .upgrade_headers(|_| std::future::pending::<Result<Vec<(String, String)>, io::Error>>());
    assert_eq!(
        reason(&scripted.url_as("ws"), options).await,
        "it took longer than 50ms, waiting for the WebSocket handshake"
    );
    nobody_came(&scripted).await;
}

#[tokio::test]
async fn headers_of_the_handshake_itself_are_refused_before_anything_is_dialled() {
    let scripted = Scripted::start();
    let own = "it belongs to the handshake itself";
    for (name, value, fault) in [
        ("Host", "canary", own),
        ("Upgrade", "canary", own),
        ("connection", "canary", own),
        ("Content-Length", "1", own),
        ("Transfer-Encoding", "chunked", own),
        ("Sec-WebSocket-Key", "canary", own),
        ("Sec-WebSocket-Version", "canary", own),
        ("sec-websocket-protocol", "canary", own),
        ("Sec-WebSocket-Extensions", "permessage-deflate", own),
        ("", "canary", "a name has letters, digits and some signs alone"),
        ("A:b", "canary", "a name has letters, digits and some signs alone"),
        ("X-Token", "canary\r\nHost: canary", "a value has printable ASCII alone"),
        ("X-Token", "canary\ncanary", "a value has printable ASCII alone"),
        ("X-Token", "canary\rcanary", "a value has printable ASCII alone"),
        ("X-Token", "canary\0", "a value has printable ASCII alone"),
        ("X-Token", "canaré", "a value has printable ASCII alone"),
    ] {
        // The first mistake is told, whatever comes after it.
        let options = quick().upgrade_header(name, value).proxy("nonsense://");
        let result = Connection::connect_with(scripted.url_as("ws"), options).await;
        let error = result.expect_err("it is refused");
        let text =
            format!("the header `{name}` cannot be added to the WebSocket handshake: {fault}");
        assert_eq!(error.to_string(), text);
        assert!(!format!("{error:?}").contains("canar"), "{error:?}");
        assert!(matches!(error, ConnectError::UpgradeHeader { .. }), "{error:?}");
    }
    let options = quick().upgrade_header("A\r\nB", "canary");
    let result = Connection::connect_with(scripted.url_as("ws"), options).await;
    assert_eq!(
        result.expect_err("it is refused").to_string(),
        "the header `A\\r\\nB` cannot be added to the WebSocket handshake: a name has letters, \
         digits and some signs alone"
    );
    nobody_came(&scripted).await;
}

#[tokio::test]
async fn what_says_who_is_connecting_is_not_for_servers_that_were_discovered() {
    let (first, second) = (Scripted::start(), Scripted::start());
    let options = quick()
        .upgrade_header("Cookie", "canary")
        .upgrade_header("AUTHORIZATION", "canary")
        .upgrade_header("Proxy-Authorization", "canary")
        .upgrade_header("x-trace", "7f3a");
    let url = format!("{}/nats?key=1", first.url_as("ws"));
    let (nc, (named, found)) = tokio::join!(crate::connect_with(&url, options), async {
        let upgrade = first.accept_upgrade().await;
        let named = ["Cookie", "Authorization", "Proxy-Authorization", "X-Trace"]
            .map(|name| upgrade.header(name).map(str::to_owned));
        let mut peer = upgrade.accept().await;
        peer.handshake(&info_with(json!({ "connect_urls": [second.addr().to_string()] }))).await;
        peer.close().await;
        let upgrade = second.accept_upgrade().await;
        let found = head(&upgrade);
        upgrade.accept().await.handshake(&info()).await;
        (named, found)
    });
    let canary = Some("canary");
    assert_eq!(named.each_ref().map(Option::as_deref), [canary, canary, canary, Some("7f3a")]);
    assert_eq!(
        found,
        format!(
            "GET /nats?key=1 HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: KEY\r\nx-trace: 7f3a\r\n\r\n",
            second.addr()
        )
    );
    let mut pool: Vec<_> =
        nc.servers().iter().map(|it| (it.addr.to_string(), it.discovered)).collect();
    pool.sort();
    let mut expected = vec![(url, false), (format!("{}/nats?key=1", second.url_as("ws")), true)];
    expected.sort();
    assert_eq!(pool, expected);
}

/// How a client takes this answer to its request, after which it says nothing more.
async fn answered(
    options: ConnectOptions,
    answer: impl FnOnce(&str) -> String,
) -> Arc<AttemptError> {
    let scripted = Scripted::start();
    let (error, said) = tokio::join!(refused(scripted.url_as("ws"), options), async {
        let upgrade = scripted.accept_upgrade().await;
        let key = upgrade.header("Sec-WebSocket-Key").expect("each request has one");
        let answer = answer(&derive_accept_key(key.as_bytes()));
        upgrade.respond(answer).await.read_to_end().await
    });
    assert_eq!(said, b"");
    error
}

/// An answer that begins a WebSocket, with these headers alone.
fn switching(headers: &str) -> String {
    format!("HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n")
}

#[tokio::test]
async fn an_answer_that_is_no_agreement_on_a_websocket_is_refused() {
    const BOTH: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    type Answer = fn(&str) -> String;
    let cases: [(Answer, &str); 12] = [
        (|_| BOTH.to_owned(), "Key mismatch in \"Sec-WebSocket-Accept\" header"),
        (
            |_| format!("{BOTH}Sec-WebSocket-Accept: {}\r\n", derive_accept_key(b"another")),
            "Key mismatch in \"Sec-WebSocket-Accept\" header",
        ),
        (
            |accept| format!("{BOTH}Sec-WebSocket-Accept: {}\r\n", accept.to_lowercase()),
            "Key mismatch in \"Sec-WebSocket-Accept\" header",
        ),
        (
            |accept| format!("{BOTH}{0}{0}", format_args!("Sec-WebSocket-Accept: {accept}\r\n")),
            "the server accepted more than once",
        ),
        (
            |accept| format!("{BOTH}Sec-WebSocket-Accept: {accept}\r\nsec-websocket-accept: x\r\n"),
            "the server accepted more than once",
        ),
        (
            |accept| format!("Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"),
            "No \"Upgrade: websocket\" header",
        ),
        (
            |accept| {
                format!("Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n")
            },
            "No \"Upgrade: websocket\" header",
        ),
        (
            |accept| format!("Upgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n"),
            "No \"Connection: upgrade\" header",
        ),
        (
            |accept| {
                format!(
                    "Upgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Accept: {accept}\r\n"
                )
            },
            "No \"Connection: upgrade\" header",
        ),
        (
            |accept| {
                format!(
                    "{BOTH}Sec-WebSocket-Accept: {accept}\r\n\
                     Sec-WebSocket-Extensions: permessage-deflate\r\n"
                )
            },
            "the server chose the extension \"permessage-deflate\", which was not offered",
        ),
        (
            |accept| {
                format!("{BOTH}Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: mqtt\r\n")
            },
            "the server chose a subprotocol that was not offered",
        ),
        (
            |accept| format!("{BOTH}No Header\r\nSec-WebSocket-Accept: {accept}\r\n"),
            "invalid header name",
        ),
    ];
    for (headers, text) in cases {
        let mut sent = String::new();
        let error = answered(quick(), |accept| {
            sent = switching(&headers(accept));
            sent.clone()
        })
        .await;
        assert!(
            matches!(*error, AttemptError::Transport(TransportError::WebSocket(_))),
            "{sent:?}: {error:?}"
        );
        // Each cause is told once.
        assert_eq!(whole(&*error), format!("the WebSocket failed: {text}"), "{sent:?}");
    }
}

#[tokio::test]
async fn an_answer_may_be_written_in_any_case_and_with_more_in_it() {
    for headers in [
        "upgrade: WebSocket\r\nconnection: upgrade\r\nX-Other: 1\r\nSet-Cookie: a=b\r\n",
        "UPGRADE: websocket\r\nCONNECTION: Upgrade\r\n",
        "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n",
    ] {
        let scripted = Scripted::start();
        let url = scripted.url_as("ws");
        let (connected, _peer) = tokio::join!(Connection::connect_with(&url, quick()), async {
            let upgrade = scripted.accept_upgrade().await;
            let key = upgrade.header("Sec-WebSocket-Key").expect("each request has one");
            let accept = derive_accept_key(key.as_bytes());
            let answer = switching(&format!("{headers}Sec-WebSocket-Accept: {accept}\r\n"));
            // The frame with INFO comes along with the answer.
            let info = format!("INFO {} \r\n", info());
            let len = u16::try_from(info.len()).expect("it is short").to_be_bytes();
            let mut bytes = answer.into_bytes();
            bytes.extend_from_slice(&[0x82, 126, len[0], len[1]]);
            bytes.extend_from_slice(info.as_bytes());
            let mut peer = upgrade.respond(bytes).await;
            if peer.read_available().await.is_empty() {
                return peer;
            }
            peer.send(b"\x82\x06PONG\r\n").await;
            peer
        });
        assert!(connected.is_ok(), "{headers:?}: {connected:?}");
    }
}

#[tokio::test]
async fn another_http_status_is_told_with_the_first_line_of_its_page() {
    let page = "<html>\r\n<head><title>404 Not Found</title></head>\r\n</html>\r\n";
    let long = "x".repeat(100_000);
    for (status, page, first_line) in [
        (404, page, "<html>"),
        (401, "", ""),
        (403, "no\u{1b}[2Jentry", "no\u{1b}[2Jentry"),
        (503, "soon", "soon"),
        (200, "hello", "hello"),
        (502, long.as_str(), long.get(..200).expect("it is longer")),
    ] {
        let len = page.len();
        let answer = format!("HTTP/1.1 {status} Words\r\nContent-Length: {len}\r\n\r\n{page}");
        let error = answered(quick(), |_| answer).await;
        let AttemptError::Transport(TransportError::Upgrade { status: found, first_line: line }) =
            &*error
        else {
            unreachable!("{status}: {error:?}")
        };
        assert_eq!((*found, line.as_str()), (status, first_line));
        let shown = match first_line {
            "" => String::new(),
            line => format!(": {line:?}"),
        };
        assert_eq!(
            error.to_string(),
            format!("the server answered the WebSocket handshake with HTTP status {status}{shown}")
        );
    }
}

#[tokio::test]
async fn a_page_that_comes_behind_its_head_is_read_too() {
    let scripted = Scripted::start();
    let (reason, _peer) =
        tokio::join!(async { reason(&scripted.url_as("ws"), quick()).await }, async {
            let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\n";
            let mut peer = scripted.accept_upgrade().await.respond(answer).await;
            turns().await;
            peer.send_raw("no such page").await;
            peer
        });
    assert_eq!(
        reason,
        "the server answered the WebSocket handshake with HTTP status 404: \"no such page\""
    );
}

#[tokio::test]
async fn an_answer_of_old_http_is_told_by_its_status_as_well() {
    // This is what some proxies say of a server behind them that is down.
    let error = answered(quick(), |_| {
        "HTTP/1.0 503 Service Unavailable\r\nContent-Length: 9\r\n\r\nno server".to_owned()
    })
    .await;
    assert_eq!(
        error.to_string(),
        "the server answered the WebSocket handshake with HTTP status 503: \"no server\""
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let certificates = Certificates::new();
    let target = Scripted::start();
    for scheme in ["ws", "wss"] {
        for status in [301, 302, 303, 307, 308] {
            let scripted = Scripted::start();
            let options = quick()
                .tls_config(certificates.client_config())
                .user("canary", "canary")
                .upgrade_header("Cookie", "canary");
            let (error, said) = tokio::join!(refused(scripted.url_as(scheme), options), async {
                let mut peer = scripted.accept().await;
                if scheme == "wss" {
                    peer = peer.tls(&certificates.server()).await.expect("it is trusted");
                }
                let answer = format!(
                    "HTTP/1.1 {status} Elsewhere\r\nLocation: {}/\r\nContent-Length: 0\r\n\r\n",
                    target.url_as("ws")
                );
                peer.upgrade().await.respond(answer).await.read_to_end().await
            });
            assert_eq!(said, b"");
            let AttemptError::Transport(TransportError::Upgrade { status: found, first_line }) =
                &*error
            else {
                unreachable!("{error:?}")
            };
            assert_eq!((*found, first_line.as_str()), (status, ""));
        }
    }
    nobody_came(&target).await;
}

#[tokio::test]
async fn an_answer_without_end_is_given_up_after_16_kib() {
    let too_large = "the answer to the WebSocket handshake is larger than 16384 bytes";
    let line = format!("X-Long: {}\r\n", "x".repeat(1000));
    for (start, again) in [
        ("HTTP/1.1 101 Switching Protocols\r\nX-Long: ", "x"),
        ("HTTP/1.1 101 Switching Protocols\r\n", line.as_str()),
        ("HTTP/1.1 101 ", "x"),
    ] {
        let (url, serving) = endless("ws", start, again);
        let (told, ()) = tokio::join!(reason(&url, quick()), serving);
        assert_eq!(told, too_large, "{start:?}");
    }
    let error = answered(quick(), |accept| {
        let many = "A: b\r\n".repeat(1000);
        switching(&format!(
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{many}"
        ))
    });
    assert_eq!(whole(&*error.await), "the WebSocket failed: Too many headers");
}

#[tokio::test]
async fn an_answer_that_stops_halfway_is_given_up_in_time() {
    let scripted = Scripted::start();
    let options = quick().timeout(Duration::from_millis(500));
    let (told, said) =
        tokio::join!(async { reason(&scripted.url_as("ws"), options).await }, async {
            let mut peer = scripted.accept_upgrade().await.respond("").await;
            for byte in b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: web" {
                peer.send([*byte]).await;
                turns().await;
            }
            peer.read_to_end().await
        });
    assert_eq!(said, b"");
    assert_eq!(told, "it took longer than 500ms, waiting for the WebSocket handshake");
}

#[tokio::test]
async fn an_answer_that_comes_in_pieces_is_an_answer() {
    let scripted = Scripted::start();
    let url = scripted.url_as("ws");
    let (connected, _peer) = tokio::join!(Connection::connect_with(&url, quick()), async {
        let upgrade = scripted.accept_upgrade().await;
        let key = upgrade.header("Sec-WebSocket-Key").expect("each request has one");
        let accept = derive_accept_key(key.as_bytes());
        let answer = switching(&format!(
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
        ));
        let info = format!("INFO {} \r\n", info());
        let len = u16::try_from(info.len()).expect("it is short").to_be_bytes();
        let mut peer = upgrade.respond("").await;
        let frame = [&[0x82, 126, len[0], len[1]], info.as_bytes()].concat();
        for piece in [answer.into_bytes(), frame].concat().chunks(10) {
            peer.send(piece).await;
            turns().await;
        }
        if peer.read_available().await.is_empty() {
            return peer;
        }
        peer.send(b"\x82\x06PONG\r\n").await;
        peer
    });
    assert!(connected.is_ok(), "{connected:?}");
}

#[tokio::test]
async fn a_server_that_goes_in_the_middle_of_its_answer_is_told_so() {
    for (answer, text) in [
        ("", "the server closed the connection"),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgr", "the server closed the connection"),
    ] {
        let scripted = Scripted::start();
        let (told, ()) =
            tokio::join!(async { reason(&scripted.url_as("ws"), quick()).await }, async {
                scripted.accept_upgrade().await.respond(answer).await.close().await;
            });
        assert_eq!(told, text, "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_told_apart() {
    for (answer, text) in [
        (
            format!("INFO {} \r\n", info()),
            "this port speaks NATS without a WebSocket: use `nats://` or `tls://`",
        ),
        (
            "\u{15}\u{3}\u{1}\0\u{2}\u{2}\u{28}".to_owned(),
            "this port speaks TLS: use `wss://` or `tls://`",
        ),
        (
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
                .to_owned(),
            "this port speaks TLS: use `wss://` or `tls://`",
        ),
        ("SSH-2.0-OpenSSH_9.6\r\n".to_owned(), "the WebSocket failed: invalid HTTP version"),
        ("\u{0}\u{1}\u{2}\u{3}".to_owned(), "the WebSocket failed: invalid HTTP version"),
    ] {
        let scripted = Scripted::start();
        let (told, _peer) =
            tokio::join!(async { reason(&scripted.url_as("ws"), quick()).await }, async {
                scripted.accept_upgrade().await.respond(&answer).await
            });
        assert_eq!(told, text, "{answer:?}");
    }
}

#[tokio::test]
async fn a_bad_answer_while_reconnecting_is_an_event_and_the_next_server_is_tried() {
    let (first, second, third) = (Scripted::start(), Scripted::start(), Scripted::start());
    let urls = [&first, &second, &third].map(|scripted| scripted.url_as("ws"));
    let (nc, mut peer, _) = connected(&urls.join(","), &first, quick()).await;
    let mut events = nc.events();
    let (server, (), ()) = tokio::join!(
        event(&mut events, |event| match event {
            Event::ConnectFailed { server, error } => Some((server.to_string(), error.to_string())),
            _ => None,
        }),
        async {
            peer.send_message(natsws_tests::Message::Close(None)).await;
            second
                .accept_upgrade()
                .await
                .respond("HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\nsorry")
                .await;
        },
        async {
            third.accept_upgrade().await.accept().await.handshake(&info()).await;
        },
    );
    let text = "the server answered the WebSocket handshake with HTTP status 500: \"sorry\"";
    assert_eq!(server, (urls[1].clone(), text.to_owned()));
    let reconnected = event(&mut events, |event| match event {
        Event::Reconnected { server, .. } => Some(server.to_string()),
        _ => None,
    });
    assert_eq!(reconnected.await, urls[2]);
}
