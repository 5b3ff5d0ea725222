//! The TCP socket under every transport that has one.

use tokio::net::TcpStream;

use super::TransportError;
use crate::server_addr::ServerAddr;

/// Opens a connection. `TCP_NODELAY` is always set: what is small is batched by us, and what is
/// left must not wait for an acknowledgement.
pub(super) async fn open(addr: &ServerAddr) -> Result<TcpStream, TransportError> {
    let stream = TcpStream::connect((addr.host(), addr.port())).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
