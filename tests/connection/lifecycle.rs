//! From connecting to closing: flush, round trip, close, and what is left unconfirmed.

use std::time::Duration;

use natsws::{ConnectError, Connection, Event, FlushError, PublishError, State, SubscribeError};
use natsws_tests::{Scripted, eventually, info, within};

use crate::{event, quick, rest, scripted, scripted_as, text};

everywhere! {
    async fn a_flush_means_that_the_server_has_it_all(target: Target) {
        let place = target.start().await;
        let (nc, other) = (place.connect().await, place.connect().await);
        let sub = other.subscribe("a").await.expect("subscribed");
        for _ in 0..100 {
            nc.publish("a", "x").await.expect("published");
        }
        nc.flush().await.expect("flushed");
        other.flush().await.expect("flushed");
        assert_eq!((sub.received(), sub.pending()), (100, 100));
        let rtt = nc.rtt().await.expect("measured");
        assert!(Duration::ZERO < rtt && rtt < Duration::from_secs(5), "{rtt:?}");
    }

    async fn a_closed_connection_says_so_everywhere(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        assert_eq!(nc.state(), State::Connected);
        let mut events = nc.events();
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        nc.publish("a", "1").await.expect("published");
        nc.flush().await.expect("flushed");
        let waiting = tokio::spawn({
            let nc = nc.clone();
            async move { nc.closed().await }
        });
        tokio::join!(nc.close(), nc.close());
        nc.close().await;
        assert!(within("the end", waiting).await.expect("no panic").is_ok());
        assert_eq!(nc.state(), State::Closed);
        let unconfirmed = event(&mut events, |event| match event {
            Event::Closed { unconfirmed, error: None } => Some(unconfirmed),
            _ => None,
        }).await;
        assert_eq!(unconfirmed, 0);
        assert_eq!(rest(&mut sub).await, ["1"]);
        assert_eq!(nc.flush().await, Err(FlushError::Closed));
        assert_eq!(nc.rtt().await, Err(FlushError::Closed));
        let result = nc.publish("a", "").await;
        assert!(matches!(result, Err(PublishError::Closed)), "{result:?}");
        let result = nc.subscribe("a").await.map(drop);
        assert!(matches!(result, Err(SubscribeError::Closed)), "{result:?}");
    }

    async fn what_was_published_before_closing_arrives(target: Target) {
        let place = target.start().await;
        let (nc, other) = (place.connect().await, place.connect().await);
        let mut sub = other.subscribe("a").max(2000).await.expect("subscribed");
        for number in 0..1000 {
            nc.publish("a", number.to_string()).await.expect("published");
        }
        nc.close().await;
        // Between connections there is no order, so the first one's are read first.
        for number in 0..1000 {
            assert_eq!(text(&mut sub).await, number.to_string());
        }
        // The last handle's end does the same.
        let nc = place.connect().await;
        for number in 1000..2000 {
            nc.publish("a", number.to_string()).await.expect("published");
        }
        drop(nc);
        let expected: Vec<_> = (1000..2000).map(|number: u32| number.to_string()).collect();
        assert_eq!(rest(&mut sub).await, expected);
    }

    async fn the_end_of_all_handles_ends_the_connection(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let sub = nc.subscribe("a").await.expect("subscribed");
        let mut events = nc.events();
        drop(nc.clone());
        drop(nc);
        // The subscription keeps it.
        sub.drain().await.expect("it is still there");
        drop(sub);
        event(&mut events, |event| matches!(event, Event::Closed { .. }).then_some(())).await;
        if let crate::place::Place::Broker { broker, .. } = &place {
            eventually("nobody", async || (broker.connections() == 0).then_some(())).await;
        }
    }

    async fn verbose_and_pedantic_and_a_name_change_nothing_for_the_client(target: Target) {
        let place = target.start().await;
        let options = quick().verbose(true).pedantic(true).name("a name");
        let nc = place.connect_with(options).await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        nc.publish("a", "1").await.expect("published");
        let request = nc.request("a", "2").timeout(Duration::from_millis(20)).await;
        assert!(request.expect_err("nobody answers").is_timed_out());
        nc.flush().await.expect("flushed");
        sub.unsubscribe();
        assert_eq!(rest(&mut sub).await, ["1", "2"]);
    }
}

#[tokio::test]
async fn connect_says_what_was_asked_for_and_no_more() {
    let scripted = Scripted::start();
    let url = scripted.url();
    let options = quick().verbose(true).pedantic(true).name("me").user("u", "p").token("t");
    let (_nc, connect) = tokio::join!(crate::connect_with(&url, options.no_echo(true)), async {
        scripted.accept().await.handshake(&info()).await
    });
    let expected = serde_json::json!({
        "verbose": true, "pedantic": true, "echo": false, "headers": true, "no_responders": true,
        "lang": "rust", "version": env!("CARGO_PKG_VERSION"), "protocol": 1, "tls_required": false,
        "name": "me", "user": "u", "pass": "p", "auth_token": "t",
    });
    assert_eq!(connect, expected);
}

#[tokio::test]
async fn a_flush_that_is_never_answered_counts_what_is_unconfirmed() {
    let (_scripted, mut peer, nc) = scripted_as(&info(), quick().reconnect(false)).await;
    let mut events = nc.events();
    nc.publish("a", "confirmed").await.expect("published");
    confirm(&nc, &mut peer).await;
    for _ in 0..3 {
        nc.publish("a", "x").await.expect("published");
    }
    let (flushed, ()) = tokio::join!(nc.flush(), async {
        peer.skip_to_line("PING").await;
        peer.close().await;
    });
    let error = flushed.expect_err("the connection is lost");
    assert_eq!(error, FlushError::Disconnected { unconfirmed: 3 });
    assert_eq!(error.to_string(), "the connection was lost with 3 messages unconfirmed");
    let unconfirmed = event(&mut events, |event| match event {
        Event::Disconnected { unconfirmed, .. } => Some(unconfirmed),
        _ => None,
    })
    .await;
    assert_eq!(unconfirmed, 3);
    let reason = within("the end", nc.closed()).await.expect_err("nobody asked for it");
    assert_eq!(reason.to_string(), "the connection was lost");
    let source = std::error::Error::source(&reason).expect("a reason").to_string();
    assert_eq!(source, "the connection broke");
    assert_eq!(nc.flush().await, Err(FlushError::Closed));
}

async fn confirm(nc: &Connection, peer: &mut natsws_tests::Peer) {
    let (flushed, ()) = tokio::join!(nc.flush(), async {
        peer.skip_to_line("PING").await;
        peer.send("PONG\r\n").await;
    });
    flushed.expect("it was answered");
}

#[tokio::test]
async fn pings_of_the_server_are_answered_and_none_go_unanswered_for_long() {
    let options = quick().ping_interval(Duration::from_millis(30)).max_pings_out(2);
    let (_scripted, mut peer, nc) = scripted_as(&info(), options).await;
    let mut events = nc.events();
    peer.send("PING\r\n").await;
    peer.skip_to_line("PONG").await;
    peer.skip_to_line("PING").await;
    let reason = event(&mut events, |event| match event {
        Event::Disconnected { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    assert!(matches!(reason, natsws::Disconnect::Stale { pings: 2 }), "{reason:?}");
    assert_eq!(reason.to_string(), "the server did not answer 2 pings");
}

#[tokio::test]
async fn a_connect_that_is_given_up_leaves_no_connection() {
    let scripted = Scripted::start();
    let mut connect = Box::pin(Connection::connect_with(scripted.url(), quick()));
    let mut peer = tokio::select! {
        _ = &mut connect => unreachable!("nobody has answered"),
        peer = scripted.accept() => peer,
    };
    drop(connect);
    assert_eq!(peer.read_to_end().await, b"");
}

#[tokio::test]
async fn an_inbox_prefix_that_is_no_subject_is_refused() {
    for prefix in ["", "a b", "a.*", "a..b", "a."] {
        let options = quick().inbox_prefix(prefix);
        let result = Connection::connect_with("nats://127.0.0.1:1", options).await;
        let error = result.expect_err("no subject");
        assert!(matches!(error, ConnectError::InboxPrefix(_)), "{prefix}: {error:?}");
    }
}

#[tokio::test]
async fn inboxes_are_unlike_each_other_and_begin_as_told() {
    let (_scripted, _peer, nc) = scripted().await;
    let (first, second) = (nc.new_inbox(), nc.new_inbox());
    assert_ne!(first, second);
    assert_eq!(first.split('.').map(str::len).collect::<Vec<_>>(), [6, 22, 1]);
    let (_scripted, _peer, nc) = scripted_as(&info(), quick().inbox_prefix("my.own")).await;
    assert!(nc.new_inbox().starts_with("my.own."));
}

#[tokio::test]
async fn every_listener_hears_that_the_server_is_a_lame_duck() {
    let (_scripted, mut peer, nc) = scripted().await;
    let (mut first, mut second) = (nc.events(), nc.events());
    let ldm = natsws_tests::info_with(serde_json::json!({ "ldm": true }));
    peer.send(format!("INFO {ldm} \r\n")).await;
    for events in [&mut first, &mut second] {
        event(events, |event| matches!(event, Event::LameDuckMode { .. }).then_some(())).await;
    }
    assert!(nc.server_info().lame_duck_mode);
}
