use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use super::filter::Filter;
use super::message::{DecodeError, DecodeMessage, DecodeOwned};
use crate::connection::Connection;
use crate::drain::FlushError;
use crate::header::Headers;
use crate::msg::Msg;
use crate::session::Overflow;
use crate::subscription::{
    Stopper, Subscribe, SubscribeError, Subscription, SubscriptionError, Terms,
};

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
/// Made by [`Client::subscribe`](crate::Client::subscribe). [`only`](Self::only) has an example.
#[derive(Debug)]
#[must_use = "nothing is subscribed until this is awaited"]
pub struct SubscribeTo<'a, M> {
    connection: &'a Connection,
    filter: Option<Filter<M>>,
    terms: Terms,
    message: PhantomData<fn() -> M>,
}

impl<'a, M: DecodeOwned> SubscribeTo<'a, M> {
    pub(crate) fn new(connection: &'a Connection) -> Self {
        Self { connection, filter: None, terms: Terms::new(connection), message: PhantomData }
    }

    /// Only the subjects that a filter leaves, instead of all of the type.
    ///
    /// ```no_run
    /// use natsws::{Client, Subject};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Subject)]
    /// #[subject("orders.{region}.{id}.created")]
    /// struct OrderCreated { region: String, id: u64 }
    ///
    /// # async fn example(client: Client) -> Result<(), natsws::Error> {
    /// let in_eu = OrderCreated::filter().region("eu"); // orders.eu.*.created
    /// let mut created = client.subscribe::<OrderCreated>().only(in_eu).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn only(mut self, filter: impl Into<Filter<M>>) -> Self {
        self.filter = Some(filter.into());
        self
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
        let filter = self.filter.unwrap_or_else(Filter::all);
        let mut subjects = filter.subjects()?.into_iter();
        let first = subjects.next().unwrap_or_default();
        let subscribe = Subscribe::new(self.connection, first, self.terms);
        let subscription = subjects.fold(subscribe, Subscribe::and).await?;
        Ok(TypedSubscription { subscription, message: PhantomData })
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
///
/// ```no_run
/// use natsws::{Client, ReceiveError, Subject};
/// use serde::Deserialize;
///
/// #[derive(Deserialize, Subject)]
/// #[subject("doors.{door}.opened")]
/// struct DoorOpened { door: String }
///
/// # async fn example(client: Client) -> Result<(), natsws::Error> {
/// let mut opened = client.subscribe::<DoorOpened>().await?;
/// while let Some(item) = opened.next().await {
///     match item {
///         Ok(received) => println!("{} on {}", received.door, received.subject()),
///         // Somebody else's mistake: the subscription goes on.
///         Err(ReceiveError::Decode { source, msg }) => println!("{}: {source}", msg.subject()),
///         Err(other) => return Err(other.into()),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping a subscription unsubscribes"]
pub struct TypedSubscription<M> {
    /// To all subjects of the type, so that messages come in order.
    subscription: Subscription,
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
        self.subscription.next().await.map(receive)
    }

    /// Ends the subscription at once. What had come by then can still be read.
    pub fn unsubscribe(&self) {
        self.subscription.unsubscribe();
    }

    /// Stops the server from sending more, and waits until everything it had sent is here. Then
    /// the subscription is over, and what waits can be read to the end.
    ///
    /// # Errors
    /// [`FlushError`] where the connection was lost or closed meanwhile.
    ///
    /// # Cancel safety
    /// Dropped early, the subscription drains all the same.
    pub async fn drain(&self) -> Result<(), FlushError> {
        self.subscription.drain().await
    }

    /// How many messages came.
    pub fn received(&self) -> u64 {
        self.subscription.received()
    }

    /// How many messages were dropped because they were not read fast enough.
    pub fn dropped(&self) -> u64 {
        self.subscription.dropped()
    }

    /// How many messages wait to be read.
    pub fn pending(&self) -> usize {
        self.subscription.pending()
    }

    /// Whether the subscription is over; messages may still wait to be read.
    pub fn is_closed(&self) -> bool {
        self.subscription.is_closed()
    }

    /// Ends the subscription with its `max`th message, counted over its whole life.
    pub fn unsubscribe_after(&self, max: u64) {
        self.subscription.unsubscribe_after(max);
    }

    /// Ends the subscription from elsewhere, while it is being read.
    pub fn stopper(&self) -> Stopper {
        self.subscription.stopper()
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
        let item = ready!(Pin::new(&mut self.subscription).poll_next(cx));
        Poll::Ready(item.map(receive))
    }
}

impl<M> fmt::Debug for TypedSubscription<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedSubscription").field(&self.subscription).finish()
    }
}

/// A received value, with the message that it came in. It derefs to the value.
#[derive(Debug, Clone)]
pub struct Received<M> {
    message: M,
    msg: Msg,
}

impl<M> Received<M> {
    pub(crate) fn new(message: M, msg: Msg) -> Self {
        Self { message, msg }
    }

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
