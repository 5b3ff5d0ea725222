//! Typed requests, as a builder and as a tower service.

use std::borrow::Borrow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tower_service::Service;

use super::message::Request;
use super::scratch::{Fault, encoded};
use crate::codec::{Encoded, ErrorCodec};
use crate::connection::Connection;
use crate::driver::Body;
use crate::header::Headers;
use crate::msg::Msg;
use crate::request::{Exchange, ReplyTo, RequestError};
use crate::service_error::ServiceError;

/// A typed request that is about to be made: `.await` it, or add to it first.
///
/// Made by [`Client::request`](crate::Client::request).
#[must_use = "nothing is requested until this is awaited"]
pub struct RequestMessage<'a, M: Request>(Call<M, &'a M, &'a Connection>);

impl<'a, M: Request> RequestMessage<'a, M> {
    pub(crate) fn new(connection: &'a Connection, message: &'a M) -> Self {
        Self(Call::new(connection, message))
    }

    /// How long to wait for the reply. Default:
    /// [`ConnectOptions::request_timeout`](crate::ConnectOptions::request_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.exchange.set_timeout(timeout);
        self
    }

    /// Adds a header. One that is not valid is the error of the request.
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if let Err(error) = self.0.headers.append(name, value.as_ref()) {
            self.0.fault.get_or_insert_with(|| error.into());
        }
        self
    }

    /// Adds all of these headers.
    pub fn headers(mut self, headers: &Headers) -> Self {
        self.0.headers.extend(headers);
        self
    }
}

impl<'a, M: Request> IntoFuture for RequestMessage<'a, M> {
    type Output = Result<M::Reply, RequestError<M::Error>>;
    type IntoFuture = RequestFuture<'a, M>;

    fn into_future(self) -> RequestFuture<'a, M> {
        self.0
    }
}

impl<M: Request> fmt::Debug for RequestMessage<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The future of [`Client::request`](crate::Client::request). It is `Send` where the message is
/// `Sync`.
pub type RequestFuture<'a, M> = Call<M, &'a M, &'a Connection>;

/// The future of a [`Caller`], which owns its message.
pub type CallFuture<M> = Call<M, M, Connection>;

/// A typed request in flight.
///
/// # Cancel safety
/// Dropped before it is ready, the request is given up; it may have been sent.
#[must_use = "nothing is requested until this is awaited"]
pub struct Call<M: Request, B: Borrow<M>, C: Borrow<Connection>> {
    exchange: Exchange<C>,
    message: B,
    headers: Headers,
    fault: Option<RequestError<M::Error>>,
    request: PhantomData<fn() -> M>,
}

impl<M: Request, B: Borrow<M>, C: Borrow<Connection>> Call<M, B, C> {
    fn new(connection: C, message: B) -> Self {
        let timeout = connection.borrow().shared().options.request_timeout;
        Self {
            exchange: Exchange::new(connection, timeout, ReplyTo::Shared),
            message,
            headers: Headers::new(),
            fault: None,
            request: PhantomData,
        }
    }
}

/// The message is only ever read, never pinned.
impl<M: Request, B: Borrow<M>, C: Borrow<Connection>> Unpin for Call<M, B, C> {}

impl<M: Request, B: Borrow<M>, C: Borrow<Connection>> Future for Call<M, B, C> {
    type Output = Result<M::Reply, RequestError<M::Error>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(fault) = this.fault.take() {
            return Poll::Ready(Err(fault));
        }
        let exchange = &mut this.exchange;
        if exchange.is_sent() {
            return exchange.poll_reply(cx.waker()).map(|reply| decode::<M>(reply?));
        }
        let sent = encoded(this.message.borrow(), &this.headers, |head, payload| {
            exchange.poll(head, Body::Borrowed(payload), cx.waker())
        });
        match sent {
            Ok(reply) => Poll::Ready(decode::<M>(ready!(reply)?)),
            Err(Fault::Subject(error)) => Poll::Ready(Err(error.into())),
            Err(Fault::Codec(error)) => Poll::Ready(Err(RequestError::Encode(error.into()))),
        }
    }
}

/// Reads a reply, which may be an error of the service.
fn decode<M: Request>(reply: Msg) -> Result<M::Reply, RequestError<M::Error>> {
    if let Some(error) = ServiceError::from_parts(reply.headers(), || reply.payload_bytes()) {
        return Err(match M::ErrorCodec::decode_error(error) {
            Ok(declared) => RequestError::Remote(declared),
            Err(undeclared) => RequestError::Service(undeclared),
        });
    }
    Encoded::from(&reply)
        .decode_as::<M::ReplyCodec, _>()
        .map_err(|source| RequestError::Decode { source: source.into(), reply: Box::new(reply) })
}

impl<M: Request, B: Borrow<M>, C: Borrow<Connection>> fmt::Debug for Call<M, B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("headers", &self.headers).finish_non_exhaustive()
    }
}

/// The requests of one type as a `tower` service, so that tower's `Retry`, `Timeout` and `Balance`
/// go around them.
///
/// Made by [`Client::service`](crate::Client::service).
///
/// ```no_run
/// use natsws::{Client, Subject};
/// use serde::{Deserialize, Serialize};
/// use tower_service::Service;
///
/// #[derive(Serialize, Subject)]
/// #[subject("time", reply = String)]
/// struct GetTime;
///
/// # async fn example(client: Client) -> Result<(), natsws::Error> {
/// let mut time = client.service::<GetTime>();
/// let now: String = time.call(GetTime).await?;
/// # Ok(())
/// # }
/// ```
pub struct Caller<M> {
    connection: Connection,
    request: PhantomData<fn(M)>,
}

impl<M: Request> Caller<M> {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, request: PhantomData }
    }
}

impl<M: Request> Service<M> for Caller<M> {
    type Response = M::Reply;
    type Error = RequestError<M::Error>;
    type Future = CallFuture<M>;

    /// Always ready: a request waits for room by itself.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, message: M) -> CallFuture<M> {
        Call::new(self.connection.clone(), message)
    }
}

impl<M> Clone for Caller<M> {
    fn clone(&self) -> Self {
        Self { connection: self.connection.clone(), request: PhantomData }
    }
}

impl<M> fmt::Debug for Caller<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}
