//! Middleware for services.

mod catch_panic;
mod deadline;
#[cfg(test)]
mod testing;

pub use catch_panic::{CatchPanic, CatchPanicFuture, CatchPanicLayer};
pub use deadline::{DeadlineFuture, DeadlineLayer, WithDeadline};
