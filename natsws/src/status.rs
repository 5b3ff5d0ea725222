//! The status that a server or a service puts into the first line of a message's headers.

use std::fmt;

/// A status code with its description, as in `NATS/1.0 503 No Responders` (ADR-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status<'a> {
    code: u16,
    description: &'a str,
}

impl<'a> Status<'a> {
    /// "No responders": nobody has subscribed to the subject of a request.
    pub const NO_RESPONDERS: u16 = 503;

    pub(crate) fn new(code: u16, description: &'a str) -> Self {
        Self { code, description }
    }

    /// The number, for example `503`.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The text behind the number; empty where the sender gave none.
    pub fn description(&self) -> &'a str {
        self.description
    }

    /// Whether the number stands for a failure, which is 300 and above.
    pub fn is_error(&self) -> bool {
        self.code >= 300
    }
}

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if self.description.is_empty() { Ok(()) } else { write!(f, " {}", self.description) }
    }
}
