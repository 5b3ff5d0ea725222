use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use super::message::{DecodeError, DecodeMessage, DecodeOwned};
use crate::connection::Connection;
use crate::drain::FlushError;
use crate::header::Headers;
use crate::msg::Msg;
use crate::session::Overflow;
use crate::subscription::{Subscribe, SubscribeError, Subscription, SubscriptionError, Terms};

/// What a typed subscription has to say between its messages.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// What every subscription may have to say: messages were dropped, or it is over.
    #[error(transparent)]
    Subscription(#[from] SubscriptionError),
    /// A message is not a value of the type. The subscription goes on.
    #[error("a message on a subscribed subject does not fit its type")]
    Decode {
        /// Why.
        source: DecodeError,
        /// The message as it came.
        msg: Box<Msg>,
    },
}

/// A typed subscription that is about to be made: `.await` it, or say more first.
///
/// Made by [`Client::subscribe`](crate::Client::subscribe).
#[derive(Debug)]
#[must_use = "nothing is subscribed until this is awaited"]
pub struct SubscribeTo<'a, M> {
    connection: &'a Connection,
    terms: Terms,
    message: PhantomData<fn() -> M>,
}

impl<'a, M: DecodeOwned> SubscribeTo<'a, M> {
    pub(crate) fn new(connection: &'a Connection) -> Self {
        Self { connection, terms: Terms::new(connection), message: PhantomData }
    }

    /// Joins a queue group: of all its members only one gets each message. The group that the type
    /// declares is for services, and is not joined unless it is named here.
    pub fn queue(mut self, group: impl Into<String>) -> Self {
        self.terms.queue_group = Some(group.into());
        self
    }

    /// Ends the subscription after this many messages.
    pub fn max(mut self, messages: u64) -> Self {
        self.terms.max = Some(messages);
        self
    }

    /// Ends the subscription with an error where no first message comes in this time.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.terms.timeout = Some(timeout);
        self
    }

    /// How many messages may wait to be read before some are dropped.
    pub fn pending_messages(mut self, messages: usize) -> Self {
        self.terms.limits.messages = messages;
        self
    }

    /// How many bytes of messages may wait to be read before some are dropped.
    pub fn pending_bytes(mut self, bytes: usize) -> Self {
        self.terms.limits.bytes = bytes;
        self
    }

    /// What happens when more waits to be read than may. Default:
    /// [`ConnectOptions::overflow`](crate::ConnectOptions::overflow).
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.terms.limits.overflow = overflow;
        self
    }

    /// Does not wait until the server has seen the subscription.
    pub fn unconfirmed(mut self) -> Self {
        self.terms.confirmed = false;
        self
    }

    async fn make(self) -> Result<TypedSubscription<M>, SubscribeError> {
        let mut subscriptions = Vec::with_capacity(M::FILTERS.len());
        for filter in M::FILTERS {
            let subject = (*filter).to_owned();
            let subscribe = Subscribe::new(self.connection, subject, self.terms.clone());
            subscriptions.push(subscribe.await?);
        }
        Ok(TypedSubscription { subscriptions, first: 0, message: PhantomData })
    }
}

impl<'a, M: DecodeOwned + 'a> IntoFuture for SubscribeTo<'a, M> {
    type Output = Result<TypedSubscription<M>, SubscribeError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

/// A subscription to a type's subjects: a stream of its values. Dropping it unsubscribes.
#[must_use = "dropping a subscription unsubscribes"]
pub struct TypedSubscription<M> {
    /// One for each filter of the type: a struct has one.
    subscriptions: Vec<Subscription>,
    /// The one that is asked first, so that a busy one does not shut out the others.
    first: usize,
    message: PhantomData<fn() -> M>,
}

impl<M: DecodeOwned> TypedSubscription<M> {
    /// The next message; `None` when the subscription is over and everything has been read.
    ///
    /// # Errors
    /// [`ReceiveError`] says that a message is not a value of the type, or what else is to be known
    /// between messages. After most of them the subscription goes on.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Received<M>, ReceiveError>> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Received<M>, ReceiveError>>> {
        let count = self.subscriptions.len();
        let mut ended = 0;
        for at in 0..count {
            let index = (self.first + at) % count;
            let Some(subscription) = self.subscriptions.get_mut(index) else { continue };
            match Pin::new(subscription).poll_next(cx) {
                Poll::Ready(Some(item)) => {
                    self.first = (index + 1) % count;
                    return Poll::Ready(Some(receive(item)));
                }
                Poll::Ready(None) => ended += 1,
                Poll::Pending => {}
            }
        }
        if ended == count { Poll::Ready(None) } else { Poll::Pending }
    }

    /// Ends the subscription at once. What had come by then can still be read.
    pub fn unsubscribe(&self) {
        self.subscriptions.iter().for_each(Subscription::unsubscribe);
    }

    /// Stops the server from sending more, and waits until everything it had sent is here. Then
    /// the subscription is over, and what waits can be read to the end.
    ///
    /// # Errors
    /// [`FlushError`] where the connection was lost or closed meanwhile.
    ///
    /// # Cancel safety
    /// Dropped early, some of the subscription may go on.
    pub async fn drain(&self) -> Result<(), FlushError> {
        for subscription in &self.subscriptions {
            subscription.drain().await?;
        }
        Ok(())
    }

    /// How many messages came.
    pub fn received(&self) -> u64 {
        self.subscriptions.iter().map(Subscription::received).sum()
    }

    /// How many messages were dropped because they were not read fast enough.
    pub fn dropped(&self) -> u64 {
        self.subscriptions.iter().map(Subscription::dropped).sum()
    }

    /// How many messages wait to be read.
    pub fn pending(&self) -> usize {
        self.subscriptions.iter().map(Subscription::pending).sum()
    }
}

/// Reads a value out of a message. What it cannot read is not lost.
fn receive<M: DecodeOwned>(
    item: Result<Msg, SubscriptionError>,
) -> Result<Received<M>, ReceiveError> {
    let msg = item?;
    match msg.decode() {
        Ok(message) => Ok(Received { message, msg }),
        Err(source) => Err(ReceiveError::Decode { source, msg: Box::new(msg) }),
    }
}

impl<M: DecodeOwned> Stream for TypedSubscription<M> {
    type Item = Result<Received<M>, ReceiveError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_read(cx)
    }
}

impl<M> fmt::Debug for TypedSubscription<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedSubscription").field(&self.subscriptions).finish()
    }
}

/// A received value, with the message that it came in. It derefs to the value.
#[derive(Debug, Clone)]
pub struct Received<M> {
    message: M,
    msg: Msg,
}

impl<M> Received<M> {
    /// The subject that the message was published to.
    pub fn subject(&self) -> &str {
        self.msg.subject()
    }

    /// The headers of the message.
    pub fn headers(&self) -> &Headers {
        self.msg.headers()
    }

    /// The message as it came.
    pub fn msg(&self) -> &Msg {
        &self.msg
    }

    /// Reads the same message as another type, which may borrow from it.
    ///
    /// # Errors
    /// [`DecodeError`] where subject, headers or payload do not fit that type.
    pub fn view<'m, V: DecodeMessage<'m>>(&'m self) -> Result<V, DecodeError> {
        self.msg.decode()
    }

    /// The value alone.
    pub fn into_inner(self) -> M {
        self.message
    }
}

impl<M> Deref for Received<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.message
    }
}
