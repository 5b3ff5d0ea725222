//! Typed requests, from their first poll to their outcome.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::message::Request;
use super::scratch::{Envelope, Fault, encoded};
use super::subscription::Received;
use crate::codec::{Encoded, ErrorCodec};
use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::driver::Body;
use crate::header::Headers;
use crate::msg::Msg;
use crate::request::{Exchange, ReplyTo, RequestError};
use crate::scope::Scope;
use crate::service_error::ServiceError;

/// A reply with the message that it came in: [`headers`](Received::headers), and by `Deref` the
/// reply.
pub type Response<R> = Received<R>;

/// The future of [`Client::request`](crate::Client::request). It is `Send` where the message is
/// `Sync`.
pub type RequestFuture<'a, M> = Call<'a, M, &'a M, &'a Connection>;

/// The future of a [`Caller`](crate::Caller), which owns its message.
pub type CallFuture<M> = Call<'static, M, M, Connection>;

/// A typed request in flight.
///
/// # Cancel safety
/// Dropped before it is ready, the request is given up; it may have been sent.
#[must_use = "nothing is requested until this is awaited"]
pub struct Call<'s, M: Request, B: Borrow<M>, C: Borrow<Connection>> {
    exchange: Exchange<C>,
    message: B,
    /// In place of the message's own.
    subject: Option<&'s str>,
    headers: Headers,
    fault: Option<RequestError<M::Error>>,
    request: PhantomData<fn() -> M>,
}

impl<'s, M: Request, B: Borrow<M>, C: Borrow<Connection>> Call<'s, M, B, C> {
    pub(super) fn new(connection: C, message: B, subject: Option<&'s str>) -> Self {
        let timeout = connection.borrow().shared().options.request_timeout;
        Self {
            exchange: Exchange::new(connection, timeout, ReplyTo::Shared),
            message,
            subject,
            headers: Headers::new(),
            fault: None,
            request: PhantomData,
        }
    }

    pub(super) fn exchange(&mut self) -> &mut Exchange<C> {
        &mut self.exchange
    }

    pub(super) fn header(&mut self, name: &str, value: &str) {
        if let Err(error) = self.headers.append(name, value) {
            self.fault.get_or_insert_with(|| error.into());
        }
    }

    pub(super) fn headers(&mut self, headers: &Headers) {
        self.headers.extend(headers);
    }

    /// Sends the request where it was not, and waits for the reply.
    fn poll_msg(&mut self, cx: &mut Context<'_>) -> Poll<Answered<M, Msg>> {
        if self.exchange.is_sent() {
            return self.exchange.poll_reply(cx.waker());
        }
        let scope = Scope::current();
        if self.exchange.is_new() {
            self.begin(scope.deadline)?;
        }
        let envelope = Envelope {
            subject: self.subject,
            reply: None,
            headers: &self.headers,
            timeout: Some(self.exchange.timeout()),
            trace: scope.trace.as_ref(),
        };
        let exchange = &mut self.exchange;
        let sent = encoded(self.message.borrow(), &envelope, |head, payload| {
            exchange.poll(head, Body::Borrowed(payload), cx.waker())
        });
        match sent {
            Ok(reply) => reply,
            Err(Fault::Subject(error)) => Poll::Ready(Err(error.into())),
            Err(Fault::Codec(error)) => Poll::Ready(Err(RequestError::Encode(error.into()))),
        }
    }

    /// What is to be done once, before anything is sent.
    fn begin(&mut self, deadline: Option<Deadline>) -> Result<(), RequestError<M::Error>> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.exchange.check_reply()?;
        // Nobody waits for this one longer than for the request that it is made for.
        if let Some(deadline) = deadline {
            let after = deadline.remaining();
            if after.is_zero() {
                return Err(RequestError::TimedOut { after: Duration::ZERO });
            }
            self.exchange.set_timeout(after.min(self.exchange.timeout()));
        }
        Ok(())
    }

    /// [`Future::poll`] for who wants the headers too.
    pub(super) fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Answered<M, Response<M::Reply>>> {
        let msg = ready!(self.poll_msg(cx))?;
        Poll::Ready(match reply::<M>(&msg) {
            Ok(reply) => Ok(Received::new(reply, msg)),
            Err(fault) => Err(fault.into_error(msg)),
        })
    }
}

/// What came of a request of type `M`.
type Answered<M, T> = Result<T, RequestError<<M as Request>::Error>>;

/// The message is only ever read, never pinned.
impl<M: Request, B: Borrow<M>, C: Borrow<Connection>> Unpin for Call<'_, M, B, C> {}

impl<M: Request, B: Borrow<M>, C: Borrow<Connection>> Future for Call<'_, M, B, C> {
    type Output = Result<M::Reply, RequestError<M::Error>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(decode::<M>(ready!(self.poll_msg(cx))?))
    }
}

/// What a reply is that is not the declared one.
enum Undeclared<E> {
    Error(RequestError<E>),
    Decode(Box<dyn std::error::Error + Send + Sync>),
}

impl<E> Undeclared<E> {
    fn into_error(self, reply: Msg) -> RequestError<E> {
        match self {
            Self::Error(error) => error,
            Self::Decode(source) => RequestError::Decode { source, reply: Box::new(reply) },
        }
    }
}

/// Reads a reply, which may be an error of the service.
pub(crate) fn decode<M: Request>(msg: Msg) -> Result<M::Reply, RequestError<M::Error>> {
    reply::<M>(&msg).map_err(|fault| fault.into_error(msg))
}

fn reply<M: Request>(msg: &Msg) -> Result<M::Reply, Undeclared<M::Error>> {
    if let Some(error) = ServiceError::from_parts(msg.headers(), || msg.payload_bytes()) {
        return Err(Undeclared::Error(match M::ErrorCodec::decode_error(error) {
            Ok(declared) => RequestError::Remote(declared),
            Err(undeclared) => RequestError::Service(undeclared),
        }));
    }
    Encoded::from(msg)
        .decode_as::<M::ReplyCodec, _>()
        .map_err(|source| Undeclared::Decode(source.into()))
}

impl<M: Request, B: Borrow<M>, C: Borrow<Connection>> fmt::Debug for Call<'_, M, B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("headers", &self.headers).finish_non_exhaustive()
    }
}
