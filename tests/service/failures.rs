use std::future::IntoFuture;
use std::task::{Context, Poll};

use natsws::embedded::Broker;
use natsws::{Client, ConnectOptions, RequestError, Subject};
use natsws_service::{Incoming, Response, Route, Router, serve};
use natsws_tests::{Server, Transport, within};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tower::{Layer, Service};

use crate::stage::{Calculate, Gate, Slow, Stage, calculate, slow};

#[tokio::test]
async fn a_panic_is_one_failed_request_and_says_nothing_of_the_service() {
    let stage = Stage::new().await;
    let service = stage.serve(Router::new("math", "1.0.0").endpoint(calculate)).await;
    let client = stage.client().await;
    for _ in 0..3 {
        match client.request(&Calculate::new("panic", 0, 0)).await {
            Err(RequestError::Service(error)) => {
                assert_eq!((error.code(), error.description()), (500, "the service failed"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(client.request(&Calculate::new("add", 2, 3)).await.expect("a reply"), 5);
    let report = service.stopped().await;
    assert_eq!((report.completed, report.failed), (1, 3));
}

#[tokio::test]
async fn a_payload_that_does_not_decode_is_answered_with_400() {
    let stage = Stage::new().await;
    let _service = stage.serve(Router::new("math", "1.0.0").endpoint(calculate)).await;
    let client = stage.client().await;
    for payload in ["garbage", "", "[]", r#"{"op":"add"}"#] {
        let reply = client.connection().request("math.add", payload).await.expect("a reply");
        assert_eq!(reply.headers().get("Nats-Service-Error-Code"), Some("400"), "{payload}");
        let text = reply.headers().get("Nats-Service-Error").expect("a description");
        assert!(text.starts_with("the payload does not fit the message: decoding as"), "{text}");
    }
    assert_eq!(client.request(&Calculate::new("add", 2, 3)).await.expect("a reply"), 5);
}

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("big", reply = String)]
struct Big;

#[tokio::test]
async fn a_reply_that_is_too_large_is_answered_with_413() {
    let broker = Broker::builder().max_payload(1024).start().await.expect("a broker");
    let stage = Stage::of(broker);
    let app = Router::new("big", "1.0.0").endpoint(|_: Big| async { "x".repeat(2000) });
    let _service = stage.serve(app).await;
    match stage.client().await.request(&Big).await {
        Err(RequestError::Service(error)) => assert_eq!(error.code(), 413),
        other => panic!("{other:?}"),
    }
}

/// A layer whose service is never well.
#[derive(Clone)]
struct Broken(&'static str);

struct BrokenService(&'static str, Route);

impl Layer<Route> for Broken {
    type Service = BrokenService;

    fn layer(&self, inner: Route) -> BrokenService {
        BrokenService(self.0, inner)
    }
}

impl Service<Incoming> for BrokenService {
    type Response = Response;
    type Error = natsws_service::BoxError;
    type Future = <Route as Service<Incoming>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match self.0 {
            "panics when asked" => panic!("not ready"),
            "fails when asked" => Poll::Ready(Err("a secret of the layer".into())),
            _ => self.1.poll_ready(cx),
        }
    }

    fn call(&mut self, _incoming: Incoming) -> Self::Future {
        match self.0 {
            "panics when called" => panic!("called"),
            _ => Box::pin(async { Err("a secret of the layer".into()) }),
        }
    }
}

#[tokio::test]
async fn a_broken_layer_is_answered_with_500_and_the_endpoint_lives_on() {
    for how in ["panics when asked", "fails when asked", "panics when called", "fails when called"]
    {
        let stage = Stage::new().await;
        let app = Router::new("math", "1.0.0").endpoint(calculate).layer(Broken(how));
        let service = stage.serve(app).await;
        let client = stage.client().await;
        for _ in 0..2 {
            let ask = Calculate::new("add", 1, 1);
            match within("an answer", client.request(&ask).into_future()).await {
                Err(RequestError::Service(error)) => {
                    assert_eq!((error.code(), error.description()), (500, "the service failed"));
                }
                other => panic!("{how}: {other:?}"),
            }
        }
        assert_eq!(service.stopped().await.failed, 2, "{how}");
    }
}

#[tokio::test]
async fn an_event_sent_to_an_endpoint_is_handled_though_nobody_waits() {
    let stage = Stage::new().await;
    let service = stage.serve(Router::new("math", "1.0.0").endpoint(calculate)).await;
    let client = stage.client().await;
    client.publish(&Calculate::new("add", 1, 1)).await.expect("published");
    assert_eq!(client.request(&Calculate::new("add", 2, 3)).await.expect("a reply"), 5);
    let report = service.stopped().await;
    assert_eq!((report.completed, report.failed, report.unanswered), (2, 0, 1));
}

#[tokio::test]
async fn a_gap_costs_the_requests_that_are_in_it_and_the_endpoint_lives_on() {
    let stage = Stage::new().await;
    let gate = Gate::new();
    let (ready, is_ready) = oneshot::channel();
    let options = ConnectOptions::new().subscription_messages(2);
    let own = options.connect(stage.url()).await.expect("the broker is there");
    let app = Router::new("slow", "1.0.0")
        .endpoint_with(slow, |endpoint| endpoint.concurrency(1))
        .with_state(gate.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let running = serve(own.clone(), app)
        .on_ready(move || ready.send(()).unwrap_or_default())
        .with_graceful_shutdown(async { stopped.await.unwrap_or_default() });
    let service = tokio::spawn(running.into_future());
    within("the service", is_ready).await.expect("it is subscribed");
    let client = stage.client().await;
    client.publish(&Slow { id: 0 }).await.expect("published");
    gate.begun(1).await;
    for id in 1..=20 {
        client.publish(&Slow { id }).await.expect("published");
    }
    client.flush().await.expect("the broker has them");
    own.flush().await.expect("the service has them, or has dropped them");
    gate.open(100);
    assert_eq!(client.request(&Slow { id: 99 }).await.expect("a reply"), 99);
    drop(stop);
    let report = within("the drain", service).await.expect("no panic").expect("served");
    assert_eq!((report.failed, report.aborted), (0, 0));
    assert!(report.lost > 0, "nothing was dropped: {report:?}");
    assert_eq!(report.completed + report.lost, 22);
    assert_eq!(report.completed, report.unanswered + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_message_costs_itself_and_the_endpoint_lives_on() {
    let server = Server::start();
    let client = Client::connect(server.ws_url()).await.expect("the server is there");
    let (ready, is_ready) = oneshot::channel();
    let app = Router::new("math", "1.0.0").endpoint(calculate);
    let running = serve(client.clone(), app).on_ready(move || ready.send(()).unwrap_or_default());
    let service = tokio::spawn(running.into_future());
    within("the service", is_ready).await.expect("it is subscribed");

    let mut raw = tokio::net::TcpStream::connect(server.addr(Transport::Tcp)).await.expect("up");
    let wire: &[u8] = b"CONNECT {\"verbose\":false,\"headers\":true}\r\n\
        PUB math.\xff 1\r\nx\r\n\
        HPUB math.add 14 16\r\nNATS/1.0\nA: b\n{}\r\nPING\r\n";
    raw.write_all(wire).await.expect("written");
    let mut heard = Vec::new();
    while !heard.ends_with(b"PONG\r\n") {
        let more = within("the server's answer", raw.read_buf(&mut heard)).await;
        assert_ne!(more.expect("readable"), 0, "{}", String::from_utf8_lossy(&heard));
    }

    assert_eq!(client.request(&Calculate::new("add", 2, 3)).await.expect("a reply"), 5);
    client.close().await;
    let report = within("the service to end", service).await.expect("no panic").expect("served");
    assert_eq!((report.completed, report.failed, report.aborted), (1, 0, 0));
}
