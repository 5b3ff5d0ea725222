//! A cluster of real servers, under load, while its nodes and the ways to them fail.

#![expect(clippy::panic, reason = "helpers of tests fail by it")]

mod consuming;
mod kv;
mod load;
mod more;
mod node_failures;
mod ordered;
mod streams;
mod way_failures;
mod work_queue;

use std::time::Duration;

use natsws::{Client, ConnectOptions, Event, Events};
use natsws_tests::{Certificates, Cluster, within};

/// How a client gets to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Ws,
    Tcp,
    WssWithCertificate,
}

impl Way {
    const ALL: [Self; 3] = [Self::Ws, Self::Tcp, Self::WssWithCertificate];

    fn transport(self) -> natsws_tests::Transport {
        match self {
            Self::Tcp => natsws_tests::Transport::Tcp,
            Self::Ws | Self::WssWithCertificate => natsws_tests::Transport::Ws,
        }
    }
}

/// A cluster, and what its clients are told.
struct Stage {
    cluster: Cluster,
    way: Way,
    certificates: Option<Certificates>,
}

impl Stage {
    fn new(way: Way) -> Self {
        Self::with(way, |node| node)
    }

    fn with(
        way: Way,
        tell: impl Fn(natsws_tests::ServerBuilder) -> natsws_tests::ServerBuilder,
    ) -> Self {
        let certificates = (way == Way::WssWithCertificate).then(Certificates::new);
        let cluster = Cluster::with(3, |node| match &certificates {
            Some(certificates) => tell(node.tls(certificates)),
            None => tell(node),
        });
        Self { cluster, way, certificates }
    }

    /// Options of a client that is back soon, and begins with the first of its servers.
    fn options(&self) -> ConnectOptions {
        let options = ConnectOptions::new()
            .reconnect_time_wait(Duration::from_millis(50))
            .reconnect_jitter(Duration::from_millis(10))
            .reconnect_jitter_tls(Duration::from_millis(10))
            .request_timeout(Duration::from_secs(5))
            .unlimited_reconnect_attempts()
            .no_randomize(true);
        match &self.certificates {
            Some(certificates) => options.tls_config(certificates.client_config()),
            None => options,
        }
    }

    /// A client of the nodes with these numbers, connected to the first.
    async fn client(&self, nodes: &[usize], options: ConnectOptions) -> Client {
        let all = self.cluster.urls(self.way.transport());
        let urls: Vec<&str> = nodes.iter().map(|node| all[*node].as_str()).collect();
        let client = within("connecting", options.connect(urls)).await.expect("the node is there");
        assert_eq!(self.node_of(&client), nodes[0]);
        client
    }

    /// The node that a client is connected to.
    fn node_of(&self, client: &Client) -> usize {
        self.cluster.node_of(client.connection().server().port())
    }
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
