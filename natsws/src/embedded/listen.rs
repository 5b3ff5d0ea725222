//! The loopback ports: accepting connections until the broker stops.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::client;
use super::exchange::Origin;
use super::hub::Hub;
use crate::runtime;
use crate::transport::tcp::Tcp;
use crate::transport::websocket::WebSocket;

/// How long a client may take over the WebSocket handshake.
const HANDSHAKE: Duration = Duration::from_secs(2);
/// How long to wait where the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Says to tasks that the broker has stopped. The broker knows that they have ended when nobody
/// holds one any more.
pub(super) type Stop = watch::Receiver<bool>;

/// What is spoken on a port.
#[derive(Debug, Clone, Copy)]
pub(super) enum Framing {
    Raw,
    WebSocket,
}

/// A port of the loopback interface that the system chose.
pub(super) struct Port {
    listener: TcpListener,
    addr: SocketAddr,
    framing: Framing,
}

impl Port {
    pub(super) async fn open(framing: Framing) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        Ok(Self { listener, addr, framing })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Accepts connections in the background until the broker stops.
    pub(super) fn listen(self, hub: &Arc<Hub>, stop: &Stop) {
        let (hub, stop) = (Arc::clone(hub), stop.clone());
        runtime::spawn(async move {
            let mut stopped = stop.clone();
            let accepting = async {
                loop {
                    match self.listener.accept().await {
                        Ok((io, peer)) => self.welcome(io, peer, &hub, &stop),
                        Err(_) => runtime::sleep(PAUSE).await,
                    }
                }
            };
            until_stopped(accepting, &mut stopped).await;
            // The port is free before this task counts as ended, which is when `stop` is dropped.
            drop(self);
        });
    }

    fn welcome(&self, io: TcpStream, peer: SocketAddr, hub: &Arc<Hub>, stop: &Stop) {
        let origin = Origin { listener: self.addr, client: peer.ip() };
        let (hub, mut stop, framing) = (Arc::clone(hub), stop.clone(), self.framing);
        runtime::spawn(async move {
            // What is small was batched already, and must not wait for an acknowledgement.
            if io.set_nodelay(true).is_err() {
                return;
            }
            match framing {
                Framing::Raw => client::serve(hub, origin, Tcp::new(io, Bytes::new())).await,
                Framing::WebSocket => {
                    let handshake = runtime::timeout(HANDSHAKE, WebSocket::accept(io));
                    if let Some(Some(Ok(io))) = until_stopped(handshake, &mut stop).await {
                        client::serve(hub, origin, io).await;
                    }
                }
            }
        });
    }
}

/// Where clients in memory come in.
pub(super) fn in_memory(listener: SocketAddr) -> Origin {
    Origin { listener, client: IpAddr::V4(Ipv4Addr::LOCALHOST) }
}

/// Runs a future unless the broker stops before it is done.
async fn until_stopped<F: Future>(future: F, stop: &mut Stop) -> Option<F::Output> {
    match select(pin!(future), pin!(stop.wait_for(|stopped| *stopped))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
