//! A place in a stream: where reading starts, or up to where it goes.

use std::time::SystemTime;

/// A place in a stream, by number or by time. A `u64` and a [`SystemTime`] are as good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The message with this number; where it is gone, the next one that is there.
    Sequence(u64),
    /// The first message that was stored at this time or later.
    Time(SystemTime),
}

impl From<u64> for Position {
    fn from(sequence: u64) -> Self {
        Self::Sequence(sequence)
    }
}

impl From<SystemTime> for Position {
    fn from(time: SystemTime) -> Self {
        Self::Time(time)
    }
}

impl Position {
    pub(super) fn sequence(self) -> Option<u64> {
        match self {
            Self::Sequence(sequence) => Some(sequence),
            Self::Time(_) => None,
        }
    }

    pub(super) fn time(self) -> Option<SystemTime> {
        match self {
            Self::Sequence(_) => None,
            Self::Time(time) => Some(time),
        }
    }
}
