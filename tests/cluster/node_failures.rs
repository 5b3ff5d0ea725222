//! Nodes that are killed, and nodes that say goodbye.

use std::time::Duration;

use natsws::{Event, Replies, State};
use natsws_tests::{Transport, eventually, within};

use crate::load::{Audience, Load, Mark, Service, assert_distinct, assert_subscribed_once};
use crate::{Stage, Way, event};

async fn a_node_that_is_killed_is_survived(way: Way) {
    let mut stage = Stage::new(way);
    let elsewhere = stage.client(&[2], stage.options()).await;
    let service = Service::start(&elsewhere).await;
    let audience = Audience::new(&elsewhere).await;
    let client = stage.client(&[0, 1, 2], stage.options()).await;
    let mut marks = client.subscribe::<Mark>().await.expect("subscribed");
    let mut grouped = client.subscribe::<Mark>().queue("group").await.expect("subscribed");
    let mut events = client.connection().events();
    let load = Load::start(&client).await;
    load.answered(500).await;

    stage.cluster.node_mut(0).kill();
    let back = event(&mut events, |event| match event {
        Event::Reconnected { server, .. } => Some(server),
        _ => None,
    })
    .await;
    assert_ne!(stage.cluster.node_of(back.port()), 0);
    load.answered(500).await;

    let account = load.finish().await;
    let numbers = audience.numbers(&client).await;
    // A killed node takes with it what it had not passed on, confirmed or not.
    assert!(numbers.len() as u64 <= account.accepted, "{account:?}");
    assert_distinct(numbers);
    assert_eq!((account.lost, account.timed_out), (1, 0), "{account:?}");
    assert!(account.disconnected <= 16 * 4, "{account:?}");
    assert_subscribed_once(&mut marks, &elsewhere).await;
    assert_subscribed_once(&mut grouped, &elsewhere).await;
    assert!(account.replies >= 1000, "{account:?}");
    eprintln!("{way:?}: {account:?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_is_survived_over_websocket() {
    a_node_that_is_killed_is_survived(Way::Ws).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_is_survived_over_tcp() {
    a_node_that_is_killed_is_survived(Way::Tcp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_is_survived_over_websocket_with_tls() {
    a_node_that_is_killed_is_survived(Way::WssWithCertificate).await;
}

/// The shortest goodbye that a server can be told to say.
fn goodbye(node: natsws_tests::ServerBuilder) -> natsws_tests::ServerBuilder {
    node.lame_duck(Duration::from_secs(30), Duration::from_secs(2))
}

/// Sends a client's node away, and waits until the client has moved; gives back the node.
async fn say_goodbye(stage: &Stage, client: &natsws::Client) -> usize {
    let node = stage.node_of(client);
    let mut events = client.connection().events();
    stage.cluster.node(node).lame_duck();
    let (mut heard, mut moved) = (false, false);
    while !moved {
        let next = within("the move", events.next()).await.expect("the connection is there");
        match next {
            Event::LameDuckMode { server } => {
                assert_eq!(stage.cluster.node_of(server.port()), node);
                heard = true;
            }
            Event::Moved { from, to, .. } => {
                assert_eq!(stage.cluster.node_of(from.port()), node);
                assert_ne!(stage.cluster.node_of(to.port()), node);
                moved = true;
            }
            Event::Disconnected { reason, .. } => unreachable!("it should move before: {reason:?}"),
            _ => {}
        }
    }
    assert!(heard);
    assert_ne!(stage.node_of(client), node);
    node
}

async fn a_lame_duck_is_left_without_a_failed_request(way: Way) {
    let stage = Stage::with(way, goodbye);
    let elsewhere = stage.client(&[2], stage.options()).await;
    let service = Service::start(&elsewhere).await;
    let audience = Audience::new(&elsewhere).await;
    let options = stage.options().move_on_lame_duck(true);
    let client = stage.client(&[0, 1, 2], options).await;
    let mut marks = client.subscribe::<Mark>().await.expect("subscribed");
    let mut grouped = client.subscribe::<Mark>().queue("group").await.expect("subscribed");
    let load = Load::start(&client).await;
    load.answered(500).await;
    say_goodbye(&stage, &client).await;
    load.answered(500).await;

    let account = load.finish().await;
    let numbers = audience.numbers(&client).await;
    // Everything that was published has arrived, and every request was answered.
    assert_eq!(numbers.len() as u64, account.accepted, "{account:?}");
    assert_distinct(numbers);
    let failed = (account.disconnected, account.timed_out, account.no_responders);
    assert_eq!((failed, account.unconfirmed, account.lost), ((0, 0, 0), 0, 0), "{account:?}");
    assert_eq!(client.connection().state(), State::Connected);
    assert_subscribed_once(&mut marks, &elsewhere).await;
    assert_subscribed_once(&mut grouped, &elsewhere).await;
    eprintln!("{way:?}: {account:?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lame_duck_is_left_without_a_failed_request_over_websocket() {
    a_lame_duck_is_left_without_a_failed_request(Way::Ws).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lame_duck_is_left_without_a_failed_request_over_tcp() {
    a_lame_duck_is_left_without_a_failed_request(Way::Tcp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lame_duck_is_left_without_a_failed_request_over_websocket_with_tls() {
    a_lame_duck_is_left_without_a_failed_request(Way::WssWithCertificate).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_replies_to_one_request_go_on_while_the_connection_moves() {
    for way in Way::ALL {
        let stage = Stage::with(way, goodbye);
        let elsewhere = stage.client(&[2], stage.options()).await;
        let mut asked = elsewhere.connection().subscribe("parts.*").await.expect("subscribed");
        let options = stage.options().move_on_lame_duck(true);
        let client = stage.client(&[0, 1, 2], options).await;
        let nc = client.connection();
        let limit = Duration::from_secs(60);
        // Interest travels between nodes in its own time.
        let mut attempts = 0;
        let (msg, mut replies) = eventually("somebody who answers", async || {
            attempts += 1;
            let subject = format!("parts.{attempts}");
            let ask = nc.request_many(&subject, "").replies(Replies::Count(6)).timeout(limit);
            let replies = ask.await.expect("sent");
            let wait = Duration::from_millis(100);
            while let Ok(msg) = tokio::time::timeout(wait, asked.next()).await {
                let msg = msg.expect("a request").expect("no gap");
                if msg.subject() == subject {
                    return Some((msg, replies));
                }
            }
            None
        })
        .await;
        let answer = async |reply: &'static str| msg.respond(reply).await.expect("answered");
        let mut read = async || {
            let reply = within("a reply", replies.next()).await.expect("more").expect("a reply");
            reply.text().expect("text").to_owned()
        };
        answer("0").await;
        assert_eq!(read().await, "0");
        let answering = async {
            for reply in ["1", "2", "3"] {
                answer(reply).await;
            }
        };
        tokio::join!(say_goodbye(&stage, &client), answering);
        answer("4").await;
        answer("5").await;
        for expected in ["1", "2", "3", "4", "5"] {
            assert_eq!(read().await, expected, "{way:?}");
        }
        assert!(within("the end", replies.next()).await.is_none());
        assert!(replies.is_complete());
        assert_eq!(nc.requests_in_flight(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_option_a_lame_duck_is_an_event_and_the_loss_comes_later() {
    let stage = Stage::with(Way::Ws, goodbye);
    let client = stage.client(&[0, 1, 2], stage.options()).await;
    let mut events = client.connection().events();
    stage.cluster.node(0).lame_duck();
    event(&mut events, |event| matches!(event, Event::LameDuckMode { .. }).then_some(())).await;
    event(&mut events, |event| matches!(event, Event::Disconnected { .. }).then_some(())).await;
    event(&mut events, |event| matches!(event, Event::Reconnected { .. }).then_some(())).await;
    assert_ne!(stage.node_of(&client), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_of_a_cluster_are_found_and_forgotten_again() {
    for transport in Transport::ALL {
        let way = if transport == Transport::Ws { Way::Ws } else { Way::Tcp };
        let mut stage = Stage::new(way);
        let client = stage.client(&[0], stage.options()).await;
        let nc = client.connection();
        let mut events = nc.events();
        let known = || {
            let all = nc.servers().into_iter().map(|server| server.addr.to_string());
            let mut all: Vec<_> = all.collect();
            all.sort();
            all
        };
        let mut all = stage.cluster.urls(transport);
        all.sort();
        eventually("all servers", async || (known() == all).then_some(())).await;
        assert_eq!(nc.servers().iter().filter(|server| server.discovered).count(), 2);

        stage.cluster.node_mut(2).stop();
        let gone = event(&mut events, |event| match event {
            Event::ServersChanged { removed, added } if added.is_empty() => Some(removed),
            _ => None,
        })
        .await;
        assert_eq!(gone[0].to_string(), stage.cluster.urls(transport)[2]);
        stage.cluster.restart(2);
        let back = event(&mut events, |event| match event {
            Event::ServersChanged { removed, added } if removed.is_empty() => Some(added),
            _ => None,
        })
        .await;
        assert_eq!(back, gone);

        // The one that was named is gone: a discovered one takes over.
        stage.cluster.node_mut(0).kill();
        event(&mut events, |event| matches!(event, Event::Reconnected { .. }).then_some(())).await;
        assert_ne!(stage.node_of(&client), 0);

        let alone = stage.options().ignore_cluster_updates(true);
        let alone = stage.client(&[1], alone).await;
        assert_eq!(alone.connection().servers().len(), 1);
    }
}

/// All three nodes, one after the other, with a service and a requester that move each time. It
/// takes half a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes half a minute"]
async fn a_rolling_restart_by_lame_duck_fails_no_request() {
    for way in Way::ALL {
        let mut stage = Stage::with(way, goodbye);
        let moving = || stage.options().move_on_lame_duck(true);
        let server = stage.client(&[1, 2, 0], moving()).await;
        let service = Service::start(&server).await;
        let audience_client = stage.client(&[2, 0, 1], moving()).await;
        let client = stage.client(&[0, 1, 2], moving()).await;
        let mut marks = client.subscribe::<Mark>().await.expect("subscribed");
        let load = Load::start(&client).await;
        load.answered(500).await;
        for node in 0..3 {
            let clients = [&client, &server, &audience_client];
            let there: Vec<_> =
                clients.into_iter().filter(|client| stage.node_of(client) == node).collect();
            stage.cluster.node(node).lame_duck();
            for client in there {
                eventually("the move", async || (stage.node_of(client) != node).then_some(()))
                    .await;
            }
            load.answered(2000).await;
            stage.cluster.restart(node);
            load.answered(500).await;
        }
        let account = load.finish().await;
        let failed = (account.disconnected, account.timed_out, account.no_responders);
        assert_eq!((failed, account.unconfirmed, account.lost), ((0, 0, 0), 0, 0), "{account:?}");
        assert_subscribed_once(&mut marks, &audience_client).await;
        eprintln!("{way:?}: {account:?}");
        service.stop().await;
    }
}
