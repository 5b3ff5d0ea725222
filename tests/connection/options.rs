//! Each option does what it says, and would be missed.

use std::future::IntoFuture;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use natsws::{
    AttemptError, CloseError, ConnectError, ConnectOptions, Connection, Disconnect, Event,
    NextServer, OnDisconnect, ProtocolFault, RequestError, SetServersError, State, WaitError,
};
use natsws_tests::{Scripted, Server, Transport, eventually, info, info_with, within};
use serde_json::json;

use crate::{attempt, connect_with, event, quick, scripted_as};

/// Accepts clients, each of which is connected for a moment.
async fn greet(scripted: &Scripted) -> natsws_tests::Peer {
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    peer
}

/// The address of a server that is not there.
fn nobody() -> String {
    Scripted::start().url()
}

#[tokio::test]
async fn servers_of_the_options_are_used_like_those_of_connect() {
    let scripted = Scripted::start();
    let options = quick().servers([nobody(), scripted.url()]);
    let (nc, _peer) = tokio::join!(Connection::connect_with((), options), greet(&scripted));
    assert_eq!(nc.expect("the second is there").server().to_string(), scripted.url());
    let (nc, _peer) = tokio::join!(
        Connection::connect_with((), quick().servers(scripted.url())),
        greet(&scripted)
    );
    assert_eq!(nc.expect("it is there").servers().len(), 1);
    let error = Connection::connect_with((), quick().servers("foo://a")).await.expect_err("bad");
    assert!(matches!(error, ConnectError::Address(_)), "{error:?}");
}

#[tokio::test]
async fn a_port_is_for_the_local_server_alone() {
    let scripted = Scripted::start();
    let port = scripted.addr().port();
    let options = quick().port(port);
    let (nc, _peer) = tokio::join!(Connection::connect_with((), options.clone()), greet(&scripted));
    let nc = nc.expect("it is there");
    assert_eq!(nc.server().to_string(), format!("nats://localhost:{port}"));
    let error = Connection::connect_with(nobody(), options).await.expect_err("both are given");
    assert!(matches!(error, ConnectError::PortAndServers), "{error:?}");
}

#[tokio::test]
async fn a_silent_server_is_asked_as_often_as_told_and_then_left() {
    let options = quick().ping_interval(Duration::from_millis(30)).max_pings_out(3);
    let (_scripted, mut peer, nc) = scripted_as(&info(), options).await;
    let mut events = nc.events();
    for _ in 0..3 {
        assert_eq!(peer.expect_line("PING").await, "PING");
    }
    let reason = event(&mut events, |event| match event {
        Event::Disconnected { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    assert!(matches!(reason, Disconnect::Stale { pings: 3 }), "{reason:?}");
    assert_eq!(peer.read_to_end().await, b"");
}

#[tokio::test]
async fn the_wait_before_a_server_is_tried_again_is_the_applications_own() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let delay = {
        let asked = Arc::clone(&asked);
        move |failures| {
            asked.lock().expect("no panic").push(failures);
            Duration::ZERO
        }
    };
    let options = quick().reconnect_delay(delay).max_reconnect_attempts(4);
    let (scripted, peer, nc) = scripted_as(&info(), options).await;
    drop(scripted);
    peer.reset();
    within("the end", nc.closed()).await.expect_err("nobody asked for it");
    // The connection broke before it was worth something, and then four attempts failed.
    assert_eq!(*asked.lock().expect("no panic"), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_server_that_accepts_and_then_breaks_is_one_that_failed_each_time() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let delay = {
        let asked = Arc::clone(&asked);
        move |failures| {
            asked.lock().expect("no panic").push(failures);
            Duration::ZERO
        }
    };
    let (scripted, mut peer, nc) = scripted_as(&info(), quick().reconnect_delay(delay)).await;
    for round in 1..=6 {
        peer.send("garbage\r\n").await;
        peer = greet(&scripted).await;
        eventually("the reconnect", async || (nc.stats().reconnects == round).then_some(())).await;
    }
    // With the usual delay the waits between them double.
    assert_eq!(*asked.lock().expect("no panic"), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_connection_that_proves_itself_is_asked_for_a_pong_after_five_seconds() {
    let (_scripted, mut peer, nc) = scripted_as(&info(), quick()).await;
    // No test waits for five seconds but this one.
    peer.expect_line("PING").await;
    peer.send("PONG\r\n").await;
    crate::flush(&nc, &mut peer).await;
}

#[tokio::test]
async fn the_application_chooses_the_next_server_and_when() {
    let (first, second) = (Scripted::start(), Scripted::start());
    let chosen = second.url();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let choose = {
        let (chosen, seen) = (chosen.clone(), Arc::clone(&seen));
        move |servers: &[natsws::PoolServer], info: Option<&natsws::ServerInfo>| {
            let name = info.map(|info| info.server_name.clone());
            seen.lock().expect("no panic").push((servers.len(), name));
            let server = servers.iter().find(|server| server.addr.to_string() == chosen)?;
            Some(NextServer::new(Arc::clone(&server.addr)).after(Duration::from_millis(1)))
        }
    };
    let options = quick().next_server(choose);
    let urls = [first.url(), second.url()];
    let (nc, peer) = tokio::join!(Connection::connect_with(&urls[..], options), greet(&second));
    let nc = nc.expect("the second is there");
    assert_eq!(nc.server().to_string(), second.url());
    peer.close().await;
    let _peer = greet(&second).await;
    let expected = [(2, None), (2, Some("scripted".to_owned()))];
    assert_eq!(*seen.lock().expect("no panic"), expected);
}

#[tokio::test]
async fn a_choice_that_makes_no_sense_is_told_and_the_next_in_turn_is_tried() {
    let calls = Arc::new(AtomicUsize::new(0));
    let choose = {
        let calls = Arc::clone(&calls);
        move |_: &[natsws::PoolServer], _: Option<&natsws::ServerInfo>| match calls
            .fetch_add(1, Ordering::SeqCst)
        {
            0 => None,
            1 => {
                let stranger = "nats://stranger".parse::<natsws::ServerAddr>();
                Some(NextServer::new(stranger.expect("a good address")))
            }
            _ => panic!("the application's own"),
        }
    };
    let (scripted, mut peer, nc) = scripted_as(&info(), quick().next_server(choose)).await;
    let mut events = nc.events();
    for round in 1..=2 {
        peer.close().await;
        event(&mut events, |event| matches!(event, Event::NextServerIgnored).then_some(())).await;
        peer = greet(&scripted).await;
        eventually("the reconnect", async || (nc.stats().reconnects == round).then_some(())).await;
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn servers_are_tried_in_any_order_unless_told_otherwise() {
    let urls: Vec<String> = (0..8).map(|_| nobody()).collect();
    let order = async |options: ConnectOptions| {
        let error = Connection::connect_with(&urls[..], options).await.expect_err("nobody");
        let ConnectError::NoServer { attempts } = error else { unreachable!("{error:?}") };
        attempts.into_iter().map(|(server, _)| server.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(order(quick()).await, urls);
    // Twice the same of 40,320 orders is no accident.
    let (first, second) = (order(ConnectOptions::new()).await, order(ConnectOptions::new()).await);
    assert!(first != urls || second != urls, "{urls:?}");
}

#[tokio::test]
async fn discovered_servers_are_used_unless_told_otherwise() {
    for ignore in [false, true] {
        let (first, second) = (Scripted::start(), Scripted::start());
        let listed = info_with(json!({ "connect_urls": [second.addr().to_string(), "no server"] }));
        let url = first.url();
        let options = quick().ignore_cluster_updates(ignore).lazy(true);
        let nc = connect_with(&url, options).await;
        let mut events = nc.events();
        let mut peer = first.accept().await;
        peer.handshake(&listed).await;
        nc.wait_connected(Duration::from_secs(5)).await.expect("it is there");
        if !ignore {
            let unusable = event(&mut events, |event| match event {
                Event::ServerUnusable { listed } => Some(listed),
                _ => None,
            })
            .await;
            assert_eq!(unusable, "no server");
            let added = event(&mut events, |event| match event {
                Event::ServersChanged { added, removed } => Some((added, removed)),
                _ => None,
            })
            .await;
            assert_eq!((added.0[0].to_string(), added.1.len()), (second.url(), 0));
        }
        assert_eq!(nc.servers().len(), if ignore { 1 } else { 2 });
        drop(first);
        peer.close().await;
        if ignore {
            let failed = event(&mut events, |event| match event {
                Event::ConnectFailed { server, .. } => Some(server.to_string()),
                _ => None,
            })
            .await;
            assert_eq!(failed, url);
        } else {
            let _peer = greet(&second).await;
            eventually("the reconnect", async || {
                (nc.server().to_string() == second.url() && nc.state() == State::Connected)
                    .then_some(())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn connect_can_wait_for_the_first_server() {
    let scripted = Scripted::start();
    let url = scripted.url();
    let options = quick().wait_on_first_connect(true).max_reconnect_attempts(2);
    let connecting = tokio::spawn(Connection::connect_with(url.clone(), options));
    // More attempts than a lost connection would get.
    for _ in 0..5 {
        scripted.accept().await.reset();
    }
    let _peer = greet(&scripted).await;
    let nc = within("connecting", connecting).await.expect("no panic").expect("it is there");
    assert_eq!(nc.server().to_string(), url);
}

#[tokio::test]
async fn a_lazy_connection_is_there_before_its_server() {
    let scripted = Scripted::start();
    let nc = connect_with(&scripted.url(), quick().lazy(true)).await;
    let mut events = nc.events();
    assert_eq!(nc.state(), State::Connecting);
    nc.publish("early", "bird").await.expect("it is kept");
    let asked = nc.request("early", "").await.expect_err("there is no connection");
    assert!(matches!(asked, RequestError::Disconnected { maybe_delivered: false }), "{asked:?}");
    let waited = nc.wait_connected(Duration::from_millis(1)).await.expect_err("nobody is there");
    assert!(matches!(waited, WaitError::TimedOut { .. }), "{waited:?}");
    let subscribing = tokio::spawn({
        let nc = nc.clone();
        async move { nc.subscribe("a").await }
    });
    scripted.accept().await.reset();
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    within("the connection", nc.wait_connected(Duration::from_secs(5))).await.expect("it is up");
    let server = event(&mut events, |event| match event {
        Event::Connected { server } => Some(server),
        _ => None,
    })
    .await;
    assert_eq!(server.to_string(), scripted.url());
    let said = [peer.expect_line("").await, peer.expect_line("").await];
    assert!(said.iter().any(|line| line == "PUB early 4"), "{said:?}");
    peer.skip_to_line("PING").await;
    peer.send("PONG\r\n").await;
    let sub = within("subscribing", subscribing).await.expect("no panic").expect("subscribed");
    assert_eq!(sub.subject(), "a");
    within("the end", nc.close()).await;
    let waited = nc.wait_connected(Duration::from_secs(5)).await.expect_err("it is closed");
    assert!(matches!(waited, WaitError::Closed(None)), "{waited:?}");
}

#[tokio::test]
async fn a_lazy_connection_closes_while_it_waits() {
    let nc = connect_with(&nobody(), quick().lazy(true)).await;
    within("the end", nc.close()).await;
    assert!(nc.closed().await.is_ok());
}

#[tokio::test]
async fn a_lost_connection_leaves_requests_waiting_where_that_is_wanted() {
    let options = quick().on_disconnect(OnDisconnect::Wait);
    let (scripted, mut peer, nc) = scripted_as(&info(), options).await;
    let ask = |payload: &'static str, limit: u64| {
        let nc = nc.clone();
        tokio::spawn(
            async move { nc.request("a", payload).timeout(Duration::from_millis(limit)).await },
        )
    };
    let sent = ask("sent", 9000);
    peer.expect_line("SUB").await;
    let line = peer.expect_line("PUB a ").await;
    let inbox = line.split(' ').nth(2).expect("a reply subject").to_owned();
    assert_eq!(peer.read_exact(6).await, b"sent\r\n");
    peer.close().await;
    crate::reconnect::down(&nc).await;
    let late = ask("late", 9000);
    let short = within("the short one", ask("short", 1)).await.expect("no panic");
    assert!(matches!(short, Err(RequestError::TimedOut { .. })), "{short:?}");
    eventually("both requests", async || (nc.requests_in_flight() == 2).then_some(())).await;

    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    peer.expect_line("SUB").await;
    // Nothing is sent twice, nor when its time is over.
    let line = peer.expect_line("PUB a ").await;
    let second = line.split(' ').nth(2).expect("a reply subject").to_owned();
    assert_eq!(peer.read_exact(6).await, b"late\r\n");
    peer.send(format!("MSG {inbox} 1 1\r\n1\r\nMSG {second} 1 1\r\n2\r\n")).await;
    for (task, reply) in [(sent, "1"), (late, "2")] {
        let got = within("the reply", task).await.expect("no panic").expect("a reply");
        assert_eq!(got.text(), Ok(reply));
    }
    crate::flush(&nc, &mut peer).await;
}

#[tokio::test]
async fn a_request_that_the_next_server_does_not_take_is_told_so() {
    let options = quick().on_disconnect(OnDisconnect::Wait);
    let (scripted, peer, nc) = scripted_as(&info(), options).await;
    peer.close().await;
    crate::reconnect::down(&nc).await;
    let ask = tokio::spawn({
        let nc = nc.clone();
        async move { nc.request("a", "123456").timeout(Duration::from_secs(9)).await }
    });
    eventually("the request", async || (nc.requests_in_flight() == 1).then_some(())).await;
    let mut peer = scripted.accept().await;
    peer.handshake(&info_with(json!({ "max_payload": 5 }))).await;
    let told = within("the outcome", ask).await.expect("no panic").expect_err("it is too large");
    assert!(matches!(told, RequestError::Disconnected { maybe_delivered: false }), "{told:?}");
}

#[tokio::test]
async fn a_message_larger_than_is_accepted_breaks_the_connection_before_it_is_read() {
    let options = quick().max_message_size(10).max_control_line(64);
    let (scripted, mut peer, nc) = scripted_as(&info(), options).await;
    let mut events = nc.events();
    let mut sub = nc.subscribe("a").unconfirmed().await.expect("subscribed");
    peer.expect_line("SUB").await;
    peer.send("MSG a 1 10\r\n0123456789\r\nMSG a 1 11\r\n").await;
    assert_eq!(crate::text(&mut sub).await, "0123456789");
    let mut faults = Vec::new();
    for bytes in [String::new(), format!("MSG {} 1 1\r\n", "a".repeat(64))] {
        if !bytes.is_empty() {
            let mut peer = scripted.accept().await;
            peer.handshake(&info()).await;
            peer.send(bytes).await;
        }
        faults.push(
            event(&mut events, |event| match event {
                Event::Disconnected { reason: Disconnect::Protocol(error), .. } => {
                    Some(error.fault)
                }
                _ => None,
            })
            .await,
        );
    }
    let expected = [
        ProtocolFault::MessageTooLarge { len: 11, max: 10 },
        ProtocolFault::LineTooLong { max: 64 },
    ];
    assert_eq!(faults, expected);
}

#[tokio::test]
async fn a_new_connection_can_be_asked_for() {
    let (scripted, mut peer, nc) = scripted_as(&info(), quick()).await;
    let mut events = nc.events();
    nc.reconnect();
    assert_eq!(peer.read_to_end().await, b"");
    let reason = event(&mut events, |event| match event {
        Event::Disconnected { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    assert!(matches!(reason, Disconnect::Requested), "{reason:?}");
    let _peer = greet(&scripted).await;
    within("the connection", nc.wait_connected(Duration::from_secs(5))).await.expect("it is up");
}

#[tokio::test]
async fn a_new_connection_is_made_at_once_however_often_it_is_asked_for() {
    let options = quick().reconnect_time_wait(Duration::from_secs(3600));
    let (scripted, peer, nc) = scripted_as(&info(), options).await;
    let mut peers = vec![peer];
    for round in 1..=4 {
        nc.reconnect();
        peers.push(greet(&scripted).await);
        eventually("the reconnect", async || (nc.stats().reconnects == round).then_some(())).await;
    }
    assert_eq!(nc.servers().first().map(|server| server.failures), Some(0));
}

#[tokio::test]
async fn a_connection_that_is_being_made_is_what_was_asked_for() {
    let scripted = Scripted::start();
    let nc = connect_with(&scripted.url(), quick().lazy(true)).await;
    nc.reconnect();
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    nc.wait_connected(Duration::from_secs(5)).await.expect("it is up");
    crate::flush(&nc, &mut peer).await;
    assert_eq!(nc.stats().reconnects, 0);
}

#[tokio::test]
async fn a_drain_before_the_first_connection_ends_in_time() {
    let options = quick().lazy(true).drain_timeout(Duration::from_millis(50));
    let nc = connect_with(&nobody(), options).await;
    nc.publish("a", "x").await.expect("it is kept");
    let drained = within("the drain", nc.drain()).await;
    assert_eq!(drained, Err(natsws::DrainError::TimedOut { unread: 0, unsent: 1 }));
    let scripted = Scripted::start();
    let nc = connect_with(&scripted.url(), quick().lazy(true)).await;
    nc.publish("a", "x").await.expect("it is kept");
    let (drained, ()) = tokio::join!(within("the drain", nc.drain()), async {
        let mut peer = scripted.accept().await;
        peer.handshake(&info()).await;
        peer.expect_line("PUB a 1").await;
        peer.skip_to_line("PING").await;
        peer.send("PONG\r\n").await;
    });
    drained.expect("everything is confirmed");
}

#[tokio::test]
async fn times_beyond_all_clocks_are_just_very_long() {
    let ever = Duration::MAX;
    let options = quick()
        .timeout(ever)
        .ping_interval(ever)
        .drain_timeout(ever)
        .reconnect_jitter(ever)
        .reconnect_delay(move |failures| if failures > 1 { ever } else { Duration::ZERO });
    let (scripted, mut peer, nc) = scripted_as(&info(), options.outbox_size(0)).await;
    let _sub = nc.subscribe("a").timeout(ever).unconfirmed().await.expect("subscribed");
    peer.expect_line("SUB").await;
    let (asked, ()) = tokio::join!(nc.request("a", "?").timeout(ever).into_future(), async {
        peer.skip_to_line("PUB a ").await;
        peer.reset();
    });
    assert!(matches!(asked, Err(RequestError::Disconnected { .. })), "{asked:?}");
    let peer = greet(&scripted).await;
    nc.wait_connected(ever).await.expect("it is up");
    peer.reset();
    crate::reconnect::down(&nc).await;
    within("the end", nc.close()).await;
}

#[tokio::test]
async fn asking_for_a_new_connection_ends_the_wait_for_one() {
    let options = quick().reconnect_time_wait(Duration::from_secs(3600));
    let (scripted, peer, nc) = scripted_as(&info(), options).await;
    peer.close().await;
    crate::reconnect::down(&nc).await;
    nc.reconnect();
    let _peer = greet(&scripted).await;
    within("the connection", nc.wait_connected(Duration::from_secs(5))).await.expect("it is up");
}

#[tokio::test]
async fn servers_can_be_replaced_while_connected_and_while_waiting() {
    let options = quick().reconnect_time_wait(Duration::from_secs(3600));
    let (first, peer, nc) = scripted_as(&info(), options).await;
    assert_eq!(nc.set_servers(()), Err(SetServersError::Empty));
    assert!(matches!(nc.set_servers("foo://a"), Err(SetServersError::Address(_))));
    let second = Scripted::start();
    nc.set_servers([second.url(), first.url()]).expect("good addresses");
    assert_eq!(nc.state(), State::Connected);
    peer.close().await;
    let peer = greet(&second).await;
    within("the connection", nc.wait_connected(Duration::from_secs(5))).await.expect("it is up");
    assert_eq!(nc.server().to_string(), second.url());
    drop(second);
    peer.close().await;
    crate::reconnect::down(&nc).await;
    // Both wait for an hour now.
    let third = Scripted::start();
    nc.set_servers(third.url()).expect("a good address");
    let _peer = greet(&third).await;
    within("the connection", nc.wait_connected(Duration::from_secs(5))).await.expect("it is up");
    assert_eq!(nc.servers().len(), 1);
}

#[tokio::test]
async fn a_connection_whose_runtime_is_gone_says_so_at_once() {
    let server = Server::start();
    let url = server.url(Transport::Tcp);
    let (nc, sub) = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        runtime.block_on(async {
            let nc = crate::connect(&url).await;
            let sub = nc.subscribe("a").await.expect("subscribed");
            (nc, sub)
        })
    })
    .join()
    .expect("no panic");
    assert_eq!(nc.state(), State::Closed);
    let reason = within("the end", nc.closed()).await.expect_err("nobody asked for it");
    assert!(matches!(reason, CloseError::TaskEnded), "{reason:?}");
    let refused = nc.publish("a", "").await.expect_err("nothing is sent any more");
    assert!(matches!(refused, natsws::PublishError::Closed), "{refused:?}");
    assert!(sub.is_closed());
    assert!(within("the last event", nc.events().next()).await.is_none());
}

#[tokio::test]
async fn a_request_that_says_nothing_waits_as_long_as_the_options_say() {
    let after = Duration::from_millis(20);
    let (_scripted, _peer, nc) = scripted_as(&info(), quick().request_timeout(after)).await;
    let told = nc.request("a", "").await.expect_err("nobody answers");
    assert!(matches!(told, RequestError::TimedOut { after: told } if told == after), "{told:?}");
}

#[tokio::test]
async fn the_whole_attempt_has_one_timeout_which_names_what_it_waited_for() {
    let scripted = Scripted::start();
    let options = quick().timeout(Duration::from_millis(100));
    let (connected, ()) = tokio::join!(Connection::connect_with(scripted.url(), options), async {
        let mut peer = scripted.accept().await;
        peer.send(format!("INFO {} \r\n", info())).await;
        peer.expect_line("CONNECT").await;
        peer.expect_line("PING").await;
        assert_eq!(peer.read_to_end().await, b"");
    });
    let error = attempt(connected.expect_err("there is no PONG"));
    let AttemptError::TimedOut { after, phase } = &*error else { unreachable!("{error:?}") };
    assert_eq!((*after, *phase), (Duration::from_millis(100), natsws::Phase::Answer));
}
