//! Many typed replies to one request, as a stream.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use super::call::decode;
use super::message::Request;
use super::scratch::{Envelope, Fault, encoded};
use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::driver::Body;
use crate::header::Headers;
use crate::request::{Opening, ReplyStream, RequestError};
use crate::scope::Scope;
use crate::session::Replies;

/// A typed request for many replies that is about to be made: `.await` it, or say more first.
///
/// Made by [`Client::request_many`](crate::Client::request_many).
///
/// # Cancel safety
/// Dropped before it is ready, the request is given up; it may have been sent.
#[must_use = "nothing is requested until this is awaited"]
pub struct RequestManyMessage<'a, M: Request> {
    opening: Opening,
    message: &'a M,
    headers: Headers,
    replies: Option<Replies>,
    /// How long the request says that its replies are waited for.
    told: Option<Duration>,
    fault: Option<RequestError<M::Error>>,
}

impl<'a, M: Request> RequestManyMessage<'a, M> {
    pub(crate) fn new(connection: &Connection, message: &'a M) -> Self {
        Self {
            opening: Opening::new(connection),
            message,
            headers: Headers::new(),
            replies: None,
            told: None,
            fault: None,
        }
    }

    /// Which replies are wanted, and so what ends the stream. The mark behind the last of typed
    /// replies ends it in any case.
    ///
    /// Default: [`Replies::Stall`] with the timeout as the longest pause. So the stream of a service
    /// that sends the mark is read to its end, however long that takes, and a question to many who
    /// do not know of each other ends when no more answers come.
    pub fn replies(mut self, replies: Replies) -> Self {
        self.replies = Some(replies);
        self
    }

    /// How long to wait for replies; with [`Replies::Stall`] for the first one. Default:
    /// [`ConnectOptions::request_timeout`](crate::ConnectOptions::request_timeout), which is 1 s
    /// unless set. Within a [`Deadline`] nothing is waited for longer than that.
    ///
    /// It travels with the request, in its [`TIMEOUT_HEADER`](crate::TIMEOUT_HEADER), unless a
    /// longer time is possible.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.opening.set_timeout(timeout);
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

    /// What is to be done once, before anything is sent.
    fn begin(&mut self, deadline: Option<Deadline>) -> Result<(), RequestError<M::Error>> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let timeout = self.opening.timeout();
        let left = deadline.map(Deadline::remaining);
        if left.is_some_and(|left| left.is_zero()) {
            return Err(RequestError::TimedOut { after: Duration::ZERO });
        }
        let replies = self.replies.unwrap_or(Replies::Stall(timeout));
        self.told = match replies {
            Replies::Stall(_) => left,
            _ => Some(left.map_or(timeout, |left| left.min(timeout))),
        };
        self.opening.collect(replies, true, deadline.map(Deadline::instant));
        Ok(())
    }
}

/// Nothing in it is ever pinned.
impl<M: Request> Unpin for RequestManyMessage<'_, M> {}

impl<M: Request> Future for RequestManyMessage<'_, M> {
    type Output = Result<TypedReplyStream<M>, RequestError<M::Error>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let scope = Scope::current();
        if this.opening.is_new() {
            if let Err(fault) = this.begin(scope.deadline) {
                // Polled again, it must not send what was refused.
                this.opening.give_up();
                return Poll::Ready(Err(fault));
            }
        }
        let envelope = Envelope {
            subject: None,
            reply: None,
            headers: &this.headers,
            timeout: this.told,
            trace: scope.trace.as_ref(),
        };
        let opening = &mut this.opening;
        let sent = encoded(this.message, &envelope, |head, payload| {
            opening.poll(head, Body::Borrowed(payload), cx.waker())
        });
        let fault = match sent {
            Ok(opened) => return Poll::Ready(Ok(TypedReplyStream::new(ready!(opened)?))),
            Err(Fault::Subject(error)) => error.into(),
            Err(Fault::Codec(error)) => RequestError::Encode(error.into()),
        };
        opening.give_up();
        Poll::Ready(Err(fault))
    }
}

impl<M: Request> fmt::Debug for RequestManyMessage<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestManyMessage")
            .field("headers", &self.headers)
            .field("replies", &self.replies)
            .finish_non_exhaustive()
    }
}

/// The replies to one typed request, as they come.
///
/// Dropping it early tells the server at once that no more are wanted. Where the last reply that came
/// has a reply subject, it tells whoever sent that as well, by an empty message to it, so that a
/// service which answers in parts can stop. [`ReplyStream`] says when that is left out; the server
/// then tells the service, as soon as it sends the next part. A stream that has ended by itself tells
/// nobody anything.
///
/// It ends by what [`Replies`] says, and by the mark that a service sends behind the last reply,
/// which [`is_end_of_replies`](crate::is_end_of_replies) knows and which is no item. An end by time
/// is an end like any other, also where nothing came; [`is_complete`](Self::is_complete) tells the
/// two apart.
///
/// A service's error and a reply that does not decode are items that count as replies, and the
/// stream goes on: one of many who answer must not silence the others. The mark ends it for all, so
/// it is for one service that answers in parts.
#[must_use = "dropping it ends the request"]
pub struct TypedReplyStream<M: Request> {
    replies: ReplyStream,
    request: PhantomData<fn() -> M>,
}

impl<M: Request> TypedReplyStream<M> {
    fn new(replies: ReplyStream) -> Self {
        Self { replies, request: PhantomData }
    }

    /// The next reply; `None` when there will be no more.
    ///
    /// # Errors
    /// [`RequestError`]. Behind [`Remote`](RequestError::Remote),
    /// [`Service`](RequestError::Service), [`Decode`](RequestError::Decode),
    /// [`MalformedReply`](RequestError::MalformedReply) and [`Lagged`](RequestError::Lagged) more
    /// replies may follow; any other error is the end.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<M::Reply, RequestError<M::Error>>> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    /// Whether the stream has ended with the last reply that was wanted, or with the mark behind the
    /// last that there was. It has not where time ended it, or an error.
    pub fn is_complete(&self) -> bool {
        self.replies.is_complete()
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<<Self as Stream>::Item>> {
        let reply = ready!(self.replies.poll_read(cx));
        Poll::Ready(reply.map(|reply| reply.and_then(decode::<M>)))
    }
}

impl<M: Request> Stream for TypedReplyStream<M> {
    type Item = Result<M::Reply, RequestError<M::Error>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_read(cx)
    }
}

impl<M: Request> fmt::Debug for TypedReplyStream<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedReplyStream").field(&self.replies).finish()
    }
}
