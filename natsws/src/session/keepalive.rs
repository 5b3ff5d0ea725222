//! Whether the server is still there.

use std::time::Duration;

use crate::runtime::{self, Instant};

/// Asks with a PING when nothing was received for a while, and gives up after some without an
/// answer. Only received bytes count: a write that the system took says nothing about the server.
#[derive(Debug)]
pub(crate) struct Keepalive {
    interval: Duration,
    max_pings_out: usize,
    pings_out: usize,
    next: Instant,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
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
        Self { interval, max_pings_out, pings_out: 0, next: runtime::after(now, interval) }
    }

    /// Bytes came.
    pub(crate) fn received(&mut self, now: Instant) {
        self.pings_out = 0;
        self.next = runtime::after(now, self.interval);
    }

    pub(crate) fn due(&mut self, now: Instant) -> Due {
        if now < self.next {
            return Due::Nothing;
        }
        if self.pings_out >= self.max_pings_out {
            return Due::Stale { pings: self.pings_out };
        }
        self.pings_out += 1;
        self.next = runtime::after(now, self.interval);
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
