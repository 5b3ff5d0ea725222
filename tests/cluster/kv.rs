//! A bucket on three servers that fail one after the other, or all at once, while it is written and
//! watched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use natsws::Client;
use natsws::bytes::Bytes;
use natsws::codec::Raw;
use natsws::jetstream::PublishError;
use natsws::kv::{Bucket, BucketConfig, Change, KeyValueError, Watch};
use natsws_tests::{Cluster, Proxy, Transport, eventually, within};
use tokio::task::JoinHandle;

use crate::streams::{options, patiently};

struct Stage {
    cluster: Cluster,
    /// The ways to the nodes.
    proxies: Vec<Proxy>,
    observer: Bucket<Bytes, Raw>,
}

impl Stage {
    async fn new(history: u64) -> Self {
        let cluster = Cluster::with(3, natsws_tests::ServerBuilder::jetstream);
        let way = |index| Proxy::to(cluster.node(index).addr(Transport::Tcp));
        let proxies: Vec<Proxy> = (0..3).map(way).collect();
        let urls = cluster.urls(Transport::Tcp);
        let client = within("connecting", options().connect(urls)).await.expect("it connects");
        let config = BucketConfig::new("shared").replicas(3).history(history);
        let observer = eventually("the bucket", async || {
            client.jetstream().create_or_update_key_value(config.clone()).await.ok()
        })
        .await;
        Self { cluster, proxies, observer }
    }

    /// A client whose ways can be cut.
    async fn client(&self) -> Client {
        let urls: Vec<String> = self.proxies.iter().map(|proxy| proxy.url("nats")).collect();
        let options = options().ignore_cluster_updates(true);
        within("connecting", options.connect(urls)).await.expect("it connects")
    }

    async fn bucket(&self) -> Bucket<Bytes, Raw> {
        self.client().await.jetstream().key_value("shared").unasked().expect("a good name")
    }

    /// The node that leads the bucket, when another one has it whole too.
    async fn leader(&self) -> usize {
        let mut leader = None;
        patiently("a leader and a replica", async || {
            let status = self.observer.status().await.ok()?;
            let cluster = status.stream_info().cluster.clone()?;
            let is_whole = cluster.replicas.iter().any(|peer| peer.current && !peer.offline);
            leader = cluster.leader.filter(|_| is_whole);
            leader.is_some().then_some(())
        })
        .await;
        let name = leader.expect("there is one");
        name.strip_prefix("node-").and_then(|number| number.parse().ok()).expect("a node's name")
    }

    async fn kill_leader(&mut self) -> usize {
        let leader = self.leader().await;
        self.cluster.node_mut(leader).kill();
        leader
    }

    fn restart(&mut self, node: usize) {
        tokio::task::block_in_place(|| self.cluster.restart(node));
    }
}

/// Something that goes on in the background until it is told to stop.
struct Going<T> {
    task: JoinHandle<T>,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
}

impl<T> Going<T> {
    /// Waits until so much more was done.
    async fn more(&self, count: u64) {
        let target = self.done.load(Ordering::SeqCst) + count;
        patiently("more writes", async || {
            assert!(!self.task.is_finished(), "it ended early");
            (self.done.load(Ordering::SeqCst) >= target).then_some(())
        })
        .await;
    }

    async fn finish(self) -> (T, u64) {
        self.stop.store(true, Ordering::SeqCst);
        let finished = within("the end of the writes", self.task).await.expect("no panic");
        (finished, self.done.load(Ordering::SeqCst))
    }
}

/// Writes to many keys, one after the other, and deletes some.
fn write(bucket: Bucket<Bytes, Raw>) -> Going<()> {
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (stopped, count) = (Arc::clone(&stop), Arc::clone(&done));
    let task = tokio::spawn(async move {
        for number in 0_u64.. {
            if stopped.load(Ordering::SeqCst) {
                return;
            }
            // With 64 values each, none is discarded before a watch that was away has told of it.
            let key = format!("k.{}", number % 400);
            let long = Duration::from_secs(120);
            let written = if number % 7 == 0 {
                bucket.delete(&key).deadline(long).await
            } else {
                bucket.put(&key, &number.to_string()).deadline(long).await
            };
            written.expect("written, sooner or later");
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    Going { task, stop, done }
}

/// What a watch has told, all of it.
#[derive(Default)]
struct Seen {
    map: BTreeMap<String, Bytes>,
    revisions: Vec<u64>,
}

impl Seen {
    fn take(&mut self, change: Change<Bytes>) {
        let last = self.revisions.last().copied().unwrap_or(0);
        assert!(change.revision() > last, "{} after {last}", change.revision());
        self.revisions.push(change.revision());
        match change {
            Change::Put(entry) => drop(self.map.insert(entry.key, entry.value)),
            Change::Deleted(deletion) => drop(self.map.remove(&deletion.key)),
            other => unreachable!("{other:?}"),
        }
    }
}

/// Watches until the key `end` is written.
fn watch(mut watch: Watch<Bytes, Raw>) -> JoinHandle<(Seen, u64)> {
    tokio::spawn(async move {
        let mut seen = Seen::default();
        while !seen.map.contains_key("end") {
            let told = watch.next().await.expect("it goes on").expect("it can be read");
            if let Some(change) = told.into_change() {
                seen.take(change);
            }
        }
        (seen, watch.interruptions())
    })
}

/// What is in the bucket, read anew.
async fn fresh(bucket: &Bucket<Bytes, Raw>) -> BTreeMap<String, Bytes> {
    let mut map = BTreeMap::new();
    for key in bucket.keys().await.expect("listing").into_vec().await.expect("listed") {
        let entry = bucket.get(&key).from_leader().await.expect("read").expect("there");
        map.insert(key, entry.value);
    }
    map
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_ends_with_what_is_in_the_bucket_whatever_fails_meanwhile() {
    let mut stage = Stage::new(64).await;
    let watched = stage.bucket().await;
    let history = watch(watched.watch_all().include_history().await.expect("watching"));
    let updates = watch(watched.watch_all().updates_only().await.expect("watching"));
    let writing = write(stage.bucket().await);
    writing.more(200).await;

    let killed = stage.kill_leader().await;
    writing.more(200).await;
    stage.restart(killed);
    writing.more(200).await;
    for proxy in &stage.proxies {
        proxy.cut();
    }
    writing.more(200).await;
    let stopped = stage.leader().await;
    tokio::task::block_in_place(|| stage.cluster.node_mut(stopped).stop());
    writing.more(200).await;
    stage.restart(stopped);
    writing.more(200).await;
    stage.leader().await;
    for node in 0..3 {
        stage.cluster.node_mut(node).kill();
    }
    tokio::task::block_in_place(|| {
        for node in 0..3 {
            stage.cluster.node_mut(node).restart();
        }
        stage.cluster.settle();
    });
    writing.more(200).await;

    let ((), count) = writing.finish().await;
    let last = stage.observer.put("end", "x").await.expect("written");
    let (seen, interruptions) = within("the watch", history).await.expect("no panic");
    let (heard, _) = within("the watch", updates).await.expect("no panic");
    assert_eq!(seen.map, fresh(&stage.observer).await);
    assert_eq!(heard.map, seen.map);
    eprintln!("{count} writes, {interruptions} interruptions, the last revision is {last}");
    // What is read from a buffer hides one that is short.
    assert!(interruptions >= 1, "{interruptions}");
    // Each write is there once, and each watch has told of each.
    assert_eq!(last, count + 1);
    assert_eq!(seen.revisions, (1..=last).collect::<Vec<_>>());
    assert_eq!(heard.revisions, seen.revisions);
}

/// What somebody who counts was told.
#[derive(Default)]
struct Counted {
    /// The revisions that are theirs.
    won: Vec<u64>,
    /// Changes of which nobody knows whether they were made: the answer was lost, and others had
    /// changed the key when it was asked for again.
    unknown: u64,
}

/// Counts in one key, by as many as ask.
fn count(
    bucket: &Bucket<Bytes, Raw>,
    stop: &Arc<AtomicBool>,
    done: &Arc<AtomicU64>,
) -> JoinHandle<Counted> {
    let counts: Bucket<u64> = bucket.typed();
    let (stop, done) = (Arc::clone(stop), Arc::clone(done));
    tokio::spawn(async move {
        let mut counted = Counted::default();
        while !stop.load(Ordering::SeqCst) {
            let more = |count: Option<u64>| Some(count.unwrap_or(0) + 1);
            match counts.update_with("count", more).attempts(10_000).await {
                Ok(revision) => {
                    counted.won.push(revision.expect("it is not declined"));
                    done.fetch_add(1, Ordering::SeqCst);
                }
                Err(KeyValueError::Write { source, .. }) if is_wrong_last_at_last(&source) => {
                    counted.unknown += 1;
                }
                Err(other) => panic!("written, sooner or later: {other:?}"),
            }
        }
        counted
    })
}

/// Whether an attempt had no answer, and a later one found the key elsewhere.
fn is_wrong_last_at_last(error: &PublishError) -> bool {
    matches!(error, PublishError::TimedOut { last: Some(last), .. } if last.is_wrong_last())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_writers_one_wins_each_revision_whatever_fails_meanwhile() {
    /// Two servers are killed, and come back, and then all ways are cut.
    const FAILURES: u64 = 5;
    let mut stage = Stage::new(1).await;
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut writers = Vec::new();
    for _ in 0..8 {
        writers.push(count(&stage.bucket().await, &stop, &done));
    }
    let counted = tokio::spawn(async move {
        let mut all = Counted::default();
        for writer in writers {
            let counted = writer.await.expect("no panic");
            all.won.extend(counted.won);
            all.unknown += counted.unknown;
        }
        all
    });
    let counting = Going { task: counted, stop, done };
    counting.more(100).await;
    for _ in 0..2 {
        let killed = stage.kill_leader().await;
        counting.more(100).await;
        stage.restart(killed);
        counting.more(100).await;
    }
    for proxy in &stage.proxies {
        proxy.cut();
    }
    counting.more(100).await;

    let (Counted { mut won, unknown }, _) = counting.finish().await;
    won.sort_unstable();
    let counts: Bucket<u64> = stage.observer.typed();
    let entry = counts.get("count").from_leader().await.expect("read").expect("there");
    let last = entry.revision;
    eprintln!("{last} changes, {} won, {unknown} unknown", won.len());
    // Each change is there once, and follows from the one before.
    assert_eq!(entry.value, last);
    let twice = won.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(twice, None, "a revision was won twice");
    // What nobody has won is what somebody does not know to have won.
    let mut nobodys = (1..=last).collect::<BTreeSet<_>>();
    assert!(won.iter().all(|revision| nobodys.remove(revision)), "{won:?} of {last}");
    assert!(nobodys.len() as u64 <= unknown, "{unknown} unknown, and nobody has {nobodys:?}");
    // An answer is lost by a failure, and each writer waits for one at a time.
    assert!(unknown <= 8 * FAILURES, "{unknown}");
}
