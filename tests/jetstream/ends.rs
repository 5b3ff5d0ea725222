//! How reading ends, and that it leaves nothing behind.

use std::collections::BTreeSet;

use natsws::jetstream::{ConsumeError, ConsumerConfig, StreamConfig, Untyped};
use natsws::kv::BucketConfig;
use natsws::{Client, ConnectOptions};
use natsws_tests::{Server, eventually, within};

use crate::stage::Stage;

#[tokio::test]
async fn a_consumer_that_was_deleted_before_it_is_read_ends_its_reader() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    consumer.delete().await.expect("deleted");
    let mut messages = consumer.messages::<Untyped>().await.expect("reading");
    match within("the end", messages.next()).await {
        Some(Err(ConsumeError::ConsumerGone { stream, consumer })) => {
            assert_eq!((stream.as_str(), consumer.as_str()), ("S", "C"));
        }
        other => panic!("{other:?}"),
    }
    assert!(within("the end", messages.next()).await.is_none());
}

#[tokio::test]
async fn readers_of_every_kind_end_with_their_connection() {
    for drains in [false, true] {
        let stage = Stage::new().await;
        let pulled = stage.consumer().await;
        let stream = stage.js.stream("S").await.expect("it is there");
        let pushed = stream.create_push_consumer(ConsumerConfig::durable("P")).await;
        let mut pulled = pulled.messages::<Untyped>().await.expect("reading");
        let mut pushed = pushed.expect("made").messages::<Untyped>().await.expect("reading");
        let mut in_order = stream.ordered::<Untyped>().await.expect("reading");
        let mut pushed_in_order = stream.ordered::<Untyped>().push().await.expect("reading");
        let ending = tokio::spawn({
            let client = stage.client.clone();
            async move {
                if drains {
                    client.drain().await.map(drop).expect("drained");
                } else {
                    client.close().await;
                }
            }
        });
        assert!(within("the end", pulled.next()).await.is_none());
        assert!(within("the end", pushed.next()).await.is_none());
        assert!(within("the end", in_order.next()).await.is_none());
        assert!(within("the end", pushed_in_order.next()).await.is_none());
        within("the end of the connection", ending).await.expect("no panic");
    }
}

/// A server with one client, and what that is subscribed to while nothing is read.
struct Quiet {
    server: Server,
    client: Client,
    subscriptions: BTreeSet<String>,
}

impl Quiet {
    async fn new() -> Self {
        let server = Server::builder().jetstream().monitoring().start();
        let connecting = ConnectOptions::new().inbox_prefix("mine").connect(server.nats_url());
        let client = within("connecting", connecting.into_future()).await.expect("it connects");
        // With the first request there is a subscription for the replies to all.
        client.jetstream().account_info().await.expect("there");
        let subscriptions = subscriptions(&server);
        assert!(!subscriptions.is_empty());
        Self { server, client, subscriptions }
    }

    /// The reader is subscribed below this, and to nothing when it was dropped.
    async fn assert_again_after<R>(&self, reader: R, below: &str) {
        eventually("a subscription", async || {
            let now = subscriptions(&self.server);
            let more: Vec<_> = now.difference(&self.subscriptions).collect();
            assert!(more.iter().all(|subject| subject.starts_with(below)), "{more:?}");
            (!more.is_empty()).then_some(())
        })
        .await;
        drop(reader);
        self.assert_again().await;
    }

    async fn assert_again(&self) {
        eventually("the end of the subscription", async || {
            (subscriptions(&self.server) == self.subscriptions).then_some(())
        })
        .await;
    }
}

/// What the only client of the server is subscribed to.
fn subscriptions(server: &Server) -> BTreeSet<String> {
    let told = server.monitor("/connz?subs=1");
    let list = told["connections"][0]["subscriptions_list"].as_array().cloned().unwrap_or_default();
    list.iter().filter_map(|subject| subject.as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn readers_of_every_kind_have_inboxes_of_the_connection_and_leave_none_subscribed() {
    let quiet = Quiet::new().await;
    let js = quiet.client.jetstream();
    let stream = js.create_stream(StreamConfig::new("S").subjects(["s.>"])).await.expect("made");
    let consumer = stream.create_consumer(ConsumerConfig::durable("C")).await.expect("made");
    let none = consumer.next::<Untyped>().no_wait().await.expect("asked");
    assert!(none.is_none(), "{none:?}");
    quiet.assert_again().await;
    let fetch = consumer.fetch::<Untyped>(10).await.expect("asked");
    quiet.assert_again_after(fetch, "mine.").await;
    let messages = consumer.messages::<Untyped>().await.expect("reading");
    quiet.assert_again_after(messages, "mine.").await;
    let in_order = stream.ordered::<Untyped>().await.expect("reading");
    quiet.assert_again_after(in_order, "mine.").await;
    let in_order = stream.ordered::<Untyped>().push().await.expect("reading");
    quiet.assert_again_after(in_order, "mine.").await;
    let pushing = ConsumerConfig::durable("P").deliver_subject("deliver.here");
    let pushing = stream.create_push_consumer(pushing).await.expect("made");
    let pushed = pushing.messages::<Untyped>().await.expect("reading");
    quiet.assert_again_after(pushed, "deliver.here").await;
    let bucket = js.create_key_value(BucketConfig::new("b")).await.expect("made");
    let watch = bucket.watch_all().await.expect("watching");
    quiet.assert_again_after(watch, "mine.").await;
}
