//! What the embedded broker records of what is published.

use natsws::embedded::{Broker, RecordError};
use natsws::{Client, DecodeError, RequestError};
use natsws_tests::within;

use crate::{Borrowed, GetOrder, OrderCreated};

fn order(id: u64) -> OrderCreated {
    OrderCreated { region: "eu".to_owned(), id, total: 0.0 }
}

async fn publish(client: &Client, ids: impl IntoIterator<Item = u64>) {
    for id in ids {
        let order = Borrowed { region: "eu", id, total: 0.0 };
        client.publish(&order).await.expect("published");
    }
    client.flush().await.expect("the broker has it");
}

#[tokio::test]
async fn what_any_client_published_is_there_as_values_in_order() {
    let broker = Broker::start().await.expect("a broker");
    assert_eq!(broker.published::<OrderCreated>().expect("a record"), []);
    let clients = [
        broker.connect().await.expect("in memory"),
        crate::connect(&broker.ws_url()).await,
        crate::connect(&broker.nats_url()).await,
    ];
    for (client, id) in clients.iter().zip(1..) {
        publish(client, [id]).await;
        client.connection().publish("elsewhere", "x").await.expect("published");
    }
    let published = broker.published::<OrderCreated>().expect("all of them");
    assert_eq!(published, [order(1), order(2), order(3)]);
    broker.forget_published();
    assert_eq!(broker.published::<OrderCreated>().expect("a record"), []);
    publish(&clients[0], [4]).await;
    assert_eq!(broker.published::<OrderCreated>().expect("one"), [order(4)]);
}

#[tokio::test]
async fn a_message_is_there_as_subject_reply_headers_and_payload_whoever_is_subscribed() {
    let broker = Broker::start().await.expect("a broker");
    let client = broker.connect().await.expect("in memory");
    let plain = client.connection();
    plain.publish("a.b", "x").reply("r").header("Trace", "7f3a").await.expect("published");
    let nobody = client.request(&GetOrder { id: 7 }).await.expect_err("nobody is there");
    assert!(matches!(nobody, RequestError::NoResponders), "{nobody:?}");

    let msgs = broker.published_msgs().expect("both");
    let [first, request] = &msgs[..] else { panic!("{msgs:?}") };
    assert_eq!((first.subject(), first.reply(), first.text()), ("a.b", Some("r"), Ok("x")));
    assert_eq!(first.headers().get("Trace"), Some("7f3a"));
    assert_eq!(request.subject(), "orders.7.get");
    assert!(request.reply().is_some_and(|reply| reply.starts_with("_INBOX.")));
    request.respond("too late").await.expect_err("it is a record");
    let asked = broker.published::<GetOrder>().expect("the request");
    assert_eq!(asked.iter().map(|ask| ask.id).collect::<Vec<_>>(), [7]);
}

#[tokio::test]
async fn a_recorder_waits_for_what_is_published_and_ends_with_the_broker() {
    let broker = Broker::start().await.expect("a broker");
    let client = broker.connect().await.expect("in memory");
    publish(&client, [1]).await;
    let mut created = broker.recorder::<OrderCreated>();
    let received = async |created: &mut natsws::embedded::Recorder<OrderCreated>| {
        within("it", created.next()).await.expect("more").expect("it decodes")
    };
    let first = received(&mut created).await;
    assert_eq!((first.subject(), first.id), ("orders.eu.1.created", 1));
    assert_eq!(first.headers().get("Content-Type"), Some("application/json"));
    let (second, ()) = tokio::join!(received(&mut created), publish(&client, [2]));
    assert_eq!(second.into_inner(), order(2));
    publish(&client, [3]).await;
    broker.forget_published();
    publish(&client, [4, 5]).await;
    assert_eq!(received(&mut created).await.id, 4);
    let (end, ()) = tokio::join!(
        async {
            assert_eq!(received(&mut created).await.id, 5);
            within("the end", created.next()).await
        },
        broker.close()
    );
    assert!(end.is_none());
    let mut late = broker.recorder::<OrderCreated>();
    assert_eq!(received(&mut late).await.id, 4);

    let abandoned = Broker::start().await.expect("a broker");
    let mut created = abandoned.recorder::<OrderCreated>();
    let (end, ()) = tokio::join!(within("the end", created.next()), async { drop(abandoned) });
    assert!(end.is_none(), "a recorder does not keep the broker running");
}

#[tokio::test]
async fn what_does_not_decode_is_an_error_with_the_message_and_a_recorder_goes_on() {
    let broker = Broker::start().await.expect("a broker");
    let client = broker.connect().await.expect("in memory");
    publish(&client, [1]).await;
    client.connection().publish("orders.eu.2.created", "garbage").await.expect("published");
    publish(&client, [3]).await;
    match broker.published::<OrderCreated>() {
        Err(RecordError::Decode { source: DecodeError::Payload(_), msg }) => {
            assert_eq!((msg.subject(), msg.text()), ("orders.eu.2.created", Ok("garbage")));
        }
        other => panic!("{other:?}"),
    }
    let mut created = broker.recorder::<OrderCreated>();
    for id in 1..=3 {
        match within("it", created.next()).await.expect("more") {
            Ok(order) => assert_eq!(order.id, id),
            Err(RecordError::Decode { .. }) => assert_eq!(id, 2),
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_record_that_is_not_complete_says_so() {
    let broker = Broker::builder().record_messages(3).start().await.expect("a broker");
    let client = broker.connect().await.expect("in memory");
    let mut created = broker.recorder::<OrderCreated>();
    publish(&client, 1..=3).await;
    assert_eq!(broker.published::<OrderCreated>().expect("all").len(), 3);
    publish(&client, 4..=5).await;
    let missed = broker.published::<OrderCreated>().expect_err("two are gone");
    assert!(matches!(missed, RecordError::Missed { messages: 2 }), "{missed:?}");
    let gap = within("it", created.next()).await.expect("a gap").expect_err("two are gone");
    assert!(matches!(gap, RecordError::Missed { messages: 2 }), "{gap:?}");
    let next = within("it", created.next()).await.expect("more").expect("it decodes");
    assert_eq!(next.id, 3);

    let forgetful = Broker::builder().record_bytes(0).record_messages(0).start().await;
    let forgetful = forgetful.expect("a broker");
    assert!(forgetful.published_msgs().expect("nothing was published").is_empty());
    publish(&forgetful.connect().await.expect("in memory"), [1]).await;
    forgetful.published_msgs().expect_err("it is not recorded");
}
