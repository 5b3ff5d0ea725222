//! The endpoints of a service, and the layers around them.

use std::fmt;
use std::sync::Arc;

use natsws::{DecodeOwned, Request};
use tower_layer::Layer;
use tower_service::Service;

use crate::endpoint::{Built, Endpoint, shared};
use crate::error::{BoxError, ServeError};
use crate::handler::{Args, Handler, HandlerService};
use crate::incoming::Incoming;
use crate::reply::IntoReply;
use crate::response::Response;
use crate::route::{Route, Typed};

/// The endpoints of a service. `S` is the state that its handlers take things from.
#[must_use = "a router does nothing until it is served"]
pub struct Router<S = ()> {
    name: String,
    version: String,
    endpoints: Vec<Endpoint<S>>,
}

impl<S: Send + Sync + 'static> Router<S> {
    /// A service without endpoints. The name is of letters, digits, `-` and `_`, the version a
    /// semantic one; both are checked when the service is served.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into(), endpoints: Vec::new() }
    }

    /// Adds an async function as an endpoint. Its last argument is the request, which says all
    /// about it: subject, queue group, codecs, reply and error.
    pub fn endpoint<H, A, K>(self, handler: H) -> Self
    where
        H: Handler<A>,
        A: Args<S>,
        H::Output: IntoReply<A::Request, K>,
        H::Future: Send + 'static,
        K: 'static,
    {
        self.endpoint_with(handler, |endpoint| endpoint)
    }

    /// Adds an async function as an endpoint, and says more about it.
    pub fn endpoint_with<H, A, K>(
        mut self,
        handler: H,
        more: impl FnOnce(Endpoint<S>) -> Endpoint<S>,
    ) -> Self
    where
        H: Handler<A>,
        A: Args<S>,
        H::Output: IntoReply<A::Request, K>,
        H::Future: Send + 'static,
        K: 'static,
    {
        let endpoint = Endpoint::new::<A::Request>(move |state| {
            Route::new(HandlerService::<H, A, S, K>::new(handler, Arc::clone(state)))
        });
        self.endpoints.push(more(endpoint));
        self
    }

    /// Adds a tower service of requests as an endpoint: `.endpoint_service::<GetQuote, _>(quotes)`.
    ///
    /// Where it fails with the error that the request declares, the caller gets that error.
    pub fn endpoint_service<M, T>(mut self, service: T) -> Self
    where
        M: Request + DecodeOwned + 'static,
        T: Service<M, Response = M::Reply> + Send + 'static,
        T::Error: Into<BoxError>,
        T::Future: Send + 'static,
    {
        let route = move |_: &Arc<S>| Route::new(Typed::<M, T>::new(service));
        self.endpoints.push(Endpoint::new::<M>(route));
        self
    }

    /// Puts a tower layer around every endpoint that is here already, outside of the layers that
    /// they have.
    ///
    /// Each endpoint gets a service of its own from the layer, so a limit counts for each endpoint.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Send + Sync + 'static,
        L::Service: Service<Incoming, Response = Response> + Send + 'static,
        <L::Service as Service<Incoming>>::Error: Into<BoxError>,
        <L::Service as Service<Incoming>>::Future: Send + 'static,
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
        let endpoints = self.endpoints.into_iter().map(|endpoint| endpoint.build(&state)).collect();
        App { name: self.name, version: self.version, endpoints }
    }
}

/// A service that can be served: a [`Router`] with its state.
#[must_use = "a service does nothing until it is served"]
pub struct App {
    name: String,
    version: String,
    endpoints: Vec<Built>,
}

impl App {
    /// Checks the name and the version, and takes the endpoints.
    pub(crate) fn into_endpoints(self) -> Result<Vec<Built>, ServeError> {
        let Self { name, version, endpoints } = self;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(plain) {
            return Err(ServeError::Name { name });
        }
        if !is_semantic(&version) {
            return Err(ServeError::Version { version });
        }
        if endpoints.is_empty() {
            return Err(ServeError::NoEndpoints);
        }
        Ok(endpoints)
    }
}

/// `1.2.3`, with `-pre.1` and `+build.2` behind where there are any.
fn is_semantic(version: &str) -> bool {
    let (version, build) = match version.split_once('+') {
        Some((version, build)) => (version, Some(build)),
        None => (version, None),
    };
    let (core, pre) = match version.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (version, None),
    };
    let number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let words = |text: &str| {
        text.split('.').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
    };
    core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(words)
        && build.is_none_or(words)
}

/// What can be served: an [`App`], or a [`Router`] that needs no state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be served yet",
    note = "call `.with_state(…)` on the router"
)]
pub trait IntoApp {
    /// Makes the service.
    fn into_app(self) -> App;
}

impl IntoApp for App {
    fn into_app(self) -> App {
        self
    }
}

impl IntoApp for Router<()> {
    fn into_app(self) -> App {
        self.with_state(())
    }
}

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("endpoints", &self.endpoints)
            .finish()
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("endpoints", &self.endpoints.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::is_semantic;

    #[test]
    fn versions_are_semantic_or_refused() {
        for version in ["0.0.0", "1.2.3", "1.0.0-rc.1", "1.0.0+build.7", "1.0.0-a-b+c"] {
            assert!(is_semantic(version), "{version}");
        }
        for version in ["", "1", "1.0", "1.0.0.0", "01.0.0", "1.0.x", "1.0.0-", "1.0.0+", "v1.0.0"]
        {
            assert!(!is_semantic(version), "{version}");
        }
    }
}
