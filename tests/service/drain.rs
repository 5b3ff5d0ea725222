use std::sync::Arc;
use std::time::Duration;

use natsws::RequestError;
use natsws_service::Router;
use natsws_tests::within;
use tokio::sync::Semaphore;
use tower::limit::ConcurrencyLimitLayer;

use crate::stage::{Calculate, Gate, Slow, Stage, calculate, slow};

#[tokio::test]
async fn draining_answers_what_runs_and_what_waits_and_takes_nothing_new() {
    let stage = Stage::new().await;
    let gate = Gate::new();
    let app = Router::new("slow", "1.0.0")
        .endpoint_with(slow, |endpoint| endpoint.concurrency(3))
        .with_state(gate.clone());
    let service = stage.serve(app).await;
    let client = stage.client().await;
    let asks: Vec<_> = (0..10)
        .map(|id| {
            let client = client.clone();
            tokio::spawn(async move { client.request(&Slow { id }).await })
        })
        .collect();
    gate.begun(3).await;
    // All ten are at the service when the broker has them.
    client.flush().await.expect("flushed");
    let drained = service.stop();
    let mut probe = Slow { id: 99 };
    loop {
        // The service is unsubscribed when nobody is there any more.
        let answer = client.request(&probe).timeout(Duration::from_millis(20)).await;
        match answer {
            Err(RequestError::NoResponders) => break,
            Err(RequestError::TimedOut { .. }) => probe.id += 1,
            other => panic!("{other:?}"),
        }
    }
    gate.open(1000);
    for (id, ask) in asks.into_iter().enumerate() {
        let reply = within("a reply", ask).await.expect("no panic").expect("a reply");
        assert_eq!(reply, id as u64);
    }
    let report = within("the drain", drained).await.expect("no panic").expect("served");
    let probes = probe.id - 99;
    // Nobody waits for the probes any more, so most of them are not even begun.
    assert_eq!(
        (report.completed + report.shed, report.failed, report.aborted),
        (10 + probes, 0, 0)
    );
    assert!(report.completed >= 10, "{report:?}");
    assert!(report.flushed);
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_given_up_and_counted() {
    let stage = Stage::new().await;
    let gate = Gate::new();
    let app = Router::new("slow", "1.0.0")
        .endpoint_with(slow, |endpoint| endpoint.concurrency(2))
        .with_state(gate.clone());
    let service = stage.serve_for(app, Duration::from_millis(50)).await;
    let client = stage.client().await;
    let asks: Vec<_> = (0..3)
        .map(|id| {
            let client = client.clone();
            tokio::spawn(async move {
                client.request(&Slow { id }).timeout(Duration::from_secs(5)).await
            })
        })
        .collect();
    gate.begun(2).await;
    client.flush().await.expect("flushed");
    let report = service.stopped().await;
    assert_eq!((report.completed, report.failed, report.aborted), (0, 0, 3));
    for ask in asks {
        // What is given up is said to be, so that nobody waits for it.
        match within("the end", ask).await.expect("no panic") {
            Err(RequestError::Service(error)) => {
                assert_eq!((error.code(), error.description()), (503, "the service has stopped"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_request_that_waits_for_a_layer_when_time_is_up_is_counted_once() {
    let stage = Stage::new().await;
    let gate = Gate::new();
    let app = Router::new("slow", "1.0.0")
        .endpoint(slow)
        .layer(ConcurrencyLimitLayer::new(1))
        .with_state(gate.clone());
    let service = stage.serve_for(app, Duration::from_millis(50)).await;
    let client = stage.client().await;
    for id in 0..4 {
        client.publish(&Slow { id }).await.expect("published");
    }
    gate.begun(1).await;
    client.flush().await.expect("flushed");
    // One runs, one waits for the layer, two wait to be taken.
    let report = service.stopped().await;
    assert_eq!((report.completed, report.failed, report.aborted), (0, 0, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_loses_no_request() {
    restarts_without_a_loss(Stage::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_loses_no_request_on_the_real_server() {
    restarts_without_a_loss(Stage::real()).await;
}

async fn restarts_without_a_loss(stage: Stage) {
    let app = || Router::new("math", "1.0.0").endpoint(calculate);
    let mut replica = stage.serve(app()).await;
    let client = stage.client().await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let progress = Arc::new(Semaphore::new(0));
    let asks: Vec<_> = (0..4)
        .map(|_| {
            let (client, stopped, progress) =
                (client.clone(), stopped.clone(), Arc::clone(&progress));
            tokio::spawn(async move {
                let mut answered = 0_u64;
                while !*stopped.borrow() {
                    let sum = client.request(&Calculate::new("add", 2, 3)).await;
                    assert_eq!(sum.expect("a reply"), 5);
                    answered += 1;
                    progress.add_permits(1);
                }
                answered
            })
        })
        .collect();
    let mut served = 0;
    for _ in 0..10 {
        // Every restart is in the middle of traffic, however slow the machine is.
        let asked = within("requests", progress.acquire_many(20)).await;
        asked.expect("it is never closed").forget();
        let next = stage.serve(app()).await;
        let report = std::mem::replace(&mut replica, next).stopped().await;
        assert_eq!((report.failed, report.aborted), (0, 0));
        served += report.completed;
    }
    stop.send_replace(true);
    let mut answered = 0;
    for ask in asks {
        answered += within("the callers", ask).await.expect("no request is lost");
    }
    served += replica.stopped().await.completed;
    assert_eq!(served, answered);
    assert!(answered >= 200, "only {answered} requests");
}

#[tokio::test]
async fn the_client_of_a_service_stays_open_and_a_closed_one_ends_the_service() {
    let stage = Stage::new().await;
    let client = stage.client().await;
    let app = Router::new("math", "1.0.0").endpoint(calculate);
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    let running = natsws_service::serve(client.clone(), app)
        .on_ready(move || ready.send(()).unwrap_or_default());
    let service = tokio::spawn(running.into_future());
    within("the service", is_ready).await.expect("it is subscribed");
    assert_eq!(client.request(&Calculate::new("add", 2, 3)).await.expect("a reply"), 5);
    within("closing", client.close()).await;
    let report = within("the service to end", service).await.expect("no panic").expect("served");
    assert_eq!((report.completed, report.flushed), (1, false));

    let stage = Stage::new().await;
    let client = stage.client().await;
    let app = Router::new("math", "1.0.0").endpoint(calculate);
    let stopped = natsws_service::serve(client.clone(), app).with_graceful_shutdown(async {});
    within("the drain", stopped.into_future()).await.expect("served");
    client.flush().await.expect("the client is still connected");
}
