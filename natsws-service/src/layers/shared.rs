//! A service that several requests call, each when its turn comes.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use tokio::sync::Mutex;
use tower_service::Service;

use crate::incoming::Incoming;

/// A service that is asked whether it is ready only when it is to be called.
///
/// It is for layers that may call what is inside later, more than once or not at all: a readiness
/// that was asked for beforehand would be held meanwhile, with the room of a limit.
pub(crate) struct Shared<T>(Arc<Mutex<T>>);

impl<T: Service<Incoming>> Shared<T> {
    pub(crate) fn new(service: T) -> Self {
        Self(Arc::new(Mutex::new(service)))
    }

    /// Waits until the service is ready, and calls it. The lock covers both, so that nobody takes
    /// the room in between; it does not cover the request itself.
    pub(crate) async fn run(&self, incoming: Incoming) -> Result<T::Response, T::Error> {
        let called = {
            let mut service = self.0.lock().await;
            poll_fn(|cx| service.poll_ready(cx)).await?;
            service.call(incoming)
        };
        called.await
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
