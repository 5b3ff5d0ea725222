//! Every failure becomes an error reply: a caller never waits for what will not come.

use std::any::Any;

use natsws::ServiceError;
use tower::load_shed::error::Overloaded;
use tower::timeout::error::Elapsed;

use crate::error::BoxError;
use crate::response::Response;

/// The answer to a request whose layers or service failed.
///
/// tower's own errors are known by their type. What else a layer says is for the log: it may hold
/// what a caller must not see.
pub(crate) fn recover(error: &BoxError) -> Response {
    let answer = known(error).unwrap_or_else(|| {
        tracing::error!(%error, "a request failed");
        unknown()
    });
    Response::error(&answer)
}

/// What an error is to callers, where it is one that they may see.
pub(crate) fn known(error: &BoxError) -> Option<ServiceError> {
    if let Some(error) = find::<ServiceError>(error) {
        Some(error.clone())
    } else if find::<Elapsed>(error).is_some() {
        Some(ServiceError::new(408, "the request took too long"))
    } else if find::<Overloaded>(error).is_some() {
        Some(ServiceError::new(503, "the service is overloaded"))
    } else {
        None
    }
}

/// What any other error is to callers.
pub(crate) fn unknown() -> ServiceError {
    ServiceError::new(500, "the service failed")
}

/// The answer to a request whose handler panicked. What the panic says stays here.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("of another type");
    tracing::error!(panic = text, "a handler panicked");
    Response::error(&unknown())
}

/// Looks for an error among the sources: layers wrap what is inside them.
fn find<E: std::error::Error + 'static>(error: &BoxError) -> Option<&E> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&**error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
