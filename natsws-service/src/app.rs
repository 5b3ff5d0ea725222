//! A service that can be served.

use std::collections::BTreeMap;
use std::fmt;

use crate::discovery::is_name;
use crate::endpoint::Built;
use crate::error::ServeError;
use crate::registry;
use crate::router::Router;
use crate::version::is_semantic;

/// What a service says of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl About {
    pub(crate) fn new(name: String, version: String) -> Self {
        Self { name, version, ..Self::default() }
    }

    fn check(&self) -> Result<(), ServeError> {
        if !is_name(&self.name) {
            return Err(ServeError::Name { name: self.name.clone() });
        }
        if !is_semantic(&self.version) {
            return Err(ServeError::Version { version: self.version.clone() });
        }
        Ok(())
    }
}

/// A service that can be served: a [`Router`] with its state.
#[must_use = "a service does nothing until it is served"]
pub struct App {
    pub(crate) about: About,
    pub(crate) may_overlap: bool,
    pub(crate) endpoints: Vec<Built>,
}

impl App {
    pub(crate) fn new(about: About, may_overlap: bool, endpoints: Vec<Built>) -> Self {
        Self { about, may_overlap, endpoints }
    }

    /// Looks for what keeps the service from being served, without a connection.
    ///
    /// ```
    /// use natsws_service::{IntoApp, Router, ServeError};
    ///
    /// let router: Router = Router::new("desk", "1.0.0")
    ///     .raw("desk.{verb}", async || "?")
    ///     .raw("desk.uptime", async || "7 days");
    /// let clash = router.into_app().check().expect_err("both take desk.uptime");
    /// assert!(matches!(clash, ServeError::Overlap { .. }));
    /// ```
    ///
    /// # Errors
    /// [`ServeError`] where a name, the version or a subject is not valid, where there are no
    /// endpoints, or where two have the same name, or take the same subject in one queue group.
    pub fn check(&self) -> Result<(), ServeError> {
        self.about.check()?;
        if self.endpoints.is_empty() {
            return Err(ServeError::NoEndpoints);
        }
        self.check_endpoints()
    }

    pub(crate) fn check_endpoints(&self) -> Result<(), ServeError> {
        for Built { description, .. } in &self.endpoints {
            let name = &description.name;
            if !is_name(name) {
                return Err(ServeError::EndpointName { name: name.clone() });
            }
            for subject in &description.subjects {
                if let Some(token) = subject.split('.').find(|token| token.contains(['{', '}'])) {
                    let (name, token) = (name.clone(), token.to_owned());
                    return Err(ServeError::Placeholder { name, token });
                }
                natsws::private::check_filter(subject).map_err(|source| {
                    let (name, subject) = (name.clone(), subject.clone());
                    ServeError::Subject { name, subject, source }
                })?;
            }
            #[cfg(feature = "jetstream")]
            if let Some(source) = &description.source {
                source.check(name)?;
                continue;
            }
            if let Some(group) = &description.queue_group {
                natsws::private::check_queue_group(group).map_err(|source| {
                    let (name, queue_group) = (name.clone(), group.clone());
                    ServeError::QueueGroup { name, queue_group, source }
                })?;
            }
        }
        let descriptions = self.endpoints.iter().map(|endpoint| &endpoint.description);
        registry::check([], descriptions, self.may_overlap)
    }
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

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("about", &self.about)
            .field("endpoints", &self.endpoints.len())
            .finish_non_exhaustive()
    }
}
