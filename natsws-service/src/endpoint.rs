//! One endpoint: what it subscribes to, and the service that answers.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use natsws::{MaybeSend, MaybeSync, Subject};
use serde::Serialize;
use tower_layer::Layer;
use tower_service::Service;

use crate::error::BoxError;
use crate::incoming::Incoming;
use crate::limits::{Limits, WhenFull, hashed};
use crate::pattern::Pattern;
use crate::registry::{Data, Description};
use crate::response::Response;
use crate::route::Route;
#[cfg(feature = "schema")]
use crate::schema::Schemas;
#[cfg(feature = "jetstream")]
use crate::work::Source;

/// The queue group of endpoints where nothing else is said (ADR-32).
const QUEUE: &str = "q";

/// Makes the innermost service, once the state is known.
trait Make<S>: MaybeSend {
    fn make(self: Box<Self>, state: &Arc<S>) -> Route;
}

impl<S, F: FnOnce(&Arc<S>) -> Route + MaybeSend> Make<S> for F {
    fn make(self: Box<Self>, state: &Arc<S>) -> Route {
        self(state)
    }
}

/// A layer that can go around several endpoints.
pub(crate) type SharedLayer = Arc<dyn Around>;

/// A layer without its type.
pub(crate) trait Around: MaybeSend + MaybeSync {
    fn around(&self, route: Route) -> Route;
}

impl<L> Around for L
where
    L: Layer<Route> + MaybeSend + MaybeSync,
    L::Service: Service<Incoming, Response = Response> + MaybeSend + 'static,
    <L::Service as Service<Incoming>>::Error: Into<BoxError>,
    <L::Service as Service<Incoming>>::Future: MaybeSend + 'static,
{
    fn around(&self, route: Route) -> Route {
        Route::new(self.layer(route))
    }
}

/// Which queue group is joined, as far as that was said.
#[derive(Debug, Clone, Default)]
pub(crate) enum QueueGroup {
    #[default]
    Unsaid,
    Named(String),
    /// None, so that every replica gets every request.
    None,
}

impl QueueGroup {
    pub(crate) fn or(self, other: &Self) -> Self {
        if let Self::Unsaid = self { other.clone() } else { self }
    }

    fn resolve(self, is_fallback: bool) -> Option<String> {
        let name = match self {
            Self::Unsaid => QUEUE.to_owned(),
            Self::Named(name) => name,
            Self::None => return None,
        };
        // What others leave over is shared among those that take it, and not with the others.
        Some(if is_fallback { format!("{name}-fallback") } else { name })
    }
}

/// The `M` of an [`Endpoint`] that takes messages as they are.
#[derive(Debug)]
pub enum Untyped {}

/// An endpoint of a [`Router`](crate::Router), to say more about:
/// `.endpoint_with(handler, |endpoint| endpoint.concurrency(8))`.
#[must_use = "an endpoint does nothing until it is in a router"]
pub struct Endpoint<S, M = Untyped> {
    pub(crate) plan: Plan<S>,
    message: PhantomData<fn() -> M>,
}

/// An endpoint until its state is known.
pub(crate) struct Plan<S> {
    name: Option<String>,
    /// One; of a family of events one for each variant.
    patterns: Vec<Pattern>,
    prefix_tokens: usize,
    queue_group: QueueGroup,
    pub(crate) limits: Limits,
    metadata: BTreeMap<String, String>,
    data: Option<Data>,
    fallback: bool,
    is_event: bool,
    make: Box<dyn Make<S>>,
    layers: Vec<SharedLayer>,
    /// Where its messages come from, if not from a subscription.
    #[cfg(feature = "jetstream")]
    pub(crate) source: Option<Source>,
    #[cfg(feature = "schema")]
    pub(crate) schemas: Schemas,
}

impl<S, M: Subject> Endpoint<S, M> {
    pub(crate) fn typed(make: impl FnOnce(&Arc<S>) -> Route + MaybeSend + 'static) -> Self {
        let subjects = M::TEMPLATES.iter().zip(M::FILTERS);
        let patterns = subjects.map(|(template, filter)| Pattern::declared(template, filter));
        let mut plan = Plan::new(patterns.collect(), make);
        if let Some(queue) = M::QUEUE {
            plan.queue_group = QueueGroup::Named(queue.to_owned());
        }
        Self { plan, message: PhantomData }
    }
}

impl<S, M: Subject> Endpoint<S, M> {
    pub(crate) fn event(make: impl FnOnce(&Arc<S>) -> Route + MaybeSend + 'static) -> Self {
        let mut endpoint = Self::typed(make);
        endpoint.plan.is_event = true;
        endpoint
    }
}

impl<S> Endpoint<S> {
    pub(crate) fn raw(
        subject: &str,
        fallback: bool,
        make: impl FnOnce(&Arc<S>) -> Route + MaybeSend + 'static,
    ) -> Self {
        let mut plan = Plan::new(vec![Pattern::new(subject)], make);
        plan.fallback = fallback;
        Self { plan, message: PhantomData }
    }
}

impl<S, M> Endpoint<S, M> {
    /// What the endpoint is called: letters, digits, `-` and `_`, and no other of the service has
    /// the same. Default: made of the subject, `orders-id-get` for `orders.{id}.get`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.plan.name = Some(name.into());
        self
    }

    /// The queue group that the endpoint joins, so that replicas share its requests. Default: what
    /// the request declares, else that of the group of endpoints, of the service, else `q`.
    pub fn queue(mut self, group: impl Into<String>) -> Self {
        self.plan.queue_group = QueueGroup::Named(group.into());
        self
    }

    /// Joins no queue group: every replica gets every request, and a caller gets the first answer,
    /// or with `request_many` all of them.
    pub fn no_queue(mut self) -> Self {
        self.plan.queue_group = QueueGroup::None;
        self
    }

    /// Says more about the endpoint to who asks for the service's `INFO`.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.plan.metadata.insert(key.into(), value.into());
        self
    }

    /// How many requests of the endpoint run at a time. Default: 64; 0 counts as 1.
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.plan.limits.concurrency = requests.max(1);
        self
    }

    /// Lets any number of requests run at a time.
    pub fn unbounded(self) -> Self {
        self.concurrency(usize::MAX)
    }

    /// Lets one request run at a time, in the order in which they came.
    pub fn ordered(self) -> Self {
        self.concurrency(1)
    }

    /// Lets requests with the same key run one after the other, in the order in which they came,
    /// while those of other keys run beside them. That holds within one replica: those of a queue
    /// group know nothing of each other. A request whose key panics is answered 500.
    ///
    /// ```
    /// # use natsws::Subject;
    /// # use natsws_service::Router;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize, Subject)]
    /// # #[subject("accounts.{id}.deposit", reply = i64)]
    /// # struct Deposit { id: u64, amount: i64 }
    /// # async fn deposit(ask: Deposit) -> i64 { ask.amount }
    /// let router: Router = Router::new("bank", "1.0.0").endpoint_with(deposit, |endpoint| {
    ///     endpoint.ordered_by(|incoming| incoming.params().get("id").map(str::to_owned))
    /// });
    /// ```
    pub fn ordered_by<K: Hash>(
        mut self,
        key: impl Fn(&Incoming) -> K + Send + Sync + 'static,
    ) -> Self {
        self.plan.limits.key = Some(hashed(key));
        self
    }

    /// What becomes of a request that comes while as many run as may. Default:
    /// [`WhenFull::Wait`]. Of an event that is shed nobody hears but the statistics.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.plan.limits.when_full = when_full;
        self
    }

    /// How many requests may wait for their turn, and how many bytes they may have together. What
    /// comes beyond is answered 503 at once. Default: 8 192 requests and 64 MiB. One may always wait,
    /// however large it is.
    pub fn waiting(mut self, requests: usize, bytes: usize) -> Self {
        self.plan.limits.waiting = requests;
        self.plan.limits.waiting_bytes = bytes;
        self
    }

    /// Adds to the endpoint's statistics what this returns, as their `data` (ADR-32).
    ///
    /// It is called whenever somebody asks for the statistics. What cannot be written as JSON is
    /// the endpoint's `last_error`.
    pub fn stats_data<T: Serialize>(
        mut self,
        data: impl Fn() -> T + Send + Sync + 'static,
    ) -> Self {
        self.plan.data = Some(Arc::new(move || serde_json::to_value(data())));
        self
    }

    /// Puts a tower layer around the endpoint, outside of those that are there.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + MaybeSend + MaybeSync + 'static,
        L::Service: Service<Incoming, Response = Response> + MaybeSend + 'static,
        <L::Service as Service<Incoming>>::Error: Into<BoxError>,
        <L::Service as Service<Incoming>>::Future: MaybeSend + 'static,
    {
        self.plan.layers.push(shared(layer));
        self
    }
}

impl<S> Plan<S> {
    fn new(
        patterns: Vec<Pattern>,
        make: impl FnOnce(&Arc<S>) -> Route + MaybeSend + 'static,
    ) -> Self {
        Self {
            name: None,
            patterns,
            prefix_tokens: 0,
            queue_group: QueueGroup::default(),
            limits: Limits::default(),
            metadata: BTreeMap::new(),
            data: None,
            fallback: false,
            is_event: false,
            make: Box::new(make),
            layers: Vec::new(),
            #[cfg(feature = "jetstream")]
            source: None,
            #[cfg(feature = "schema")]
            schemas: Schemas::default(),
        }
    }

    pub(crate) fn add_layer(&mut self, layer: SharedLayer) {
        self.layers.push(layer);
    }

    /// Puts the endpoint into a group.
    pub(crate) fn put_into(&mut self, prefix: &Pattern, queue_group: &QueueGroup) {
        for pattern in &mut self.patterns {
            *pattern = pattern.under(prefix);
        }
        if !prefix.filter.is_empty() {
            self.prefix_tokens += prefix.filter.split('.').count();
        }
        self.queue_group = std::mem::take(&mut self.queue_group).or(queue_group);
    }

    /// What is told of the endpoint, in a service with this queue group.
    pub(crate) fn describe(&self, queue_group: &QueueGroup) -> Description {
        let metadata = self.metadata.clone();
        #[cfg(feature = "schema")]
        let metadata = self.schemas.added_to(metadata);
        #[cfg(feature = "jetstream")]
        if let Some(source) = &self.source {
            return self.describe_work(source, metadata);
        }
        Description {
            name: self.default_name(),
            subjects: self.filters(),
            queue_group: self.queue_group.clone().or(queue_group).resolve(self.fallback),
            metadata,
            data: self.data.clone(),
            fallback: self.fallback,
            is_event: self.is_event,
            #[cfg(feature = "jetstream")]
            source: None,
        }
    }

    /// The consumer is to replicas what a queue group is to endpoints.
    #[cfg(feature = "jetstream")]
    fn describe_work(&self, source: &Source, metadata: BTreeMap<String, String>) -> Description {
        let mut metadata = metadata;
        metadata.entry("consumer".to_owned()).or_insert_with(|| source.name());
        Description {
            name: self.default_name(),
            subjects: self.filters(),
            queue_group: Some(source.consumer.name().to_owned()),
            metadata,
            data: self.data.clone(),
            fallback: false,
            is_event: true,
            source: Some(source.clone()),
        }
    }

    fn filters(&self) -> Vec<String> {
        self.patterns.iter().map(|pattern| pattern.filter.clone()).collect()
    }

    /// What it is called, where that was not said: by its subjects.
    fn default_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| {
            let names: Vec<_> = self.patterns.iter().map(Pattern::name).collect();
            names.join("-or-")
        })
    }

    /// Makes the service, with its layers around it.
    pub(crate) fn build(self, queue_group: &QueueGroup, state: &Arc<S>) -> Built {
        let description = self.describe(queue_group);
        let route =
            self.layers.into_iter().fold(self.make.make(state), |route, layer| layer.around(route));
        Built {
            description,
            patterns: self.patterns.into(),
            prefix_tokens: self.prefix_tokens,
            limits: self.limits,
            route,
            #[cfg(feature = "schema")]
            schemas: self.schemas,
        }
    }

    /// The subjects with the names of their placeholders.
    #[cfg(feature = "schema")]
    pub(crate) fn patterns(&self) -> (&[Pattern], usize) {
        (&self.patterns, self.prefix_tokens)
    }
}

/// An endpoint that can be served.
pub(crate) struct Built {
    pub(crate) description: Description,
    pub(crate) patterns: Arc<[Pattern]>,
    pub(crate) prefix_tokens: usize,
    pub(crate) limits: Limits,
    pub(crate) route: Route,
    #[cfg(feature = "schema")]
    pub(crate) schemas: Schemas,
}

/// A layer without its type.
pub(crate) fn shared<L>(layer: L) -> SharedLayer
where
    L: Layer<Route> + MaybeSend + MaybeSync + 'static,
    L::Service: Service<Incoming, Response = Response> + MaybeSend + 'static,
    <L::Service as Service<Incoming>>::Error: Into<BoxError>,
    <L::Service as Service<Incoming>>::Future: MaybeSend + 'static,
{
    Arc::new(layer)
}

impl<S> fmt::Debug for Plan<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("subjects", &self.patterns)
            .field("queue_group", &self.queue_group)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl<S, M> fmt::Debug for Endpoint<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}
