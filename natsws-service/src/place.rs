//! Where a request has come to: what all requests of an endpoint have in common.

use std::fmt;
use std::sync::Arc;

use natsws::Client;

use crate::handle::ServiceHandle;
use crate::pattern::{Pattern, fitting};

pub(crate) struct Place {
    /// `None` where the service is called without a connection.
    pub(crate) client: Option<Client>,
    /// `None` where the service is called without being served.
    pub(crate) handle: Option<ServiceHandle>,
    pub(crate) service: String,
    pub(crate) endpoint: String,
    pub(crate) patterns: Arc<[Pattern]>,
    pub(crate) queue_group: Option<String>,
    /// How many tokens of the subject are the group's and not the request's.
    pub(crate) prefix_tokens: usize,
}

impl Place {
    /// The template that a subject fits.
    pub(crate) fn template(&self, subject: &str) -> &str {
        let patterns = self.patterns.iter().map(|it| (it.template.as_str(), it.filter.as_str()));
        fitting(patterns, || subject)
    }

    /// The subject as the request declares it.
    pub(crate) fn without_prefix<'s>(&self, subject: &'s str) -> &'s str {
        let mut rest = subject;
        for _ in 0..self.prefix_tokens {
            rest = rest.split_once('.').map_or("", |(_, rest)| rest);
        }
        rest
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
