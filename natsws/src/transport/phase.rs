//! How far an attempt to connect has come.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

/// What an attempt to connect was waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// The address of the host and the TCP connection.
    Connect,
    /// The answer of the HTTP proxy.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// The answer to the WebSocket handshake, or the application's headers for it.
    Upgrade,
    /// The server's `INFO`.
    Info,
    /// The application's [`Authenticator`](crate::Authenticator).
    Authenticator,
    /// The server's answer to `CONNECT`.
    Answer,
}

const ALL: [Phase; 7] = [
    Phase::Connect,
    Phase::Proxy,
    Phase::Tls,
    Phase::Upgrade,
    Phase::Info,
    Phase::Authenticator,
    Phase::Answer,
];

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "the connection",
            Self::Proxy => "the proxy's answer",
            Self::Tls => "the TLS handshake",
            Self::Upgrade => "the WebSocket handshake",
            Self::Info => "the server's INFO",
            Self::Authenticator => "the authenticator",
            Self::Answer => "the server's answer to CONNECT",
        })
    }
}

/// Notes how far an attempt has come, for the one that gives it up.
#[derive(Debug, Default)]
pub(crate) struct Progress(AtomicU8);

impl Progress {
    pub(crate) fn reached(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        let at = usize::from(self.0.load(Ordering::Relaxed));
        ALL.get(at).copied().unwrap_or(Phase::Connect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_is_found_again() {
        let progress = Progress::default();
        assert_eq!(progress.phase(), Phase::Connect);
        for phase in ALL {
            progress.reached(phase);
            assert_eq!(progress.phase(), phase);
        }
    }
}
