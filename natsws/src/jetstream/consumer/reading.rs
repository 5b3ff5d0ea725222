//! What a continuous reader does when something is not as it should be: whether it goes on, waits or
//! ends (ADR-37).

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::super::ack::Origin;
use super::super::api::pause;
use super::super::error::JetStreamError;
use super::Consumer;
use super::error::ConsumeError;
use super::info::ConsumerInfo;
use super::notice::{Notice, Notices};
use super::pull::Pulled;
use super::source::Source;
use super::status::{Told, Word};
use super::stop::MessagesStopper;
use crate::msg::Msg;
use crate::runtime::{self, SendFuture};

/// What a reader does where its consumer may be gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vigilance {
    /// Asks the server whether it is.
    pub(super) looks: bool,
    /// Waits for it to be made again.
    pub(super) waits: bool,
}

type Look = SendFuture<'static, Result<ConsumerInfo, JetStreamError>>;

/// Continuous reading of messages, whatever they are read as.
pub(super) struct Reading {
    consumer: Consumer,
    source: Source,
    vigilance: Vigilance,
    /// Asks whether the consumer is still there. Until that is known, nothing is asked for.
    look: Option<Look>,
    /// How often it was looked for in vain.
    looks: u32,
    /// Whether more is wanted.
    asks: bool,
    over: bool,
}

impl Reading {
    pub(super) fn new(consumer: Consumer, source: Source, vigilance: Vigilance) -> Self {
        Self { consumer, source, vigilance, look: None, looks: 0, asks: true, over: false }
    }

    pub(super) fn origin(&self) -> &Arc<Origin> {
        self.source.origin()
    }

    pub(super) fn notices(&mut self) -> Notices {
        self.source.board().listen()
    }

    pub(super) fn stopper(&self) -> MessagesStopper {
        self.source.stopper()
    }

    pub(super) fn set_asking(&mut self, asks: bool) {
        if asks && !self.asks {
            // What was not heard while nothing was asked for says nothing.
            self.source.listen_anew();
        }
        self.asks = asks;
    }

    /// The next message, or what is to be known before it.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Msg, ConsumeError>>> {
        while !self.over {
            if let Some(found) = self.poll_look(cx) {
                if let Some(error) = self.looked(&found) {
                    self.over = true;
                    return Poll::Ready(Some(Err(error)));
                }
                continue;
            }
            let error = match ready!(self.source.poll_next(self.asks && self.look.is_none(), cx)) {
                None => break,
                Some(Pulled::Message(msg)) => {
                    self.looks = 0;
                    return Poll::Ready(Some(Ok(msg)));
                }
                Some(Pulled::Failed(error)) => Some(error),
                Some(Pulled::Reconnected) => {
                    self.source.reset();
                    self.source.board().tell(|| Notice::Reconnected);
                    None
                }
                // To who asks for nothing the server says nothing.
                Some(Pulled::Silent { .. }) if !self.asks => None,
                Some(Pulled::Silent { after }) => {
                    self.source.board().tell(|| Notice::HeartbeatsMissed { after });
                    self.doubt();
                    None
                }
                Some(Pulled::Told(told)) => self.told(told),
            };
            if let Some(error) = error {
                return Poll::Ready(Some(Err(error)));
            }
        }
        self.over = true;
        Poll::Ready(None)
    }

    /// What the server says of a pull, where the reader has to know.
    fn told(&mut self, told: Told) -> Option<ConsumeError> {
        match told.word {
            Word::Heartbeat { .. }
            | Word::Over
            | Word::TooLarge
            | Word::ExceedsLimits
            | Word::PinLost
            | Word::LeaderChanged => None,
            // Its leader changes, or it is gone.
            Word::NoResponders => {
                self.doubt();
                None
            }
            Word::ConsumerDeleted if self.vigilance.waits => {
                self.source.board().tell(|| Notice::ConsumerMissing);
                self.doubt();
                None
            }
            Word::ConsumerDeleted => {
                self.over = true;
                Some(self.consumer_gone())
            }
            Word::PushBased => {
                self.over = true;
                let (stream, consumer) = self.names();
                Some(ConsumeError::PushBased { stream, consumer })
            }
            Word::Refused => {
                let Told { code, description, .. } = told;
                Some(ConsumeError::Refused { code, description })
            }
        }
    }

    /// The consumer may not be there any more.
    fn doubt(&mut self) {
        if self.look.is_some() {
            return;
        }
        let wait = (self.looks > 0).then(|| pause(self.looks));
        self.looks = self.looks.saturating_add(1);
        if !self.vigilance.looks {
            // A pull is a question as well, if it is not asked too often.
            self.look = Some(Box::pin(async move {
                runtime::sleep(wait.unwrap_or(Duration::ZERO)).await;
                Err(JetStreamError::TimedOut { after: Duration::ZERO })
            }));
            return;
        }
        let consumer = self.consumer.clone();
        self.look = Some(Box::pin(async move {
            if let Some(wait) = wait {
                runtime::sleep(wait).await;
            }
            consumer.info().await
        }));
    }

    fn poll_look(&mut self, cx: &mut Context<'_>) -> Option<Result<ConsumerInfo, JetStreamError>> {
        match self.look.as_mut()?.as_mut().poll(cx) {
            Poll::Ready(found) => {
                self.look = None;
                Some(found)
            }
            Poll::Pending => None,
        }
    }

    /// What is known now of the consumer; the end of the reader, where it is one.
    fn looked(&mut self, found: &Result<ConsumerInfo, JetStreamError>) -> Option<ConsumeError> {
        let missing = match found {
            Err(JetStreamError::ConsumerNotFound { .. }) => Notice::ConsumerMissing,
            Err(JetStreamError::StreamNotFound { .. }) => Notice::StreamMissing,
            // It is there, or nobody knows: then asking for messages shows.
            _ => {
                self.source.reset();
                return None;
            }
        };
        if self.vigilance.waits {
            self.source.board().tell(|| missing);
            self.doubt();
            return None;
        }
        Some(match missing {
            Notice::StreamMissing => {
                ConsumeError::StreamGone { stream: self.source.origin().stream.clone() }
            }
            _ => self.consumer_gone(),
        })
    }

    fn consumer_gone(&self) -> ConsumeError {
        let (stream, consumer) = self.names();
        ConsumeError::ConsumerGone { stream, consumer }
    }

    fn names(&self) -> (String, String) {
        let origin = self.source.origin();
        (origin.stream.clone(), origin.consumer.clone())
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("consumer", &self.consumer)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}
