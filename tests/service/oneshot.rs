//! Services that are called without a broker.

use std::future::IntoFuture;
use std::time::Duration;

use futures_util::stream;
use natsws::{Client, Deadline, Headers, Msg, RequestError, ServiceError, Subject};
use natsws_service::{IntoApp, Router, ServiceHandle, State};
use serde::{Deserialize, Serialize};
use tower::timeout::TimeoutLayer;

use crate::stage::{Calculate, Gate, MathError, Slow, calculate, slow};

#[tokio::test]
async fn a_request_goes_through_codecs_and_handler_and_comes_back_as_a_caller_gets_it() {
    let mut app = Router::new("math", "1.0.0").endpoint(calculate).into_app();
    assert_eq!(app.oneshot(&Calculate::new("add", 2, 3)).await.expect("a reply"), 5);
    let failed = app.oneshot(&Calculate::new("div", 2, 0)).await.expect_err("by zero");
    assert!(matches!(failed, RequestError::Remote(MathError::DivisionByZero { left: 2 })));
    let panicked = app.oneshot(&Calculate::new("panic", 0, 0)).await.expect_err("a panic");
    assert!(matches!(panicked, RequestError::Service(error) if error.code() == 500));
    let nobody = app.oneshot(&Slow { id: 1 }).await.expect_err("nobody takes it");
    assert!(matches!(nobody, RequestError::NoResponders));
    let mut grouped =
        Router::new("math", "1.0.0").group("eu", |eu| eu.endpoint(calculate)).into_app();
    let ask = Calculate::new("add", 2, 3);
    assert_eq!(grouped.oneshot(&ask).to("eu.math.add").await.expect("a reply"), 5);
    let garbage = Msg::local("math.add", None, Headers::new(), "garbage").expect("valid");
    let response = app.oneshot_msg(garbage).await.expect("taken");
    assert_eq!(response.service_error().expect("it does not decode").code(), 400);
}

#[derive(Serialize, Deserialize, Subject)]
#[subject("left", reply = u64)]
struct Left;

async fn left(deadline: Option<Deadline>, far: Deadline, _: Left) -> u64 {
    assert_eq!(deadline.unwrap_or(far), far, "they are the same where there is one");
    deadline.map_or(0, |deadline| deadline.remaining().as_secs())
}

#[tokio::test(start_paused = true)]
async fn layers_and_deadlines_hold() {
    let mut app = Router::new("slow", "1.0.0")
        .endpoint(slow)
        .layer(TimeoutLayer::new(Duration::from_secs(2)))
        .with_state(Gate::new());
    let late = app.oneshot(&Slow { id: 1 }).await.expect_err("it takes too long");
    assert!(matches!(late, RequestError::Service(error) if error.code() == 408));

    let mut app = Router::new("left", "1.0.0").endpoint(left).into_app();
    assert_eq!(app.oneshot(&Left).await.expect("a reply"), 0);
    let within =
        Deadline::after(Duration::from_secs(5)).scope(app.oneshot(&Left).into_future()).await;
    assert_eq!(within.expect("a reply"), 5);
}

#[tokio::test]
async fn what_is_redacted_is_never_the_error_that_a_request_declares() {
    let redact = natsws_service::layers::MapErrorLayer::redact();
    let mut app = Router::new("math", "1.0.0").endpoint(calculate).layer(redact).into_app();
    let failed = app.oneshot(&Calculate::new("div", 2, 0)).await.expect_err("by zero");
    assert!(matches!(failed, RequestError::Remote(MathError::DivisionByZero { left: 2 })));
}

#[tokio::test]
async fn all_parts_of_an_answer_can_be_had_or_the_first() {
    #[derive(Serialize, Deserialize, Subject)]
    #[subject("count.{to}", reply = u8)]
    struct Count {
        to: u8,
    }
    async fn count(ask: Count) -> impl futures_util::Stream<Item = Result<u8, ServiceError>> {
        let parts = (1..=ask.to).map(Ok).chain([Err(ServiceError::new(416, "no further"))]);
        stream::iter(parts)
    }
    let mut app = Router::new("count", "1.0.0").endpoint(count).into_app();
    assert_eq!(app.oneshot(&Count { to: 3 }).await.expect("a reply"), 1);
    let mut parts = app.oneshot(&Count { to: 3 }).all().await.expect("taken");
    let last = parts.pop().expect("the error").expect_err("the error");
    assert!(matches!(last, RequestError::Service(error) if error.code() == 416));
    let parts: Result<Vec<_>, _> = parts.into_iter().collect();
    assert_eq!(parts.expect("no error"), [1, 2, 3]);
}

#[tokio::test]
async fn what_only_a_served_service_has_is_answered_with_500() {
    let mut app = Router::new("a", "1.0.0")
        .raw("client", async |_: State<u8>, _: Client| "never")
        .raw("handle", async |_: ServiceHandle| "never")
        .with_state(7);
    for subject in ["client", "handle"] {
        let msg = Msg::local(subject, None, Headers::new(), "").expect("valid");
        let response = app.oneshot_msg(msg).await.expect("taken");
        assert_eq!(response.service_error().expect("there is none").code(), 500);
    }
}
