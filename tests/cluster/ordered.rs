//! Reading in order while servers, connections and leaders come and go.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use natsws::Client;
use natsws::jetstream::OrderedMessages;

use crate::consuming::{Cluster, Job, in_time};

/// What was read so far: each message adds to the hash of those before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Chain {
    messages: u64,
    hash: u64,
}

impl Chain {
    fn add(&mut self, sequence: u64, number: u64) {
        let mut hasher = DefaultHasher::new();
        (self.hash, sequence, number).hash(&mut hasher);
        *self = Self { messages: self.messages + 1, hash: hasher.finish() };
    }

    /// Reads up to the message with this sequence number.
    async fn read(&mut self, jobs: &mut OrderedMessages<Job>, last: u64) {
        while self.messages < last {
            self.read_one(jobs).await;
        }
    }

    async fn read_one(&mut self, jobs: &mut OrderedMessages<Job>) {
        let job = jobs.next().await.expect("the reader goes on").expect("decoded");
        assert_eq!((job.sequence(), job.number), (self.messages + 1, self.messages + 1));
        self.add(job.sequence(), job.number);
    }
}

async fn reader(client: &Client) -> OrderedMessages<Job> {
    let js = client.jetstream();
    let reading = || js.ordered::<Job>("S").heartbeat(Duration::from_secs(1)).into_future();
    in_time("a reader", async {
        loop {
            if let Ok(reader) = reading().await {
                return reader;
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_gap_and_no_repeat() {
    let mut cluster = Cluster::start().await;
    let client = cluster.stage.client(&[1, 2, 0], cluster.stage.options()).await;
    let mut jobs = reader(&client).await;
    let read = Arc::new(AtomicU64::new(0));
    let until = Arc::new(AtomicU64::new(u64::MAX));
    let reading = tokio::spawn({
        let (read, until) = (read.clone(), until.clone());
        async move {
            let mut chain = Chain::default();
            while chain.messages < until.load(Ordering::SeqCst) {
                chain.read_one(&mut jobs).await;
                read.store(chain.messages, Ordering::SeqCst);
            }
            (chain, jobs.consumers_made())
        }
    });
    cluster.more(&read).await;
    let killed = cluster.leader().await;
    cluster.stage.cluster.node_mut(killed).kill();
    cluster.more(&read).await;
    client.connection().reconnect();
    cluster.more(&read).await;
    cluster.stage.cluster.restart(killed);
    cluster.more(&read).await;
    let stepping_down = "$JS.API.STREAM.LEADER.STEPDOWN.S";
    drop(cluster.client.connection().request(stepping_down, "").await);
    cluster.more(&read).await;
    let stopped = cluster.leader().await;
    cluster.stage.cluster.node_mut(stopped).stop();
    cluster.more(&read).await;
    cluster.stage.cluster.restart(stopped);
    cluster.more(&read).await;
    // One more tells the reader that it has come to the end.
    until.store(read.load(Ordering::SeqCst) + 100, Ordering::SeqCst);
    let (chain, made) = in_time("the reader", reading).await.expect("no panic");
    cluster.finish().await;

    let mut same = Chain::default();
    let mut jobs = reader(&cluster.client).await;
    in_time("the stream", same.read(&mut jobs, chain.messages)).await;
    assert_eq!(same, chain);
    eprintln!("{} messages by {made} consumers", chain.messages);
    assert!(made > 1);
}
