//! Counters of one connection.

/// What a connection has sent and received since it was made; reconnecting does not reset it.
///
/// Bytes are those of headers and payloads, without the protocol around them, so that they agree
/// with the server's own count for the connection; but for its word that nobody is there to answer a
/// request, which is a message here and not counted there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Messages received, whether or not a subscription still wanted them.
    pub in_msgs: u64,
    /// Header and payload bytes received.
    pub in_bytes: u64,
    /// Messages accepted for sending.
    pub out_msgs: u64,
    /// Header and payload bytes accepted for sending.
    pub out_bytes: u64,
    /// How often the connection was made again after it was lost, or moved to another server.
    pub reconnects: u64,
}
