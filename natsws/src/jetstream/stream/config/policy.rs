//! The words that a stream's configuration chooses from.

use crate::jetstream::wire::words;

words! {
    /// For how long a stream keeps its messages.
    pub enum Retention {
        /// Until a limit is reached.
        #[default]
        Limits = "limits",
        /// Until every consumer that there is has acknowledged them.
        Interest = "interest",
        /// Until one consumer has acknowledged them. Consumers may not overlap.
        WorkQueue = "workqueue",
    }
}

words! {
    /// Where a stream keeps its messages.
    pub enum Storage {
        /// In files.
        #[default]
        File = "file",
        /// In memory: all is lost when the servers that have it end.
        Memory = "memory",
    }
}

words! {
    /// What gives way when a limit of a stream is reached.
    pub enum Discard {
        /// The oldest messages are deleted.
        #[default]
        Old = "old",
        /// New messages are refused.
        New = "new",
    }
}

words! {
    /// How a stream's files are compressed.
    pub enum Compression {
        /// Not at all.
        #[default]
        None = "none",
        /// With S2, which is quick.
        S2 = "s2",
    }
}

words! {
    /// When a message counts as stored.
    pub enum PersistMode {
        /// When it is written.
        #[default]
        Default = "default",
        /// Before it is written. It is quicker, and a server that fails loses messages which it had
        /// acknowledged. Only for files, with one replica.
        Async = "async",
    }
}
