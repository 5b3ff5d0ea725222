//! What follows when the server refuses the credentials.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use natsws::{
    AttemptError, Challenge, CloseError, ConnectOptions, Connection, Credentials, Disconnect,
    Event, ServerError, WaitError,
};
use natsws_tests::{Proxy, Scripted, Server, Transport, eventually, info, within};

use super::{REFUSED, Shared, address, meet, up_to};
use crate::{attempt, quick};

/// A way to the server that counts the connections.
fn way(server: &Server, transport: Transport) -> (Proxy, String) {
    let proxy = Proxy::to(server.addr(transport));
    let url = proxy.url(match transport {
        Transport::Ws => "ws",
        Transport::Tcp => "nats",
    });
    (proxy, url)
}

/// Why a connection is closed that was given up because it was refused.
async fn given_up(nc: &Connection) -> Option<Disconnect> {
    let reason = within("the end", nc.closed()).await.expect_err("nobody asked for it");
    assert!(reason.is_auth(), "{reason:?}");
    let CloseError::GaveUp { lost, attempts } = reason else {
        unreachable!("not that: {reason:?}")
    };
    let [(_, error)] = attempts.as_slice() else { unreachable!("{attempts:?}") };
    let violation = ServerError::AuthorizationViolation;
    let refused = matches!(&**error, AttemptError::Server(error) if *error == violation);
    assert!(refused, "{error:?}");
    lost
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_connection_that_is_refused_is_not_tried_again() {
    let server = Server::builder().user("u", "p").start();
    for transport in Transport::ALL {
        let (proxy, url) = way(&server, transport);
        super::refused(&url, quick().user("u", "canary")).await;
        assert_eq!(proxy.connections(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_may_take_what_one_refuses() {
    let (no, yes) =
        (Server::builder().token("other").start(), Server::builder().token("t").start());
    for transport in Transport::ALL {
        let urls = [no.url(transport), yes.url(transport)];
        let nc = Connection::connect_with(&urls[..], quick().token("t")).await;
        assert_eq!(nc.expect("one takes it").server().to_string(), urls[1]);
        let (proxy, nobody) = way(&yes, transport);
        proxy.refuse();
        let urls = [no.url(transport), nobody];
        let error = Connection::connect_with(&urls[..], quick().token("t")).await;
        // Whether the credentials are wrong is not known, since one server was not asked.
        assert!(!error.expect_err("nobody takes it").is_auth());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_refusal_twice_is_the_end() {
    let server = Server::builder().token("right").start();
    for transport in Transport::ALL {
        let asked = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&asked);
        let options = quick().authenticator(move |_: Challenge| {
            let first = counting.fetch_add(1, Ordering::SeqCst) == 0;
            let credentials = Credentials::new().token(if first { "right" } else { "canary" });
            async { Ok::<_, Infallible>(credentials) }
        });
        let nc = crate::connect_with(&server.url(transport), options).await;
        nc.flush().await.expect("flushed");
        let mut events = nc.events();
        nc.reconnect();
        let refused = format!("failed: {REFUSED}");
        let expected = ["lost: Requested", "dialling", &refused, "dialling", &refused, "closed"];
        assert_eq!(up_to("closed", &mut events).await, expected);
        let lost = given_up(&nc).await;
        assert!(matches!(lost, Some(Disconnect::Requested)), "{lost:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }
}

/// A connection whose token the server does not take any more from now on.
async fn shut_out(transport: Transport, options: ConnectOptions) -> (Server, Connection) {
    let mut server = Server::builder().fixed_ports().token("old").start();
    let nc = crate::connect_with(&server.url(transport), options.token("old")).await;
    nc.flush().await.expect("flushed");
    server.rewrite_config(|told| told.token("new"));
    (server, nc)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_ended_by_a_refusal_counts_as_one() {
    for transport in Transport::ALL {
        let (server, nc) = shut_out(transport, quick()).await;
        let mut events = nc.events();
        server.signal_reload();
        let expected = [
            "told: AuthorizationViolation",
            "lost: Server(AuthorizationViolation)",
            "dialling",
            &format!("failed: {REFUSED}"),
            "closed",
        ];
        assert_eq!(up_to("closed", &mut events).await, expected);
        let lost = given_up(&nc).await;
        let violation = ServerError::AuthorizationViolation;
        let told = matches!(&lost, Some(Disconnect::Server(lost)) if *lost == violation);
        assert!(told, "{lost:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_that_are_ignored_count_as_attempts() {
    for transport in Transport::ALL {
        let options = quick().ignore_auth_error_abort(true).max_reconnect_attempts(5);
        let (server, nc) = shut_out(transport, options).await;
        let mut events = nc.events();
        server.signal_reload();
        let all = up_to("closed", &mut events).await;
        let refused = format!("failed: {REFUSED}");
        let begin = ["told: AuthorizationViolation", "lost: Server(AuthorizationViolation)"];
        let mut expected = Vec::from(begin);
        expected.extend(["dialling", &refused].repeat(5));
        expected.push("closed");
        assert_eq!(all, expected);
        given_up(&nc).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_that_are_ignored_end_when_the_server_takes_the_credentials_again() {
    for transport in Transport::ALL {
        let options = quick().ignore_auth_error_abort(true).unlimited_reconnect_attempts();
        let (mut server, nc) = shut_out(transport, options).await;
        let mut events = nc.events();
        server.signal_reload();
        for _ in 0..3 {
            up_to(&format!("failed: {REFUSED}"), &mut events).await;
        }
        server.rewrite_config(|told| told.token("old"));
        server.signal_reload();
        up_to("reconnected", &mut events).await;
        nc.flush().await.expect("flushed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_the_first_connection_ends_with_the_second_refusal() {
    let server = Server::builder().token("right").start();
    for transport in Transport::ALL {
        let (proxy, url) = way(&server, transport);
        super::refused(&url, quick().token("canary").wait_on_first_connect(true)).await;
        assert_eq!(proxy.connections(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lazy_connection_is_closed_with_the_second_refusal() {
    let server = Server::builder().token("right").start();
    for transport in Transport::ALL {
        let (proxy, url) = way(&server, transport);
        let nc = crate::connect_with(&url, quick().token("canary").lazy(true)).await;
        let waited = nc.wait_connected(Duration::from_secs(9)).await;
        let Err(WaitError::Closed(Some(reason))) = waited else { unreachable!("{waited:?}") };
        assert!(reason.is_auth());
        assert!(given_up(&nc).await.is_none());
        assert_eq!(proxy.connections(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_goes_on_until_the_server_takes_the_credentials_where_refusals_are_ignored() {
    for transport in Transport::ALL {
        let mut server = Server::builder().fixed_ports().token("old").start();
        let (proxy, url) = way(&server, transport);
        let options =
            quick().token("new").wait_on_first_connect(true).ignore_auth_error_abort(true);
        let connecting = tokio::spawn(Connection::connect_with(url, options));
        eventually("the fourth attempt", async || (proxy.connections() >= 4).then_some(())).await;
        server.rewrite_config(|told| told.token("new"));
        server.signal_reload();
        let nc = within("the connection", connecting).await.expect("no panic");
        nc.expect("it is let in").flush().await.expect("flushed");
    }
}

/// Refuses the next clients because they were too slow.
async fn too_slow(scripted: &Scripted, transport: Transport, clients: usize) {
    for _ in 0..clients {
        let mut peer = meet(scripted, transport).await;
        peer.send(format!("INFO {} \r\n", info())).await;
        peer.expect_line("CONNECT ").await;
        peer.send("-ERR 'Authentication Timeout'\r\n").await;
        peer.read_to_end().await;
    }
}

#[tokio::test]
async fn a_server_that_gets_the_credentials_too_late_is_tried_again_where_that_is_asked_for() {
    for transport in Transport::ALL {
        let scripted = Scripted::start();
        let url = address(&scripted, transport);
        let patient = quick().wait_on_first_connect(true);
        let connecting = Connection::connect_with(&url, patient.clone());
        let (connected, ()) =
            tokio::join!(within("the end", connecting), too_slow(&scripted, transport, 2));
        let error = connected.expect_err("twice is enough");
        assert!(error.is_auth());
        let error = attempt(error);
        let timeout = ServerError::AuthenticationTimeout;
        let told = matches!(&*error, AttemptError::Server(error) if *error == timeout);
        assert!(told, "{error:?}");

        let options = patient.ignore_auth_error_abort(true);
        let (_nc, ()) = tokio::join!(crate::connect_with(&url, options), async {
            too_slow(&scripted, transport, 3).await;
            meet(&scripted, transport).await.handshake(&info()).await;
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_for_different_reasons_and_with_a_success_between_do_not_add_up() {
    let server = Server::builder().token("right").start();
    for transport in Transport::ALL {
        let token = Shared::new("right");
        let asked = token.clone();
        let options = quick().authenticator(move |_: Challenge| {
            let credentials = Credentials::new().token(asked.get());
            async { Ok::<_, Infallible>(credentials) }
        });
        let nc = crate::connect_with(&server.url(transport), options).await;
        nc.flush().await.expect("flushed");
        for _ in 0..3 {
            let mut events = nc.events();
            token.set("canary");
            nc.reconnect();
            let failed = crate::event(&mut events, |event| match event {
                Event::ConnectFailed { error, .. } => Some(error.to_string()),
                _ => None,
            });
            assert_eq!(failed.await, REFUSED);
            token.set("right");
            up_to("reconnected", &mut events).await;
            nc.flush().await.expect("flushed");
        }
    }
}
