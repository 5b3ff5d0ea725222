//! How to connect, and how a connection behaves: every option with its default.

mod limits;
mod login;
#[cfg(not(browser))]
mod native;
mod next_server;
mod reconnect;
#[cfg(native_tls)]
mod tls;
#[cfg(native_websocket)]
mod upgrade;

use std::fmt;
use std::time::Duration;

use crate::auth::Auth;
use crate::protocol::decode::Limits;
use crate::server_addr::{AddrError, IntoServers, ServerAddr};
use crate::session::QueueLimits;
#[cfg(not(browser))]
use crate::transport::ProxyError;
use crate::transport::TransportOptions;

pub use limits::OnDisconnect;
pub(crate) use limits::OutboxLimits;
pub(crate) use next_server::ChooseServer;
pub use next_server::{NextServer, PoolServer};
pub(crate) use reconnect::ReconnectOptions;

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
///     .unlimited_reconnect_attempts()
///     .request_timeout(Duration::from_secs(2))
///     .connect("wss://broker.example")
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// | for | look at |
/// |---|---|
/// | logging in | [`user`](Self::user), [`token`](Self::token), `nkey`, `jwt`, `creds`, `creds_file`, [`authenticator`](Self::authenticator) |
/// | TLS | `tls_ca_file`, `tls_client_auth_files`, `tls_first`, `tls_config` |
/// | getting through | `upgrade_header`, `upgrade_headers`, [`proxy`](Self::proxy), [`proxy_from_env`](Self::proxy_from_env) |
/// | several servers | [`servers`](Self::servers), [`no_randomize`](Self::no_randomize), [`ignore_cluster_updates`](Self::ignore_cluster_updates), [`next_server`](Self::next_server) |
/// | staying connected | [`unlimited_reconnect_attempts`](Self::unlimited_reconnect_attempts), [`reconnect_time_wait`](Self::reconnect_time_wait), [`reconnect_delay`](Self::reconnect_delay), [`move_on_lame_duck`](Self::move_on_lame_duck), [`ping_interval`](Self::ping_interval) |
/// | starting before the server | [`wait_on_first_connect`](Self::wait_on_first_connect), [`lazy`](Self::lazy) |
/// | limits | [`reconnect_buffer`](Self::reconnect_buffer), [`outbox_size`](Self::outbox_size), [`subscription_messages`](Self::subscription_messages), [`overflow`](Self::overflow), [`max_message_size`](Self::max_message_size) |
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[must_use = "options do nothing until `connect` is called"]
pub struct ConnectOptions {
    pub(crate) servers: Vec<ServerAddr>,
    /// The first mistake in the options, reported when connecting.
    pub(crate) fault: Option<OptionsFault>,
    pub(crate) port: Option<u16>,
    pub(crate) name: Option<String>,
    pub(crate) auth: Auth,
    pub(crate) no_echo: bool,
    pub(crate) verbose: bool,
    pub(crate) pedantic: bool,
    pub(crate) debug: bool,
    pub(crate) inbox_prefix: String,
    pub(crate) ping_interval: Duration,
    pub(crate) max_pings_out: usize,
    pub(crate) timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) reconnect: ReconnectOptions,
    pub(crate) on_disconnect: OnDisconnect,
    pub(crate) outbox: OutboxLimits,
    pub(crate) queue: QueueLimits,
    pub(crate) decoder: Limits,
    pub(crate) max_message_size: Option<usize>,
    pub(crate) transport: TransportOptions,
}

/// A mistake in the options that its method could not report.
#[derive(Debug, Clone)]
pub(crate) enum OptionsFault {
    Address(AddrError),
    #[cfg(not(browser))]
    Proxy(ProxyError),
    /// What is wrong with a header, in words.
    #[cfg(native_websocket)]
    UpgradeHeader(String),
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            fault: None,
            port: None,
            name: None,
            auth: Auth::default(),
            no_echo: false,
            verbose: false,
            pedantic: false,
            debug: false,
            inbox_prefix: "_INBOX".to_owned(),
            ping_interval: Duration::from_secs(120),
            max_pings_out: 2,
            timeout: Duration::from_secs(20),
            request_timeout: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(30),
            reconnect: ReconnectOptions::default(),
            on_disconnect: OnDisconnect::Fail,
            outbox: OutboxLimits::default(),
            queue: QueueLimits::default(),
            decoder: Limits::default(),
            max_message_size: None,
            transport: TransportOptions::default(),
        }
    }
}

impl ConnectOptions {
    /// All defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Servers to connect to, besides those that `connect` is given. Default: none; where `connect`
    /// has none either, it is `nats://localhost:4222`.
    ///
    /// An address that cannot be understood is reported when connecting.
    pub fn servers(mut self, servers: impl IntoServers) -> Self {
        match servers.into_servers() {
            Ok(servers) => self.servers.extend(servers),
            Err(error) => self.mistaken(OptionsFault::Address(error)),
        }
        self
    }

    /// The name that the server shows for this connection. Default: none.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
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

    /// Traces what is received and sent, as `tracing` events of level TRACE with the target
    /// `natsws::protocol`. Default: off.
    ///
    /// Each event has up to 512 bytes of a block, payloads among them, with control characters
    /// escaped. Credentials are left out.
    pub fn debug(mut self, debug: bool) -> Self {
        self.debug = debug;
        self
    }

    /// What the reply subjects of requests start with. Default: `_INBOX`.
    ///
    /// It is checked when connecting; no wildcards may be in it. With a prefix of its own per user,
    /// the server's permissions can keep users from reading each other's replies: publish and
    /// subscribe rights on `_INBOX_billing.>` for the user `billing` alone.
    pub fn inbox_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.inbox_prefix = prefix.into();
        self
    }

    /// After how long without received bytes the server is asked with a PING. Default: 2 minutes;
    /// zero is that too.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        let is_set = !interval.is_zero();
        self.ping_interval = if is_set { interval } else { Self::default().ping_interval };
        self
    }

    /// After how many PINGs without an answer the connection is given up and made anew.
    /// Default: 2; zero is that too.
    ///
    /// After time in which nothing could run, as of a laptop or a web page that slept, they are 5 s
    /// apart, or the [`ping_interval`](Self::ping_interval) where that is less.
    pub fn max_pings_out(mut self, pings: usize) -> Self {
        self.max_pings_out = if pings > 0 { pings } else { Self::default().max_pings_out };
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

    /// Keeps the first mistake.
    fn mistaken(&mut self, fault: OptionsFault) {
        self.fault.get_or_insert(fault);
    }
}

/// Credentials are left out.
impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("servers", &self.servers)
            .field("name", &self.name)
            .field("no_echo", &self.no_echo)
            .field("inbox_prefix", &self.inbox_prefix)
            .field("ping_interval", &self.ping_interval)
            .field("timeout", &self.timeout)
            .field("reconnect", &self.reconnect.enabled)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_do_not_show() {
        let options = ConnectOptions::new()
            .servers("ws://canary-u:canary-p@a")
            .user("canary-u", "canary-p")
            .token("canary-t")
            .proxy("http://canary:canary@proxy");
        assert!(!format!("{options:?}").contains("canary"));
    }

    #[test]
    fn zero_means_the_default_where_zero_would_make_no_sense() {
        let options = ConnectOptions::new().ping_interval(Duration::ZERO).max_pings_out(0);
        assert_eq!((options.ping_interval, options.max_pings_out), (Duration::from_secs(120), 2));
    }
}
