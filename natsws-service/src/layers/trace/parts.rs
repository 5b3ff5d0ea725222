//! An answer in parts within the span of its request.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use natsws::ServiceError;

use super::Traceable;
use crate::response::{Parts, Response};

/// The parts of an answer until the last, and the span of its request until then.
pub(super) struct TracedParts(Option<(Parts, Traceable)>);

impl TracedParts {
    pub(super) fn new(parts: Parts, request: Traceable) -> Self {
        Self(Some((parts, request)))
    }

    /// Leaves what makes the parts, which may log as it goes.
    fn leave(&mut self) -> Option<Traceable> {
        let (parts, request) = self.0.take()?;
        request.within.run(|| drop(parts));
        Some(request)
    }
}

impl Stream for TracedParts {
    type Item = Response;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Response>> {
        let Some((parts, request)) = &mut self.0 else { return Poll::Ready(None) };
        let part = ready!(request.within.run(|| parts.as_mut().poll_next(cx)));
        let code = part.as_ref().and_then(Response::service_error).map(ServiceError::code);
        // An error is the last part, whatever would come behind it.
        if code.is_some() || part.is_none() {
            if let Some(request) = self.leave() {
                request.end(code);
            }
        }
        Poll::Ready(part)
    }
}

impl Drop for TracedParts {
    fn drop(&mut self) {
        drop(self.leave());
    }
}
