//! Every layer of tower's that can go around an endpoint, unchanged. Limits, time-outs and load
//! shedding are in `layers`.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use natsws::{ServiceError, Subject};
use natsws_service::{BoxError, Extension, Incoming, Response, Router, State};
use serde::{Deserialize, Serialize};
use tower::buffer::BufferLayer;
use tower::filter::{AsyncFilterLayer, FilterLayer};
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::retry::{Policy, RetryLayer};
use tower::spawn_ready::SpawnReadyLayer;
use tower::timeout::TimeoutLayer;
use tower::util::{
    AndThenLayer, BoxCloneServiceLayer, BoxLayer, MapErrLayer, MapFutureLayer, MapRequestLayer,
    MapResponseLayer, MapResultLayer, ThenLayer, option_layer,
};
use tower::{ServiceBuilder, ServiceExt};

use crate::memory::{Memory, takes};

/// Counts how often it is asked, and answers with the number.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("count.{how}", reply = u64)]
struct Count {
    #[serde(skip)]
    how: String,
}

type Runs = Arc<AtomicU64>;

async fn count(State(runs): State<Runs>, ask: Count) -> Result<u64, ServiceError> {
    let run = runs.fetch_add(1, Ordering::Relaxed) + 1;
    match ask.how.as_str() {
        "slow" => takes(Duration::from_secs(1)).await,
        "fail" => return Err(ServiceError::new(500, "no")),
        "third" if run < 3 => return Err(ServiceError::new(500, "not yet")),
        _ => {}
    }
    Ok(run)
}

fn app() -> Router<Runs> {
    Router::new("count", "1.0.0").endpoint(count)
}

/// Refuses requests without a name.
fn named(incoming: Incoming) -> Result<Incoming, ServiceError> {
    if incoming.headers().contains("Name") {
        return Ok(incoming);
    }
    Err(ServiceError::new(401, "who are you?"))
}

const NAMED: [(&str, &str); 1] = [("Name", "Ada")];

#[tokio::test(start_paused = true)]
async fn a_buffer_takes_requests_for_a_service_that_is_shared() {
    let app = app().layer(ConcurrencyLimitLayer::new(1)).layer(BufferLayer::new(4));
    let memory = Memory::with(app.with_state(Runs::default())).await;
    for run in ["1", "2", "3"] {
        assert_eq!(memory.ask("count.well", &[]).await, run);
    }
    assert_eq!(memory.ask("count.fail", &[]).await, "500 no");
}

/// Tries what failed with a reply of 500 again, so often.
#[derive(Clone)]
struct Again(u32);

impl Policy<Incoming, Response, BoxError> for Again {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _request: &mut Incoming,
        result: &mut Result<Response, BoxError>,
    ) -> Option<Ready<()>> {
        let failed = result.as_ref().is_ok_and(Response::is_error);
        self.0 = self.0.checked_sub(1).filter(|_| failed)?;
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &Incoming) -> Option<Incoming> {
        Some(request.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_over_a_buffer_runs_a_request_again() {
    // One layer of two: between layers that are added one by one, nothing can be cloned.
    let stack = ServiceBuilder::new().layer(RetryLayer::new(Again(2))).buffer(4).into_inner();
    let app = app().layer(stack);
    let runs = Runs::default();
    let memory = Memory::with(app.with_state(Arc::clone(&runs))).await;
    assert_eq!(memory.ask("count.third", &[]).await, "3");
    assert_eq!(memory.ask("count.fail", &[]).await, "500 no");
    assert_eq!(runs.load(Ordering::Relaxed), 6);
}

#[tokio::test(start_paused = true)]
async fn readiness_can_be_waited_for_by_a_task_of_its_own() {
    let app = app().layer(ConcurrencyLimitLayer::new(1)).layer(SpawnReadyLayer::new());
    let memory = Memory::with(app.with_state(Runs::default())).await;
    let asks = tokio::join!(memory.ask("count.slow", &[]), memory.ask("count.well", &[]));
    assert_eq!(asks, ("1".to_owned(), "2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_filter_answers_instead_of_the_endpoint() {
    let app = app().layer(FilterLayer::new(named));
    let memory = Memory::with(app.with_state(Runs::default())).await;
    assert_eq!(memory.ask("count.well", &[]).await, "401 who are you?");
    assert_eq!(memory.ask("count.well", &NAMED).await, "1");
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_waits_goes_over_a_buffer() {
    let look = |incoming: Incoming| async {
        takes(Duration::from_millis(10)).await;
        named(incoming).map_err(BoxError::from)
    };
    let stack = ServiceBuilder::new().layer(AsyncFilterLayer::new(look)).buffer(4).into_inner();
    let app = app().layer(stack);
    let memory = Memory::with(app.with_state(Runs::default())).await;
    assert_eq!(memory.ask("count.well", &[]).await, "401 who are you?");
    assert_eq!(memory.ask("count.well", &NAMED).await, "1");
}

/// Who asks.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("whoami", reply = String)]
struct WhoAmI {}

#[derive(Clone)]
struct Name(String);

#[tokio::test(start_paused = true)]
async fn what_is_mapped_into_a_request_reaches_the_handler() {
    let tell = MapRequestLayer::new(|mut incoming: Incoming| {
        if let Some(name) = incoming.headers().get("Name").map(str::to_owned) {
            incoming.insert(Name(name));
        }
        incoming
    });
    let who = async |Extension(Name(name)): Extension<Name>, _: WhoAmI| name;
    let app = Router::<()>::new("who", "1.0.0").endpoint(who).layer(tell);
    let memory = Memory::with(app).await;
    assert_eq!(memory.ask("whoami", &NAMED).await, "\"Ada\"");
    assert_eq!(memory.ask("whoami", &[]).await, "500 the service failed");
}

#[tokio::test(start_paused = true)]
async fn answers_and_errors_can_be_mapped_and_waited_for() {
    /// The code of an error reply, as a whole answer.
    fn code(response: &Response) -> Response {
        Response::new(response.service_error().map_or(0, ServiceError::code).to_string())
    }
    let well = |name| (name, "count.well");
    let fail = |name| (name, "count.fail");
    let elapsed = |name| (name, "count.slow");
    let cases = [
        (well("map_response"), "0"),
        (fail("map_response"), "500"),
        (elapsed("map_err"), "504 too slow"),
        (well("map_result"), "0"),
        (elapsed("map_result"), "late"),
        (fail("map_future"), "500"),
        (well("then"), "0"),
        (elapsed("then"), "late"),
        (fail("and_then"), "500"),
        (elapsed("and_then"), "408 the request took too long"),
    ];
    for ((layer, subject), expected) in cases {
        let app = app().layer(TimeoutLayer::new(Duration::from_millis(500)));
        let late = |result: Result<Response, BoxError>| match result {
            Ok(response) => Ok::<_, BoxError>(code(&response)),
            Err(_) => Ok(Response::new("late")),
        };
        let app = match layer {
            "map_response" => app.layer(MapResponseLayer::new(|response| code(&response))),
            "map_err" => app.layer(MapErrLayer::new(|_: BoxError| -> BoxError {
                ServiceError::new(504, "too slow").into()
            })),
            "map_result" => app.layer(MapResultLayer::new(late)),
            "map_future" => app.layer(MapFutureLayer::new(|response| async {
                let response: Result<Response, BoxError> = response.await;
                response.map(|response| code(&response))
            })),
            "then" => app.layer(ThenLayer::new(move |result| async move { late(result) })),
            "and_then" => app.layer(AndThenLayer::new(|response| async move {
                Ok::<_, BoxError>(code(&response))
            })),
            other => panic!("{other}"),
        };
        let memory = Memory::with(app.with_state(Runs::default())).await;
        assert_eq!(memory.ask(subject, &[]).await, expected, "{layer} {subject}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_can_be_left_out() {
    for (timeout, expected) in [(Some(Duration::from_millis(500)), "408"), (None, "1")] {
        let app = app().layer(option_layer(timeout.map(TimeoutLayer::new)));
        let memory = Memory::with(app.with_state(Runs::default())).await;
        let told = memory.ask("count.slow", &[]).await;
        assert_eq!(told.split(' ').next(), Some(expected), "{timeout:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn layers_and_services_without_their_types_go_around_an_endpoint() {
    let boxed = BoxLayer::new(TimeoutLayer::new(Duration::from_millis(500)));
    let cloned = BoxCloneServiceLayer::new(ServiceBuilder::new().buffer(4).into_inner());
    let again = ServiceBuilder::new().layer(RetryLayer::new(Again(2))).layer(cloned).into_inner();
    let app = app().layer(boxed).layer(again);
    let memory = Memory::with(app.with_state(Runs::default())).await;
    assert_eq!(memory.ask("count.third", &[]).await, "3");
    assert_eq!(memory.ask("count.slow", &[]).await, "408 the request took too long");
}

#[tokio::test(start_paused = true)]
async fn a_service_with_layers_of_its_own_is_an_endpoint() {
    let answer = tower::service_fn(async |ask: Count| -> Result<u64, BoxError> {
        match ask.how.as_str() {
            "slow" => std::future::pending().await,
            _ => Ok(7),
        }
    });
    let service = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .concurrency_limit(1)
        .timeout(Duration::from_millis(500))
        .service(answer)
        .boxed();
    let app = Router::<()>::new("count", "1.0.0").endpoint_service::<Count, _>(service);
    let memory = Memory::with(app).await;
    let asks = tokio::join!(memory.ask("count.slow", &[]), memory.ask("count.well", &[]));
    let expected = ("408 the request took too long", "503 the service is overloaded");
    assert_eq!((asks.0.as_str(), asks.1.as_str()), expected);
    assert_eq!(memory.ask("count.well", &[]).await, "7");
}
