//! Requests: a message, and the one reply to it, or [many](many).

mod many;
mod passed_on;

use std::borrow::Borrow;
use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use crate::connection::Connection;
use crate::delivery::Delivery;
use crate::driver::{Body, Refused, Ticket};
use crate::header::{HeaderError, Headers};
use crate::msg::{Msg, RawMsg};
use crate::payload::Payload;
use crate::protocol::encode::{PublishHead, Reply};
use crate::publish::body;
use crate::runtime;
use crate::service_error::ServiceError;
use crate::session::{Collect, Outcome, SubjectHash};
#[cfg(feature = "jetstream")]
use crate::subject::check_filter;
use crate::subject::{SubjectError, check_subject};
pub(crate) use many::Opening;
pub use many::{ReplyStream, RequestMany};

/// Why a request has no reply. `E` is the error that the service declares for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError<E = Infallible> {
    /// Nobody has subscribed to the subject.
    #[error("nobody answers requests to this subject")]
    NoResponders,
    /// No reply came in time.
    #[error("no reply came within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// There is no connection, or it was lost before the reply came.
    #[error("the connection was lost before the reply came")]
    Disconnected {
        /// Whether the request may have reached a service; `false` means that it did not.
        maybe_delivered: bool,
    },
    /// The server does not permit publishing to the subject, or receiving the reply.
    #[error("the server does not permit the request")]
    PermissionDenied,
    /// Headers and payload are together larger than the server accepts. Nothing was sent.
    #[error("the request has {len} bytes, the server accepts at most {max}")]
    PayloadTooLarge {
        /// The size of headers and payload in bytes.
        len: usize,
        /// The server's `max_payload`.
        max: usize,
    },
    /// The subject cannot be requested. Nothing was sent.
    #[error("the request has a subject that cannot be published to")]
    Subject(#[from] SubjectError),
    /// A header is not valid. Nothing was sent.
    #[error("the request has a header that is not valid")]
    Header(#[from] HeaderError),
    /// The request has headers and the server knows none. Nothing was sent.
    #[error("the server does not support headers")]
    HeadersUnsupported,
    /// The request could not be encoded. Nothing was sent.
    #[error("the request could not be encoded")]
    Encode(#[source] Box<dyn Error + Send + Sync>),
    /// The reply could not be decoded.
    #[error("the reply could not be decoded")]
    Decode {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
        /// The reply.
        reply: Box<Msg>,
    },
    /// The reply's headers or its subject are malformed.
    #[error("the reply is malformed")]
    MalformedReply {
        /// The reply as it came.
        raw: Box<RawMsg>,
    },
    /// Of many replies some were dropped here, because they were not read fast enough. More may
    /// follow.
    #[error("{dropped} replies were dropped, because they were not read fast enough")]
    Lagged {
        /// How many.
        dropped: u64,
    },
    /// The service answered with the error that it declares.
    #[error("the service answered with an error")]
    Remote(#[source] E),
    /// The service answered with an error that is not the declared one.
    #[error(transparent)]
    Service(ServiceError),
    /// The connection is draining.
    #[error("the connection is draining")]
    Draining,
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
}

impl<E> RequestError<E> {
    /// Whether nobody has subscribed to the subject.
    pub fn is_no_responders(&self) -> bool {
        matches!(self, Self::NoResponders)
    }

    /// Whether no reply came in time.
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }

    fn refused(refused: Refused) -> Self {
        match refused {
            Refused::PayloadTooLarge { len, max } => Self::PayloadTooLarge { len, max },
            Refused::HeadersUnsupported => Self::HeadersUnsupported,
            Refused::BufferFull { .. } | Refused::WouldBlock | Refused::Disconnected => {
                Self::Disconnected { maybe_delivered: false }
            }
            Refused::Draining => Self::Draining,
            Refused::Closed => Self::Closed,
        }
    }
}

/// Where the reply comes to.
#[derive(Debug)]
pub(crate) enum ReplyTo {
    /// The inbox that all requests of the connection share.
    Shared,
    /// A subject of its own.
    Own(String),
    /// A subject of its own, and it is many that come there.
    Many(Arc<Collect>),
}

/// A request between its first poll and its outcome. Dropping it gives its slot back.
#[derive(Debug)]
pub(crate) struct Exchange<C: Borrow<Connection>> {
    pub(crate) connection: C,
    timeout: Duration,
    reply_to: ReplyTo,
    token: Option<u64>,
    /// While the message waits for room.
    ticket: Ticket,
    sent: bool,
}

/// What a poll of an [`Exchange`] found, but for the message's own faults.
enum Step {
    Refused(Refused),
    Outcome(Outcome),
}

impl<C: Borrow<Connection>> Exchange<C> {
    pub(crate) fn new(connection: C, timeout: Duration, reply_to: ReplyTo) -> Self {
        Self { connection, timeout, reply_to, token: None, ticket: Ticket::default(), sent: false }
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Takes the reply with a subscription for this request alone.
    pub(crate) fn reply_on_own(&mut self, subject: Option<String>) {
        if let Some(subject) = subject {
            self.reply_to = ReplyTo::Own(subject);
        } else if matches!(self.reply_to, ReplyTo::Shared) {
            self.reply_to = ReplyTo::Own(self.connection.borrow().new_inbox());
        }
    }

    /// Checks the subject that the reply comes to.
    pub(crate) fn check_reply(&self) -> Result<(), SubjectError> {
        match &self.reply_to {
            ReplyTo::Own(reply) => check_subject(reply),
            ReplyTo::Shared | ReplyTo::Many(_) => Ok(()),
        }
    }

    /// Whether nothing of the request has been done yet.
    pub(crate) fn is_new(&self) -> bool {
        !self.sent && self.token.is_none()
    }

    /// Whether the message is no longer needed.
    pub(crate) fn is_sent(&self) -> bool {
        self.sent
    }

    /// Sends the message where it was not, and then waits for the outcome. One deadline covers
    /// both.
    pub(crate) fn poll<E>(
        &mut self,
        head: &PublishHead<'_>,
        body: Body<'_>,
        waker: &Waker,
    ) -> Poll<Result<Msg, RequestError<E>>> {
        if self.sent {
            return self.poll_reply(waker);
        }
        let step = ready!(self.poll_send(head, body, waker));
        Poll::Ready(self.stopped(step))
    }

    /// Waits for the outcome of what was sent.
    pub(crate) fn poll_reply<E>(&mut self, waker: &Waker) -> Poll<Result<Msg, RequestError<E>>> {
        let outcome = ready!(self.poll_outcome(waker));
        Poll::Ready(self.finish(outcome))
    }

    fn poll_outcome(&mut self, waker: &Waker) -> Poll<Outcome> {
        let outcome = match self.token {
            Some(token) => {
                let shared = self.connection.borrow().shared();
                ready!(shared.session().poll_reply(token, waker))
            }
            None => Outcome::Closed,
        };
        self.token = None;
        Poll::Ready(outcome)
    }

    /// What came of a request that was not sent, or not for long.
    fn stopped<E>(&mut self, step: Step) -> Result<Msg, RequestError<E>> {
        match step {
            Step::Outcome(outcome) => self.finish(outcome),
            Step::Refused(refused) => {
                self.cancel();
                self.sent = true;
                Err(RequestError::refused(refused))
            }
        }
    }

    fn finish<E>(&self, outcome: Outcome) -> Result<Msg, RequestError<E>> {
        match outcome {
            Outcome::Reply(delivery) => self.received(delivery),
            Outcome::NoResponders => Err(RequestError::NoResponders),
            // Only many replies are ever complete.
            Outcome::TimedOut | Outcome::Complete => {
                Err(RequestError::TimedOut { after: self.timeout })
            }
            Outcome::Disconnected { maybe_delivered } => {
                let maybe_delivered = maybe_delivered && self.sent;
                Err(RequestError::Disconnected { maybe_delivered })
            }
            Outcome::Denied => Err(RequestError::PermissionDenied),
            Outcome::Closed => Err(RequestError::Closed),
        }
    }

    fn received<E>(&self, delivery: Delivery) -> Result<Msg, RequestError<E>> {
        let connection = self.connection.borrow();
        Msg::new(delivery, || Some(connection.clone())).map_err(|(_, delivery)| {
            RequestError::MalformedReply { raw: Box::new(RawMsg(delivery)) }
        })
    }

    fn poll_send(&mut self, head: &PublishHead<'_>, body: Body<'_>, waker: &Waker) -> Poll<Step> {
        let shared = self.connection.borrow().shared();
        let (timeout, reply_to, known) = (self.timeout, &self.reply_to, self.token);
        let ticket = &mut self.ticket;
        // Slot, subscription and message go in under the session's lock: a lost connection finds
        // either all of them or none.
        let (token, step) = shared.with_session(|session, effects| {
            let token = match known {
                Some(token) => token,
                None if session.is_closed() => return (None, refused(Refused::Closed)),
                None if session.is_draining() => return (None, refused(Refused::Draining)),
                None if !session.takes_requests() => {
                    return (None, refused(Refused::Disconnected));
                }
                None => {
                    let deadline = runtime::after(runtime::now(), timeout);
                    let subject = SubjectHash::of(head.subject);
                    match reply_to {
                        ReplyTo::Shared => session.request(deadline, subject, waker, effects),
                        ReplyTo::Own(reply) => {
                            session.request_at(reply, deadline, subject, waker, effects)
                        }
                        ReplyTo::Many(collect) => {
                            session.request_many(collect, deadline, subject, waker, effects)
                        }
                    }
                }
            };
            if known.is_some() {
                if let Poll::Ready(outcome) = session.poll_reply(token, waker) {
                    return (None, Poll::Ready(Step::Outcome(outcome)));
                }
            }
            let prefix = session.inbox();
            let reply = match reply_to {
                ReplyTo::Shared => Reply::Inbox { prefix, token },
                ReplyTo::Own(reply) => Reply::Subject(reply),
                ReplyTo::Many(collect) => Reply::Subject(&collect.inbox),
            };
            let head = PublishHead { reply: Some(reply), ..*head };
            let sent =
                shared.outbox.poll_request(&effects.control, &head, body, token, ticket, waker);
            effects.control.clear();
            let step = match sent {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Ok(())) => return (Some((token, true)), Poll::Pending),
                Poll::Ready(Err(error)) => refused(error),
            };
            (Some((token, false)), step)
        });
        match token {
            Some((token, sent)) => {
                self.token = Some(token);
                self.sent = sent;
            }
            None => self.token = None,
        }
        if self.sent || step.is_ready() {
            shared.outbox.leave(&mut self.ticket);
        }
        step
    }

    /// Gives the request up, and says whether it had no outcome yet.
    fn cancel(&mut self) -> bool {
        let Some(token) = self.token.take() else { return false };
        self.connection.borrow().shared().with_session(|session, effects| {
            let is_waiting = session.is_waiting(token);
            session.cancel(token, effects);
            is_waiting
        })
    }
}

fn refused(refused: Refused) -> Poll<Step> {
    Poll::Ready(Step::Refused(refused))
}

impl<C: Borrow<Connection>> Drop for Exchange<C> {
    fn drop(&mut self) {
        self.cancel();
        self.connection.borrow().shared().outbox.leave(&mut self.ticket);
    }
}

/// A request that is about to be made: `.await` it, or add to it first.
///
/// Made by [`Connection::request`].
///
/// # Cancel safety
/// Dropped before it is ready, the request is given up; it may have been sent.
#[derive(Debug)]
#[must_use = "nothing is requested until this is awaited"]
pub struct SendRequest<'a> {
    exchange: Exchange<&'a Connection>,
    subject: &'a str,
    headers: Headers,
    payload: Payload<'a>,
    /// Whether the subject may have wildcards in it, which stand for themselves.
    #[cfg(feature = "jetstream")]
    wildcards: bool,
    /// It is rare, and a request is moved about: its size matters.
    fault: Option<Box<RequestError>>,
}

impl<'a> SendRequest<'a> {
    #[inline]
    pub(crate) fn new(connection: &'a Connection, subject: &'a str, payload: Payload<'a>) -> Self {
        let timeout = connection.shared().options.request_timeout;
        Self {
            exchange: Exchange::new(connection, timeout, ReplyTo::Shared),
            subject,
            headers: Headers::new(),
            payload,
            #[cfg(feature = "jetstream")]
            wildcards: false,
            fault: None,
        }
    }

    /// Lets the subject have wildcards, as of the JetStream API that puts a filter into it. The
    /// server takes them for what they are.
    #[cfg(feature = "jetstream")]
    pub(crate) fn with_wildcards(mut self) -> Self {
        self.wildcards = true;
        self
    }

    /// How long to wait for the reply. Default:
    /// [`ConnectOptions::request_timeout`](crate::ConnectOptions::request_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.exchange.set_timeout(timeout);
        self
    }

    /// Adds a header. One that is not valid is the error of the request.
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if let Err(error) = self.headers.append(name, value.as_ref()) {
            self.fault.get_or_insert_with(|| Box::new(error.into()));
        }
        self
    }

    /// Adds all of these headers.
    pub fn headers(mut self, headers: &Headers) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Subscribes for this request alone, instead of sharing the inbox of all requests.
    pub fn no_mux(mut self) -> Self {
        self.exchange.reply_on_own(None);
        self
    }

    /// Takes the reply on this subject, with a subscription for this request alone. It is for
    /// clients that may receive on some subjects only.
    pub fn reply(mut self, subject: impl Into<String>) -> Self {
        self.exchange.reply_on_own(Some(subject.into()));
        self
    }
}

impl SendRequest<'_> {
    fn check(&mut self) -> Result<(), RequestError> {
        if let Some(fault) = self.fault.take() {
            return Err(*fault);
        }
        #[cfg(feature = "jetstream")]
        let check_subject = if self.wildcards { check_filter } else { check_subject };
        check_subject(self.subject)?;
        Ok(self.exchange.check_reply()?)
    }
}

impl Future for SendRequest<'_> {
    type Output = Result<Msg, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.exchange.is_sent() {
            return this.exchange.poll_reply(cx.waker());
        }
        if let Err(fault) = this.check() {
            // Polled again, it must not send what was refused.
            this.exchange.sent = true;
            return Poll::Ready(Err(fault));
        }
        let head =
            PublishHead { subject: this.subject, reply: None, headers: &this.headers, typed: None };
        this.exchange.poll(&head, body(&this.payload), cx.waker())
    }
}
