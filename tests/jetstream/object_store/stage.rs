//! What the tests of object stores have in common.

use std::time::Duration;

use natsws::jetstream::{JetStream, StreamInfo};
use natsws::object_store::{ObjectStore, ObjectStoreConfig};
use natsws::{Client, ConnectOptions, Msg};
use natsws_tests::{Proxy, Server, ServerBuilder, Transport, within};
use serde_json::Value;

/// A server of its own, and one client with a store.
pub(crate) struct Stage {
    /// Dropped, it stops.
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) js: JetStream,
    pub(crate) files: ObjectStore,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(Server::builder(), ObjectStoreConfig::new("files")).await
    }

    pub(crate) async fn with(server: ServerBuilder, config: ObjectStoreConfig) -> Self {
        let server = server.jetstream().start();
        let client = within("connecting", Client::connect(server.nats_url())).await;
        let client = client.expect("it connects");
        let js = client.jetstream();
        let files = js.create_object_store(config).await.expect("made");
        Self { server, client, js, files }
    }

    /// The store as a client sees it whose connection can be broken.
    pub(crate) async fn behind_a_proxy(&self) -> (Proxy, Client, ObjectStore) {
        let proxy = Proxy::to(self.server.addr(Transport::Tcp));
        let options = ConnectOptions::new().reconnect_delay(|_| Duration::from_millis(5));
        let client = options.connect(proxy.url("nats")).await.expect("it connects");
        let js = client.jetstream().with_timeout(Duration::from_secs(2));
        let files = js.object_store("files").await.expect("opened");
        (proxy, client, files)
    }

    /// Deletes all consumers, and says how many there were.
    pub(crate) async fn delete_consumers(&self) -> usize {
        let all = self.ask("CONSUMER.NAMES", "").await;
        let all = all["consumers"].as_array().expect("names").clone();
        let stream = self.js.stream("OBJ_files").await.expect("it is there");
        for name in &all {
            let deleted = stream.delete_consumer(name.as_str().expect("a name")).await;
            deleted.expect("deleted");
        }
        all.len()
    }

    /// The stream of the store as it is now.
    pub(crate) async fn stream(&self) -> StreamInfo {
        let stream = format!("OBJ_{}", self.files.bucket());
        self.js.stream(&stream).await.expect("it is there").cached_info().clone()
    }

    /// How many messages there are of these subjects.
    pub(crate) async fn count(&self, subjects: &str) -> u64 {
        let body = serde_json::json!({ "subjects_filter": subjects }).to_string();
        let info: Value = self.ask("STREAM.INFO", &body).await;
        let subjects = info["state"]["subjects"].as_object();
        subjects.map_or(0, |all| all.values().filter_map(Value::as_u64).sum())
    }

    /// How many chunks there are of an object, or of what was one.
    pub(crate) async fn chunks(&self, id: &str) -> u64 {
        self.count(&format!("$O.{}.C.{id}", self.files.bucket())).await
    }

    /// Asks the API of the store's stream.
    pub(crate) async fn ask(&self, operation: &str, body: &str) -> Value {
        let subject = format!("$JS.API.{operation}.OBJ_{}", self.files.bucket());
        let reply: Msg = self.client.connection().request(&subject, body).await.expect("answered");
        serde_json::from_slice(reply.payload()).expect("it is JSON")
    }

    /// Publishes to the stream as some other client, and waits until it has it.
    pub(crate) async fn publish(&self, subject: &str, payload: &[u8]) {
        let stored = self.client.connection().request(subject, payload).await.expect("answered");
        let stored: Value = serde_json::from_slice(stored.payload()).expect("it is JSON");
        assert!(stored["seq"].as_u64().is_some(), "{stored}");
    }
}

/// Bytes that repeat nowhere near.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}
