//! The endpoints of a service, and the layers around them.

use std::fmt;
use std::sync::Arc;

use natsws::{DecodeOwned, MaybeSend, MaybeSync, Request};
use tower_layer::Layer;
use tower_service::Service;

use crate::app::{About, App};
use crate::endpoint::{Endpoint, Plan, QueueGroup, Untyped, shared};
use crate::error::BoxError;
use crate::event::{EventArgs, Events, Outcome};
use crate::function::Function;
use crate::handler::{Args, Handler, Requests};
use crate::incoming::Incoming;
use crate::pattern::Pattern;
use crate::raw::{Messages, RawArgs};
use crate::reply::IntoReply;
use crate::response::Response;
use crate::route::{Route, Typed};

/// The endpoints of a service. `S` is the state that its handlers take things from.
///
/// ```
/// use natsws::Subject;
/// use natsws_service::Router;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Subject)]
/// #[subject("orders.{id}.total", reply = f64)]
/// struct Total { id: u64 }
///
/// async fn total(ask: Total) -> f64 {
///     ask.id as f64 * 9.5
/// }
///
/// let router: Router = Router::new("orders", "1.0.0")
///     .description("what was ordered")
///     .metadata("team", "sales")
///     .endpoint(total)                                         // orders.*.total
///     .group("eu", |eu| eu.queue("orders-eu").endpoint(total)) // eu.orders.*.total
///     .raw("orders.{id}.ping", async || "pong");               // subjects and bytes
/// ```
#[must_use = "a router does nothing until it is served"]
pub struct Router<S = ()> {
    pub(crate) about: About,
    pub(crate) queue_group: QueueGroup,
    may_overlap: bool,
    pub(crate) endpoints: Vec<Plan<S>>,
}

impl<S: MaybeSend + MaybeSync + 'static> Router<S> {
    /// A service without endpoints. The name is of letters, digits, `-` and `_`, the version a
    /// semantic one; both are checked when the service is served.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self::of(About::new(name.into(), version.into()))
    }

    /// Endpoints that are no service of their own: for [`merge`](Self::merge) and for
    /// [`ServiceHandle::add`](crate::ServiceHandle::add).
    pub fn part() -> Self {
        Self::of(About::default())
    }

    fn of(about: About) -> Self {
        let queue_group = QueueGroup::default();
        Self { about, queue_group, may_overlap: false, endpoints: Vec::new() }
    }

    /// Says in a sentence what the service is for, to who asks for its `INFO`.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.about.description = description.into();
        self
    }

    /// Says more about the service to who asks.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.about.metadata.insert(key.into(), value.into());
        self
    }

    /// The queue group of the endpoints, also of those that are still to come, where they, their
    /// requests and their groups say nothing else. Default: `q`.
    pub fn queue(mut self, group: impl Into<String>) -> Self {
        self.queue_group = QueueGroup::Named(group.into());
        self
    }

    /// Lets the endpoints join no queue group, where they, their requests and their groups say
    /// nothing else: every replica gets every request.
    pub fn no_queue(mut self) -> Self {
        self.queue_group = QueueGroup::None;
        self
    }

    /// Allows that two endpoints of one queue group take the same subject. The server gives a
    /// request to either then. Otherwise that is an error when the service is served.
    pub fn allow_overlaps(mut self) -> Self {
        self.may_overlap = true;
        self
    }

    /// Adds an async function as an endpoint. Its last argument is the request, which says all
    /// about it: subject, queue group, codecs, reply and error.
    pub fn endpoint<H, A, K>(self, handler: H) -> Self
    where
        H: Handler<A>,
        A: Args<S>,
        H::Output: IntoReply<A::Request, K>,
        H::Future: MaybeSend + 'static,
        K: 'static,
    {
        self.endpoint_with(handler, |endpoint| endpoint)
    }

    /// Adds an async function as an endpoint, and says more about it.
    pub fn endpoint_with<H, A, K>(
        mut self,
        handler: H,
        more: impl FnOnce(Endpoint<S, A::Request>) -> Endpoint<S, A::Request>,
    ) -> Self
    where
        H: Handler<A>,
        A: Args<S>,
        H::Output: IntoReply<A::Request, K>,
        H::Future: MaybeSend + 'static,
        K: 'static,
    {
        let endpoint = Endpoint::typed(move |state| {
            Route::boxed(Function::<Requests, H, A, S, K>::new(handler, Arc::clone(state)))
        });
        #[cfg(feature = "schema")]
        let endpoint = endpoint.streamed(H::Output::IS_STREAM);
        self.endpoints.push(more(endpoint).plan);
        self
    }

    /// Adds an async function that handles events: messages that are published and not answered. Its
    /// last argument is the event, a struct or an enum that is a family of events, by value.
    ///
    /// It is an endpoint as any other, with a queue group, so that each event goes to one replica;
    /// say [`no_queue`](Endpoint::no_queue) in [`event_with`](Self::event_with) where every replica
    /// is to have it. The function returns nothing, or a `Result` of nothing, whose error is for
    /// statistics and layers, such as one that keeps dead letters. To who publishes an event nothing
    /// is said, also where it is shed because too many wait. A message with a reply subject is
    /// answered, with nothing or with the error.
    ///
    /// ```
    /// use natsws::Subject;
    /// use natsws_service::Router;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Subject)]
    /// #[subject("orders.{region}.created")]
    /// struct OrderCreated { region: String, id: u64 }
    ///
    /// async fn pack(order: OrderCreated) {
    ///     println!("order {} of {} is packed", order.id, order.region);
    /// }
    ///
    /// let router: Router = Router::new("packing", "1.0.0").event(pack);
    /// ```
    pub fn event<H, A, K>(self, handler: H) -> Self
    where
        H: Handler<A>,
        A: EventArgs<S>,
        H::Output: Outcome<K>,
        H::Future: MaybeSend + 'static,
        K: 'static,
    {
        self.event_with(handler, |endpoint| endpoint)
    }

    /// As [`event`](Self::event), and says more about the endpoint.
    pub fn event_with<H, A, K>(
        mut self,
        handler: H,
        more: impl FnOnce(Endpoint<S, A::Event>) -> Endpoint<S, A::Event>,
    ) -> Self
    where
        H: Handler<A>,
        A: EventArgs<S>,
        H::Output: Outcome<K>,
        H::Future: MaybeSend + 'static,
        K: 'static,
    {
        let endpoint = Endpoint::event(move |state| {
            Route::boxed(Function::<Events, H, A, S, K>::new(handler, Arc::clone(state)))
        });
        self.endpoints.push(more(endpoint).plan);
        self
    }

    /// Adds a tower service of requests as an endpoint: `.endpoint_service::<GetQuote, _>(quotes)`.
    ///
    /// Where it fails with the error that the request declares, the caller gets that error.
    pub fn endpoint_service<M, T>(self, service: T) -> Self
    where
        M: Request + DecodeOwned + 'static,
        T: Service<M, Response = M::Reply> + MaybeSend + 'static,
        T::Error: Into<BoxError>,
        T::Future: MaybeSend + 'static,
    {
        self.endpoint_service_with::<M, T>(service, |endpoint| endpoint)
    }

    /// Adds a tower service of requests as an endpoint, and says more about it.
    pub fn endpoint_service_with<M, T>(
        mut self,
        service: T,
        more: impl FnOnce(Endpoint<S, M>) -> Endpoint<S, M>,
    ) -> Self
    where
        M: Request + DecodeOwned + 'static,
        T: Service<M, Response = M::Reply> + MaybeSend + 'static,
        T::Error: Into<BoxError>,
        T::Future: MaybeSend + 'static,
    {
        let route = move |_: &Arc<S>| Route::boxed(Typed::<M, T>::new(service));
        self.endpoints.push(more(Endpoint::typed(route)).plan);
        self
    }

    /// Adds an async function that takes messages as they are: subjects and bytes.
    ///
    /// The subject may have wildcards, with names (`admin.{verb}`, `files.{path..}`) or without
    /// (`admin.*`, `files.>`); [`SubjectParams`](crate::SubjectParams) has what stands there. The
    /// function takes up to five extractors, and answers with a [`Response`], text, bytes, nothing,
    /// with headers before it, a `Result` whose error is a `ServiceError`, or a stream of these.
    pub fn raw<H, A, K>(self, subject: impl AsRef<str>, handler: H) -> Self
    where
        H: Handler<A>,
        A: RawArgs<S>,
        H::Output: IntoReply<Untyped, K>,
        H::Future: MaybeSend + 'static,
        K: 'static,
    {
        self.raw_with(subject, handler, |endpoint| endpoint)
    }

    /// As [`raw`](Self::raw), and says more about the endpoint.
    pub fn raw_with<H, A, K>(
        self,
        subject: impl AsRef<str>,
        handler: H,
        more: impl FnOnce(Endpoint<S>) -> Endpoint<S>,
    ) -> Self
    where
        H: Handler<A>,
        A: RawArgs<S>,
        H::Output: IntoReply<Untyped, K>,
        H::Future: MaybeSend + 'static,
        K: 'static,
    {
        self.with_raw(subject.as_ref(), false, handler, more)
    }

    /// Answers what comes to these subjects and is for no other endpoint of the service, as
    /// [`raw`](Self::raw) would: a caller with a typing error hears of it at once.
    ///
    /// NATS knows no default of its own, so this subscribes to the subject in a queue group beside
    /// the service's, `q-fallback` for `q`, and leaves alone what another endpoint takes. It knows
    /// the endpoints of its own replica only: where replicas differ, as while a new endpoint is
    /// rolled out, those that lack it answer in its place.
    ///
    /// ```
    /// use natsws::ServiceError;
    /// use natsws_service::Router;
    ///
    /// let router: Router = Router::new("orders", "1.0.0").fallback("orders.>", async || {
    ///     Err::<(), _>(ServiceError::new(404, "orders has no such endpoint"))
    /// });
    /// ```
    pub fn fallback<H, A, K>(self, subject: impl AsRef<str>, handler: H) -> Self
    where
        H: Handler<A>,
        A: RawArgs<S>,
        H::Output: IntoReply<Untyped, K>,
        H::Future: MaybeSend + 'static,
        K: 'static,
    {
        self.with_raw(subject.as_ref(), true, handler, |endpoint| endpoint)
    }

    fn with_raw<H, A, K>(
        mut self,
        subject: &str,
        fallback: bool,
        handler: H,
        more: impl FnOnce(Endpoint<S>) -> Endpoint<S>,
    ) -> Self
    where
        H: Handler<A>,
        A: RawArgs<S>,
        H::Output: IntoReply<Untyped, K>,
        H::Future: MaybeSend + 'static,
        K: 'static,
    {
        let endpoint = Endpoint::raw(subject, fallback, move |state| {
            Route::boxed(Function::<Messages, H, A, S, K>::new(handler, Arc::clone(state)))
        });
        #[cfg(feature = "schema")]
        let endpoint = endpoint.streamed(H::Output::IS_STREAM);
        self.endpoints.push(more(endpoint).plan);
        self
    }

    /// Adds endpoints that have something in common: a prefix of their subjects, a queue group,
    /// layers. Groups may be in groups.
    ///
    /// The prefix goes before what the requests declare, so callers ask with
    /// [`request_to`](natsws::Client::request_to). An empty one leaves the subjects as they are, and
    /// so suits requests that declare all of their subject.
    ///
    /// ```
    /// # use natsws_service::Router;
    /// let router: Router = Router::new("orders", "1.0.0").group("admin", |admin| {
    ///     admin.queue("admins").raw("uptime", async || "7 days") // admin.uptime
    /// });
    /// ```
    pub fn group(mut self, prefix: impl AsRef<str>, group: impl FnOnce(Self) -> Self) -> Self {
        let prefix = Pattern::new(prefix.as_ref());
        let Self { queue_group, may_overlap, endpoints, .. } = group(Self::part());
        for mut endpoint in endpoints {
            endpoint.put_into(&prefix, &queue_group);
            self.endpoints.push(endpoint);
        }
        self.may_overlap |= may_overlap;
        self
    }

    /// Adds the endpoints of another router, with their layers. What that says of the service goes
    /// unheard; its queue group is that of its endpoints.
    pub fn merge(self, other: Self) -> Self {
        self.group("", |_| other)
    }

    /// Puts a tower layer around every endpoint that is here already, outside of the layers that
    /// they have.
    ///
    /// Each endpoint gets a service of its own from the layer, so a limit counts for each endpoint.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + MaybeSend + MaybeSync + 'static,
        L::Service: Service<Incoming, Response = Response> + MaybeSend + 'static,
        <L::Service as Service<Incoming>>::Error: Into<BoxError>,
        <L::Service as Service<Incoming>>::Future: MaybeSend + 'static,
    {
        let layer = shared(layer);
        for endpoint in &mut self.endpoints {
            endpoint.add_layer(Arc::clone(&layer));
        }
        self
    }

    /// Gives the handlers their state.
    pub fn with_state(self, state: S) -> App {
        let state = Arc::new(state);
        let Self { about, queue_group, may_overlap, endpoints } = self;
        let build = |endpoint: Plan<S>| endpoint.build(&queue_group, &state);
        let endpoints = endpoints.into_iter().map(build).collect();
        App::new(about, may_overlap, endpoints)
    }
}

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("about", &self.about)
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}
