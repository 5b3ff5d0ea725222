//! Typed requests before they are made: a builder, and a tower service.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tower_service::Service;

use super::call::{Call, CallFuture, RequestFuture, Response};
use super::message::Request;
use crate::connection::Connection;
use crate::header::Headers;
use crate::request::RequestError;

/// A typed request that is about to be made: `.await` it, or add to it first.
///
/// Made by [`Client::request`](crate::Client::request). To hand it to a task of its own, write
/// `.into_future()`.
///
/// ```no_run
/// use std::time::Duration;
/// use natsws::{Client, Subject};
/// use serde::Serialize;
///
/// #[derive(Serialize, Subject)]
/// #[subject("time.{zone}", reply = String)]
/// struct GetTime { zone: String }
///
/// # async fn example(client: Client) -> Result<(), natsws::Error> {
/// let ask = GetTime { zone: "utc".into() };
/// let time = client.request(&ask).timeout(Duration::from_secs(2)).header("Trace", "7f3a").await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is requested until this is awaited"]
pub struct RequestMessage<'a, M: Request>(RequestFuture<'a, M>);

impl<'a, M: Request> RequestMessage<'a, M> {
    pub(crate) fn new(
        connection: &'a Connection,
        message: &'a M,
        subject: Option<&'a str>,
    ) -> Self {
        Self(Call::new(connection, message, subject))
    }

    /// How long to wait for the reply. Default:
    /// [`ConnectOptions::request_timeout`](crate::ConnectOptions::request_timeout), which is 1 s
    /// unless set; within a [`Deadline`](crate::Deadline) no longer than what is left of that.
    ///
    /// It travels with the request, in its [`TIMEOUT_HEADER`](crate::TIMEOUT_HEADER).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.exchange().set_timeout(timeout);
        self
    }

    /// Adds a header. One that is not valid is the error of the request.
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.0.header(name, value.as_ref());
        self
    }

    /// Adds all of these headers.
    pub fn headers(mut self, headers: &Headers) -> Self {
        self.0.headers(headers);
        self
    }

    /// Subscribes for this request alone, instead of sharing the inbox of all requests.
    pub fn no_mux(mut self) -> Self {
        self.0.exchange().reply_on_own(None);
        self
    }

    /// Takes the reply on this subject, with a subscription for this request alone. It is for
    /// clients that may receive on some subjects only.
    pub fn reply(mut self, subject: impl Into<String>) -> Self {
        self.0.exchange().reply_on_own(Some(subject.into()));
        self
    }

    /// Gives the reply with its headers. It comes last, and is awaited.
    ///
    /// ```no_run
    /// use natsws::{Client, Subject};
    /// use serde::Serialize;
    ///
    /// #[derive(Serialize, Subject)]
    /// #[subject("time", reply = String)]
    /// struct GetTime;
    ///
    /// # async fn example(client: Client) -> Result<(), natsws::Error> {
    /// let response = client.request(&GetTime).with_headers().await?;
    /// println!("{} says {}", response.headers().get("Host").unwrap_or("somebody"), *response);
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_headers(self) -> ResponseFuture<'a, M> {
        ResponseFuture(self.0)
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

/// The future of [`RequestMessage::with_headers`].
///
/// # Cancel safety
/// Dropped before it is ready, the request is given up; it may have been sent.
#[must_use = "nothing is requested until this is awaited"]
pub struct ResponseFuture<'a, M: Request>(RequestFuture<'a, M>);

impl<M: Request> Future for ResponseFuture<'_, M> {
    type Output = Result<Response<M::Reply>, RequestError<M::Error>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_response(cx)
    }
}

impl<M: Request> fmt::Debug for ResponseFuture<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
        Call::new(self.connection.clone(), message, None)
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
