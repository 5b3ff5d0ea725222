//! A stream on three servers that fail one after the other, or all at once, while it is published
//! to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use natsws::jetstream::{PublishAck, PublishError, Published, Stream, StreamConfig, Untyped};
use natsws::{Client, ConnectOptions};
use natsws_tests::{Cluster, Proxy, Transport, within};
use tokio::sync::watch;
use tokio::task::JoinHandle;

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
        // Leaders were seen away for 8 s, which is longer than an answer is waited for.
        let js = observer.jetstream().with_timeout(Duration::from_secs(30));
        let mut stream = None;
        patiently("the stream", async || {
            let made = js.create_or_update_stream(config.clone()).await;
            stream = made.ok();
            stream.is_some().then_some(())
        })
        .await;
        let stream = stream.expect("it was made");
        Self { cluster, proxies, observer, stream }
    }

    async fn publisher(&self) -> Client {
        let urls: Vec<String> = self.proxies.iter().map(|proxy| proxy.url("nats")).collect();
        let options = options().ignore_cluster_updates(true);
        within("connecting", options.connect(urls)).await.expect("it connects")
    }

    /// The node that leads the stream, when another one has it whole too.
    async fn leader(&self) -> usize {
        let mut leader = None;
        patiently("a leader and a replica", async || {
            let info = self.stream.info().await.ok()?;
            let cluster = info.cluster?;
            // The third may be long in coming: it is not needed.
            let is_whole = cluster.replicas.iter().any(|peer| peer.current && !peer.offline);
            leader = cluster.leader.filter(|_| is_whole);
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
pub(crate) fn options() -> ConnectOptions {
    ConnectOptions::new()
        .reconnect_delay(|_| Duration::from_millis(50))
        .unlimited_reconnect_attempts()
        .ping_interval(Duration::from_millis(500))
        .timeout(Duration::from_secs(1))
}

/// As [`eventually`](natsws_tests::eventually), for what a cluster may take longer for: leaders were
/// seen away for 8 s.
pub(crate) async fn patiently(what: &str, mut condition: impl AsyncFnMut() -> Option<()>) {
    let began = Instant::now();
    let mut interval = tokio::time::interval(Duration::from_millis(50));
    while condition().await.is_none() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        interval.tick().await;
    }
}

/// Publishes numbers in the background, as many as are let go.
struct Numbers {
    task: JoinHandle<Published>,
    outcomes: Arc<Outcomes>,
    go: watch::Sender<u64>,
}

impl Numbers {
    fn start(client: &Client, messages: u64) -> Self {
        let (go, mut let_go) = watch::channel(0);
        let outcomes = Arc::new(Outcomes::default());
        let capacity = usize::try_from(messages).expect("it is small");
        outcomes.sequences.lock().expect("no panic").resize(capacity, None);
        let (client, told) = (client.clone(), Arc::clone(&outcomes));
        let task = tokio::spawn(async move {
            let js = client.jetstream();
            let start = js.publisher().window(500).deadline(Duration::from_secs(120));
            let start = start.on_outcome(move |number, outcome| told.note(number, outcome));
            let mut publisher = start.await.expect("begun");
            for number in 0..messages {
                if number >= *let_go.borrow() {
                    let_go.wait_for(|until| number < *until).await.expect("the test goes on");
                }
                publisher.publish_bytes("numbers", number.to_string()).await.expect("taken");
            }
            publisher.finish().await.expect("all stored")
        });
        Self { task, outcomes, go }
    }

    /// Lets so many more go, and waits until half of them are stored.
    async fn half_of(&self, more: u64) {
        let already = *self.go.borrow();
        self.go.send_replace(already + more);
        self.stored(already + more / 2).await;
    }

    async fn stored(&self, target: u64) {
        patiently("more messages", async || {
            assert!(!self.task.is_finished(), "it panicked");
            (self.outcomes.stored.load(Ordering::SeqCst) >= target).then_some(())
        })
        .await;
    }
}

impl Outcomes {
    fn note(&self, number: u64, outcome: Result<&PublishAck, &PublishError>) {
        let ack = outcome.unwrap_or_else(|error| panic!("message {number}: {error:?}"));
        assert!(!ack.duplicate, "message {number} was published once");
        let index = usize::try_from(number - 1).expect("it is small");
        let before = self.sequences.lock().expect("no panic")[index].replace(ack.sequence);
        assert_eq!(before, None, "message {number} has one outcome");
        self.stored.fetch_add(1, Ordering::SeqCst);
    }
}

/// One failure after the other, each in the midst of messages.
async fn numbers_are_stored_once_whatever_fails(messages: u64) {
    const PHASES: u64 = 8;
    let mut stage = Stage::new().await;
    let client = stage.publisher().await;
    let began = Instant::now();
    let numbers = Numbers::start(&client, messages);
    let step = messages / PHASES;

    // Killed, stopped and sent away: whichever leads by then.
    for fault in ["kill", "stop", "lame duck"] {
        let leader = stage.leader().await;
        numbers.half_of(step).await;
        match fault {
            "kill" => stage.cluster.node_mut(leader).kill(),
            "stop" => tokio::task::block_in_place(|| stage.cluster.node_mut(leader).stop()),
            _ => stage.cluster.node(leader).lame_duck(),
        }
        numbers.half_of(step).await;
        let node = stage.cluster.node_mut(leader);
        patiently("its end", async || (!node.is_running()).then_some(())).await;
        stage.restart(leader);
    }
    for _ in 0..10 {
        numbers.half_of(step / 10).await;
        stage.proxies.iter().for_each(Proxy::cut);
    }
    numbers.go.send_replace(messages);

    let published = numbers.task.await.expect("no panic");
    let took = began.elapsed();
    assert_eq!((published.stored, published.duplicates), (messages, 0));
    assert_eq!(numbers.outcomes.stored.load(Ordering::SeqCst), messages);
    let order = stage.assert_stored(&numbers.outcomes).await;
    assert_eq!(order.len() as u64, messages);
    let out_of_order = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
    let stats = client.connection().stats();
    eprintln!(
        "{messages} messages in {took:?}, {} sent, {} reconnects, {out_of_order} times out of order",
        stats.out_msgs, stats.reconnects
    );
    drop(stage.observer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_are_stored_once_while_servers_fail_one_after_the_other() {
    numbers_are_stored_once_whatever_fails(20_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes long"]
async fn many_numbers_are_stored_once_while_servers_fail_one_after_the_other() {
    numbers_are_stored_once_whatever_fails(200_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_there_when_all_servers_were_killed_at_once() {
    let mut stage = Stage::new().await;
    let client = stage.publisher().await;
    let messages = 20_000;
    let numbers = Numbers::start(&client, messages);
    numbers.half_of(messages).await;
    for node in 0..3 {
        stage.cluster.node_mut(node).kill();
    }
    tokio::task::block_in_place(|| {
        for node in 0..3 {
            stage.cluster.node_mut(node).restart();
        }
        stage.cluster.settle();
    });
    let published = numbers.task.await.expect("no panic");
    assert_eq!((published.stored, published.duplicates), (messages, 0));
    let order = stage.assert_stored(&numbers.outcomes).await;
    assert_eq!(order.len() as u64, messages);
}
