use natsws::SubscribeError;

/// Any error, as tower's layers have them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a service could not be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The service's name is not one of ADR-32: letters, digits, `-` and `_`, and at least one.
    #[error("the service's name {name:?} is not valid: use letters, digits, `-` and `_`")]
    Name {
        /// The name as given.
        name: String,
    },
    /// The service's version is not a semantic version.
    #[error("the service's version {version:?} is not a semantic version, as in `1.0.0`")]
    Version {
        /// The version as given.
        version: String,
    },
    /// The service has no endpoints.
    #[error("the service has no endpoints")]
    NoEndpoints,
    /// An endpoint could not be subscribed. No endpoint is served then.
    #[error("the endpoint {subject:?} could not be subscribed")]
    Subscribe {
        /// The subject of the endpoint.
        subject: String,
        /// Why.
        source: SubscribeError,
    },
}
