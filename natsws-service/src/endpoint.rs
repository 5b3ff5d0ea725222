//! One endpoint: what it subscribes to, and the service that answers.

use std::fmt;
use std::sync::Arc;

use natsws::Request;
use tower_layer::Layer;
use tower_service::Service;

use crate::error::BoxError;
use crate::incoming::Incoming;
use crate::response::Response;
use crate::route::Route;

/// The queue group of services whose requests declare none (ADR-32).
const QUEUE: &str = "q";
/// How many requests of one endpoint run at a time.
const CONCURRENCY: usize = 64;

/// Makes the innermost service, once the state is known.
type Make<S> = Box<dyn FnOnce(&Arc<S>) -> Route + Send>;
/// A layer that can go around several endpoints.
pub(crate) type SharedLayer = Arc<dyn Fn(Route) -> Route + Send + Sync>;

/// An endpoint of a [`Router`](crate::Router), to say more about:
/// `.endpoint_with(handler, |endpoint| endpoint.concurrency(8))`.
#[must_use = "an endpoint does nothing until it is in a router"]
pub struct Endpoint<S> {
    filters: &'static [&'static str],
    queue_group: String,
    concurrency: usize,
    make: Make<S>,
    layers: Vec<SharedLayer>,
}

impl<S> Endpoint<S> {
    pub(crate) fn new<M: Request>(make: impl FnOnce(&Arc<S>) -> Route + Send + 'static) -> Self {
        Self {
            filters: M::FILTERS,
            queue_group: M::QUEUE.unwrap_or(QUEUE).to_owned(),
            concurrency: CONCURRENCY,
            make: Box::new(make),
            layers: Vec::new(),
        }
    }

    /// The queue group that the endpoint joins, so that replicas share its requests. Default: what
    /// the request declares, else `q`.
    pub fn queue(mut self, group: impl Into<String>) -> Self {
        self.queue_group = group.into();
        self
    }

    /// How many requests of the endpoint run at a time; further ones wait. Default: 64; 0 counts
    /// as 1.
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests.max(1);
        self
    }

    /// Puts a tower layer around the endpoint, outside of those that are there.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Send + Sync + 'static,
        L::Service: Service<Incoming, Response = Response> + Send + 'static,
        <L::Service as Service<Incoming>>::Error: Into<BoxError>,
        <L::Service as Service<Incoming>>::Future: Send + 'static,
    {
        self.layers.push(shared(layer));
        self
    }

    pub(crate) fn add_layer(&mut self, layer: SharedLayer) {
        self.layers.push(layer);
    }

    /// Makes the service, with its layers around it.
    pub(crate) fn build(self, state: &Arc<S>) -> Built {
        let Self { filters, queue_group, concurrency, make, layers } = self;
        let route = layers.into_iter().fold(make(state), |route, layer| layer(route));
        Built { filters, queue_group, concurrency, route }
    }
}

/// An endpoint that can be served.
pub(crate) struct Built {
    pub(crate) filters: &'static [&'static str],
    pub(crate) queue_group: String,
    pub(crate) concurrency: usize,
    pub(crate) route: Route,
}

/// A layer without its type.
pub(crate) fn shared<L>(layer: L) -> SharedLayer
where
    L: Layer<Route> + Send + Sync + 'static,
    L::Service: Service<Incoming, Response = Response> + Send + 'static,
    <L::Service as Service<Incoming>>::Error: Into<BoxError>,
    <L::Service as Service<Incoming>>::Future: Send + 'static,
{
    Arc::new(move |route| Route::new(layer.layer(route)))
}

impl<S> fmt::Debug for Endpoint<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("filters", &self.filters)
            .field("queue_group", &self.queue_group)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
