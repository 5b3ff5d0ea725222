//! Connections that break.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use natsws::{
    ConnectOptions, Connection, Disconnect, Event, FlushError, PublishError, RequestError, State,
};
use natsws_tests::{Proxy, Scripted, Server, Transport, eventually, info, within};
use tokio::time::Instant;

use super::{at_once, behind, lost, reconnected};
use crate::{next, quick, rest, scripted_as, text};

/// The payload of the message with this number, which shows whether it is whole.
fn numbered(number: u32) -> String {
    format!("{number}:{}", "x".repeat(usize::try_from(number * 7 % 40).expect("few")))
}

/// The number of a message, which is whole.
fn number_of(payload: &str) -> u32 {
    let number = payload.split(':').next().and_then(|number| number.parse().ok());
    let number = number.unwrap_or_else(|| unreachable!("in part: {payload:?}"));
    assert_eq!(payload, numbered(number), "in part");
    number
}

everywhere! {
    async fn whatever_byte_is_the_last_no_message_comes_in_part(target: Target) {
        const LANES: usize = 48;
        const STEP: usize = 3;
        let place = target.start().await;
        let publisher = place.connect().await;
        // Each of the twelve messages has at least its own bytes and `MSG a 1 1\r\n\r\n`.
        let bytes = (0..12).map(|number| numbered(number).len() + 13).sum::<usize>();
        let lane = async |lane: usize| {
            let (proxy, url) = behind(&place);
            let nc = crate::connect_with(&url, at_once()).await;
            let subject = format!("lane.{lane}");
            let mut sub = nc.subscribe(&subject).await.expect("subscribed");
            let mut cuts = 0;
            // The places share the offsets among them.
            for offset in (target as usize % STEP + lane * STEP..bytes).step_by(LANES * STEP) {
                proxy.cut_after(offset);
                for number in 0..12 {
                    publisher.publish(&subject, numbered(number)).await.expect("published");
                }
                cuts += 1;
                reconnected(&nc, cuts).await;
                eventually("the subscription", async || nc.flush().await.ok()).await;
                publisher.publish(&subject, "end").await.expect("published");
                // What was published after the cut may have come over the next connection.
                let mut came = Vec::new();
                loop {
                    let payload = text(&mut sub).await;
                    if payload == "end" {
                        break;
                    }
                    came.push(number_of(&payload));
                }
                let in_order = came.windows(2).all(|pair| pair[0] < pair[1]);
                assert!(in_order, "cut after {offset} bytes: {came:?}");
            }
            assert_eq!(nc.stats().reconnects, cuts);
        };
        join_all((0..LANES).map(lane)).await;
    }

    async fn a_flush_never_vouches_for_what_did_not_arrive(target: Target) {
        const ROUNDS: u64 = 60;
        let place = target.start().await;
        let direct = place.connect().await;
        let mut sub = direct.subscribe("a").await.expect("subscribed");
        let (proxy, url) = behind(&place);
        let nc = crate::connect_with(&url, at_once()).await;
        let mut events = nc.events();
        let (mut accepted, mut confirmed) = (0_u64, BTreeSet::new());
        for round in 0..ROUNDS {
            reconnected(&nc, round).await;
            let before = nc.stats().reconnects;
            let first = accepted;
            for _ in 0..5 {
                nc.publish("a", accepted.to_string()).await.expect("published");
                accepted += 1;
            }
            // Some time between the first byte and the PONG, or a little before or after.
            let (flushed, ()) = tokio::join!(nc.flush(), async {
                for _ in 0..round * 7919 % 61 {
                    tokio::task::yield_now().await;
                }
                proxy.cut();
            });
            if flushed.is_ok() && nc.stats().reconnects == before {
                confirmed.extend(first..accepted);
            }
            reconnected(&nc, before + 1).await;
        }
        eventually("the last flush", async || nc.flush().await.ok()).await;
        nc.close().await;
        let mut unconfirmed = 0;
        while let Some(event) = within("an event", events.next()).await {
            if let Event::Disconnected { unconfirmed: more, .. } = event {
                unconfirmed += more;
            }
        }
        direct.publish("a", "end").await.expect("published");
        direct.flush().await.expect("flushed");
        let mut arrived = BTreeSet::new();
        loop {
            let payload = text(&mut sub).await;
            let Ok(number) = payload.parse() else { break };
            assert!(arrived.insert(number), "{number} came twice");
        }
        let vouched: Vec<_> = confirmed.difference(&arrived).collect();
        assert!(vouched.is_empty(), "confirmed, and not there: {vouched:?}");
        let missing = accepted - arrived.len() as u64;
        assert!(missing <= unconfirmed, "{missing} are missing, {unconfirmed} were told");
    }

    async fn a_partition_is_noticed_in_any_direction_and_vouched_for_by_nobody(target: Target) {
        let place = target.start().await;
        let direct = place.connect().await;
        let mut sub = direct.subscribe("a.*").await.expect("subscribed");
        let faults: [fn(&Proxy); 3] =
            [Proxy::stall, Proxy::freeze_to_server, Proxy::freeze_to_client];
        let client = async |(number, fault): (usize, fn(&Proxy))| {
            let (proxy, url) = behind(&place);
            let options = at_once()
                .ping_interval(Duration::from_millis(200))
                .timeout(Duration::from_millis(500));
            let nc = crate::connect_with(&url, options).await;
            let mut events = nc.events();
            fault(&proxy);
            let subject = format!("a.{number}");
            for count in 0..10 {
                nc.publish(&subject, count.to_string()).await.expect("accepted");
            }
            let flushed = within("the flush", nc.flush()).await;
            assert_eq!(flushed, Err(FlushError::Disconnected { unconfirmed: 10 }));
            let (reason, unconfirmed) = lost(&mut events).await;
            assert!(matches!(reason, Disconnect::Stale { pings: 2 }), "{reason:?}");
            assert_eq!(unconfirmed, 10);
            nc.publish(&subject, "kept").await.expect("it waits for the next connection");
            proxy.resume();
            reconnected(&nc, 1).await;
            eventually("a flush", async || nc.flush().await.ok()).await;
        };
        join_all(faults.into_iter().enumerate().map(client)).await;
        direct.publish("a.end", "").await.expect("published");
        let mut came: BTreeMap<String, Vec<String>> = BTreeMap::new();
        loop {
            let msg = next(&mut sub).await;
            if msg.subject() == "a.end" {
                break;
            }
            let of = came.entry(msg.subject().to_owned()).or_default();
            of.push(msg.text().expect("text").to_owned());
        }
        for (subject, mut payloads) in came {
            assert!(payloads.contains(&"kept".to_owned()), "{subject}: {payloads:?}");
            let count = payloads.len();
            payloads.sort();
            payloads.dedup();
            assert_eq!(payloads.len(), count, "{subject}: something came twice");
        }
    }
}

#[tokio::test]
async fn a_flush_does_not_vouch_for_what_an_earlier_connection_lost() {
    let (scripted, mut peer, nc) = scripted_as(&info(), at_once()).await;
    nc.publish("a", "x").await.expect("published");
    peer.expect_line("PUB").await;
    peer.reset();
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    reconnected(&nc, 1).await;
    let (flushed, ()) = tokio::join!(nc.flush(), async {
        peer.expect_line("PING").await;
        peer.send("PONG\r\n").await;
    });
    assert_eq!(flushed, Err(FlushError::Disconnected { unconfirmed: 1 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_subscriptions_are_restored_before_what_waited_is_sent() {
    const COUNT: usize = 10_000;
    for transport in Transport::ALL {
        let mut server = Server::builder().fixed_ports().start();
        let options = at_once();
        let nc = crate::connect_with(&server.url(transport), options).await;
        let mut subs = Vec::with_capacity(COUNT);
        for number in 0..COUNT {
            let sub = nc.subscribe(format!("s.{number}")).max(2).unconfirmed().await;
            subs.push(sub.expect("subscribed"));
        }
        within("the flush", nc.flush()).await.expect("flushed");
        server.kill();
        crate::reconnect::down(&nc).await;
        for number in 0..COUNT {
            nc.publish(&format!("s.{number}"), number.to_string()).await.expect("kept");
        }
        server.restart();
        // The server has no subscription but those of this connection, so a message that was sent
        // before them would be lost.
        for (number, sub) in subs.iter_mut().enumerate() {
            assert_eq!(text(sub).await, number.to_string());
        }
        for number in 0..COUNT {
            nc.publish(&format!("s.{number}"), "last").await.expect("published");
        }
        for sub in &mut subs {
            assert_eq!(rest(sub).await, ["last"]);
        }
        assert_eq!(nc.stats().reconnects, 1);
    }
}

/// On a clock that stands still but for the waits, so that it shows what was decided, and not how
/// busy this machine is.
#[tokio::test(start_paused = true)]
async fn two_hundred_clients_do_not_all_come_back_in_the_same_moment() {
    const CLIENTS: usize = 200;
    // Nothing listens on this port, whoever uses others.
    let url = "nats://127.0.0.1:1";
    let began = Instant::now();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let nc = Connection::connect_with(url, ConnectOptions::new().lazy(true)).await;
        let nc = nc.expect("it waits for its server");
        let mut events = nc.events();
        clients.push(tokio::spawn(async move {
            let mut attempts = Vec::new();
            let minute = began + Duration::from_secs(60);
            while let Ok(Some(event)) = tokio::time::timeout_at(minute, events.next()).await {
                if let Event::Reconnecting { .. } = event {
                    attempts.push(began.elapsed().as_millis());
                }
            }
            (nc, attempts)
        }));
    }
    let mut buckets: BTreeMap<u128, usize> = BTreeMap::new();
    for client in clients {
        let (nc, attempts) = client.await.expect("no panic");
        // The first one was all at once here, before anybody listened.
        let first = nc.servers()[0].failures - attempts.iter().filter(|at| **at > 0).count();
        assert_eq!(first, 1);
        assert!((4..=5).contains(&attempts.iter().filter(|at| **at > 0).count()), "{attempts:?}");
        *buckets.entry(0).or_default() += 1;
        for at in attempts.into_iter().filter(|at| *at > 0) {
            *buckets.entry(at / 100).or_default() += 1;
        }
    }
    let all: usize = buckets.values().sum();
    let most = buckets.values().max().expect("attempts");
    assert!(most * 4 <= all, "{most} of {all} attempts within 100 ms: {buckets:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_the_server_evicts_is_back_and_has_nothing_in_part() {
    const SIZE: usize = 64 * 1024;
    for limit in ["write_deadline: \"100ms\"", "max_pending: 2000000"] {
        for transport in Transport::ALL {
            let server = Server::builder().config(limit).start();
            let publisher = crate::connect(&server.nats_url()).await;
            let proxy = Proxy::to(server.addr(transport));
            let scheme = if transport == Transport::Ws { "ws" } else { "nats" };
            let nc = crate::connect_with(&proxy.url(scheme), at_once()).await;
            let mut events = nc.events();
            let mut sub = nc.subscribe("a").await.expect("subscribed");
            proxy.freeze_to_client();
            let payload = |number: usize| {
                let mut payload = number.to_string().into_bytes();
                payload.resize(SIZE, b'x');
                payload
            };
            let mut sent = 0;
            while !server.log().contains("Slow Consumer") {
                for _ in 0..16 {
                    publisher.publish("a", payload(sent)).await.expect("published");
                    sent += 1;
                }
                within("the flush", publisher.flush()).await.expect("flushed");
                assert!(sent < 4000, "{limit}: {}", server.log());
            }
            proxy.resume();
            let (reason, _) = lost(&mut events).await;
            assert!(matches!(reason, Disconnect::Transport(_)), "{reason:?}");
            reconnected(&nc, 1).await;
            eventually("the subscription", async || nc.flush().await.ok()).await;
            publisher.publish("a", "end").await.expect("published");
            let mut whole = 0;
            loop {
                let msg = next(&mut sub).await;
                if msg.payload() == b"end" {
                    break;
                }
                assert!(msg.payload() == payload(whole), "message {whole} is not what was sent");
                whole += 1;
            }
            assert!(0 < whole && whole < sent, "{limit}: {whole} of {sent}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_end_with_the_connection() {
    for transport in Transport::ALL {
        let mut server = Server::start();
        let options = quick().reconnect(false).request_timeout(Duration::from_secs(60));
        let nc = crate::connect_with(&server.url(transport), options).await;
        let sub = nc.subscribe("silent").await.expect("subscribed");
        let requests: Vec<_> = (0..1000)
            .map(|number: u32| {
                let nc = nc.clone();
                tokio::spawn(async move {
                    let request = nc.request("silent", "");
                    let own = number.is_multiple_of(10);
                    if own { request.no_mux().await } else { request.await }
                })
            })
            .collect();
        eventually("the requests", async || (sub.received() == 1000).then_some(())).await;
        assert_eq!(nc.requests_in_flight(), 1000);
        server.kill();
        for request in requests {
            let reply = within("the outcome", request).await.expect("no panic");
            let maybe = matches!(reply, Err(RequestError::Disconnected { maybe_delivered: true }));
            assert!(maybe, "{reply:?}");
        }
        assert_eq!(nc.requests_in_flight(), 0);
    }
}

#[tokio::test]
async fn whatever_waits_ends_with_the_runtime_of_the_connection() {
    let scripted = Scripted::start();
    let url = scripted.url();
    let (handle, handed) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            handle.send(crate::connect(&url).await).expect("the test waits");
            stopped.await.expect("the test tells");
        });
    });
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    let nc = handed.recv().expect("a connection");
    let mut sub = nc.subscribe("a").unconfirmed().await.expect("subscribed");
    let long = Duration::from_secs(60);
    let (request, flush, subscribe, read, ()) = tokio::join!(
        within("the request", nc.request("a", "").timeout(long).into_future()),
        within("the flush", nc.flush()),
        within("subscribing", nc.subscribe("b").into_future()),
        within("the end", sub.next()),
        async {
            peer.skip_to_line("SUB b").await;
            stop.send(()).expect("the runtime waits");
        }
    );
    thread.join().expect("no panic");
    assert!(matches!(request, Err(RequestError::Closed)), "{request:?}");
    assert_eq!(flush, Err(FlushError::Closed));
    let closed = matches!(subscribe, Err(natsws::SubscribeError::Closed));
    assert!(closed, "{:?}", subscribe.map(drop));
    assert!(read.is_none(), "{read:?}");
    assert_eq!((nc.state(), nc.requests_in_flight()), (State::Closed, 0));
    let refused = nc.publish("a", "").await;
    assert!(matches!(refused, Err(PublishError::Closed)), "{refused:?}");
}

#[tokio::test]
async fn nothing_is_left_running_when_a_connection_is_over() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let server = Server::start();
    for transport in Transport::ALL {
        let url = server.url(transport);
        let over = async |what: &str| {
            eventually(what, async || (tasks() == before).then_some(())).await;
        };
        crate::connect(&url).await.close().await;
        over("the end after close").await;
        drop(crate::connect(&url).await);
        over("the end after the last handle").await;
        crate::connect(&url).await.drain().await.expect("drained");
        over("the end after a drain").await;
        let nc = crate::connect_with(&url, at_once()).await;
        for round in 1..=3 {
            nc.reconnect();
            reconnected(&nc, round).await;
        }
        let sub = nc.subscribe("a").await.expect("subscribed");
        let events = nc.events();
        drop((sub, nc));
        over("the end after reconnecting").await;
        drop(events);
    }

    let over = async |what: &str| {
        eventually(what, async || (tasks() == before).then_some(())).await;
    };
    let nobody = "nats://127.0.0.1:1";
    Connection::connect_with(nobody, quick()).await.expect_err("nobody is there");
    over("the end of a failure").await;
    let nc = crate::connect_with(nobody, quick().lazy(true)).await;
    within("the end", nc.close()).await;
    over("the end of a lazy start").await;
    let waiting = Connection::connect_with(nobody, quick().wait_on_first_connect(true));
    let waited = tokio::time::timeout(Duration::from_millis(20), waiting).await;
    assert!(waited.is_err(), "nobody is there");
    over("the end of who waited for the first connection").await;

    let (scripted, peer, nc) = scripted_as(&info(), quick().max_reconnect_attempts(2)).await;
    drop(scripted);
    peer.close().await;
    within("the end", nc.closed()).await.expect_err("it gave up");
    over("the end of who gave up").await;
    let slow = quick().reconnect_time_wait(Duration::from_secs(3600));
    let (scripted, peer, nc) = scripted_as(&info(), slow).await;
    drop(scripted);
    peer.close().await;
    crate::reconnect::down(&nc).await;
    drop(nc);
    over("the end of who waited to reconnect").await;
}
