//! What the tests have in common: a server with JetStream, a client, and a message.

use natsws::jetstream::JetStream;
use natsws::{Client, Subject};
use natsws_tests::{Server, within};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Subject)]
#[subject("orders.{region}.created")]
pub(crate) struct OrderCreated {
    pub(crate) region: String,
    pub(crate) id: u64,
}

impl OrderCreated {
    pub(crate) fn new(region: &str, id: u64) -> Self {
        Self { region: region.to_owned(), id }
    }
}

/// A server of its own, and one client.
pub(crate) struct Stage {
    /// Dropped, it stops.
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) js: JetStream,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let server = Server::builder().jetstream().start();
        let client = within("connecting", Client::connect(server.nats_url())).await;
        let client = client.expect("it connects");
        let js = client.jetstream();
        Self { server, client, js }
    }
}
