//! Serving: subscribe every endpoint, run until told to stop, and finish in good order.

use std::fmt;
use std::future::{Future, IntoFuture, Pending, pending};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use natsws::private::runtime;
use natsws::{BoxFuture, Client, MaybeSend};

use crate::app::{App, IntoApp};
use crate::core::Core;
use crate::discovery;
use crate::dispatch::Phase;
use crate::error::ServeError;
use crate::handle::ServiceHandle;
use crate::report::DrainReport;

/// Serves the endpoints of a router over a client: `.await` it, or say more first.
///
/// It runs until the connection is closed, or until the future that is given to
/// [`with_graceful_shutdown`](Serve::with_graceful_shutdown) is ready. Other clones of the client
/// stay open.
///
/// # Errors
/// [`ServeError`] where a name, the version or a subject is not valid, where there are no endpoints,
/// where two of them clash, or where one could not be subscribed.
///
/// # Cancel safety
/// Dropped early, the endpoints are unsubscribed, and requests that are not finished are given up
/// and answered 503.
pub fn serve(client: Client, app: impl IntoApp) -> Serve {
    Serve {
        client,
        app: app.into_app(),
        shutdown: pending(),
        drain_timeout: Duration::from_secs(30),
        on_ready: None,
        control_prefix: Some(discovery::PREFIX.to_owned()),
    }
}

/// A service that is about to be served. Made by [`serve`].
#[must_use = "nothing is served until this is awaited"]
pub struct Serve<F = Pending<()>> {
    client: Client,
    app: App,
    shutdown: F,
    drain_timeout: Duration,
    on_ready: Option<Box<dyn OnReady>>,
    control_prefix: Option<String>,
}

impl<F> Serve<F> {
    /// Stops in good order when `shutdown` is ready: no new requests, every request that has come
    /// is answered, and the server has the answers.
    pub fn with_graceful_shutdown<G: Future<Output = ()> + MaybeSend>(
        self,
        shutdown: G,
    ) -> Serve<G> {
        let Self { client, app, drain_timeout, on_ready, control_prefix, .. } = self;
        Serve { client, app, shutdown, drain_timeout, on_ready, control_prefix }
    }

    /// How long stopping may take before requests that are not finished are given up.
    /// Default: 30 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// What the subjects begin with on which the service says who it is. Default: `$SRV` (ADR-32).
    pub fn control_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.control_prefix = Some(prefix.into());
        self
    }

    /// Does not say who the service is: for clients that may not subscribe below `$SRV`.
    pub fn undiscovered(mut self) -> Self {
        self.control_prefix = None;
        self
    }

    /// Calls a function when the server has seen every endpoint, so that requests are answered from
    /// then on.
    pub fn on_ready(mut self, ready: impl FnOnce() + MaybeSend + 'static) -> Self {
        self.on_ready = Some(Box::new(ready));
        self
    }
}

impl<F: Future<Output = ()> + MaybeSend> Serve<F> {
    /// Subscribes the endpoints. What is given back runs the service, and ends with it.
    async fn begin(self) -> Result<(Guard, F), ServeError> {
        let Self { client, app, shutdown, drain_timeout, on_ready, control_prefix } = self;
        app.check()?;
        let core = Core::new(client, app.about.clone(), app.may_overlap, drain_timeout);
        let guard = Guard(Arc::clone(&core));
        core.add(app).await?;
        if let Some(prefix) = control_prefix {
            core.be_discovered(prefix).await?;
        }
        if let Some(ready) = on_ready {
            ready();
        }
        Ok((guard, shutdown))
    }

    async fn run(self) -> Result<DrainReport, ServeError> {
        let (service, shutdown) = self.begin().await?;
        Ok(service.run(shutdown).await)
    }

    /// Serves in the background: when this returns, the server has seen every endpoint, and requests
    /// are answered.
    ///
    /// # Errors
    /// As for [`serve`].
    ///
    /// # Cancel safety
    /// Dropped early, nothing is served.
    pub async fn start(self) -> Result<ServiceHandle, ServeError>
    where
        F: 'static,
    {
        let (service, shutdown) = self.begin().await?;
        let handle = ServiceHandle::new(Arc::clone(&service.0));
        let run = async move {
            // It is in the handle.
            let _: DrainReport = service.run(shutdown).await;
        };
        runtime::spawn(run);
        Ok(handle)
    }
}

/// What is called when all is served.
trait OnReady: FnOnce() + MaybeSend {}

impl<F: FnOnce() + MaybeSend> OnReady for F {}

/// Ends the service at once where it is dropped.
struct Guard(Arc<Core>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.end();
        // Whoever waits for it to stop need not wait for ever, however it ended.
        self.0.report.send_if_modified(|report| {
            let ended_early = report.is_none();
            report.get_or_insert_with(|| self.0.report_so_far());
            ended_early
        });
    }
}

impl Guard {
    async fn run(self, shutdown: impl Future<Output = ()> + MaybeSend) -> DrainReport {
        let core = &self.0;
        let mut running = pin!(Arc::clone(core).run());
        let report = tokio::select! {
            report = &mut running => report,
            () = shutdown => {
                core.advance(Phase::Draining);
                running.await
            }
        };
        core.report.send_replace(Some(report));
        report
    }
}

impl<F: Future<Output = ()> + MaybeSend + 'static> IntoFuture for Serve<F> {
    type Output = Result<DrainReport, ServeError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<F> fmt::Debug for Serve<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("app", &self.app)
            .field("drain_timeout", &self.drain_timeout)
            .finish_non_exhaustive()
    }
}
