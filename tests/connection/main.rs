//! The raw client against the real `nats-server`, and against the broker of `natsws::embedded`,
//! which is held to the same; where no real server would do such a thing, against a scripted one.

#[macro_use]
mod place;
mod acceptance;
mod addresses;
mod auth;
mod bad_input;
mod compression;
mod drain;
mod families;
mod frames;
mod handlers;
mod handshake;
mod headers;
mod lifecycle;
mod limits;
mod many;
mod options;
mod permissions;
mod pressure;
mod proxy;
mod publish;
mod queue_groups;
mod reconnect;
mod requests;
mod secrets;
mod slow;
mod soak;
mod subjects;
mod subscribe;
mod tls;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use natsws::{
    AttemptError, ConnectError, ConnectOptions, Connection, Event, Events, Msg, Subscription,
};
use natsws_tests::{Peer, Scripted, info, within};
use serde_json::Value;

async fn connect_with(url: &str, options: ConnectOptions) -> Connection {
    within("connecting", Connection::connect_with(url, options)).await.expect("a server is there")
}

async fn connect(url: &str) -> Connection {
    connect_with(url, quick()).await
}

/// Options of a client that is back soon, and tries servers in the order in which they are given.
fn quick() -> ConnectOptions {
    ConnectOptions::new()
        .reconnect_time_wait(Duration::from_millis(20))
        .reconnect_jitter(Duration::ZERO)
        .reconnect_jitter_tls(Duration::ZERO)
        .no_randomize(true)
}

/// Why the last server that was tried could not be connected to.
fn attempt(error: ConnectError) -> Arc<AttemptError> {
    let ConnectError::NoServer { mut attempts } = error else {
        unreachable!("not that error: {error:?}")
    };
    attempts.pop().expect("one attempt").1
}

/// The next message, where nothing went wrong before it.
async fn next(subscription: &mut Subscription) -> Msg {
    let item = within("a message", subscription.next()).await;
    item.expect("the subscription goes on").expect("nothing but a message")
}

/// The next message's payload.
async fn text(subscription: &mut Subscription) -> String {
    next(subscription).await.text().expect("text").to_owned()
}

/// The payloads of all messages up to the end.
async fn rest(subscription: &mut Subscription) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(msg) = within("the end", subscription.next()).await {
        all.push(msg.expect("nothing but messages").text().expect("text").to_owned());
    }
    all
}

/// Waits for an event that `pick` takes, passing over others.
async fn event<T>(events: &mut Events, pick: impl Fn(Event) -> Option<T>) -> T {
    within("the event", async {
        loop {
            let event = events.next().await.expect("the connection is there");
            if let Some(picked) = pick(event) {
                return picked;
            }
        }
    })
    .await
}

/// A client that is connected to a scripted server which says this of itself.
async fn scripted_as(info: &Value, options: ConnectOptions) -> (Scripted, Peer, Connection) {
    let scripted = Scripted::start();
    let url = scripted.url();
    let (connection, peer) = tokio::join!(connect_with(&url, options), async {
        let mut peer = scripted.accept().await;
        peer.handshake(info).await;
        peer
    });
    (scripted, peer, connection)
}

/// A client that is connected to a scripted server.
async fn scripted() -> (Scripted, Peer, Connection) {
    scripted_as(&info(), quick()).await
}

/// Answers the PING of a flush.
async fn flush(connection: &Connection, peer: &mut Peer) {
    let (flushed, ()) = tokio::join!(within("the flush", connection.flush()), async {
        peer.expect_line("PING").await;
        peer.send("PONG\r\n").await;
    });
    flushed.expect("it was answered");
}
