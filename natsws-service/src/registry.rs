//! The endpoints that a service has while it runs.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use natsws::subject_matches;
use serde_json::Value;
use tokio::sync::watch;

use crate::discovery::{EndpointInfo, EndpointStats};
use crate::dispatch::{Phase, advance};
use crate::error::ServeError;
use crate::pattern::overlap;
use crate::stats::{Counts, Totals};
#[cfg(feature = "jetstream")]
use crate::work::Source;

/// What an endpoint is called, where it listens, and what else is told of it.
#[derive(Clone)]
pub(crate) struct Description {
    pub(crate) name: String,
    /// The filters that are subscribed, all in one subscription.
    pub(crate) subjects: Vec<String>,
    pub(crate) queue_group: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) data: Option<Data>,
    pub(crate) fallback: bool,
    /// Whether nobody waits for an answer.
    #[cfg_attr(not(feature = "schema"), expect(dead_code, reason = "only documents tell it"))]
    pub(crate) is_event: bool,
    /// Where its messages come from, if not from a subscription.
    #[cfg(feature = "jetstream")]
    pub(crate) source: Option<Source>,
}

/// What an endpoint adds to its statistics.
pub(crate) type Data = Arc<dyn Fn() -> Result<Value, serde_json::Error> + Send + Sync>;

impl Description {
    /// Whether one request could come to both, which is meant only where one is the fallback or
    /// they are different queue groups.
    fn clashes_with(&self, other: &Self) -> bool {
        !self.is_work()
            && !other.is_work()
            && self.fallback == other.fallback
            && self.queue_group == other.queue_group
            && self.subjects.iter().any(|one| other.subjects.iter().any(|two| overlap(one, two)))
    }

    /// Whether a consumer delivers its messages: no subscription does, so no other is in its way.
    #[cfg_attr(
        not(feature = "jetstream"),
        expect(clippy::unused_self, reason = "without consumers nothing is work")
    )]
    fn is_work(&self) -> bool {
        #[cfg(feature = "jetstream")]
        return self.source.is_some();
        #[cfg(not(feature = "jetstream"))]
        false
    }

    pub(crate) fn takes(&self, subject: &str) -> bool {
        self.subjects.iter().any(|filter| subject_matches(filter, subject))
    }

    /// The filters as text: of most there is one.
    fn subject(&self) -> String {
        self.subjects.join(", ")
    }
}

/// Refuses endpoints that have the name or a subject of another, or of one that is there already.
pub(crate) fn check<'d>(
    there: impl IntoIterator<Item = &'d Description>,
    more: impl IntoIterator<Item = &'d Description>,
    may_overlap: bool,
) -> Result<(), ServeError> {
    let mut seen: Vec<&Description> = there.into_iter().collect();
    for description in more {
        for other in &seen {
            if other.name == description.name {
                return Err(ServeError::DuplicateName {
                    name: description.name.clone(),
                    subjects: [other.subject(), description.subject()],
                });
            }
            if !may_overlap && other.clashes_with(description) {
                let of = |endpoint: &Description| {
                    format!("`{}` ({})", endpoint.name, endpoint.subject())
                };
                return Err(ServeError::Overlap {
                    endpoints: [of(other), of(description)],
                    queue_group: description.queue_group.clone(),
                });
            }
        }
        seen.push(description);
    }
    Ok(())
}

/// An endpoint that is served.
pub(crate) struct Served {
    pub(crate) description: Description,
    pub(crate) counts: Arc<Counts>,
    pub(crate) phase: watch::Sender<Phase>,
    /// What had been counted when the statistics were last reset.
    pub(crate) reset_at: Mutex<Totals>,
}

impl Served {
    pub(crate) fn new(description: Description) -> Self {
        Self {
            description,
            counts: Arc::default(),
            phase: watch::Sender::new(Phase::Serving),
            reset_at: Mutex::default(),
        }
    }

    pub(crate) fn advance(&self, to: Phase) {
        advance(&self.phase, to);
    }

    pub(crate) fn info(&self) -> EndpointInfo {
        let Description { name, queue_group, metadata, .. } = &self.description;
        let subject = self.description.subject();
        let mut info = EndpointInfo::new(name, subject, queue_group.as_deref().unwrap_or_default());
        info.metadata.clone_from(metadata);
        info
    }

    /// What the endpoint has done since its statistics were last reset.
    pub(crate) fn stats(&self) -> EndpointStats {
        let Description { name, queue_group, data, .. } = &self.description;
        let queue_group = queue_group.as_deref().unwrap_or_default();
        let mut stats = EndpointStats::new(name, self.description.subject(), queue_group);
        // First, since it may fail, and is the last error then.
        stats.data = data.as_ref().and_then(|data| self.data(data));
        let before = *self.reset_at.lock().unwrap_or_else(PoisonError::into_inner);
        let totals = self.counts.totals().since(before);
        stats.num_requests = totals.requests();
        stats.num_errors = totals.errors();
        stats.last_error = self.counts.last_error();
        stats.processing_time = Duration::from_nanos(totals.nanos);
        let average = totals.nanos.checked_div(totals.requests()).unwrap_or_default();
        stats.average_processing_time = Duration::from_nanos(average);
        stats
    }

    /// What the user's code adds.
    fn data(&self, data: &Data) -> Option<Value> {
        match catch_unwind(AssertUnwindSafe(|| data())) {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => self.counts.data_failed(error.to_string()),
            Err(_) => self.counts.data_failed("the statistics' data panicked".to_owned()),
        }
        None
    }

    /// Lets the statistics begin anew.
    pub(crate) fn reset_stats(&self) {
        let totals = self.counts.totals();
        *self.reset_at.lock().unwrap_or_else(PoisonError::into_inner) = totals;
        self.counts.forget_error();
    }
}

#[derive(Default)]
pub(crate) struct Registry(Mutex<Endpoints>);

#[derive(Default)]
struct Endpoints {
    served: Vec<Arc<Served>>,
    /// Those that were removed and may not have finished.
    removed: Vec<Arc<Served>>,
    /// What those did that were removed and have finished.
    finished: Totals,
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, Endpoints> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Served>> {
        self.lock().served.clone()
    }

    /// Adds endpoints, where they are different from those that are there.
    pub(crate) fn add(&self, more: &[Arc<Served>], may_overlap: bool) -> Result<(), ServeError> {
        let mut endpoints = self.lock();
        let there = endpoints.served.iter().map(|served| &served.description);
        check(there, more.iter().map(|served| &served.description), may_overlap)?;
        endpoints.served.extend(more.iter().cloned());
        Ok(())
    }

    pub(crate) fn remove(&self, name: &str) -> Option<Arc<Served>> {
        let mut endpoints = self.lock();
        let at = endpoints.served.iter().position(|served| served.description.name == name)?;
        let Endpoints { served, removed, finished } = &mut *endpoints;
        // What nobody else holds has finished, and need not be kept.
        removed.retain(|served| {
            let open = Arc::strong_count(served) > 1 || Arc::strong_count(&served.counts) > 1;
            if !open {
                finished.add(served.counts.totals());
            }
            open
        });
        let endpoint = served.remove(at);
        removed.push(Arc::clone(&endpoint));
        Some(endpoint)
    }

    /// Takes out an endpoint that was never served.
    pub(crate) fn forget(&self, endpoint: &Arc<Served>) {
        let mut endpoints = self.lock();
        endpoints.served.retain(|served| !Arc::ptr_eq(served, endpoint));
        endpoints.removed.retain(|served| !Arc::ptr_eq(served, endpoint));
    }

    /// All endpoints that may have requests, those that were removed included.
    pub(crate) fn serving(&self) -> Vec<Arc<Served>> {
        let endpoints = self.lock();
        endpoints.served.iter().chain(&endpoints.removed).cloned().collect()
    }

    /// Whether an endpoint that is no fallback takes this subject.
    pub(crate) fn takes(&self, subject: &str) -> bool {
        self.lock()
            .served
            .iter()
            .map(|served| &served.description)
            .any(|it| !it.fallback && !it.is_work() && it.takes(subject))
    }

    /// What all endpoints did, those that were removed included.
    pub(crate) fn totals(&self) -> Totals {
        let endpoints = self.lock();
        let mut totals = endpoints.finished;
        for served in endpoints.served.iter().chain(&endpoints.removed) {
            totals.add(served.counts.totals());
        }
        totals
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Description")
            .field("name", &self.name)
            .field("subjects", &self.subjects)
            .field("queue_group", &self.queue_group)
            .finish_non_exhaustive()
    }
}
