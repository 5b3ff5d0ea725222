//! What can be said of a call: another subject, headers with the reply, how long it may take.

use std::time::Duration;

use natsws::bytes::{Bytes, BytesMut};
use natsws::codec::{Encoder, Json, Raw};
use natsws::{
    CodecError, Deadline, DecodeError, PublishError, ReceiveError, RequestError, Subject,
    SubjectError, SubscribeError,
};
use natsws_tests::within;
use serde::{Deserialize, Serialize};

use crate::{Borrowed, GetOrder, Order, OrderCreated, everywhere, next, stop};

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_narrows_a_subscription_and_its_fault_is_the_subscriptions() {
    everywhere(async |client| {
        let filter = OrderCreated::filter().region("eu");
        let mut in_eu = client.subscribe::<OrderCreated>().only(filter).max(2).await.expect("it");
        for (region, id) in [("us", 1), ("eu", 2), ("eu", 3)] {
            client.publish(&Borrowed { region, id, total: 0.0 }).await.expect("published");
        }
        assert_eq!(next(&mut in_eu).await.id, 2);
        assert_eq!(next(&mut in_eu).await.id, 3);
        assert!(within("the end", in_eu.next()).await.is_none());
        assert!(in_eu.is_closed());
        let wrong = client.subscribe::<OrderCreated>().only(OrderCreated::filter().region("a.b"));
        assert!(matches!(
            wrong.await,
            Err(SubscribeError::Subject(SubjectError::Token { field: "region", .. }))
        ));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_may_go_to_a_subject_that_comes_from_elsewhere() {
    everywhere(async |client| {
        let mut all = client.connection().subscribe("*.elsewhere").await.expect("subscribed");
        // Its own subject is not even possible.
        let order = Borrowed { region: "", id: 7, total: 1.0 };
        let subject = String::from("is.elsewhere");
        client.publish_to(&subject, &order).reply("answers.here").await.expect("published");
        let msg = within("it", all.next()).await.expect("a message").expect("no gap");
        assert_eq!((msg.subject(), msg.reply()), ("is.elsewhere", Some("answers.here")));
        assert_eq!(msg.headers().get("Content-Type"), Some("application/json"));
        assert_eq!(msg.text(), Ok(r#"{"region":"","id":7,"total":1.0}"#));
        let nowhere = client.publish_to("a.*", &order).await;
        assert!(matches!(nowhere, Err(PublishError::Subject(SubjectError::Wildcard { .. }))));
        let nobody = client.publish_to("a", &order).reply("a b").await;
        assert!(matches!(nobody, Err(PublishError::Reply(SubjectError::Character { .. }))));

        let asked = tokio::spawn(async move {
            let msg = within("it", all.next()).await.expect("a message").expect("no gap");
            msg.respond(b"\x81\xa2id\x09").header("Host", "a").await.expect("sent");
        });
        let response = client.request_to("also.elsewhere", &GetOrder { id: 7 }).with_headers();
        let response = response.await.expect("a reply");
        assert_eq!(*response, Order { id: 9 });
        assert_eq!(response.headers().get("Host"), Some("a"));
        assert_eq!(response.into_inner(), Order { id: 9 });
        asked.await.expect("no panic");
        let nowhere = client.request_to("a..b", &GetOrder { id: 7 }).await;
        assert!(matches!(nowhere, Err(RequestError::Subject(SubjectError::EmptyToken { .. }))));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_may_come_on_a_subject_of_its_own() {
    everywhere(async |client| {
        let mut asked = client.connection().subscribe("orders.*.get").await.expect("it");
        let service = tokio::spawn(async move {
            let mut replies = Vec::new();
            for _ in 0..3 {
                let msg = asked.next().await.expect("a request").expect("no gap");
                replies.push(msg.reply().expect("it asks for a reply").to_owned());
                msg.respond(b"\x81\xa2id\x07").await.expect("sent");
            }
            replies
        });
        let ask = GetOrder { id: 7 };
        client.request(&ask).await.expect("a reply");
        client.request(&ask).no_mux().await.expect("a reply");
        client.request(&ask).reply("my.inbox").await.expect("a reply");
        let [shared, own, named] = &service.await.expect("no panic")[..] else { panic!("three") };
        let prefix = |inbox: &str| inbox.rsplit_once('.').map(|(prefix, _)| prefix.to_owned());
        assert_ne!(prefix(shared), prefix(own));
        assert_eq!(named, "my.inbox");
        assert_eq!(client.connection().requests_in_flight(), 0);
        let wrong = client.request(&ask).reply("a.*").await;
        assert!(matches!(wrong, Err(RequestError::Subject(SubjectError::Wildcard { .. }))));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_another_content_type_is_an_item_that_names_both() {
    everywhere(async |client| {
        let mut created = client.subscribe::<OrderCreated>().await.expect("subscribed");
        let plain = client.connection();
        for (kind, taken) in [
            ("application/msgpack", false),
            ("text/plain", false),
            ("Application/JSON; charset=utf-8", true),
            ("application/vnd.order+json", true),
        ] {
            let subject = "orders.eu.7.created";
            let payload = r#"{"region":"eu","id":7}"#;
            plain.publish(subject, payload).header("Content-Type", kind).await.expect("published");
            match within("it", created.next()).await.expect("an item") {
                Ok(order) => assert!(taken && order.id == 7, "{kind}"),
                Err(ReceiveError::Decode { source: DecodeError::Payload(error), msg }) => {
                    assert!(!taken, "{kind}");
                    assert_eq!(
                        error.to_string(),
                        format!("the message is {kind:?}, but application/json was expected")
                    );
                    assert!(
                        matches!(error, CodecError::ContentType { found, .. } if found == kind)
                    );
                    assert_eq!(msg.text(), Ok(payload));
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        // What a user says of the content goes before what the type says.
        let order = Borrowed { region: "eu", id: 8, total: 0.0 };
        let said = "application/x-order+json";
        client.publish(&order).header("Content-Type", said).await.expect("published");
        let received = within("it", created.next()).await.expect("an item").expect("it is JSON");
        assert_eq!(received.headers().get_all("Content-Type").collect::<Vec<_>>(), [said]);
    })
    .await;
}

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("notes.{host}")]
struct Note<'a> {
    host: &'a str,
    text: &'a str,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_received_can_be_read_again_as_a_type_that_borrows() {
    everywhere(async |client| {
        let mut raw = client.connection().subscribe(Note::FILTER).await.expect("subscribed");
        client.publish(&Note { host: "a", text: "up" }).await.expect("published");
        let msg = within("it", raw.next()).await.expect("a message").expect("no gap");
        let note: Note<'_> = msg.decode().expect("it decodes");
        assert_eq!((note.host, note.text), ("a", "up"));
        assert!(msg.payload().as_ptr_range().contains(&note.text.as_ptr()));
        assert!(msg.subject().as_bytes().as_ptr_range().contains(&note.host.as_ptr()));
        // The subject is the authority here, too.
        assert!(matches!(msg.decode::<OrderCreated>(), Err(DecodeError::Subject(_))));

        let mut created = client.subscribe::<OrderCreated>().await.expect("subscribed");
        client.publish(&Borrowed { region: "eu", id: 7, total: 2.0 }).await.expect("published");
        let received = within("it", created.next()).await.expect("an item").expect("it decodes");
        let view: View<'_> = received.view().expect("it decodes");
        assert_eq!((view.region, view.id), ("eu", 7));
    })
    .await;
}

#[derive(Debug, Deserialize, Subject)]
#[subject("orders.{region}.{id}.created")]
struct View<'a> {
    region: &'a str,
    id: u64,
}

/// A service that says how long its caller waits, and asks the next one.
#[derive(Serialize, Deserialize, Subject)]
#[subject("chain.{left}", reply = Vec<String>)]
struct Chain {
    left: u8,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_that_is_left_travels_with_a_request_and_shrinks() {
    everywhere(async |client| {
        let mut asked = client.connection().subscribe(Chain::FILTER).await.expect("subscribed");
        let nested = client.clone();
        let service = tokio::spawn(async move {
            while let Some(Ok(msg)) = asked.next().await {
                let nested = nested.clone();
                tokio::spawn(async move {
                    let ask: Chain = msg.decode().expect("it decodes");
                    let timeout = msg.headers().get("Request-Timeout").expect("it says").to_owned();
                    let deadline = Deadline::from_headers(msg.headers()).expect("it is a time");
                    let mut heard = vec![timeout];
                    if let Some(left) = ask.left.checked_sub(1) {
                        let next = deadline.scope(async {
                            nested.request(&Chain { left }).timeout(Duration::from_secs(60)).await
                        });
                        heard.extend(next.await.expect("a reply"));
                    }
                    let mut reply = BytesMut::new();
                    Json::encode(&heard, &mut reply).expect("it has an encoding");
                    msg.respond(reply.freeze()).await.expect("sent");
                });
            }
        });
        let ask = Chain { left: 2 };
        let heard = client.request(&ask).timeout(Duration::from_secs(20)).await.expect("a reply");
        let millis: Vec<u64> = heard
            .iter()
            .map(|text| text.strip_suffix("ms").expect("milliseconds").parse().expect("a number"))
            .collect();
        assert_eq!(millis[0], 20_000);
        assert!(millis.windows(2).all(|two| two[1] <= two[0]), "{millis:?}");
        assert!(millis[2] > 1_000, "{millis:?}");

        let late = Deadline::after(Duration::ZERO);
        let error = late.scope(async { client.request(&ask).await }).await;
        assert!(matches!(error, Err(RequestError::TimedOut { after: Duration::ZERO })));
        let said = client.request(&Chain { left: 0 }).header("Request-Timeout", "7s").await;
        assert_eq!(said.expect("a reply"), ["7s"]);
        stop(&client, service).await;
    })
    .await;
}

/// Bytes that a message has besides its subject.
#[derive(Debug, PartialEq, Subject)]
#[subject("blobs.{name}", codec = Raw)]
struct Blob {
    name: String,
    bytes: Bytes,
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Bytes> for Blob {
    fn from(bytes: Bytes) -> Self {
        Self { name: String::new(), bytes }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_received_where_they_came() {
    everywhere(async |client| {
        let mut blobs = client.subscribe::<Blob>().await.expect("subscribed");
        let blob = Blob { name: "a".to_owned(), bytes: "\0\u{1}".into() };
        client.publish(&blob).await.expect("published");
        let received = within("it", blobs.next()).await.expect("an item").expect("it decodes");
        assert_eq!(*received, blob);
        assert_eq!(received.bytes.as_ptr(), received.msg().payload().as_ptr(), "not copied");
        let mut out = BytesMut::new();
        Raw::encode(&blob, &mut out).expect("it is bytes");
        assert_eq!(&out[..], received.msg().payload());
    })
    .await;
}
