//! The work, the same for every client.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use natsws::Client;
use natsws::jetstream::{ConsumerConfig, JetStream, Storage, Stream, StreamConfig};
use tokio::task::JoinSet;

use crate::args::What;
use crate::feed::{Credits, Feed};
use crate::measure::{Cost, Meter};
use crate::plan::Plan;
use crate::{Done, Fault};

/// How long a request may take.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How many messages may wait in a subscription; what is fed stays far below.
pub(crate) const QUEUE: usize = 65_536;

/// One turn of one client.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) url: String,
    pub(crate) plan: Plan,
    /// A number of its own, so that nobody hears what is not meant for this turn.
    pub(crate) run: u64,
}

impl Job {
    pub(crate) fn new(url: &str, plan: &Plan) -> Arc<Self> {
        Arc::new(Self { url: url.to_owned(), plan: plan.clone(), run: fastrand::u64(..) })
    }

    /// The subject of a task.
    pub(crate) fn subject(&self, lane: u32) -> String {
        subject(self.run, lane)
    }

    /// The subjects of all tasks.
    pub(crate) fn subjects(&self) -> String {
        format!("natsws.bench.{}.*", self.run)
    }

    /// Where the last message goes.
    pub(crate) fn end(&self) -> String {
        format!("natsws.bench-end.{}", self.run)
    }
}

pub(crate) fn subject(run: u64, lane: u32) -> String {
    format!("natsws.bench.{run}.{lane}")
}

/// A client that is measured. What it does for every message is in loops of its own, so that
/// nothing of this is between them.
pub(crate) trait Side: Clone + Send + Sync + 'static {
    /// What one task reads from.
    type Lane: Send + 'static;
    /// What answers while it is there.
    type Service: Send;

    /// Connects, and gives up where that connection is lost.
    fn connect(job: &Arc<Job>) -> impl Future<Output = Done<Self>> + Send;
    fn close(self) -> impl Future<Output = ()> + Send;

    /// Publishes this many messages.
    fn publish(&self, lane: u32, count: u64) -> impl Future<Output = Done> + Send;
    /// Waits until a message has come back that was published behind all others.
    fn settle(&self) -> impl Future<Output = Done> + Send;

    /// Publishes this many messages to a stream, each with an id, and waits until it has them.
    fn store(&self, lane: u32, count: u64) -> impl Future<Output = Done> + Send;

    /// Reads this many messages by the task's consumer, and acknowledges each.
    fn consume(&self, stream: &str, lane: u32, count: u64) -> impl Future<Output = Done> + Send;

    fn listen(&self, lane: u32) -> impl Future<Output = Done<Self::Lane>> + Send;
    /// Reads this many messages, and tells how far it is.
    fn read(
        &self,
        lane: Self::Lane,
        count: u64,
        credits: Credits,
    ) -> impl Future<Output = Done> + Send;

    /// Answers requests, with a router where `service` says so and there is one.
    fn serve(&self, service: bool) -> impl Future<Output = Done<Self::Service>> + Send;
    /// Makes this many requests, one after the other.
    fn request(&self, lane: u32, count: u64) -> impl Future<Output = Done<Vec<Duration>>> + Send;
}

/// Lets a client do what the plan says, on connections of its own.
pub(crate) async fn run<S: Side>(job: Arc<Job>) -> Done<Cost> {
    let client = S::connect(&job).await?;
    let cost = match job.plan.what {
        What::Sub => subscribe(&job, &client).await?,
        What::Req => request(&job, &client, false).await?,
        What::Service => request(&job, &client, true).await?,
        What::Store | What::Consume => store(&job, &client).await?,
        What::Pub | What::Feed => publish(&job, &client).await?,
    };
    client.close().await;
    Ok(cost)
}

async fn publish<S: Side>(job: &Job, client: &S) -> Done<Cost> {
    client.settle().await?;
    let meter = Meter::start();
    all(job, |lane, share| {
        let client = client.clone();
        async move { client.publish(lane, share).await }
    })
    .await?;
    client.settle().await?;
    Ok(meter.stop(Vec::new()))
}

async fn store<S: Side>(job: &Job, client: &S) -> Done<Cost> {
    // Whoever publishes, the stream is made the same way.
    let maker = Client::connect(job.url.as_str()).await?;
    let js = maker.jetstream();
    let name = format!("NATSWS-BENCH-{}", job.run);
    let config = StreamConfig::new(&name).subjects([job.subjects()]).storage(Storage::Memory);
    let stream = js.create_stream(config).await?;
    if job.plan.what == What::Consume {
        fill(job, &js, &stream).await?;
    }
    client.settle().await?;
    let meter = Meter::start();
    let stored = all(job, |lane, share| {
        let (client, name, what) = (client.clone(), name.clone(), job.plan.what);
        async move {
            match what {
                What::Consume => client.consume(&name, lane, share).await,
                _ => client.store(lane, share).await,
            }
        }
    })
    .await;
    // What was acknowledged last is on its way.
    client.settle().await?;
    let cost = meter.stop(Vec::new());
    js.delete_stream(&name).await?;
    maker.close().await;
    stored?;
    Ok(cost)
}

/// The consumer of a task.
pub(crate) fn consumer(lane: u32) -> String {
    format!("lane-{lane}")
}

/// Stores what is to be read, with a consumer for each task.
async fn fill(job: &Job, js: &JetStream, stream: &Stream) -> Done {
    let payload = vec![b'x'; job.plan.size];
    let mut publisher = js.publisher().await?;
    for (lane, share) in job.plan.shares() {
        let subject = job.subject(lane);
        let config = ConsumerConfig::durable(consumer(lane)).filter_subject(&subject);
        // Everything may be under way.
        stream.create_consumer(config.max_ack_pending(u64::MAX).memory_storage(true)).await?;
        for _ in 0..share {
            publisher.publish_bytes(&subject, &payload).without_message_id().await?;
        }
    }
    publisher.finish().await?;
    Ok(())
}

async fn subscribe<S: Side>(job: &Job, client: &S) -> Done<Cost> {
    let mut lanes = Vec::new();
    for (lane, _) in job.plan.shares() {
        lanes.push(client.listen(lane).await?);
    }
    // A round trip, by which the server has seen them all.
    client.settle().await?;
    let mut lanes = lanes.into_iter();
    let (feed, credits) = Feed::start(job).await?;
    let meter = Meter::start();
    let read = all(job, |_, share| {
        let (client, lane, credits) = (client.clone(), lanes.next(), credits.clone());
        async move { client.read(lane.ok_or("a task has nothing to read")?, share, credits).await }
    });
    tokio::select! {
        // A feeder that is done with its work goes on until it is dropped.
        fault = feed.run() => return Err(fault),
        read = read => drop(read?),
    }
    Ok(meter.stop(Vec::new()))
}

async fn request<S: Side>(job: &Arc<Job>, client: &S, service: bool) -> Done<Cost> {
    let answerer = S::connect(job).await?;
    let served = answerer.serve(service).await?;
    client.settle().await?;
    let meter = Meter::start();
    let latencies = all(job, |lane, share| {
        let client = client.clone();
        async move { client.request(lane, share).await }
    })
    .await?;
    let cost = meter.stop(latencies.into_iter().flatten().collect());
    drop(served);
    answerer.close().await;
    Ok(cost)
}

/// Runs the tasks until all are done, or one has failed.
async fn all<T: Send + 'static, F>(job: &Job, mut task: impl FnMut(u32, u64) -> F) -> Done<Vec<T>>
where
    F: Future<Output = Done<T>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for (lane, share) in job.plan.shares() {
        tasks.spawn(task(lane, share));
    }
    let mut done = Vec::new();
    while let Some(task) = tasks.join_next().await {
        done.push(task.map_err(Fault::from)??);
    }
    Ok(done)
}
