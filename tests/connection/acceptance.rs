//! What the tables of parity and reliability ask for and no test of one feature shows: several
//! features at once, and failures in the middle of them.

mod attempts;
mod breaks;
mod input;
mod leaving;
mod pressure;
mod requests;

use std::time::Duration;

use natsws::{ConnectOptions, Connection, Disconnect, Event, Events};
use natsws_tests::{Peer, Proxy, Scripted, ServerBuilder, Transport, eventually, info, within};

use crate::place::Place;
use crate::{event, quick};

/// Options of a client that is back at once, however often its connection breaks.
fn at_once() -> ConnectOptions {
    quick().reconnect_delay(|_| Duration::ZERO).unlimited_reconnect_attempts()
}

/// How many subscriptions there are at the server, all clients together.
fn subscriptions(place: &Place) -> u64 {
    match place {
        Place::Real { server, .. } => {
            server.monitor("/varz")["subscriptions"].as_u64().expect("a number")
        }
        Place::Broker { broker, .. } => broker.subscriptions() as u64,
    }
}

/// A server that says how many subscriptions it has.
fn monitored(server: ServerBuilder) -> ServerBuilder {
    server.monitoring()
}

/// A proxy in front of a server, and the address of the server behind it.
fn behind(place: &Place) -> (Proxy, String) {
    let url = place.url();
    let (scheme, addr) = url.split_once("://").expect("a scheme");
    let proxy = Proxy::to(addr.parse().expect("an address and a port"));
    let url = proxy.url(scheme);
    (proxy, url)
}

/// A client of a scripted server over this transport, which has greeted it.
async fn greeted(transport: Transport, options: ConnectOptions) -> (Peer, Connection) {
    let scripted = Scripted::start();
    let url = scripted.url_as(if transport == Transport::Ws { "ws" } else { "nats" });
    let (nc, peer) = tokio::join!(crate::connect_with(&url, options), async {
        let mut peer = match transport {
            Transport::Ws => scripted.accept_upgrade().await.accept().await,
            Transport::Tcp => scripted.accept().await,
        };
        peer.handshake(&info()).await;
        peer
    });
    (peer, nc)
}

/// Answers every message with its own payload.
async fn echo(nc: &Connection, subject: &str) {
    let mut sub = nc.subscribe(subject).await.expect("subscribed");
    tokio::spawn(async move {
        while let Some(msg) = sub.next().await {
            let msg = msg.expect("nothing but messages");
            msg.respond(msg.payload_bytes()).await.expect("answered");
        }
    });
}

async fn lost(events: &mut Events) -> (Disconnect, u64) {
    event(events, |event| match event {
        Event::Disconnected { reason, unconfirmed, .. } => Some((reason, unconfirmed)),
        _ => None,
    })
    .await
}

async fn reconnected(nc: &Connection, times: u64) {
    eventually("the reconnect", async || (nc.stats().reconnects >= times).then_some(())).await;
    within("the connection", nc.wait_connected(Duration::from_secs(9))).await.expect("it is up");
}
