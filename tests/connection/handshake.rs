//! On the way to a connection: servers that stand still, ports that speak something else, and
//! garbage. Each is told apart, and none holds up the client.

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use natsws::{
    AttemptError, ConnectOptions, Connection, IntoServers, Phase, ProtocolFault, TransportError,
};
use natsws_tests::{
    Certificates, Message, Peer, Scripted, Server, Transport, info, info_with, within,
};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::{attempt, quick};

/// Time for a server on this machine to do what it does at once.
const SOON: Duration = Duration::from_millis(700);

/// Why the last server that was tried could not be connected to.
pub(crate) async fn refused(
    servers: impl IntoServers,
    options: ConnectOptions,
) -> Arc<AttemptError> {
    let connecting = Connection::connect_with(servers, options);
    attempt(within("the refusal", connecting).await.expect_err("it is refused"))
}

/// Why this server could not be connected to, with all causes.
pub(crate) async fn reason(url: &str, options: ConnectOptions) -> String {
    let connecting = Connection::connect_with(url, options);
    let error = within("the refusal", connecting).await.expect_err("it is refused").to_string();
    let start = format!("no server could be reached: {url} (");
    let reason = error.strip_prefix(&start).and_then(|rest| rest.strip_suffix(')'));
    reason.unwrap_or_else(|| unreachable!("{error}")).to_owned()
}

/// An error with all its causes.
pub(crate) fn whole(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Nobody has dialled this so far.
pub(crate) async fn nobody_came(scripted: &Scripted) {
    let mut stream = TcpStream::connect(scripted.addr()).await.expect("it listens");
    stream.write_all(b"first\r\n").await.expect("it reads");
    scripted.accept().await.expect_line("first").await;
}

/// A server that says this, and then the same until the client goes: its address, and what runs it.
pub(crate) fn endless(
    scheme: &str,
    start: &str,
    again: &str,
) -> (String, impl Future<Output = ()>) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let addr = listener.local_addr().expect("it has an address");
    listener.set_nonblocking(true).expect("it can be");
    let listener = TcpListener::from_std(listener).expect("a runtime is here");
    let (start, again) = (start.to_owned(), again.repeat(1024));
    let serving = async move {
        let (mut stream, _) = within("a client", listener.accept()).await.expect("it listens");
        let sending = async {
            let mut sent = stream.write_all(start.as_bytes()).await;
            while sent.is_ok() {
                sent = stream.write_all(again.as_bytes()).await;
            }
        };
        within("the client's end", sending).await;
    };
    (format!("{scheme}://{addr}"), serving)
}

/// What the attempt waited for.
fn phase(error: &AttemptError, after: Duration) -> Phase {
    let AttemptError::TimedOut { after: found, phase, .. } = *error else {
        unreachable!("not that error: {error:?}")
    };
    assert_eq!(found, after);
    assert_eq!(error.to_string(), format!("it took longer than {after:?}, waiting for {phase}"));
    phase
}

#[tokio::test]
async fn a_server_that_accepts_and_is_silent_is_given_up_in_time() {
    let cases = [
        ("nats", false, Phase::Info, None),
        ("tls", false, Phase::Info, None),
        ("nats", true, Phase::Tls, Some(22)),
        ("tls", true, Phase::Tls, Some(22)),
        ("ws", false, Phase::Upgrade, Some(b'G')),
        ("wss", false, Phase::Tls, Some(22)),
    ];
    let after = Duration::from_millis(200);
    join_all(cases.map(async |(scheme, tls_first, expected, begins)| {
        let scripted = Scripted::start();
        let options = quick().timeout(after).tls_first(tls_first).user("canary", "canary");
        let (error, said) = tokio::join!(refused(scripted.url_as(scheme), options), async {
            // The socket is closed, or this would not end.
            scripted.accept().await.read_to_end().await
        });
        assert_eq!(phase(&error, after), expected, "{scheme} {tls_first}");
        assert_eq!(said.first().copied(), begins, "{scheme} {tls_first}");
        assert!(!said.windows(6).any(|part| part == b"canary"), "{scheme}");
    }))
    .await;
}

/// What a server does before it falls silent.
#[derive(Debug, Clone, Copy)]
enum Until {
    Tls,
    Upgrade,
    Info,
    Pong,
}

/// Does all up to this, with TLS and a WebSocket where the scheme has them.
async fn go_until(until: Until, mut peer: Peer, scheme: &str, certificates: &Certificates) -> Peer {
    let identity = certificates.server();
    if scheme == "tls" {
        peer.send(format!("INFO {} \r\n", info_with(json!({ "tls_required": true })))).await;
    }
    if matches!(until, Until::Tls) {
        return peer;
    }
    if matches!(scheme, "tls" | "wss") {
        peer = peer.tls(&identity).await.expect("it is trusted");
    }
    if matches!(until, Until::Upgrade) {
        return peer;
    }
    if matches!(scheme, "ws" | "wss") {
        peer = peer.upgrade().await.accept().await;
    }
    if matches!(until, Until::Info) {
        return peer;
    }
    if scheme != "tls" {
        peer.send(format!("INFO {} \r\n", info())).await;
    }
    peer.expect_line("CONNECT ").await;
    peer.expect_line("PING").await;
    peer
}

#[tokio::test]
async fn a_server_that_stands_still_later_is_given_up_in_time() {
    let certificates = Certificates::new();
    let cases = [
        ("tls", Until::Tls, Phase::Tls),
        ("wss", Until::Upgrade, Phase::Upgrade),
        ("ws", Until::Info, Phase::Info),
        ("wss", Until::Info, Phase::Info),
        ("nats", Until::Pong, Phase::Answer),
        ("tls", Until::Pong, Phase::Answer),
        ("ws", Until::Pong, Phase::Answer),
        ("wss", Until::Pong, Phase::Answer),
    ];
    join_all(cases.map(async |(scheme, until, expected)| {
        let scripted = Scripted::start();
        let options = quick().timeout(SOON).tls_config(certificates.client_config());
        let (error, ()) = tokio::join!(refused(scripted.url_as(scheme), options), async {
            let peer = scripted.accept().await;
            go_until(until, peer, scheme, &certificates).await.read_to_end().await;
        });
        assert_eq!(phase(&error, SOON), expected, "{scheme} {until:?}");
    }))
    .await;
}

#[tokio::test]
async fn the_next_server_is_tried_after_each_that_stands_still() {
    let certificates = Certificates::new();
    let stalls = [
        ("nats", Until::Tls),
        ("ws", Until::Upgrade),
        ("wss", Until::Tls),
        ("ws", Until::Info),
        ("nats", Until::Pong),
    ]
    .map(|(scheme, until)| (Scripted::start(), scheme, until));
    let last = Scripted::start();
    let mut urls: Vec<_> = stalls.iter().map(|(it, scheme, _)| it.url_as(scheme)).collect();
    urls.push(last.url());
    let options = quick().timeout(SOON).tls_config(certificates.client_config());
    let (nc, _peer) = tokio::join!(Connection::connect_with(urls, options), async {
        for (scripted, scheme, until) in &stalls {
            let peer = scripted.accept().await;
            go_until(*until, peer, scheme, &certificates).await.read_to_end().await;
        }
        let mut peer = last.accept().await;
        peer.handshake(&info()).await;
        peer
    });
    assert_eq!(nc.expect("the last one answers").server().to_string(), last.url());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_process_is_stopped_is_given_up_in_time() {
    let certificates = Certificates::new();
    let server = Server::builder().tls(&certificates).start();
    let (clear, other) = (Server::start(), Server::start());
    let signal = |name: &str| {
        for server in [&server, &clear] {
            let status = Command::new("kill").args([name, &server.pid().to_string()]).status();
            assert!(status.expect("kill is there").success());
        }
    };
    let options = quick().timeout(SOON).tls_config(certificates.client_config());
    signal("-STOP");
    let cases = [
        (clear.nats_url(), Phase::Info),
        (clear.ws_url(), Phase::Upgrade),
        (server.nats_url(), Phase::Info),
        (server.ws_url(), Phase::Tls),
    ];
    join_all(cases.map(async |(url, expected)| {
        let error = refused(&url, options.clone()).await;
        assert_eq!(phase(&error, SOON), expected, "{url}");
    }))
    .await;
    let urls = [server.ws_url(), clear.nats_url(), other.ws_url()];
    let nc = within("the third", Connection::connect_with(urls, options.clone())).await;
    assert_eq!(nc.expect("it is there").server().to_string(), other.ws_url());
    signal("-CONT");
    crate::connect_with(&server.ws_url(), options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_port_is_told_in_words() {
    const NO_TLS: &str = "this port does not speak TLS";
    const TLS: &str = "this port speaks TLS: use `wss://` or `tls://`";
    const NATS: &str = "this port speaks NATS without a WebSocket: use `nats://` or `tls://`";
    // It only closes the connection, so there is nothing to tell it by.
    const GONE: &str = "the server closed the connection";
    const SILENT: &str = "it took longer than 700ms, waiting for the server's INFO";
    let certificates = Certificates::new();
    let clear = Server::start();
    let tls = Server::builder().tls(&certificates).start();
    let first = Server::builder().tls_first(&certificates).start();
    let cases = [
        (
            &clear,
            Transport::Tcp,
            [("nats", None), ("tls", Some(NO_TLS)), ("ws", Some(NATS)), ("wss", Some(NO_TLS))],
        ),
        (
            &clear,
            Transport::Ws,
            [("nats", Some(SILENT)), ("tls", Some(SILENT)), ("ws", None), ("wss", Some(NO_TLS))],
        ),
        (
            &tls,
            Transport::Tcp,
            [("nats", None), ("tls", None), ("ws", Some(NATS)), ("wss", Some(NO_TLS))],
        ),
        (
            &tls,
            Transport::Ws,
            [("nats", Some(SILENT)), ("tls", Some(SILENT)), ("ws", Some(TLS)), ("wss", None)],
        ),
        (
            &first,
            Transport::Tcp,
            [
                ("nats", Some(SILENT)),
                ("tls", Some(SILENT)),
                ("ws", Some(GONE)),
                ("wss", Some(NATS)),
            ],
        ),
    ];
    join_all(cases.into_iter().flat_map(|(server, transport, expected)| {
        let certificates = &certificates;
        expected.map(move |(scheme, expected)| async move {
            let url = format!("{scheme}://{}", server.addr(transport));
            let options = quick().timeout(SOON).tls_config(certificates.client_config());
            match expected {
                Some(text) => assert_eq!(reason(&url, options).await, text, "{url} {transport:?}"),
                None => drop(crate::connect_with(&url, options).await),
            }
        })
    }))
    .await;
}

#[tokio::test]
async fn an_http_server_is_told_from_one_of_nats() {
    let page = "HTTP/1.1 400 Bad Request\r\nContent-Length: 15\r\n\r\n400 Bad Request";
    let certificates = Certificates::new();
    for (scheme, text) in [
        (
            "nats",
            "the server does not speak NATS here: it began with \
             \"HTTP/1.1 400 Bad Request\\r\\nContent-Length\"",
        ),
        (
            "tls",
            "the server does not speak NATS here: it began with \
             \"HTTP/1.1 400 Bad Request\\r\\nContent-Length\"",
        ),
        (
            "ws",
            "the server answered the WebSocket handshake with HTTP status 400: \"400 Bad Request\"",
        ),
        ("wss", "this port does not speak TLS"),
    ] {
        let scripted = Scripted::start();
        let options = quick().tls_config(certificates.client_config());
        let (told, _peer) =
            tokio::join!(async { reason(&scripted.url_as(scheme), options).await }, async {
                let mut peer = scripted.accept().await;
                if scheme == "ws" {
                    return peer.upgrade().await.respond(page).await;
                }
                if scheme == "wss" {
                    peer.read_available().await;
                }
                peer.send(page).await;
                peer
            });
        assert_eq!(told, text, "{scheme}");
    }
}

#[tokio::test]
async fn garbage_in_place_of_info_is_told_by_how_it_begins() {
    for (garbage, text) in [
        (
            &b"\x00\x01\xfe\xff random"[..],
            "the server does not speak NATS here: it began with \
             \"\\0\\u{1}\u{fffd}\u{fffd} random\"",
        ),
        (b"\r\n", "the server does not speak NATS here: it began with \"\\r\\n\""),
        (
            b"INFORM {}\r\n",
            "the server does not speak NATS here: it began with \"INFORM {}\\r\\n\"",
        ),
        (b"PING\r\n", "the server does not speak NATS here: it began with \"PING\\r\\n\""),
        (
            b"INFO \r\n",
            "the peer sent an INFO or CONNECT whose JSON is not valid (byte 0 of the connection)",
        ),
        (
            b"INFO {\"server_id\":\r\n",
            "the peer sent an INFO or CONNECT whose JSON is not valid (byte 0 of the connection)",
        ),
        (
            b"INFO {\"max_payload\":-1}\r\n",
            "the peer sent an INFO or CONNECT whose JSON is not valid (byte 0 of the connection)",
        ),
        (
            b"INFO [1]\r\n",
            "the peer sent an INFO or CONNECT whose JSON is not valid (byte 0 of the connection)",
        ),
        // The alerts of TLS 1.2 and of older versions.
        (b"\x15\x03\x03\x00\x02\x02\x46", "this port speaks TLS: use `wss://` or `tls://`"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "this port speaks TLS: use `wss://` or `tls://`"),
    ] {
        let scripted = Scripted::start();
        let (told, said) = tokio::join!(
            async { reason(&scripted.url(), quick().user("canary", "canary")).await },
            async {
                let mut peer = scripted.accept().await;
                peer.send(garbage).await;
                peer.read_to_end().await
            }
        );
        assert_eq!(told, text);
        assert_eq!(said, b"");
    }
}

#[tokio::test]
async fn garbage_in_a_websocket_is_told_apart_too() {
    for (garbage, text) in [
        (
            Message::binary(&b"\x00\x01\xfe\xff random\r\n"[..]),
            "the peer sent an unknown operation (byte 0 of the connection)",
        ),
        (
            Message::text("INFO {\r\n"),
            "the peer sent an INFO or CONNECT whose JSON is not valid (byte 0 of the connection)",
        ),
        (
            Message::binary(&b"PING\r\n"[..]),
            "the server does not speak NATS here: it began with \"another operation\"",
        ),
        (
            Message::binary(&b"-ERR 'maximum connections exceeded'\r\n"[..]),
            "the server has too many connections",
        ),
    ] {
        let scripted = Scripted::start();
        let (told, _peer) =
            tokio::join!(async { reason(&scripted.url_as("ws"), quick()).await }, async {
                let mut peer = scripted.accept_upgrade().await.accept().await;
                peer.send_message(garbage.clone()).await;
                peer
            });
        assert_eq!(told, text, "{garbage:?}");
    }
}

#[tokio::test]
async fn a_websocket_that_is_closed_is_over_even_where_the_connection_stays_open() {
    for until in [Until::Info, Until::Pong] {
        let scripted = Scripted::start();
        let options = quick().timeout(SOON);
        let (told, _peer) =
            tokio::join!(async { reason(&scripted.url_as("ws"), options).await }, async {
                let peer = scripted.accept().await;
                let mut peer = go_until(until, peer, "ws", &Certificates::new()).await;
                peer.send_message(Message::Close(None)).await;
                peer
            });
        assert_eq!(told, "the server closed the connection", "{until:?}");
    }
}

#[tokio::test]
async fn a_first_line_without_end_is_given_up_after_a_megabyte() {
    let (url, serving) = endless("nats", "INFO {\"server_id\":\"", "x");
    let (error, ()) = tokio::join!(refused(&url, quick()), serving);
    let AttemptError::Transport(TransportError::NotNats { start }) = &*error else {
        unreachable!("{error:?}")
    };
    assert_eq!(start, &format!("INFO {{\"server_id\":\"{}", "x".repeat(21)));

    let scripted = Scripted::start();
    let (error, ()) = tokio::join!(refused(scripted.url_as("ws"), quick()), async {
        let mut peer = scripted.accept_upgrade().await.accept().await;
        peer.send(format!("INFO {}", "x".repeat(1024 * 1024))).await;
        peer.read_to_end().await;
    });
    let AttemptError::Protocol(error) = &*error else { unreachable!("{error:?}") };
    assert_eq!(error.fault, ProtocolFault::LineTooLong { max: 1024 * 1024 });
}

#[tokio::test]
async fn a_first_line_that_comes_in_pieces_and_is_long_is_read() {
    // A large cluster lists many servers.
    let urls: Vec<_> =
        (0..10_000).map(|at| format!("10.1.{}.{}:4222", at / 250, at % 250)).collect();
    let line = format!("INFO {} \r\n", info_with(json!({ "connect_urls": urls })));
    assert!(line.len() > 150_000);
    let scripted = Scripted::start();
    let url = scripted.url();
    let options = quick().ignore_cluster_updates(true);
    let (nc, _peer) = tokio::join!(crate::connect_with(&url, options), async {
        let mut peer = scripted.accept().await;
        for piece in [&line[..1], &line[1..4], &line[4..70_000], &line[70_000..]] {
            peer.send(piece).await;
            tokio::task::yield_now().await;
        }
        peer.expect_line("CONNECT ").await;
        peer.expect_line("PING").await;
        peer.send("PONG\r\n").await;
        peer
    });
    assert_eq!(nc.server_info().connect_urls.len(), 10_000);
}

#[tokio::test]
async fn a_server_that_goes_before_it_has_answered_is_told_so() {
    let certificates = Certificates::new();
    let closed = "the server closed the connection";
    let broke = "TLS failed: tls handshake eof";
    for (scheme, until, text) in [
        ("nats", Until::Tls, closed),
        ("tls", Until::Tls, broke),
        ("wss", Until::Tls, broke),
        ("ws", Until::Info, closed),
        ("wss", Until::Info, closed),
        ("nats", Until::Pong, closed),
        ("tls", Until::Pong, closed),
        ("ws", Until::Pong, closed),
        ("wss", Until::Pong, closed),
    ] {
        let scripted = Scripted::start();
        let options = quick().tls_config(certificates.client_config());
        let (told, ()) =
            tokio::join!(async { reason(&scripted.url_as(scheme), options).await }, async {
                let mut peer = scripted.accept().await;
                if let ("wss", Until::Tls) = (scheme, until) {
                    peer.read_available().await;
                }
                go_until(until, peer, scheme, &certificates).await.close().await;
            });
        assert_eq!(told, text, "{scheme} {until:?}");
    }
}
