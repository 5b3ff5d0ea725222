//! Reading some messages of a consumer: one pull, and its end.

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use super::super::deliverable::{Deliverable, Untyped};
use super::super::delivery::Delivery;
use super::Consumer;
use super::account::Ask;
use super::error::ConsumeError;
use super::messages::read;
use super::options::{PullOptions, priority_options};
use super::pull::{Pulled, Puller};
use super::status::{Told, Word};
use crate::msg::Msg;
use crate::runtime::{self, SendFuture, Sleep};
use crate::subscription::SubscribeError;

/// Some messages that are about to be asked for: `.await` it, or say more first.
///
/// Made by [`Consumer::fetch`].
#[must_use = "nothing is read until this is awaited"]
pub struct FetchMessages<'a, T> {
    consumer: &'a Consumer,
    options: PullOptions,
    value: PhantomData<fn() -> T>,
}

impl<'a, T: Deliverable> FetchMessages<'a, T> {
    pub(super) fn new(consumer: &'a Consumer, messages: usize) -> Self {
        let options = PullOptions { messages: Some(messages), ..PullOptions::default() };
        Self { consumer, options, value: PhantomData }
    }

    /// At most so many bytes of messages: their subjects, reply subjects, headers and payloads. A
    /// first message that is larger is an error.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.options.bytes = Some(bytes);
        self
    }

    /// How long it is waited for them. Default: 30 s, or what the consumer allows.
    pub fn expires(mut self, expires: Duration) -> Self {
        self.options.expires = Some(expires);
        self
    }

    /// Takes what is there, and does not wait for more.
    pub fn no_wait(self) -> Self {
        self.expires(Duration::ZERO)
    }

    /// After which silence the server says that it is still there, at most half of
    /// [`expires`](Self::expires). Default: half of `expires`, between 500 ms and 30 s, and none
    /// where that is less than a second.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.options.heartbeat = Some(interval);
        self
    }

    priority_options!();

    async fn begin(self) -> Result<Fetch<T>, ConsumeError> {
        let pulling = Pulling::begin(self.consumer, self.options).await?;
        Ok(Fetch { pulling: Box::new(pulling), value: PhantomData })
    }
}

impl<'a, T: Deliverable> IntoFuture for FetchMessages<'a, T> {
    type Output = Result<Fetch<T>, ConsumeError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

impl<T> fmt::Debug for FetchMessages<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchMessages").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The messages of one pull. It ends when all that were asked for have come, or when the time is
/// over.
#[must_use = "what was asked for comes again if it is not read"]
pub struct Fetch<T = Untyped> {
    pulling: Box<Pulling>,
    value: PhantomData<fn() -> T>,
}

impl<T: Deliverable> Fetch<T> {
    /// The next message; `None` when there will be no more.
    ///
    /// # Errors
    /// [`ConsumeError`]. Behind a message that does not decode more may follow; any other error is
    /// the end.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Delivery<T>, ConsumeError>> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Delivery<T>, ConsumeError>>> {
        self.pulling.poll_next(cx).map(|item| {
            let msg = item?;
            Some(msg.and_then(|msg| read(&self.pulling.puller.origin, msg)))
        })
    }
}

impl<T: Deliverable> Stream for Fetch<T> {
    type Item = Result<Delivery<T>, ConsumeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_read(cx)
    }
}

impl<T> fmt::Debug for Fetch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetch").field("phase", &self.pulling.phase).finish_non_exhaustive()
    }
}

/// One pull, whatever its messages are read as.
struct Pulling {
    puller: Puller,
    /// How much of it has not come.
    left: Ask,
    is_empty: bool,
    /// Where the server is silent without heartbeats, this ends it.
    limit: Pin<Box<Sleep>>,
    after: Duration,
    /// It was asked before there was a connection, so it is the next one that carries it.
    waits_for_connection: bool,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Over,
    /// It ended with the connection.
    Closed,
}

impl Pulling {
    async fn begin(consumer: &Consumer, options: PullOptions) -> Result<Self, ConsumeError> {
        let (left, terms) = options.once(consumer.info.as_deref())?;
        let after = Duration::from_nanos(terms.expires).saturating_add(consumer.js.timeout());
        let mut puller = consumer.puller(terms, None).await?;
        poll_fn(|cx| puller.poll_ask(0, left, cx)).await.map_err(ConsumeError::Pull)?;
        Ok(Self {
            waits_for_connection: !puller.is_up(),
            puller,
            left,
            is_empty: true,
            limit: runtime::sleep(after),
            after,
            phase: Phase::Open,
        })
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Msg, ConsumeError>>> {
        while self.phase == Phase::Open && self.left.messages > 0 && self.left.bytes != Some(0) {
            let Poll::Ready(pulled) = self.puller.poll_next(false, cx) else {
                ready!(self.limit.as_mut().poll(cx));
                self.end();
                return Poll::Ready(Some(Err(ConsumeError::Silent { after: self.after })));
            };
            let error = match pulled {
                None => {
                    self.phase = Phase::Closed;
                    return Poll::Ready(None);
                }
                Some(Pulled::Message(msg)) => {
                    self.is_empty = false;
                    self.left.messages -= 1;
                    self.left.bytes = self.left.bytes.map(|left| left.saturating_sub(msg.size()));
                    return Poll::Ready(Some(Ok(msg)));
                }
                Some(Pulled::Reconnected) if self.waits_for_connection => {
                    self.waits_for_connection = false;
                    continue;
                }
                // What it asked for was asked of the connection before.
                Some(Pulled::Reconnected) => break,
                // A message that cannot be read is one of those that were asked for.
                Some(Pulled::Failed(error)) => {
                    self.left.messages -= 1;
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Pulled::Silent { after }) => ConsumeError::Silent { after },
                Some(Pulled::Told(told)) => match self.told(told) {
                    Ok(true) => continue,
                    Ok(false) => break,
                    Err(error) => error,
                },
            };
            self.end();
            return Poll::Ready(Some(Err(error)));
        }
        if self.phase == Phase::Open {
            self.end();
        }
        Poll::Ready(None)
    }

    fn end(&mut self) {
        self.phase = Phase::Over;
        self.puller.leave();
    }

    /// Whether there is more to come after what the server says.
    fn told(&self, told: Told) -> Result<bool, ConsumeError> {
        let names = || {
            let origin = &self.puller.origin;
            (origin.stream.clone(), origin.consumer.clone())
        };
        match told.word {
            Word::Heartbeat { .. } => Ok(true),
            Word::Over | Word::LeaderChanged | Word::PinLost => Ok(false),
            // It is as full as its bytes allow.
            Word::TooLarge if !self.is_empty => Ok(false),
            Word::TooLarge | Word::ExceedsLimits | Word::Refused => {
                let Told { code, description, .. } = told;
                Err(ConsumeError::Refused { code, description })
            }
            Word::NoResponders => {
                let (stream, consumer) = names();
                Err(ConsumeError::NoResponders { stream, consumer })
            }
            Word::ConsumerDeleted => {
                let (stream, consumer) = names();
                Err(ConsumeError::ConsumerGone { stream, consumer })
            }
            Word::PushBased => {
                let (stream, consumer) = names();
                Err(ConsumeError::PushBased { stream, consumer })
            }
        }
    }
}

/// One message that is about to be asked for: `.await` it, or say more first.
///
/// Made by [`Consumer::next`].
#[must_use = "nothing is read until this is awaited"]
pub struct NextMessage<'a, T> {
    consumer: &'a Consumer,
    options: PullOptions,
    value: PhantomData<fn() -> T>,
}

impl<'a, T: Deliverable> NextMessage<'a, T> {
    pub(super) fn new(consumer: &'a Consumer) -> Self {
        Self { consumer, options: PullOptions::default(), value: PhantomData }
    }

    /// How long it is waited for it. Default: 30 s, or what the consumer allows.
    pub fn expires(mut self, expires: Duration) -> Self {
        self.options.expires = Some(expires);
        self
    }

    /// Takes one that is there, and does not wait for it.
    pub fn no_wait(self) -> Self {
        self.expires(Duration::ZERO)
    }

    priority_options!();

    async fn read(self) -> Result<Option<Delivery<T>>, ConsumeError> {
        let mut pulling = Pulling::begin(self.consumer, self.options).await?;
        match poll_fn(|cx| pulling.poll_next(cx)).await.transpose()? {
            Some(msg) => read(&pulling.puller.origin, msg).map(Some),
            None if pulling.phase == Phase::Closed => {
                Err(ConsumeError::Subscribe(SubscribeError::Closed))
            }
            None => Ok(None),
        }
    }
}

impl<'a, T: Deliverable> IntoFuture for NextMessage<'a, T> {
    type Output = Result<Option<Delivery<T>>, ConsumeError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.read())
    }
}

impl<T> fmt::Debug for NextMessage<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextMessage").field("options", &self.options).finish_non_exhaustive()
    }
}
