//! tower's layers on the caller's side, and our policy for its retries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use natsws::{Client, RequestError, ServiceError, Subject};
use natsws_service::caller::Retry;
use natsws_service::layers::{Next, from_fn};
use natsws_service::{Incoming, Router, State};
use natsws_tests::within;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::hedge::{Hedge, Policy};
use tower::limit::ConcurrencyLimit;
use tower::load::{CompleteOnResponse, PendingRequests};
use tower::timeout::error::Elapsed;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::memory::Memory;

/// What runs is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Subject)]
#[subject("tasks.{how}", reply = u64, error = Refused)]
struct Task {
    how: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("refused")]
struct Refused;

type Runs = Arc<AtomicU64>;

async fn run(State(runs): State<Runs>, task: Task) -> Result<u64, Refused> {
    let run = runs.fetch_add(1, Ordering::Relaxed) + 1;
    match task.how.as_str() {
        "refuse" => Err(Refused),
        "hang-first" if run == 1 => std::future::pending().await,
        "hang" => std::future::pending().await,
        _ => Ok(run),
    }
}

fn task(how: &str) -> Task {
    Task { how: how.to_owned() }
}

/// A broker with a service, and what that counts.
async fn stage() -> (Memory, Runs) {
    let runs = Runs::default();
    let app = Router::new("tasks", "1.0.0").endpoint(run).with_state(Arc::clone(&runs));
    (Memory::with(app).await, runs)
}

/// Makes a request under a policy.
async fn call(client: &Client, policy: Retry, task: Task) -> Result<u64, RequestError<Refused>> {
    let caller = client.service::<Task>();
    ServiceBuilder::new().retry(policy).service(caller).oneshot(task).await
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_was_there_for_is_made_again() {
    let memory = Memory::new().await;
    let mut seen = memory.broker.recorder::<Task>();
    let client = memory.client.clone();
    let calling = tokio::spawn(async move { call(&client, Retry::new(5), task("now")).await });
    let first = seen.next().await.expect("the broker runs").expect("a task");
    assert_eq!(*first, task("now"));
    let runs = Runs::default();
    let app = Router::new("tasks", "1.0.0").endpoint(run).with_state(Arc::clone(&runs));
    memory.serve(app).await;
    assert_eq!(calling.await.expect("no panic").expect("an answer"), 1);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn as_many_attempts_are_made_as_there_may_be() {
    for (attempts, made) in [(0, 1), (1, 1), (3, 3)] {
        let memory = Memory::new().await;
        let lost = call(&memory.client, Retry::new(attempts), task("now")).await;
        assert!(matches!(lost, Err(RequestError::NoResponders)), "{lost:?}");
        assert_eq!(memory.published("tasks.now").await.len(), made);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_lost_on_its_way_is_made_again_where_that_does_no_harm() {
    let (memory, runs) = stage().await;
    memory.broker.drop_next("tasks.*", 1).expect("a filter");
    let lost = call(&memory.client, Retry::new(3), task("now")).await;
    assert!(matches!(lost, Err(RequestError::TimedOut { .. })), "{lost:?}");
    assert_eq!(memory.published("tasks.now").await.len(), 1);

    memory.broker.drop_next("tasks.*", 1).expect("a filter");
    let answer = call(&memory.client, Retry::new(3).idempotent(), task("now")).await;
    assert_eq!((answer.expect("an answer"), runs.load(Ordering::Relaxed)), (1, 1));
    assert_eq!(memory.published("tasks.now").await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_answer_is_lost_runs_twice_where_that_does_no_harm() {
    let (memory, runs) = stage().await;
    memory.broker.drop_next("_INBOX.>", 1).expect("a filter");
    let answer = call(&memory.client, Retry::new(3).idempotent(), task("now")).await;
    assert_eq!((answer.expect("an answer"), runs.load(Ordering::Relaxed)), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn what_the_service_decided_is_never_asked_again() {
    let (memory, runs) = stage().await;
    let refused = call(&memory.client, Retry::new(3).idempotent(), task("refuse")).await;
    assert!(matches!(refused, Err(RequestError::Remote(Refused))), "{refused:?}");
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_waited_through_where_that_does_no_harm() {
    for (policy, runs_made) in [(Retry::new(20), 1), (Retry::new(20).idempotent(), 2)] {
        let begun = Arc::new(Semaphore::new(0));
        let app = Router::new("tasks", "1.0.0").endpoint(run);
        let (runs, started) = (Runs::default(), Arc::clone(&begun));
        let app = app.layer(from_fn(async move |incoming: Incoming, next: Next| {
            started.add_permits(1);
            next.run(incoming).await
        }));
        let memory = Memory::with(app.with_state(Arc::clone(&runs))).await;
        let client = memory.client.clone();
        let is_idempotent = runs_made == 2;
        let calling = tokio::spawn(async move { call(&client, policy, task("hang-first")).await });
        within("the request", begun.acquire()).await.expect("it is never closed").forget();
        memory.broker.disconnect_all();
        let outcome = calling.await.expect("no panic");
        assert_eq!(runs.load(Ordering::Relaxed), runs_made);
        match outcome {
            Ok(run) => assert_eq!((run, is_idempotent), (2, true)),
            Err(RequestError::Disconnected { maybe_delivered: true }) => assert!(!is_idempotent),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_overloaded_is_asked_again_where_that_does_no_harm() {
    for (policy, expected) in [(Retry::new(3), Err(503)), (Retry::new(3).idempotent(), Ok(1))] {
        let refusals = Arc::new(AtomicU64::new(2));
        let app = Router::new("tasks", "1.0.0").endpoint(run).layer(from_fn(
            async move |incoming: Incoming, next: Next| {
                let left = refusals.load(Ordering::Relaxed);
                refusals.store(left.saturating_sub(1), Ordering::Relaxed);
                if left > 0 {
                    return Err(ServiceError::new(503, "not now").into());
                }
                next.run(incoming).await
            },
        ));
        let memory = Memory::with(app.with_state(Runs::default())).await;
        let answer = call(&memory.client, policy, task("now")).await.map_err(|error| match error {
            RequestError::Service(error) => error.code(),
            other => panic!("{other:?}"),
        });
        assert_eq!(answer, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_ends_a_request_that_takes_too_long() {
    let (memory, _) = stage().await;
    let mut caller = ServiceBuilder::new()
        .timeout(Duration::from_secs(2))
        .service(memory.client.service::<Task>());
    let late = caller.ready().await.expect("ready").call(task("hang")).await;
    assert!(late.expect_err("it takes too long").is::<Elapsed>());
    let answer = caller.ready().await.expect("ready").call(task("now")).await;
    assert_eq!(answer.expect("an answer"), 2);
    assert_eq!(memory.client.connection().requests_in_flight(), 0, "its slot is free again");
}

#[tokio::test(start_paused = true)]
async fn a_limit_holds_a_caller_back() {
    let (memory, runs) = stage().await;
    let mut caller = ConcurrencyLimit::new(memory.client.service::<Task>(), 1);
    let hanging = caller.ready().await.expect("ready").call(task("hang"));
    let waiting = tokio::time::timeout(Duration::from_secs(1), caller.ready()).await;
    assert!(waiting.is_err(), "there is room");
    drop(hanging);
    let answer = caller.ready().await.expect("ready").call(task("now")).await;
    assert_eq!((answer.expect("an answer"), runs.load(Ordering::Relaxed)), (1, 1));
}

/// Any request may be made twice.
#[derive(Clone)]
struct Twice;

impl Policy<Task> for Twice {
    fn clone_request(&self, task: &Task) -> Option<Task> {
        Some(task.clone())
    }

    fn can_retry(&self, _task: &Task) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_slower_than_others_is_hedged_with_a_second() {
    let (memory, runs) = stage().await;
    let usual = [10; 10];
    let hedged = Hedge::new_with_mock_latencies(
        memory.client.service::<Task>(),
        Twice,
        10,
        0.9,
        Duration::from_secs(60),
        &usual,
    );
    memory.broker.drop_next("tasks.*", 1).expect("a filter");
    let answer: Result<u64, BoxError> = hedged.oneshot(task("now")).await;
    assert_eq!((answer.expect("an answer"), runs.load(Ordering::Relaxed)), (1, 1));
    assert_eq!(memory.published("tasks.now").await.len(), 2);
}

/// Says where it was answered.
#[derive(Debug, Clone, Serialize, Deserialize, Subject)]
#[subject("where.{region}", reply = String)]
struct Where {
    region: String,
}

fn anywhere() -> Where {
    Where { region: "anywhere".to_owned() }
}

const REGIONS: [&str; 2] = ["east", "west"];

/// Two regions, whose answers wait until the gate is open.
async fn regions(gate: &Arc<Semaphore>) -> Memory {
    let answer = async |State(gate): State<Arc<Semaphore>>, ask: Where| {
        gate.acquire().await.expect("it is never closed").forget();
        ask.region
    };
    Memory::with(Router::new("where", "1.0.0").endpoint(answer).with_state(Arc::clone(gate))).await
}

/// Asks twice at once: the second goes to the service that has nothing to do.
async fn both_regions<S>(services: Vec<S>, gate: &Semaphore) -> [String; 2]
where
    S: Service<Where, Response = String>,
    S::Error: Into<BoxError>,
{
    let services = services
        .into_iter()
        .map(|service| PendingRequests::new(service, CompleteOnResponse::default()));
    let mut balanced = Balance::new(ServiceList::new::<Where>(services));
    let first = balanced.ready().await.expect("ready").call(anywhere());
    let second = balanced.ready().await.expect("ready").call(anywhere());
    gate.add_permits(2);
    let (first, second) = tokio::join!(first, second);
    let mut answers = [first, second].map(|answer| match answer {
        Ok(region) => region,
        Err(error) => panic!("{error}"),
    });
    answers.sort();
    answers
}

#[tokio::test(start_paused = true)]
async fn requests_are_balanced_over_services_at_several_subjects() {
    let gate = Arc::new(Semaphore::new(0));
    let memory = regions(&gate).await;
    let services = REGIONS.map(|region| {
        let to = move |_: Where| Where { region: region.to_owned() };
        memory.client.service::<Where>().map_request(to)
    });
    assert_eq!(both_regions(services.into(), &gate).await, REGIONS);
}

#[tokio::test(start_paused = true)]
async fn requests_are_balanced_over_subjects_that_come_from_elsewhere() {
    let gate = Arc::new(Semaphore::new(0));
    let memory = regions(&gate).await;
    let services = REGIONS.map(|region| {
        let (client, subject) = (memory.client.clone(), format!("where.{region}"));
        service_fn(move |ask: Where| {
            let (client, subject) = (client.clone(), subject.clone());
            async move { client.request_to(&subject, &ask).await }
        })
    });
    assert_eq!(both_regions(services.into(), &gate).await, REGIONS);
}
