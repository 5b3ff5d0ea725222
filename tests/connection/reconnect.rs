//! A lost connection is made again, and everything with it.

use std::time::Duration;

use natsws::{
    CloseError, ConnectOptions, Connection, Disconnect, Event, PublishError, RequestError, State,
};
use natsws_tests::{Scripted, Server, Transport, eventually, info, within};

use crate::{event, next, quick, rest, scripted_as};

async fn server(transport: Transport, options: ConnectOptions) -> (Server, Connection) {
    let server = Server::builder().fixed_ports().start();
    let nc = crate::connect_with(&server.url(transport), options).await;
    (server, nc)
}

pub(crate) async fn down(nc: &Connection) {
    eventually("the loss", async || (nc.state() == State::Disconnected).then_some(())).await;
}

async fn a_killed_server_comes_back(transport: Transport) {
    let options =
        quick().reconnect_time_wait(Duration::from_millis(50)).unlimited_reconnect_attempts();
    let (mut server, nc) = server(transport, options).await;
    let mut events = nc.events();
    let mut plain = nc.subscribe("a.*").await.expect("subscribed");
    let mut queue = nc.subscribe("a.>").queue("g").await.expect("subscribed");
    let mut limited = nc.subscribe("a.b").max(3).await.expect("subscribed");
    nc.publish("a.b", "before").await.expect("published");
    nc.flush().await.expect("flushed");

    server.kill();
    down(&nc).await;
    for number in 0..100 {
        nc.publish("a.b", number.to_string()).await.expect("kept for the next connection");
    }
    let mut meanwhile = nc.subscribe("a.b").unconfirmed().await.expect("subscribed");
    let request = nc.request("a.b", "").await;
    let no = matches!(request, Err(RequestError::Disconnected { maybe_delivered: false }));
    assert!(no, "{request:?}");
    server.restart();

    let expected: Vec<_> = (0..100).map(|number: u32| number.to_string()).collect();
    assert_eq!(next(&mut plain).await.text(), Ok("before"));
    for number in &expected {
        assert_eq!(next(&mut plain).await.text(), Ok(number.as_str()));
        assert_eq!(next(&mut meanwhile).await.text(), Ok(number.as_str()));
    }
    nc.publish("a.b", "after").await.expect("published");
    nc.flush().await.expect("flushed");
    assert_eq!(next(&mut plain).await.text(), Ok("after"));
    assert_eq!(rest(&mut limited).await, ["before", "0", "1"]);
    queue.unsubscribe();
    assert_eq!(rest(&mut queue).await.len(), 102);
    plain.unsubscribe();
    assert!(rest(&mut plain).await.is_empty(), "each came once");
    assert_eq!((nc.stats().reconnects, nc.state()), (1, State::Connected));

    let mut order = Vec::new();
    loop {
        match within("the event", events.next()).await.expect("the connection is there") {
            Event::Disconnected { server, reason, unconfirmed } => {
                assert!(matches!(reason, Disconnect::Transport(_)), "{reason:?}");
                assert_eq!((server, unconfirmed), (nc.server(), 0));
                order.push("disconnected");
            }
            Event::Reconnecting { .. } if order.last() != Some(&"reconnecting") => {
                order.push("reconnecting");
            }
            Event::Reconnected { server, discarded } => {
                assert_eq!((server, discarded), (nc.server(), 0));
                break;
            }
            Event::Reconnecting { .. } | Event::ConnectFailed { .. } => {}
            other => unreachable!("{other:?}"),
        }
    }
    assert_eq!(order, ["disconnected", "reconnecting"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_comes_back_over_websocket() {
    a_killed_server_comes_back(Transport::Ws).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_comes_back_over_tcp() {
    a_killed_server_comes_back(Transport::Tcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_buffer_publishing_fails_while_there_is_no_connection() {
    let (mut server, nc) = server(Transport::Ws, quick().reconnect_buffer(0)).await;
    server.kill();
    down(&nc).await;
    let error = nc.publish("a", "x").await.expect_err("nothing is kept");
    assert!(matches!(error, PublishError::BufferFull { max: 0 }), "{error:?}");
    server.restart();
    eventually("the server", async || nc.publish("a", "x").await.ok()).await;
}

#[tokio::test]
async fn a_full_buffer_refuses_and_keeps_what_it_accepted() {
    let (scripted, peer, nc) = scripted_as(&info(), quick().reconnect_buffer(60)).await;
    peer.close().await;
    down(&nc).await;
    let mut accepted = 0;
    while nc.publish("a", "0123456789").await.is_ok() {
        accepted += 1;
    }
    let error = nc.publish("a", "0123456789").await.expect_err("it is full");
    assert!(matches!(error, PublishError::BufferFull { max: 60 }), "{error:?}");
    assert!((2..=6).contains(&accepted), "{accepted}");
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    for _ in 0..accepted {
        peer.expect_line("PUB a 10").await;
        assert_eq!(peer.read_exact(12).await, b"0123456789\r\n");
    }
    crate::flush(&nc, &mut peer).await;
}

#[tokio::test]
async fn a_server_that_stays_away_is_given_up_with_the_reason() {
    let options = quick().reconnect_time_wait(Duration::from_millis(5)).max_reconnect_attempts(3);
    let (scripted, peer, nc) = scripted_as(&info(), options).await;
    let mut events = nc.events();
    let mut sub = nc.subscribe("a").unconfirmed().await.expect("subscribed");
    drop(scripted);
    peer.reset();
    let reason = within("the end", nc.closed()).await.expect_err("nobody asked for it");
    let CloseError::GaveUp { lost: Some(lost), attempts } = &reason else {
        unreachable!("not that: {reason:?}")
    };
    assert!(matches!(lost, Disconnect::Transport(_)), "{lost:?}");
    assert_eq!(attempts.len(), 1);
    assert!(rest(&mut sub).await.is_empty());
    let mut failed = 0;
    let unconfirmed = loop {
        match within("the event", events.next()).await.expect("an event") {
            Event::ConnectFailed { .. } => failed += 1,
            Event::Closed { unconfirmed, error: Some(_) } => break unconfirmed,
            _ => {}
        }
    };
    assert_eq!((failed, unconfirmed, nc.state()), (3, 0, State::Closed));
}

#[tokio::test]
async fn without_reconnect_a_loss_is_the_end() {
    let (_scripted, mut peer, nc) = scripted_as(&info(), quick().reconnect(false)).await;
    let mut events = nc.events();
    peer.send("-ERR 'Stale Connection'\r\n").await;
    peer.close().await;
    let reason = within("the end", nc.closed()).await.expect_err("nobody asked for it");
    let stale = natsws::ServerError::StaleConnection;
    let stale = matches!(&reason, CloseError::Lost(Disconnect::Server(error)) if *error == stale);
    assert!(stale, "{reason:?}");
    let error = event(&mut events, |event| match event {
        Event::ServerError(error) => Some(error),
        _ => None,
    })
    .await;
    assert_eq!(error, natsws::ServerError::StaleConnection);
    let next = within("the event", events.next()).await;
    assert!(matches!(next, Some(Event::Disconnected { .. })), "{next:?}");
}

#[tokio::test]
async fn closing_ends_the_attempts() {
    let options = quick().reconnect_time_wait(Duration::from_secs(30));
    let (scripted, peer, nc) = scripted_as(&info(), options).await;
    drop(scripted);
    peer.close().await;
    down(&nc).await;
    within("the end", nc.close()).await;
    assert!(nc.closed().await.is_ok());
}

#[tokio::test]
async fn the_next_server_takes_over_and_misfits_are_counted() {
    let (first, second) = (Scripted::start(), Scripted::start());
    let urls = [first.url(), second.url()];
    let (nc, peer) = tokio::join!(Connection::connect_with(&urls[..], quick()), async {
        let mut peer = first.accept().await;
        peer.handshake(&info()).await;
        peer
    });
    let nc = nc.expect("the first server is there");
    let mut events = nc.events();
    drop(first);
    peer.close().await;
    down(&nc).await;
    nc.publish("a", "123456").await.expect("kept");
    nc.publish("a", "12345").await.expect("kept");
    nc.publish("a", "1").header("A", "b").await.expect("kept");
    let mut peer = second.accept().await;
    let small = natsws_tests::info_with(serde_json::json!({ "max_payload": 5, "headers": null }));
    peer.handshake(&small).await;
    assert_eq!(peer.expect_line("PUB").await, "PUB a 5");
    assert_eq!(peer.read_exact(7).await, b"12345\r\n");
    crate::flush(&nc, &mut peer).await;
    let reconnected = event(&mut events, |event| match event {
        Event::Reconnected { server, discarded } => Some((server.to_string(), discarded)),
        _ => None,
    })
    .await;
    assert_eq!(reconnected, (second.url(), 2));
}

async fn a_cut_connection_is_made_again(url: &str, broker: &natsws::embedded::Broker) {
    let nc = crate::connect(url).await;
    let mut sub = nc.subscribe("a").await.expect("subscribed");
    for round in 1..=5_u64 {
        broker.disconnect_all();
        eventually("the reconnect", async || (nc.stats().reconnects == round).then_some(())).await;
        nc.publish("a", round.to_string()).await.expect("published");
        assert_eq!(next(&mut sub).await.text(), Ok(round.to_string().as_str()));
    }
    let nobody = nc.request("nobody", "").await.expect_err("nobody is there");
    assert!(nobody.is_no_responders(), "{nobody}");
    within("the end", nc.close()).await;
}

#[tokio::test]
async fn a_connection_that_the_broker_cuts_is_made_again() {
    let broker = natsws::embedded::Broker::start().await.expect("a broker");
    a_cut_connection_is_made_again(&broker.ws_url(), &broker).await;
    a_cut_connection_is_made_again(&broker.nats_url(), &broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_no_longer_right_end_the_attempts_with_the_reason() {
    let mut server = Server::builder().fixed_ports().token("old").start();
    let options = quick().token("old").max_reconnect_attempts(2);
    let nc = crate::connect_with(&server.ws_url(), options).await;
    let mut events = nc.events();
    server.rewrite_config(|told| told.token("new"));
    server.restart();
    let error = event(&mut events, |event| match event {
        Event::ConnectFailed { error, .. } if !error.to_string().contains("connection failed") => {
            Some(error)
        }
        _ => None,
    })
    .await;
    assert_eq!(error.to_string(), "the server refused the credentials");
    within("the end", nc.closed()).await.expect_err("nobody asked for it");
}

#[tokio::test]
async fn a_subscriptions_timeout_runs_without_a_connection_too() {
    let (scripted, peer, nc) = scripted_as(&info(), quick().unlimited_reconnect_attempts()).await;
    let before = nc.subscribe("a").timeout(Duration::from_millis(300)).unconfirmed();
    let mut before = before.await.expect("subscribed");
    peer.close().await;
    drop(scripted);
    down(&nc).await;
    let while_down = nc.subscribe("a").timeout(Duration::from_millis(30)).unconfirmed();
    let mut while_down = while_down.await.expect("subscribed");
    for sub in [&mut while_down, &mut before] {
        let item = within("the timeout", sub.next()).await;
        let timed_out = matches!(item, Some(Err(natsws::SubscriptionError::TimedOut)));
        assert!(timed_out, "{item:?}");
    }
}
