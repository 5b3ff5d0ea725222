//! An async function as a tower service of messages.

use std::future::{Future, ready};
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use natsws::{MaybeSend, MaybeSync, ServiceError};
use tower_service::Service;

use crate::error::BoxError;
use crate::handler::Handler;
use crate::incoming::Incoming;
use crate::response::Response;
use crate::route::ResponseFuture;

/// What a function is for: what it takes of a message, and what becomes of what it returns.
///
/// `A` are its arguments, `O` is what it returns, and `K` is found by the compiler.
pub(crate) trait Purpose<A, S, O, K>: 'static {
    /// Takes the arguments from a message. An error is the answer then.
    fn take(
        incoming: &Incoming,
        state: &S,
    ) -> impl Future<Output = Result<A, ServiceError>> + MaybeSend;

    fn respond(output: O) -> Response;
}

/// A function with the state that its arguments are taken from. `P` is its [`Purpose`].
pub(crate) struct Function<P, H, A, S, K> {
    handler: H,
    state: Arc<S>,
    purpose: PhantomData<fn() -> P>,
    kind: PhantomData<fn() -> (A, K)>,
}

impl<P, H, A, S, K> Function<P, H, A, S, K> {
    pub(crate) fn new(handler: H, state: Arc<S>) -> Self {
        Self { handler, state, purpose: PhantomData, kind: PhantomData }
    }
}

impl<P, H, A, S, K> Service<Incoming> for Function<P, H, A, S, K>
where
    P: Purpose<A, S, H::Output, K>,
    H: Handler<A>,
    A: MaybeSend + 'static,
    S: MaybeSend + MaybeSync + 'static,
    H::Future: MaybeSend + 'static,
{
    type Response = Response;
    type Error = BoxError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, incoming: Incoming) -> ResponseFuture {
        if let Some(late) = incoming.too_late() {
            return Box::pin(ready(Ok(late)));
        }
        let (handler, state) = (self.handler.clone(), Arc::clone(&self.state));
        Box::pin(async move {
            Ok(match P::take(&incoming, &state).await {
                Ok(args) => P::respond(handler.call(args).await),
                Err(error) => Response::error(&error),
            })
        })
    }
}
