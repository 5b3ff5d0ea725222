//! What happens to a connection in the background, for those who listen.

use std::sync::Arc;

use crate::connect_error::AttemptError;
use crate::protocol::{ProtocolError, ServerError};
use crate::server_addr::ServerAddr;
use crate::session::Notice;
use crate::transport::TransportError;

/// Whether a connection is up, as [`Connection::state`](crate::Connection::state) tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Being made for the first time.
    Connecting,
    /// Up: a server has answered.
    Connected,
    /// Lost, and being made again.
    Disconnected,
    /// Finishing what was received and sent, then closing.
    Draining,
    /// Closed for good.
    Closed,
}

/// Something that happened to a connection.
///
/// No failure in the background is only logged: it is one of these.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The connection was lost.
    Disconnected {
        /// The server that it was to.
        server: Arc<ServerAddr>,
        /// Why.
        reason: Disconnect,
        /// Messages that were sent but not confirmed: the server may have got them or not.
        unconfirmed: u64,
    },
    /// A server is about to be dialled again.
    Reconnecting {
        /// The server.
        server: Arc<ServerAddr>,
    },
    /// The connection was made again and every subscription restored.
    Reconnected {
        /// The server that answered.
        server: Arc<ServerAddr>,
        /// Messages published meanwhile that this server does not accept: larger than its
        /// `max_payload`, or with headers where it knows none.
        discarded: u64,
    },
    /// A server could not be reached.
    ConnectFailed {
        /// The server.
        server: Arc<ServerAddr>,
        /// Why.
        error: Arc<AttemptError>,
    },
    /// The server reported an error.
    ServerError(ServerError),
    /// The server is about to shut down ("lame duck mode") and will close its connections.
    LameDuckMode,
    /// A subscription's reader is too slow, and messages for it are being dropped.
    SlowConsumer {
        /// The subject of the subscription.
        subject: String,
    },
    /// A subscription that was too slow has room again.
    SlowConsumerRecovered {
        /// The subject of the subscription.
        subject: String,
        /// How many messages were dropped.
        dropped: u64,
    },
    /// A handler of a subscription panicked; the next message goes to it as if nothing had been.
    HandlerPanicked,
    /// The connection is closed for good.
    Closed {
        /// Messages that were accepted and are not known to have reached the server.
        unconfirmed: u64,
    },
}

/// Why a connection was lost.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Disconnect {
    /// The transport failed or the server closed it.
    #[error("the connection broke")]
    Transport(#[source] Arc<TransportError>),
    /// The server sent something that is not the protocol.
    #[error("the server broke the protocol")]
    Protocol(#[source] ProtocolError),
    /// The server reported an error before it closed the connection.
    #[error("the server ended the connection")]
    Server(#[source] ServerError),
    /// The server stopped answering.
    #[error("the server did not answer {pings} pings")]
    Stale {
        /// How many pings had no answer.
        pings: usize,
    },
}

impl From<Notice> for Event {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::ServerError(error) => Self::ServerError(error),
            Notice::LameDuckMode => Self::LameDuckMode,
            Notice::SlowConsumer { subject } => Self::SlowConsumer { subject },
            Notice::SlowConsumerRecovered { subject, dropped } => {
                Self::SlowConsumerRecovered { subject, dropped }
            }
        }
    }
}
