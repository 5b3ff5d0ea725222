//! Handlers of messages as they are: `.raw("admin.*", handler)`.

use std::future::Future;

use bytes::Bytes;
use natsws::{MaybeSend, MaybeSync, ServiceError};

use crate::endpoint::Untyped;
use crate::extract::Extract;
use crate::function::Purpose;
use crate::incoming::Incoming;
use crate::reply::{IntoReply, Plain, Tried};
use crate::response::Response;

/// The arguments of a handler that takes messages as they are: up to five extractors.
#[diagnostic::on_unimplemented(
    message = "these are not the arguments of a raw handler: `{Self}`",
    note = "a raw handler takes `Incoming`, `Msg`, `SubjectParams`, `State<T>`, `Headers` or what implements `Extract`"
)]
pub trait RawArgs<S>: Sized + MaybeSend + 'static {
    /// Takes them from a message.
    ///
    /// # Errors
    /// A [`ServiceError`] is the answer to the request then, and the handler is not called.
    fn from_incoming(
        incoming: &Incoming,
        state: &S,
    ) -> impl Future<Output = Result<Self, ServiceError>> + MaybeSend;
}

macro_rules! raw_args {
    ($(($($extractor:ident),*)),*) => {$(
        impl<S, $($extractor,)*> RawArgs<S> for ($($extractor,)*)
        where
            S: MaybeSync,
            $($extractor: Extract<S> + MaybeSend + 'static,)*
        {
            #[allow(unused_variables, reason = "a handler may take nothing")]
            async fn from_incoming(incoming: &Incoming, state: &S) -> Result<Self, ServiceError> {
                Ok(($($extractor::extract(incoming, state).await?,)*))
            }
        }
    )*};
}

raw_args!((), (T1), (T1, T2), (T1, T2, T3), (T1, T2, T3, T4), (T1, T2, T3, T4, T5));

/// The [`Purpose`] of handlers of messages as they are.
pub(crate) enum Messages {}

impl<A: RawArgs<S>, S: MaybeSync, O: IntoReply<Untyped, K>, K> Purpose<A, S, O, K> for Messages {
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
