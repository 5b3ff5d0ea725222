//! Logging in: each kind of credentials, those that are made anew for every connection, and what
//! happens where they are refused, expire, or permit less than before.

mod authenticators;
mod cookies;
mod expiry;
mod kinds;
mod permissions;
mod refusals;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use natsws::{AttemptError, ConnectOptions, Connection, Event, Events, ServerError};
use natsws_tests::{Peer, Scripted, Transport, info_with, within};
use serde_json::{Value, json};

use crate::attempt;

const REFUSED: &str = "the server refused the credentials";

/// Who the server takes the client for.
async fn who(nc: &Connection) -> String {
    let reply = nc.request("$SYS.REQ.USER.INFO", "").timeout(Duration::from_secs(9)).await;
    let reply = reply.expect("the server knows");
    let told: Value = serde_json::from_slice(reply.payload()).expect("JSON");
    told["data"]["user"].as_str().expect("a user").to_owned()
}

/// The server says no, and nothing is told of what it was asked with.
async fn refused(url: &str, options: ConnectOptions) {
    let result = within("the answer", Connection::connect_with(url, options)).await;
    let error = result.expect_err("it is refused");
    assert!(error.is_auth());
    assert_eq!(error.to_string(), format!("no server could be reached: {url} ({REFUSED})"));
    let attempts = format!("[(ServerAddr({url}), Server(AuthorizationViolation))]");
    assert_eq!(format!("{error:?}"), format!("NoServer {{ attempts: {attempts} }}"));
    let error = attempt(error);
    let violation = matches!(*error, AttemptError::Server(ServerError::AuthorizationViolation));
    assert!(violation && error.is_auth(), "{error:?}");
}

/// The address of a scripted server for a client over this transport.
fn address(scripted: &Scripted, transport: Transport) -> String {
    scripted.url_as(match transport {
        Transport::Ws => "ws",
        Transport::Tcp => "nats",
    })
}

/// The next client of a scripted server.
async fn meet(scripted: &Scripted, transport: Transport) -> Peer {
    match transport {
        Transport::Ws => scripted.accept_upgrade().await.accept().await,
        Transport::Tcp => scripted.accept().await,
    }
}

/// The `INFO` of a server that wants this to be signed.
fn asking(nonce: &str) -> Value {
    info_with(json!({ "auth_required": true, "nonce": nonce }))
}

/// A value that changes while a connection has it.
#[derive(Clone)]
struct Shared<T>(Arc<Mutex<T>>);

impl<T: Clone> Shared<T> {
    fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    fn get(&self) -> T {
        self.0.lock().expect("nobody panics with it").clone()
    }

    fn set(&self, value: T) {
        *self.0.lock().expect("nobody panics with it") = value;
    }
}

/// An event in a few words.
fn words(event: &Event) -> String {
    match event {
        Event::Connected { .. } => "connected".to_owned(),
        Event::Disconnected { reason, .. } => format!("lost: {reason:?}"),
        Event::Reconnecting { .. } => "dialling".to_owned(),
        Event::Reconnected { .. } => "reconnected".to_owned(),
        Event::Moved { .. } => "moved".to_owned(),
        Event::ConnectFailed { error, .. } => format!("failed: {error}"),
        Event::ServerError(error) => format!("told: {error:?}"),
        Event::Closed { .. } => "closed".to_owned(),
        other => format!("{other:?}"),
    }
}

/// What happens up to this, which is the last of it.
async fn up_to(last: &str, events: &mut Events) -> Vec<String> {
    let mut all = Vec::new();
    while all.last().is_none_or(|it| it != last) {
        let event = within("the next event", events.next()).await;
        all.push(words(&event.unwrap_or_else(|| unreachable!("it is over after {all:?}"))));
    }
    all
}

/// What a client with these options says to a server that wants `nonce` to be signed.
async fn said(transport: Transport, userinfo: &str, options: ConnectOptions) -> Value {
    let scripted = Scripted::start();
    let url = address(&scripted, transport).replace("://", &format!("://{userinfo}"));
    let (_nc, (connect, _peer)) = tokio::join!(crate::connect_with(&url, options), async {
        let mut peer = meet(&scripted, transport).await;
        (peer.handshake(&asking("nonce")).await, peer)
    });
    connect
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_can_be_renewed_as_soon_as_there_is_a_connection() {
    let server = natsws_tests::Server::builder().token("t").start();
    for transport in Transport::ALL {
        for _ in 0..100 {
            let options = crate::quick().token("t");
            let nc = crate::connect_with(&server.url(transport), options).await;
            let mut events = nc.events();
            nc.reconnect();
            let expected = ["lost: Requested", "dialling", "reconnected"];
            assert_eq!(up_to("reconnected", &mut events).await, expected);
        }
    }
}
