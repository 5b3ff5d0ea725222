//! Members of a queue group that come and go on all nodes, and nodes that are not alike.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use natsws::{Connection, Event, PublishError, Subscription};
use natsws_tests::{Cluster, Transport, eventually, within};
use tokio::task::JoinHandle;

use crate::{Stage, Way, event};

/// Answers every request until the subscription is over; gives back how many there were.
fn answer(mut sub: Subscription) -> JoinHandle<u64> {
    tokio::spawn(async move {
        while let Some(msg) = sub.next().await {
            let msg = msg.expect("nothing but requests");
            msg.respond(msg.payload_bytes()).await.expect("answered");
        }
        assert_eq!((sub.processed(), sub.dropped()), (sub.received(), 0));
        sub.received()
    })
}

/// Joins the group, takes part until there was a request, and drains; gives back how many requests
/// there were.
async fn come_and_go(nc: &Connection) -> u64 {
    let sub = nc.subscribe("job").queue("g").await.expect("subscribed");
    eventually("a request", async || (sub.received() > 0).then_some(())).await;
    within("the drain", sub.drain()).await.expect("drained");
    let received = sub.received();
    // What came is answered late, and nothing comes after the end.
    let answered = within("the last answer", answer(sub)).await.expect("no panic");
    assert_eq!(answered, received);
    answered
}

async fn members_that_drain_lose_no_request(way: Way, rounds: usize) {
    let stage = Stage::new(way);
    let mut clients = Vec::new();
    for node in 0..3 {
        clients.push(stage.client(&[node], stage.options()).await);
    }
    let keeper = stage.client(&[2], stage.options()).await;
    let kept = keeper.connection().subscribe("job").queue("g").await.expect("subscribed");
    let stopper = kept.stopper();
    let kept = answer(kept);

    let (stop, replies) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut requesters = Vec::new();
    for client in &clients {
        let nc = client.connection();
        eventually("the first member", async || nc.request("job", "first").await.ok()).await;
        for worker in 0..4 {
            let (nc, stop, replies) = (nc.clone(), Arc::clone(&stop), Arc::clone(&replies));
            requesters.push(tokio::spawn(async move {
                let mut number = 0_u64;
                while !stop.load(Ordering::SeqCst) {
                    let payload = format!("{worker} {number}");
                    let reply = nc.request("job", &payload).await.expect("no request is lost");
                    assert_eq!(reply.text(), Ok(payload.as_str()));
                    number += 1;
                    replies.fetch_add(1, Ordering::SeqCst);
                }
            }));
        }
    }
    let members = clients.iter().map(async |client| {
        let mut answered = 0;
        for _ in 0..rounds {
            answered += come_and_go(client.connection()).await;
        }
        answered
    });
    let answered: u64 = join_all(members).await.into_iter().sum();
    stop.store(true, Ordering::SeqCst);
    for requester in requesters {
        within("the last reply", requester).await.expect("no request is lost");
    }
    stopper.unsubscribe();
    let kept = within("the first member", kept).await.expect("no panic");
    // The first three were asked before anybody counted.
    assert_eq!(answered + kept, replies.load(Ordering::SeqCst) + 3);
    eprintln!("{way:?}: {answered} requests answered by members that drained, {kept} by the other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_members_that_drain_lose_no_request_over_websocket() {
    members_that_drain_lose_no_request(Way::Ws, 334).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_drain_lose_no_request_over_tcp() {
    members_that_drain_lose_no_request(Way::Tcp, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_next_node_does_not_take_is_counted_and_the_rest_arrives() {
    for transport in Transport::ALL {
        let started = Cell::new(0);
        let mut cluster = Cluster::with(2, |node| match started.replace(started.get() + 1) {
            0 => node.max_payload(2000),
            _ => node.max_payload(1000),
        });
        let url = |node: usize| cluster.urls(transport)[node].clone();
        let options = natsws::ConnectOptions::new()
            .no_randomize(true)
            .reconnect_delay(|_| Duration::ZERO)
            .unlimited_reconnect_attempts();
        let connecting = Connection::connect_with([url(0), url(1)], options.clone());
        let nc = within("connecting", connecting).await.expect("the first node is there");
        let connecting = Connection::connect_with(url(1), options);
        let other = within("connecting", connecting).await.expect("the second node is there");
        let mut events = nc.events();
        let mut sub = other.subscribe("a").await.expect("subscribed");
        assert_eq!((nc.server_info().max_payload, other.server_info().max_payload), (2000, 1000));

        cluster.node_mut(0).kill();
        event(&mut events, |event| matches!(event, Event::Disconnected { .. }).then_some(())).await;
        // The connection may be back already, and then says so itself.
        let mut refused = 0;
        for size in [1000, 1001, 1, 2000, 999] {
            match nc.publish("a", vec![b'x'; size]).await {
                Ok(()) => {}
                Err(PublishError::PayloadTooLarge { len, max: 1000 }) => {
                    assert_eq!(len, size);
                    refused += 1;
                }
                Err(other) => unreachable!("{other:?}"),
            }
        }
        let discarded = event(&mut events, |event| match event {
            Event::Reconnected { discarded, .. } => Some(discarded),
            _ => None,
        })
        .await;
        assert_eq!(discarded + refused, 2);
        for size in [1000, 1, 999] {
            let msg = within("a message", sub.next()).await.expect("it goes on");
            assert_eq!(msg.expect("a message").payload().len(), size);
        }
    }
}
