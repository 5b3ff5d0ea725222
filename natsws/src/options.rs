//! How to connect, and how a connection behaves: every option with its default.

use std::fmt;
use std::time::Duration;

use crate::session::QueueLimits;
use crate::transport::TlsOptions;

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutboxLimits {
    /// Bytes after which a publish waits while there is a connection.
    pub(crate) high_water: usize,
    /// Bytes after which a publish fails while there is none.
    pub(crate) reconnect_buffer: usize,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self { high_water: 256 * 1024, reconnect_buffer: 8 * 1024 * 1024 }
    }
}

/// How to connect and how the connection behaves. What is not set has the default that its method
/// names.
///
/// ```no_run
/// use std::time::Duration;
/// use natsws::ConnectOptions;
///
/// # async fn example() -> Result<(), natsws::Error> {
/// let client = ConnectOptions::new()
///     .name("billing")
///     .token("t0pS3cret!")
///     .request_timeout(Duration::from_secs(2))
///     .connect("wss://broker.example")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[must_use = "options do nothing until `connect` is called"]
pub struct ConnectOptions {
    pub(crate) name: Option<String>,
    pub(crate) user: Option<(String, String)>,
    pub(crate) token: Option<String>,
    pub(crate) no_echo: bool,
    pub(crate) verbose: bool,
    pub(crate) pedantic: bool,
    pub(crate) inbox_prefix: String,
    pub(crate) ping_interval: Duration,
    pub(crate) max_pings_out: usize,
    pub(crate) timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) reconnect: bool,
    pub(crate) reconnect_time_wait: Duration,
    pub(crate) max_reconnect_attempts: Option<usize>,
    pub(crate) outbox: OutboxLimits,
    pub(crate) queue: QueueLimits,
    pub(crate) tls: TlsOptions,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            name: None,
            user: None,
            token: None,
            no_echo: false,
            verbose: false,
            pedantic: false,
            inbox_prefix: "_INBOX".to_owned(),
            ping_interval: Duration::from_secs(120),
            max_pings_out: 2,
            timeout: Duration::from_secs(20),
            request_timeout: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(30),
            reconnect: true,
            reconnect_time_wait: Duration::from_secs(2),
            max_reconnect_attempts: Some(10),
            outbox: OutboxLimits::default(),
            queue: QueueLimits::default(),
            tls: TlsOptions::default(),
        }
    }
}

impl ConnectOptions {
    /// All defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name that the server shows for this connection. Default: none.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Logs in with a user name and a password. Default: what the address says, else nothing.
    pub fn user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = Some((user.into(), password.into()));
        self
    }

    /// Logs in with a token. Default: what the address says, else nothing.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Keeps the server from sending this connection's own messages back to its subscriptions.
    /// Default: they are sent back.
    ///
    /// A server that is too old for it is refused when connecting and when reconnecting.
    pub fn no_echo(mut self, no_echo: bool) -> Self {
        self.no_echo = no_echo;
        self
    }

    /// Lets the server confirm every operation with `+OK`. Default: off; it only costs.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// Lets the server check subjects strictly as well. Default: off, since they are checked here.
    pub fn pedantic(mut self, pedantic: bool) -> Self {
        self.pedantic = pedantic;
        self
    }

    /// What the reply subjects of requests start with. Default: `_INBOX`.
    ///
    /// It is checked when connecting; no wildcards may be in it.
    pub fn inbox_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.inbox_prefix = prefix.into();
        self
    }

    /// After how long without received bytes the server is asked with a PING. Default: 2 minutes.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// After how many PINGs without an answer the connection is given up and made anew.
    /// Default: 2.
    pub fn max_pings_out(mut self, pings: usize) -> Self {
        self.max_pings_out = pings;
        self
    }

    /// How long connecting to one server may take, from looking up its name to its first answer.
    /// Default: 20 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a request waits for its reply where it does not say so itself. Default: 1 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long draining the connection may take before it is closed all the same.
    /// Default: 30 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Whether a lost connection is made again. Default: it is.
    pub fn reconnect(mut self, reconnect: bool) -> Self {
        self.reconnect = reconnect;
        self
    }

    /// How long to wait before a server is tried again. Default: 2 s.
    pub fn reconnect_time_wait(mut self, wait: Duration) -> Self {
        self.reconnect_time_wait = wait;
        self
    }

    /// Never gives up making a lost connection again: what a service wants. See
    /// [`max_reconnect_attempts`](Self::max_reconnect_attempts).
    pub fn unlimited_reconnect_attempts(mut self) -> Self {
        self.max_reconnect_attempts = None;
        self
    }

    /// How often in a row a server is tried before it is given up; when all are, the connection
    /// is closed. Default: 10.
    pub fn max_reconnect_attempts(mut self, attempts: usize) -> Self {
        self.max_reconnect_attempts = Some(attempts);
        self
    }

    /// How many bytes may wait to be sent before a publish waits too. Default: 256 KiB.
    pub fn outbox_size(mut self, bytes: usize) -> Self {
        self.outbox.high_water = bytes;
        self
    }

    /// How many bytes of messages are kept for the next connection while there is none; then
    /// publishing fails. Default: 8 MiB. 0 lets it fail at once.
    pub fn reconnect_buffer(mut self, bytes: usize) -> Self {
        self.outbox.reconnect_buffer = bytes;
        self
    }

    /// How many messages wait for the reader of a subscription before some are dropped, where the
    /// subscription does not say so itself. Default: 65,536.
    pub fn subscription_messages(mut self, messages: usize) -> Self {
        self.queue.messages = messages;
        self
    }

    /// How many bytes of messages wait for the reader of a subscription before some are dropped,
    /// where the subscription does not say so itself. Default: 64 MiB.
    pub fn subscription_bytes(mut self, bytes: usize) -> Self {
        self.queue.bytes = bytes;
        self
    }

    /// Secures `wss://` and `tls://` with this configuration, used as it is. Default: the
    /// platform's root certificates, read when they are first needed.
    #[cfg(feature = "tls")]
    pub fn tls_config(mut self, config: impl Into<std::sync::Arc<rustls::ClientConfig>>) -> Self {
        self.tls.config = Some(config.into());
        self
    }
}

/// Credentials are left out.
impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("name", &self.name)
            .field("no_echo", &self.no_echo)
            .field("inbox_prefix", &self.inbox_prefix)
            .field("ping_interval", &self.ping_interval)
            .field("timeout", &self.timeout)
            .field("reconnect", &self.reconnect)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_do_not_show() {
        let options = ConnectOptions::new().user("canary-u", "canary-p").token("canary-t");
        assert!(!format!("{options:?}").contains("canary"));
    }
}
