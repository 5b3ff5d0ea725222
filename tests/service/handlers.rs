use std::future::{Future, Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use natsws::{Client, Connection, Deadline, Headers, RequestError, ServiceError, Subject};
use natsws_service::{Endpoint, Extract, FromRef, Incoming, Router, ServeError, State, serve};
use natsws_tests::within;
use serde::{Deserialize, Serialize};
use tower::Service;
use tower::retry::Policy;

use crate::stage::{Calculate, MathError, Stage, calculate};

#[tokio::test]
async fn a_request_gets_its_reply_and_the_services_own_error() {
    let stage = Stage::new().await;
    let service = stage.serve(Router::new("math", "1.0.0").endpoint(calculate)).await;
    let client = stage.client().await;
    assert_eq!(client.request(&Calculate::new("add", 2, 3)).await.expect("a reply"), 5);
    match client.request(&Calculate::new("div", 7, 0)).await {
        Err(RequestError::Remote(error)) => {
            assert_eq!(error, MathError::DivisionByZero { left: 7 });
        }
        other => panic!("{other:?}"),
    }
    let report = service.stopped().await;
    assert_eq!((report.completed, report.failed, report.aborted), (1, 1, 0));
    assert!(report.flushed);
}

#[tokio::test]
async fn any_client_can_ask_with_json_and_sees_the_error_in_the_headers() {
    let stage = Stage::new().await;
    let _service = stage.serve(Router::new("math", "1.0.0").endpoint(calculate)).await;
    let client = stage.client().await;
    let plain = client.connection();
    let ask = r#"{"op":"ignored","left":2,"right":3,"more":true}"#;
    let reply = plain.request("math.add", ask).await.expect("a reply");
    assert_eq!(reply.text(), Ok("5"));
    assert_eq!(reply.headers().get("Content-Type"), Some("application/json"));
    let ask = r#"{"op":"div","left":7,"right":0}"#;
    let reply = plain.request("math.div", ask).await.expect("a reply");
    assert_eq!(reply.text(), Ok(r#"{"DivisionByZero":{"left":7}}"#));
    let error = "7 cannot be divided by zero";
    assert_eq!(reply.headers().get("Nats-Service-Error"), Some(error));
    assert_eq!(reply.headers().get("Nats-Service-Error-Code"), Some("500"));
}

#[derive(Clone)]
struct Shop {
    prices: Arc<[i64]>,
}

#[derive(Clone)]
struct Prices(Arc<[i64]>);

impl FromRef<Shop> for Prices {
    fn from_ref(shop: &Shop) -> Self {
        Self(Arc::clone(&shop.prices))
    }
}

/// An extractor of one's own.
struct Caller(String);

impl<S: Sync> Extract<S> for Caller {
    async fn extract(incoming: &Incoming, _state: &S) -> Result<Self, ServiceError> {
        let caller = incoming.headers().get("Caller");
        caller.map(|name| Self(name.to_owned())).ok_or_else(|| ServiceError::new(401, "who?"))
    }
}

#[tokio::test]
async fn handlers_take_state_headers_the_client_and_extractors_of_ones_own() {
    async fn price(
        State(prices): State<Prices>,
        Caller(caller): Caller,
        client: Client,
        connection: Connection,
        ask: Calculate,
    ) -> (Headers, i64) {
        assert_eq!(client.connection().server(), connection.server());
        let mut headers = Headers::new();
        headers.append("For", &caller).expect("valid");
        let at = usize::try_from(ask.left).expect("small");
        (headers, prices.0.get(at).copied().unwrap_or_default())
    }
    let stage = Stage::new().await;
    let app = Router::new("shop", "1.0.0")
        .endpoint(price)
        .with_state(Shop { prices: Arc::new([10, 20]) });
    let _service = stage.serve(app).await;
    let client = stage.client().await;
    let ask = r#"{"op":"price","left":1,"right":0}"#;
    let reply = client.connection().request("math.price", ask).header("Caller", "me").await;
    let reply = reply.expect("a reply");
    assert_eq!((reply.text(), reply.headers().get("For")), (Ok("20"), Some("me")));

    match client.request(&Calculate::new("price", 1, 0)).await {
        Err(RequestError::Service(error)) => {
            assert_eq!((error.code(), error.description()), (401, "who?"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_result_may_have_headers_in_it() {
    async fn divide(ask: Calculate) -> Result<(Headers, i64), MathError> {
        if ask.right == 0 {
            return Err(MathError::DivisionByZero { left: ask.left });
        }
        let mut headers = Headers::new();
        headers.append("Rest", &(ask.left % ask.right).to_string()).expect("valid");
        Ok((headers, ask.left / ask.right))
    }
    let stage = Stage::new().await;
    let _service = stage.serve(Router::new("math", "1.0.0").endpoint(divide)).await;
    let client = stage.client().await;
    let ask = r#"{"op":"div","left":7,"right":2}"#;
    let reply = client.connection().request("math.div", ask).await.expect("a reply");
    assert_eq!((reply.text(), reply.headers().get("Rest")), (Ok("3"), Some("1")));
    let failed = client.request(&Calculate::new("div", 7, 0)).await;
    assert!(matches!(failed, Err(RequestError::Remote(MathError::DivisionByZero { left: 7 }))));
}

/// Asks again, up to so many times, when the service says that it is overloaded.
#[derive(Clone)]
struct WhenOverloaded(u32);

impl Policy<Calculate, i64, RequestError<MathError>> for WhenOverloaded {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _ask: &mut Calculate,
        answer: &mut Result<i64, RequestError<MathError>>,
    ) -> Option<Ready<()>> {
        let again = matches!(answer, Err(RequestError::Service(error)) if error.code() == 503);
        self.0 = self.0.checked_sub(1)?;
        again.then(|| ready(()))
    }

    fn clone_request(&mut self, ask: &Calculate) -> Option<Calculate> {
        Some(ask.clone())
    }
}

/// What is there only from the third request on.
struct Warm;

impl Extract<Arc<AtomicU64>> for Warm {
    async fn extract(_: &Incoming, asked: &Arc<AtomicU64>) -> Result<Self, ServiceError> {
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Err(ServiceError::new(503, "still cold")),
            _ => Ok(Self),
        }
    }
}

#[tokio::test]
async fn towers_retry_goes_around_the_calling_side() {
    async fn left(_: Warm, ask: Calculate) -> i64 {
        ask.left
    }
    let stage = Stage::new().await;
    let asked = Arc::new(AtomicU64::new(0));
    let app = Router::new("math", "1.0.0").endpoint(left).with_state(Arc::clone(&asked));
    let _service = stage.serve(app).await;
    let caller = stage.client().await.service::<Calculate>();
    let retrying = tower::retry::Retry::new(WhenOverloaded(5), caller);
    let reply = tower::ServiceExt::oneshot(retrying, Calculate::new("x", 7, 0)).await;
    assert_eq!(reply.expect("the third answer"), 7);
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

/// A tower service that counts for itself, and cannot be cloned.
struct Counting(AtomicU64);

impl Service<Calculate> for Counting {
    type Response = i64;
    type Error = MathError;
    type Future = Ready<Result<i64, MathError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), MathError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, ask: Calculate) -> Self::Future {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        let count = i64::try_from(count).expect("small");
        ready(if ask.right == 0 {
            Err(MathError::DivisionByZero { left: ask.left })
        } else {
            Ok(count)
        })
    }
}

#[tokio::test]
async fn a_tower_service_is_an_endpoint_and_its_error_reaches_the_caller() {
    let stage = Stage::new().await;
    let app =
        Router::new("math", "1.0.0").endpoint_service::<Calculate, _>(Counting(AtomicU64::new(40)));
    let _service = stage.serve(app).await;
    let client = stage.client().await;
    assert_eq!(client.request(&Calculate::new("x", 1, 1)).await.expect("a reply"), 40);
    let failed = client.request(&Calculate::new("x", 9, 0)).await;
    assert!(matches!(failed, Err(RequestError::Remote(MathError::DivisionByZero { left: 9 }))));
    assert_eq!(client.request(&Calculate::new("x", 1, 1)).await.expect("a reply"), 42);
}

#[tokio::test]
async fn the_calling_side_is_a_tower_service_too() {
    let stage = Stage::new().await;
    let _service = stage.serve(Router::new("math", "1.0.0").endpoint(calculate)).await;
    let mut caller = stage.client().await.service::<Calculate>();
    let sum = within("a reply", caller.call(Calculate::new("add", 1, 1))).await;
    assert_eq!(sum.expect("a reply"), 2);
    let timed = tower::ServiceBuilder::new().timeout(Duration::from_secs(10)).service(caller);
    let sum = tower::ServiceExt::oneshot(timed, Calculate::new("add", 2, 2)).await;
    assert_eq!(sum.expect("a reply"), 4);
}

#[tokio::test]
async fn replicas_share_the_requests_of_their_queue_group() {
    for stage in [Stage::new().await, Stage::real()] {
        replicas_share(stage).await;
    }
}

async fn replicas_share(stage: Stage) {
    let count = |served: Arc<AtomicU64>| {
        move |_ask: Calculate| {
            served.fetch_add(1, Ordering::Relaxed);
            async { 0 }
        }
    };
    let served = [Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0))];
    let first = Router::new("math", "1.0.0").endpoint(count(Arc::clone(&served[0])));
    let second = Router::new("math", "1.0.0").endpoint(count(Arc::clone(&served[1])));
    let _replicas = (stage.serve(first).await, stage.serve(second).await);
    let client = stage.client().await;
    for _ in 0..50 {
        client.request(&Calculate::new("x", 0, 0)).await.expect("a reply");
    }
    let [first, second] = served.map(|count| count.load(Ordering::Relaxed));
    assert_eq!(first + second, 50);
    assert!(first > 0 && second > 0, "{first} and {second}");
}

fn refused<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

#[test]
fn names_and_versions_are_checked_when_the_service_is_served() {
    refused(async {
        let client = Stage::new().await.client().await;
        for (name, version, text) in [
            (
                "a b",
                "1.0.0",
                "the service's name \"a b\" is not valid: use letters, digits, `-` and `_`",
            ),
            ("", "1.0.0", "the service's name \"\" is not valid: use letters, digits, `-` and `_`"),
            ("a", "1.0", "the service's version \"1.0\" is not a semantic version, as in `1.0.0`"),
        ] {
            let router = Router::new(name, version).endpoint(calculate);
            let error = serve(client.clone(), router).await.expect_err("it is not valid");
            assert_eq!(error.to_string(), text);
        }
        for queue in ["", "a b", "a\r\nPUB x 0\r\n"] {
            let endpoint = |endpoint: Endpoint<(), Calculate>| endpoint.queue(queue);
            let router = Router::new("a", "1.0.0").endpoint_with(calculate, endpoint);
            let error = serve(client.clone(), router).await.expect_err("it is not valid");
            let ServeError::QueueGroup { name, queue_group, .. } = error else {
                panic!("{error:?}")
            };
            assert_eq!((name.as_str(), queue_group.as_str()), ("math-op", queue));
        }
        let error = serve(client, Router::<()>::new("a", "1.0.0")).await.expect_err("empty");
        assert!(matches!(error, ServeError::NoEndpoints));
    });
}

/// Asks another service within the time that its own caller waits.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("relay.{hops}", reply = Vec<u64>)]
struct Relay {
    hops: u8,
}

/// How many milliseconds each of the services has left.
async fn relay(client: Client, headers: Headers, ask: Relay) -> Vec<u64> {
    // Rounded up, as it is said.
    let left = |deadline: Deadline| {
        let micros = u64::try_from(deadline.remaining().as_micros()).expect("small");
        micros.div_ceil(1000)
    };
    let said = headers.get("Request-Timeout").and_then(|text| text.strip_suffix("ms"));
    let mut heard: Vec<u64> = said.into_iter().filter_map(|text| text.parse().ok()).collect();
    heard.extend(Deadline::current().map(left));
    if let Some(hops) = ask.hops.checked_sub(1) {
        heard.extend(client.request(&Relay { hops }).await.expect("a reply"));
    }
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_asks_waits_no_longer_than_its_own_caller() {
    for stage in [Stage::new().await, Stage::real()] {
        let served = stage.serve(Router::new("relay", "1.0.0").endpoint(relay)).await;
        let client = stage.client().await;
        let ask = Relay { hops: 2 };
        let heard = client.request(&ask).timeout(Duration::from_secs(5)).await.expect("a reply");
        assert_eq!((heard.len(), heard[0]), (6, 5000), "{heard:?}");
        assert!(heard.windows(2).all(|two| two[1] <= two[0]), "{heard:?}");
        // Other clients say nothing of the time, and then there is no deadline.
        let reply = client.connection().request("relay.0", r#"{"hops":0}"#).await.expect("a reply");
        assert_eq!(reply.text(), Ok("[]"));
        drop(served);
    }
}
