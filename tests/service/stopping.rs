//! Services that stop at once, or end in ways of their own: nobody waits in vain, and it adds up.

use std::future::{IntoFuture, pending};
use std::time::Duration;

use natsws::{Client, Msg, RequestError, ServiceError};
use natsws_service::{Health, Router, ServiceHandle, serve};
use natsws_tests::{Server, eventually, within};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::stage::{Calculate, Gate, Slow, Stage, calculate, slow};

/// Asks so often at the same time, and counts the answers, and who was told 503.
async fn flood(client: &Client, requests: i64) -> (u64, u64) {
    let mut asks = JoinSet::new();
    for sum in 0..requests {
        let client = client.clone();
        asks.spawn(async move { client.request(&Calculate::new("add", sum, 0)).await });
    }
    let (mut answered, mut told) = (0, 0);
    while let Some(answer) = within("an answer", asks.join_next()).await {
        match answer.expect("no panic") {
            Ok(_) => answered += 1,
            Err(RequestError::Service(error)) if error.code() == 503 => told += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    (answered, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_a_replica_that_is_stopped_is_told_at_once_and_it_adds_up() {
    for stage in [Stage::new().await, Stage::real()] {
        let router = || Router::new("math", "1.0.0").endpoint(calculate);
        let one = serve(stage.client().await, router()).start().await.expect("served");
        let other = serve(stage.client().await, router()).start().await.expect("served");
        let client = stage.client().await;
        let asking = tokio::spawn(async move { flood(&client, 600).await });
        let stopped = within("the stop", one.stop()).await;
        let (answered, told) = asking.await.expect("no panic");
        assert_eq!(answered + told, 600);
        let stayed = within("the drain", other.drain()).await;
        assert_eq!(stopped.aborted + stopped.completed + stayed.completed, 600);
        assert_eq!(told, stopped.aborted, "{stopped:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fallback_that_is_stopped_leaves_alone_what_others_answer() {
    let stage = Stage::real();
    let router = || {
        let nothing = async || Err::<(), _>(ServiceError::new(404, "nothing"));
        Router::new("math", "1.0.0").endpoint(calculate).fallback("math.>", nothing)
    };
    let one = serve(stage.client().await, router()).start().await.expect("served");
    let other = serve(stage.client().await, router()).start().await.expect("served");
    let client = stage.client().await;
    let asking = tokio::spawn(async move { flood(&client, 300).await });
    let stopped = within("the stop", one.stop()).await;
    let (answered, told) = asking.await.expect("no panic");
    assert_eq!((answered + told, told), (300, stopped.aborted));
    assert_eq!(stopped.completed + within("the drain", other.drain()).await.completed, answered);
}

#[tokio::test]
async fn a_drain_may_take_for_ever() {
    let stage = Stage::new().await;
    let router = Router::new("math", "1.0.0").endpoint(calculate);
    let service = serve(stage.client().await, router).drain_timeout(Duration::MAX);
    let service = service.start().await.expect("served");
    assert_eq!(within("the drain", service.drain()).await.received(), 0);
}

#[tokio::test]
async fn a_service_that_is_dropped_has_stopped_and_its_callers_are_told() {
    let stage = Stage::new().await;
    let (begun, handle) = oneshot::channel::<ServiceHandle>();
    let begun = std::sync::Mutex::new(Some(begun));
    let begun = std::sync::Arc::new(begun);
    let router = Router::new("hang", "1.0.0").raw("hang", move |handle: ServiceHandle| {
        let begun = begun.lock().expect("no panic").take();
        begun.map(|begun| begun.send(handle));
        pending::<&'static str>()
    });
    let (client, own) = (stage.client().await, stage.client().await);
    let ask = tokio::spawn(async move { client.connection().request("hang", "").await });
    // The request comes again until the service is there.
    let serving = serve(own, router).into_future();
    let ask = match within("the first answer", ask).await.expect("no panic") {
        Err(RequestError::NoResponders) => {
            let client = stage.client().await;
            tokio::spawn(async move {
                loop {
                    match client.connection().request("hang", "").await {
                        Err(RequestError::NoResponders) => tokio::task::yield_now().await,
                        answer => return answer,
                    }
                }
            })
        }
        other => panic!("{other:?}"),
    };
    let handle = tokio::select! {
        served = serving => panic!("{served:?}"),
        handle = handle => handle.expect("the handler has it"),
    };
    assert_eq!(within("the report", handle.stopped()).await.aborted, 1);
    assert_eq!(handle.health(), Health::Stopped);
    let told = within("the answer", ask).await.expect("no panic").expect("an answer");
    assert_eq!(told.headers().get("Nats-Service-Error-Code"), Some("503"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_not_served_after_all_is_forgotten_and_its_callers_are_told() {
    let rules = "authorization { users: [\
        { user: a, password: a, permissions: { subscribe: { deny: \"no.>\" } } }, \
        { user: b, password: b }] }";
    let server = Server::builder().config(rules).start();
    let url = |user: &str| server.ws_url().replace("ws://", &format!("ws://{user}:{user}@"));
    let client = Client::connect(url("a").as_str()).await.expect("the server is there");
    let router = Router::new("math", "1.0.0").endpoint(calculate);
    let service = serve(client, router).start().await.expect("served");
    let part = || Router::part().raw("yes", async || "yes").raw("no.way", async || "no");
    service.add(part()).await.expect_err("one is denied");
    let names = |service: &ServiceHandle| -> Vec<_> {
        service.info().endpoints.into_iter().map(|endpoint| endpoint.name).collect()
    };
    assert_eq!(names(&service), ["math-op"]);
    // An add that is given up early leaves nothing behind either.
    let _ = tokio::time::timeout(Duration::ZERO, service.add(part())).await;
    eventually("the other is forgotten", async || (names(&service) == ["math-op"]).then_some(()))
        .await;
    service.add(Router::part().raw("yes", async || "yes")).await.expect("the name is free");
    let asker = Client::connect(url("b").as_str()).await.expect("the server is there");
    let yes = asker.connection().request("yes", "").await.expect("a reply");
    assert_eq!(yes.text(), Ok("yes"));
}

#[tokio::test]
async fn a_late_request_gives_back_the_room_that_a_shared_limit_had_for_it() {
    let stage = Stage::new().await;
    let gate = Gate::new();
    let app = Router::new("slow", "1.0.0")
        .endpoint(slow)
        .raw("quick", async |_: Msg| "quick")
        .layer(tower::limit::GlobalConcurrencyLimitLayer::new(1))
        .with_state(gate.clone());
    let _service = serve(stage.client().await, app).start().await.expect("served");
    let client = stage.client().await;
    let own = client.clone();
    let running = tokio::spawn(async move { own.request(&Slow { id: 1 }).await });
    gate.begun(1).await;
    // It waits for the limit, and nobody waits for it any more when there is room.
    let connection = client.connection().clone();
    let late = tokio::spawn(async move {
        connection.request("quick", "").header("Request-Timeout", "30ms").await
    });
    let timed = client.request(&Slow { id: 2 }).timeout(Duration::from_millis(60)).await;
    assert!(matches!(timed, Err(RequestError::TimedOut { .. })), "{timed:?}");
    gate.open(10);
    assert_eq!(within("a reply", running).await.expect("no panic").expect("a reply"), 1);
    let late = within("an answer", late).await.expect("no panic").expect("an answer");
    assert_eq!(late.headers().get("Nats-Service-Error-Code"), Some("408"));
    assert_eq!(
        within("a reply", client.request(&Slow { id: 3 }).into_future()).await.expect("room"),
        3
    );
}
