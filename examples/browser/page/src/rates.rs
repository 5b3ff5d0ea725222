//! What an endpoint does in a second, from what it has done since it started.

use std::time::Duration;

/// What an endpoint has done since it started.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Counters {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    /// How long its handler took for all requests together.
    pub(crate) took: Duration,
}

/// What it did between two looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rates {
    pub(crate) requests: f64,
    pub(crate) errors: f64,
    /// How many requests there were, and how long they took together.
    pub(crate) handled: u64,
    pub(crate) took: Duration,
}

impl Counters {
    /// What was done since an earlier look. `None` where that cannot be said: the service has begun
    /// to count anew.
    pub(crate) fn since(&self, before: &Self, elapsed: Duration) -> Option<Rates> {
        let handled = self.requests.checked_sub(before.requests)?;
        let errors = self.errors.checked_sub(before.errors)?;
        let took = self.took.checked_sub(before.took)?;
        let seconds = elapsed.as_secs_f64();
        if seconds <= 0.0 {
            return None;
        }
        Some(Rates { requests: per(handled, seconds), errors: per(errors, seconds), handled, took })
    }
}

impl Rates {
    /// How long one request took on average; `None` where there was none.
    pub(crate) fn latency(&self) -> Option<Duration> {
        let handled = u32::try_from(self.handled).unwrap_or(u32::MAX);
        self.took.checked_div(handled)
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            errors: self.errors + other.errors,
            handled: self.handled.saturating_add(other.handled),
            took: self.took.saturating_add(other.took),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody sees the sixteenth digit")]
pub(crate) fn per(number: u64, seconds: f64) -> f64 {
    number as f64 / seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(requests: u64, errors: u64, ms: u64) -> Counters {
        Counters { requests, errors, took: Duration::from_millis(ms) }
    }

    #[test]
    fn what_was_done_between_two_looks_is_told_for_a_second() {
        let rates = counters(30, 5, 900).since(&counters(10, 1, 100), Duration::from_secs(2));
        let rates = rates.expect("both are of one run");
        assert_eq!((rates.requests, rates.errors), (10.0, 2.0));
        assert_eq!(rates.latency(), Some(Duration::from_millis(40)));
    }

    #[test]
    fn a_service_that_started_anew_has_no_rates_yet() {
        let second = Duration::from_secs(1);
        assert_eq!(counters(3, 0, 10).since(&counters(10, 1, 100), second), None);
        assert_eq!(counters(10, 0, 100).since(&counters(10, 1, 100), second), None);
    }

    #[test]
    fn without_requests_there_is_no_latency() {
        let rates = counters(3, 0, 10).since(&counters(3, 0, 10), Duration::from_secs(1));
        assert_eq!(rates.expect("they are of one run").latency(), None);
        assert_eq!(counters(3, 0, 10).since(&counters(3, 0, 10), Duration::ZERO), None);
    }

    #[test]
    fn endpoints_count_together_by_their_requests() {
        let one = Rates { requests: 1.0, errors: 0.5, handled: 1, took: Duration::from_millis(90) };
        let many =
            Rates { requests: 9.0, errors: 0.0, handled: 9, took: Duration::from_millis(10) };
        let both = one.and(many);
        assert_eq!((both.requests, both.errors), (10.0, 0.5));
        assert_eq!(both.latency(), Some(Duration::from_millis(10)));
    }
}
