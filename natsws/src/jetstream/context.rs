//! The handle on a JetStream: whose API it is, and how long its answers are waited for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::name::{NameError, check_name};
use crate::connection::Connection;
use crate::subject::{SubjectError, check_subject};

/// What the API's subjects start with, unless it is another account's or domain's.
const PREFIX: &str = "$JS.API";

/// How long an answer of the API is waited for.
const TIMEOUT: Duration = Duration::from_secs(5);

/// JetStream as one connection sees it: streams, consumers, and publishing with an acknowledgement.
///
/// Made by [`Client::jetstream`](crate::Client::jetstream). It is cheap to clone.
///
/// ```no_run
/// use std::time::Duration;
///
/// # async fn example(client: natsws::Client) -> Result<(), natsws::Error> {
/// let hub = client.jetstream().with_domain("hub")?.with_timeout(Duration::from_secs(2));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct JetStream(Arc<Context>);

#[derive(Clone)]
struct Context {
    connection: Connection,
    prefix: String,
    timeout: Duration,
}

impl JetStream {
    pub(super) fn new(connection: Connection) -> Self {
        Self(Arc::new(Context { connection, prefix: PREFIX.to_owned(), timeout: TIMEOUT }))
    }

    /// The JetStream of a domain, as of a leaf node or a hub: its API is at `$JS.<domain>.API`.
    ///
    /// # Errors
    /// [`NameError`] where the name cannot be one token of a subject.
    pub fn with_domain(self, domain: &str) -> Result<Self, NameError> {
        check_name("domain", domain)?;
        Ok(self.at(format!("$JS.{domain}.API")))
    }

    /// The JetStream whose API is imported from another account below this prefix. A dot at its
    /// end does not count. Default: `$JS.API`.
    ///
    /// # Errors
    /// [`SubjectError`] where no subject can start with it.
    pub fn with_prefix(self, prefix: &str) -> Result<Self, SubjectError> {
        let prefix = prefix.strip_suffix('.').unwrap_or(prefix);
        check_subject(prefix)?;
        Ok(self.at(prefix.to_owned()))
    }

    fn at(self, prefix: String) -> Self {
        Self(Arc::new(Context { prefix, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// How long an answer of the API is waited for. Default: 5 s.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self(Arc::new(Context { timeout, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// How long an answer of the API is waited for.
    pub fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// What the API's subjects start with, without a dot at the end.
    pub fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// Whether the API is the one of the connection's own account and server.
    pub(super) fn is_own(&self) -> bool {
        self.0.prefix == PREFIX
    }

    /// The connection underneath.
    pub fn connection(&self) -> &Connection {
        &self.0.connection
    }
}

impl fmt::Debug for JetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStream").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}
