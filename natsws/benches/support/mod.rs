//! What is measured: one list for the times of `parts` and for the counts of `instructions`.

mod pieces;
mod rig;

use std::hint::black_box;

use natsws::bytes::Bytes;
use natsws::codec::{Json, MsgPack, Text};
use natsws::jetstream::Untyped;
use natsws::{Client, EncodeMessage, Subject};
use serde::{Deserialize, Serialize};

use self::rig::Rig;

/// Every workload takes a multiple of this many messages.
pub(crate) const BLOCK: usize = 100;

/// Something to do with this many messages.
pub(crate) type Run = Box<dyn FnMut(usize)>;

/// What it is called, and how it is made ready.
pub(crate) type Workload = (&'static str, fn() -> Run);

/// Every workload.
pub(crate) const WORKLOADS: &[Workload] = &[
    ("decode.16", || pieces::decode(&pieces::messages(16, ""), usize::MAX)),
    ("decode.1024", || pieces::decode(&pieces::messages(1024, ""), usize::MAX)),
    ("decode.headers", || pieces::decode(&pieces::messages(16, pieces::HEADERS), usize::MAX)),
    // Shorter than a message, so that every one of them is cut.
    ("decode.cut", || pieces::decode(&pieces::messages(64, ""), 61)),
    ("encode.plain", || pieces::encode("")),
    ("encode.headers", || pieces::encode(pieces::HEADERS)),
    ("headers.parse", pieces::parse_headers),
    ("headers.build", pieces::build_headers),
    ("subject.check", pieces::check_subject),
    ("json.encode", || pieces::codec_encode::<Json, _>(Order::new())),
    ("json.decode", || pieces::codec_decode::<Json, _>(&Order::new())),
    ("msgpack.encode", || pieces::codec_encode::<MsgPack, _>(Order::new())),
    ("msgpack.decode", || pieces::codec_decode::<MsgPack, _>(&Order::new())),
    ("text.encode", || pieces::codec_encode::<Text, _>(7_123_456_789_u64)),
    ("text.decode", || pieces::codec_decode::<Text, _>(&7_123_456_789_u64)),
    ("publish.16", || publish(Bytes::from_static(&[b'x'; 16]))),
    ("publish.1024", || publish(Bytes::from_static(&[b'x'; 1024]))),
    ("publish.by-hand", publish_by_hand),
    ("publish.json", || publish_typed(Order::new())),
    ("publish.msgpack", || publish_typed(Packed::from(Order::new()))),
    ("dispatch.16", || dispatch(pieces::messages(16, ""))),
    ("dispatch.1024", || dispatch(pieces::messages(1024, ""))),
    ("dispatch.json", dispatch_json),
    ("dispatch.by-hand", dispatch_by_hand),
    ("consume.ack", consume),
    ("request.1", || request(1)),
    ("request.50", || request(50)),
    ("request.by-hand", request_by_hand),
    ("request.json", request_typed),
];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subject)]
#[subject("orders.{region}.created")]
struct Order {
    region: String,
    id: u64,
    total: f64,
}

impl Order {
    fn new() -> Self {
        Self { region: "eu".to_owned(), id: 7_123_456, total: 9.5 }
    }
}

/// The same as MessagePack.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("orders.{region}.created", codec = MsgPack)]
struct Packed {
    region: String,
    id: u64,
    total: f64,
}

impl From<Order> for Packed {
    fn from(Order { region, id, total }: Order) -> Self {
        Self { region, id, total }
    }
}

fn publish(payload: Bytes) -> Run {
    let mut rig = Rig::new();
    Box::new(move |count| {
        rig.publish(count, &async |client: &Client| {
            client.connection().publish(pieces::SUBJECT, &payload).await
        });
    })
}

fn publish_typed<M: EncodeMessage + 'static>(message: M) -> Run {
    let mut rig = Rig::new();
    Box::new(move |count| {
        rig.publish(count, &async |client: &Client| client.publish(&message).await);
    })
}

/// What `publish.json` does, as one would write it without types: the same bytes on the wire.
fn publish_by_hand() -> Run {
    let (mut rig, order) = (Rig::new(), Order::new());
    Box::new(move |count| {
        rig.publish(count, &async |client: &Client| {
            let subject = format!("orders.{}.created", order.region);
            let payload = serde_json::to_vec(&order).expect("it has an encoding");
            let publish = client.connection().publish(&subject, payload);
            publish.header("Content-Type", "application/json").await
        });
    })
}

/// Messages of a pull consumer, each of which is acknowledged.
fn consume() -> Run {
    let mut rig = Rig::new();
    let client = rig.client.clone();
    let consumer = client.jetstream().bound_consumer("ORDERS", "workers").expect("good names");
    let mut messages = rig.confirmed(async {
        let messages = consumer.messages::<Untyped>().await;
        client.flush().await.expect("it is confirmed");
        messages
    });
    let block = pieces::block(pieces::delivery);
    Box::new(move |count| {
        rig.consume(count, &block, async || {
            let message = messages.next().await.expect("it is subscribed").expect("a message");
            message.ack().await.expect("it is accepted");
        });
    })
}

fn dispatch(block: Bytes) -> Run {
    let mut rig = Rig::new();
    let connection = rig.client.connection().clone();
    let mut subscription = rig.confirmed(async { connection.subscribe("orders.>").await });
    Box::new(move |count| {
        rig.receive(count, &block, async || {
            let msg = subscription.next().await.expect("it is subscribed");
            drop(msg.expect("a message"));
        });
    })
}

/// What [`dispatch_json`] does, without types.
fn dispatch_by_hand() -> Run {
    let mut rig = Rig::new();
    let connection = rig.client.connection().clone();
    let mut subscription = rig.confirmed(async { connection.subscribe("orders.*.created").await });
    let block = pieces::block(|| pieces::message(&pieces::encoded::<Json, _>(&Order::new()), ""));
    Box::new(move |count| {
        rig.receive(count, &block, async || {
            let msg = subscription.next().await.expect("it is subscribed").expect("a message");
            let mut tokens = msg.subject().split('.');
            let tokens = (tokens.next(), tokens.next(), tokens.next(), tokens.next());
            let (Some("orders"), Some(region), Some("created"), None) = tokens else {
                unreachable!("another subject")
            };
            let order: Order = serde_json::from_slice(msg.payload()).expect("an order");
            drop(black_box(Order { region: region.to_owned(), ..order }));
        });
    })
}

fn dispatch_json() -> Run {
    let mut rig = Rig::new();
    let client = rig.client.clone();
    let mut subscription = rig.confirmed(async { client.subscribe::<Order>().await });
    let block = pieces::block(|| pieces::message(&pieces::encoded::<Json, _>(&Order::new()), ""));
    Box::new(move |count| {
        rig.receive(count, &block, async || {
            let order = subscription.next().await.expect("it is subscribed");
            drop(black_box(order.expect("an order")));
        });
    })
}

fn request(in_flight: usize) -> Run {
    let mut rig = Rig::new();
    Box::new(move |count| {
        rig.request(count, in_flight, b"0123456789abcdef", &async |client: &Client| {
            let reply = client.connection().request(pieces::SUBJECT, "0123456789abcdef").await;
            assert_eq!(reply.expect("it is answered").payload().len(), 16);
        });
    })
}

/// Asks for the order that it brings.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("orders.{region}.get", reply = Order)]
struct GetOrder {
    region: String,
    id: u64,
    total: f64,
}

impl GetOrder {
    fn new() -> Self {
        let Order { region, id, total } = Order::new();
        Self { region, id, total }
    }
}

/// How many requests of these are in flight.
const IN_FLIGHT: usize = 50;

fn request_typed() -> Run {
    let (mut rig, ask) = (Rig::new(), GetOrder::new());
    let reply = pieces::encoded::<Json, _>(&Order::new());
    Box::new(move |count| {
        rig.request(count, IN_FLIGHT, &reply, &async |client: &Client| {
            drop(black_box(client.request(&ask).await.expect("it is answered")));
        });
    })
}

/// What `request.json` does, as one would write it without types: the same bytes on the wire.
fn request_by_hand() -> Run {
    let (mut rig, ask) = (Rig::new(), GetOrder::new());
    let reply = pieces::encoded::<Json, _>(&Order::new());
    Box::new(move |count| {
        rig.request(count, IN_FLIGHT, &reply, &async |client: &Client| {
            let subject = format!("orders.{}.get", ask.region);
            let payload = serde_json::to_vec(&ask).expect("it has an encoding");
            let request = client.connection().request(&subject, payload);
            let request = request.header("Content-Type", "application/json");
            let reply = request.header("Request-Timeout", "1000ms").await.expect("it is answered");
            let order: Order = serde_json::from_slice(reply.payload()).expect("an order");
            drop(black_box(order));
        });
    })
}
