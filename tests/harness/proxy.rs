//! A TCP proxy that breaks connections on demand.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

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
    stalled: watch::Sender<bool>,
    /// How many bytes may still go to clients, see [`Proxy::cut_after`].
    allowance: Mutex<Option<usize>>,
}

impl Proxy {
    /// Starts a proxy in front of this address, such as [`Server::addr`](crate::Server::addr).
    pub fn to(target: SocketAddr) -> Self {
        let (listener, addr) = listen();
        let shared = Arc::new(Shared {
            target,
            connections: AtomicUsize::new(0),
            cuts: watch::Sender::new(()),
            stalled: watch::Sender::new(false),
            allowance: Mutex::new(None),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Self { addr, shared, accepting }
    }

    /// The address for a client: `proxy.url("ws")` is `ws://127.0.0.1:PORT`.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.addr)
    }

    /// How many connections were ever made.
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
        self.shared.stalled.send_replace(true);
    }

    /// Ends [`stall`](Self::stall); what was sent meanwhile arrives now.
    pub fn resume(&self) {
        self.shared.stalled.send_replace(false);
    }

    /// Lets exactly this many more bytes through to clients, and then closes the connection that
    /// got the last one. Later connections are whole again.
    ///
    /// With 0 the connection is closed when the first byte would have gone to a client.
    pub fn cut_after(&self, bytes_to_client: usize) {
        *self.shared.allowance.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(bytes_to_client);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

impl Shared {
    /// How many of these bytes may go to the client, and whether the connection ends with them.
    fn allow(&self, bytes: usize) -> (usize, bool) {
        let mut allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
        match *allowance {
            Some(left) if left <= bytes => {
                *allowance = None;
                (left, true)
            }
            Some(left) => {
                *allowance = Some(left - bytes);
                (bytes, false)
            }
            None => (bytes, false),
        }
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
                pump(from_client, to_server, &shared, None),
                pump(from_server, to_client, &shared, Some(&shared)),
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

/// Forwards one direction until its end; `allowing` has the allowance for it.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    shared: &Shared,
    allowing: Option<&Shared>,
) -> io::Result<()> {
    let mut stalled = shared.stalled.subscribe();
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut chunk).await?;
        // Asked after reading, so that nothing passes which arrives during a stall.
        let _ = stalled.wait_for(|stalled| !stalled).await;
        if read == 0 {
            return to.shutdown().await;
        }
        let (allowed, last) = allowing.map_or((read, false), |it| it.allow(read));
        to.write_all(&chunk[..allowed]).await?;
        if last {
            return Err(ErrorKind::ConnectionAborted.into());
        }
    }
}

#[cfg(test)]
mod tests;
