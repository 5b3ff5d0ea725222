//! The TCP socket under every transport that has one.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpStream, lookup_host};

use super::{Phase, Progress, TransportError, TransportOptions};
use crate::server_addr::ServerAddr;

/// Opens a connection, through a proxy where there is one. `TCP_NODELAY` is always set: what is
/// small is batched by us, and what is left must not wait for an acknowledgement.
pub(super) async fn open(
    addr: &ServerAddr,
    options: &TransportOptions,
    progress: &Progress,
) -> Result<TcpStream, TransportError> {
    progress.reached(Phase::Connect);
    let proxy = options.proxy.proxy(addr).map_err(TransportError::ProxyAddress)?;
    let (host, port) = match &proxy {
        Some(proxy) => (proxy.host(), proxy.port()),
        None => (addr.host(), addr.port()),
    };
    let stream = dial(host, port, options.keep_order).await?;
    stream.set_nodelay(true)?;
    match proxy {
        Some(proxy) => proxy.tunnel(stream, addr, progress).await,
        None => Ok(stream),
    }
}

/// Tries each address of a name until one answers, in any order unless told otherwise (ADR-11).
async fn dial(host: &str, port: u16, keep_order: bool) -> io::Result<TcpStream> {
    let mut addresses: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
    if !keep_order {
        fastrand::shuffle(&mut addresses);
    }
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address")))
}
