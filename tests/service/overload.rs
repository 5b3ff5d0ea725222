//! More than there is room for: what is accepted, what is refused, and what it costs.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use natsws::{Client, ConnectOptions, RequestError, Subject};
use natsws_service::{
    BoxError, Endpoint, Incoming, Response, Router, ServiceHandle, State, WhenFull, serve,
};
use natsws_tests::{Server, eventually, within};
use serde::{Deserialize, Serialize};
use tokio::task::{JoinHandle, JoinSet};
use tower::{Service, layer::layer_fn};
use tower_test::mock::{self, Mock};

use crate::memory::takes;
use crate::stage::Stage;

/// How many run at a time, and how long each takes: a capacity of 200 a second.
const AT_A_TIME: usize = 4;
const EACH_TAKES: Duration = Duration::from_millis(20);
/// How many may wait where they may.
const MAY_WAIT: usize = 8;

/// Takes its time.
#[derive(Debug, Clone, Serialize, Deserialize, Subject)]
#[subject("work.{number}", reply = u64)]
struct Work {
    number: u64,
    /// So that what is kept is seen.
    ballast: String,
}

impl Work {
    fn new(number: u64) -> Self {
        Self { number, ballast: "x".repeat(4096) }
    }
}

/// How many run, and how many ran at most.
#[derive(Clone, Default)]
struct Running {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

async fn work(State(running): State<Running>, work: Work) -> u64 {
    let now = running.now.fetch_add(1, Ordering::SeqCst) + 1;
    running.most.fetch_max(now, Ordering::SeqCst);
    takes(EACH_TAKES).await;
    running.now.fetch_sub(1, Ordering::SeqCst);
    work.number
}

/// Memory that is in use, in bytes.
fn memory() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("this is Linux");
    let pages: u64 = statm.split(' ').nth(1).expect("a number").parse().expect("a number");
    pages * 4096
}

/// What became of requests, and how long they took.
#[derive(Debug, Default)]
struct Outcomes {
    answered: Vec<Duration>,
    shed: Vec<Duration>,
}

impl Outcomes {
    fn add(&mut self, (took, code): (Duration, Option<u16>)) {
        match code {
            None => self.answered.push(took),
            Some(503) => self.shed.push(took),
            Some(other) => panic!("{other}"),
        }
    }

    /// The middle one and the one that 99 of 100 are faster than.
    fn percentiles(durations: &mut [Duration]) -> (Duration, Duration) {
        durations.sort_unstable();
        let at = |percent: usize| durations[(durations.len() - 1) * percent / 100];
        (at(50), at(99))
    }
}

async fn ask(client: Client, number: u64) -> (Duration, Option<u16>) {
    let begun = Instant::now();
    let code = match client.request(&Work::new(number)).await {
        Ok(answer) => {
            assert_eq!(answer, number, "an answer to another request");
            None
        }
        Err(RequestError::Service(error)) => {
            assert_eq!(error.description(), "the service is overloaded");
            Some(error.code())
        }
        Err(other) => panic!("{other:?}"),
    };
    (begun.elapsed(), code)
}

/// Asks ten times as much as there is room for, whatever becomes of it. Where the machine cannot
/// keep up, it asks as much as that can.
async fn flood(client: &Client, requests: u64, outcomes: &mut Outcomes) {
    const AT_ONCE: u64 = 20;
    const IN_FLIGHT: usize = 256;
    let mut asked = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    for number in 0..requests {
        if number % AT_ONCE == 0 {
            ticks.tick().await;
        }
        while asked.len() >= IN_FLIGHT {
            let outcome = within("an outcome", asked.join_next()).await.expect("there are some");
            outcomes.add(outcome.expect("no panic"));
        }
        asked.spawn(ask(client.clone(), number));
        while let Some(outcome) = asked.try_join_next() {
            outcomes.add(outcome.expect("no panic"));
        }
    }
    while let Some(outcome) = within("an outcome", asked.join_next()).await {
        outcomes.add(outcome.expect("no panic"));
    }
}

/// Asks the server for signs of life over a connection until it is told to stop; gives back how
/// many there were, and how long the slowest took.
fn heartbeats(client: &Client) -> (Arc<AtomicBool>, JoinHandle<(u64, Duration)>) {
    let stop = Arc::new(AtomicBool::new(false));
    let (client, stopped) = (client.clone(), Arc::clone(&stop));
    let beating = tokio::spawn(async move {
        let (mut beats, mut slowest) = (0, Duration::ZERO);
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while !stopped.load(Ordering::SeqCst) {
            ticks.tick().await;
            let begun = Instant::now();
            within("a PONG", client.flush()).await.expect("the connection is alive");
            slowest = slowest.max(begun.elapsed());
            beats += 1;
        }
        (beats, slowest)
    });
    (stop, beating)
}

async fn overload(when_full: WhenFull, requests: u64) {
    let server = Server::start();
    let connect = async || {
        let options = ConnectOptions::new().request_timeout(Duration::from_secs(10));
        within("connecting", options.connect(server.nats_url())).await.expect("the server is there")
    };
    let running = Running::default();
    let endpoint = |endpoint: Endpoint<Running, Work>| {
        endpoint.concurrency(AT_A_TIME).waiting(MAY_WAIT, usize::MAX).when_full(when_full)
    };
    let router =
        Router::new("work", "1.0.0").endpoint_with(work, endpoint).raw("other", async || "well");
    let own = connect().await;
    let service = serve(own.clone(), router.with_state(running.clone()));
    let service: ServiceHandle = service.start().await.expect("served");
    let client = connect().await;

    let mut unloaded = Outcomes::default();
    for number in 0..100 {
        unloaded.add(ask(client.clone(), number).await);
    }
    // What grows once is not what leaks.
    flood(&client, requests / 5, &mut Outcomes::default()).await;
    let before = memory();
    let (stop, beating) = heartbeats(&own);
    let mut outcomes = Outcomes::default();
    let begun = Instant::now();
    flood(&client, requests, &mut outcomes).await;
    let took = begun.elapsed();
    let grown = memory().saturating_sub(before);
    let other = client.connection().request("other", "").await.expect("an answer");
    assert_eq!(other.text(), Ok("well"));
    stop.store(true, Ordering::SeqCst);
    let (beats, slowest) = within("the last PONG", beating).await.expect("alive to the end");

    let (answered, shed) = (outcomes.answered.len(), outcomes.shed.len());
    assert_eq!((answered + shed) as u64, requests, "each has one outcome");
    assert!(answered > 0 && shed > 0, "{answered} {shed}");
    assert_eq!(running.most.load(Ordering::SeqCst), AT_A_TIME);
    assert!(beats > 0);
    // What came in has been ten times as much as this.
    assert!(grown < 16 * 1024 * 1024, "{grown} bytes");
    let report = within("the drain", service.drain()).await;
    assert_eq!((report.failed, report.aborted, report.lost), (0, 0, 0));
    eprintln!(
        "{when_full:?}: {requests} asked in {took:.1?}, {answered} answered, {shed} shed; \
         (p50, p99): unloaded {:?}, accepted {:?}, shed {:?}; {grown} bytes more; \
         {beats} PONGs, the slowest after {slowest:?}",
        Outcomes::percentiles(&mut unloaded.answered),
        Outcomes::percentiles(&mut outcomes.answered),
        Outcomes::percentiles(&mut outcomes.shed),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_times_the_load_is_shed_at_once_and_the_rest_is_answered() {
    overload(WhenFull::Shed, 5_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_times_the_load_waits_as_far_as_it_may_and_is_shed_beyond() {
    overload(WhenFull::Wait, 5_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn ten_times_the_load_for_a_minute_each_way() {
    for when_full in [WhenFull::Shed, WhenFull::Wait] {
        overload(when_full, 120_000).await;
    }
}

/// A service that looks whether it is treated as tower wants it: asked before it is called, and not
/// called after it has failed.
struct Strict {
    inner: Mock<Incoming, Response>,
    is_ready: bool,
    wrong: Arc<AtomicUsize>,
}

impl Service<Incoming> for Strict {
    type Response = Response;
    type Error = BoxError;
    type Future = <Mock<Incoming, Response> as Service<Incoming>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let polled = self.inner.poll_ready(cx);
        self.is_ready = matches!(polled, Poll::Ready(Ok(())));
        polled
    }

    fn call(&mut self, incoming: Incoming) -> Self::Future {
        if !std::mem::take(&mut self.is_ready) {
            self.wrong.fetch_add(1, Ordering::SeqCst);
        }
        self.inner.call(incoming)
    }
}

/// A request to the mock, and its outcome.
fn asking(client: &Client, number: u64) -> JoinHandle<(Duration, Option<u16>)> {
    let client = client.clone();
    tokio::spawn(async move {
        let begun = Instant::now();
        match client.request(&Work::new(number)).await {
            Ok(answer) => {
                assert_eq!(answer, number);
                (begun.elapsed(), None)
            }
            Err(RequestError::Service(error)) => (begun.elapsed(), Some(error.code())),
            Err(other) => panic!("{other:?}"),
        }
    })
}

#[tokio::test]
async fn layers_are_asked_before_they_are_called_and_not_called_after_they_failed() {
    let stage = Stage::new().await;
    let (mock, mut handle) = mock::pair::<Incoming, Response>();
    handle.allow(0);
    let wrong = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&wrong);
    let layer = layer_fn(move |_| {
        let (inner, wrong) = (mock.clone(), Arc::clone(&seen));
        Strict { inner, is_ready: false, wrong }
    });
    let router = Router::new("work", "1.0.0").endpoint(work).layer(layer);
    let service = serve(stage.client().await, router.with_state(Running::default()));
    let service = service.start().await.expect("served");
    let client = stage.client().await;

    // Nothing is called while it is not ready, and then as often as it says.
    let mut asked: Vec<_> = (0..6).map(|number| asking(&client, number)).collect();
    client.flush().await.expect("flushed");
    let mut numbers = HashSet::new();
    for step in [1_u64, 2, 3] {
        handle.allow(step);
        for _ in 0..step {
            let next = within("a call", handle.next_request()).await;
            let (incoming, respond) = next.expect("the service is there");
            let number = incoming.decode::<Work>().expect("work").number;
            numbers.insert(number);
            respond.send_response(Response::new(number.to_string()));
        }
        let more = tokio::time::timeout(Duration::ZERO, handle.next_request()).await;
        assert!(more.is_err(), "it was not ready");
    }
    assert_eq!(numbers.len(), 6, "each was called once");
    for asked in asked.drain(..) {
        assert_eq!(within("an answer", asked).await.expect("no panic").1, None);
    }

    // It fails while some wait for it: one is told so, and the others still wait.
    let asked: Vec<_> = (10..13).map(|number| asking(&client, number)).collect();
    client.flush().await.expect("flushed");
    handle.send_error("a secret");
    eventually("the failure", async || {
        (asked.iter().filter(|asked| asked.is_finished()).count() == 1).then_some(())
    })
    .await;
    let more = tokio::time::timeout(Duration::ZERO, handle.next_request()).await;
    assert!(more.is_err(), "it is called after it failed");
    // It is gone: whoever still asks is told so at once.
    drop(handle);
    let mut codes = Vec::new();
    for asked in asked {
        codes.push(within("an answer", asked).await.expect("no panic").1);
    }
    assert_eq!(codes, [Some(500); 3]);
    assert_eq!(within("an answer", asking(&client, 20)).await.expect("no panic").1, Some(500));
    assert_eq!(wrong.load(Ordering::SeqCst), 0, "calls of a service that was not ready");
    let report = within("the drain", service.drain()).await;
    assert_eq!((report.completed, report.failed, report.aborted), (6, 4, 0));
}
