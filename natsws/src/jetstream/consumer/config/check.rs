//! What no server would take.

use std::time::Duration;

use super::{AckPolicy, ConsumerConfig, DeliverPolicy, PriorityPolicy};
use crate::jetstream::ConfigError;
use crate::jetstream::config_error::{at_least, check_texts, exclusive, needed};
use crate::jetstream::name::check_name;
use crate::subject::{check_filter, check_queue_group, check_subject};

impl ConsumerConfig {
    /// Finds the contradictions that every server would refuse, and a queue group with flow control
    /// or heartbeats, which only one of its members would get; the rest is the server's to say.
    ///
    /// Creating and updating a consumer do this by themselves.
    ///
    /// # Errors
    /// [`ConfigError`] with the first that is found.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_names()?;
        check_texts(self.description.as_deref(), &self.metadata)?;
        self.check_subjects()?;
        self.check_delivery()?;
        if self.deliver_subject.is_some() { self.check_push() } else { self.check_pull() }?;
        self.check_acks()?;
        self.check_priority()
    }

    fn check_names(&self) -> Result<(), ConfigError> {
        for name in [&self.name, &self.durable_name].into_iter().flatten() {
            check_name("consumer", name)?;
        }
        match (&self.name, &self.durable_name) {
            (Some(name), Some(durable)) if name != durable => Err(ConfigError::Value {
                option: "durable_name",
                reason: "it has to be the same as `name`",
            }),
            _ => Ok(()),
        }
    }

    fn check_subjects(&self) -> Result<(), ConfigError> {
        let fault = |option| move |source| ConfigError::Subject { option, source };
        for filter in &self.filter_subjects {
            check_filter(filter).map_err(fault("filter_subjects"))?;
        }
        if let Some(subject) = &self.deliver_subject {
            check_subject(subject).map_err(fault("deliver_subject"))?;
        }
        match &self.deliver_group {
            Some(group) => check_queue_group(group).map_err(fault("deliver_group")),
            None => Ok(()),
        }
    }

    fn check_delivery(&self) -> Result<(), ConfigError> {
        let last = self.deliver_policy == DeliverPolicy::LastPerSubject;
        let filtered = !self.filter_subjects.is_empty();
        needed(&[(last, "DeliverPolicy::LastPerSubject", filtered, "filter_subjects")])?;
        if self.deliver_policy == DeliverPolicy::FromSequence(0) {
            let reason = "sequence numbers start with 1";
            return Err(ConfigError::Value { option: "deliver_policy", reason });
        }
        Ok(())
    }

    fn check_push(&self) -> Result<(), ConfigError> {
        let grouped = self.deliver_group.is_some();
        let heartbeat = self.has_heartbeat();
        exclusive(&[
            // These go to one member of the group, and the others miss them: a server that takes
            // the two together does nobody a favour.
            (grouped, "deliver_group", self.flow_control, "flow_control"),
            (grouped, "deliver_group", heartbeat, "idle_heartbeat"),
            (true, "deliver_subject", self.max_waiting.is_some_and(|most| most > 0), "max_waiting"),
            (true, "deliver_subject", self.is_prioritized(), "priority_policy"),
            (self.limits_acks(), "max_ack_pending", self.takes_no_acks(), "AckPolicy::None"),
        ])?;
        at_least("idle_heartbeat", self.idle_heartbeat, Duration::from_millis(100))?;
        // With that policy the server sees to both by itself.
        let alone = self.flow_control && self.ack_policy != AckPolicy::FlowControl;
        needed(&[(alone, "flow_control", heartbeat, "idle_heartbeat")])
    }

    fn check_pull(&self) -> Result<(), ConfigError> {
        let pushed = [
            (self.rate_limit_bps.is_some_and(|bits| bits > 0), "rate_limit_bps"),
            (self.has_heartbeat(), "idle_heartbeat"),
            (self.flow_control, "flow_control"),
            (self.ack_policy == AckPolicy::FlowControl, "AckPolicy::FlowControl"),
        ];
        needed(&pushed.map(|(set, option)| (set, option, false, "deliver_subject")))?;
        let expires = self.max_request_expires;
        at_least("max_request_expires", expires, Duration::from_millis(1))
    }

    fn check_acks(&self) -> Result<(), ConfigError> {
        let limited = self.max_deliver.filter(|most| *most > 0);
        let by_flow = self.ack_policy == AckPolicy::FlowControl;
        exclusive(&[
            (by_flow, "AckPolicy::FlowControl", self.ack_wait.is_some(), "ack_wait"),
            (by_flow, "AckPolicy::FlowControl", !self.backoff.is_empty(), "backoff"),
            (by_flow, "AckPolicy::FlowControl", limited.is_some(), "max_deliver"),
        ])?;
        let backoff = u64::try_from(self.backoff.len()).unwrap_or(u64::MAX);
        if limited.is_some_and(|most| backoff > most) {
            return Err(ConfigError::Exceeds { option: "backoff", other: "max_deliver" });
        }
        Ok(())
    }

    fn check_priority(&self) -> Result<(), ConfigError> {
        let (groups, policy) = (!self.priority_groups.is_empty(), self.is_prioritized());
        let timeout = self.priority_timeout.is_some_and(|time| !time.is_zero());
        needed(&[
            (groups, "priority_groups", policy, "priority_policy"),
            (policy, "priority_policy", groups, "priority_groups"),
            (timeout, "priority_timeout", policy, "priority_policy"),
        ])?;
        let valid = |group: &String| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_=-".contains(&byte);
            (1..=16).contains(&group.len()) && group.bytes().all(allowed)
        };
        if self.priority_groups.iter().all(valid) {
            return Ok(());
        }
        let reason = "a group's name is 1 to 16 letters, digits and `/ _ = -`";
        Err(ConfigError::Value { option: "priority_groups", reason })
    }

    fn has_heartbeat(&self) -> bool {
        self.idle_heartbeat.is_some_and(|interval| !interval.is_zero())
    }

    fn is_prioritized(&self) -> bool {
        self.priority_policy != PriorityPolicy::None
    }

    fn takes_no_acks(&self) -> bool {
        self.ack_policy == AckPolicy::None
    }

    fn limits_acks(&self) -> bool {
        self.max_ack_pending.is_some_and(|most| most > 0 && i64::try_from(most).is_ok())
    }
}
