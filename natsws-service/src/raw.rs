//! Handlers of messages as they are: `.raw("admin.*", handler)`.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use natsws::ServiceError;
use tower_service::Service;

use crate::endpoint::Untyped;
use crate::error::BoxError;
use crate::extract::Extract;
use crate::handler::Handler;
use crate::incoming::Incoming;
use crate::reply::{IntoReply, Plain, Tried};
use crate::response::Response;
use crate::route::ResponseFuture;

/// The arguments of a handler that takes messages as they are: up to five extractors.
#[diagnostic::on_unimplemented(
    message = "these are not the arguments of a raw handler: `{Self}`",
    note = "a raw handler takes `Incoming`, `Msg`, `SubjectParams`, `State<T>`, `Headers` or what implements `Extract`"
)]
pub trait RawArgs<S>: Sized + Send + 'static {
    /// Takes them from a message.
    ///
    /// # Errors
    /// A [`ServiceError`] is the answer to the request then, and the handler is not called.
    fn from_incoming(
        incoming: &Incoming,
        state: &S,
    ) -> impl Future<Output = Result<Self, ServiceError>> + Send;
}

macro_rules! raw_args {
    ($(($($extractor:ident),*)),*) => {$(
        impl<S, $($extractor,)*> RawArgs<S> for ($($extractor,)*)
        where
            S: Sync,
            $($extractor: Extract<S> + Send + 'static,)*
        {
            #[allow(unused_variables, reason = "a handler may take nothing")]
            async fn from_incoming(incoming: &Incoming, state: &S) -> Result<Self, ServiceError> {
                Ok(($($extractor::extract(incoming, state).await?,)*))
            }
        }
    )*};
}

raw_args!((), (T1), (T1, T2), (T1, T2, T3), (T1, T2, T3, T4), (T1, T2, T3, T4, T5));

/// A raw handler as a tower service of messages.
pub(crate) struct RawService<H, A, S, K> {
    handler: H,
    state: Arc<S>,
    kind: PhantomData<fn() -> (A, K)>,
}

impl<H, A, S, K> RawService<H, A, S, K> {
    pub(crate) fn new(handler: H, state: Arc<S>) -> Self {
        Self { handler, state, kind: PhantomData }
    }
}

impl<H, A, S, K> Service<Incoming> for RawService<H, A, S, K>
where
    H: Handler<A>,
    A: RawArgs<S>,
    S: Send + Sync + 'static,
    H::Output: IntoReply<Untyped, K>,
    H::Future: Send + 'static,
{
    type Response = Response;
    type Error = BoxError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, incoming: Incoming) -> Self::Future {
        if let Some(late) = incoming.too_late() {
            return Box::pin(std::future::ready(Ok(late)));
        }
        let (handler, state) = (self.handler.clone(), Arc::clone(&self.state));
        Box::pin(async move {
            Ok(match A::from_incoming(&incoming, &state).await {
                Ok(args) => handler.call(args).await.into_reply(),
                Err(error) => Response::error(&error),
            })
        })
    }
}

impl IntoReply<Untyped, Plain> for Response {
    fn into_reply(self) -> Response {
        self
    }
}

impl IntoReply<Untyped, Plain> for () {
    fn into_reply(self) -> Response {
        Response::new(Bytes::new())
    }
}

impl<R: IntoReply<Untyped, K>, K, E: Into<ServiceError>> IntoReply<Untyped, Tried<K>>
    for Result<R, E>
{
    const IS_STREAM: bool = R::IS_STREAM;

    fn into_reply(self) -> Response {
        match self {
            Ok(reply) => reply.into_reply(),
            Err(error) => Response::error(&error.into()),
        }
    }
}

macro_rules! payloads {
    ($($payload:ty),*) => {$(
        impl IntoReply<Untyped, Plain> for $payload {
            fn into_reply(self) -> Response {
                Response::new(self)
            }
        }
    )*};
}

payloads!(Bytes, Vec<u8>, String, &'static str);
