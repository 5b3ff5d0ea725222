//! A steady load of typed requests and publishes, and the account of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use natsws::{Client, Event, Events, PublishError, RequestError, Subject, TypedSubscription};
use natsws_service::{Router, serve};
use natsws_tests::{eventually, within};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

#[derive(Debug, Clone, Serialize, Deserialize, Subject)]
#[subject("twice.{worker}", reply = u64)]
pub(crate) struct Twice {
    worker: usize,
    number: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subject)]
#[subject("count.{source}")]
pub(crate) struct Count {
    source: String,
    number: u64,
}

/// What shows that a subscription is there once.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("mark")]
pub(crate) struct Mark {
    number: u64,
}

async fn twice(ask: Twice) -> u64 {
    ask.number * 2
}

/// A service that runs until it is stopped.
pub(crate) struct Service {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Service {
    pub(crate) async fn start(client: &Client) -> Self {
        let (stop, stopped) = oneshot::channel();
        let router = Router::new("twice", "1.0.0").endpoint(twice);
        let serving = serve(client.clone(), router).with_graceful_shutdown(async {
            // A sender that is gone asks for the same.
            let _ = stopped.await;
        });
        let task = tokio::spawn(async move {
            serving.await.expect("the service is served");
        });
        // A request of the service's own client shows that it is there.
        let ready = Twice { worker: 0, number: 1 };
        eventually("the service", async || client.request(&ready).await.ok()).await;
        Self { stop, task }
    }

    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        within("the service's end", self.task).await.expect("no panic");
    }
}

/// Requests in flight at once.
const WORKERS: usize = 16;

#[derive(Default)]
struct Counters {
    replies: AtomicU64,
    no_responders: AtomicU64,
    disconnected: AtomicU64,
    timed_out: AtomicU64,
    accepted: AtomicU64,
}

/// Requests and publishes of one client, without a pause.
pub(crate) struct Load {
    client: Client,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
    publisher: JoinHandle<()>,
    events: Events,
    began: Instant,
}

/// The account of a load.
#[derive(Debug)]
#[expect(dead_code, reason = "the rate is for whoever reads the output")]
pub(crate) struct Account {
    pub(crate) replies: u64,
    pub(crate) no_responders: u64,
    pub(crate) disconnected: u64,
    pub(crate) timed_out: u64,
    /// Publishes that were accepted.
    pub(crate) accepted: u64,
    /// Publishes that the client reported as unconfirmed, all connections together.
    pub(crate) unconfirmed: u64,
    /// Connections that were lost.
    pub(crate) lost: u64,
    pub(crate) per_second: u64,
}

impl Load {
    /// Begins; the service must be there.
    pub(crate) async fn start(client: &Client) -> Self {
        let counters = Arc::new(Counters::default());
        let stop = Arc::new(AtomicBool::new(false));
        // Interest travels between nodes in its own time.
        let ready = Twice { worker: 0, number: 1 };
        eventually("the service", async || client.request(&ready).await.ok()).await;
        let events = client.connection().events();
        let worker = |worker| {
            tokio::spawn(ask(client.clone(), worker, Arc::clone(&counters), Arc::clone(&stop)))
        };
        Self {
            client: client.clone(),
            workers: (0..WORKERS).map(worker).collect(),
            publisher: tokio::spawn(count(
                client.clone(),
                Arc::clone(&counters),
                Arc::clone(&stop),
            )),
            counters,
            stop,
            events,
            began: Instant::now(),
        }
    }

    /// Waits until this many more requests were answered.
    pub(crate) async fn answered(&self, more: u64) {
        let target = self.counters.replies.load(Ordering::SeqCst) + more;
        eventually("answers", async || {
            (self.counters.replies.load(Ordering::SeqCst) >= target).then_some(())
        })
        .await;
    }

    /// Ends it, when every request has its outcome and everything published is confirmed or told.
    pub(crate) async fn finish(mut self) -> Account {
        let took = self.began.elapsed();
        self.stop.store(true, Ordering::SeqCst);
        for worker in self.workers {
            within("the last outcome", worker).await.expect("each request has one outcome");
        }
        within("the last publish", self.publisher).await.expect("no panic");
        // What no PONG covered yet is confirmed now, or was told as unconfirmed.
        eventually("a flush", async || self.client.flush().await.ok()).await;
        let (mut unconfirmed, mut lost) = (0, 0);
        loop {
            let event = tokio::select! {
                biased;
                event = self.events.next() => event.expect("the connection is there"),
                () = std::future::ready(()) => break,
            };
            match event {
                Event::Disconnected { unconfirmed: more, .. } => {
                    unconfirmed += more;
                    lost += 1;
                }
                Event::Reconnected { discarded, .. } | Event::Moved { discarded, .. } => {
                    assert_eq!(discarded, 0, "every server takes all of it");
                }
                _ => {}
            }
        }
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        let replies = read(&self.counters.replies);
        assert_eq!(self.client.connection().requests_in_flight(), 0);
        let per_second =
            replies * 1000 / u64::try_from(took.as_millis()).expect("it is short").max(1);
        Account {
            replies,
            no_responders: read(&self.counters.no_responders),
            disconnected: read(&self.counters.disconnected),
            timed_out: read(&self.counters.timed_out),
            accepted: read(&self.counters.accepted),
            unconfirmed,
            lost,
            per_second,
        }
    }
}

/// Asks one question after the other; each has one outcome.
async fn ask(client: Client, worker: usize, counters: Arc<Counters>, stop: Arc<AtomicBool>) {
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        number += 1;
        let counter = match client.request(&Twice { worker, number }).await {
            Ok(answer) => {
                assert_eq!(answer, number * 2, "a reply to another question");
                &counters.replies
            }
            Err(RequestError::Disconnected { .. }) => {
                up(&client).await;
                &counters.disconnected
            }
            Err(RequestError::NoResponders) => {
                tokio::task::yield_now().await;
                &counters.no_responders
            }
            Err(RequestError::TimedOut { .. }) => &counters.timed_out,
            Err(other) => unreachable!("no other outcome is right: {other:?}"),
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

/// Publishes numbers, while there is a connection and while there is none.
async fn count(client: Client, counters: Arc<Counters>, stop: Arc<AtomicBool>) {
    let mut count = Count { source: "load".to_owned(), number: 0 };
    while !stop.load(Ordering::SeqCst) {
        for _ in 0..20 {
            match client.publish(&count).await {
                Ok(()) => {
                    count.number += 1;
                    counters.accepted.fetch_add(1, Ordering::SeqCst);
                }
                Err(PublishError::BufferFull { .. }) => up(&client).await,
                Err(other) => unreachable!("no other outcome is right: {other:?}"),
            }
        }
        // The server is asked now and then; what it does not answer is told.
        let _ = client.flush().await;
    }
}

/// Waits until there is a connection again.
async fn up(client: &Client) {
    client.connection().wait_connected(Duration::from_secs(30)).await.expect("a node is left");
}

/// What a subscriber elsewhere got of the numbers that were published.
pub(crate) struct Audience {
    task: JoinHandle<Vec<u64>>,
    client: Client,
}

impl Audience {
    pub(crate) async fn new(client: &Client) -> Self {
        let mut counts = client.subscribe::<Count>().await.expect("subscribed");
        let task = tokio::spawn(async move {
            let mut numbers = Vec::new();
            while let Some(count) = counts.next().await {
                let count = count.expect("nothing but numbers");
                if count.source == "end" {
                    break;
                }
                numbers.push(count.number);
            }
            numbers
        });
        Self { task, client: client.clone() }
    }

    /// The numbers, when the end that somebody published has come.
    pub(crate) async fn numbers(self, from: &Client) -> Vec<u64> {
        let end = Count { source: "end".to_owned(), number: 0 };
        from.publish(&end).await.expect("published");
        from.flush().await.expect("flushed");
        let numbers = within("the end of the numbers", self.task).await.expect("no panic");
        drop(self.client);
        numbers
    }
}

/// Nothing came twice. The order can change around a failure: what went by the old way may be passed
/// on later than what went by the new one.
pub(crate) fn assert_distinct(mut numbers: Vec<u64>) {
    numbers.sort_unstable();
    let twice = numbers.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(twice, None, "a number came twice");
}

/// A subscription gets each message that others publish once.
pub(crate) async fn assert_subscribed_once(marks: &mut TypedSubscription<Mark>, from: &Client) {
    // Interest travels between nodes in its own time.
    eventually("the subscription", async || {
        from.publish(&Mark { number: 0 }).await.expect("published");
        from.flush().await.expect("flushed");
        (marks.pending() > 0).then_some(())
    })
    .await;
    for number in 1..=100 {
        from.publish(&Mark { number }).await.expect("published");
    }
    from.publish(&Mark { number: 101 }).await.expect("published");
    let mut got = Vec::new();
    while got.last() != Some(&101) {
        let mark = within("a mark", marks.next()).await.expect("it goes on");
        got.push(mark.expect("nothing but marks").number);
    }
    got.retain(|number| *number > 0);
    assert_eq!(got, (1..=101).collect::<Vec<_>>());
}
