//! Addresses, credentials, and errors that name what was tried.

use natsws::{AttemptError, ConnectError, Connection, ServerAddr, ServerError};
use natsws_tests::{Scripted, Server, Transport, info, within};

use crate::quick;

everywhere! {
    async fn who_has_the_token_gets_in(target: Target) {
        let place = target.start_with(|it| it.token("t0p s/cret"), |it| it.token("t0p s/cret")).await;
        let nc = place.connect_with(quick().token("t0p s/cret")).await;
        nc.flush().await.expect("flushed");
        let url = place.url().replace("://", "://t0p%20s%2Fcret@");
        let nc = crate::connect(&url).await;
        nc.flush().await.expect("flushed");
        assert_eq!(nc.server().to_string(), place.url());
        for (url, options) in [
            (place.url(), quick()),
            (place.url(), quick().token("canary")),
            (place.url(), quick().user("t0p s/cret", "canary")),
            (place.url().replace("://", "://canary@"), quick()),
        ] {
            assert!(!format!("{options:?}").contains("canary"));
            refused(&place.url(), Connection::connect_with(url, options).await);
        }
    }

    async fn who_has_name_and_password_gets_in(target: Target) {
        let place = target.start_with(|it| it.user("me", "s@:cret"), |it| it.user("me", "s@:cret")).await;
        place.connect_with(quick().user("me", "s@:cret")).await;
        let nc = crate::connect(&place.url().replace("://", "://me:s%40%3Acret@")).await;
        let shown = format!("{nc:?} {:?} {}", nc.server(), nc.server());
        assert!(!shown.contains("cret"), "{shown}");
        // What the options say counts.
        let nc = crate::connect_with(
            &place.url().replace("://", "://me:wrong@"),
            quick().user("me", "s@:cret"),
        ).await;
        nc.flush().await.expect("flushed");
        for (url, options) in [
            (place.url(), quick()),
            (place.url(), quick().user("me", "canary")),
            (place.url(), quick().user("canary", "s@:cret")),
            (place.url(), quick().token("s@:cret")),
            (place.url().replace("://", "://me:canary@"), quick()),
        ] {
            assert!(!format!("{options:?}").contains("canary"));
            refused(&place.url(), Connection::connect_with(url, options).await);
        }
    }

    async fn the_address_tells_where_the_client_is(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        assert_eq!(nc.server().to_string(), place.url());
        let addr: ServerAddr = place.url().parse().expect("a good address");
        let nc = Connection::connect(&addr).await.expect("the server is there");
        assert_eq!(*nc.server(), addr);
    }
}

/// The error names the address and the reason, and no secret.
fn refused(url: &str, result: Result<Connection, ConnectError>) {
    let error = result.expect_err("the credentials are wrong");
    let expected =
        format!("no server could be reached: {url} (the server refused the credentials)");
    assert_eq!(error.to_string(), expected);
    let shown = format!("{error:?}");
    assert!(!shown.contains("canary") && !shown.contains("cret"), "{shown}");
    let ConnectError::NoServer { attempts } = error else { unreachable!("not that error") };
    let [(_, attempt)] = &attempts[..] else { unreachable!("more attempts: {attempts:?}") };
    let AttemptError::Server(error) = &**attempt else { unreachable!("not that: {attempt:?}") };
    assert_eq!(*error, ServerError::AuthorizationViolation);
    assert!(error.is_auth());
}

#[tokio::test]
async fn servers_that_are_not_there_are_each_named() {
    let dead = || {
        let scripted = Scripted::start();
        scripted.url()
    };
    let (first, second) = (dead(), dead().replace("nats:", "ws:"));
    let urls = format!("{first},{second}");
    let error = Connection::connect_with(urls, quick()).await.expect_err("nobody is there");
    let text = error.to_string();
    assert!(text.starts_with(&format!("no server could be reached: {first} (")), "{text}");
    assert!(text.contains(&format!("; {second} (")), "{text}");
    assert_eq!(text.matches("onnection refused").count(), 2, "{text}");
    let ConnectError::NoServer { attempts } = error else { unreachable!("{text}") };
    assert_eq!(attempts.len(), 2);
}

#[tokio::test]
async fn the_first_server_that_answers_is_taken() {
    let dead = {
        let scripted = Scripted::start();
        scripted.url()
    };
    let scripted = Scripted::start();
    let urls = vec![dead, scripted.url()];
    let (nc, _) = tokio::join!(Connection::connect_with(urls, quick()), async {
        let mut peer = scripted.accept().await;
        peer.handshake(&info()).await;
        peer
    });
    assert_eq!(nc.expect("the second is there").server().to_string(), scripted.url());
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let scripted = Scripted::start();
    let after = std::time::Duration::from_millis(50);
    let connecting = Connection::connect_with(scripted.url(), quick().timeout(after));
    let error = within("the timeout", connecting).await.expect_err("it is silent");
    let url = scripted.url();
    assert_eq!(
        error.to_string(),
        format!(
            "no server could be reached: {url} (it took longer than 50ms, waiting for the server's INFO)"
        )
    );
}

#[tokio::test]
async fn what_is_not_nats_is_told_by_its_first_bytes() {
    let scripted = Scripted::start();
    let (connected, ()) = tokio::join!(Connection::connect_with(scripted.url(), quick()), async {
        scripted.accept().await.send("SSH-2.0-OpenSSH_9.6\r\n").await;
    });
    let error = connected.expect_err("that is no NATS server").to_string();
    assert!(
        error.contains("the server does not speak NATS here: it began with \"SSH-2.0"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_may_have_any_path_and_a_list_may_mix_transports() {
    let server = Server::start();
    let url = format!("{}/some/path?x=1", server.ws_url());
    let nc = crate::connect(&url).await;
    nc.flush().await.expect("flushed");
    assert_eq!(nc.server().to_string(), url);
    let all = format!("{},{}", server.nats_url(), server.ws_url());
    assert_eq!(crate::connect(&all).await.server().to_string(), server.nats_url());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_port_is_told_in_words() {
    let server = Server::start();
    let ws_to_tcp = format!("ws://{}", server.addr(Transport::Tcp));
    let error =
        Connection::connect_with(&ws_to_tcp, quick()).await.expect_err("no WebSocket there");
    assert_eq!(
        error.to_string(),
        format!(
            "no server could be reached: {ws_to_tcp} (this port speaks NATS without a WebSocket: \
             use `nats://` or `tls://`)"
        )
    );

    let tcp_to_ws = format!("nats://{}", server.addr(Transport::Ws));
    let options = quick().timeout(std::time::Duration::from_millis(300));
    let error = Connection::connect_with(&tcp_to_ws, options).await.expect_err("no INFO there");
    assert_eq!(
        error.to_string(),
        format!(
            "no server could be reached: {tcp_to_ws} (it took longer than 300ms, waiting for the \
             server's INFO)"
        )
    );

    for (scheme, transport) in
        [("wss", Transport::Ws), ("wss", Transport::Tcp), ("tls", Transport::Tcp)]
    {
        let url = format!("{scheme}://{}", server.addr(transport));
        let certificates = natsws_tests::Certificates::new();
        let options = quick().tls_config(certificates.client_config());
        let error = Connection::connect_with(&url, options).await.expect_err("no TLS there");
        assert_eq!(
            error.to_string(),
            format!("no server could be reached: {url} (this port does not speak TLS)")
        );
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_understood_is_refused_before_anything_is_dialled() {
    for (url, text) in [
        (
            "http://a",
            "server address `http://a` is not valid: the scheme is none of ws, wss, nats and tls",
        ),
        (
            "nats://a:0",
            "server address `nats://a:0` is not valid: the port is not a number between 1 and 65535",
        ),
        (
            "nats://me:canary@a b",
            "server address `nats://…@a b` is not valid: it contains a blank or a control character",
        ),
    ] {
        let error = Connection::connect(url).await.expect_err("a bad address");
        assert_eq!(error.to_string(), text);
        assert!(!format!("{error:?}").contains("canary"));
    }
}
