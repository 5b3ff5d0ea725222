//! What becomes of a message when its handler is done: decided without sending anything.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use natsws::ServiceError;
use natsws::jetstream::{AckPolicy, ConsumerConfig};

/// How long the server waits for an acknowledgement, where the consumer says nothing.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// When a message is tried again, and when it is given up.
#[derive(Clone)]
pub(crate) struct Rules {
    /// `None` for as often as it takes.
    pub(super) attempts: Option<u64>,
    /// How often the server delivers a message at most.
    max_deliver: Option<u64>,
    pub(super) backoff: Vec<Duration>,
    pub(super) is_final: Arc<dyn Fn(&ServiceError) -> bool + Send + Sync>,
    pub(crate) dead_letter: Option<String>,
    pub(super) confirms: bool,
    /// How often the server is told that work goes on.
    pub(super) keep_every: Duration,
    /// Whether a consumer that is gone is waited for.
    pub(super) waits: bool,
    /// The group whose messages are worked through.
    pub(super) group: Option<String>,
}

/// What the server is to be told of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    Again { after: Duration },
    GiveUp { error: ServiceError },
}

impl Default for Rules {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            attempts: None,
            max_deliver: None,
            backoff: vec![seconds(1), seconds(5), seconds(15), seconds(60)],
            is_final: Arc::new(|error| error.code() == 400),
            dead_letter: None,
            confirms: false,
            keep_every: ACK_WAIT / 3,
            waits: false,
            group: None,
        }
    }
}

impl Rules {
    /// The rules for a consumer that is told to be this.
    pub(super) fn within(&self, config: &ConsumerConfig) -> Result<Self, &'static str> {
        if config.ack_policy != AckPolicy::Explicit {
            return Err(
                "its `ack_policy` is not `Explicit`, so that the answer to one message would \
                        be that to others, or none would be heard",
            );
        }
        let max_deliver = config.max_deliver;
        if max_deliver.is_some_and(|most| self.attempts.is_some_and(|attempts| attempts > most)) {
            return Err("it delivers a message less often than `attempts` says: raise its \
                        `max_deliver`, or leave that out");
        }
        // Where the consumer has a back-off of its own, that is how long it waits.
        let ack_wait = config.backoff.iter().min().copied().or(config.ack_wait);
        Ok(Self {
            attempts: self.attempts.or(max_deliver),
            max_deliver,
            keep_every: (ack_wait.unwrap_or(ACK_WAIT) / 3).max(Duration::from_millis(10)),
            ..self.clone()
        })
    }

    /// Whether the server does not deliver it again, whatever it is told.
    pub(super) fn is_last_delivery(&self, delivered: u64) -> bool {
        self.max_deliver.is_some_and(|most| delivered >= most)
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
        // It is the user's code. Where it panics nobody knows, and another attempt does no harm.
        let is_final = catch_unwind(AssertUnwindSafe(|| (self.is_final)(error))).unwrap_or(false);
        if is_last || is_final {
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

    fn within(config: &ConsumerConfig) -> Rules {
        let config = config.clone().ack_policy(AckPolicy::Explicit);
        Rules::default().within(&config).expect("it fits")
    }

    #[test]
    fn a_consumer_that_does_not_fit_is_refused_with_what_to_do() {
        for policy in [AckPolicy::None, AckPolicy::All] {
            let config = ConsumerConfig::new().ack_policy(policy);
            let reason = Rules::default().within(&config).expect_err("it does not fit");
            assert!(reason.contains("`ack_policy` is not `Explicit`"), "{reason}");
        }
        let often = Rules { attempts: Some(10), ..Rules::default() };
        let config = ConsumerConfig::new().ack_policy(AckPolicy::Explicit);
        let reason = often.within(&config.clone().max_deliver(5)).expect_err("it does not fit");
        assert!(reason.contains("raise its `max_deliver`"), "{reason}");
        let rules = often.within(&config.max_deliver(11)).expect("it fits");
        assert!(!rules.is_last_delivery(10) && rules.is_last_delivery(11));
    }

    #[test]
    fn a_panic_of_who_decides_what_is_final_is_another_attempt() {
        let rules = Rules { is_final: Arc::new(|_| panic!("a bug")), ..Rules::default() };
        assert!(matches!(rules.verdict(Some(&failed(500)), 1, 0.0), Verdict::Again { .. }));
    }

    fn failed(code: u16) -> ServiceError {
        ServiceError::new(code, "no")
    }

    #[test]
    fn a_message_is_tried_again_after_pauses_that_grow() {
        let rules = Rules::default();
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
        let rules = within(&ConsumerConfig::new().max_deliver(3));
        let verdict = |code, attempt| rules.verdict(Some(&failed(code)), attempt, 0.0);
        assert!(matches!(verdict(500, 2), Verdict::Again { .. }));
        assert_eq!(verdict(500, 3), Verdict::GiveUp { error: failed(500) });
        assert_eq!(verdict(400, 1), Verdict::GiveUp { error: failed(400) });
    }

    #[test]
    fn pauses_of_any_length_are_no_trouble() {
        let mut rules = Rules { backoff: vec![Duration::MAX], ..Rules::default() };
        assert!(matches!(rules.verdict(Some(&failed(500)), 1, 1.0), Verdict::Again { .. }));
        rules.backoff.clear();
        let at_once = Verdict::Again { after: Duration::ZERO };
        assert_eq!(rules.verdict(Some(&failed(500)), 1, 1.0), at_once);
    }

    #[test]
    fn the_server_is_told_of_work_three_times_in_what_it_waits() {
        let every = |config| within(&config).keep_every.as_secs();
        assert_eq!(every(ConsumerConfig::new()), 10);
        assert_eq!(every(ConsumerConfig::new().ack_wait(Duration::from_secs(60))), 20);
        let backoff = [Duration::from_secs(60), Duration::from_secs(6)];
        assert_eq!(every(ConsumerConfig::new().backoff(backoff)), 2);
    }
}
