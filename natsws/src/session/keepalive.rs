//! Whether the server is still there.

use std::time::Duration;

use crate::runtime::{self, Instant};

/// How long an answer is waited for where it is not known what happened to the connection.
const CHECK: Duration = Duration::from_secs(5);
/// Who comes later than this was not late, but could not run: a machine or a page that slept.
const LATE: Duration = Duration::from_secs(5);

/// Asks with a PING when nothing was received for a while, and gives up after some without an
/// answer. Only received bytes count: a write that the system took says nothing about the server.
/// Time in which nothing could run does not count either; after it the server is asked once.
#[derive(Debug)]
pub(crate) struct Keepalive {
    interval: Duration,
    max_pings_out: usize,
    pings_out: usize,
    next: Instant,
    /// The last PING is the only one, and its answer is waited for less long.
    checking: bool,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Ping,
    /// The server is gone.
    Stale {
        pings: usize,
    },
}

impl Keepalive {
    pub(crate) fn new(interval: Duration, max_pings_out: usize, now: Instant) -> Self {
        let next = runtime::after(now, interval);
        Self { interval, max_pings_out, pings_out: 0, next, checking: false }
    }

    /// Bytes came.
    pub(crate) fn received(&mut self, now: Instant) {
        self.pings_out = 0;
        self.checking = false;
        self.next = runtime::after(now, self.interval);
    }

    pub(crate) fn due(&mut self, now: Instant) -> Due {
        if now < self.next {
            return Due::Nothing;
        }
        if now.saturating_duration_since(self.next) > LATE {
            self.checking = false;
            return self.check(now);
        }
        if self.checking || self.pings_out >= self.max_pings_out {
            return Due::Stale { pings: self.pings_out };
        }
        self.pings_out += 1;
        self.next = runtime::after(now, self.interval);
        Due::Ping
    }

    /// Something has happened that may have ended the connection. However often that is said, the
    /// server is asked once.
    pub(crate) fn check(&mut self, now: Instant) -> Due {
        if std::mem::replace(&mut self.checking, true) {
            return Due::Nothing;
        }
        self.pings_out = 1;
        self.next = runtime::after(now, self.interval.min(CHECK));
        Due::Ping
    }

    pub(crate) fn next(&self) -> Instant {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_server_is_asked_and_then_given_up() {
        let start = runtime::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut keepalive = Keepalive::new(Duration::from_secs(10), 2, start);
        assert_eq!(keepalive.due(at(9)), Due::Nothing);
        assert_eq!(keepalive.due(at(10)), Due::Ping);
        assert_eq!(keepalive.due(at(19)), Due::Nothing);
        assert_eq!(keepalive.due(at(20)), Due::Ping);
        assert_eq!(keepalive.due(at(30)), Due::Stale { pings: 2 });
    }

    #[test]
    fn a_check_is_one_ping_that_is_answered_soon_or_not_at_all() {
        let start = runtime::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut keepalive = Keepalive::new(Duration::from_secs(120), 2, start);
        assert_eq!(keepalive.check(at(10)), Due::Ping);
        assert_eq!(keepalive.check(at(11)), Due::Nothing);
        assert_eq!(keepalive.due(at(14)), Due::Nothing);
        assert_eq!(keepalive.due(at(15)), Due::Stale { pings: 1 });
        keepalive.received(at(15));
        assert_eq!(keepalive.next(), at(135));
        assert_eq!(keepalive.check(at(16)), Due::Ping);
    }

    #[test]
    fn time_in_which_nothing_could_run_is_no_silence_of_the_server() {
        let start = runtime::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut keepalive = Keepalive::new(Duration::from_secs(10), 2, start);
        assert_eq!(keepalive.due(at(10)), Due::Ping);
        assert_eq!(keepalive.due(at(20)), Due::Ping);
        // An hour asleep, twice, of which the second one began while the answer was waited for.
        assert_eq!(keepalive.due(at(3600)), Due::Ping);
        assert_eq!(keepalive.next(), at(3605));
        assert_eq!(keepalive.due(at(7200)), Due::Ping);
        assert_eq!(keepalive.due(at(7205)), Due::Stale { pings: 1 });
    }

    #[test]
    fn whatever_is_received_starts_the_wait_anew() {
        let start = runtime::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut keepalive = Keepalive::new(Duration::from_secs(10), 1, start);
        assert_eq!(keepalive.due(at(10)), Due::Ping);
        keepalive.received(at(15));
        assert_eq!(keepalive.next(), at(25));
        assert_eq!(keepalive.due(at(25)), Due::Ping);
        assert_eq!(keepalive.due(at(35)), Due::Stale { pings: 1 });
    }
}
