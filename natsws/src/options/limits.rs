//! Options for how much may wait, and what happens when it is too much.

use super::ConnectOptions;
use crate::session::Overflow;

/// How much may wait to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutboxLimits {
    /// Bytes after which a publish waits while there is a connection.
    pub(crate) high_water: usize,
    /// Bytes after which a publish fails while there is none.
    pub(crate) reconnect_buffer: usize,
    /// Requests wait for the next connection as messages do.
    pub(crate) keep_requests: bool,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self { high_water: 512 * 1024, reconnect_buffer: 8 * 1024 * 1024, keep_requests: false }
    }
}

/// What happens to requests that are under way when the connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnDisconnect {
    /// They fail at once, and say whether they may have been delivered. Requests made while there
    /// is no connection fail at once too.
    #[default]
    Fail,
    /// They wait on, and are answered where the reply comes over the next connection in time. What
    /// was not sent yet is kept and sent then, and so are requests made while there is no
    /// connection, within [`ConnectOptions::reconnect_buffer`]. A request is never sent twice, nor
    /// when its time is over.
    Wait,
}

/// How much may wait, and what happens when it is too much.
impl ConnectOptions {
    /// How many bytes may wait to be sent before a publish waits too, at least 1. Default: 512 KiB.
    pub fn outbox_size(mut self, bytes: usize) -> Self {
        self.outbox.high_water = bytes.max(1);
        self
    }

    /// How many bytes of messages are kept for the next connection while there is none; then
    /// publishing fails. Default: 8 MiB. 0 lets it fail at once.
    pub fn reconnect_buffer(mut self, bytes: usize) -> Self {
        self.outbox.reconnect_buffer = bytes;
        self
    }

    /// What happens to requests that are under way when the connection is lost. Default: they fail
    /// at once.
    pub fn on_disconnect(mut self, requests: OnDisconnect) -> Self {
        self.on_disconnect = requests;
        self.outbox.keep_requests = requests == OnDisconnect::Wait;
        self
    }

    /// How many messages wait for the reader of a subscription before it counts as too slow, where
    /// the subscription does not say so itself. Default: 65,536.
    pub fn subscription_messages(mut self, messages: usize) -> Self {
        self.queue.messages = messages;
        self
    }

    /// How many bytes of messages wait for the reader of a subscription before it counts as too
    /// slow, where the subscription does not say so itself. Default: 64 MiB.
    pub fn subscription_bytes(mut self, bytes: usize) -> Self {
        self.queue.bytes = bytes;
        self
    }

    /// What happens when the reader of a subscription is too slow, where the subscription does not
    /// say so itself. Default: [`Overflow::DropNewest`].
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.queue.overflow = overflow;
        self
    }

    /// The largest message that is accepted from a server, headers and payload together, in bytes.
    /// Default: half as much again as the server's `max_payload`, at least 16 MiB and at most 64 MiB:
    /// what the server answers itself may be larger than what it takes. A larger one breaks the
    /// connection before it is read.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = Some(bytes);
        self
    }

    /// The longest line that is accepted from a server, but for `INFO`, in bytes. Default: 64 KiB.
    pub fn max_control_line(mut self, bytes: usize) -> Self {
        self.decoder.line = bytes;
        self
    }
}
