//! Why a transport could not be opened, or broke.

use std::error::Error;
use std::io;

#[cfg(not(browser))]
use super::proxy::ProxyError;
use crate::server_addr::Scheme;

/// Why a connection to a server could not be made, or broke.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The operating system said so.
    #[error("the connection failed")]
    Io(#[source] io::Error),
    /// The other side closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The server's certificate is for another name.
    #[error("the server's certificate is not for `{expected}`")]
    CertificateName {
        /// The name that was dialled.
        expected: String,
        /// What the TLS library says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server's certificate is not trusted: it is of an unknown authority, or has expired.
    #[error("the server's certificate is not trusted")]
    Certificate(#[source] Box<dyn Error + Send + Sync>),
    /// The server wants a certificate of the client, or another one.
    #[error("the server requires a client certificate")]
    ClientCertificate(#[source] Box<dyn Error + Send + Sync>),
    /// A certificate or key that was given cannot be used.
    #[error("{file} cannot be used for TLS")]
    Pem {
        /// The file, or which text.
        file: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// TLS could not be agreed on for another reason.
    #[error("TLS failed")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
    /// TLS is asked for, and the port speaks without.
    #[error("this port does not speak TLS")]
    NoTls,
    /// The port speaks TLS, and the address asks for none: `wss://` or `tls://` would.
    #[error("this port speaks TLS: use `wss://` or `tls://`")]
    SpeaksTls,
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
    /// The port speaks NATS without a WebSocket: `nats://` or `tls://` would.
    #[error("this port speaks NATS without a WebSocket: use `nats://` or `tls://`")]
    NotWebSocket,
    /// The WebSocket handshake or the WebSocket itself broke.
    #[error("the WebSocket failed")]
    WebSocket(#[source] Box<dyn Error + Send + Sync>),
    /// The WebSocket was closed, and the close says why.
    #[error("the WebSocket was closed with code {code}{}", shown_line(reason))]
    WebSocketClosed {
        /// The code (RFC 6455, section 7.4).
        code: u16,
        /// The words that came with it.
        reason: String,
    },
    /// The browser could not open the WebSocket. It does not tell a page why, since that would say
    /// something of another host: its console may have more.
    #[error("the browser could not open the WebSocket, and does not say why: its console may")]
    NoReason,
    /// The page came through `https://`, and may open no WebSocket without TLS: use `wss://`.
    #[error("a page from https:// may not open ws:// addresses: use wss://")]
    InsecureInSecurePage,
    /// A browser reaches `ws://` and `wss://` addresses alone.
    #[error("a browser has no {}:// connections: use ws:// or wss://", scheme.as_str())]
    NoSockets {
        /// The scheme of the address.
        scheme: Scheme,
    },
    /// More came than was read. A browser cannot be told to wait, so the connection was given up.
    #[error("more than {max} bytes came that were not read")]
    Unread {
        /// How much is held, in bytes.
        max: usize,
    },
    /// The server's answer to the WebSocket handshake is larger than any real one.
    #[error("the answer to the WebSocket handshake is larger than {max} bytes")]
    UpgradeTooLarge {
        /// The largest answer that is read, in bytes.
        max: usize,
    },
    /// A header for the WebSocket handshake is not valid, or belongs to the handshake itself.
    #[error("the header `{name}` cannot be added to the WebSocket handshake: {fault}")]
    UpgradeHeader {
        /// The header's name.
        name: String,
        /// What is wrong with it; its value is not shown.
        fault: &'static str,
    },
    /// The application could not provide headers for the WebSocket handshake.
    #[error("the headers for the WebSocket handshake could not be made")]
    UpgradeHeaders(#[source] Box<dyn Error + Send + Sync>),
    /// The proxy did not open a tunnel.
    #[error("the proxy opened no tunnel: it answered {answer:?}")]
    Proxy {
        /// The first line of its answer, at most 200 characters.
        answer: String,
    },
    /// The proxy that the environment names is not valid.
    #[cfg(not(browser))]
    #[error(transparent)]
    ProxyAddress(ProxyError),
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

/// What TLS has to say may come as any error of the connection.
impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        #[cfg(native_tls)]
        if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            return super::tls::explained(inner.clone(), None);
        }
        Self::Io(error)
    }
}

fn shown_line(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!(": {line:?}") }
}

/// The beginning of what was read, as text.
#[cfg(native_tcp)]
pub(super) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..bytes.len().min(40)).unwrap_or(bytes)).into_owned()
}
