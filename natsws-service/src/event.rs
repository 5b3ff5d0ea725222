//! Handlers of events: messages that are not answered.

use std::future::Future;

use bytes::Bytes;
use natsws::{DecodeOwned, MaybeSend, MaybeSync, ServiceError};

use crate::extract::Extract;
use crate::function::Purpose;
use crate::handler::decode;
use crate::incoming::Incoming;
use crate::reply::{Plain, Tried};
use crate::response::Response;

/// The arguments of a handler of events: up to four extractors, and the event last.
#[diagnostic::on_unimplemented(
    message = "these are not the arguments of a handler of events: `{Self}`",
    note = "it takes `State<T>`, `Headers` or what implements `Extract`, and last a type with `#[derive(Subject)]`, by value"
)]
pub trait EventArgs<S>: Sized + MaybeSend + 'static {
    /// The event.
    type Event: DecodeOwned;

    /// Takes them from a message.
    ///
    /// # Errors
    /// A [`ServiceError`] counts as the failure of the event then, and the handler is not called.
    fn from_incoming(
        incoming: &Incoming,
        state: &S,
    ) -> impl Future<Output = Result<Self, ServiceError>> + MaybeSend;
}

macro_rules! event_args {
    ($(($($extractor:ident),*)),*) => {$(
        #[allow(non_snake_case, reason = "arguments are named by their types")]
        impl<S, $($extractor,)* M> EventArgs<S> for ($($extractor,)* M,)
        where
            S: MaybeSync,
            $($extractor: Extract<S> + MaybeSend + 'static,)*
            M: DecodeOwned + MaybeSend + 'static,
        {
            type Event = M;

            async fn from_incoming(incoming: &Incoming, _state: &S) -> Result<Self, ServiceError> {
                $(let $extractor = $extractor::extract(incoming, _state).await?;)*
                Ok(($($extractor,)* decode(incoming)?,))
            }
        }
    )*};
}

event_args!((), (T1), (T1, T2), (T1, T2, T3), (T1, T2, T3, T4));

/// What a handler of events comes to: nothing, or a `Result` of nothing.
///
/// `K` is found by the compiler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a handler of events can come to",
    note = "it is not answered: return nothing, or a `Result<(), E>` whose error becomes a `ServiceError`"
)]
pub trait Outcome<K> {
    /// What it comes to.
    ///
    /// # Errors
    /// The error that it is, where it is one.
    fn into_outcome(self) -> Result<(), ServiceError>;
}

impl Outcome<Plain> for () {
    fn into_outcome(self) -> Result<(), ServiceError> {
        Ok(())
    }
}

impl<E: Into<ServiceError>> Outcome<Tried<Plain>> for Result<(), E> {
    fn into_outcome(self) -> Result<(), ServiceError> {
        self.map_err(Into::into)
    }
}

/// The [`Purpose`] of handlers of events.
pub(crate) enum Events {}

impl<A: EventArgs<S>, S: MaybeSync, O: Outcome<K>, K> Purpose<A, S, O, K> for Events {
    fn take(
        incoming: &Incoming,
        state: &S,
    ) -> impl Future<Output = Result<A, ServiceError>> + MaybeSend {
        A::from_incoming(incoming, state)
    }

    fn respond(output: O) -> Response {
        match output.into_outcome() {
            Ok(()) => Response::new(Bytes::new()),
            Err(error) => Response::error(&error),
        }
    }
}
