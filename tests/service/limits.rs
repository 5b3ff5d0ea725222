//! How many requests run at a time, in which order, how many wait, and what becomes of the others.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use natsws::{Client, RequestError, ServiceError};
use natsws_service::{Endpoint, Router, State, WhenFull, serve};
use natsws_tests::within;
use tokio::task::JoinHandle;

use crate::stage::{Gate, Slow, Stage, slow};

type Answer = Result<u64, RequestError<ServiceError>>;

fn ask(client: &Client, id: u64) -> JoinHandle<Answer> {
    let client = client.clone();
    tokio::spawn(async move { client.request(&Slow { id }).await })
}

async fn answer(ask: JoinHandle<Answer>) -> Answer {
    within("an answer", ask).await.expect("no panic")
}

fn code(answer: Answer) -> u16 {
    match answer {
        Err(RequestError::Service(error)) => error.code(),
        other => panic!("{other:?}"),
    }
}

async fn serving(
    stage: &Stage,
    more: impl FnOnce(Endpoint<Gate, Slow>) -> Endpoint<Gate, Slow>,
) -> (natsws_service::ServiceHandle, Gate) {
    let gate = Gate::new();
    let app = Router::new("slow", "1.0.0").endpoint_with(slow, more).with_state(gate.clone());
    (serve(stage.client().await, app).start().await.expect("served"), gate)
}

#[tokio::test]
async fn what_is_shed_is_answered_503_at_once() {
    for stage in [Stage::new().await, Stage::real()] {
        let (service, gate) =
            serving(&stage, |endpoint| endpoint.concurrency(2).when_full(WhenFull::Shed)).await;
        let client = stage.client().await;
        let running = [ask(&client, 1), ask(&client, 2)];
        gate.begun(2).await;
        for id in 3..8 {
            assert_eq!(code(answer(ask(&client, id)).await), 503);
        }
        gate.open(3);
        for (id, ask) in [1, 2].into_iter().zip(running) {
            assert_eq!(answer(ask).await.expect("a reply"), id);
        }
        assert_eq!(answer(ask(&client, 9)).await.expect("there is room again"), 9);
        let stats = service.stats().endpoints.remove(0);
        assert_eq!((stats.num_requests, stats.num_errors), (8, 5));
        assert_eq!(stats.last_error.as_deref(), Some("503:the service is overloaded"));
        let report = service.drain().await;
        assert_eq!((report.completed, report.shed, report.aborted), (3, 5, 0));
    }
}

#[tokio::test]
async fn so_many_wait_as_may_by_number_and_by_bytes() {
    let stage = Stage::new().await;
    let (service, gate) =
        serving(&stage, |endpoint| endpoint.concurrency(1).waiting(2, usize::MAX)).await;
    let client = stage.client().await;
    let running = ask(&client, 1);
    gate.begun(1).await;
    let waiting = [ask(&client, 2), ask(&client, 3)];
    client.flush().await.expect("flushed");
    assert_eq!(code(answer(ask(&client, 4)).await), 503);
    gate.open(10);
    assert_eq!(answer(running).await.expect("a reply"), 1);
    for (id, ask) in [2, 3].into_iter().zip(waiting) {
        assert_eq!(answer(ask).await.expect("a reply"), id);
    }
    assert_eq!(service.drain().await.shed, 1);

    let (service, gate) =
        serving(&stage, |endpoint| endpoint.concurrency(1).waiting(1000, 1)).await;
    let running = ask(&client, 1);
    gate.begun(1).await;
    // One may always wait, however large it is.
    let waiting = ask(&client, 2);
    client.flush().await.expect("flushed");
    assert_eq!(code(answer(ask(&client, 3)).await), 503);
    gate.open(10);
    assert_eq!(answer(running).await.expect("a reply"), 1);
    assert_eq!(answer(waiting).await.expect("a reply"), 2);
    assert_eq!(service.drain().await.shed, 1);
}

#[tokio::test]
async fn any_number_runs_where_there_is_no_bound() {
    let stage = Stage::new().await;
    let (service, gate) = serving(&stage, Endpoint::unbounded).await;
    let client = stage.client().await;
    let asks: Vec<_> = (0..300).map(|id| ask(&client, id)).collect();
    gate.begun(300).await;
    gate.open(300);
    for (id, ask) in asks.into_iter().enumerate() {
        assert_eq!(answer(ask).await.expect("a reply"), id as u64);
    }
    assert_eq!(service.drain().await.completed, 300);
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_begun() {
    let stage = Stage::new().await;
    let (service, gate) = serving(&stage, Endpoint::ordered).await;
    let client = stage.client().await;
    let running = ask(&client, 1);
    gate.begun(1).await;
    // The service counts from when a request comes, a little later than its caller. When the second
    // caller has given up, the time of the first is over on either side.
    for (id, millis) in [(2, 20), (3, 60)] {
        let late = client.request(&Slow { id }).timeout(Duration::from_millis(millis)).await;
        assert!(matches!(late, Err(RequestError::TimedOut { .. })), "{late:?}");
    }
    gate.open(10);
    assert_eq!(answer(running).await.expect("a reply"), 1);
    assert_eq!(answer(ask(&client, 4)).await.expect("a reply"), 4);
    let report = service.drain().await;
    assert_eq!((report.received(), report.failed), (4, 0));
    assert!(report.shed >= 1, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_key_run_one_after_the_other_and_of_others_beside_them() {
    type Log = Arc<Mutex<Vec<u64>>>;
    async fn logged(State((gate, log)): State<(Gate, Log)>, ask: Slow) -> u64 {
        log.lock().expect("no panic").push(ask.id);
        gate.begun.add_permits(1);
        gate.open.acquire().await.expect("it is never closed").forget();
        ask.id
    }
    let stage = Stage::real();
    let (gate, log) = (Gate::new(), Log::default());
    let app = Router::new("slow", "1.0.0")
        .endpoint_with(logged, |endpoint| {
            endpoint.ordered_by(|incoming| incoming.headers().get("Key").map(str::to_owned))
        })
        .with_state((gate.clone(), Arc::clone(&log)));
    let service = serve(stage.client().await, app).start().await.expect("served");
    let client = stage.client().await;
    // 10, 11 … of key 1, 20, 21 … of key 2, in turn.
    for step in 0..20_u64 {
        for key in [1, 2] {
            let job = Slow { id: key * 100 + step };
            client.publish(&job).header("Key", key.to_string()).await.expect("published");
        }
    }
    client.flush().await.expect("flushed");
    gate.begun(2).await;
    let mut first = log.lock().expect("no panic").clone();
    first.sort_unstable();
    assert_eq!(first, [100, 200], "one of each key has begun");
    gate.open(40);
    let report = within("the drain", service.drain()).await;
    assert_eq!((report.completed, report.unanswered), (40, 40));
    let log = log.lock().expect("no panic").clone();
    for key in [1, 2] {
        let of_key: Vec<_> = log.iter().copied().filter(|id| id / 100 == key).collect();
        assert_eq!(of_key, (0..20).map(|step| key * 100 + step).collect::<Vec<_>>());
    }
}
