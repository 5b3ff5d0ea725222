//! What a service did over its whole life.

use std::fmt;
use std::time::Duration;

/// What a service did over its whole life, told when it has stopped.
///
/// `completed`, `failed`, `shed` and `aborted` together are all requests that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Requests that succeeded: their reply was accepted for sending, or they asked for none.
    pub completed: u64,
    /// Requests that ended in an error, the caller's as well as the service's, or whose reply could
    /// not be sent.
    pub failed: u64,
    /// Requests that were answered without being begun: with 503 because too many waited, with 408
    /// because their caller's time was up, or with 500 because what says their order panicked.
    pub shed: u64,
    /// Requests that had come and were not finished when the drain's time was up, or the service was
    /// stopped. Their callers are told 503, as long as there is a connection.
    pub aborted: u64,
    /// Of those that have ended, how many were messages that asked for no answer.
    pub unanswered: u64,
    /// Messages that came and could not be taken: dropped because the process did not keep up, or
    /// malformed. They are in none of the other numbers.
    pub lost: u64,
    /// Whether the server has confirmed the answers. `false` where it could not be asked, and where
    /// a connection that was lost at some time before took something with it that nobody has
    /// confirmed since.
    pub flushed: bool,
    /// How long draining took.
    pub took: Duration,
}

impl DrainReport {
    /// All requests that came and could be taken.
    pub fn received(&self) -> u64 {
        self.completed + self.failed + self.shed + self.aborted
    }
}

/// In a line: `7 requests: 5 completed, 1 failed, 1 shed, 0 aborted; drained in 3ms`.
impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { completed, failed, shed, aborted, lost, flushed, took, .. } = self;
        let received = self.received();
        write!(f, "{received} requests: {completed} completed, {failed} failed, {shed} shed")?;
        write!(f, ", {aborted} aborted")?;
        if *lost > 0 {
            write!(f, ", and {lost} lost")?;
        }
        write!(f, "; drained in {took:.0?}")?;
        if *flushed { Ok(()) } else { f.write_str(", the last answers unconfirmed") }
    }
}
