//! Middleware for services.

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

pub use catch_panic::{CatchPanic, CatchPanicFuture, CatchPanicLayer};
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
