//! Middleware for services, beside that of tower, all of which goes around endpoints too.
//!
//! | layer | what |
//! |---|---|
//! | [`DeadlineLayer`] | ends requests whose caller no longer waits, with 408 |
//! | [`CatchPanicLayer`] | answers panics with 500 here, where other layers see it |
//! | [`from_fn`] | makes a layer of an async function |
//! | [`MapErrorLayer`] | changes what errors say on their way out, or hides it |
//! | [`DeadLetterLayer`] | publishes requests that failed to a subject of their own |
//! | [`IdempotencyLayer`] | runs a request once, however often it comes |
//! | [`TraceLayer`] | runs requests within a span, as a part of their caller's trace |
//! | `MetricsLayer` (feature `metrics`) | counts requests and measures how long they take |
//!
//! What goes around a caller is in [`caller`](crate::caller).
//!
//! # The order of layers
//! The layer that is added last is the outermost: it sees a request first and its answer last. Those
//! of an endpoint are inside of those of its router. A `ServiceBuilder`, which may be added as one
//! layer, is the other way round: it begins with the outermost. This is each in its place, from the
//! innermost to the outermost:
//!
//! ```
//! use std::time::Duration;
//!
//! use natsws::ServiceError;
//! use natsws_service::layers::{
//!     CatchPanicLayer, DeadLetterLayer, DeadlineLayer, IdempotencyLayer, MapErrorLayer, Next,
//!     TraceLayer, from_fn,
//! };
//! use natsws_service::{BoxError, Incoming, Response, Router};
//! use tower::load_shed::LoadShedLayer;
//! use tower::limit::ConcurrencyLimitLayer;
//! # use natsws::Subject;
//! # #[derive(serde::Serialize, serde::Deserialize, Subject)]
//! # #[subject("orders.count", reply = u64)]
//! # struct CountOrders;
//!
//! async fn authorise(incoming: Incoming, next: Next) -> Result<Response, BoxError> {
//!     match incoming.headers().get("Caller") {
//!         Some(_) => next.run(incoming).await,
//!         None => Err(ServiceError::new(401, "who are you?").into()),
//!     }
//! }
//!
//! let app = Router::<()>::new("orders", "1.0.0")
//!     .endpoint(async |_: CountOrders| 7)
//!     .layer(ConcurrencyLimitLayer::new(8))
//!     .layer(LoadShedLayer::new())
//!     .layer(IdempotencyLayer::new(Duration::from_secs(120)))
//!     .layer(from_fn(authorise))
//!     .layer(DeadlineLayer::new().at_most(Duration::from_secs(30)))
//!     .layer(CatchPanicLayer::new())
//!     .layer(DeadLetterLayer::new("dead.orders"))
//!     .layer(MapErrorLayer::redact())
//!     // here what counts
//!     .layer(TraceLayer::new());
//! ```
//!
//! | from the outermost in | why it stands there |
//! |---|---|
//! | [`TraceLayer`] | everything that happens to a request is within its span, what other layers log too |
//! | metrics | they count what callers get, and the time that the other layers take |
//! | [`MapErrorLayer`] | no error gets past it to the caller; traces and metrics further out need only its code |
//! | [`DeadLetterLayer`] | it keeps the whole text of an error, which is not hidden yet, and sees every failure further in |
//! | [`CatchPanicLayer`] | a panic is a failure to those above; where it is not caught further in, they are dropped and say nothing |
//! | [`DeadlineLayer`] | it ends all that takes time below, waiting as well; what panics as it is dropped is caught above |
//! | authorisation | who may not ask costs nothing further in, and gets no answer that was kept for another |
//! | [`IdempotencyLayer`] | what a deadline ends is forgotten, and a duplicate takes no room of a limit |
//! | load shedding, limits | they count what really runs, and the one must see the other: see below |
//! | the handler | |
//!
//! # Who counts together
//! A layer of a router goes around each of its endpoints by itself: a limit of 8 is 8 for every
//! endpoint, and each has its own window of ids. What is shared on purpose says so, as tower's
//! `GlobalConcurrencyLimitLayer` does.
//!
//! # Readiness
//! An endpoint takes a message, asks its outermost layer whether it is ready, which asks those
//! further in, and calls it when it is. So a limit lets requests wait, as many as
//! [`Endpoint::waiting`](crate::Endpoint::waiting) says and beyond that 503 is the answer, and load
//! shedding outside of it answers 503 to each.
//!
//! Layers that run what is inside later, more than once or not at all, are always ready, and ask
//! only when they run it: [`from_fn`], [`IdempotencyLayer`] and tower's `Buffer`. Load shedding
//! outside of them does not see a limit inside: put both on the same side. Other layers that answer
//! by themselves, as [`DeadlineLayer`] and tower's `Filter` do, were told that there is room by then
//! and keep it for the next request, in an endpoint that has nothing to do for as long as that
//! takes. A limit that several endpoints share is better outside of those.
//!
//! # Cloning
//! Nothing has to be cloned to be served, and what is between two layers that are added one by one
//! cannot be. tower's `Retry` and `AsyncFilter` want to clone what is inside: add them in one step
//! with a `Buffer`, as `ServiceBuilder::new().layer(retry).buffer(8).into_inner()`.

mod catch_panic;
mod dead_letter;
mod deadline;
mod from_fn;
mod idempotency;
mod map_error;
#[cfg(feature = "metrics")]
mod metrics;
mod shared;
#[cfg(test)]
mod testing;
mod trace;

pub use catch_panic::{CatchPanic, CatchPanicFuture, CatchPanicLayer};
#[cfg(feature = "jetstream")]
pub(crate) use dead_letter::dead_letter_headers;
pub use dead_letter::{
    DEAD_LETTER_CODE, DEAD_LETTER_ENDPOINT, DEAD_LETTER_ERROR, DEAD_LETTER_SUBJECT, DeadLetter,
    DeadLetterLayer,
};
pub use deadline::{DeadlineFuture, DeadlineLayer, WithDeadline};
pub use from_fn::{FromFn, FromFnLayer, Next, from_fn};
pub use idempotency::{IdempotencyLayer, Idempotent};
pub use map_error::{MapError, MapErrorFuture, MapErrorLayer};
#[cfg(feature = "metrics")]
pub use metrics::{Measured, MetricsFuture, MetricsLayer};
pub use trace::{TraceFuture, TraceLayer, Traced};
