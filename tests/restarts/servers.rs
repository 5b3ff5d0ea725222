//! Servers that are replaced one by one, with replicas and callers attached.

use std::time::Duration;

use natsws::{Client, ConnectOptions, RequestError};
use natsws_service::caller::Retry;
use natsws_service::{Router, ServiceHandle, serve};
use natsws_tests::{Cluster, Transport, eventually, within};

use crate::callers::Callers;
use crate::messages::Twice;

/// How many callers there are of each kind.
const CALLERS: usize = 8;

/// How the nodes of a cluster go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Going {
    /// They say goodbye, and end when their clients are gone.
    LameDuck,
    /// They are sent `SIGTERM`, and close all connections at once.
    Terminated,
}

/// A client that begins with this node, and is soon back on another one.
async fn client(cluster: &Cluster, first: usize, moves: bool) -> Client {
    let mut urls = cluster.urls(Transport::Tcp);
    urls.rotate_left(first);
    let options = ConnectOptions::new()
        .reconnect_time_wait(Duration::from_millis(50))
        .reconnect_jitter(Duration::from_millis(10))
        .request_timeout(Duration::from_secs(5))
        .unlimited_reconnect_attempts()
        .no_randomize(true)
        .move_on_lame_duck(moves);
    within("connecting", options.connect(urls)).await.expect("the node is there")
}

fn node_of(cluster: &Cluster, client: &Client) -> usize {
    cluster.node_of(client.connection().server().port())
}

/// How many connections of a client were lost.
fn cuts(client: &Client) -> u64 {
    client.connection().stats().reconnects
}

/// A replica that begins with this node, and moves.
async fn replica(cluster: &Cluster, first: usize) -> ServiceHandle {
    let client = client(cluster, first, true).await;
    let twice = async |ask: Twice| ask.number * 2;
    let router: Router = Router::new("replica", "1.0.0").endpoint(twice);
    serve(client, router).start().await.expect("served")
}

/// Replaces all nodes, one after the other, under load.
async fn rolling_restart(going: Going) {
    let mut cluster =
        Cluster::with(3, |node| node.lame_duck(Duration::from_secs(30), Duration::from_secs(2)));
    let mut replicas = Vec::new();
    for node in 0..3 {
        replicas.push(replica(&cluster, node).await);
    }
    let (moving, retrying, plain) = (
        client(&cluster, 0, true).await,
        client(&cluster, 0, false).await,
        client(&cluster, 0, false).await,
    );
    for client in [&moving, &retrying, &plain] {
        // Interest travels between nodes in its own time.
        let ask = Twice { caller: 0, number: 1 };
        eventually("the replicas", async || client.request(&ask).await.ok()).await;
    }
    let retry = Retry::new(20).idempotent().wait(Duration::from_millis(20));
    let moves = Callers::start(&moving, CALLERS, None);
    let asks_again = Callers::start(&retrying, CALLERS, Some(&retry));
    let asks_once = Callers::start(&plain, CALLERS, None);
    for node in 0..3 {
        for callers in [&moves, &asks_again, &asks_once] {
            callers.answered(200).await;
        }
        match going {
            Going::LameDuck => {
                cluster.node(node).lame_duck();
                // It ends by itself when all of its clients have left or were sent away.
                eventually("its end", async || {
                    (!cluster.node_mut(node).is_running()).then_some(())
                })
                .await;
            }
            Going::Terminated => cluster.node_mut(node).stop(),
        }
        for callers in [&moves, &asks_again, &asks_once] {
            callers.answered(200).await;
        }
        cluster.restart(node);
        for client in [&moving, &retrying, &plain] {
            assert_ne!(node_of(&cluster, client), node);
        }
    }
    let moves = moves.stopped(&format!("{going:?}, moving, asked once")).await;
    let asks_again = asks_again.stopped(&format!("{going:?}, asked again")).await;
    let asks_once = asks_once.stopped(&format!("{going:?}, asked once")).await;
    assert_eq!(asks_again.failures.len(), 0, "{:?}", asks_again.failures);
    assert!(cuts(&plain) >= 1, "who stays is cut off");
    for (account, client) in [(&moves, &moving), (&asks_once, &plain)] {
        // Where nobody is left, that is told at once and nothing is in flight.
        let in_flight = account.failures.iter().filter(|failure| match &failure.error {
            RequestError::Disconnected { .. } => true,
            // A node that goes at once takes requests with it that others have sent it.
            RequestError::TimedOut { .. } if going == Going::Terminated => true,
            RequestError::NoResponders if going == Going::Terminated => false,
            other => panic!("it should say what has become of it: {other:?}"),
        });
        let (in_flight, most) = (in_flight.count(), CALLERS as u64 * cuts(client));
        assert!(in_flight as u64 <= most, "{in_flight} of {most}: {:?}", account.failures);
    }
    if going == Going::LameDuck {
        assert_eq!(moves.failures.len(), 0, "{:?}", moves.failures);
    }
    for replica in replicas {
        let report = within("the drain", replica.drain()).await;
        assert_eq!((report.failed, report.shed, report.aborted), (0, 0, 0), "{report:?}");
        // What a node took with it when it went is never confirmed.
        assert!(report.flushed || going == Going::Terminated, "{report:?}");
        assert!(report.completed > 0, "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lame_ducks_are_left_without_a_failure_by_who_moves_or_asks_again() {
    rolling_restart(Going::LameDuck).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_terminated_fail_no_request_that_is_asked_again() {
    rolling_restart(Going::Terminated).await;
}
