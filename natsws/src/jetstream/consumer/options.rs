//! What a reader may ask of a consumer, and what is wrong with it before anything is sent.

use std::time::Duration;

use super::ConsumerInfo;
use super::account::{Ask, Limit};
use super::config::{ConsumerConfig, PriorityPolicy};
use super::error::ConsumeError;
use super::pull::{Priority, PullTerms};
use crate::jetstream::ConfigError;
use crate::jetstream::config_error::{at_least, at_most, exclusive};

/// How many messages are asked for at a time.
const MESSAGES: usize = 100;
/// With how many messages bytes are asked for: bytes are the limit then.
const MESSAGES_OF_BYTES: usize = 1_000_000;
/// How long a pull waits for messages.
const EXPIRES: Duration = Duration::from_secs(30);
/// A pull that waits for less has no heartbeats.
const SHORTEST_EXPIRES: Duration = Duration::from_secs(1);
/// Heartbeats come no less often than that, and no more often.
const LONGEST_HEARTBEAT: Duration = Duration::from_secs(30);
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(500);

/// What was said of a reader; `None` is whatever suits the consumer.
#[derive(Debug, Clone, Default)]
pub(super) struct PullOptions {
    pub(super) messages: Option<usize>,
    pub(super) bytes: Option<usize>,
    pub(super) threshold: Option<usize>,
    pub(super) expires: Option<Duration>,
    pub(super) heartbeat: Option<Duration>,
    pub(super) priority: Priority,
}

impl PullOptions {
    /// How a continuous reader pulls.
    pub(super) fn continuous(
        mut self,
        info: Option<&ConsumerInfo>,
    ) -> Result<(Limit, usize, PullTerms), ConsumeError> {
        let config = self.check(info)?;
        let limit = self.limit(config)?;
        let most = match limit {
            Limit::Messages(most) | Limit::Bytes { bytes: most, .. } => most,
        };
        let threshold = self.threshold.unwrap_or(most / 4 * 3 + most % 4 * 3 / 4);
        if threshold > most {
            return Err(ConfigError::Exceeds { option: "threshold", other: "max_messages" }.into());
        }
        let expires = self.expires(config);
        at_least("expires", Some(expires), SHORTEST_EXPIRES)?;
        let heartbeat = self.heartbeat(expires)?;
        Ok((limit, threshold, PullTerms::new(expires, heartbeat, self.priority)))
    }

    /// What one pull asks for. It does not wait where `expires` is zero.
    pub(super) fn once(
        mut self,
        info: Option<&ConsumerInfo>,
    ) -> Result<(Ask, PullTerms), ConsumeError> {
        let config = self.check(info)?;
        let messages = self.messages.unwrap_or(1);
        let expires = self.expires(config);
        let heartbeat = if expires < SHORTEST_EXPIRES && self.heartbeat.is_none() {
            Duration::ZERO
        } else {
            self.heartbeat(expires)?
        };
        let terms = PullTerms::new(expires, heartbeat, self.priority);
        Ok((Ask { messages, bytes: self.bytes }, terms))
    }

    fn limit(&self, config: Option<&ConsumerConfig>) -> Result<Limit, ConfigError> {
        let (messages, bytes) = (self.messages.is_some(), self.bytes.is_some());
        exclusive(&[(messages, "max_messages", bytes, "max_bytes")])?;
        let allowed = config.map_or(usize::MAX, |config| limit_of(config.max_request_batch));
        Ok(match (self.messages, self.bytes) {
            (_, Some(bytes)) => Limit::Bytes { bytes, messages: MESSAGES_OF_BYTES.min(allowed) },
            (messages, None) => Limit::Messages(messages.unwrap_or_else(|| MESSAGES.min(allowed))),
        })
    }

    fn expires(&self, config: Option<&ConsumerConfig>) -> Duration {
        let longest = config.and_then(|config| config.max_request_expires);
        self.expires.unwrap_or_else(|| longest.map_or(EXPIRES, |longest| longest.min(EXPIRES)))
    }

    /// Half of what a pull waits, within limits. The server takes no longer one.
    fn heartbeat(&self, expires: Duration) -> Result<Duration, ConfigError> {
        let Some(heartbeat) = self.heartbeat else {
            return Ok((expires / 2).clamp(SHORTEST_HEARTBEAT, LONGEST_HEARTBEAT));
        };
        if heartbeat.is_zero() {
            return Err(ConfigError::Value { option: "heartbeat", reason: "it has to be more" });
        }
        if heartbeat > expires / 2 {
            return Err(ConfigError::Exceeds { option: "heartbeat", other: "half of expires" });
        }
        Ok(heartbeat)
    }

    /// What is wrong with the options, the consumer's own limits among them, where it is known.
    fn check<'i>(
        &mut self,
        info: Option<&'i ConsumerInfo>,
    ) -> Result<Option<&'i ConsumerConfig>, ConsumeError> {
        for (option, given) in [("max_messages", self.messages), ("max_bytes", self.bytes)] {
            if given == Some(0) {
                return Err(ConfigError::Value { option, reason: "nothing would come" }.into());
            }
        }
        at_most("priority", self.priority.rank.map_or(0, usize::from), 9)?;
        let Some(info) = info else { return Ok(None) };
        let config = &info.config;
        if config.deliver_subject.is_some() {
            let (stream, consumer) = (info.stream.clone(), info.name.clone());
            return Err(ConsumeError::PushBased { stream, consumer });
        }
        let batch = limit_of(config.max_request_batch);
        at_most("max_messages", self.messages.unwrap_or(0), batch)?;
        at_most("max_bytes", self.bytes.unwrap_or(0), limit_of(config.max_request_bytes))?;
        if config.max_request_expires.is_some_and(|most| self.expires > Some(most)) {
            let other = "the consumer's max_request_expires";
            return Err(ConfigError::Exceeds { option: "expires", other }.into());
        }
        self.check_priority(config)?;
        Ok(Some(config))
    }

    fn check_priority(&mut self, config: &ConsumerConfig) -> Result<(), ConfigError> {
        let Priority { group, min_pending, min_ack_pending, rank } = &mut self.priority;
        let policy = &config.priority_policy;
        let overflow = *policy == PriorityPolicy::Overflow;
        let prioritized = *policy == PriorityPolicy::Prioritized;
        for (option, set, allowed, needs) in [
            ("min_pending", min_pending.is_some(), overflow, "PriorityPolicy::Overflow"),
            ("min_ack_pending", min_ack_pending.is_some(), overflow, "PriorityPolicy::Overflow"),
            ("priority", rank.is_some(), prioritized, "PriorityPolicy::Prioritized"),
        ] {
            if set && !allowed {
                return Err(ConfigError::Needs { option, needs });
            }
        }
        let reason = match (group.as_ref(), config.priority_groups.as_slice()) {
            (None, []) => return Ok(()),
            (None, [only]) => {
                *group = Some(only.clone());
                return Ok(());
            }
            (Some(group), groups) if groups.contains(group) => return Ok(()),
            (None, _) => "the consumer has several groups, and one has to be chosen",
            (Some(_), _) => "the consumer has no such group",
        };
        Err(ConfigError::Value { option: "group", reason })
    }
}

/// A consumer's limit; no limit is the largest.
fn limit_of(limit: Option<u64>) -> usize {
    let limit = limit.filter(|limit| *limit > 0).unwrap_or(u64::MAX);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// The options of all that pulls, for the builders that have a field `options`.
macro_rules! priority_options {
    () => {
        /// The group of clients that this one belongs to, of a consumer that has several
        /// (ADR-42). Default: the consumer's only group.
        pub fn group(mut self, group: impl Into<String>) -> Self {
            self.options.priority.group = Some(group.into());
            self
        }

        /// Gets messages only while so many or more wait to be delivered, of a consumer with
        /// [`PriorityPolicy::Overflow`](crate::jetstream::PriorityPolicy::Overflow) (ADR-42).
        pub fn min_pending(mut self, messages: u64) -> Self {
            self.options.priority.min_pending = Some(messages);
            self
        }

        /// Gets messages only while so many or more are out that are not acknowledged yet, of a
        /// consumer with
        /// [`PriorityPolicy::Overflow`](crate::jetstream::PriorityPolicy::Overflow) (ADR-42).
        pub fn min_ack_pending(mut self, messages: u64) -> Self {
            self.options.priority.min_ack_pending = Some(messages);
            self
        }

        /// Who gets messages first, of a consumer with
        /// [`PriorityPolicy::Prioritized`](crate::jetstream::PriorityPolicy::Prioritized): 0 is
        /// before 9 (ADR-42).
        pub fn priority(mut self, priority: u8) -> Self {
            self.options.priority.rank = Some(priority);
            self
        }
    };
}

pub(super) use priority_options;

#[cfg(test)]
mod tests;
