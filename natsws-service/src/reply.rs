//! What a handler can answer with.

use std::any::TypeId;

use futures_util::{Stream, StreamExt};
use natsws::{ErrorCodec, Headers, MaybeSend, Request, RequestError, ServiceError};

use crate::response::Response;

/// An answer to the request `M`: its reply, `Result<reply, error>`, `(Headers, reply)`, or a stream
/// of these.
///
/// `K` is found by the compiler; it keeps apart a reply and a result that is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an answer to `{M}`",
    note = "answer with its `reply` type, `Result<reply, error>`, `(Headers, reply)` or a stream of them; `Result<reply, Failure<error>>` where `?` is to take other errors"
)]
pub trait IntoReply<M, K> {
    /// Whether it is a stream, as far as its type says: a [`Response`] may be one and does not say.
    const IS_STREAM: bool = false;

    /// Encodes it.
    fn into_reply(self) -> Response;
}

/// The kind of answer that is the reply itself.
#[derive(Debug)]
pub enum Plain {}

/// The kind of answer that is a `Result` of another.
#[derive(Debug)]
pub struct Tried<K>(K);

/// The kind of answer that has headers with another.
#[derive(Debug)]
pub struct With<K>(K);

/// The kind of answer that is a stream of others, each of which is sent when it is there.
#[derive(Debug)]
pub struct Streamed<K>(K);

impl<M: Request> IntoReply<M, Plain> for M::Reply {
    fn into_reply(self) -> Response {
        Response::encoded::<M::ReplyCodec, _>(&self)
    }
}

impl<M: Request, R: IntoReply<M, K>, K> IntoReply<M, Tried<K>> for Result<R, M::Error> {
    const IS_STREAM: bool = R::IS_STREAM;

    fn into_reply(self) -> Response {
        match self {
            Ok(reply) => reply.into_reply(),
            Err(error) => failed::<M>(&error),
        }
    }
}

/// The error of a handler that may fail with the error that its request declares, or with one of
/// the service: what `?` makes of a [`ServiceError`], and of a request of the handler's own that
/// failed.
///
/// ```
/// use natsws::{Client, ServiceError, Subject};
/// use natsws_service::{Failure, Router};
/// use serde::{Deserialize, Serialize};
///
/// # #[derive(Debug, Serialize, Deserialize, Subject)]
/// # #[subject("stock.{id}", reply = u32)]
/// # struct Stock { id: u64 }
/// #[derive(Serialize, Deserialize, Subject)]
/// #[subject("orders.{id}.place", reply = u32, error = OrderError)]
/// struct Place { id: u64 }
///
/// #[derive(Debug, Serialize, Deserialize, thiserror::Error)]
/// #[error("it is sold out")]
/// struct OrderError;
///
/// async fn place(client: Client, ask: Place) -> Result<u32, Failure<OrderError>> {
///     match client.request(&Stock { id: ask.id }).await? { // 503, 504 … where that fails
///         0 => Err(Failure::Declared(OrderError)),
///         left => Ok(left),
///     }
/// }
///
/// let router: Router = Router::new("orders", "1.0.0").endpoint(place);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure<E> {
    /// The error that the request declares.
    #[error(transparent)]
    Declared(E),
    /// An error of the service, which the request does not declare.
    #[error(transparent)]
    Service(ServiceError),
}

impl<E> From<ServiceError> for Failure<E> {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

impl<E, N> From<RequestError<N>> for Failure<E> {
    fn from(error: RequestError<N>) -> Self {
        Self::Service(error.into())
    }
}

/// The kind of answer that is a `Result` of another with a [`Failure`].
#[derive(Debug)]
pub struct Failing<K>(K);

impl<M: Request, R: IntoReply<M, K>, K> IntoReply<M, Failing<K>> for Result<R, Failure<M::Error>> {
    const IS_STREAM: bool = R::IS_STREAM;

    fn into_reply(self) -> Response {
        match self {
            Ok(reply) => reply.into_reply(),
            Err(Failure::Declared(error)) => failed::<M>(&error),
            Err(Failure::Service(error)) => Response::error(&error),
        }
    }
}

impl<M, R: IntoReply<M, K>, K> IntoReply<M, With<K>> for (Headers, R) {
    const IS_STREAM: bool = R::IS_STREAM;

    fn into_reply(self) -> Response {
        let (headers, reply) = self;
        let mut response = reply.into_reply();
        response.headers_mut().extend(&headers);
        response
    }
}

impl<M: 'static, T, K: 'static> IntoReply<M, Streamed<K>> for T
where
    T: Stream + MaybeSend + 'static,
    T::Item: IntoReply<M, K>,
{
    const IS_STREAM: bool = true;

    fn into_reply(self) -> Response {
        Response::stream(self.map(IntoReply::<M, K>::into_reply))
    }
}

/// The error reply of a request's own error.
pub(crate) fn failed<M: Request>(error: &M::Error) -> Response {
    let response = Response::error(&M::ErrorCodec::encode_error(error, M::error_code(error)));
    // What stands where nothing is declared may be anything.
    let is_declared = TypeId::of::<M::Error>() != TypeId::of::<ServiceError>();
    if is_declared { response.declared() } else { response }
}
