//! What a reader of a consumer has to hear of between its messages.

use std::time::Duration;

use super::super::delivery::Delivery;
use super::super::error::JetStreamError;
use crate::msg::Msg;
use crate::publish::PublishError;
use crate::subject::Shown;
use crate::subscription::{SubscribeError, SubscriptionError};
use crate::typed::DecodeError;

/// What is to be said between the messages of a consumer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumeError {
    /// A message is not a value of the type. It can still be answered: terminate it, or it comes
    /// again. The reader goes on.
    #[error("a message does not decode")]
    Decode {
        /// Why.
        source: DecodeError,
        /// The message.
        delivery: Box<Delivery>,
    },
    /// Something came that is no delivery of a consumer. The reader goes on.
    #[error("a message came that no consumer delivered")]
    NoDelivery {
        /// The message.
        msg: Box<Msg>,
    },
    /// A message has malformed headers or a subject that is not text, or was lost because of a
    /// limit. The reader goes on, unless the server does not permit its inbox.
    #[error("the subscription of the reader has something to say")]
    Subscription(#[source] SubscriptionError),
    /// The consumer is gone: it was deleted, or it was ephemeral and nobody read it. The reader is
    /// over.
    #[error("consumer {consumer} of stream {stream} is gone", consumer = Shown(consumer), stream = Shown(stream))]
    ConsumerGone {
        /// The stream.
        stream: String,
        /// The consumer.
        consumer: String,
    },
    /// The stream is gone. The reader is over.
    #[error("stream {stream} is gone", stream = Shown(stream))]
    StreamGone {
        /// The stream.
        stream: String,
    },
    /// The server does not take the pull as it is: it asks for more than the consumer's limits
    /// allow.
    #[error("the server refused to deliver: {description} (status {code})", description = Shown(description))]
    Refused {
        /// The status, as in HTTP.
        code: u16,
        /// The server's words.
        description: String,
    },
    /// Nothing was heard of the server for two heartbeats. A continuous reader goes on by itself and
    /// does not say this.
    #[error("the server was not heard of for {after:?}")]
    Silent {
        /// How long.
        after: Duration,
    },
    /// The reader could not be made.
    #[error("the reader could not subscribe")]
    Subscribe(#[source] SubscribeError),
    /// A pull could not be sent.
    #[error("the server could not be asked for messages")]
    Pull(#[source] PublishError),
    /// The server could not be asked about the consumer, or an ordered one not be made again.
    #[error("the consumer could not be looked up or made")]
    JetStream(#[source] JetStreamError),
}

impl ConsumeError {
    /// Whether the reader is over for good: the consumer or its stream is gone, or the server does
    /// not permit reading.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::ConsumerGone { .. }
                | Self::StreamGone { .. }
                | Self::Subscription(SubscriptionError::Denied(_))
        )
    }
}
