//! Whether what was sent has arrived, and how leaving in good order went.

use crate::session::Unanswered;

/// A message is not known to have reached the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The connection was lost before the server confirmed.
    #[error("the connection was lost with {unconfirmed} messages unconfirmed")]
    Disconnected {
        /// How many messages were sent and not confirmed.
        unconfirmed: u64,
    },
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
}

impl From<Unanswered> for FlushError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Disconnected { unconfirmed } | Unanswered::NotConnected { unconfirmed } => {
                Self::Disconnected { unconfirmed }
            }
            Unanswered::Closed => Self::Closed,
        }
    }
}

/// What draining a connection did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DrainReport {
    /// How many messages were read, or went to handlers, while it drained.
    pub delivered: u64,
    /// How many were dropped meanwhile, because they were not read fast enough.
    pub dropped: u64,
}

/// Why a connection was not drained to the end. It is closed all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrainError {
    /// Not everything was read within [`ConnectOptions::drain_timeout`](crate::ConnectOptions::drain_timeout).
    #[error(
        "the connection was closed with {unread} messages unread and {unsent} unsent, since draining \
         took too long"
    )]
    TimedOut {
        /// How many messages had come and were not read.
        unread: usize,
        /// How many messages waited for a connection and were never sent.
        unsent: u64,
    },
    /// The server did not confirm what was sent last.
    #[error("the last messages are not confirmed")]
    Flush(#[from] FlushError),
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
}
