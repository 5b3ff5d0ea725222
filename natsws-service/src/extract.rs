//! What a handler can take besides the request.

use std::future::{Future, ready};

use natsws::{Client, Connection, Headers, ServiceError};

use crate::incoming::Incoming;

/// Something that a handler can take from a request, or from the service's state.
///
/// ```
/// use natsws::ServiceError;
/// use natsws_service::{Extract, Incoming};
///
/// /// Who asks, as a header says.
/// struct Caller(String);
///
/// impl<S: Sync> Extract<S> for Caller {
///     async fn extract(incoming: &Incoming, _state: &S) -> Result<Self, ServiceError> {
///         match incoming.headers().get("Caller") {
///             Some(name) => Ok(Self(name.to_owned())),
///             None => Err(ServiceError::new(401, "who are you?")),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be taken from a request",
    label = "not an extractor",
    note = "a handler takes `State<T>`, `Headers`, `Client`, `Connection` or what implements `Extract`, and the request last"
)]
pub trait Extract<S>: Sized {
    /// Takes it.
    ///
    /// # Errors
    /// A [`ServiceError`] is the answer to the request then, and the handler is not called.
    fn extract(
        incoming: &Incoming,
        state: &S,
    ) -> impl Future<Output = Result<Self, ServiceError>> + Send;
}

/// The service's state, or a part of it: `State(db): State<Db>`.
#[derive(Debug, Clone, Copy)]
pub struct State<T>(pub T);

/// A state that has a `Self` in it. Every state that can be cloned has itself.
///
/// ```
/// use natsws_service::FromRef;
///
/// #[derive(Clone)]
/// struct Db;
///
/// #[derive(Clone)]
/// struct App { db: Db }
///
/// impl FromRef<App> for Db {
///     fn from_ref(app: &App) -> Db {
///         app.db.clone()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the router's state is `{T}`, which does not hold a `{Self}`",
    note = "give the router a state of this type, or implement `FromRef<{T}>` for `{Self}`"
)]
pub trait FromRef<T> {
    /// Takes it out.
    fn from_ref(state: &T) -> Self;
}

impl<T: Clone> FromRef<T> for T {
    fn from_ref(state: &T) -> T {
        state.clone()
    }
}

impl<S: Sync, T: FromRef<S> + Send> Extract<S> for State<T> {
    fn extract(
        _incoming: &Incoming,
        state: &S,
    ) -> impl Future<Output = Result<Self, ServiceError>> + Send {
        ready(Ok(Self(T::from_ref(state))))
    }
}

impl<S: Sync> Extract<S> for Headers {
    fn extract(
        incoming: &Incoming,
        _state: &S,
    ) -> impl Future<Output = Result<Self, ServiceError>> + Send {
        ready(Ok(incoming.headers().clone()))
    }
}

impl<S: Sync> Extract<S> for Client {
    fn extract(
        incoming: &Incoming,
        _state: &S,
    ) -> impl Future<Output = Result<Self, ServiceError>> + Send {
        ready(Ok(incoming.client().clone()))
    }
}

impl<S: Sync> Extract<S> for Connection {
    fn extract(
        incoming: &Incoming,
        _state: &S,
    ) -> impl Future<Output = Result<Self, ServiceError>> + Send {
        ready(Ok(incoming.client().connection().clone()))
    }
}
