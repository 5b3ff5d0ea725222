//! Serving: subscribe every endpoint, run until told to stop, and finish in good order.

use std::fmt;
use std::future::{Future, IntoFuture, Pending, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use natsws::Client;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::dispatch::{Counts, Dispatcher, Phase};
use crate::error::ServeError;
use crate::place::Place;
use crate::router::{App, IntoApp};
use crate::running::Running;

/// What a service did over its whole life, told when it has stopped.
///
/// `completed`, `failed` and `aborted` together are all requests that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Requests that succeeded: their reply was accepted for sending, or they asked for none.
    pub completed: u64,
    /// Requests that ended in an error, the caller's as well as the service's, or whose reply could
    /// not be sent.
    pub failed: u64,
    /// Requests that had come and were not finished when the drain's time was up. Their callers get
    /// no answer.
    pub aborted: u64,
    /// Of those that completed or failed, how many were messages that asked for no answer.
    pub unanswered: u64,
    /// Whether the server has confirmed the last answers.
    pub flushed: bool,
    /// How long draining took.
    pub took: Duration,
}

/// Serves the endpoints of a router over a client: `.await` it, or say more first.
///
/// It runs until the connection is closed, or until the future that is given to
/// [`with_graceful_shutdown`](Serve::with_graceful_shutdown) is ready. The client stays open.
///
/// # Errors
/// [`ServeError`] where the name or the version is not valid, where there are no endpoints, or
/// where one of them could not be subscribed.
///
/// # Cancel safety
/// Dropped early, the endpoints are unsubscribed and requests that are not finished are given up
/// without an answer.
pub fn serve(client: Client, app: impl IntoApp) -> Serve {
    Serve {
        client,
        app: app.into_app(),
        shutdown: pending(),
        drain_timeout: Duration::from_secs(30),
        on_ready: None,
    }
}

/// A service that is about to be served. Made by [`serve`].
#[must_use = "nothing is served until this is awaited"]
pub struct Serve<F = Pending<()>> {
    client: Client,
    app: App,
    shutdown: F,
    drain_timeout: Duration,
    on_ready: Option<Box<dyn FnOnce() + Send>>,
}

impl<F> Serve<F> {
    /// Stops in good order when `shutdown` is ready: no new requests, every request that has come
    /// is answered, and the server has the answers.
    pub fn with_graceful_shutdown<G: Future<Output = ()> + Send>(self, shutdown: G) -> Serve<G> {
        let Self { client, app, drain_timeout, on_ready, .. } = self;
        Serve { client, app, shutdown, drain_timeout, on_ready }
    }

    /// How long stopping may take before requests that are not finished are given up.
    /// Default: 30 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Calls a function when the server has seen every endpoint, so that requests are answered from
    /// then on.
    pub fn on_ready(mut self, ready: impl FnOnce() + Send + 'static) -> Self {
        self.on_ready = Some(Box::new(ready));
        self
    }
}

impl<F: Future<Output = ()> + Send> Serve<F> {
    async fn run(self) -> Result<DrainReport, ServeError> {
        let Self { client, app, shutdown, drain_timeout, on_ready } = self;
        let counts = Arc::new(Counts::default());
        let (phase, phases) = watch::channel(Phase::Serving);
        let mut dispatchers = JoinSet::new();
        for dispatcher in subscribe(&client, app, &counts).await? {
            dispatchers.spawn(dispatcher.run(phases.clone()));
        }
        if let Some(ready) = on_ready {
            ready();
        }
        tokio::select! {
            () = shutdown => {}
            // All subscriptions are over: the connection is closed.
            () = finished(&mut dispatchers) => {}
        }
        let start = Instant::now();
        let deadline = start + drain_timeout;
        phase.send_replace(Phase::Draining);
        if timeout_at(deadline, finished(&mut dispatchers)).await.is_err() {
            phase.send_replace(Phase::Over);
            finished(&mut dispatchers).await;
        }
        // Read before anything else: a handler that is stopped may still end meanwhile, and no
        // request counts twice.
        let completed = counts.completed.load(Ordering::Relaxed);
        let failed = counts.failed.load(Ordering::Relaxed);
        let unanswered = counts.unanswered.load(Ordering::Relaxed);
        let received = counts.received.load(Ordering::Relaxed);
        let aborted = received.saturating_sub(completed + failed);
        // Flushing gets its chance even where the deadline has passed: it is a round trip.
        let deadline = deadline.max(Instant::now() + Duration::from_secs(1));
        let flushed = matches!(timeout_at(deadline, client.flush()).await, Ok(Ok(())));
        Ok(DrainReport { completed, failed, aborted, unanswered, flushed, took: start.elapsed() })
    }
}

/// Subscribes every endpoint. Where one fails, the others are unsubscribed again.
async fn subscribe(
    client: &Client,
    app: App,
    counts: &Arc<Counts>,
) -> Result<Vec<Dispatcher>, ServeError> {
    let mut dispatchers = Vec::new();
    for endpoint in app.into_endpoints()? {
        let mut subscriptions = Vec::new();
        for filter in endpoint.filters {
            let subscribe = client.connection().subscribe(*filter).queue(&endpoint.queue_group);
            subscriptions.push(subscribe.await.map_err(|source| {
                let subject = (*filter).to_owned();
                ServeError::Subscribe { subject, source }
            })?);
        }
        dispatchers.push(Dispatcher {
            place: Arc::new(Place {
                client: Some(client.clone()),
                service: String::new(),
                endpoint: String::new(),
                template: String::new(),
                queue_group: None,
                prefix_tokens: 0,
            }),
            subscriptions,
            route: endpoint.route,
            concurrency: endpoint.concurrency,
            counts: Arc::clone(counts),
            running: Running::default(),
            waiting: None,
        });
    }
    Ok(dispatchers)
}

async fn finished(dispatchers: &mut JoinSet<()>) {
    while dispatchers.join_next().await.is_some() {}
}

impl<F: Future<Output = ()> + Send + 'static> IntoFuture for Serve<F> {
    type Output = Result<DrainReport, ServeError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

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
