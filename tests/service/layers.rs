//! tower's own layers, unchanged.

use std::time::{Duration, Instant};

use natsws::{RequestError, ServiceError};
use natsws_service::{Response, Router};
use natsws_tests::within;
use tower::ServiceBuilder;
use tower::limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer, RateLimitLayer};
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;
use tower::util::MapResponseLayer;

use crate::stage::{Calculate, Gate, Slow, Stage, calculate, slow};

fn code(error: RequestError<ServiceError>) -> u16 {
    match error {
        RequestError::Service(error) => error.code(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_takes_longer_than_a_timeout_is_answered_with_408() {
    let stage = Stage::new().await;
    let app = Router::new("slow", "1.0.0")
        .endpoint(slow)
        .layer(TimeoutLayer::new(Duration::from_millis(50)))
        .with_state(Gate::new());
    let _service = stage.serve(app).await;
    let answer = stage.client().await.request(&Slow { id: 1 }).await;
    assert_eq!(code(answer.expect_err("it takes too long")), 408);
}

#[tokio::test]
async fn a_concurrency_limit_holds_requests_back_until_there_is_room() {
    let stage = Stage::new().await;
    let gate = Gate::new();
    let app = Router::new("slow", "1.0.0")
        .endpoint(slow)
        .layer(ConcurrencyLimitLayer::new(2))
        .with_state(gate.clone());
    let _service = stage.serve(app).await;
    let client = stage.client().await;
    let asks: Vec<_> = (0..5)
        .map(|id| {
            let client = client.clone();
            tokio::spawn(async move { client.request(&Slow { id }).await })
        })
        .collect();
    gate.begun(2).await;
    client.flush().await.expect("flushed");
    assert_eq!(gate.begun.available_permits(), 0, "a third request began");
    gate.open(5);
    for (id, ask) in asks.into_iter().enumerate() {
        let reply = within("a reply", ask).await.expect("no panic").expect("a reply");
        assert_eq!(reply, id as u64);
    }
}

#[tokio::test]
async fn a_rate_limit_which_cannot_be_cloned_holds_requests_back() {
    let stage = Stage::new().await;
    let app = Router::new("math", "1.0.0")
        .endpoint(calculate)
        .layer(RateLimitLayer::new(2, Duration::from_millis(50)));
    let _service = stage.serve(app).await;
    let client = stage.client().await;
    let start = Instant::now();
    for n in 0..5 {
        assert_eq!(client.request(&Calculate::new("add", n, 1)).await.expect("a reply"), n + 1);
    }
    // The third and the fifth had to wait for the next 50 ms each.
    assert!(start.elapsed() >= Duration::from_millis(100), "{:?}", start.elapsed());
}

#[tokio::test]
async fn load_shedding_around_a_limit_answers_what_is_over_it_with_503() {
    let stage = Stage::new().await;
    let gate = Gate::new();
    // Two layers apart: the outer one must see that the inner one is not ready.
    let app = Router::new("slow", "1.0.0")
        .endpoint(slow)
        .layer(ConcurrencyLimitLayer::new(1))
        .layer(LoadShedLayer::new())
        .with_state(gate.clone());
    let service = stage.serve(app).await;
    let client = stage.client().await;
    let first = {
        let client = client.clone();
        tokio::spawn(async move { client.request(&Slow { id: 1 }).await })
    };
    gate.begun(1).await;
    let shed = client.request(&Slow { id: 2 }).await.expect_err("there is no room");
    assert_eq!(code(shed), 503);
    gate.open(1);
    let reply = within("a reply", first).await.expect("no panic").expect("a reply");
    assert_eq!(reply, 1);
    let report = service.stopped().await;
    assert_eq!((report.completed, report.failed), (1, 1));
}

#[tokio::test]
async fn load_shedding_judges_by_the_moment_a_request_comes() {
    let stage = Stage::new().await;
    let app = Router::new("math", "1.0.0")
        .endpoint(calculate)
        .layer(ConcurrencyLimitLayer::new(1))
        .layer(LoadShedLayer::new());
    let service = stage.serve(app).await;
    let client = stage.client().await;
    for n in 0..20 {
        // One after the other: the service was busy since, and has room again.
        assert_eq!(client.request(&Calculate::new("add", n, 1)).await.expect("a reply"), n + 1);
    }
    assert_eq!(service.stopped().await.failed, 0);
}

#[tokio::test]
async fn an_endpoint_with_nothing_to_do_holds_no_room_of_a_limit_that_is_shared() {
    let stage = Stage::new().await;
    let gate = Gate::new();
    gate.open(1);
    let app = Router::new("both", "1.0.0")
        .endpoint(slow)
        .endpoint(calculate)
        .layer(GlobalConcurrencyLimitLayer::new(1))
        .with_state(gate);
    let _service = stage.serve(app).await;
    let client = stage.client().await;
    let sum = client.request(&Calculate::new("add", 1, 1)).timeout(Duration::from_secs(2)).await;
    assert_eq!(sum.expect("a reply"), 2);
    let slow = client.request(&Slow { id: 3 }).timeout(Duration::from_secs(2)).await;
    assert_eq!(slow.expect("a reply"), 3);
}

#[tokio::test]
async fn a_service_builder_is_a_layer_and_layers_go_around_one_endpoint_too() {
    let stage = Stage::new().await;
    let gate = Gate::new();
    let stack = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(8)
        .timeout(Duration::from_secs(10))
        .into_inner();
    let app = Router::new("both", "1.0.0")
        .endpoint_with(slow, |endpoint| {
            endpoint.queue("mine").layer(TimeoutLayer::new(Duration::from_millis(50)))
        })
        .endpoint(calculate)
        .layer(stack)
        .with_state(gate);
    let _service = stage.serve(app).await;
    let client = stage.client().await;
    assert_eq!(client.request(&Calculate::new("add", 1, 1)).await.expect("a reply"), 2);
    let answer = client.request(&Slow { id: 1 }).await;
    assert_eq!(code(answer.expect_err("it takes too long")), 408);
}

#[tokio::test]
async fn the_layer_that_is_added_last_is_the_outermost() {
    fn mark(name: &'static str) -> MapResponseLayer<impl Fn(Response) -> Response + Clone> {
        MapResponseLayer::new(move |mut response: Response| {
            response.headers_mut().append("Through", name).expect("valid");
            response
        })
    }
    let stage = Stage::new().await;
    let app = Router::new("math", "1.0.0")
        .endpoint_with(calculate, |endpoint| endpoint.layer(mark("1")).layer(mark("2")))
        .layer(mark("3"))
        .layer(mark("4"));
    let _service = stage.serve(app).await;
    let client = stage.client().await;
    let ask = r#"{"op":"add","left":2,"right":3}"#;
    let reply = client.connection().request("math.add", ask).await.expect("a reply");
    let through: Vec<_> = reply.headers().get_all("Through").collect();
    assert_eq!(through, ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn an_endpoint_runs_as_many_requests_at_a_time_as_it_may() {
    let stage = Stage::new().await;
    let gate = Gate::new();
    let app = Router::new("slow", "1.0.0").endpoint(slow).with_state(gate.clone());
    let service = stage.serve(app).await;
    let client = stage.client().await;
    let asks: Vec<_> = (0..65)
        .map(|id| {
            let client = client.clone();
            tokio::spawn(async move { client.request(&Slow { id }).await })
        })
        .collect();
    gate.begun(64).await;
    client.flush().await.expect("flushed");
    assert_eq!(gate.begun.available_permits(), 0, "a 65th request began");
    gate.open(1);
    gate.begun(1).await;
    gate.open(64);
    for ask in asks {
        within("a reply", ask).await.expect("no panic").expect("a reply");
    }
    assert_eq!(service.stopped().await.completed, 65);
}
