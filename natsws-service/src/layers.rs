//! Middleware for services.

mod catch_panic;
mod deadline;
mod from_fn;
mod map_error;
mod shared;
#[cfg(test)]
mod testing;

pub use catch_panic::{CatchPanic, CatchPanicFuture, CatchPanicLayer};
pub use deadline::{DeadlineFuture, DeadlineLayer, WithDeadline};
pub use from_fn::{FromFn, FromFnLayer, Next, from_fn};
pub use map_error::{MapError, MapErrorFuture, MapErrorLayer};
