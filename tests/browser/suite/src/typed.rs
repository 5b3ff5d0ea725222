//! Messages with types, in each codec.

use natsws::{ReceiveError, Subject};
use serde::{Deserialize, Serialize};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::stage::{Server, within};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subject)]
#[subject("orders.{region}.created")]
struct Created {
    region: String,
    id: u64,
    total: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subject)]
#[subject("packed.{region}", codec = MsgPack)]
struct Packed {
    region: String,
    numbers: Vec<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subject)]
#[subject("pressed.{region}", codec = Compressed<Json>)]
struct Pressed {
    region: String,
    text: String,
}

#[wasm_bindgen_test]
async fn typed_messages_are_the_same_on_the_other_side_in_each_codec() {
    let server = Server::start().await;
    let client = server.client().await;
    let mut created = client.subscribe::<Created>().await.expect("subscribed");
    let mut packed = client.subscribe::<Packed>().await.expect("subscribed");
    let mut pressed = client.subscribe::<Pressed>().await.expect("subscribed");
    let order = Created { region: "eu".into(), id: u64::MAX, total: 0.1 + 0.2 };
    let numbers = Packed { region: "us".into(), numbers: vec![i64::MIN, -1, 0, i64::MAX] };
    let text = Pressed { region: "asia".into(), text: "natsws ".repeat(1000) };
    client.publish(&order).await.expect("accepted");
    client.publish(&numbers).await.expect("accepted");
    client.publish(&text).await.expect("accepted");
    let received = within("an order", created.next()).await.expect("one").expect("good");
    assert_eq!((received.subject(), &*received), ("orders.eu.created", &order));
    let received = within("numbers", packed.next()).await.expect("one").expect("good");
    assert_eq!(*received, numbers);
    let received = within("a text", pressed.next()).await.expect("one").expect("good");
    assert!(received.msg().payload().len() < 1000);
    assert_eq!(*received, text);
}

#[wasm_bindgen_test]
async fn what_does_not_decode_is_an_error_and_the_next_one_is_read() {
    let server = Server::start().await;
    let client = server.client().await;
    let mut created = client.subscribe::<Created>().await.expect("subscribed");
    client.connection().publish("orders.eu.created", "{}").await.expect("accepted");
    let order = Created { region: "eu".into(), id: 1, total: 1.0 };
    client.publish(&order).await.expect("accepted");
    let error = within("an error", created.next()).await.expect("one").expect_err("it is empty");
    assert!(matches!(error, ReceiveError::Decode { .. }), "{error:?}");
    assert_eq!(*within("an order", created.next()).await.expect("one").expect("good"), order);
}
