//! What a handler can take besides the request.

use std::future::{Future, ready};
use std::time::Duration;

use natsws::{Client, Connection, Deadline, Headers, MaybeSend, MaybeSync, Msg, ServiceError};

#[cfg(feature = "jetstream")]
use natsws::jetstream::Delivery;

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
    note = "a handler takes `State<T>`, `Extension<T>`, `Headers`, `Deadline`, `Client`, `ServiceHandle` or what implements `Extract`, and then the request as its last argument"
)]
pub trait Extract<S>: Sized {
    /// Takes it.
    ///
    /// # Errors
    /// A [`ServiceError`] is the answer to the request then, and the handler is not called.
    fn extract(
        incoming: &Incoming,
        state: &S,
    ) -> impl Future<Output = Result<Self, ServiceError>> + MaybeSend;
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

impl<S: MaybeSync, T: FromRef<S> + MaybeSend> Extract<S> for State<T> {
    fn extract(
        _incoming: &Incoming,
        state: &S,
    ) -> impl Future<Output = Result<Self, ServiceError>> + MaybeSend {
        ready(Ok(Self(T::from_ref(state))))
    }
}

/// A value that a layer has [inserted](Incoming::insert): `Extension(caller): Extension<Caller>`.
///
/// Where none has, the request is answered with 500: the layer is missing.
#[derive(Debug, Clone, Copy)]
pub struct Extension<T>(pub T);

impl<S: Sync, T: Clone + Send + Sync + 'static> Extract<S> for Extension<T> {
    fn extract(
        incoming: &Incoming,
        _state: &S,
    ) -> impl Future<Output = Extracted<Self>> + MaybeSend {
        ready(incoming.extension::<T>().cloned().map(Self).ok_or_else(|| {
            let kind = std::any::type_name::<T>();
            tracing::error!(
                endpoint = incoming.endpoint_name(),
                kind,
                "no layer has inserted what the handler takes as `Extension`"
            );
            ServiceError::new(500, "the service failed")
        }))
    }
}

/// What an extractor comes to. An error is the answer to the request.
type Extracted<T> = Result<T, ServiceError>;

/// The client that the service is served on. Where there is none, as in
/// [`App::oneshot`](crate::App::oneshot), the request is answered with 500.
impl<S: MaybeSync> Extract<S> for Client {
    fn extract(
        incoming: &Incoming,
        _state: &S,
    ) -> impl Future<Output = Extracted<Self>> + MaybeSend {
        ready(incoming.client().cloned().ok_or_else(|| {
            tracing::error!(endpoint = incoming.endpoint_name(), "it is called without a client");
            ServiceError::new(500, "the service has no connection")
        }))
    }
}

impl<S: MaybeSync> Extract<S> for Connection {
    async fn extract(incoming: &Incoming, state: &S) -> Result<Self, ServiceError> {
        Ok(Client::extract(incoming, state).await?.connection().clone())
    }
}

/// When the caller stops waiting; far away where it does not say.
impl<S: MaybeSync> Extract<S> for Deadline {
    fn extract(
        incoming: &Incoming,
        _state: &S,
    ) -> impl Future<Output = Extracted<Self>> + MaybeSend {
        ready(Ok(incoming.deadline().unwrap_or_else(|| Self::after(Duration::MAX))))
    }
}

macro_rules! extract_infallibly {
    ($($(#[$doc:meta])* $kind:ty: $take:expr),* $(,)?) => {$(
        $(#[$doc])*
        impl<S: MaybeSync> Extract<S> for $kind {
            fn extract(
                incoming: &Incoming,
                _state: &S,
            ) -> impl Future<Output = Extracted<Self>> + MaybeSend {
                ready(Ok($take(incoming)))
            }
        }
    )*};
}

/// How often the message was tried, this time included: `Attempt(number): Attempt`. It is 1 where no
/// consumer delivered it.
#[cfg(feature = "jetstream")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt(pub u64);

#[cfg(feature = "jetstream")]
impl<S: MaybeSync> Extract<S> for Attempt {
    fn extract(
        incoming: &Incoming,
        _state: &S,
    ) -> impl Future<Output = Extracted<Self>> + MaybeSend {
        ready(Ok(Self(incoming.delivery().map_or(1, Delivery::delivered))))
    }
}

extract_infallibly! {
    /// The headers of the request.
    Headers: |incoming: &Incoming| incoming.headers().clone(),
    /// The message as it came.
    Msg: |incoming: &Incoming| incoming.msg().clone(),
    /// The request with all that layers have added.
    Incoming: |incoming: &Incoming| incoming.clone(),
    /// When the caller stops waiting, where it says so.
    Option<Deadline>: |incoming: &Incoming| incoming.deadline(),
}
