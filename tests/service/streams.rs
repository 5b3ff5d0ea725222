//! Answers in parts.

use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};
use natsws::{Headers, RequestError, ServiceError, Subject};
use natsws_service::{Router, State, serve};
use natsws_tests::within;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::stage::Stage;

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("count.{to}", reply = u64, error = Uncountable)]
struct Count {
    to: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{0} cannot be counted to")]
struct Uncountable(u64);

async fn count(ask: Count) -> Result<impl Stream<Item = Result<u64, Uncountable>>, Uncountable> {
    match ask.to {
        0 => Err(Uncountable(0)),
        666 => Ok(stream::iter(vec![Ok(1), Err(Uncountable(666)), Ok(3)]).boxed()),
        999 => {
            Ok(stream::iter([1, 2]).map(|n| if n < 2 { Ok(n) } else { panic!("a secret") }).boxed())
        }
        to => Ok(stream::iter(1..=to).map(Ok).boxed()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_come_in_order_and_the_end_is_marked() {
    for stage in [Stage::new().await, Stage::real()] {
        let router = Router::new("count", "1.0.0").endpoint(count);
        let service = serve(stage.client().await, router).start().await.expect("served");
        let client = stage.client().await;
        for to in [1, 3, 2000] {
            let mut replies = client.request_many(&Count { to }).await.expect("asked");
            let mut counted = Vec::new();
            while let Some(reply) = within("a part", replies.next()).await {
                counted.push(reply.expect("a number"));
            }
            assert_eq!(counted, (1..=to).collect::<Vec<_>>());
            assert!(replies.is_complete());
        }
        // Who asks for one gets the first.
        assert_eq!(client.request(&Count { to: 9 }).await.expect("a reply"), 1);
        assert_eq!(within("the drain", service.drain()).await.completed, 4);
    }
}

#[tokio::test]
async fn an_error_is_the_last_part() {
    let stage = Stage::new().await;
    let router = Router::new("count", "1.0.0").endpoint(count);
    let service = serve(stage.client().await, router).start().await.expect("served");
    let client = stage.client().await;
    let all = async |to| {
        let mut replies = client.request_many(&Count { to }).await.expect("asked");
        let mut parts = Vec::new();
        while let Some(part) = within("a part", replies.next()).await {
            parts.push(part);
        }
        (parts, replies.is_complete())
    };
    let (parts, complete) = all(666).await;
    assert!(
        matches!(&parts[..], [Ok(1), Err(RequestError::Remote(Uncountable(666)))]),
        "{parts:?}"
    );
    assert!(complete);
    let (parts, complete) = all(999).await;
    match &parts[..] {
        [Ok(1), Err(RequestError::Service(error))] => {
            assert_eq!((error.code(), error.description()), (500, "the service failed"));
        }
        other => panic!("{other:?}"),
    }
    assert!(complete);
    let refused = client.request(&Count { to: 0 }).await;
    assert!(matches!(refused, Err(RequestError::Remote(Uncountable(0)))), "{refused:?}");
    let report = service.drain().await;
    assert_eq!((report.completed, report.failed), (0, 3));
}

#[tokio::test]
async fn headers_are_those_of_every_part() {
    #[derive(Serialize, Deserialize, Subject)]
    #[subject("words", reply = String)]
    struct Words;
    async fn words(_: Words) -> (Headers, impl Stream<Item = String>) {
        let mut headers = Headers::new();
        headers.append("Language", "en").expect("valid");
        (headers, stream::iter(["one", "two"]).map(str::to_owned))
    }
    let stage = Stage::new().await;
    let router = Router::new("words", "1.0.0").endpoint(words);
    let _service = serve(stage.client().await, router).start().await.expect("served");
    let client = stage.client().await;
    let mut replies = client.connection().request_many("words", "null").await.expect("asked");
    for word in ["\"one\"", "\"two\""] {
        let part = within("a part", replies.next()).await.expect("a part").expect("a reply");
        assert_eq!(part.text(), Ok(word));
        assert_eq!(part.headers().get("Language"), Some("en"));
        assert_eq!(part.headers().get("Content-Type"), Some("application/json"));
    }
}

/// A stream that never ends, and tells when it is dropped.
#[derive(Clone)]
struct Endless {
    dropped: Arc<std::sync::Mutex<Option<oneshot::Sender<()>>>>,
    room: Arc<Semaphore>,
}

#[derive(Serialize, Deserialize, Subject)]
#[subject("endless", reply = u64)]
struct Forever;

async fn endless(State(endless): State<Endless>, _: Forever) -> impl Stream<Item = u64> {
    let (parts, parts_of_it) = mpsc::channel(1);
    let dropped = endless.dropped.lock().expect("no panic").take();
    tokio::spawn(async move {
        for part in 0.. {
            endless.room.acquire().await.expect("never closed").forget();
            if parts.send(part).await.is_err() {
                break;
            }
        }
    });
    stream::unfold((parts_of_it, dropped), async |(mut parts, dropped)| {
        parts.recv().await.map(|part| (part, (parts, dropped)))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_stops_when_its_caller_drops_it_or_is_gone() {
    for how in ["dropped", "closed"] {
        for stage in [Stage::new().await, Stage::real()] {
            let (dropped, told) = oneshot::channel();
            let room = Arc::new(Semaphore::new(3));
            let state = Endless {
                dropped: Arc::new(std::sync::Mutex::new(Some(dropped))),
                room: room.clone(),
            };
            let app = Router::new("endless", "1.0.0").endpoint(endless).with_state(state);
            let service = serve(stage.client().await, app).start().await.expect("served");
            let client = stage.client().await;
            let mut replies = client.request_many(&Forever).await.expect("asked");
            for part in 0..3 {
                let reply = within("a part", replies.next()).await.expect("a part");
                assert_eq!(reply.expect("a number"), part);
            }
            if how == "dropped" {
                drop(replies);
            } else {
                client.close().await;
                // The server may hear of it a little later.
                room.add_permits(100_000);
            }
            within("the stream to be dropped", told).await.expect_err("dropped with its sender");
            let report = within("the drain", service.drain()).await;
            assert_eq!((report.completed, report.aborted), (1, 0), "{how}");
        }
    }
}

#[tokio::test]
async fn a_raw_stream_is_sent_part_by_part_too() {
    let stage = Stage::new().await;
    let router = Router::new("raw", "1.0.0")
        .raw("raw", async || stream::iter([Ok("a"), Ok("b"), Err(ServiceError::new(500, "no c"))]));
    let _service = serve(stage.client().await, router).start().await.expect("served");
    let client = stage.client().await;
    let mut replies = client.connection().request_many("raw", "").await.expect("asked");
    let mut next = async || {
        let part = within("a part", replies.next()).await.expect("a part").expect("a reply");
        (
            part.text().expect("text").to_owned(),
            part.headers().get("Nats-Service-Error").map(str::to_owned),
        )
    };
    assert_eq!(next().await, ("a".to_owned(), None));
    assert_eq!(next().await, ("b".to_owned(), None));
    assert_eq!(next().await, (String::new(), Some("no c".to_owned())));
    assert_eq!(next().await, (String::new(), None), "the mark");
}
