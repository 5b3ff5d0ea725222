//! Many replies to one request, as a stream.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::str;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_core::Stream;

use super::{Exchange, ReplyTo, RequestError};
use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::delivery::Delivery;
use crate::driver::Body;
use crate::header::Headers;
use crate::msg::Msg;
use crate::payload::Payload;
use crate::protocol::encode::PublishHead;
use crate::publish::body;
use crate::runtime::Instant;
use crate::session::{Collect, Item, Outcome, Overflow, Queue, QueueLimits, Replies, Taken};
use crate::subject::check_subject;

/// A request with many replies until it is sent, and there is a stream.
#[derive(Debug)]
pub(crate) struct Opening {
    /// `None` when that is done, or failed.
    exchange: Option<Exchange<Connection>>,
}

impl Opening {
    pub(crate) fn new(connection: &Connection) -> Self {
        let timeout = connection.shared().options.request_timeout;
        Self { exchange: Some(Exchange::new(connection.clone(), timeout, ReplyTo::Shared)) }
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        if let Some(exchange) = &mut self.exchange {
            exchange.set_timeout(timeout);
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.exchange.as_ref().map_or(Duration::ZERO, Exchange::timeout)
    }

    /// Whether nothing has been done yet.
    pub(crate) fn is_new(&self) -> bool {
        self.exchange.as_ref().is_some_and(Exchange::is_new)
    }

    /// Says what is wanted, before anything is sent. No reply is waited for beyond `until`.
    pub(crate) fn collect(&mut self, replies: Replies, typed: bool, until: Option<Instant>) {
        let Some(exchange) = &mut self.exchange else { return };
        // What holds up the connection until it is read would hold up what ends the stream too.
        let limits = exchange.connection.shared().options.queue;
        let queue = Queue::new(QueueLimits { overflow: Overflow::DropNewest, ..limits });
        let (inbox, queue) = (exchange.connection.new_inbox().into(), Arc::new(queue));
        let collect = Collect { inbox, queue, replies, typed, until };
        exchange.reply_to = ReplyTo::Many(Arc::new(collect));
    }

    /// Sends the request, with the subscription before it.
    pub(crate) fn poll<E>(
        &mut self,
        head: &PublishHead<'_>,
        body: Body<'_>,
        waker: &Waker,
    ) -> Poll<Result<ReplyStream, RequestError<E>>> {
        let Some(exchange) = &mut self.exchange else {
            return Poll::Ready(Err(RequestError::Closed));
        };
        match exchange.poll_send(head, body, waker) {
            Poll::Pending if !exchange.is_sent() => return Poll::Pending,
            Poll::Pending => {}
            Poll::Ready(step) => {
                let error = exchange.stopped(step).err();
                self.exchange = None;
                return Poll::Ready(Err(error.unwrap_or(RequestError::Closed)));
            }
        }
        // It is sent, and what has come meanwhile is in the queue.
        let stream = self.exchange.take().and_then(ReplyStream::new);
        Poll::Ready(stream.ok_or(RequestError::Closed))
    }

    /// Nothing is to be sent any more.
    pub(crate) fn give_up(&mut self) {
        self.exchange = None;
    }
}

/// A request for many replies that is about to be made: `.await` it, or say more first.
///
/// Made by [`Connection::request_many`].
///
/// # Cancel safety
/// Dropped before it is ready, the request is given up; it may have been sent.
#[derive(Debug)]
#[must_use = "nothing is requested until this is awaited"]
pub struct RequestMany<'a> {
    opening: Opening,
    subject: &'a str,
    headers: Headers,
    payload: Payload<'a>,
    replies: Replies,
    deadline: Option<Deadline>,
    fault: Option<RequestError>,
}

impl<'a> RequestMany<'a> {
    pub(crate) fn new(connection: &Connection, subject: &'a str, payload: Payload<'a>) -> Self {
        Self {
            opening: Opening::new(connection),
            subject,
            headers: Headers::new(),
            payload,
            replies: Replies::WithinTimeout,
            deadline: None,
            fault: None,
        }
    }

    /// Which replies are wanted, and so what ends the stream. Default:
    /// [`Replies::WithinTimeout`].
    pub fn replies(mut self, replies: Replies) -> Self {
        self.replies = replies;
        self
    }

    /// How long to wait for replies; with [`Replies::Stall`] for the first one. Default:
    /// [`ConnectOptions::request_timeout`](crate::ConnectOptions::request_timeout), which is 1 s
    /// unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.opening.set_timeout(timeout);
        self
    }

    /// Waits for no reply beyond this, also not with [`Replies::Stall`], which otherwise may take as
    /// long as it likes. It ends the stream as the timeout does.
    ///
    /// Default: none, and [`Deadline::current`] does not count.
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Adds a header. One that is not valid is the error of the request.
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if let Err(error) = self.headers.append(name, value.as_ref()) {
            self.fault.get_or_insert_with(|| error.into());
        }
        self
    }

    /// Adds all of these headers.
    pub fn headers(mut self, headers: &Headers) -> Self {
        self.headers.extend(headers);
        self
    }

    fn begin(&mut self) -> Result<(), RequestError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        check_subject(self.subject)?;
        self.opening.collect(self.replies, false, self.deadline.map(Deadline::instant));
        Ok(())
    }
}

impl Future for RequestMany<'_> {
    type Output = Result<ReplyStream, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.opening.is_new() {
            if let Err(fault) = this.begin() {
                // Polled again, it must not send what was refused.
                this.opening.give_up();
                return Poll::Ready(Err(fault));
            }
        }
        let head =
            PublishHead { subject: this.subject, reply: None, headers: &this.headers, typed: None };
        this.opening.poll(&head, body(&this.payload), cx.waker())
    }
}

/// The replies to one request, as they come.
///
/// Dropping it early tells the server at once that no more are wanted. Where the last reply that came
/// has a reply subject, it tells whoever sent that as well, by an empty message to it, so that a
/// service which answers in parts can stop. Only inboxes are told: subjects below `_INBOX` or below
/// this connection's own prefix. Nor is anybody while there is no connection or much waits to be sent; a service
/// hears of that from the server, which says "no responders" to each further reply that has a reply
/// subject. A stream that has ended by itself tells nobody anything.
///
/// It ends by what [`Replies`] says. An end by time is an end like any other, also where nothing
/// came; [`is_complete`](Self::is_complete) tells the two apart.
///
/// What ends it otherwise is its last item: nobody is there to answer, the server does not permit
/// it, the connection was lost or is closed.
///
/// Replies that are not read wait, as many as for a
/// [subscription](crate::ConnectOptions::subscription_messages). Beyond that the newest are dropped,
/// and [`RequestError::Lagged`] stands in their place, whatever
/// [`ConnectOptions::overflow`](crate::ConnectOptions::overflow) says.
#[must_use = "dropping it ends the request"]
pub struct ReplyStream {
    exchange: Exchange<Connection>,
    queue: Arc<Queue>,
    /// Taken from the queue and not yet read.
    local: Taken,
    /// The reply subject of the reply that came last; empty where it has none.
    replier: String,
    over: bool,
    complete: bool,
}

impl ReplyStream {
    fn new(exchange: Exchange<Connection>) -> Option<Self> {
        let ReplyTo::Many(collect) = &exchange.reply_to else { return None };
        let queue = Arc::clone(&collect.queue);
        Some(Self {
            exchange,
            queue,
            local: Taken::default(),
            replier: String::new(),
            over: false,
            complete: false,
        })
    }

    fn came(&mut self, delivery: &Delivery) {
        self.replier.clear();
        let replier = delivery.reply().and_then(|reply| str::from_utf8(reply).ok());
        self.replier.push_str(replier.unwrap_or_default());
    }

    /// The next reply; `None` when there will be no more.
    ///
    /// # Errors
    /// [`RequestError`]. Behind [`Lagged`](RequestError::Lagged) and
    /// [`MalformedReply`](RequestError::MalformedReply) more replies may follow; any other error is
    /// the end.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Msg, RequestError>> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    /// Whether the stream has ended with the last reply that was wanted: by [`Replies::Count`] or
    /// [`Replies::Sentinel`], or the mark behind typed replies. It has not where time ended it, or
    /// an error.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    pub(crate) fn poll_read<E>(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Msg, RequestError<E>>>> {
        if self.over {
            return Poll::Ready(None);
        }
        while let Some(item) = ready!(self.local.poll_in_turn(&self.queue, cx)) {
            match item {
                Item::Delivery(delivery) => {
                    self.came(&delivery);
                    return Poll::Ready(Some(self.exchange.received(delivery)));
                }
                Item::Lagged { dropped } => {
                    return Poll::Ready(Some(Err(RequestError::Lagged { dropped })));
                }
                // What ends it is the outcome of the request.
                Item::Overflowed | Item::Denied(_) | Item::TimedOut => {}
            }
        }
        let outcome = ready!(self.exchange.poll_outcome(cx.waker()));
        self.over = true;
        self.complete = matches!(outcome, Outcome::Complete);
        Poll::Ready(match outcome {
            Outcome::Complete | Outcome::TimedOut => None,
            other => Some(self.exchange.finish(other)),
        })
    }
}

impl Drop for ReplyStream {
    fn drop(&mut self) {
        // From here on nothing comes any more, so that what waits has an end.
        if !self.exchange.cancel() {
            return;
        }
        let cx = &mut Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(item)) = self.local.poll_next(&self.queue, cx) {
            if let Item::Delivery(delivery) = item {
                self.came(&delivery);
            }
        }
        // Whoever replies names the subject, and an empty message may mean something there: to
        // JetStream it acknowledges. To an inbox it does not.
        let own = &self.exchange.connection.shared().options.inbox_prefix;
        let is_below = |prefix: &str| {
            self.replier.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'))
        };
        if !(is_below("_INBOX") || is_below(own)) || check_subject(&self.replier).is_err() {
            return;
        }
        self.exchange.connection.shared().outbox.offer(&self.replier);
    }
}

impl Stream for ReplyStream {
    type Item = Result<Msg, RequestError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_read(cx)
    }
}

impl fmt::Debug for ReplyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyStream").field("over", &self.over).finish_non_exhaustive()
    }
}
