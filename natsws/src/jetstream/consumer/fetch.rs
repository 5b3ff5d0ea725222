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
use super::account::{Account, Ask};
use super::error::ConsumeError;
use super::messages::{heartbeat_of, is_deleted, nanoseconds, read};
use super::pull::{PullTerms, Pulled, Puller};
use crate::runtime::BoxFuture;

/// How long a pull waits for messages.
const EXPIRES: Duration = Duration::from_secs(30);

/// Some messages that are about to be asked for: `.await` it, or say more first.
///
/// Made by [`Consumer::fetch`].
#[must_use = "nothing is read until this is awaited"]
pub struct FetchMessages<'a, T> {
    consumer: &'a Consumer,
    ask: Ask,
    /// `None` for a pull that does not wait.
    expires: Option<Duration>,
    value: PhantomData<fn() -> T>,
}

impl<'a, T: Deliverable> FetchMessages<'a, T> {
    pub(super) fn new(consumer: &'a Consumer, messages: usize) -> Self {
        let ask = Ask { messages: messages.max(1), bytes: 0 };
        Self { consumer, ask, expires: Some(EXPIRES), value: PhantomData }
    }

    /// At most so many bytes of messages.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.ask.bytes = bytes;
        self
    }

    /// How long it is waited for them, at least 1 s. Default: 30 s.
    pub fn expires(mut self, expires: Duration) -> Self {
        self.expires = Some(expires.max(Duration::from_secs(1)));
        self
    }

    /// Takes what is there, and does not wait for more.
    pub fn no_wait(mut self) -> Self {
        self.expires = None;
        self
    }

    async fn begin(self) -> Result<Fetch<T>, ConsumeError> {
        let terms = match self.expires {
            None => PullTerms { no_wait: true, ..PullTerms::default() },
            Some(expires) => PullTerms {
                expires: nanoseconds(expires),
                idle_heartbeat: nanoseconds(heartbeat_of(expires)),
                ..PullTerms::default()
            },
        };
        let account = Account::new(self.ask, Ask { messages: 0, bytes: 0 });
        let mut puller = self.consumer.puller(terms, account, false).await?;
        poll_fn(|cx| puller.poll_ask(self.ask, cx)).await?;
        Ok(Fetch { puller, over: false, value: PhantomData })
    }
}

impl<'a, T: Deliverable> IntoFuture for FetchMessages<'a, T> {
    type Output = Result<Fetch<T>, ConsumeError>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

impl<T> fmt::Debug for FetchMessages<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchMessages").field("ask", &self.ask).finish_non_exhaustive()
    }
}

/// The messages of one pull. It ends when all that were asked for have come, or when the time is
/// over.
#[must_use = "what was asked for comes again if it is not read"]
pub struct Fetch<T = Untyped> {
    puller: Puller,
    over: bool,
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
        while !self.over {
            if self.puller.account.is_empty() {
                self.over = true;
                break;
            }
            let error = match ready!(self.puller.poll_next(cx)) {
                Some(Pulled::Message(msg)) => return Poll::Ready(Some(read(&self.puller, msg))),
                // Behind a new connection too: what it asked for was asked of the one before.
                None | Some(Pulled::Reconnected) => break,
                Some(Pulled::Failed(error)) => error,
                Some(Pulled::Silent { after }) => ConsumeError::Silent { after },
                Some(Pulled::Status { code, description }) => match code {
                    100 => continue,
                    // No messages, or not all of them in time.
                    404 | 408 => break,
                    409 if is_deleted(&description) => ConsumeError::ConsumerGone {
                        stream: self.puller.origin.stream.clone(),
                        consumer: self.puller.origin.consumer.clone(),
                    },
                    // It is as full as its bytes allow.
                    409 if description.eq_ignore_ascii_case("batch completed") => break,
                    _ => ConsumeError::Refused { code, description },
                },
            };
            self.over = true;
            return Poll::Ready(Some(Err(error)));
        }
        self.over = true;
        Poll::Ready(None)
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
        f.debug_struct("Fetch").field("over", &self.over).finish_non_exhaustive()
    }
}
