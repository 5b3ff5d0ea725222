//! A service that runs: what its handle, its endpoints and its drain share.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use natsws::private::runtime::{self, Instant, Task};
use natsws::{Client, MaybeSend, State};
use tokio::sync::{oneshot, watch};

use crate::app::{About, App};
use crate::discovery::{self, ServiceInfo, ServicePing, ServiceStats};
use crate::dispatch::{Dispatcher, GIVING_UP, Phase, advance};
use crate::endpoint::Built;
use crate::error::ServeError;
use crate::handle::{Health, ServiceHandle};
use crate::inlet::Inlet;
use crate::place::Place;
use crate::registry::{Registry, Served};
use crate::report::DrainReport;
use crate::running::Running;
use crate::stats::Counts;
use crate::waiting::Waiting;
#[cfg(feature = "jetstream")]
use crate::work::{Reading, Worker};

pub(crate) struct Core {
    pub(crate) client: Client,
    pub(crate) about: About,
    pub(crate) id: String,
    /// Since when its statistics count.
    started: Mutex<SystemTime>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) report: watch::Sender<Option<DrainReport>>,
    phase: watch::Sender<Phase>,
    /// How many dispatchers run.
    active: watch::Sender<usize>,
    discovery: Mutex<Option<Discovery>>,
    may_overlap: bool,
    drain_timeout: Duration,
}

/// What answers to who asks which services there are.
struct Discovery {
    /// Dropped, it is over.
    _stop: oneshot::Sender<Infallible>,
    task: Task,
}

/// Counts a dispatcher while it runs, however it ends.
struct Active {
    core: Arc<Core>,
    counts: Arc<Counts>,
}

impl Active {
    fn new(core: &Arc<Core>, counts: &Arc<Counts>) -> Self {
        core.active.send_modify(|active| *active += 1);
        Self { core: Arc::clone(core), counts: Arc::clone(counts) }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.counts.fail("its dispatcher panicked".to_owned());
        }
        self.core.active.send_modify(|active| *active -= 1);
    }
}

/// Endpoints that are registered and not served yet. What is in it when it is dropped is forgotten.
struct Unserved<'r> {
    registry: &'r Registry,
    served: Vec<Arc<Served>>,
}

impl Drop for Unserved<'_> {
    fn drop(&mut self) {
        self.served.iter().for_each(|served| self.registry.forget(served));
    }
}

impl Core {
    pub(crate) fn new(
        client: Client,
        about: About,
        may_overlap: bool,
        drain_timeout: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            client,
            about,
            id: id(),
            started: Mutex::new(today()),
            registry: Arc::default(),
            report: watch::Sender::new(None),
            phase: watch::Sender::new(Phase::Serving),
            active: watch::Sender::new(0),
            discovery: Mutex::new(None),
            may_overlap,
            drain_timeout,
        })
    }

    /// Serves the endpoints of an app besides those that are served. Where one fails, none is.
    pub(crate) async fn add(self: &Arc<Self>, app: App) -> Result<(), ServeError> {
        app.check_endpoints()?;
        if *self.phase.borrow() != Phase::Serving {
            return Err(ServeError::Stopped);
        }
        let (built, served): (Vec<_>, Vec<_>) = app
            .endpoints
            .into_iter()
            .map(|endpoint| {
                let served = Arc::new(Served::new(endpoint.description.clone()));
                ((endpoint, Arc::clone(&served)), served)
            })
            .unzip();
        self.registry.add(&served, self.may_overlap || app.may_overlap)?;
        // Given up early, or where one fails, they are forgotten again.
        let mut unserved = Unserved { registry: &self.registry, served };
        let descriptions = unserved.served.iter().map(|served| &served.description);
        let opening = descriptions.map(|description| Inlet::open(&self.client, description));
        let (inlets, failed): (Vec<_>, Vec<_>) =
            join_all(opening).await.into_iter().partition(Result::is_ok);
        let inlets: Vec<_> = inlets.into_iter().flatten().collect();
        if let Some(Err(error)) = failed.into_iter().next() {
            inlets.into_iter().for_each(Inlet::turn_away);
            return Err(error);
        }
        let mut inlets = Some(inlets);
        // The lock on the phase is held, so that a drain sees either all of them or none.
        let mut started = false;
        self.phase.send_if_modified(|phase| {
            started = *phase == Phase::Serving;
            if started {
                let inlets = inlets.take().into_iter().flatten();
                for ((built, served), inlet) in built.into_iter().zip(inlets) {
                    self.spawn(built, &served, inlet);
                }
            }
            false
        });
        if started {
            unserved.served.clear();
            return Ok(());
        }
        inlets.into_iter().flatten().for_each(Inlet::turn_away);
        Err(ServeError::Stopped)
    }

    /// Answers from now on to who asks which services there are.
    pub(crate) async fn be_discovered(self: &Arc<Self>, prefix: String) -> Result<(), ServeError> {
        let subscription = discovery::subscribe(self, &prefix)
            .await
            .map_err(|source| ServeError::Discovery { prefix: prefix.clone(), source })?;
        let (stop, stopped) = oneshot::channel();
        let responding = discovery::respond(Arc::clone(self), subscription, prefix, stopped);
        let discovery = Discovery { _stop: stop, task: runtime::spawn_task(responding) };
        *self.discovery.lock().unwrap_or_else(PoisonError::into_inner) = Some(discovery);
        Ok(())
    }

    fn end_discovery(&self) -> Option<Task> {
        let mut discovery = self.discovery.lock().unwrap_or_else(PoisonError::into_inner);
        discovery.take().map(|discovery| discovery.task)
    }

    fn spawn(self: &Arc<Self>, built: Built, served: &Served, inlet: Inlet) {
        let Built { description, patterns, prefix_tokens, limits, route, .. } = built;
        let place = Arc::new(Place {
            client: Some(self.client.clone()),
            handle: Some(ServiceHandle::new(Arc::clone(self))),
            service: self.about.name.clone(),
            endpoint: description.name,
            patterns,
            queue_group: description.queue_group,
            prefix_tokens,
        });
        let counts = Arc::clone(&served.counts);
        let phase = served.phase.subscribe();
        match inlet {
            Inlet::Subscription(subscription) => {
                let dispatcher = Dispatcher {
                    place,
                    route,
                    limits,
                    counts,
                    others: description.fallback.then(|| Arc::clone(&self.registry)),
                    running: Running::default(),
                    asked: false,
                    waiting: Waiting::default(),
                    refusing: None,
                };
                self.run_endpoint(served, dispatcher.run(subscription, phase));
            }
            #[cfg(feature = "jetstream")]
            Inlet::Consumer(reading) => {
                let Reading { messages, rules } = *reading;
                let worker = Worker::new(place, route, limits, counts, rules);
                self.run_endpoint(served, worker.run(messages, phase));
            }
        }
    }

    fn run_endpoint(
        self: &Arc<Self>,
        served: &Served,
        run: impl Future<Output = ()> + MaybeSend + 'static,
    ) {
        let active = Active::new(self, &served.counts);
        runtime::spawn(async move {
            let _active = active;
            run.await;
        });
    }

    /// Stops one endpoint; its requests are finished. `false` where there is none of this name.
    pub(crate) fn remove(&self, name: &str) -> bool {
        let removed = self.registry.remove(name);
        removed.inspect(|served| served.advance(Phase::Draining)).is_some()
    }

    /// Goes on to a later phase.
    pub(crate) fn advance(&self, to: Phase) {
        advance(&self.phase, to);
    }

    /// Gives up what is left, with nobody waiting for it.
    pub(crate) fn end(&self) {
        self.advance(Phase::Over);
        self.advance_endpoints(Phase::Over);
        drop(self.end_discovery());
    }

    pub(crate) fn ping(&self) -> ServicePing {
        let mut ping = ServicePing::new(&*self.about.name, &*self.id, &*self.about.version);
        ping.metadata.clone_from(&self.about.metadata);
        ping
    }

    pub(crate) fn info(&self) -> ServiceInfo {
        let mut info = ServiceInfo::new(&*self.about.name, &*self.id, &*self.about.version);
        info.metadata.clone_from(&self.about.metadata);
        info.description.clone_from(&self.about.description);
        info.endpoints = self.registry.all().iter().map(|served| served.info()).collect();
        info
    }

    pub(crate) fn stats(&self) -> ServiceStats {
        let About { name, version, metadata, .. } = &self.about;
        let started = *self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stats = ServiceStats::new(name, &*self.id, version, started);
        stats.metadata.clone_from(metadata);
        stats.endpoints = self.registry.all().iter().map(|served| served.stats()).collect();
        stats
    }

    /// Lets the statistics begin anew.
    pub(crate) fn reset_stats(&self) {
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = today();
        self.registry.all().iter().for_each(|served| served.reset_stats());
    }

    pub(crate) fn health(&self) -> Health {
        if self.report.borrow().is_some() {
            return Health::Stopped;
        }
        if *self.phase.borrow() != Phase::Serving {
            return Health::Draining;
        }
        if self.client.connection().state() != State::Connected {
            return Health::Disconnected;
        }
        let served = self.registry.all();
        let impaired = served.iter().filter(|served| served.counts.fault().is_some());
        let endpoints: Vec<_> = impaired.map(|served| served.description.name.clone()).collect();
        if endpoints.is_empty() { Health::Ready } else { Health::Impaired { endpoints } }
    }

    /// Runs until the service is told to stop or the connection is closed, and drains.
    pub(crate) async fn run(self: Arc<Self>) -> DrainReport {
        let mut phase = self.phase.subscribe();
        let closed = self.client.connection().closed();
        tokio::select! {
            _ = phase.wait_for(|phase| *phase >= Phase::Draining) => {}
            _ = closed => self.advance(Phase::Draining),
        }
        let start = Instant::now();
        let deadline = runtime::after(start, self.drain_timeout);
        tracing::info!(service = self.about.name, "draining");
        self.advance_endpoints(Phase::Draining);
        let in_time = tokio::select! {
            finished = until(deadline, self.finished()) => finished.is_some(),
            _ = phase.wait_for(|phase| *phase == Phase::Over) => false,
        };
        if !in_time {
            self.advance_endpoints(Phase::Over);
            // They have a limit of their own.
            let _ = runtime::timeout(2 * GIVING_UP, self.finished()).await;
        }
        // Read before anything else: a handler that is stopped may still end meanwhile, and no
        // request counts twice.
        let mut report = self.report_so_far();
        // Flushing gets its chance even where the deadline has passed: it is a round trip.
        let deadline = deadline.max(Instant::now() + Duration::from_secs(1));
        let flush = until(deadline, self.client.flush());
        let flushed = matches!(flush.await, Some(Ok(())));
        // Who asked until now has learned what was done to the end. From here nobody is found.
        if let Some(ended) = self.end_discovery() {
            let unsubscribed = async {
                ended.await;
                self.client.flush().await
            };
            let _ = until(deadline, unsubscribed).await;
        }
        (report.flushed, report.took) = (flushed, start.elapsed());
        report
    }

    /// What has been done until now, as if nothing were finished any more.
    pub(crate) fn report_so_far(&self) -> DrainReport {
        let totals = self.registry.totals();
        DrainReport {
            completed: totals.completed,
            failed: totals.failed,
            shed: totals.shed,
            aborted: totals.open(),
            unanswered: totals.unanswered,
            lost: totals.lost,
            flushed: false,
            took: Duration::ZERO,
        }
    }

    fn advance_endpoints(&self, to: Phase) {
        for served in self.registry.serving() {
            served.advance(to);
        }
    }

    /// Waits until no dispatcher runs.
    async fn finished(&self) {
        let mut active = self.active.subscribe();
        // It cannot fail: the sender is here.
        let _ = active.wait_for(|active| *active == 0).await;
    }
}

/// The time on the wall, on every platform.
fn today() -> SystemTime {
    SystemTime::UNIX_EPOCH + runtime::since_1970()
}

/// Runs a future until then.
async fn until<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    runtime::timeout(deadline.saturating_duration_since(Instant::now()), future).await
}

/// What tells this instance from all others: 22 characters, as other clients make them.
fn id() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(22).collect()
}
