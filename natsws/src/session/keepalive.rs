//! Whether the server is still there.

use std::time::Duration;

use crate::runtime::{self, Instant};

/// How long an answer is waited for where it is not known what happened to the connection.
const CHECK: Duration = Duration::from_secs(5);
/// Who comes later than this was not late, but could not run: a machine or a page that slept.
const LATE: Duration = Duration::from_secs(5);

/// Asks with a PING when nothing was received for a while, and gives up after some without an
/// answer. Only received bytes count: a write that the system took says nothing about the server.
///
/// Time in which nothing could run does not count either. After it the server is asked at once, and
/// again more often: then only the answer counts, since bytes may be from before.
#[derive(Debug)]
pub(crate) struct Keepalive {
    interval: Duration,
    max_pings_out: usize,
    pings_out: usize,
    next: Instant,
    /// The connection may have ended unnoticed.
    checking: bool,
    /// PINGs whose PONG has not come, whatever else has.
    unanswered: usize,
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
        Self { interval, max_pings_out, pings_out: 0, next, checking: false, unanswered: 0 }
    }

    /// Bytes came.
    pub(crate) fn received(&mut self, now: Instant) {
        if !self.checking {
            self.pings_out = 0;
        }
        self.next = runtime::after(now, self.wait());
    }

    /// The PONG came for a PING of this.
    pub(crate) fn answered(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.checking &= self.unanswered > 0;
    }

    pub(crate) fn due(&mut self, now: Instant) -> Due {
        if now < self.next {
            return Due::Nothing;
        }
        if now.saturating_duration_since(self.next) > LATE {
            self.checking = false;
            return self.check(now);
        }
        if self.pings_out >= self.max_pings_out {
            return Due::Stale { pings: self.pings_out };
        }
        self.ping(now)
    }

    /// Something has happened that may have ended the connection. However often that is said, the
    /// server is asked once.
    pub(crate) fn check(&mut self, now: Instant) -> Due {
        if std::mem::replace(&mut self.checking, true) {
            return Due::Nothing;
        }
        self.pings_out = 0;
        self.ping(now)
    }

    fn ping(&mut self, now: Instant) -> Due {
        self.pings_out += 1;
        self.unanswered += 1;
        self.next = runtime::after(now, self.wait());
        Due::Ping
    }

    fn wait(&self) -> Duration {
        if self.checking { self.interval.min(CHECK) } else { self.interval }
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
    fn a_check_asks_once_and_again_soon_and_is_over_with_its_answer() {
        let start = runtime::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut keepalive = Keepalive::new(Duration::from_secs(120), 2, start);
        assert_eq!(keepalive.check(at(10)), Due::Ping);
        assert_eq!(keepalive.check(at(11)), Due::Nothing);
        assert_eq!(keepalive.due(at(14)), Due::Nothing);
        assert_eq!(keepalive.due(at(15)), Due::Ping);
        assert_eq!(keepalive.due(at(20)), Due::Stale { pings: 2 });
        keepalive.answered();
        keepalive.received(at(20));
        assert_eq!(keepalive.next(), at(25));
        keepalive.answered();
        keepalive.received(at(20));
        assert_eq!(keepalive.next(), at(140));
        assert_eq!(keepalive.check(at(21)), Due::Ping);
    }

    #[test]
    fn what_was_on_its_way_before_a_sleep_is_no_answer_after_it() {
        let start = runtime::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut keepalive = Keepalive::new(Duration::from_secs(120), 2, start);
        assert_eq!(keepalive.due(at(120)), Due::Ping);
        assert_eq!(keepalive.check(at(200)), Due::Ping);
        // Messages, and the answer to the PING of long ago.
        keepalive.answered();
        keepalive.received(at(202));
        assert_eq!(keepalive.due(at(206)), Due::Nothing);
        assert_eq!(keepalive.due(at(207)), Due::Ping);
        assert_eq!(keepalive.due(at(212)), Due::Stale { pings: 2 });
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
        assert_eq!(keepalive.due(at(7205)), Due::Ping);
        assert_eq!(keepalive.due(at(7210)), Due::Stale { pings: 2 });
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
