/// Bytes from the peer that are not the NATS protocol.
///
/// The connection cannot go on after it: where the next operation starts is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{fault} (byte {at} of the connection)")]
#[non_exhaustive]
pub struct ProtocolError {
    /// What is wrong.
    pub fault: ProtocolFault,
    /// How many bytes of the connection had been read before the operation in question.
    pub at: u64,
}

/// What is wrong with bytes that are not the NATS protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolFault {
    /// A line starts with something that is no operation of the protocol.
    #[error("the peer sent an unknown operation")]
    UnknownOperation,
    /// An operation has too few or too many arguments.
    #[error("the peer sent an operation with the wrong number of arguments")]
    Arguments,
    /// A size or an id is not a number, or is out of range.
    #[error("the peer sent a number that is not valid")]
    Number,
    /// The header is said to be larger than the whole message.
    #[error("the peer sent a header size beyond the message's size")]
    HeaderSize,
    /// A control line is longer than the limit.
    #[error("the peer sent a control line of more than {max} bytes")]
    LineTooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// A message is larger than the limit.
    #[error("the peer announced a message of {len} bytes, at most {max} are accepted")]
    MessageTooLarge {
        /// The announced size in bytes.
        len: u64,
        /// The limit in bytes.
        max: usize,
    },
    /// A payload is not followed by a line end.
    #[error("the peer sent a payload that does not end where it said")]
    PayloadEnd,
    /// The JSON of an `INFO` or a `CONNECT` does not parse.
    #[error("the peer sent an INFO or CONNECT whose JSON is not valid")]
    Json,
}
