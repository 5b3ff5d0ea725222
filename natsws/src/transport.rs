//! Transports: how chunks of bytes reach a server and come back.
//!
//! A transport says nothing about where messages begin and end. For all of them the first thing
//! read is the server's `INFO`.

#[cfg_attr(not(feature = "embedded"), allow(dead_code, reason = "the broker's client side"))]
pub(crate) mod memory;
#[cfg(any(feature = "tcp", feature = "websocket"))]
mod socket;
#[cfg(feature = "tcp")]
pub(crate) mod tcp;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "websocket")]
pub(crate) mod websocket;

use std::error::Error;
use std::io;

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;

use crate::runtime::MaybeSend;
use crate::server_addr::{Scheme, ServerAddr};

/// A connection to a server, as chunks of bytes both ways.
pub(crate) trait Transport:
    Stream<Item = Result<Bytes, TransportError>>
    + Sink<Bytes, Error = TransportError>
    + MaybeSend
    + Unpin
    + 'static
{
}

impl<T> Transport for T where
    T: Stream<Item = Result<Bytes, TransportError>>
        + Sink<Bytes, Error = TransportError>
        + MaybeSend
        + Unpin
        + 'static
{
}

/// A transport whose kind is known at run time only: one virtual call per chunk.
pub(crate) type BoxTransport = Box<dyn Transport>;

/// Why a connection to a server could not be made, or broke.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The operating system said so.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// The other side closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// TLS could not be agreed on: a certificate that is not trusted or is for another name, or a
    /// server that does not speak TLS.
    #[error("TLS failed")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
    /// The server sent more in the clear than its `INFO` before TLS began, which is what someone on
    /// the way would do.
    #[error("the server sent data in the clear before TLS began")]
    DataBeforeTls,
    /// The server answered the WebSocket handshake with something else.
    #[error(
        "the server answered the WebSocket handshake with HTTP status {status}{}",
        shown_line(first_line)
    )]
    Upgrade {
        /// The HTTP status.
        status: u16,
        /// The first line of the answer's body, at most 200 characters.
        first_line: String,
    },
    /// The WebSocket handshake or the WebSocket itself broke.
    #[error("the WebSocket failed")]
    WebSocket(#[source] Box<dyn Error + Send + Sync>),
    /// What was read first is not a NATS server's `INFO`.
    #[error("the server does not speak NATS here: it began with {start:?}")]
    NotNats {
        /// The first bytes, at most 40, as text.
        start: String,
    },
    /// The address asks for something that this build was made without.
    #[error("`{}://` needs the feature `{feature}` of natsws", scheme.as_str())]
    FeatureMissing {
        /// The scheme of the address.
        scheme: Scheme,
        /// The feature to switch on.
        feature: &'static str,
    },
}

fn shown_line(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!(": {line:?}") }
}

/// How to secure a connection.
#[derive(Clone, Default)]
pub(crate) struct TlsOptions {
    /// Used as it is where given; else the platform's roots are trusted.
    #[cfg(feature = "tls")]
    pub(crate) config: Option<std::sync::Arc<rustls::ClientConfig>>,
}

/// Connects to a server. What is read first is its `INFO`.
pub(crate) async fn dial(
    addr: &ServerAddr,
    tls: &TlsOptions,
) -> Result<BoxTransport, TransportError> {
    match addr.scheme() {
        Scheme::Ws | Scheme::Wss => {
            #[cfg(feature = "websocket")]
            return websocket::dial(addr, tls).await;
            #[cfg(not(feature = "websocket"))]
            return missing(addr, tls, "websocket");
        }
        Scheme::Nats | Scheme::Tls => {
            #[cfg(feature = "tcp")]
            return tcp::dial(addr, tls).await;
            #[cfg(not(feature = "tcp"))]
            return missing(addr, tls, "tcp");
        }
    }
}

#[cfg(not(all(feature = "websocket", feature = "tcp")))]
fn missing(
    addr: &ServerAddr,
    _tls: &TlsOptions,
    feature: &'static str,
) -> Result<BoxTransport, TransportError> {
    Err(TransportError::FeatureMissing { scheme: addr.scheme(), feature })
}
