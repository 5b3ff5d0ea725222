//! Workers that share a consumer while servers, connections and leaders come and go.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use natsws::jetstream::{Consumer, ConsumerConfig};
use tokio::task::JoinHandle;

use crate::consuming::{Cluster, Job, in_time, node};

/// What was delivered before it was confirmed may still be on its way for so long.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// What the workers did.
#[derive(Default)]
struct Work {
    done: AtomicU64,
    /// How often each number was delivered.
    delivered: Mutex<HashMap<u64, u64>>,
    /// When each was confirmed.
    confirmed: Mutex<HashMap<u64, Instant>>,
    /// Those that came again though they were confirmed.
    again: Mutex<Vec<u64>>,
}

/// Works until its reader ends. It confirms aside, so that what has come is seen when it comes.
fn worker(consumer: Consumer, work: Arc<Work>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut jobs = consumer
            .messages::<Job>()
            .max_messages(20)
            .expires(Duration::from_secs(4))
            .heartbeat(Duration::from_secs(1))
            .await
            .expect("reading");
        while let Some(job) = jobs.next().await {
            let job = job.expect("the reader goes on");
            let number = job.number;
            let confirmed = work.confirmed.lock().expect("no panic").get(&number).copied();
            if confirmed.is_some_and(|at| at.elapsed() > ON_ITS_WAY) {
                work.again.lock().expect("no panic").push(number);
            }
            *work.delivered.lock().expect("no panic").entry(number).or_default() += 1;
            work.done.fetch_add(1, Ordering::SeqCst);
            let work = work.clone();
            tokio::spawn(async move {
                if job.ack_confirmed().await.is_ok() {
                    work.confirmed.lock().expect("no panic").insert(number, Instant::now());
                }
            });
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_is_done_and_none_again_that_was_confirmed() {
    let mut cluster = Cluster::start().await;
    let config = ConsumerConfig::durable("workers").ack_wait(Duration::from_secs(4));
    let made = in_time("the consumer", async {
        loop {
            if let Ok(made) = cluster.stream.create_consumer(config.clone()).await {
                return made;
            }
        }
    });
    let made = made.await;
    let work = Arc::new(Work::default());
    let options = cluster.stage.options();
    let client = cluster.stage.client(&[1, 2, 0], options).await;
    let consumer = client.jetstream().consumer("S", "workers").await.expect("it is there");
    let workers: Vec<_> = (0..4).map(|_| worker(consumer.clone(), work.clone())).collect();
    cluster.more(&work.done).await;

    let killed = cluster.leader().await;
    cluster.stage.cluster.node_mut(killed).kill();
    cluster.more(&work.done).await;
    client.connection().reconnect();
    cluster.more(&work.done).await;
    cluster.stage.cluster.restart(killed);
    cluster.more(&work.done).await;
    let stepping_down = "$JS.API.CONSUMER.LEADER.STEPDOWN.S.workers";
    drop(cluster.client.connection().request(stepping_down, "").await);
    cluster.more(&work.done).await;
    let leads = async {
        loop {
            let info = made.info().await.ok().and_then(|info| info.cluster);
            if let Some(leader) = info.and_then(|info| node(info.leader.as_deref()?)) {
                return leader;
            }
        }
    };
    let leader = in_time("a leader of the consumer", leads).await;
    cluster.stage.cluster.node_mut(leader).stop();
    cluster.more(&work.done).await;
    cluster.stage.cluster.restart(leader);

    let published = cluster.finish().await;
    // It is the server that says it: a confirmation may be lost with the leader that gave it.
    let all = async {
        let all_came = || work.delivered.lock().expect("no panic").len() as u64 == published;
        while !(made.info().await.is_ok_and(|info| (info.pending, info.ack_pending) == (0, 0))
            && all_came())
        {}
    };
    in_time("all jobs", all).await;
    workers.iter().for_each(JoinHandle::abort);
    let delivered = work.delivered.lock().expect("no panic");
    let repeats = delivered.values().filter(|times| **times > 1).count();
    eprintln!("{published} jobs, {repeats} of them more than once");
    assert_eq!(*work.again.lock().expect("no panic"), Vec::<u64>::new());
}
