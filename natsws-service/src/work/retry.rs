//! What becomes of a message when its handler is done: decided without sending anything.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use natsws::ServiceError;
use natsws::jetstream::ConsumerConfig;

/// How long the server waits for an acknowledgement, where the consumer says nothing.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// When a message is tried again, and when it is given up.
#[derive(Clone)]
pub(crate) struct Rules {
    /// `None` for as often as it takes.
    pub(super) attempts: Option<u64>,
    pub(super) backoff: Vec<Duration>,
    pub(super) is_final: Arc<dyn Fn(&ServiceError) -> bool + Send + Sync>,
    pub(crate) dead_letter: Option<String>,
    pub(super) confirms: bool,
    /// How often the server is told that work goes on.
    pub(super) keep_every: Duration,
}

/// What the server is to be told of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    Again { after: Duration },
    GiveUp { error: ServiceError },
}

impl Rules {
    pub(super) fn of(config: &ConsumerConfig) -> Self {
        let seconds = Duration::from_secs;
        // Where the consumer has a back-off of its own, its first pause is what counts.
        let ack_wait = config.backoff.first().copied().or(config.ack_wait).unwrap_or(ACK_WAIT);
        Self {
            attempts: config.max_deliver,
            backoff: vec![seconds(1), seconds(5), seconds(15), seconds(60)],
            is_final: Arc::new(|error| error.code() == 400),
            dead_letter: None,
            confirms: false,
            keep_every: (ack_wait / 3).max(Duration::from_millis(10)),
        }
    }

    /// What comes of an attempt, the `attempt`th, 1 for the first. Another one would begin after a
    /// pause that is longer by up to a tenth; `chance` is between 0 and 1.
    pub(super) fn verdict(
        &self,
        error: Option<&ServiceError>,
        attempt: u64,
        chance: f64,
    ) -> Verdict {
        let Some(error) = error else { return Verdict::Done };
        let is_last = self.attempts.is_some_and(|attempts| attempt >= attempts);
        if is_last || (self.is_final)(error) {
            return Verdict::GiveUp { error: error.clone() };
        }
        Verdict::Again { after: self.pause(attempt).mul_f64(1.0 + chance.clamp(0.0, 1.0) / 10.0) }
    }

    /// The longest pause: for what failed for another reason than its own.
    pub(super) fn last_pause(&self) -> Duration {
        self.pause(u64::MAX)
    }

    /// The pause after the `attempt`th attempt.
    fn pause(&self, attempt: u64) -> Duration {
        let at = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let pause = self.backoff.get(at).or_else(|| self.backoff.last());
        // A duration that is that long would overflow when it is made longer.
        pause.copied().unwrap_or_default().min(Duration::from_secs(365 * 24 * 60 * 60))
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("attempts", &self.attempts)
            .field("backoff", &self.backoff)
            .field("dead_letter", &self.dead_letter)
            .field("confirms", &self.confirms)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(code: u16) -> ServiceError {
        ServiceError::new(code, "no")
    }

    #[test]
    fn a_message_is_tried_again_after_pauses_that_grow() {
        let rules = Rules::of(&ConsumerConfig::new());
        let pause = |attempt| match rules.verdict(Some(&failed(500)), attempt, 0.0) {
            Verdict::Again { after } => after.as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!([1, 2, 3, 4, 5, 1_000_000].map(pause), [1, 5, 15, 60, 60, 60]);
        let longest = rules.verdict(Some(&failed(500)), 2, 1.0);
        assert_eq!(longest, Verdict::Again { after: Duration::from_millis(5500) });
        assert_eq!(rules.verdict(None, 7, 0.0), Verdict::Done);
    }

    #[test]
    fn the_last_attempt_and_what_does_not_decode_are_given_up() {
        let rules = Rules::of(&ConsumerConfig::new().max_deliver(3));
        let verdict = |code, attempt| rules.verdict(Some(&failed(code)), attempt, 0.0);
        assert!(matches!(verdict(500, 2), Verdict::Again { .. }));
        assert_eq!(verdict(500, 3), Verdict::GiveUp { error: failed(500) });
        assert_eq!(verdict(400, 1), Verdict::GiveUp { error: failed(400) });
    }

    #[test]
    fn pauses_of_any_length_are_no_trouble() {
        let mut rules = Rules::of(&ConsumerConfig::new());
        rules.backoff = vec![Duration::MAX];
        assert!(matches!(rules.verdict(Some(&failed(500)), 1, 1.0), Verdict::Again { .. }));
        rules.backoff.clear();
        let at_once = Verdict::Again { after: Duration::ZERO };
        assert_eq!(rules.verdict(Some(&failed(500)), 1, 1.0), at_once);
    }

    #[test]
    fn the_server_is_told_of_work_three_times_in_what_it_waits() {
        let every = |config| Rules::of(&config).keep_every.as_secs();
        assert_eq!(every(ConsumerConfig::new()), 10);
        assert_eq!(every(ConsumerConfig::new().ack_wait(Duration::from_secs(60))), 20);
        let backoff = [Duration::from_secs(6), Duration::from_secs(60)];
        assert_eq!(every(ConsumerConfig::new().backoff(backoff)), 2);
    }
}
