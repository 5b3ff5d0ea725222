//! A stream on three servers that fail one after the other, or all at once, while it is published
//! to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use natsws::jetstream::{Published, Stream, StreamConfig, Untyped};
use natsws::{Client, ConnectOptions};
use natsws_tests::{Cluster, Proxy, Transport, eventually, within};

/// What became of each message, by its number: where it is stored.
#[derive(Debug, Default)]
struct Outcomes {
    sequences: Mutex<Vec<Option<u64>>>,
    stored: AtomicU64,
}

struct Stage {
    cluster: Cluster,
    /// The ways to the nodes.
    proxies: Vec<Proxy>,
    /// Not disturbed itself, but for its node.
    observer: Client,
    stream: Stream,
}

impl Stage {
    async fn new() -> Self {
        let cluster = Cluster::with(3, |node| {
            node.jetstream().lame_duck(Duration::from_secs(30), Duration::from_secs(1))
        });
        let way = |index| Proxy::to(cluster.node(index).addr(Transport::Tcp));
        let proxies: Vec<Proxy> = (0..3).map(way).collect();
        let urls = cluster.urls(Transport::Tcp);
        let observer = within("connecting", options().connect(urls)).await.expect("it connects");
        let config = StreamConfig::new("NUMBERS").subjects(["numbers"]).replicas(3);
        let stream = eventually("the stream", async || {
            observer.jetstream().create_or_update_stream(config.clone()).await.ok()
        })
        .await;
        Self { cluster, proxies, observer, stream }
    }

    async fn publisher(&self) -> Client {
        let urls: Vec<String> = self.proxies.iter().map(|proxy| proxy.url("nats")).collect();
        let options = options().ignore_cluster_updates(true);
        within("connecting", options.connect(urls)).await.expect("it connects")
    }

    /// The node that leads the stream, when all of them have it whole.
    async fn leader(&self) -> usize {
        let mut leader = None;
        patiently("a leader and two replicas", async || {
            let info = self.stream.info().await.ok()?;
            let cluster = info.cluster?;
            let whole = cluster.replicas.iter().filter(|peer| peer.current && !peer.offline);
            leader = cluster.leader.filter(|_| whole.count() == 2);
            leader.is_some().then_some(())
        })
        .await;
        let name = leader.expect("there is one");
        name.strip_prefix("node-").and_then(|number| number.parse().ok()).expect("a node's name")
    }

    fn restart(&mut self, node: usize) {
        tokio::task::block_in_place(|| self.cluster.restart(node));
    }

    /// Every message that is acknowledged is there once, where it was said to be, and none is there
    /// twice. Gives back the numbers in their order.
    async fn assert_stored(&self, outcomes: &Outcomes) -> Vec<u64> {
        self.leader().await;
        let acknowledged = outcomes.sequences.lock().expect("no panic").clone();
        let mut there = vec![None; acknowledged.len()];
        let mut order = Vec::new();
        let count = self.stream.info().await.expect("it is there").state.messages;
        let mut stored = self.stream.ordered::<Untyped>().await.expect("reading");
        for _ in 0..count {
            let message = within("a message", stored.next()).await.expect("one").expect("read");
            let text = std::str::from_utf8(message.payload()).expect("it is text");
            let number: u64 = text.parse().expect("a number");
            let index = usize::try_from(number).expect("it is small");
            assert_eq!(there[index], None, "message {number} is there twice");
            there[index] = Some(message.sequence());
            order.push(number);
        }
        for (number, (said, found)) in acknowledged.iter().zip(&there).enumerate() {
            assert!(said.is_none() || said == found, "message {number}: {said:?}, {found:?}");
        }
        order
    }
}

/// A client that is back soon.
fn options() -> ConnectOptions {
    ConnectOptions::new()
        .reconnect_delay(|_| Duration::from_millis(50))
        .unlimited_reconnect_attempts()
        .ping_interval(Duration::from_millis(500))
        .timeout(Duration::from_secs(1))
}

/// As [`eventually`], for what a cluster may take longer for: leaders were seen away for 8 s.
async fn patiently(what: &str, mut condition: impl AsyncFnMut() -> Option<()>) {
    let began = Instant::now();
    let mut interval = tokio::time::interval(Duration::from_millis(50));
    while condition().await.is_none() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        interval.tick().await;
    }
}

/// Publishes numbers, in the background.
fn publish(
    client: &Client,
    messages: u64,
    in_order: bool,
    outcomes: &Arc<Outcomes>,
) -> tokio::task::JoinHandle<Published> {
    let (client, outcomes) = (client.clone(), Arc::clone(outcomes));
    let capacity = usize::try_from(messages).expect("it is small");
    outcomes.sequences.lock().expect("no panic").resize(capacity, None);
    tokio::spawn(async move {
        let js = client.jetstream();
        let told = Arc::clone(&outcomes);
        let start = js.publisher().window(500).deadline(Duration::from_secs(120));
        let start = if in_order { start.in_order() } else { start };
        let start = start.on_outcome(move |number, outcome| match outcome {
            Ok(ack) => {
                assert!(!ack.duplicate, "message {number} was published once");
                let index = usize::try_from(number - 1).expect("it is small");
                let before = told.sequences.lock().expect("no panic")[index].replace(ack.sequence);
                assert_eq!(before, None, "message {number} has one outcome");
                told.stored.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => panic!("message {number}: {error:?}"),
        });
        let mut publisher = start.await.expect("begun");
        for number in 0..messages {
            publisher.publish_bytes("numbers", number.to_string()).await.expect("taken");
        }
        publisher.finish().await.expect("all stored")
    })
}

/// One failure after the other, each when so many more messages are stored.
async fn numbers_are_stored_once_whatever_fails(messages: u64, in_order: bool) {
    let mut stage = Stage::new().await;
    let client = stage.publisher().await;
    let outcomes = Arc::new(Outcomes::default());
    let began = Instant::now();
    let publishing = publish(&client, messages, in_order, &outcomes);
    let step = messages / 6;
    let reached = async |target: u64| {
        patiently("more messages", async || {
            (outcomes.stored.load(Ordering::SeqCst) >= target).then_some(())
        })
        .await;
    };

    reached(step).await;
    let leader = stage.leader().await;
    stage.cluster.node_mut(leader).kill();
    reached(2 * step).await;
    stage.restart(leader);

    for round in 0..5 {
        reached(2 * step + round * step / 5).await;
        stage.proxies.iter().for_each(Proxy::cut);
    }

    reached(3 * step).await;
    let leader = stage.leader().await;
    tokio::task::block_in_place(|| stage.cluster.node_mut(leader).stop());
    reached(4 * step).await;
    stage.restart(leader);

    reached(4 * step).await;
    let leader = stage.leader().await;
    stage.cluster.node(leader).lame_duck();
    patiently("its end", async || (!stage.cluster.node_mut(leader).is_running()).then_some(()))
        .await;
    reached(5 * step).await;
    stage.restart(leader);

    let published = publishing.await.expect("no panic");
    let took = began.elapsed();
    assert_eq!((published.stored, published.duplicates), (messages, 0));
    assert_eq!(outcomes.stored.load(Ordering::SeqCst), messages);
    let order = stage.assert_stored(&outcomes).await;
    assert_eq!(order.len() as u64, messages);
    let out_of_order = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
    let reconnects = client.connection().stats().reconnects;
    let sent = client.connection().stats().out_msgs;
    eprintln!(
        "{messages} messages in {took:?}, {sent} sent, {reconnects} reconnects, \
         {out_of_order} times out of order"
    );
    if in_order {
        assert_eq!(out_of_order, 0);
    }
    drop(stage.observer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_are_stored_once_while_servers_fail_one_after_the_other() {
    numbers_are_stored_once_whatever_fails(20_000, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_are_stored_once_and_in_order_while_servers_fail_one_after_the_other() {
    numbers_are_stored_once_whatever_fails(20_000, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes long"]
async fn many_numbers_are_stored_once_while_servers_fail_one_after_the_other() {
    numbers_are_stored_once_whatever_fails(200_000, false).await;
    numbers_are_stored_once_whatever_fails(200_000, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_there_when_all_servers_were_killed_at_once() {
    let mut stage = Stage::new().await;
    let client = stage.publisher().await;
    let outcomes = Arc::new(Outcomes::default());
    let messages = 20_000;
    let publishing = publish(&client, messages, false, &outcomes);
    patiently("messages", async || {
        (outcomes.stored.load(Ordering::SeqCst) >= messages / 2).then_some(())
    })
    .await;
    for node in 0..3 {
        stage.cluster.node_mut(node).kill();
    }
    tokio::task::block_in_place(|| {
        for node in 0..3 {
            stage.cluster.node_mut(node).restart();
        }
        stage.cluster.settle();
    });
    let published = publishing.await.expect("no panic");
    assert_eq!((published.stored, published.duplicates), (messages, 0));
    let order = stage.assert_stored(&outcomes).await;
    assert_eq!(order.len() as u64, messages);
}
