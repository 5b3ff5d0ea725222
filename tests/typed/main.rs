//! Typed publish, subscribe and request, against the real server and the embedded broker.

mod calls;
mod codecs;
mod families;
mod faults;
mod hostile;
mod injection;
mod many;
mod recorder;
mod traces;

use std::time::Duration;

use natsws::embedded::Broker;
use natsws::{
    Client, CodecError, ConnectOptions, DecodeError, PublishError, ReceiveError, RequestError,
    ServiceError, Subject, SubjectError, TypedSubscription,
};
use natsws_tests::{Server, Transport, within};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("orders.{region}.{id}.created")]
struct OrderCreated {
    region: String,
    id: u64,
    #[serde(default)]
    total: f64,
}

/// The same subjects, published without owning anything.
#[derive(Serialize, Subject)]
#[subject("orders.{region}.{id}.created")]
struct Borrowed<'a> {
    region: &'a str,
    id: u64,
    total: f64,
}

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("orders.{id}.get", codec = MsgPack, reply = Order, error = OrderError)]
struct GetOrder {
    id: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
enum OrderError {
    #[error("there is no order {0}")]
    NotFound(u64),
}

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("greeting", reply = String)]
struct Greet;

/// Runs a test on each server over each transport.
async fn everywhere(body: impl AsyncFn(Client)) {
    let server = Server::start();
    let broker = Broker::start().await.expect("a broker");
    let broker_urls = [broker.ws_url(), broker.nats_url()];
    for url in Transport::ALL.map(|transport| server.url(transport)).into_iter().chain(broker_urls)
    {
        body(connect(&url).await).await;
    }
    body(broker.connect().await.expect("in memory")).await;
}

async fn connect(url: &str) -> Client {
    let options = ConnectOptions::new().request_timeout(Duration::from_secs(10));
    within("connecting", options.connect(url)).await.expect("a server is there")
}

/// Stops a service, and waits until the server has forgotten it: a member of a queue group that is
/// gone would still be given requests of the next one.
async fn stop<T>(client: &Client, service: JoinHandle<T>) {
    service.abort();
    drop(service.await);
    client.flush().await.expect("flushed");
}

async fn next<M: natsws::DecodeOwned>(sub: &mut TypedSubscription<M>) -> M {
    let item = within("a message", sub.next()).await.expect("a message");
    item.expect("it decodes").into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_received_with_its_subject_and_content_type() {
    everywhere(async |client| {
        let mut created = client.subscribe::<OrderCreated>().await.expect("subscribed");
        let order = OrderCreated { region: "eu".to_owned(), id: 7, total: 9.5 };
        client.publish(&order).header("Trace", "7f3a").await.expect("published");
        let received = within("it", created.next()).await.expect("a message").expect("it decodes");
        assert_eq!(received.subject(), "orders.eu.7.created");
        assert_eq!(received.headers().get("Content-Type"), Some("application/json"));
        assert_eq!(received.headers().get("Trace"), Some("7f3a"));
        assert_eq!(received.msg().text(), Ok(r#"{"region":"eu","id":7,"total":9.5}"#));
        assert_eq!(received.total.to_bits(), 9.5_f64.to_bits());
        assert_eq!(received.into_inner(), order);
        let borrowed = Borrowed { region: "us", id: 8, total: 1.0 };
        client.publish(&borrowed).await.expect("published");
        let expected = OrderCreated { region: "us".to_owned(), id: 8, total: 1.0 };
        assert_eq!(next(&mut created).await, expected);
        assert_eq!((created.received(), created.dropped()), (2, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_subject_is_the_authority_and_what_does_not_decode_is_an_item() {
    everywhere(async |client| {
        let mut created = client.subscribe::<OrderCreated>().await.expect("subscribed");
        let plain = client.connection();
        let lie = r#"{"region":"elsewhere","id":1}"#;
        plain.publish("orders.eu.7.created", lie).await.expect("published");
        plain.publish("orders.eu.seven.created", lie).await.expect("published");
        plain.publish("orders.eu.8.created", "garbage").await.expect("published");
        plain.publish("orders.eu.9.created", "").await.expect("published");
        client.publish(&Borrowed { region: "eu", id: 10, total: 0.0 }).await.expect("published");

        let truth = OrderCreated { region: "eu".to_owned(), id: 7, total: 0.0 };
        assert_eq!(next(&mut created).await, truth);
        match within("it", created.next()).await {
            Some(Err(ReceiveError::Decode { source: DecodeError::Subject(error), msg })) => {
                assert!(matches!(error, SubjectError::Parse { field: "id", .. }), "{error:?}");
                assert_eq!(msg.text(), Ok(lie));
            }
            other => panic!("{other:?}"),
        }
        for payload in ["garbage", ""] {
            match within("it", created.next()).await {
                Some(Err(ReceiveError::Decode { source: DecodeError::Payload(error), msg })) => {
                    assert!(matches!(
                        error,
                        CodecError::Decode { content_type: "application/json", .. }
                    ));
                    assert_eq!(msg.text(), Ok(payload));
                    assert!(!format!("{msg:?}").contains("garbage"), "payloads are not shown");
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(next(&mut created).await.id, 10);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_not_one_token_is_refused_and_nothing_is_sent() {
    everywhere(async |client| {
        let mut all = client.connection().subscribe(">").await.expect("subscribed");
        for region in ["", "a.b", "*", ">", "a b", "a\r\nPUB x 0\r\n", "a\tb", "\0"] {
            let order = Borrowed { region, id: 7, total: 0.0 };
            let error = client.publish(&order).await.expect_err("it is not one token");
            assert!(
                matches!(error, PublishError::Subject(SubjectError::Token { field: "region", .. })),
                "{error:?}"
            );
        }
        client.publish(&Borrowed { region: "grün", id: 7, total: 0.0 }).await.expect("published");
        let msg = within("it", all.next()).await.expect("a message").expect("no gap");
        assert_eq!(msg.subject(), "orders.grün.7.created");
        assert_eq!(all.received(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_ends_in_a_reply_or_in_an_error_that_can_be_matched() {
    everywhere(async |client| {
        let mut asked = client.connection().subscribe("orders.*.get").max(4).await.expect("it");
        let service = tokio::spawn(async move {
            while let Some(Ok(msg)) = asked.next().await {
                match msg.subject() {
                    // MessagePack of {"id": 7}.
                    "orders.7.get" => {
                        assert_eq!(msg.payload(), b"\x81\xa2id\x07");
                        assert_eq!(msg.headers().get("Content-Type"), Some("application/msgpack"));
                        msg.respond(b"\x81\xa2id\x07").await.expect("sent");
                    }
                    "orders.8.get" => {
                        let error = ServiceError::new(404, "gone");
                        let body = b"\x81\xa8NotFound\x08";
                        msg.respond(body).headers(&error.to_headers()).await.expect("sent");
                    }
                    "orders.9.get" => {
                        let headers = ServiceError::new(418, "teapot").to_headers();
                        msg.respond("").headers(&headers).await.expect("sent");
                    }
                    _ => msg.respond("garbage").await.expect("sent"),
                }
            }
        });
        let order: Order = client.request(&GetOrder { id: 7 }).await.expect("a reply");
        assert_eq!(order, Order { id: 7 });
        match client.request::<GetOrder>(&GetOrder { id: 8 }).await {
            Err(RequestError::Remote(error)) => assert_eq!(error, OrderError::NotFound(8)),
            other => panic!("{other:?}"),
        }
        match client.request(&GetOrder { id: 9 }).await {
            Err(RequestError::Service(error)) => {
                assert_eq!((error.code(), error.description()), (418, "teapot"));
            }
            other => panic!("{other:?}"),
        }
        match client.request(&GetOrder { id: 10 }).await {
            Err(RequestError::Decode { reply, .. }) => assert_eq!(reply.text(), Ok("garbage")),
            other => panic!("{other:?}"),
        }
        service.await.expect("no panic");
        let nobody = client.request(&Greet).await.expect_err("nobody is there");
        assert!(nobody.is_no_responders());
        let _silent = client.connection().subscribe("greeting").await.expect("subscribed");
        let late = client.request(&Greet).timeout(Duration::from_millis(20)).await;
        assert!(late.expect_err("nobody answers").is_timed_out());
        assert_eq!(client.connection().requests_in_flight(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_struct_is_an_empty_message_for_everybody() {
    everywhere(async |client| {
        let mut asked = client.connection().subscribe("greeting").await.expect("subscribed");
        let service = tokio::spawn(async move {
            let msg = asked.next().await.expect("a request").expect("no gap");
            assert_eq!(msg.text(), Ok("null"));
            msg.respond("\"hello\"").await.expect("sent");
        });
        assert_eq!(client.request(&Greet).await.expect("a reply"), "hello");
        service.await.expect("no panic");
        // Other clients send nothing at all.
        let mut greets = client.subscribe::<Greet>().max(1).await.expect("subscribed");
        client.connection().publish("greeting", "").await.expect("published");
        next(&mut greets).await;
        assert!(within("the end", greets.next()).await.is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_every_call_become_one_with_a_question_mark() {
    async fn all(client: &Client) -> Result<String, natsws::Error> {
        let mut created = client.subscribe::<OrderCreated>().max(1).await?;
        client.publish(&Borrowed { region: "eu", id: 1, total: 0.0 }).await?;
        while let Some(order) = created.next().await {
            order?;
        }
        client.flush().await?;
        Ok(client.request(&Greet).await?)
    }
    everywhere(async |client| {
        let error = all(&client).await.expect_err("nobody greets");
        assert_eq!(error.to_string(), "nobody answers requests to this subject");
        let error: Box<dyn std::error::Error + Send + Sync> = error.into();
        assert!(error.source().is_none());
    })
    .await;
}

/// Every public future can be sent to another thread.
#[test]
fn futures_are_send() {
    fn sendable<T: Send>(_: impl FnOnce(Client) -> T) {}
    sendable(|client| async move { client.publish(&Greet).await });
    sendable(|client| async move { client.request(&Greet).await });
    sendable(|client| async move { client.subscribe::<OrderCreated>().await });
    sendable(|client| async move { client.drain().await });
    sendable(|client| async move { client.connection().request("a", "").await });
    sendable(|client| async move { client.connection().events().next().await });
}
