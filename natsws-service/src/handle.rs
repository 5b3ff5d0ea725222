//! A service that runs, from outside.

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use natsws::{Client, MaybeSend, ServiceError};

use crate::app::IntoApp;
use crate::core::Core;
use crate::discovery::{ServiceInfo, ServiceStats};
use crate::dispatch::Phase;
use crate::error::ServeError;
use crate::extract::Extract;
use crate::incoming::Incoming;
use crate::report::DrainReport;

/// A service that runs: to stop it, to change its endpoints, and to see how it does.
///
/// [`Serve::start`](crate::Serve::start) makes one, and a handler can take the one of its own
/// service as an argument. Clones are cheap; dropping all of them does not stop the service.
///
/// ```
/// use natsws_service::{Router, ServiceHandle, serve};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let client = natsws::embedded::Broker::start().await?.connect().await?;
/// let router = Router::new("desk", "1.0.0").raw("desk.stop", async |service: ServiceHandle| {
///     service.drain(); // this request is still answered
/// });
/// let service = serve(client.clone(), router).start().await?; // requests are answered from here on
/// assert!(service.health().is_ready());
///
/// client.connection().request("desk.stop", "").await?;
/// let report = service.stopped().await;
/// assert_eq!((report.completed, report.aborted), (1, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServiceHandle(Arc<Core>);

/// How a service does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// It is connected, and the server has all its subscriptions.
    Ready,
    /// The connection is lost; it is being made again.
    Disconnected,
    /// Some endpoints get no more requests, because the server has ended their subscriptions. The
    /// others do.
    Impaired {
        /// The names of those endpoints.
        endpoints: Vec<String>,
    },
    /// It takes no new requests, and finishes those that it has.
    Draining,
    /// It is over.
    Stopped,
}

impl Health {
    /// Whether requests should be sent here: what a readiness probe asks.
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }

    /// Whether the process does what it should, also where it cannot take requests at the moment:
    /// what a liveness probe asks.
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::Stopped | Self::Impaired { .. })
    }
}

impl ServiceHandle {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self(core)
    }

    /// What tells this instance from all others, also of the same name.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The name of the service.
    pub fn name(&self) -> &str {
        &self.0.about.name
    }

    /// The client that the service is served on.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// How the service does.
    pub fn health(&self) -> Health {
        self.0.health()
    }

    /// What the service offers, as it says to who asks for its `INFO` (ADR-32).
    pub fn info(&self) -> ServiceInfo {
        self.0.info()
    }

    /// What the service has done since it started or its statistics were last reset, as it says to
    /// who asks for its `STATS` (ADR-32). Requests that are running are not in it yet.
    pub fn stats(&self) -> ServiceStats {
        self.0.stats()
    }

    /// Lets the statistics begin anew, and the time since which they count.
    pub fn reset_stats(&self) {
        self.0.reset_stats();
    }

    /// Adds endpoints, which are subscribed when this returns: those of a
    /// [`Router::part`](crate::Router::part), or of any other router, whose name goes unheard.
    /// Layers of the service are not around them.
    ///
    /// # Errors
    /// [`ServeError`] as for [`serve`](crate::serve), also where a name or a subject clashes with
    /// one that is served, and [`ServeError::Stopped`] where the service takes no more requests.
    /// None of the endpoints is served then.
    ///
    /// # Cancel safety
    /// Dropped early, the names may stay taken until the service stops.
    pub async fn add(&self, endpoints: impl IntoApp) -> Result<(), ServeError> {
        self.0.add(endpoints.into_app()).await
    }

    /// Removes the endpoint of this name: it gets no more requests, and finishes those that it has.
    /// `false` where there is none.
    pub fn remove(&self, name: &str) -> bool {
        self.0.remove(name)
    }

    /// Begins to drain: no new requests, every request that has come is answered, and the server
    /// has the answers. What it gives back can be waited for, and need not be.
    ///
    /// A handler that waits for it waits for itself, until the drain's time is up.
    pub fn drain(&self) -> Stopped {
        self.0.advance(Phase::Draining);
        self.stopped()
    }

    /// Stops at once: requests that are not finished are given up, and answered 503. What it gives back
    /// can be waited for, and need not be.
    pub fn stop(&self) -> Stopped {
        self.0.advance(Phase::Over);
        self.stopped()
    }

    /// Waits until the service has stopped, for whatever reason.
    pub fn stopped(&self) -> Stopped {
        let mut report = self.0.report.subscribe();
        let core = Arc::clone(&self.0);
        Stopped(Box::pin(async move {
            let report = report.wait_for(Option::is_some).await.ok().and_then(|report| *report);
            // There is always one: `core` holds the sender.
            let report = report.or_else(|| *core.report.borrow());
            match report {
                Some(report) => report,
                None => std::future::pending().await,
            }
        }))
    }
}

/// Waits for a service to stop, and gives its report. Made by [`ServiceHandle::drain`],
/// [`stop`](ServiceHandle::stop) and [`stopped`](ServiceHandle::stopped).
///
/// # Cancel safety
/// Dropped early, the service goes on with what it does.
pub struct Stopped(Pin<Box<dyn Future<Output = DrainReport> + Send>>);

impl Future for Stopped {
    type Output = DrainReport;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<DrainReport> {
        self.0.as_mut().poll(cx)
    }
}

impl<S: Sync> Extract<S> for ServiceHandle {
    fn extract(
        incoming: &Incoming,
        _state: &S,
    ) -> impl Future<Output = Result<Self, ServiceError>> + MaybeSend {
        ready(incoming.handle().cloned().ok_or_else(|| {
            tracing::error!(endpoint = incoming.endpoint_name(), "it is called without a service");
            ServiceError::new(500, "the service is not served")
        }))
    }
}

impl fmt::Debug for ServiceHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceHandle")
            .field("name", &self.name())
            .field("id", &self.id())
            .field("health", &self.health())
            .finish()
    }
}

impl fmt::Debug for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stopped")
    }
}
