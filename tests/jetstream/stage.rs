//! What the tests have in common: a server with JetStream, a client, and a message.

use std::time::Duration;

use natsws::jetstream::{
    Consumer, ConsumerConfig, JetStream, Messages, Notice, Notices, Stream, StreamConfig, Untyped,
};
use natsws::{Client, ConnectOptions, Connection, Subject, Subscription};
use natsws_tests::{Proxy, Server, Transport, within};
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
        let server = Server::builder().jetstream().fixed_ports().start();
        let client = within("connecting", Client::connect(server.nats_url())).await;
        let client = client.expect("it connects");
        let js = client.jetstream();
        Self { server, client, js }
    }

    /// Another client, through a proxy. It connects again without a long wait.
    pub(crate) async fn proxied(&self) -> (Proxy, Client) {
        let proxy = Proxy::to(self.server.addr(Transport::Tcp));
        let options = ConnectOptions::new().reconnect_delay(|_| SECOND / 50);
        let connecting = Connection::connect_with(proxy.url("nats"), options);
        let connection = within("connecting", connecting).await.expect("it connects");
        (proxy, Client::from(connection))
    }

    pub(crate) fn connection(&self) -> &Connection {
        self.client.connection()
    }

    /// Stream `S` with the subjects `s.>`.
    pub(crate) async fn stream(&self) -> Stream {
        self.js.create_stream(StreamConfig::new("S").subjects(["s.>"])).await.expect("made")
    }

    /// That stream, and its consumer `C`.
    pub(crate) async fn consumer(&self) -> Consumer {
        self.stream().await.create_consumer(ConsumerConfig::durable("C")).await.expect("made")
    }

    /// Stores messages to `s.<number>` with their numbers as payloads, from 1 on.
    pub(crate) async fn store(&self, count: usize) {
        for number in 1..=count {
            self.store_one(number).await;
        }
        self.client.flush().await.expect("flushed");
    }

    pub(crate) async fn store_one(&self, number: usize) {
        let (subject, payload) = (format!("s.{number}"), number.to_string());
        self.connection().publish(&subject, payload).await.expect("accepted");
    }

    /// The requests for messages of consumer `C` of stream `S`, as the server gets them.
    pub(crate) async fn pulls(&self) -> Subscription {
        let subject = "$JS.API.CONSUMER.MSG.NEXT.S.C";
        self.connection().subscribe(subject).await.expect("subscribed")
    }
}

/// What stands in the next request for messages.
pub(crate) async fn pull(pulls: &mut Subscription) -> serde_json::Value {
    let msg = within("a pull", pulls.next()).await.expect("one").expect("good");
    serde_json::from_slice(msg.payload()).expect("it is JSON")
}

/// Reads so many payloads, and acknowledges them.
pub(crate) async fn read(messages: &mut Messages<Untyped>, count: usize) -> Vec<String> {
    let mut payloads = Vec::new();
    while payloads.len() < count {
        let message = within("a message", messages.next()).await.expect("one").expect("good");
        payloads.push(String::from_utf8_lossy(message.payload()).into_owned());
        message.ack().await.expect("sent");
    }
    payloads
}

pub(crate) fn numbers(range: std::ops::RangeInclusive<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// Reads notices up to the one that is wanted, while nothing comes from the reader.
pub(crate) async fn notice(
    messages: &mut Messages<Untyped>,
    notices: &mut Notices,
    wanted: impl Fn(&Notice) -> bool,
) -> Notice {
    let hears = async {
        loop {
            let notice = notices.next().await.expect("the reader is there");
            if wanted(&notice) {
                return notice;
            }
        }
    };
    let waiting = async {
        tokio::select! {
            notice = hears => notice,
            message = messages.next() => panic!("it should be silent, and says {message:?}"),
        }
    };
    within("the notice", waiting).await
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
