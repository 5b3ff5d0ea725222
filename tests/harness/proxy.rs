//! A TCP proxy that breaks connections on demand.

mod direction;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::direction::Direction;

/// Forwards connections to a server until it is told to disturb them.
///
/// It runs in the runtime it was started in, and breaks its connections when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    connections: AtomicUsize,
    cuts: watch::Sender<()>,
    refusing: AtomicBool,
    to_server: Direction,
    to_client: Direction,
}

impl Proxy {
    /// Starts a proxy in front of this address, such as [`Server::addr`](crate::Server::addr).
    pub fn to(target: SocketAddr) -> Self {
        let (listener, addr) = listen();
        let shared = Arc::new(Shared {
            target,
            connections: AtomicUsize::new(0),
            cuts: watch::Sender::new(()),
            refusing: AtomicBool::new(false),
            to_server: Direction::default(),
            to_client: Direction::default(),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Self { addr, shared, accepting }
    }

    /// The address for a client: `proxy.url("ws")` is `ws://127.0.0.1:PORT`.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.addr)
    }

    /// Where it listens, for another proxy in front of it.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many connections were ever made, those included that were refused.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Resets every connection; new ones are forwarded.
    pub fn cut(&self) {
        self.shared.cuts.send_replace(());
    }

    /// Forwards nothing in either direction, while all connections stay open and new ones are
    /// accepted: what a partition looks like from both ends.
    pub fn stall(&self) {
        self.freeze_to_server();
        self.freeze_to_client();
    }

    /// Forwards nothing from clients to the server, while the server is still heard.
    pub fn freeze_to_server(&self) {
        self.shared.to_server.frozen.send_replace(true);
    }

    /// Forwards nothing from the server to clients, while clients are still heard.
    pub fn freeze_to_client(&self) {
        self.shared.to_client.frozen.send_replace(true);
    }

    /// Ends [`stall`](Self::stall), or the half of it; what was sent meanwhile arrives now.
    pub fn resume(&self) {
        for direction in self.shared.directions() {
            direction.frozen.send_replace(false);
        }
    }

    /// Lets no more than this many bytes a second through, in each direction of each connection.
    ///
    /// # Panics
    ///
    /// With 0, which is a [`stall`](Self::stall).
    #[track_caller]
    pub fn throttle(&self, bytes_per_second: usize) {
        assert!(bytes_per_second > 0, "a connection without any speed is stalled");
        for direction in self.shared.directions() {
            direction.speed.send_replace(Some(bytes_per_second));
        }
    }

    /// Ends [`throttle`](Self::throttle).
    pub fn full_speed(&self) {
        for direction in self.shared.directions() {
            direction.speed.send_replace(None);
        }
    }

    /// Closes new connections at once, as if the server were down, while all others go on.
    pub fn refuse(&self) {
        self.shared.refusing.store(true, Ordering::SeqCst);
    }

    /// Ends [`refuse`](Self::refuse).
    pub fn accept_again(&self) {
        self.shared.refusing.store(false, Ordering::SeqCst);
    }

    /// Lets exactly this many more bytes through to clients, and then closes the connection that
    /// got the last one. Later connections are whole again.
    ///
    /// With 0 the connection is closed when the first byte would have gone to a client.
    pub fn cut_after(&self, bytes_to_client: usize) {
        let allowance = &self.shared.to_client.allowance;
        *allowance.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes_to_client);
    }
}

impl Shared {
    fn directions(&self) -> [&Direction; 2] {
        [&self.to_server, &self.to_client]
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

/// A listener on a free port; it needs a runtime around it, but no `await`.
pub(crate) fn listen() -> (TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let addr = listener.local_addr().expect("a listener has an address");
    listener.set_nonblocking(true).expect("a socket can be nonblocking");
    (TcpListener::from_std(listener).expect("a tokio runtime runs here"), addr)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        if shared.refusing.load(Ordering::SeqCst) {
            continue;
        }
        let cuts = shared.cuts.subscribe();
        tokio::spawn(carry(client, cuts, shared.clone()));
    }
}

/// One connection from its beginning to its end.
async fn carry(mut client: TcpStream, mut cuts: watch::Receiver<()>, shared: Arc<Shared>) {
    let forwarding = async {
        if let Ok(mut server) = TcpStream::connect(shared.target).await {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            // The end of either direction by an error is the end of the connection.
            let _ = tokio::try_join!(
                shared.to_server.pump(from_client, to_server),
                shared.to_client.pump(from_server, to_client),
            );
        }
        // Closing with unread bytes would reset, and the client might lose what it was sent.
        let _ = client.shutdown().await;
        let _ = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
    };
    tokio::select! {
        () = forwarding => {}
        _ = cuts.changed() => { let _ = client.set_zero_linger(); }
    }
}
