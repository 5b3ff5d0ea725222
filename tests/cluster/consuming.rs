//! What the tests of consumers have in common: a stream on three servers that fail one after the
//! other, and a publisher that gives up nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use natsws::jetstream::{JetStream, Stream, StreamConfig};
use natsws::{Client, Subject};
use natsws_tests::{ServerBuilder, eventually};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time;

use crate::{Stage, Way};

/// Elections take seconds, and several may be needed one after the other.
const LONG: Duration = Duration::from_secs(60);

/// Waits for longer than [`within`](natsws_tests::within) does.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    match time::timeout(LONG, future).await {
        Ok(value) => value,
        Err(time::error::Elapsed { .. }) => panic!("{what}: not within {LONG:?}"),
    }
}

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("s.jobs")]
pub(crate) struct Job {
    pub(crate) number: u64,
}

/// Three nodes, stream `S` on all of them, and a publisher.
pub(crate) struct Cluster {
    pub(crate) stage: Stage,
    pub(crate) client: Client,
    pub(crate) stream: Stream,
    stop: Arc<AtomicBool>,
    /// How many messages the stream has confirmed.
    published: Arc<AtomicU64>,
    publisher: JoinHandle<()>,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let stage = Stage::with(Way::Tcp, ServerBuilder::jetstream);
        let client = stage.client(&[0, 1, 2], stage.options()).await;
        let js = client.jetstream();
        let config = StreamConfig::new("S").subjects(["s.>"]).replicas(3);
        let stream = in_time("a leader", async {
            loop {
                if let Ok(stream) = js.create_stream(config.clone()).await {
                    return stream;
                }
            }
        })
        .await;
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let publisher = tokio::spawn(publish(js, stop.clone(), count.clone()));
        Self { stage, client, stream, stop, published: count, publisher }
    }

    /// The node that leads the stream.
    pub(crate) async fn leader(&self) -> usize {
        let leads = async || {
            let info = self.stream.info().await.ok()?;
            node(info.cluster?.leader.as_deref()?)
        };
        eventually("the leader of the stream", leads).await
    }

    /// Waits until so many more are counted.
    pub(crate) async fn more(&self, counted: &AtomicU64) {
        let goal = counted.load(Ordering::SeqCst) + 200;
        let more = async {
            while counted.load(Ordering::SeqCst) < goal {
                tokio::task::yield_now().await;
                let _: Result<(), _> = self.client.flush().await;
            }
        };
        in_time("more messages", more).await;
    }

    /// Stops publishing. Returns how many messages there are.
    pub(crate) async fn finish(&mut self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        in_time("the last message", &mut self.publisher).await.expect("no panic");
        self.published.load(Ordering::SeqCst)
    }
}

/// The number of a node by its name.
pub(crate) fn node(name: &str) -> Option<usize> {
    name.strip_prefix("node-")?.parse().ok()
}

/// Publishes numbers from 1 on, each until the stream has it, and has it once.
async fn publish(js: JetStream, stop: Arc<AtomicBool>, published: Arc<AtomicU64>) {
    for number in 1.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let id = format!("n-{number}");
        while js.publish(&Job { number }).message_id(&id).await.is_err() {}
        published.store(number, Ordering::SeqCst);
    }
}
