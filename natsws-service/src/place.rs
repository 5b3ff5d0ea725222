//! Where a request has come to: what all requests of an endpoint have in common.

use natsws::Client;

#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) client: Option<Client>,
    pub(crate) service: String,
    pub(crate) endpoint: String,
    /// The subject with the names of its placeholders.
    pub(crate) template: String,
    pub(crate) queue_group: Option<String>,
    /// How many tokens of the subject are the group's and not the request's.
    pub(crate) prefix_tokens: usize,
}

impl Place {
    /// The subject as the request declares it.
    pub(crate) fn without_prefix<'s>(&self, subject: &'s str) -> &'s str {
        let mut rest = subject;
        for _ in 0..self.prefix_tokens {
            rest = rest.split_once('.').map_or("", |(_, rest)| rest);
        }
        rest
    }
}
