//! Subscribing to subjects and reading what comes.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use crate::connection::{Connection, WeakConnection};
use crate::drain::FlushError;
use crate::header::HeaderError;
use crate::msg::{Msg, RawMsg, Unusable};
use crate::protocol::ServerError;
use crate::runtime;
use crate::session::{
    Handler, Inline, Item, Overflow, Queue, QueueLimits, Route, Taken, Target, Unanswered,
};
use crate::subject::{SubjectError, check_filter, check_queue_group};

/// Why a subscription could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The subject cannot be subscribed to.
    #[error("the subject cannot be subscribed to")]
    Subject(#[from] SubjectError),
    /// The queue group has no valid name.
    #[error("the queue group has no valid name")]
    QueueGroup(#[source] SubjectError),
    /// A queue group and a maximum cannot go together where there are several subjects: the server
    /// counts each subject alone, so it would give this member messages beyond the maximum, which no
    /// other member gets.
    #[error("a queue group and a maximum cannot go together where there are several subjects")]
    MaxInQueueGroup,
    /// The server does not permit it.
    #[error("the server does not permit the subscription")]
    Denied(#[source] ServerError),
    /// The connection is draining.
    #[error("the connection is draining")]
    Draining,
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
}

/// What a subscription has to say between its messages.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// Messages were dropped here, because they were not read fast enough. The subscription goes
    /// on.
    #[error("{dropped} messages were dropped, because they were not read fast enough")]
    Lagged {
        /// How many.
        dropped: u64,
    },
    /// A message has a subject or a reply subject that is not UTF-8. The subscription goes on.
    #[error("a message has a subject that is not UTF-8")]
    SubjectNotUtf8 {
        /// The message as it came.
        raw: Box<RawMsg>,
    },
    /// A message has headers that are malformed. The subscription goes on.
    #[error("a message has headers that are malformed")]
    MalformedHeaders {
        /// What is wrong.
        source: HeaderError,
        /// The message as it came.
        raw: Box<RawMsg>,
    },
    /// The reader was too slow, and the subscription [closes](Overflow::Close) then. It is over.
    #[error("the subscription was closed, because its messages were not read fast enough")]
    TooSlow,
    /// No first message came within the subscription's timeout. The subscription is over.
    #[error("no message came in time")]
    TimedOut,
    /// The server does not permit the subscription, or no longer. The subscription is over.
    #[error("the server does not permit the subscription")]
    Denied(#[source] ServerError),
}

/// What can be said of a subscription before it is made, whatever its subject.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) queue_group: Option<String>,
    pub(crate) max: Option<u64>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) limits: QueueLimits,
    pub(crate) confirmed: bool,
}

impl Terms {
    /// What holds where nothing is said.
    pub(crate) fn new(connection: &Connection) -> Self {
        let limits = connection.shared().options.queue;
        Self { queue_group: None, max: None, timeout: None, limits, confirmed: true }
    }
}

/// A subscription that is about to be made: `.await` it, or say more first.
///
/// Made by [`Connection::subscribe`].
#[must_use = "nothing is subscribed until this is awaited"]
pub struct Subscribe<'a> {
    connection: &'a Connection,
    subject: String,
    also: Vec<String>,
    terms: Terms,
    handler: Option<InlineHandler>,
}

/// A user's function that takes messages inline with their arrival.
type InlineHandler = Box<dyn FnMut(Result<Msg, SubscriptionError>) + Send>;

impl<'a> Subscribe<'a> {
    pub(crate) fn new(connection: &'a Connection, subject: String, terms: Terms) -> Self {
        Self { connection, subject, also: Vec::new(), terms, handler: None }
    }

    /// Subscribes to another subject with the same subscription: its messages come in between, in
    /// the order in which the server sent them all.
    ///
    /// Where the subjects have some in common, a message to one of those comes once for each. A
    /// subject that is denied ends the whole subscription. A queue group and a [`max`](Self::max)
    /// cannot go together then.
    ///
    /// ```no_run
    /// # async fn example(connection: natsws::Connection) -> Result<(), natsws::Error> {
    /// let mut orders = connection.subscribe("orders.*.created").and("orders.*.shipped").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn and(mut self, subject: impl Into<String>) -> Self {
        self.also.push(subject.into());
        self
    }

    /// Joins a queue group: of all its members only one gets each message.
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

    /// How many messages may wait to be read before the reader counts as too slow.
    pub fn pending_messages(mut self, messages: usize) -> Self {
        self.terms.limits.messages = messages;
        self
    }

    /// How many bytes of messages may wait to be read before the reader counts as too slow.
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

    /// Does not wait until the server has seen the subscription: the fast path, for which a
    /// message published by somebody else right after may come too early.
    pub fn unconfirmed(mut self) -> Self {
        self.terms.confirmed = false;
        self
    }

    /// Gives each message to a function inline with its arrival, for the lowest latency, instead
    /// of to a reader.
    ///
    /// The function holds up the whole connection while it runs, so it must be quick; a panic in
    /// it is contained and told as an [`Event`](crate::Event). The stream of such a subscription
    /// has no items.
    pub fn handler(
        mut self,
        handler: impl FnMut(Result<Msg, SubscriptionError>) + Send + 'static,
    ) -> Self {
        self.handler = Some(Box::new(handler));
        self
    }

    async fn make(mut self) -> Result<Subscription, SubscribeError> {
        let Terms { queue_group, max, timeout, limits, confirmed } = self.terms;
        for subject in [&self.subject].into_iter().chain(&self.also) {
            check_filter(subject)?;
        }
        if let Some(group) = &queue_group {
            check_queue_group(group).map_err(SubscribeError::QueueGroup)?;
        }
        let is_family = !self.also.is_empty();
        if is_family && queue_group.is_some() && max.is_some() {
            return Err(SubscribeError::MaxInQueueGroup);
        }
        let queue = Arc::new(Queue::new(limits));
        let target = match self.handler.take() {
            None => Target::Queue(Arc::clone(&queue)),
            Some(handler) => Target::Handler(Box::new(Inline {
                call: inline(handler, self.connection.downgrade()),
                queue: Arc::clone(&queue),
            })),
        };
        let subject: Arc<str> = self.subject.into();
        let mut route = Route::new(Arc::clone(&subject), queue_group, target);
        // Told before it has followers, the server would count the first subject alone.
        route.max = max.filter(|max| !is_family && *max > 0);
        route.deadline = timeout.map(|timeout| runtime::after(runtime::now(), timeout));
        let shared = self.connection.shared();
        let sid = shared.with_session(|session, effects| {
            if session.is_closed() {
                return Err(SubscribeError::Closed);
            }
            if session.is_draining() {
                return Err(SubscribeError::Draining);
            }
            let sid = session.subscribe(route, effects);
            for subject in std::mem::take(&mut self.also) {
                session.follow(sid, subject.into(), effects);
            }
            // With none wanted it is over at once, and the server knows no such maximum.
            if let Some(max) = max.filter(|max| is_family || *max == 0) {
                session.unsubscribe_after(sid, max, effects);
            }
            Ok(sid)
        })?;
        // From here on, dropping this future drops the subscription, which unsubscribes.
        let mut subscription = Subscription {
            connection: self.connection.clone(),
            sid,
            subject,
            queue,
            local: Taken::default(),
            processed: 0,
        };
        if confirmed {
            subscription.confirm().await?;
        }
        Ok(subscription)
    }
}

impl<'a> IntoFuture for Subscribe<'a> {
    type Output = Result<Subscription, SubscribeError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

impl fmt::Debug for Subscribe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe")
            .field("subject", &self.subject)
            .field("queue_group", &self.terms.queue_group)
            .finish_non_exhaustive()
    }
}

/// The user's function as the session calls it.
fn inline(mut handler: InlineHandler, connection: WeakConnection) -> Handler {
    // The connection holds the handler, so the handler must not hold the connection.
    Arc::new(Mutex::new(move |item| handler(read(item, || connection.upgrade()))))
}

/// Makes what the reader sees of what was queued.
#[cfg_attr(not(browser), inline(always))]
fn read(
    item: Item,
    connection: impl FnOnce() -> Option<Connection>,
) -> Result<Msg, SubscriptionError> {
    match item {
        Item::Delivery(delivery) => Msg::new(delivery, connection).map_err(|(fault, delivery)| {
            let raw = Box::new(RawMsg(delivery));
            match fault {
                Unusable::SubjectNotUtf8 => SubscriptionError::SubjectNotUtf8 { raw },
                Unusable::Headers(source) => SubscriptionError::MalformedHeaders { source, raw },
            }
        }),
        Item::Lagged { dropped } => Err(SubscriptionError::Lagged { dropped }),
        Item::Overflowed => Err(SubscriptionError::TooSlow),
        Item::Denied(error) => Err(SubscriptionError::Denied(error)),
        Item::TimedOut => Err(SubscriptionError::TimedOut),
    }
}

/// A subscription: a stream of messages. Dropping it unsubscribes.
///
/// ```no_run
/// # async fn example(connection: natsws::Connection) -> Result<(), natsws::Error> {
/// let mut help = connection.subscribe("help.>").await?;
/// while let Some(msg) = help.next().await {
///     let msg = msg?;
///     println!("{}: {} bytes", msg.subject(), msg.payload().len());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping a subscription unsubscribes"]
pub struct Subscription {
    connection: Connection,
    sid: u64,
    subject: Arc<str>,
    queue: Arc<Queue>,
    /// Taken from the queue and not yet read.
    local: Taken,
    processed: u64,
}

impl Subscription {
    /// Waits until the server has seen the subscription, over as many connections as it takes.
    async fn confirm(&mut self) -> Result<(), SubscribeError> {
        loop {
            match self.connection.ping_when_up().await {
                Ok(()) => break,
                Err(Unanswered::Closed) => return Err(SubscribeError::Closed),
                Err(Unanswered::Disconnected { .. } | Unanswered::NotConnected { .. }) => {}
            }
        }
        match self.queue.denied() {
            Some(error) => Err(SubscribeError::Denied(error)),
            None => Ok(()),
        }
    }

    /// The next message; `None` when the subscription is over and everything has been read.
    ///
    /// # Errors
    /// [`SubscriptionError`] says what is to be known between messages. After most of them the
    /// subscription goes on.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Msg, SubscriptionError>> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Msg, SubscriptionError>>> {
        let Some(item) = ready!(self.local.poll_in_turn(&self.queue, cx)) else {
            return Poll::Ready(None);
        };
        if matches!(item, Item::Delivery(_)) {
            self.processed += 1;
        }
        Poll::Ready(Some(read(item, || Some(self.connection.clone()))))
    }

    /// The subject as it was subscribed to, wildcards and all.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// How many messages came, those that were dropped among them.
    pub fn received(&self) -> u64 {
        self.queue.received()
    }

    /// How many messages were read; for a [handler](Subscribe::handler) that is all of them.
    pub fn processed(&self) -> u64 {
        if self.local.len() == 0 && self.queue.is_handled() {
            self.queue.received()
        } else {
            self.processed
        }
    }

    /// How many messages were dropped because they were not read fast enough.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    /// How many messages wait to be read.
    pub fn pending(&self) -> usize {
        self.local.len() + self.queue.len()
    }

    /// Whether the subscription is over; messages may still wait to be read.
    pub fn is_closed(&self) -> bool {
        self.queue.is_ended()
    }

    /// Ends the subscription at once. What had come by then can still be read.
    pub fn unsubscribe(&self) {
        self.connection
            .shared()
            .with_session(|session, effects| session.unsubscribe(self.sid, effects));
    }

    /// Ends the subscription with its `max`th message, counted over its whole life.
    ///
    /// With [several subjects](Subscribe::and) in a queue group the server gives this member more
    /// messages meanwhile, and those are lost to the group: [drain](Self::drain) it instead.
    pub fn unsubscribe_after(&self, max: u64) {
        self.connection
            .shared()
            .with_session(|session, effects| session.unsubscribe_after(self.sid, max, effects));
    }

    /// Stops the server from sending more, and waits until everything it had sent is here. Then
    /// the subscription is over, and what waits can be read to the end.
    ///
    /// # Errors
    /// [`FlushError`] where the connection was lost or closed meanwhile: the
    /// subscription is over then too, but the server may have sent more.
    ///
    /// # Cancel safety
    /// Dropped early, the subscription drains all the same.
    pub async fn drain(&self) -> Result<(), FlushError> {
        let shared = self.connection.shared();
        let accepted = shared.outbox.accepted();
        shared.with_session(|session, effects| session.drain(self.sid, accepted, effects));
        Ok(self.connection.ping().await?)
    }

    /// Ends the subscription from elsewhere, while it is being read.
    pub fn stopper(&self) -> Stopper {
        Stopper { connection: self.connection.downgrade(), sid: self.sid }
    }
}

impl Stream for Subscription {
    type Item = Result<Msg, SubscriptionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_read(cx)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.unsubscribe();
        self.queue.abandon();
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Ends a [`Subscription`] from elsewhere. It keeps nothing alive.
#[derive(Debug, Clone)]
pub struct Stopper {
    connection: WeakConnection,
    sid: u64,
}

impl Stopper {
    /// Ends the subscription at once, as [`Subscription::unsubscribe`] does.
    pub fn unsubscribe(&self) {
        if let Some(connection) = self.connection.upgrade() {
            connection
                .shared()
                .with_session(|session, effects| session.unsubscribe(self.sid, effects));
        }
    }

    /// Stops the server from sending more: when all that it had sent is here and read, the
    /// subscription is over, as by [`Subscription::drain`]. It does not wait for that.
    pub fn drain(&self) {
        if let Some(connection) = self.connection.upgrade() {
            let shared = connection.shared();
            let accepted = shared.outbox.accepted();
            shared.with_session(|session, effects| session.drain(self.sid, accepted, effects));
        }
    }
}
