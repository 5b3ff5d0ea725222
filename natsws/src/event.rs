//! What happens to a connection in the background, for those who listen.

mod listeners;

use std::sync::Arc;

use crate::connect_error::{AttemptError, Attempts};
use crate::protocol::{ProtocolError, ServerError};
use crate::server_addr::ServerAddr;
use crate::session::Notice;
use crate::transport::TransportError;

pub(crate) use listeners::{Listener, Listeners};

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
    /// The connection was made for the first time.
    Connected {
        /// The server that answered.
        server: Arc<ServerAddr>,
    },
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
    /// The connection moved to another server before the one it was to ended it.
    Moved {
        /// The server that it was to.
        from: Arc<ServerAddr>,
        /// The server that it is to.
        to: Arc<ServerAddr>,
        /// Messages that waited to be sent and that this server does not accept: larger than its
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
    /// The server told of others that can be connected to, or of some that cannot any more.
    ServersChanged {
        /// Servers that are new.
        added: Vec<Arc<ServerAddr>>,
        /// Servers that are gone.
        removed: Vec<Arc<ServerAddr>>,
    },
    /// The server told of another one by an address that cannot be understood; it is not used.
    ServerUnusable {
        /// What it said.
        listed: String,
    },
    /// The application's [choice](crate::ConnectOptions::next_server) of the next server panicked,
    /// or was a server that is not in the pool; the next one in turn is tried instead.
    NextServerIgnored,
    /// The server reported an error, a permission that is missing among them.
    ServerError(ServerError),
    /// The server is about to shut down ("lame duck mode") and will close its connections.
    LameDuckMode {
        /// The server.
        server: Arc<ServerAddr>,
    },
    /// A subscription's reader is too slow.
    SlowConsumer {
        /// The subject of the subscription.
        subject: String,
        /// How many messages wait for it.
        waiting: usize,
    },
    /// A subscription that was too slow has room again.
    SlowConsumerRecovered {
        /// The subject of the subscription.
        subject: String,
        /// How many messages were dropped meanwhile.
        dropped: u64,
    },
    /// A handler of a subscription panicked; the next message goes to it as if nothing had been.
    HandlerPanicked,
    /// A message of a stream was dropped without an answer, so that it will come again. It is told
    /// once for each reader of the consumer.
    DeliveryUnanswered {
        /// The stream.
        stream: String,
        /// The consumer.
        consumer: String,
    },
    /// This listener was too slow, and missed events here. Those that say that the connection was
    /// made, lost, moved or closed, and which servers there are, are never missed.
    Missed {
        /// How many.
        events: u64,
    },
    /// The connection is closed for good.
    Closed {
        /// Messages that were accepted and are not known to have reached the server.
        unconfirmed: u64,
        /// Why, where nobody asked for it.
        error: Option<CloseError>,
    },
}

impl Event {
    /// Whether a listener must hear of it, however slow it is.
    fn is_state_change(&self) -> bool {
        matches!(
            self,
            Self::Connected { .. }
                | Self::Disconnected { .. }
                | Self::Reconnected { .. }
                | Self::Moved { .. }
                | Self::ServersChanged { .. }
                | Self::LameDuckMode { .. }
                | Self::Closed { .. }
        )
    }
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
    /// [`Connection::reconnect`](crate::Connection::reconnect) was called.
    #[error("the application asked for a new connection")]
    Requested,
    /// The web page was put away: it was left, and is gone or kept for whoever comes back to it. The
    /// connection is made again when the page is shown again.
    #[error("the page was put away")]
    PageHidden,
}

/// Why a connection is closed for good, where nobody asked for it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// It was lost, and [`ConnectOptions::reconnect`](crate::ConnectOptions::reconnect) is off.
    #[error("the connection was lost")]
    Lost(#[source] Disconnect),
    /// It was lost, and every server was given up.
    #[error("{}: {}", gave_up(lost.as_ref()), Attempts(attempts))]
    GaveUp {
        /// Why it was lost; `None` where it had never been made.
        lost: Option<Disconnect>,
        /// The last attempt at each server.
        attempts: Vec<(Arc<ServerAddr>, Arc<AttemptError>)>,
    },
    /// The task that carries it ended, because its runtime was shut down or because it panicked.
    #[error("the task of the connection ended, because its runtime was shut down or it panicked")]
    TaskEnded,
}

fn gave_up(lost: Option<&Disconnect>) -> &'static str {
    match lost {
        Some(_) => "the connection was lost, and no server could be reached again",
        None => "no server could be reached",
    }
}

impl CloseError {
    /// Whether the credentials were refused wherever they were tried last.
    pub fn is_auth(&self) -> bool {
        match self {
            Self::Lost(Disconnect::Server(error)) => error.is_auth(),
            Self::GaveUp { attempts, .. } => {
                !attempts.is_empty() && attempts.iter().all(|(_, error)| error.is_auth())
            }
            _ => false,
        }
    }
}

impl Event {
    /// What the session noticed, on a connection to this server.
    pub(crate) fn noticed(notice: Notice, server: impl FnOnce() -> Arc<ServerAddr>) -> Self {
        match notice {
            Notice::ServerError(error) => Self::ServerError(error),
            Notice::LameDuckMode => Self::LameDuckMode { server: server() },
            Notice::SlowConsumer { subject, waiting } => Self::SlowConsumer { subject, waiting },
            Notice::SlowConsumerRecovered { subject, dropped } => {
                Self::SlowConsumerRecovered { subject, dropped }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_never_was_is_not_said_to_be_lost() {
        let never = CloseError::GaveUp { lost: None, attempts: Vec::new() };
        assert_eq!(never.to_string(), "no server could be reached: ");
        let lost = CloseError::GaveUp { lost: Some(Disconnect::Requested), attempts: Vec::new() };
        let text = "the connection was lost, and no server could be reached again: ";
        assert_eq!(lost.to_string(), text);
    }
}
