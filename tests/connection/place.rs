//! Where a test runs: each server over each transport.

use std::net::SocketAddr;

use natsws::embedded::{Broker, BrokerBuilder};
use natsws::{ConnectOptions, Connection};
use natsws_tests::{Server, ServerBuilder, Transport};

/// A server, and a way to it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    RealWs,
    RealTcp,
    BrokerWs,
    BrokerTcp,
}

/// A server that runs.
pub(crate) enum Place {
    Real { server: Box<Server>, transport: Transport },
    Broker { broker: Broker, transport: Transport },
}

impl Target {
    pub(crate) async fn start(self) -> Place {
        self.start_with(|server| server, |broker| broker).await
    }

    pub(crate) async fn start_with(
        self,
        server: impl FnOnce(ServerBuilder) -> ServerBuilder,
        broker: impl FnOnce(BrokerBuilder) -> BrokerBuilder,
    ) -> Place {
        let transport = match self {
            Self::RealWs | Self::BrokerWs => Transport::Ws,
            Self::RealTcp | Self::BrokerTcp => Transport::Tcp,
        };
        match self {
            Self::RealWs | Self::RealTcp => {
                Place::Real { server: Box::new(server(Server::builder()).start()), transport }
            }
            Self::BrokerWs | Self::BrokerTcp => {
                let started = broker(Broker::builder()).start().await;
                Place::Broker { broker: started.expect("a broker starts"), transport }
            }
        }
    }
}

impl Place {
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Real { server, transport } => server.url(*transport),
            Self::Broker { broker, transport: Transport::Ws } => broker.ws_url(),
            Self::Broker { broker, transport: Transport::Tcp } => broker.nats_url(),
        }
    }

    /// The address for clients of the test's own making.
    pub(crate) fn tcp(&self) -> SocketAddr {
        match self {
            Self::Real { server, .. } => server.addr(Transport::Tcp),
            Self::Broker { broker, .. } => {
                let url = broker.nats_url();
                let addr = url.strip_prefix("nats://").expect("a TCP address");
                addr.parse().expect("an address and a port")
            }
        }
    }

    pub(crate) async fn connect(&self) -> Connection {
        crate::connect(&self.url()).await
    }

    pub(crate) async fn connect_with(&self, options: ConnectOptions) -> Connection {
        crate::connect_with(&self.url(), options).await
    }
}

/// Makes four tests of each body, one for each [`Target`].
macro_rules! everywhere {
    ($(async fn $name:ident($target:ident: Target) $body:block)*) => {$(
        async fn $name($target: $crate::place::Target) $body

        mod $name {
            use crate::place::Target;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_the_server_over_websocket() {
                super::$name(Target::RealWs).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_the_server_over_tcp() {
                super::$name(Target::RealTcp).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_the_broker_over_websocket() {
                super::$name(Target::BrokerWs).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_the_broker_over_tcp() {
                super::$name(Target::BrokerTcp).await;
            }
        }
    )*};
}

/// A client that sends what it likes.
pub(crate) struct Raw(tokio::net::TcpStream);

impl Raw {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let stream = tokio::net::TcpStream::connect(addr).await.expect("the server listens");
        let mut raw = Self(stream);
        raw.read_until("\r\n").await;
        raw.send("CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\n").await;
        raw
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        use tokio::io::AsyncWriteExt;
        self.0.write_all(bytes.as_ref()).await.expect("the server reads");
    }

    /// Reads until what was read ends like this.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        use tokio::io::AsyncReadExt;
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            read.push(natsws_tests::within("a byte", self.0.read_u8()).await.expect("more"));
        }
        String::from_utf8_lossy(&read).into_owned()
    }
}
