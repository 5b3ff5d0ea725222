use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tower::service_fn;

use super::*;
use crate::layers::testing::{Stage, error, failed};

const MINUTE: Duration = Duration::from_secs(60);

/// What a request is answered with: the number of the run, or an error of this code.
type Codes = fn(u64) -> u16;

/// A service that counts how often it runs, and a layer around it.
struct Counted {
    stage: Stage,
    runs: Arc<AtomicU64>,
    begun: Arc<Semaphore>,
    open: Arc<Semaphore>,
    service: Box<dyn FnMut(Incoming) -> JoinHandle<Response> + Send>,
    window: Window,
}

impl Counted {
    /// Runs are let go as they come, unless the test closes the gate.
    async fn new(layer: IdempotencyLayer, codes: Codes) -> Self {
        let runs = Arc::new(AtomicU64::new(0));
        let begun = Arc::new(Semaphore::new(0));
        let open = Arc::new(Semaphore::new(1000));
        let (count, started, gate) = (Arc::clone(&runs), Arc::clone(&begun), Arc::clone(&open));
        let inner = service_fn(move |_| {
            let run = count.fetch_add(1, Ordering::Relaxed) + 1;
            let (started, gate) = (Arc::clone(&started), Arc::clone(&gate));
            async move {
                started.add_permits(1);
                gate.acquire().await.expect("it is never closed").forget();
                Ok::<_, Infallible>(match codes(run) {
                    0 => Response::new(run.to_string()),
                    206 => Response::stream(stream::iter([Response::new(run.to_string())])),
                    code => failed(code, &run.to_string()),
                })
            }
        });
        let mut service = layer.layer(inner);
        let window = service.window.clone();
        let service = Box::new(move |incoming| {
            let response = service.call(incoming);
            tokio::spawn(async move { response.await.expect("infallible") })
        });
        Self { stage: Stage::new().await, runs, begun, open, service, window }
    }

    async fn begin(&mut self, headers: &[(&str, &str)]) -> JoinHandle<Response> {
        let ask = self.stage.request(headers).await;
        (self.service)(ask)
    }

    /// The payload of the answer, or its code and text.
    async fn ask(&mut self, headers: &[(&str, &str)]) -> String {
        told(self.begin(headers).await).await
    }

    fn close(&self) {
        self.open.forget_permits(1000);
    }

    async fn begun(&self) {
        self.begun.acquire().await.expect("it is never closed").forget();
    }

    fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }
}

async fn told(answer: JoinHandle<Response>) -> String {
    let response = answer.await.expect("no panic");
    match error(&response) {
        (0, _) => String::from_utf8_lossy(response.payload()).into_owned(),
        (code, text) => format!("{code} {text}"),
    }
}

const SEVEN: [(&str, &str); 1] = [("Nats-Msg-Id", "7")];
const EIGHT: [(&str, &str); 1] = [("Nats-Msg-Id", "8")];

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_again_within_the_window_gets_the_same_answer() {
    let mut service = Counted::new(IdempotencyLayer::new(MINUTE), |_| 0).await;
    assert_eq!(service.ask(&SEVEN).await, "1");
    assert_eq!(service.ask(&EIGHT).await, "2");
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!(service.ask(&SEVEN).await, "1");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(service.ask(&SEVEN).await, "3");
    assert_eq!(service.window.len(), 1, "what is old is forgotten");
}

#[tokio::test]
async fn what_has_no_id_always_runs() {
    let mut service = Counted::new(IdempotencyLayer::new(MINUTE), |_| 0).await;
    for (run, headers) in
        [&[][..], &[], &[("Nats-Msg-Id", "")], &[("Other", "7")]].iter().enumerate()
    {
        assert_eq!(service.ask(headers).await, (run + 1).to_string());
    }
    assert_eq!(service.window.len(), 0);
}

#[tokio::test]
async fn the_header_can_be_another_and_the_subject_belongs_to_the_id() {
    let layer = IdempotencyLayer::new(MINUTE).header("Idempotency-Key");
    let mut service = Counted::new(layer, |_| 0).await;
    let key = [("Idempotency-Key", "a")];
    for expected in ["1", "1"] {
        assert_eq!(service.ask(&key).await, expected);
    }
    for expected in ["2", "3"] {
        assert_eq!(service.ask(&SEVEN).await, expected);
    }
    let elsewhere = service.stage.request_to("orders.8.get", &key).await;
    assert_eq!(told((service.service)(elsewhere)).await, "4");
}

#[tokio::test]
async fn the_oldest_answers_go_when_there_are_too_many() {
    let mut service = Counted::new(IdempotencyLayer::new(MINUTE).capacity(2), |_| 0).await;
    let mut answers = Vec::new();
    for id in ["a", "b", "c", "c", "b", "a", "c"] {
        answers.push(service.ask(&[("Nats-Msg-Id", id)]).await);
        assert!(service.window.len() <= 2);
    }
    assert_eq!(answers, ["1", "2", "3", "3", "2", "4", "3"]);
    let mut service = Counted::new(IdempotencyLayer::new(MINUTE).capacity(0), |_| 0).await;
    assert_eq!([service.ask(&SEVEN).await, service.ask(&SEVEN).await], ["1", "2"]);
}

#[tokio::test]
async fn the_oldest_answers_go_when_they_are_too_large() {
    // Subject, blank, id and answer.
    let one = "orders.7.get".len() + 1 + 1 + 1;
    for (bytes, expected) in [
        (3 * one, ["1", "2", "3", "3", "2", "1", "3"]),
        (3 * one - 1, ["1", "2", "3", "3", "2", "4", "3"]),
        (2 * one, ["1", "2", "3", "3", "2", "4", "3"]),
        (one - 1, ["1", "2", "3", "4", "5", "6", "7"]),
    ] {
        let layer = IdempotencyLayer::new(MINUTE).max_bytes(bytes);
        let mut service = Counted::new(layer, |_| 0).await;
        let mut answers = Vec::new();
        for id in ["a", "b", "c", "c", "b", "a", "c"] {
            answers.push(service.ask(&[("Nats-Msg-Id", id)]).await);
            assert!(service.window.len() <= bytes / one);
        }
        assert_eq!(answers, expected, "{bytes}");
    }
}

#[tokio::test]
async fn duplicates_wait_for_the_one_that_runs() {
    let mut service = Counted::new(IdempotencyLayer::new(MINUTE).capacity(0), |_| 0).await;
    service.close();
    let first = service.begin(&SEVEN).await;
    service.begun().await;
    let second = service.begin(&SEVEN).await;
    tokio::task::yield_now().await;
    assert_eq!((service.runs(), second.is_finished()), (1, false));
    service.open.add_permits(2);
    assert_eq!(told(first).await, "1");
    // No answer is kept here, so it runs; but not at the same time.
    assert_eq!(told(second).await, "2");

    let mut service = Counted::new(IdempotencyLayer::new(MINUTE), |_| 0).await;
    service.close();
    let mut asks = Vec::new();
    for _ in 0..5 {
        asks.push(service.begin(&SEVEN).await);
    }
    service.begun().await;
    service.open.add_permits(1);
    for ask in asks {
        assert_eq!(told(ask).await, "1");
    }
}

#[tokio::test]
async fn failures_of_the_service_are_forgotten_and_those_of_the_caller_are_kept() {
    let codes: [(Codes, [&str; 2]); 7] = [
        (|_| 500, ["500 1", "500 2"]),
        (|_| 503, ["503 1", "503 2"]),
        (|_| 408, ["408 1", "408 2"]),
        (|_| 429, ["429 1", "429 2"]),
        (|_| 404, ["404 1", "404 1"]),
        (|_| 499, ["499 1", "499 1"]),
        (|run| if run == 1 { 500 } else { 0 }, ["500 1", "2"]),
    ];
    for (codes, expected) in codes {
        let mut service = Counted::new(IdempotencyLayer::new(MINUTE), codes).await;
        assert_eq!([service.ask(&SEVEN).await, service.ask(&SEVEN).await], expected);
    }
}

#[tokio::test]
async fn a_duplicate_that_waited_for_a_failure_runs_next() {
    let codes: Codes = |run| if run == 1 { 500 } else { 0 };
    let mut service = Counted::new(IdempotencyLayer::new(MINUTE), codes).await;
    service.close();
    let first = service.begin(&SEVEN).await;
    service.begun().await;
    let (second, third) = (service.begin(&SEVEN).await, service.begin(&SEVEN).await);
    service.open.add_permits(2);
    assert_eq!(told(first).await, "500 1");
    assert_eq!([told(second).await, told(third).await], ["2", "2"]);
}

#[tokio::test]
async fn one_that_is_dropped_is_forgotten_and_the_next_runs() {
    let mut service = Counted::new(IdempotencyLayer::new(MINUTE), |_| 0).await;
    service.close();
    let first = service.begin(&SEVEN).await;
    service.begun().await;
    let second = service.begin(&SEVEN).await;
    tokio::task::yield_now().await;
    first.abort();
    service.begun().await;
    service.open.add_permits(1);
    assert_eq!(told(second).await, "2");
    assert!(first.await.is_err_and(|error| error.is_cancelled()));
}

#[tokio::test]
async fn one_that_fails_in_a_layer_or_panics_is_forgotten() {
    let stage = Stage::new().await;
    let mut answers = vec![Some(Ok(Response::new("well"))), None, Some(Err("no"))];
    let inner = service_fn(move |_| {
        let answer = answers.pop().expect("it runs three times");
        async move { answer.expect("a panic") }
    });
    let mut service = IdempotencyLayer::new(MINUTE).layer(inner);
    let failed = service.call(stage.request(&SEVEN).await).await;
    assert_eq!(failed.expect_err("an error"), "no");
    let panicked = tokio::spawn(service.call(stage.request(&SEVEN).await)).await;
    assert!(panicked.is_err_and(|error| error.is_panic()));
    let well = service.call(stage.request(&SEVEN).await).await;
    assert_eq!(well.expect("an answer").payload(), b"well");
}

#[tokio::test]
async fn an_answer_in_parts_comes_once_and_is_told_of_then() {
    let mut service = Counted::new(IdempotencyLayer::new(MINUTE), |_| 206).await;
    let first = service.begin(&SEVEN).await.await.expect("no panic");
    assert!(first.is_stream());
    let told = service.ask(&SEVEN).await;
    assert_eq!(told, "409 the request was answered before, in parts that are not kept");
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn every_endpoint_has_a_window_of_its_own() {
    let stage = Stage::new().await;
    let layer = IdempotencyLayer::new(MINUTE);
    let answer = |text: &'static str| {
        service_fn(move |_| async move { Ok::<_, Infallible>(Response::new(text)) })
    };
    let (mut one, mut other) = (layer.layer(answer("one")), layer.layer(answer("other")));
    let ask = stage.request(&SEVEN).await;
    let answers = [one.call(ask.clone()).await, other.call(ask).await];
    let payloads = answers.map(|answer| answer.expect("infallible").payload().to_vec());
    assert_eq!(payloads, [b"one".to_vec(), b"other".to_vec()]);
}
