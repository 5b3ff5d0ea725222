use natsws::{SubjectError, SubscribeError};

/// Any error, as tower's layers have them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a service, or one of its endpoints, could not be served.
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
    /// An endpoint's name is not one of ADR-32: letters, digits, `-` and `_`, and at least one.
    #[error("the endpoint's name {name:?} is not valid: use letters, digits, `-` and `_`")]
    EndpointName {
        /// The name as given.
        name: String,
    },
    /// An endpoint's subject, with the prefixes of its groups, cannot be subscribed to.
    #[error("the endpoint `{name}` has the subject {subject:?}, which cannot be subscribed to")]
    Subject {
        /// The endpoint.
        name: String,
        /// Its subject.
        subject: String,
        /// What is wrong with it.
        source: SubjectError,
    },
    /// A token of a raw endpoint's subject is neither text nor one placeholder.
    #[error(
        "the endpoint `{name}` has the token {token:?} in its subject: a placeholder is a whole token, `{{name}}`, or the last, `{{name..}}`"
    )]
    Placeholder {
        /// The endpoint.
        name: String,
        /// The token.
        token: String,
    },
    /// An endpoint's queue group has no valid name.
    #[error("the endpoint `{name}` has the queue group {queue_group:?}, which is no valid name")]
    QueueGroup {
        /// The endpoint.
        name: String,
        /// Its queue group.
        queue_group: String,
        /// What is wrong with it.
        source: SubjectError,
    },
    /// Two endpoints have the same name.
    #[error("two endpoints are called `{name}` ({} and {}): give one another name", subjects[0], subjects[1])]
    DuplicateName {
        /// The name.
        name: String,
        /// The subjects of both.
        subjects: [String; 2],
    },
    /// Two endpoints take the same subject in one queue group, so that chance would decide who gets
    /// a request.
    #[error(
        "{} and {} both take some subject, so chance would decide who gets a request: change one, or `allow_overlaps`",
        endpoints[0], endpoints[1]
    )]
    Overlap {
        /// Both endpoints, each with its name and its subject.
        endpoints: [String; 2],
        /// The queue group that they are both in; `None` where they are in none, and both would
        /// answer.
        queue_group: Option<String>,
    },
    /// An endpoint could not be subscribed. No endpoint is served then.
    #[error("the endpoint {subject:?} could not be subscribed")]
    Subscribe {
        /// The subject of the endpoint.
        subject: String,
        /// Why.
        source: SubscribeError,
    },
    /// A consumer could not be read. No endpoint is served then.
    #[cfg(feature = "jetstream")]
    #[error("the consumer {consumer:?} could not be read")]
    Consume {
        /// The stream and the consumer: `ORDERS.workers`.
        consumer: String,
        /// Why.
        source: natsws::jetstream::ConsumeError,
    },
    /// A consumer cannot be worked through as it is. No endpoint is served then.
    #[cfg(feature = "jetstream")]
    #[error("the consumer {consumer:?} cannot be worked through: {reason}")]
    UnfitConsumer {
        /// The stream and the consumer: `ORDERS.workers`.
        consumer: String,
        /// Why not, and what to do.
        reason: &'static str,
    },
    /// A subject for dead letters cannot be published to.
    #[cfg(feature = "jetstream")]
    #[error(
        "the endpoint `{name}` has the subject {subject:?} for dead letters, which cannot be published to"
    )]
    DeadLetter {
        /// The endpoint.
        name: String,
        /// The subject.
        subject: String,
        /// What is wrong with it.
        source: SubjectError,
    },
    /// The subjects on which a service says who it is could not be subscribed. Where they are not
    /// permitted, [`Serve::undiscovered`](crate::Serve::undiscovered) does without them.
    #[error("the subjects of discovery, below {prefix:?}, could not be subscribed")]
    Discovery {
        /// What they begin with.
        prefix: String,
        /// Why.
        source: SubscribeError,
    },
    /// The service is draining or has stopped, and takes no more endpoints.
    #[error("the service is draining or has stopped")]
    Stopped,
}
