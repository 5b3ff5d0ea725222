//! Transports: how chunks of bytes reach a server and come back.
//!
//! A transport says nothing about where messages begin and end. For all of them the first thing
//! read is the server's `INFO`.

#[cfg(any(native_tcp, native_websocket))]
mod blocks;
#[cfg(all(browser, feature = "websocket"))]
mod browser;
#[cfg(any(native_tcp, native_websocket))]
mod chunks;
mod error;
#[cfg(native_websocket)]
mod headers;
#[cfg_attr(not(embedded_broker), allow(dead_code, reason = "the broker's client side"))]
pub(crate) mod memory;
mod options;
mod phase;
#[cfg(not(browser))]
#[cfg_attr(
    not(any(native_tcp, native_websocket)),
    allow(dead_code, reason = "there is nothing to reach through it")
)]
mod proxy;
#[cfg(any(native_tcp, native_websocket))]
mod socket;
#[cfg(native_tcp)]
pub(crate) mod tcp;
#[cfg(native_tls)]
mod tls;
#[cfg(native_websocket)]
pub(crate) mod websocket;

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;

use crate::server_addr::{Scheme, ServerAddr};

pub use error::TransportError;
#[cfg(native_tcp)]
use error::shown;
#[cfg(native_websocket)]
pub(crate) use headers::{HeaderProvider, ProviderFn, check_header};
#[cfg(native_tls)]
pub(crate) use options::Pem;
pub(crate) use options::TransportOptions;
pub use phase::Phase;
pub(crate) use phase::Progress;
#[cfg(not(browser))]
pub use proxy::ProxyError;
#[cfg(not(browser))]
pub(crate) use proxy::ProxyRule;

/// A connection to a server, as chunks of bytes both ways.
pub(crate) trait Transport:
    Stream<Item = Result<Bytes, TransportError>>
    + Sink<Bytes, Error = TransportError>
    + Send
    + Unpin
    + 'static
{
    /// A buffer that was sent and that nobody else holds, empty, to be filled again. New memory for
    /// each batch would cost more than what is written into it.
    fn reclaim(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// The server takes no larger message than this. Its `INFO` says so, which no transport reads.
    fn limit(&mut self, _max_payload: usize) {}
}

/// A transport whose kind is known at run time only: one virtual call per chunk.
pub(crate) type BoxTransport = Box<dyn Transport>;

/// Connects to a server. What is read first is its `INFO`. `discovered` says that the application
/// has not named the server itself.
#[cfg_attr(
    not(any(native_tcp, feature = "websocket")),
    expect(clippy::unused_async, reason = "there is nothing to dial with")
)]
pub(crate) async fn dial(
    addr: &ServerAddr,
    discovered: bool,
    options: &TransportOptions,
    progress: &Progress,
) -> Result<BoxTransport, TransportError> {
    #[cfg(embedded_broker)]
    if let Some(connect) = &options.in_memory {
        return Ok(Box::new(connect()));
    }
    match addr.scheme() {
        Scheme::Ws | Scheme::Wss => {
            #[cfg(native_websocket)]
            return websocket::dial(addr, discovered, options, progress).await;
            #[cfg(all(browser, feature = "websocket"))]
            return browser::dial(addr, discovered, options, progress).await;
            #[cfg(not(feature = "websocket"))]
            return missing(addr, discovered, options, progress, "websocket");
        }
        Scheme::Nats | Scheme::Tls => {
            #[cfg(native_tcp)]
            return tcp::dial(addr, options, progress).await;
            #[cfg(browser)]
            return Err(TransportError::NoSockets { scheme: addr.scheme() });
            #[cfg(not(any(native_tcp, browser)))]
            return missing(addr, discovered, options, progress, "tcp");
        }
    }
}

#[cfg(not(all(feature = "websocket", any(native_tcp, browser))))]
fn missing(
    addr: &ServerAddr,
    _discovered: bool,
    _options: &TransportOptions,
    _progress: &Progress,
    feature: &'static str,
) -> Result<BoxTransport, TransportError> {
    Err(TransportError::FeatureMissing { scheme: addr.scheme(), feature })
}
