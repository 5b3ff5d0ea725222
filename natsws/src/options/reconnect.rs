//! Options for staying connected.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::{ChooseServer, ConnectOptions, NextServer, PoolServer};
use crate::protocol::ServerInfo;

/// The longest wait that doubling leads to.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How a connection is made, and made again.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct ReconnectOptions {
    pub(crate) enabled: bool,
    pub(crate) time_wait: Duration,
    pub(crate) jitter: Duration,
    pub(crate) jitter_tls: Duration,
    pub(crate) max_attempts: Option<usize>,
    pub(crate) delay: Option<Arc<dyn Delay>>,
    pub(crate) choose: Option<Arc<dyn ChooseServer>>,
    pub(crate) no_randomize: bool,
    pub(crate) ignore_cluster_updates: bool,
    pub(crate) ignore_auth_error_abort: bool,
    pub(crate) wait_on_first_connect: bool,
    pub(crate) lazy: bool,
    pub(crate) move_on_lame_duck: bool,
}

/// The application's own delay; `None` where it panics.
pub(crate) trait Delay: Send + Sync {
    fn delay(&self, failures: u32) -> Option<Duration>;
}

impl<F: Fn(u32) -> Duration + Send + Sync> Delay for F {
    fn delay(&self, failures: u32) -> Option<Duration> {
        catch_unwind(AssertUnwindSafe(|| self(failures))).ok()
    }
}

impl Default for ReconnectOptions {
    fn default() -> Self {
        Self {
            enabled: true,
            time_wait: Duration::from_secs(2),
            jitter: Duration::from_millis(100),
            jitter_tls: Duration::from_secs(1),
            max_attempts: Some(10),
            delay: None,
            choose: None,
            no_randomize: false,
            ignore_cluster_updates: false,
            ignore_auth_error_abort: false,
            wait_on_first_connect: false,
            lazy: false,
            move_on_lame_duck: false,
        }
    }
}

impl ReconnectOptions {
    /// How long to wait after the last attempt at a server that failed this often in a row.
    pub(crate) fn wait(&self, failures: u32, is_tls: bool) -> Duration {
        if let Some(delay) = self.delay.as_ref().and_then(|delay| delay.delay(failures)) {
            return delay;
        }
        let doubled = |wait: Duration| {
            let times = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
            wait.saturating_mul(times).min(LONGEST_WAIT)
        };
        let jitter = if is_tls { self.jitter_tls } else { self.jitter };
        if self.time_wait >= LONGEST_WAIT {
            // It is what was asked for.
            return self.time_wait.saturating_add(jitter.mul_f64(fastrand::f64()));
        }
        let spread = doubled(jitter).mul_f64(fastrand::f64());
        let wait = doubled(self.time_wait) + spread;
        // Nobody waits for longer, and yet not all for the same time.
        if wait <= LONGEST_WAIT {
            wait
        } else {
            LONGEST_WAIT.saturating_sub(spread.min(LONGEST_WAIT / 2))
        }
    }
}

/// Staying connected.
impl ConnectOptions {
    /// Whether a lost connection is made again. Default: it is.
    pub fn reconnect(mut self, reconnect: bool) -> Self {
        self.reconnect.enabled = reconnect;
        self
    }

    /// Never gives up making a lost connection again: what a service wants. See
    /// [`max_reconnect_attempts`](Self::max_reconnect_attempts).
    pub fn unlimited_reconnect_attempts(mut self) -> Self {
        self.reconnect.max_attempts = None;
        self
    }

    /// How often in a row a server is tried before it is given up; when all are, the connection
    /// is closed. Default: 10.
    pub fn max_reconnect_attempts(mut self, attempts: usize) -> Self {
        self.reconnect.max_attempts = Some(attempts);
        self
    }

    /// How long to wait before a server is tried again, counted from the last attempt. Default:
    /// 2 s.
    ///
    /// It doubles with every failure of that server in a row, up to 30 s with all that is added to
    /// it. A connection that breaks
    /// before it has been up for 5 s and answered a PING counts as a failure too.
    pub fn reconnect_time_wait(mut self, wait: Duration) -> Self {
        self.reconnect.time_wait = wait;
        self
    }

    /// At most how much is added to the wait at random, so that many clients do not come back all
    /// at once. Default: 100 ms. It doubles with the wait.
    pub fn reconnect_jitter(mut self, jitter: Duration) -> Self {
        self.reconnect.jitter = jitter;
        self
    }

    /// [`reconnect_jitter`](Self::reconnect_jitter) for servers with TLS, whose handshakes cost
    /// more. Default: 1 s.
    pub fn reconnect_jitter_tls(mut self, jitter: Duration) -> Self {
        self.reconnect.jitter_tls = jitter;
        self
    }

    /// Decides how long to wait before a server is tried again, in place of
    /// [`reconnect_time_wait`](Self::reconnect_time_wait) and jitter. The function is given how
    /// often that server failed in a row. It must not block, nor ask the connection. Where it panics, the usual wait is
    /// used.
    pub fn reconnect_delay(
        mut self,
        delay: impl Fn(u32) -> Duration + Send + Sync + 'static,
    ) -> Self {
        self.reconnect.delay = Some(Arc::new(delay));
        self
    }

    /// Chooses the server for the next attempt, the first one included, in place of trying them in
    /// turn.
    ///
    /// The function gets the servers, the one that would be next first, and what a server said last,
    /// if one has. With `None`, a server that is not among them, or a panic, the next one in turn is
    /// tried; the last two are told as [`Event::NextServerIgnored`](crate::Event::NextServerIgnored).
    /// It must not block.
    ///
    /// ```
    /// use natsws::{ConnectOptions, NextServer};
    ///
    /// // Stays with the server of its own zone for as long as that can be reached.
    /// let options = ConnectOptions::new().next_server(|servers, _info| {
    ///     let local = servers.iter().find(|server| server.addr.host().ends_with(".eu"))?;
    ///     (local.failures < 3).then(|| NextServer::new(local.addr.clone()))
    /// });
    /// ```
    pub fn next_server(
        mut self,
        choose: impl Fn(&[PoolServer], Option<&ServerInfo>) -> Option<NextServer>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.reconnect.choose = Some(Arc::new(choose));
        self
    }

    /// Tries the servers in the order in which they are given. Default: in any order, so that
    /// clients spread over the servers. It is the same for several IP addresses of one name.
    pub fn no_randomize(mut self, no_randomize: bool) -> Self {
        self.reconnect.no_randomize = no_randomize;
        self.transport.keep_order = no_randomize;
        self
    }

    /// Uses the named servers alone, and none that those tell of. Default: the servers of the
    /// cluster are used as they come and go.
    pub fn ignore_cluster_updates(mut self, ignore: bool) -> Self {
        self.reconnect.ignore_cluster_updates = ignore;
        self
    }

    /// Goes on trying a server that refuses the credentials. Default: a server that refuses them
    /// twice in a row for the same reason is given up.
    pub fn ignore_auth_error_abort(mut self, ignore: bool) -> Self {
        self.reconnect.ignore_auth_error_abort = ignore;
        self
    }

    /// Lets `connect` wait until a server can be reached, however long that takes. Default: it fails
    /// when no server could be reached at once.
    pub fn wait_on_first_connect(mut self, wait: bool) -> Self {
        self.reconnect.wait_on_first_connect = wait;
        self
    }

    /// Lets `connect` return before a server is there, and connects in the background, however
    /// long that takes. Default: it returns when a server has answered.
    ///
    /// Meanwhile the state is [`State::Connecting`](crate::State::Connecting): messages are kept as
    /// they are while reconnecting, subscriptions wait, and
    /// [`wait_connected`](crate::Connection::wait_connected) waits too.
    pub fn lazy(mut self, lazy: bool) -> Self {
        self.reconnect.lazy = lazy;
        self
    }

    /// Moves to another server when this one is about to shut down ("lame duck mode"), before it
    /// ends the connection. Default: off; the connection is then made again when it is lost.
    ///
    /// The new connection is up before the old one ends. Subscriptions of queue groups and requests
    /// miss nothing; other subscriptions miss what comes during about one round trip. Subscribers
    /// elsewhere may get what was published before the move after what was published behind it,
    /// since it comes to them by another way. Many replies to one request still come from the old
    /// server, for as long as it is there.
    pub fn move_on_lame_duck(mut self, moves: bool) -> Self {
        self.reconnect.move_on_lame_duck = moves;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(options: &ConnectOptions, failures: u32) -> u128 {
        options.reconnect.wait(failures, false).as_millis()
    }

    #[test]
    fn the_wait_doubles_up_to_half_a_minute() {
        let options = ConnectOptions::new().reconnect_jitter(Duration::ZERO);
        let waits: Vec<_> = (0..8).map(|failures| wait(&options, failures)).collect();
        assert_eq!(waits, [2000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(wait(&options, u32::MAX), 30_000);
        let long = options.reconnect_time_wait(Duration::from_secs(60));
        assert_eq!(wait(&long, 3), 60_000);
    }

    #[test]
    fn the_jitter_is_within_its_limit_and_grows_with_the_wait() {
        let options = ConnectOptions::new();
        for (failures, range) in [(1, 2000..=2100), (3, 8000..=8400), (9, 15_000..=30_000)] {
            for _ in 0..100 {
                let wait = wait(&options, failures);
                assert!(range.contains(&wait), "{wait}");
            }
        }
        let tls: Vec<_> = (0..100).map(|_| options.reconnect.wait(1, true).as_millis()).collect();
        assert!(tls.iter().all(|wait| (2000..=3000).contains(wait)));
        assert!(tls.iter().any(|wait| *wait > 2100), "a second is much more");
    }

    #[test]
    fn the_applications_own_delay_replaces_all_of_it() {
        let options = ConnectOptions::new()
            .reconnect_delay(|failures| Duration::from_millis(u64::from(failures) * 7));
        assert_eq!((wait(&options, 0), wait(&options, 3)), (0, 21));
        let panics = ConnectOptions::new()
            .reconnect_jitter(Duration::ZERO)
            .reconnect_delay(|_| std::panic::resume_unwind(Box::new("the application's own")));
        assert_eq!(wait(&panics, 2), 4000);
    }
}
