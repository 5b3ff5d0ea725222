//! Async functions as handlers.

use std::future::Future;

use natsws::{DecodeOwned, MaybeSend, MaybeSync, Request, ServiceError};

use crate::extract::Extract;
use crate::function::Purpose;
use crate::incoming::Incoming;
use crate::reply::IntoReply;
use crate::response::Response;
use crate::shortened::shorten;

/// An async function that can be an endpoint: up to four extractors, and the request last.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    note = "a handler is an `async fn` with up to four extractors, and the request by value as its last argument"
)]
pub trait Handler<A>: Clone + MaybeSend + MaybeSync + 'static {
    /// What it answers.
    type Output;
    /// Its future.
    type Future: Future<Output = Self::Output>;

    /// Calls it.
    fn call(&self, args: A) -> Self::Future;
}

/// The arguments of a handler: extractors, and the request.
#[diagnostic::on_unimplemented(
    message = "these are not the arguments of a handler: `{Self}`",
    note = "a handler takes `State<T>`, `Headers` or what implements `Extract`, and last a type with `#[subject(…, reply = …)]`"
)]
pub trait Args<S>: Sized + MaybeSend + 'static {
    /// The request.
    type Request: Request + DecodeOwned;

    /// Takes them from a message.
    ///
    /// # Errors
    /// A [`ServiceError`] is the answer to the request then, and the handler is not called.
    fn from_incoming(
        incoming: &Incoming,
        state: &S,
    ) -> impl Future<Output = Result<Self, ServiceError>> + MaybeSend;
}

/// What a caller is told of a payload that does not decode, in bytes at most: the text may quote
/// the payload, however long that is.
const LONGEST_TEXT: usize = 1024;

/// Decodes the request. What does not decode is the caller's fault.
pub(crate) fn decode<M: DecodeOwned>(incoming: &Incoming) -> Result<M, ServiceError> {
    incoming.decode::<M>().map_err(|error| {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        if shorten(&mut text, LONGEST_TEXT) {
            text.push('…');
        }
        ServiceError::new(400, text)
    })
}

macro_rules! handlers {
    ($(($($extractor:ident),*)),*) => {$(
        #[allow(non_snake_case, unused_variables, reason = "arguments are named by their types")]
        const _: () = {
            impl<F, Fut, $($extractor,)* M> Handler<($($extractor,)* M,)> for F
            where
                F: Fn($($extractor,)* M) -> Fut + Clone + MaybeSend + MaybeSync + 'static,
                Fut: Future,
            {
                type Output = Fut::Output;
                type Future = Fut;

                fn call(&self, ($($extractor,)* message,): ($($extractor,)* M,)) -> Fut {
                    self($($extractor,)* message)
                }
            }

            impl<S, $($extractor,)* M> Args<S> for ($($extractor,)* M,)
            where
                S: MaybeSync,
                $($extractor: Extract<S> + MaybeSend + 'static,)*
                M: Request + DecodeOwned + MaybeSend + 'static,
            {
                type Request = M;

                async fn from_incoming(incoming: &Incoming, state: &S) -> Result<Self, ServiceError> {
                    $(let $extractor = $extractor::extract(incoming, state).await?;)*
                    Ok(($($extractor,)* decode(incoming)?,))
                }
            }
        };
    )*};
}

impl<F, Fut> Handler<()> for F
where
    F: Fn() -> Fut + Clone + MaybeSend + MaybeSync + 'static,
    Fut: Future,
{
    type Output = Fut::Output;
    type Future = Fut;

    fn call(&self, (): ()) -> Fut {
        self()
    }
}

handlers!((), (T1), (T1, T2), (T1, T2, T3), (T1, T2, T3, T4));

/// The [`Purpose`] of handlers of typed requests.
pub(crate) enum Requests {}

impl<A: Args<S>, S: MaybeSync, O: IntoReply<A::Request, K>, K> Purpose<A, S, O, K> for Requests {
    fn take(
        incoming: &Incoming,
        state: &S,
    ) -> impl Future<Output = Result<A, ServiceError>> + MaybeSend {
        A::from_incoming(incoming, state)
    }

    fn respond(output: O) -> Response {
        output.into_reply()
    }
}
