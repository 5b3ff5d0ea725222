//! Why no connection could be made.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::AuthError;
use crate::options::OptionsFault;
use crate::protocol::{ProtocolError, ServerError};
use crate::server_addr::{AddrError, ServerAddr};
use crate::subject::SubjectError;
#[cfg(not(browser))]
use crate::transport::ProxyError;
use crate::transport::{Phase, TransportError};

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
    /// A port is given as an option, and servers as well.
    #[error("the option `port` is for the local server, and servers are named too")]
    PortAndServers,
    /// No server is named, and in a browser there is none to fall back on.
    #[error("no server is named: a browser needs an address, such as `wss://broker.example`")]
    NoServerNamed,
    /// The proxy of the options cannot be understood.
    #[cfg(not(browser))]
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A header of the options cannot be added to the WebSocket handshake.
    #[error("{reason}")]
    UpgradeHeader {
        /// Which header, and what is wrong with it; its value is not shown.
        reason: String,
    },
    /// No server could be reached; each is named with the reason.
    #[error("no server could be reached: {}", Attempts(attempts))]
    NoServer {
        /// Each server that was tried, in order, and why it failed.
        attempts: Vec<(Arc<ServerAddr>, Arc<AttemptError>)>,
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

impl ConnectError {
    /// Whether the credentials were refused by every server, or could not be made.
    pub fn is_auth(&self) -> bool {
        let Self::NoServer { attempts } = self else { return false };
        !attempts.is_empty() && attempts.iter().all(|(_, error)| error.is_auth())
    }
}

impl From<OptionsFault> for ConnectError {
    fn from(fault: OptionsFault) -> Self {
        match fault {
            OptionsFault::Address(error) => Self::Address(error),
            #[cfg(not(browser))]
            OptionsFault::Proxy(error) => Self::Proxy(error),
            #[cfg(native_websocket)]
            OptionsFault::UpgradeHeader(reason) => Self::UpgradeHeader { reason },
        }
    }
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
    /// There are no credentials to log in with.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// It took longer than [`ConnectOptions::timeout`](crate::ConnectOptions::timeout).
    #[error("it took longer than {after:?}, waiting for {phase}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
        /// What was waited for at the end.
        phase: Phase,
    },
    /// `no_echo` is asked for, and the server is too old to know it.
    #[error("the server does not support `no_echo`")]
    NoEchoUnsupported,
}

impl AttemptError {
    /// Whether the credentials were refused, or could not be made.
    pub fn is_auth(&self) -> bool {
        match self {
            Self::Server(error) => error.is_auth(),
            Self::Auth(_) => true,
            _ => false,
        }
    }
}

/// The list for an error message. There are several causes and none is *the* source, so they are
/// written out in full.
pub(crate) struct Attempts<'a>(pub(crate) &'a [(Arc<ServerAddr>, Arc<AttemptError>)]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (server, error)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{server} ({})", Chain(&**error))?;
        }
        Ok(())
    }
}

/// An error with all that caused it, on one line.
pub(crate) struct Chain<'e>(pub(crate) &'e dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
