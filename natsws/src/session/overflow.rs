//! What happens when the reader of a subscription is too slow.

/// What happens when the reader of a subscription is too slow, and more waits for it than may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// What comes is dropped until there is room. The reader is told where, and how many.
    #[default]
    DropNewest,
    /// What has waited longest is dropped, so that the reader gets the latest. It is told how many.
    DropOldest,
    /// Nothing more is read from the server until there is room. That holds up the **whole**
    /// connection, answers to its requests and PINGs among them, so it is for connections with one
    /// purpose. After 5 s what comes is dropped as with [`DropNewest`](Self::DropNewest).
    Block,
    /// The subscription ends: the reader gets what had come, and then an error.
    Close,
}

/// How much a queue holds before its reader is too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    pub(crate) overflow: Overflow,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { messages: 65_536, bytes: 64 * 1024 * 1024, overflow: Overflow::default() }
    }
}

/// What pushing a batch changed about the queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// The reader is too slow from here on.
    TooSlow { waiting: usize },
    /// There is room again.
    Recovered { dropped: u64 },
    /// Reading from the server must wait until there is room.
    Blocked,
    /// The subscription is over by it.
    Closed,
}
