//! What a reader of a consumer has to hear of between its messages.

use std::time::Duration;

use super::super::config_error::ConfigError;
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
    /// What was asked of the reader contradicts itself, or is more than the consumer allows. Nothing
    /// was sent.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The consumer pushes its messages, so it cannot be asked for them.
    #[error(
        "consumer {consumer} of stream {stream} pushes its messages: read it as a push consumer",
        consumer = Shown(consumer), stream = Shown(stream)
    )]
    PushBased {
        /// The stream.
        stream: String,
        /// The consumer.
        consumer: String,
    },
    /// The consumer does not push its messages, so it has to be asked for them.
    #[error(
        "consumer {consumer} of stream {stream} does not push its messages: read it as a pull consumer",
        consumer = Shown(consumer), stream = Shown(stream)
    )]
    PullBased {
        /// The stream.
        stream: String,
        /// The consumer.
        consumer: String,
    },
    /// Somebody reads the push consumer already, and it has no group whose members share it.
    #[error(
        "consumer {consumer} of stream {stream} is read already: give it a `deliver_group` to share it",
        consumer = Shown(consumer), stream = Shown(stream)
    )]
    AlreadyBound {
        /// The stream.
        stream: String,
        /// The consumer.
        consumer: String,
    },
    /// Nobody answers for the consumer: it or its stream does not exist, or has no leader at the
    /// moment.
    #[error(
        "nobody answers for consumer {consumer} of stream {stream}: create it, or try again where its cluster elects a leader",
        consumer = Shown(consumer), stream = Shown(stream)
    )]
    NoResponders {
        /// The stream.
        stream: String,
        /// The consumer.
        consumer: String,
    },
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
    /// The server does not take the request for messages as it is: it asks for more than the
    /// consumer's limits allow, or the next message is larger than it may bring. A continuous reader
    /// goes on.
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
                | Self::PushBased { .. }
                | Self::Subscription(SubscriptionError::Denied(_))
        )
    }
}
