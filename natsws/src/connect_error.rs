//! Why no connection could be made.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::protocol::{ProtocolError, ServerError};
use crate::server_addr::{AddrError, ServerAddr};
use crate::subject::SubjectError;
use crate::transport::TransportError;

/// Why connecting failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// An address cannot be understood.
    #[error(transparent)]
    Address(#[from] AddrError),
    /// The inbox prefix of the options is no subject.
    #[error("the inbox prefix cannot be used")]
    InboxPrefix(#[source] SubjectError),
    /// No server could be reached; each is named with the reason.
    #[error("no server could be reached: {}", Attempts(attempts))]
    NoServer {
        /// Each server that was tried, in order, and why it failed.
        attempts: Vec<(ServerAddr, AttemptError)>,
    },
    /// The system has no random numbers, which inboxes need to be private.
    #[error("the system has no random numbers: {reason}")]
    Random {
        /// What the system says.
        reason: String,
    },
    /// The connection was closed before it was made.
    #[error("the connection was closed before it was made")]
    Closed,
}

/// Why one server could not be connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// The server could not be reached, or the connection broke.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The server sent something that is not the protocol.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The server refused, for example because of the credentials.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// It took longer than [`ConnectOptions::timeout`](crate::ConnectOptions::timeout).
    #[error("there was no answer within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// `no_echo` is asked for, and the server is too old to know it.
    #[error("the server does not support `no_echo`")]
    NoEchoUnsupported,
}

/// The list for an error message. There are several causes and none is *the* source, so they are
/// written out in full.
struct Attempts<'a>(&'a [(ServerAddr, AttemptError)]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (server, error)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{server} ({error}")?;
            let mut source = error.source();
            while let Some(cause) = source {
                write!(f, ": {cause}")?;
                source = cause.source();
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}
