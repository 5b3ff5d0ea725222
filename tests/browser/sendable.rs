//! What is public can be sent to another thread on every platform, so that code for both is one.

use natsws::jetstream::{JetStream, StreamConfig};
use natsws::{
    Client, ConnectOptions, Connection, Events, Msg, Subject, Subscription, TypedSubscription,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Subject)]
#[subject("ask", reply = u8)]
struct Ask;

fn send<T: Send>(_: T) {}
fn both<T: Send + Sync>() {}

async fn futures(client: &Client, js: &JetStream, mut subscription: Subscription) {
    let connection = client.connection();
    send(Client::connect("ws://localhost"));
    send(ConnectOptions::new().connect("ws://localhost"));
    send(connection.publish("a", "b"));
    send(connection.request("a", "b"));
    send(connection.subscribe("a").into_future());
    send(client.publish(&Ask));
    send(client.request(&Ask).into_future());
    send(client.subscribe::<Ask>().into_future());
    send(client.flush());
    send(client.drain());
    send(subscription.next());
    send(js.create_stream(StreamConfig::new("S")));
    send(js.publish(&Ask).into_future());
    send(js.object_store("b"));
}

/// It is compiled for each platform, which is all there is to it.
const _: () = {
    let _ = futures;
    let _ = handles;
};

fn handles() {
    both::<Client>();
    both::<Connection>();
    both::<ConnectOptions>();
    both::<JetStream>();
    both::<Msg>();
    send::<Option<(Subscription, TypedSubscription<Ask>, Events)>>(None);
}
