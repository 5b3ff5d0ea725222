//! One message of a window, and what passes between the window and those around it.

use std::time::Duration;

use tokio::sync::oneshot;

use super::super::super::ack::PublishAck;
use super::super::super::error::PublishError;
use crate::publish::PublishError as Refusal;
use crate::runtime::Instant;
use crate::typed::Outgoing;

/// What holds for all messages of a publisher.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Terms {
    /// How many messages may be in the window, and how many bytes.
    pub(in super::super) messages: usize,
    pub(in super::super) bytes: usize,
    /// How long the answer to one attempt is waited for.
    pub(in super::super) timeout: Duration,
    /// How long a message is tried to be brought to its stream.
    pub(in super::super) deadline: Duration,
}

/// Whoever waits for the outcome of one message.
pub(in super::super) type Receiver = oneshot::Sender<Result<PublishAck, PublishError>>;

/// A message on its way to the connection.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Parcel<'a> {
    pub(in super::super) message: &'a Outgoing,
    pub(in super::super) token: u64,
    /// It is sent again where it is lost with the connection.
    pub(in super::super) has_id: bool,
    /// The connection it is for: over the next one, what this one left open goes first.
    pub(in super::super) connection: u64,
}

/// What became of handing a message to the connection.
#[derive(Debug)]
pub(in super::super) enum Handed {
    Sent,
    /// There is no room, or no connection.
    NotNow,
    Refused(Refusal),
}

/// What came for a message.
#[derive(Debug)]
pub(in super::super) enum Answer {
    /// The acknowledgement itself is there only where somebody wants it.
    Stored {
        duplicate: bool,
        ack: Option<PublishAck>,
    },
    /// Nobody has the subject, and whether the server says that it has JetStream.
    NoResponders {
        has_jetstream: bool,
    },
    Failed(PublishError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is to be sent.
    Waiting,
    Sent {
        at: Instant,
    },
    /// It is to be sent again, and not before this.
    Paused {
        until: Instant,
    },
    Settled,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) message: Outgoing,
    pub(super) stage: Stage,
    pub(super) since: Instant,
    pub(super) has_id: bool,
    /// Which attempt the answer must be to, unless it is the one that all is well.
    pub(super) attempt: u16,
    /// An earlier attempt had no answer.
    pub(super) maybe_stored: bool,
    /// Why the last attempt failed that had one.
    pub(super) fault: Option<Box<PublishError>>,
    pub(super) receiver: Option<Receiver>,
}

/// Numbers have 48 bits of a token, attempts the others.
const NUMBER_BITS: u32 = 48;

/// Which attempt of which message a token is of: the number, and the attempt.
pub(super) fn split_token(token: u64) -> (u64, u64) {
    (token & ((1 << NUMBER_BITS) - 1), token >> NUMBER_BITS)
}

impl Slot {
    pub(super) fn parcel(&self, number: u64, connection: u64) -> Parcel<'_> {
        let number = number & ((1 << NUMBER_BITS) - 1);
        let token = (u64::from(self.attempt) << NUMBER_BITS) | number;
        Parcel { message: &self.message, token, has_id: self.has_id, connection }
    }
}
