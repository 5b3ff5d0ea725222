//! A proxy between client and node that cuts, stalls and half-opens connections.

use std::time::Duration;

use natsws::{Client, Disconnect, Event};
use natsws_tests::{Proxy, Transport, within};

use crate::load::{Audience, Load, Mark, Service, assert_distinct, assert_subscribed_once};
use crate::{Stage, Way, event};

/// A client whose way to its nodes can be disturbed, and which is quick to see it.
async fn behind(proxies: &[&Proxy], stage: &Stage, transport: Transport) -> Client {
    let scheme = if transport == Transport::Ws { "ws" } else { "nats" };
    let urls: Vec<String> = proxies.iter().map(|proxy| proxy.url(scheme)).collect();
    let options = stage
        .options()
        .ping_interval(Duration::from_millis(200))
        .timeout(Duration::from_millis(500))
        // The nodes tell of ways past the proxies.
        .ignore_cluster_updates(true);
    within("connecting", options.connect(urls)).await.expect("the node is there")
}

/// What it is called, and how a proxy does it.
type Fault = (&'static str, fn(&Proxy));

async fn a_disturbed_way_is_survived(way: Way) {
    let transport = way.transport();
    let stage = Stage::new(way);
    let elsewhere = stage.client(&[2], stage.options()).await;
    let service = Service::start(&elsewhere).await;
    let audience = Audience::new(&elsewhere).await;
    let proxies = [0, 1].map(|node| Proxy::to(stage.cluster.node(node).addr(transport)));
    let client = behind(&[&proxies[0], &proxies[1]], &stage, transport).await;
    let mut marks = client.subscribe::<Mark>().await.expect("subscribed");
    let mut events = client.connection().events();
    let load = Load::start(&client).await;
    load.answered(300).await;

    let faults: [Fault; 5] = [
        ("cut", Proxy::cut),
        ("cut in the middle of something", |proxy| proxy.cut_after(777)),
        ("stalled", Proxy::stall),
        ("deaf", Proxy::freeze_to_client),
        ("mute", Proxy::freeze_to_server),
    ];
    for (fault, disturb) in faults {
        let current = client.connection().server().port();
        let at = proxies.iter().position(|proxy| proxy.url("ws").ends_with(&current.to_string()));
        let proxy = &proxies[at.expect("it is one of them")];
        disturb(proxy);
        let reason = event(&mut events, |event| match event {
            Event::Disconnected { reason, .. } => Some(reason),
            _ => None,
        })
        .await;
        let is_stale = matches!(reason, Disconnect::Stale { .. });
        assert_eq!(is_stale, !fault.starts_with("cut"), "{fault}: {reason:?}");
        event(&mut events, |event| matches!(event, Event::Reconnected { .. }).then_some(())).await;
        load.answered(200).await;
        proxy.resume();
    }

    let account = load.finish().await;
    let numbers = audience.numbers(&client).await;
    // No node went, so what the client counts as unconfirmed is all that can be missing. What was
    // held up on a way comes when that is free again, so it may come late, but not twice.
    let arrived = numbers.len() as u64;
    assert_distinct(numbers);
    assert!(arrived <= account.accepted, "{arrived} of {account:?}");
    assert!(arrived + account.unconfirmed >= account.accepted, "{arrived} of {account:?}");
    assert_eq!((account.lost, account.timed_out), (5, 0), "{account:?}");
    assert_subscribed_once(&mut marks, &elsewhere).await;
    eprintln!("{way:?}: {account:?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disturbed_way_is_survived_over_websocket() {
    a_disturbed_way_is_survived(Way::Ws).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disturbed_way_is_survived_over_tcp() {
    a_disturbed_way_is_survived(Way::Tcp).await;
}
