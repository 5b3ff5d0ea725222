//! Addresses, attempts and events.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use natsws::{
    CloseError, Connection, Disconnect, Event, NextServer, PoolServer, Scheme, ServerInfo,
};
use natsws_tests::{Server, Transport, eventually, info, within};

use super::{at_once, lost, reconnected};
use crate::{quick, scripted_as};

#[tokio::test]
async fn where_no_server_is_named_it_is_the_one_of_this_machine() {
    let nc = Connection::connect_with((), quick().lazy(true)).await.expect("it waits");
    let servers = nc.servers();
    assert_eq!(servers.len(), 1);
    assert_eq!(servers[0].addr.to_string(), "nats://localhost:4222");
    assert_eq!(servers[0].addr.scheme(), Scheme::Nats);
    within("the end", nc.close()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipv4_address_may_be_written_as_one_of_ipv6() {
    let server = Server::start();
    for transport in Transport::ALL {
        let url = server.url(transport).replace("127.0.0.1", "[::ffff:127.0.0.1]");
        let nc = crate::connect(&url).await;
        nc.flush().await.expect("flushed");
        assert_eq!(nc.server().to_string(), url);
    }
}

#[tokio::test]
async fn without_a_limit_attempts_go_on_for_as_long_as_it_takes() {
    let (scripted, peer, nc) = scripted_as(&info(), at_once()).await;
    let mut events = nc.events();
    peer.reset();
    // Three times as many as the default has.
    for _ in 0..30 {
        scripted.accept().await.reset();
    }
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    let (mut attempts, mut failures) = (0, 0);
    loop {
        match within("the event", events.next()).await.expect("the connection is there") {
            Event::Reconnecting { .. } => attempts += 1,
            Event::ConnectFailed { .. } => failures += 1,
            Event::Reconnected { .. } => break,
            Event::Disconnected { .. } => {}
            other => unreachable!("{other:?}"),
        }
    }
    assert_eq!((attempts, failures, nc.stats().reconnects), (31, 30, 1));
}

#[tokio::test]
async fn a_connection_that_goes_stale_again_and_again_is_made_again_each_time() {
    let options = at_once().ping_interval(Duration::from_millis(30)).max_pings_out(1);
    let (scripted, mut peer, nc) = scripted_as(&info(), options).await;
    let mut events = nc.events();
    for round in 1..=4 {
        peer.expect_line("PING").await;
        let (reason, _) = lost(&mut events).await;
        assert!(matches!(reason, Disconnect::Stale { pings: 1 }), "{round}: {reason:?}");
        peer = scripted.accept().await;
        peer.handshake(&info()).await;
        reconnected(&nc, round).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_reconnect_nothing_is_tried_and_the_end_is_told_once() {
    for transport in Transport::ALL {
        let mut server = Server::start();
        let options = quick().reconnect(false);
        let nc = crate::connect_with(&server.url(transport), options).await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        let mut events = nc.events();
        server.stop();
        let reason = within("the end", nc.closed()).await.expect_err("nobody asked for it");
        assert!(matches!(reason, CloseError::Lost(Disconnect::Transport(_))), "{reason:?}");
        let mut told = Vec::new();
        while let Some(event) = within("an event", events.next()).await {
            told.push(event);
        }
        let [Event::Disconnected { .. }, Event::Closed { unconfirmed: 0, error: Some(_) }] =
            told[..]
        else {
            unreachable!("{told:?}")
        };
        assert!(within("the end", sub.next()).await.is_none());
    }
}

#[tokio::test]
async fn what_is_subscribed_while_there_is_no_connection_is_sent_once() {
    let (scripted, peer, nc) = scripted_as(&info(), quick()).await;
    let _before = nc.subscribe("before").unconfirmed().await.expect("subscribed");
    peer.close().await;
    crate::reconnect::down(&nc).await;
    let _plain = nc.subscribe("plain").unconfirmed().await.expect("subscribed");
    let _grouped = nc.subscribe("g").queue("q").max(7).unconfirmed().await.expect("subscribed");
    let gone = nc.subscribe("gone").unconfirmed().await.expect("subscribed");
    gone.unsubscribe();
    drop(nc.subscribe("dropped").unconfirmed().await.expect("subscribed"));
    nc.publish("plain", "x").await.expect("kept");
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    let mut lines = Vec::new();
    for _ in 0..4 {
        lines.push(peer.expect_line("").await);
    }
    lines.sort();
    assert_eq!(lines, ["SUB before 1", "SUB g q 3", "SUB plain 2", "UNSUB 3 7"]);
    assert_eq!(peer.expect_line("PUB").await, "PUB plain 1");
    assert_eq!(peer.expect_line("").await, "x");
    crate::flush(&nc, &mut peer).await;
}

#[tokio::test]
async fn a_delay_of_the_applications_own_is_waited_for() {
    let calls = Arc::new(AtomicUsize::new(0));
    let choose = {
        let calls = Arc::clone(&calls);
        move |servers: &[PoolServer], _: Option<&ServerInfo>| {
            let seconds = if calls.fetch_add(1, Ordering::SeqCst) == 1 { 3600 } else { 0 };
            let server = Arc::clone(&servers.first()?.addr);
            Some(NextServer::new(server).after(Duration::from_secs(seconds)))
        }
    };
    let (scripted, peer, nc) = scripted_as(&info(), quick().next_server(choose)).await;
    let mut events = nc.events();
    peer.close().await;
    lost(&mut events).await;
    eventually("the choice", async || (calls.load(Ordering::SeqCst) == 2).then_some(())).await;
    let early = tokio::select! {
        biased;
        event = events.next() => Some(event),
        () = tokio::task::yield_now() => None,
    };
    assert!(early.is_none(), "{early:?}");
    // An hour ends when the application asks for it, and then it is asked again.
    nc.reconnect();
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    reconnected(&nc, 1).await;
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}
