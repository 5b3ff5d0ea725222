//! Reading a consumer continuously.

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use super::super::deliverable::{Deliverable, Untyped};
use super::super::delivery::{Delivery, Unreadable};
use super::super::error::JetStreamError;
use super::Consumer;
use super::account::{Account, Ask};
use super::error::ConsumeError;
use super::info::ConsumerInfo;
use super::pull::{PullTerms, Pulled, Puller};
use crate::msg::Msg;
use crate::runtime::BoxFuture;

/// How many messages are asked for at a time.
const MESSAGES: usize = 100;
/// How long a pull waits for them.
const EXPIRES: Duration = Duration::from_secs(30);
/// Heartbeats come no less often than that.
const LONGEST_HEARTBEAT: Duration = Duration::from_secs(30);
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(500);

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Half of what a pull waits, within limits.
pub(super) fn heartbeat_of(expires: Duration) -> Duration {
    (expires / 2).clamp(SHORTEST_HEARTBEAT, LONGEST_HEARTBEAT)
}

/// Continuous reading that is about to begin: `.await` it, or say more first.
///
/// Made by [`Consumer::messages`].
#[must_use = "nothing is read until this is awaited"]
pub struct ReadMessages<'a, T> {
    consumer: &'a Consumer,
    most: Ask,
    expires: Duration,
    value: PhantomData<fn() -> T>,
}

impl<'a, T: Deliverable> ReadMessages<'a, T> {
    pub(super) fn new(consumer: &'a Consumer) -> Self {
        let most = Ask { messages: MESSAGES, bytes: 0 };
        Self { consumer, most, expires: EXPIRES, value: PhantomData }
    }

    /// How many messages may be on their way or wait here to be read. More is asked for when a
    /// quarter of them was read. Default: 100.
    pub fn max_messages(mut self, messages: usize) -> Self {
        self.most.messages = messages.max(1);
        self
    }

    /// How many bytes of messages may be on their way or wait here to be read. Default: no limit.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.most.bytes = bytes;
        self
    }

    /// How long one pull waits at the server, at least 1 s. Default: 30 s.
    pub fn expires(mut self, expires: Duration) -> Self {
        self.expires = expires.max(Duration::from_secs(1));
        self
    }

    async fn begin(self) -> Result<Messages<T>, ConsumeError> {
        let terms = PullTerms {
            expires: nanoseconds(self.expires),
            idle_heartbeat: nanoseconds(heartbeat_of(self.expires)),
            ..PullTerms::default()
        };
        let most = self.most;
        let threshold = Ask { messages: most.messages * 3 / 4, bytes: most.bytes / 4 * 3 };
        let account = Account::new(most, threshold);
        let puller = self.consumer.puller(terms, account, true).await?;
        let consumer = self.consumer.clone();
        Ok(Messages { consumer, puller, check: None, over: false, value: PhantomData })
    }
}

impl<'a, T: Deliverable> IntoFuture for ReadMessages<'a, T> {
    type Output = Result<Messages<T>, ConsumeError>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

impl<T> fmt::Debug for ReadMessages<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadMessages").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// The messages of a consumer as they come, without end. Dropping it stops reading; what was
/// delivered and not answered comes again.
///
/// It asks for more as messages are read, so a slow reader is not sent more than it asked for. A lost
/// connection, a change of leaders and missed heartbeats are seen to here; it ends where the
/// consumer is gone, with the error that says so, and with the connection.
#[must_use = "dropping it stops reading"]
pub struct Messages<T = Untyped> {
    consumer: Consumer,
    puller: Puller,
    /// Whether the consumer is still there, where that is in doubt.
    check: Option<BoxFuture<'static, Result<ConsumerInfo, JetStreamError>>>,
    over: bool,
    value: PhantomData<fn() -> T>,
}

impl<T: Deliverable> Messages<T> {
    /// The next message; `None` when the reader is over.
    ///
    /// # Errors
    /// [`ConsumeError`] says what is to be known between messages. After most of them the reader
    /// goes on.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Delivery<T>, ConsumeError>> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    /// Whether more is asked for as messages are read; what was asked for before comes in any
    /// case. For readers that cannot take more for a while and are not to let messages wait here
    /// unseen, while the server waits for their answers. Default: yes.
    pub fn set_asking(&mut self, asking: bool) {
        self.puller.continuous = asking;
    }

    /// Asks for no more: what has been sent by then can be read, and then the reader is over.
    pub fn drain(&mut self) {
        self.puller.drain();
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Delivery<T>, ConsumeError>>> {
        while !self.over {
            if let Some(check) = &mut self.check {
                if let Poll::Ready(checked) = check.as_mut().poll(cx) {
                    self.check = None;
                    match checked {
                        Ok(_) => self.puller.account.reset(),
                        Err(error) => {
                            if let Some(gone) = self.gone(&error) {
                                self.over = true;
                                return Poll::Ready(Some(Err(gone)));
                            }
                            // Nobody knows: the next silence asks again.
                        }
                    }
                    continue;
                }
            }
            match ready!(self.puller.poll_next(cx)) {
                None => self.over = true,
                Some(Pulled::Message(msg)) => return Poll::Ready(Some(self.read(msg))),
                Some(Pulled::Failed(error)) => return Poll::Ready(Some(Err(error))),
                Some(Pulled::Reconnected) => self.puller.account.reset(),
                Some(Pulled::Silent { .. }) => self.look(),
                Some(Pulled::Status { code, description }) => {
                    if let Some(error) = self.told(code, description) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
        }
        Poll::Ready(None)
    }

    fn read(&self, msg: Msg) -> Result<Delivery<T>, ConsumeError> {
        read(&self.puller, msg)
    }

    /// Asks whether the consumer is still there.
    fn look(&mut self) {
        if self.check.is_none() {
            let consumer = self.consumer.clone();
            self.check = Some(Box::pin(async move { consumer.info().await }));
        }
    }

    fn gone(&self, error: &JetStreamError) -> Option<ConsumeError> {
        gone(&self.puller, error)
    }

    fn told(&mut self, code: u16, description: String) -> Option<ConsumeError> {
        match code {
            // A pull that brought less than it asked for, or a heartbeat.
            100 | 404 | 408 => None,
            409 if is_deleted(&description) => {
                self.over = true;
                let origin = &self.puller.origin;
                Some(ConsumeError::ConsumerGone {
                    stream: origin.stream.clone(),
                    consumer: origin.consumer.clone(),
                })
            }
            409 if description.to_ascii_lowercase().contains("leadership change") => {
                self.puller.account.reset();
                None
            }
            // Nobody takes pulls: its leader changes, or it is gone.
            503 => {
                self.look();
                None
            }
            _ => Some(ConsumeError::Refused { code, description }),
        }
    }
}

/// The consumer was deleted while it was read.
pub(super) fn is_deleted(description: &str) -> bool {
    description.eq_ignore_ascii_case("consumer deleted")
}

/// Reads a message that was pulled.
pub(super) fn read<T: Deliverable>(puller: &Puller, msg: Msg) -> Result<Delivery<T>, ConsumeError> {
    Delivery::read(msg, &puller.origin).map_err(|unreadable| match unreadable {
        Unreadable::NoDelivery(msg) => ConsumeError::NoDelivery { msg: Box::new(msg) },
        Unreadable::Decode(source, delivery) => ConsumeError::Decode { source, delivery },
    })
}

/// The error for the reader where that of the API says that the consumer or its stream is gone.
pub(super) fn gone(puller: &Puller, error: &JetStreamError) -> Option<ConsumeError> {
    let origin = &puller.origin;
    match error {
        JetStreamError::ConsumerNotFound { .. } => Some(ConsumeError::ConsumerGone {
            stream: origin.stream.clone(),
            consumer: origin.consumer.clone(),
        }),
        JetStreamError::StreamNotFound { .. } => {
            Some(ConsumeError::StreamGone { stream: origin.stream.clone() })
        }
        _ => None,
    }
}

impl<T: Deliverable> Stream for Messages<T> {
    type Item = Result<Delivery<T>, ConsumeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_read(cx)
    }
}

impl<T> fmt::Debug for Messages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("consumer", &self.consumer)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}
