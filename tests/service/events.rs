//! Events as endpoints: messages that are published and not answered.

use std::sync::{Arc, Mutex};

use natsws::{Client, RequestError, ServiceError, Subject, Token};
use natsws_service::layers::DeadLetterLayer;
use natsws_service::{Failure, IntoApp, Router, State, serve};
use natsws_tests::{eventually, within};
use serde::{Deserialize, Serialize};

use crate::stage::{Calculate, MathError, Slow, Stage, calculate};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subject)]
enum FileEvent {
    #[subject("files.{volume}.stored")]
    Stored { volume: Volume, size: u64 },
    #[subject("files.{volume}.removed")]
    Removed { volume: Volume },
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Token)]
enum Volume {
    Main,
    Backup,
}

type Log<T> = Arc<Mutex<Vec<T>>>;

async fn keep<T: Send + 'static>(State(log): State<Log<T>>, event: T) {
    log.lock().expect("no panic").push(event);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_goes_to_one_replica_or_to_all_and_a_family_comes_in_order() {
    for stage in [Stage::new().await, Stage::real()] {
        let logs: [Log<FileEvent>; 2] = Default::default();
        let mut replicas = Vec::new();
        for log in &logs {
            let app = Router::new("files", "1.0.0")
                .event_with(keep::<FileEvent>, natsws_service::Endpoint::ordered)
                .with_state(Arc::clone(log));
            replicas.push(serve(stage.client().await, app).start().await.expect("served"));
        }
        let info = &replicas[0].info().endpoints[0];
        assert_eq!(info.name, "files-volume-stored-or-files-volume-removed");
        assert_eq!(info.subject, "files.*.stored, files.*.removed");
        let everything = Log::<FileEvent>::default();
        let app = Router::new("audit", "1.0.0")
            .event_with(keep::<FileEvent>, |endpoint| endpoint.no_queue().ordered())
            .with_state(Arc::clone(&everything));
        let audit = serve(stage.client().await, app).start().await.expect("served");

        let client = stage.client().await;
        let mut sent = Vec::new();
        for size in 0..50 {
            sent.push(FileEvent::Stored { volume: Volume::Main, size });
            sent.push(FileEvent::Removed { volume: Volume::Backup });
        }
        for event in &sent {
            client.publish(event).await.expect("published");
        }
        client.flush().await.expect("flushed");
        let report = within("the drain", audit.drain()).await;
        assert_eq!((report.completed, report.unanswered), (100, 100));
        assert_eq!(*everything.lock().expect("no panic"), sent);
        let mut shared = 0;
        for replica in replicas {
            shared += within("the drain", replica.drain()).await.completed;
        }
        assert_eq!(shared, 100);
        assert!(logs.iter().all(|log| !log.lock().expect("no panic").is_empty()));
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subject)]
#[subject("parcels.{id}.sent")]
struct Sent {
    id: u64,
}

async fn refuse_odd(event: Sent) -> Result<(), ServiceError> {
    if event.id & 1 == 0 { Ok(()) } else { Err(ServiceError::new(422, "it is odd")) }
}

#[tokio::test]
async fn what_fails_is_in_the_statistics_and_in_layers_and_whoever_asks_is_told() {
    let stage = Stage::new().await;
    let dead = DeadLetterLayer::new("dead.parcels").when(|_| true);
    let router = Router::new("parcels", "1.0.0").event(refuse_odd).layer(dead);
    let service = serve(stage.client().await, router).start().await.expect("served");
    let client = stage.client().await;
    let mut letters = client.connection().subscribe("dead.parcels").await.expect("subscribed");
    for id in 0..4 {
        client.publish(&Sent { id }).await.expect("published");
    }
    for payload in [r#"{"id":1}"#, r#"{"id":3}"#] {
        let letter = within("a dead letter", letters.next()).await.expect("one").expect("no gap");
        assert_eq!(letter.text(), Ok(payload));
    }
    let ask = async |subject: &str, payload: &'static str| {
        client.connection().request(subject, payload).await.expect("an answer")
    };
    let ok = ask("parcels.2.sent", r#"{"id":2}"#).await;
    assert_eq!((ok.payload(), ok.headers().len()), (&[][..], 0));
    let odd = ask("parcels.3.sent", r#"{"id":3}"#).await;
    assert_eq!(odd.headers().get("Nats-Service-Error-Code"), Some("422"));
    let garbage = ask("parcels.x.sent", "garbage").await;
    assert_eq!(garbage.headers().get("Nats-Service-Error-Code"), Some("400"));
    eventually("the statistics", async || {
        let stats = service.stats().endpoints.remove(0);
        (stats.num_requests == 7).then(|| assert_eq!(stats.num_errors, 4))
    })
    .await;
}

#[tokio::test]
async fn a_handler_fails_with_its_own_error_or_with_one_of_the_service() {
    async fn place(client: Client, ask: Calculate) -> Result<i64, Failure<MathError>> {
        match ask.op.as_str() {
            "declared" => Err(Failure::Declared(MathError::DivisionByZero { left: ask.left })),
            "service" => Err(ServiceError::new(418, "short and stout").into()),
            // Nobody serves this.
            _ => Ok(i64::try_from(client.request(&Slow { id: 1 }).await?).unwrap_or_default()),
        }
    }
    let stage = Stage::new().await;
    let router = Router::new("math", "1.0.0").endpoint(place);
    let _service = serve(stage.client().await, router).start().await.expect("served");
    let client = stage.client().await;
    let ask = async |op: &str| client.request(&Calculate::new(op, 7, 0)).await;
    let declared = ask("declared").await;
    assert!(
        matches!(declared, Err(RequestError::Remote(MathError::DivisionByZero { left: 7 }))),
        "{declared:?}"
    );
    for (op, code) in [("service", 418), ("nested", 503)] {
        match ask(op).await {
            Err(RequestError::Service(error)) => assert_eq!(error.code(), code),
            other => panic!("{op}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_request_without_a_broker_may_have_headers() {
    async fn caller(headers: natsws::Headers, ask: Calculate) -> Result<i64, MathError> {
        let added = headers.get("Plus").and_then(|plus| plus.parse().ok()).unwrap_or(0);
        calculate(ask).await.map(|sum| sum + added)
    }
    let mut app = Router::new("math", "1.0.0").endpoint(caller).into_app();
    let ask = Calculate::new("add", 1, 1);
    assert_eq!(app.oneshot(&ask).header("Plus", "40").await.expect("a reply"), 42);
    let invalid = app.oneshot(&ask).header("a b", "1").await;
    assert!(matches!(invalid, Err(RequestError::Header(_))), "{invalid:?}");
}
