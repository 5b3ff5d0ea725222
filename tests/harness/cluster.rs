//! Several `nats-server`s that are one to their clients.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::eventually::poll_blocking;
use crate::ports::ReservedPort;
use crate::{Server, ServerBuilder, Transport};

/// Running servers that know each other, so that a message to one reaches subscribers on all.
///
/// Each node has ports that survive a restart. A node that is down is left out by the others; one
/// that starts again joins them by itself, see [`restart`](Self::restart) and
/// [`settle`](Self::settle).
///
/// Nodes tell each other about subscriptions in their own time: what is published on one node
/// right after a subscription was confirmed by another may still miss it.
///
/// ```no_run
/// # use natsws_tests::{Cluster, Transport};
/// let mut cluster = Cluster::start();
/// // A client connects to cluster.urls(Transport::Ws), and says to which address it did.
/// # let port = 0;
/// let node = cluster.node_of(port);
/// cluster.node_mut(node).kill();
/// // The client goes to another node.
/// cluster.restart(node);
/// ```
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
    /// Where the nodes listen for each other.
    _routes: Vec<ReservedPort>,
}

impl Cluster {
    /// Starts three nodes, and waits until all know all.
    #[track_caller]
    pub fn start() -> Self {
        Self::with(3, |node| node)
    }

    /// Starts so many nodes that are told more than the defaults, and waits until all know all.
    /// `tell` gets each node before it starts.
    #[track_caller]
    pub fn with(count: usize, tell: impl Fn(ServerBuilder) -> ServerBuilder) -> Self {
        let routes: Vec<_> = std::iter::repeat_with(ReservedPort::new).take(count).collect();
        let nodes = (0..count).map(|index| {
            let told = Server::builder().config(&config(index, &routes)).fixed_ports().monitoring();
            tell(told).start()
        });
        let mut cluster = Self { nodes: nodes.collect(), _routes: routes };
        cluster.settle();
        cluster
    }

    /// How many nodes there are, those that are down included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes at all.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node with this number; the first one is 0.
    #[track_caller]
    pub fn node(&self, index: usize) -> &Server {
        &self.nodes[index]
    }

    /// The node with this number, to stop or to kill it.
    #[track_caller]
    pub fn node_mut(&mut self, index: usize) -> &mut Server {
        &mut self.nodes[index]
    }

    /// The addresses of all nodes for a client over this transport, in their order.
    pub fn urls(&self, transport: Transport) -> Vec<String> {
        self.nodes.iter().map(|node| node.url(transport)).collect()
    }

    /// The number of the node that has this port, for either transport.
    ///
    /// # Panics
    ///
    /// Where no node has it.
    #[track_caller]
    pub fn node_of(&self, port: u16) -> usize {
        let has = |node: &Server| Transport::ALL.iter().any(|it| node.addr(*it).port() == port);
        self.nodes.iter().position(has).unwrap_or_else(|| {
            let urls = [self.urls(Transport::Tcp), self.urls(Transport::Ws)].concat();
            panic!("no node has port {port}; the nodes are {urls:?}")
        })
    }

    /// Starts the node again, and waits until all know all; one that runs is stopped first.
    #[track_caller]
    pub fn restart(&mut self, index: usize) {
        self.nodes[index].restart();
        self.settle();
    }

    /// Waits until the nodes that run know each other, and name no others to their clients.
    #[track_caller]
    pub fn settle(&mut self) {
        let mut views = Vec::new();
        let settled = poll_blocking(|| {
            views = self.views();
            views.iter().all(|(expected, seen)| seen.as_ref() == Ok(expected)).then_some(())
        });
        if settled.is_none() {
            let logs: Vec<String> = self.nodes.iter().map(Server::log).collect();
            let logs = logs.join("---\n");
            panic!("each node should see, and sees:\n{views:#?}\n--- their logs\n{logs}");
        }
    }

    /// What each node that runs should see, and what it sees.
    fn views(&mut self) -> Vec<(View, Result<View, String>)> {
        let running: Vec<&Server> =
            self.nodes.iter_mut().filter_map(|it| it.is_running().then_some(&*it)).collect();
        let told = |node: &Server| Ok(View::told_by(node, &node.try_monitor("/varz")?));
        running.iter().map(|node| (View::expected_of(node, &running), told(node))).collect()
    }
}

/// The other nodes, as one node sees them.
#[derive(Debug, PartialEq, Eq)]
struct View {
    routes: usize,
    /// What clients are told, for both transports.
    addrs: BTreeSet<String>,
}

impl View {
    fn expected_of(node: &Server, running: &[&Server]) -> Self {
        let own = addrs(node);
        let all: BTreeSet<String> = running.iter().copied().flat_map(addrs).collect();
        let addrs = all.into_iter().filter(|it| !own.contains(it)).collect();
        Self { routes: running.len() - 1, addrs }
    }

    /// A node that has no others does not name itself, while it does so beside others.
    fn told_by(node: &Server, varz: &Value) -> Self {
        let own = addrs(node);
        let told = ["connect_urls", "ws_connect_urls"].map(|key| varz[key].as_array());
        let told = told.into_iter().flatten().flatten().filter_map(Value::as_str);
        Self {
            routes: varz["routes"].as_u64().map_or(0, |it| it.try_into().expect("few routes")),
            addrs: told.map(str::to_owned).filter(|it| !own.contains(it)).collect(),
        }
    }
}

fn addrs(node: &Server) -> [String; 2] {
    Transport::ALL.map(|transport| node.addr(transport).to_string())
}

/// Each node gets the routes to all, itself included, as one configuration for all would have it.
fn config(index: usize, routes: &[ReservedPort]) -> String {
    let addr = |port: &ReservedPort| format!("\"nats://127.0.0.1:{}\"", port.number());
    let all: Vec<String> = routes.iter().map(addr).collect();
    // Without a pool there is one connection between two nodes, which is there or is not.
    format!(
        "server_name: \"node-{index}\"\n\
         cluster {{ name: \"natsws-tests\", listen: \"127.0.0.1:{}\", pool_size: -1, \
         routes: [{}] }}",
        routes[index].number(),
        all.join(", "),
    )
}
