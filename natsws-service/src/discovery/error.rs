//! Why services could not be discovered.

use natsws::{Msg, RequestError, ServiceError};

use crate::error::BoxError;

/// Why there is no answer, or not one that can be used, to the question which services are there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The name is not one that a service can have: letters, digits, `-` and `_`. Nothing was
    /// asked.
    #[error("no service has the name {name:?}: names have letters, digits, `-` and `_`")]
    Name {
        /// The name as given.
        name: String,
    },
    /// The id is not one that an instance of a service can have. Nothing was asked.
    #[error("no instance has the id {id:?}: ids have letters, digits, `-` and `_`")]
    Id {
        /// The id as given.
        id: String,
    },
    /// An instance is wanted and not said of which service. Nothing was asked.
    #[error("the instance {id:?} can only be asked with the name of its service")]
    IdWithoutName {
        /// The id as given.
        id: String,
    },
    /// No such service is there.
    #[error("no service answers on {subject:?}")]
    NoResponders {
        /// The subject that was asked on.
        subject: String,
    },
    /// An answer is not one of ADR-32 to this question. More answers may follow.
    #[error("an answer could not be read")]
    Unreadable {
        /// Why.
        source: BoxError,
        /// The answer.
        reply: Box<Msg>,
    },
    /// A service answered with an error. More answers may follow.
    #[error("a service could not answer")]
    Service(#[source] ServiceError),
    /// The question could not be asked, or its answers not received. More answers follow only
    /// behind [`Lagged`](RequestError::Lagged) and [`MalformedReply`](RequestError::MalformedReply).
    #[error("services could not be asked")]
    Request(#[source] RequestError),
}

impl DiscoveryError {
    /// Whether no such service is there.
    pub fn is_no_responders(&self) -> bool {
        matches!(self, Self::NoResponders { .. })
    }
}
