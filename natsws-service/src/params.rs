//! What stands in a subject where its template has placeholders.

use std::future::{Future, ready};

use natsws::{MaybeSend, MaybeSync, ServiceError};

use crate::extract::Extract;
use crate::incoming::Incoming;
use crate::pattern::captures;

/// The parts of a subject where its template has placeholders or wildcards.
///
/// A typed request has them in its fields; this is for handlers of messages as they are, and for
/// layers: [`Incoming::params`] has them.
///
/// ```
/// use natsws_service::{Router, SubjectParams};
///
/// async fn admin(params: SubjectParams) -> String {
///     let verb = params.get("verb").unwrap_or_default();
///     format!("{verb} is not known")
/// }
///
/// let router: Router = Router::new("desk", "1.0.0").raw("admin.{verb}", admin);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectParams {
    params: Vec<(String, String)>,
}

impl SubjectParams {
    pub(crate) fn new(incoming: &Incoming) -> Self {
        let params = captures(incoming.template(), incoming.subject());
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self { params: params.into_iter().map(owned).collect() }
    }

    /// The part that has this name; `None` where the template has no such placeholder.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The part of the placeholder or wildcard at this place, counted from 0.
    pub fn at(&self, index: usize) -> Option<&str> {
        self.params.get(index).map(|(_, value)| value.as_str())
    }

    /// All of them in order, with their names: those that have none are called `*` and `>`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<S: MaybeSync> Extract<S> for SubjectParams {
    fn extract(
        incoming: &Incoming,
        _state: &S,
    ) -> impl Future<Output = Result<Self, ServiceError>> + MaybeSend {
        ready(Ok(Self::new(incoming)))
    }
}
