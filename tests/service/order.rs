//! What the order of layers changes: each of ours inside and outside of its neighbours.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use natsws::{ServiceError, Subject};
use natsws_service::layers::{
    CatchPanicLayer, DeadLetterLayer, DeadlineLayer, IdempotencyLayer, MapErrorLayer, Next,
    TraceLayer, from_fn,
};
use natsws_service::{BoxError, Incoming, Response, Router, State};
use serde::{Deserialize, Serialize};
use tower::ServiceBuilder;
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;

use crate::memory::{Memory, takes};

/// Something to do, and what becomes of it.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("do.{how}", reply = u64)]
struct Do {
    #[serde(skip)]
    how: String,
}

type Runs = Arc<AtomicU64>;

/// Panics when it is dropped early.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "dropped");
    }
}

/// Answers how often it has run. What is slow takes a second, the first time.
async fn run(State(runs): State<Runs>, ask: Do) -> Result<u64, ServiceError> {
    let run = runs.fetch_add(1, Ordering::Relaxed) + 1;
    match ask.how.as_str() {
        "slow" if run == 1 => takes(SECOND).await,
        "fail" => return Err(ServiceError::new(500, "a secret")),
        "refuse" => return Err(ServiceError::new(404, "there is none")),
        "panic" => panic!("a secret"),
        "bomb" => {
            let _bomb = Bomb;
            std::future::pending::<()>().await;
        }
        _ => {}
    }
    Ok(run)
}

const SECOND: Duration = Duration::from_secs(1);
const HALF: Duration = Duration::from_millis(500);
const MINUTE: Duration = Duration::from_secs(60);
const SEVEN: [(&str, &str); 1] = [("Nats-Msg-Id", "7")];

fn app() -> Router<Runs> {
    Router::new("do", "1.0.0").endpoint(run)
}

async fn serve(app: Router<Runs>) -> Memory {
    Memory::with(app.with_state(Runs::default())).await
}

fn letters() -> DeadLetterLayer {
    DeadLetterLayer::new("dead").when(|_| true)
}

/// Code and text of what was kept.
async fn kept(memory: &Memory) -> Vec<String> {
    let letters = memory.published("dead").await;
    let header = |letter: &natsws::Msg, name| letter.headers().get(name).unwrap_or("").to_owned();
    let told = |letter| {
        format!("{} {}", header(letter, "Dead-Letter-Code"), header(letter, "Dead-Letter-Error"))
    };
    letters.iter().map(told).collect()
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_inside_of_redaction_has_the_whole_text_and_outside_what_callers_get() {
    for (app, letter) in [
        (app().layer(letters()).layer(MapErrorLayer::redact()), "500 a secret"),
        (app().layer(MapErrorLayer::redact()).layer(letters()), "500 the service failed"),
    ] {
        let memory = serve(app).await;
        assert_eq!(memory.ask("do.fail", &[]).await, "500 the service failed");
        assert_eq!(kept(&memory).await, [letter]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_kept_where_it_is_caught_inside_of_the_dead_letters() {
    let caught = app().layer(CatchPanicLayer::new()).layer(letters());
    let missed = app().layer(letters()).layer(CatchPanicLayer::new());
    for (app, letters) in [(caught, &["500 the service failed"][..]), (missed, &[])] {
        let memory = serve(app).await;
        assert_eq!(memory.ask("do.panic", &[]).await, "500 the service failed");
        assert_eq!(kept(&memory).await, letters);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_mapped_where_it_is_caught_inside() {
    let teapot = || MapErrorLayer::new(|error| ServiceError::new(418, error.description()));
    for (app, expected) in [
        (app().layer(CatchPanicLayer::new()).layer(teapot()), "418 the service failed"),
        (app().layer(teapot()).layer(CatchPanicLayer::new()), "500 the service failed"),
    ] {
        let memory = serve(app).await;
        assert_eq!(memory.ask("do.panic", &[]).await, expected);
        assert_eq!(memory.ask("do.refuse", &[]).await, "418 there is none");
    }
}

#[tokio::test(start_paused = true)]
async fn what_panics_when_it_is_dropped_at_its_deadline_is_caught_outside_of_that() {
    let deadline = DeadlineLayer::new().at_most(HALF);
    let caught = app().layer(deadline).layer(CatchPanicLayer::new()).layer(letters());
    let missed = app().layer(CatchPanicLayer::new()).layer(deadline).layer(letters());
    for (app, letters) in [(caught, &["500 the service failed"][..]), (missed, &[])] {
        let memory = serve(app).await;
        assert_eq!(memory.ask("do.bomb", &[]).await, "500 the service failed");
        assert_eq!(kept(&memory).await, letters);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_deadline_is_the_same_inside_and_outside_of_it() {
    let deadline = DeadlineLayer::new().at_most(HALF);
    for app in [
        app().layer(deadline).layer(CatchPanicLayer::new()),
        app().layer(CatchPanicLayer::new()).layer(deadline),
    ] {
        let memory = serve(app).await;
        assert_eq!(memory.ask("do.panic", &[]).await, "500 the service failed");
        assert_eq!(memory.ask("do.well", &[]).await, "2");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_late_is_kept_where_the_deadline_is_inside_of_the_dead_letters() {
    let deadline = || DeadlineLayer::new().at_most(HALF);
    for (app, letters) in [
        (app().layer(deadline()).layer(letters()), &["408 the request took too long"][..]),
        (app().layer(letters()).layer(deadline()), &[]),
        (app().layer(TimeoutLayer::new(HALF)).layer(letters()), &["408 the request took too long"]),
        (app().layer(letters()).layer(TimeoutLayer::new(HALF)), &[]),
    ] {
        let memory = serve(app).await;
        assert_eq!(memory.ask("do.slow", &[]).await, "408 the request took too long");
        assert_eq!(kept(&memory).await, letters);
    }
}

#[tokio::test(start_paused = true)]
async fn what_timed_out_is_run_again_wherever_the_timeout_is() {
    let once = || IdempotencyLayer::new(MINUTE);
    for app in [
        app().layer(TimeoutLayer::new(HALF)).layer(once()),
        app().layer(DeadlineLayer::new().at_most(HALF)).layer(once()),
        app().layer(once()).layer(TimeoutLayer::new(HALF)),
        app().layer(once()).layer(DeadlineLayer::new().at_most(HALF)),
    ] {
        let memory = serve(app).await;
        assert_eq!(memory.ask("do.slow", &SEVEN).await, "408 the request took too long");
        assert_eq!(memory.ask("do.slow", &SEVEN).await, "2");
        assert_eq!(memory.ask("do.slow", &SEVEN).await, "2");
    }
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_that_waits_keeps_to_its_own_deadline_where_that_is_outside() {
    let once = || IdempotencyLayer::new(MINUTE);
    for (app, expected) in [
        (app().layer(once()).layer(DeadlineLayer::new()), "408 the request took too long"),
        (app().layer(DeadlineLayer::new()).layer(once()), "1"),
    ] {
        let memory = serve(app).await;
        let hasty = [SEVEN[0], ("Request-Timeout", "500ms")];
        let (first, duplicate) =
            tokio::join!(memory.ask("do.slow", &SEVEN), memory.ask("do.slow", &hasty));
        assert_eq!((first.as_str(), duplicate.as_str()), ("1", expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_takes_no_room_of_a_limit_that_is_inside() {
    let once = || IdempotencyLayer::new(MINUTE);
    let limited =
        |app: Router<Runs>| app.layer(ConcurrencyLimitLayer::new(1)).layer(LoadShedLayer::new());
    for (app, duplicate) in [
        (limited(app()).layer(once()), "1"),
        (limited(app().layer(once())), "503 the service is overloaded"),
    ] {
        let memory = serve(app).await;
        let told = tokio::join!(
            memory.ask("do.slow", &SEVEN),
            memory.ask("do.slow", &SEVEN),
            memory.ask("do.well", &[]),
        );
        assert_eq!(told.0, "1");
        assert_eq!(told.1, duplicate);
        assert_eq!(told.2, "503 the service is overloaded");
        assert_eq!(memory.ask("do.slow", &SEVEN).await, "1", "the answer is kept");
    }
}

#[tokio::test(start_paused = true)]
async fn load_shedding_sees_limits_on_its_own_side_of_a_function_only() {
    let pass = || from_fn(async |incoming: Incoming, next: Next| next.run(incoming).await);
    let limit = || ConcurrencyLimitLayer::new(1);
    let shed = LoadShedLayer::new;
    for (app, second) in [
        (app().layer(limit()).layer(pass()).layer(shed()), "2"),
        (app().layer(limit()).layer(shed()).layer(pass()), "503 the service is overloaded"),
        (app().layer(pass()).layer(limit()).layer(shed()), "503 the service is overloaded"),
    ] {
        let memory = serve(app).await;
        let told = tokio::join!(memory.ask("do.slow", &[]), memory.ask("do.well", &[]));
        assert_eq!((told.0.as_str(), told.1.as_str()), ("1", second));
    }
}

/// A mark that a request gets on its way in, and its answer on the way out.
#[derive(Clone)]
struct Way(String);

#[tokio::test(start_paused = true)]
async fn functions_see_requests_from_the_outermost_in_and_answers_back_out() {
    async fn through(name: &str, mut incoming: Incoming, next: Next) -> Result<Response, BoxError> {
        let way = incoming.extension().map_or("", |Way(way)| way.as_str());
        incoming.insert(Way(format!("{way} {name}")));
        let mut response = next.run(incoming).await?;
        response.headers_mut().append("Back", name)?;
        Ok(response)
    }
    macro_rules! mark {
        ($name:literal) => {
            from_fn(async |incoming: Incoming, next: Next| through($name, incoming, next).await)
        };
    }
    let tell = from_fn(async |incoming: Incoming, _: Next| {
        Ok(Response::new(incoming.extension().map_or(String::new(), |Way(way)| way.clone())))
    });
    let app = app().layer(tell).layer(mark!("1")).layer(mark!("2")).layer(mark!("3"));
    let memory = serve(app).await;
    let reply = memory.client.connection().request("do.well", "{}").await.expect("an answer");
    assert_eq!(reply.payload(), b" 3 2 1");
    assert_eq!(reply.headers().get_all("Back").collect::<Vec<_>>(), ["1", "2", "3"]);
}

/// Refuses one caller.
async fn authorise(incoming: Incoming, next: Next) -> Result<Response, BoxError> {
    if incoming.headers().get("Name") == Some("Eve") {
        return Err(ServiceError::new(403, "not you").into());
    }
    next.run(incoming).await
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_kept_goes_to_those_who_may_have_it_where_they_are_asked_outside() {
    let once = || IdempotencyLayer::new(MINUTE);
    for (app, expected) in [
        (app().layer(once()).layer(from_fn(authorise)), "403 not you"),
        (app().layer(from_fn(authorise)).layer(once()), "1"),
    ] {
        let memory = serve(app).await;
        assert_eq!(memory.ask("do.well", &SEVEN).await, "1");
        assert_eq!(memory.ask("do.well", &[SEVEN[0], ("Name", "Eve")]).await, expected);
    }
}

/// All of them in the order that is recommended, one by one and as one layer.
fn both_ways() -> [Router<Runs>; 2] {
    let deadline = || DeadlineLayer::new().at_most(HALF);
    let one_by_one = app()
        .layer(ConcurrencyLimitLayer::new(8))
        .layer(LoadShedLayer::new())
        .layer(IdempotencyLayer::new(MINUTE))
        .layer(from_fn(authorise))
        .layer(deadline())
        .layer(CatchPanicLayer::new())
        .layer(DeadLetterLayer::new("dead"))
        .layer(MapErrorLayer::redact())
        .layer(TraceLayer::new());
    // A builder begins with the outermost.
    let stack = ServiceBuilder::new()
        .layer(TraceLayer::new())
        .layer(MapErrorLayer::redact())
        .layer(DeadLetterLayer::new("dead"))
        .layer(CatchPanicLayer::new())
        .layer(deadline())
        .layer(from_fn(authorise))
        .layer(IdempotencyLayer::new(MINUTE))
        .load_shed()
        .concurrency_limit(8)
        .into_inner();
    [one_by_one, app().layer(stack)]
}

#[tokio::test(start_paused = true)]
async fn all_of_them_in_the_order_that_is_recommended_do_what_each_does() {
    for app in both_ways() {
        let memory = serve(app).await;
        assert_eq!(memory.ask("do.slow", &SEVEN).await, "408 the request took too long");
        assert_eq!(memory.ask("do.slow", &SEVEN).await, "2");
        assert_eq!(memory.ask("do.slow", &SEVEN).await, "2");
        assert_eq!(memory.ask("do.well", &[("Name", "Eve")]).await, "403 not you");
        assert_eq!(memory.ask("do.refuse", &[]).await, "404 there is none");
        assert_eq!(memory.ask("do.fail", &[]).await, "500 the service failed");
        assert_eq!(memory.ask("do.panic", &[]).await, "500 the service failed");
        assert_eq!(memory.ask("do.well", &[]).await, "6");
        assert_eq!(kept(&memory).await, ["500 a secret", "500 the service failed"]);
    }
}
