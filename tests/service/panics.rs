//! User code that panics, wherever it stands.

use std::future::{Future, IntoFuture, ready};
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt, stream};
use natsws::{Client, Msg, RequestError, ServiceError, Subject};
use natsws_service::layers::{Next, from_fn};
use natsws_service::{
    Extract, FromRef, Incoming, Response, Route, Router, ServiceHandle, State, serve,
};
use natsws_tests::{eventually, within};
use serde::{Deserialize, Serialize};
use tower::{Layer, Service};

use crate::stage::{Calculate, Stage, calculate};

/// What the panics here say, which no caller may see.
const SECRET: &str = "a secret of the service";

/// Keeps these panics, and no others, out of the output.
fn quiet() {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>() != Some(&SECRET) {
                hook(info);
            }
        }));
    });
}

fn explode() -> ! {
    panic!("a secret of the service")
}

/// Panics where it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        // A second panic while one unwinds ends the process.
        if !std::thread::panicking() {
            explode();
        }
    }
}

/// A future that is ready at once and panics where it is dropped.
struct Armed {
    _bomb: Bomb,
}

impl Future for Armed {
    type Output = &'static str;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<&'static str> {
        Poll::Ready("well")
    }
}

/// An extractor that panics.
struct Never;

impl<S: Sync> Extract<S> for Never {
    async fn extract(_: &Incoming, _: &S) -> Result<Self, ServiceError> {
        explode()
    }
}

/// A part of the state that panics when it is taken.
struct Part;

impl FromRef<()> for Part {
    fn from_ref((): &()) -> Self {
        explode()
    }
}

/// A layer that panics where it is asked or called.
#[derive(Clone, Copy)]
enum Broken {
    WhenAsked,
    WhenCalled,
}

struct BrokenService(Broken, Route);

impl Layer<Route> for Broken {
    type Service = BrokenService;

    fn layer(&self, inner: Route) -> BrokenService {
        BrokenService(*self, inner)
    }
}

impl Service<Incoming> for BrokenService {
    type Response = Response;
    type Error = natsws_service::BoxError;
    type Future = <Route as Service<Incoming>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match self.0 {
            Broken::WhenAsked => explode(),
            Broken::WhenCalled => self.1.poll_ready(cx),
        }
    }

    fn call(&mut self, _incoming: Incoming) -> Self::Future {
        explode()
    }
}

/// A service with an endpoint for each place, and one that is well.
fn router() -> Router {
    let at_once = |_: Msg| -> std::future::Ready<&'static str> { explode() };
    let later = async |_: Msg| -> &'static str {
        tokio::task::yield_now().await;
        explode()
    };
    let local = async |_: Msg| {
        let _bomb = Bomb;
        "well"
    };
    let layered = Router::part()
        .raw("panic.layer_asked", async || "well")
        .layer(Broken::WhenAsked)
        .merge(Router::part().raw("panic.layer_called", async || "well").layer(Broken::WhenCalled))
        .merge(Router::part().raw("panic.function", async || "well").layer(from_fn(
            async move |_: Incoming, _: Next| -> Result<Response, natsws_service::BoxError> {
                explode()
            },
        )));
    Router::new("panics", "1.0.0")
        .endpoint(calculate)
        .raw("panic.call", at_once)
        .raw("panic.poll", later)
        .raw("panic.drop_of_local", local)
        .raw("panic.drop_of_future", |_: Msg| Armed { _bomb: Bomb })
        .raw("panic.extractor", async |_: Never, _: Msg| "well")
        .raw("panic.state", async |_: State<Part>, _: Msg| "well")
        .raw_with(
            "panic.key",
            async || "well",
            |endpoint| endpoint.ordered_by(|_| -> u64 { explode() }),
        )
        .merge(layered)
}

const PLACES: [&str; 10] = [
    "call",
    "poll",
    "drop_of_local",
    "drop_of_future",
    "extractor",
    "state",
    "key",
    "layer_asked",
    "layer_called",
    "function",
];

/// Asks one endpoint; it should answer 500 and say nothing.
async fn assert_fails(client: &Client, place: &str) {
    let subject = format!("panic.{place}");
    let asking = client.connection().request(&subject, "");
    let reply = within("an answer", asking.into_future()).await.expect("an answer");
    let told = (
        reply.headers().get("Nats-Service-Error-Code"),
        reply.headers().get("Nats-Service-Error"),
        reply.payload(),
    );
    assert_eq!(told, (Some("500"), Some("the service failed"), &b""[..]), "{place}");
}

fn alive() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

async fn as_many_tasks_as(before: usize) {
    let settled = async || (alive() <= before).then_some(());
    eventually("the tasks of requests end", settled).await;
}

/// The errors that each endpoint counts, those without left out.
fn errors(service: &ServiceHandle) -> Vec<(String, u64, u64)> {
    let endpoints = service.stats().endpoints.into_iter();
    let counts = endpoints.map(|it| (it.name, it.num_requests, it.num_errors));
    counts.filter(|(_, _, errors)| *errors > 0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_panics_are_as_many_answers_and_others_do_not_notice() {
    const EACH: u64 = 1_000;
    const CALLERS: u64 = 8;
    quiet();
    let stage = Stage::new().await;
    let service = serve(stage.client().await, router()).start().await.expect("served");
    let client = stage.client().await;
    for place in PLACES {
        assert_fails(&client, place).await;
    }
    let before = alive();
    for place in PLACES {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move {
                    for _ in 0..(EACH / CALLERS) {
                        assert_fails(&client, place).await;
                    }
                })
            })
            .collect();
        for sum in 0..20 {
            let answer = client.request(&Calculate::new("add", sum, 0)).await;
            assert_eq!(answer.expect("an answer"), sum, "{place}");
        }
        for caller in callers {
            caller.await.expect("each is answered");
        }
    }
    as_many_tasks_as(before).await;
    let mut expected: Vec<_> =
        PLACES.iter().map(|place| (format!("panic-{place}"), EACH + 1, EACH + 1)).collect();
    expected.sort_unstable();
    let mut counted = errors(&service);
    counted.sort_unstable();
    assert_eq!(counted, expected);
    let report = within("the drain", service.drain()).await;
    let places = PLACES.len() as u64;
    assert_eq!((report.completed, report.aborted, report.lost), (places * 20, 0, 0));
    assert_eq!(report.failed + report.shed, places * (EACH + 1));
}

/// Asks for parts, the second of which does not come.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("parts.{how}", reply = u64)]
struct Parts {
    #[serde(skip)]
    how: String,
}

/// Parts that panic where they are dropped.
struct ArmedParts(u64, Bomb);

impl Stream for ArmedParts {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<u64>> {
        self.0 += 1;
        Poll::Ready((self.0 <= 2).then_some(self.0))
    }
}

async fn parts(ask: Parts) -> Pin<Box<dyn Stream<Item = u64> + Send>> {
    match ask.how.as_str() {
        "panic" => Box::pin(stream::iter(0..).map(|part| if part < 1 { 1 } else { explode() })),
        "drop" => Box::pin(ArmedParts(0, Bomb)),
        _ => Box::pin(stream::once(ready(1))),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_that_panic_end_with_an_error_and_are_counted_once() {
    quiet();
    let stage = Stage::new().await;
    let router: Router = Router::new("parts", "1.0.0").endpoint(parts);
    let service = serve(stage.client().await, router).start().await.expect("served");
    let client = stage.client().await;
    let before = alive();
    for (how, fails) in [("well", false), ("panic", true), ("drop", true)] {
        for _ in 0..100 {
            let ask = Parts { how: how.to_owned() };
            let asking = client.request_many(&ask);
            let mut replies = asking.await.expect("asked");
            assert_eq!(within("a part", replies.next()).await.expect("one").expect("a part"), 1);
            let mut error = None;
            while let Some(part) = within("a part or the end", replies.next()).await {
                if let Err(failed) = part {
                    error = Some(failed);
                }
            }
            if fails {
                match error {
                    Some(RequestError::Service(error)) => {
                        assert_eq!(
                            (error.code(), error.description()),
                            (500, "the service failed")
                        );
                    }
                    other => panic!("{other:?}"),
                }
            } else {
                assert!(error.is_none(), "{how}: {error:?}");
            }
        }
        as_many_tasks_as(before).await;
        let stats = service.stats().endpoints.remove(0);
        assert_eq!(
            (stats.num_requests, stats.num_errors),
            (100, if fails { 100 } else { 0 }),
            "{how}"
        );
        service.reset_stats();
    }
    // Nobody wants these, and they are dropped as they are.
    client.publish(&Parts { how: "drop".to_owned() }).await.expect("published");
    client.flush().await.expect("flushed");
    let report = within("the drain", service.drain()).await;
    assert_eq!((report.completed, report.failed, report.aborted), (100, 201, 0));
}

#[tokio::test]
async fn statistics_may_panic_a_thousand_times() {
    quiet();
    let stage = Stage::new().await;
    let router: Router = Router::new("data", "1.0.0").raw_with(
        "data",
        async || "well",
        |e| e.stats_data(|| -> u8 { explode() }),
    );
    let service = serve(stage.client().await, router).start().await.expect("served");
    let client = stage.client().await;
    let subject = format!("$SRV.STATS.data.{}", service.id());
    for _ in 0..1_000 {
        let reply = client.connection().request(&subject, "").await.expect("statistics");
        assert!(!reply.text().expect("JSON").contains(SECRET));
    }
    let reply = client.connection().request("data", "").await.expect("an answer");
    assert_eq!(reply.text(), Ok("well"));
    let stats = service.stats().endpoints.remove(0);
    assert_eq!((stats.num_requests, stats.num_errors), (1, 1_001));
}
