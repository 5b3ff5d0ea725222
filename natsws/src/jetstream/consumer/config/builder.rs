//! The fields of a consumer's configuration, one after the other.

use std::time::{Duration, SystemTime};

use super::{AckPolicy, ConsumerConfig, DeliverPolicy, PriorityPolicy, ReplayPolicy};

/// What each of them means stands with the field of the same name.
impl ConsumerConfig {
    /// A consumer that lives as long as it is used, whose name is up to the client.
    pub fn new() -> Self {
        Self::default()
    }

    /// A consumer of this name that stays until it is deleted.
    pub fn durable(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { name: Some(name.clone()), durable_name: Some(name), ..Self::default() }
    }

    /// A consumer of this name that lives as long as it is used.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// What the consumer is for.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Which message is the first.
    #[must_use]
    pub fn deliver_policy(mut self, deliver_policy: DeliverPolicy) -> Self {
        self.deliver_policy = deliver_policy;
        self
    }

    /// How messages are acknowledged.
    #[must_use]
    pub fn ack_policy(mut self, ack_policy: AckPolicy) -> Self {
        self.ack_policy = ack_policy;
        self
    }

    /// How long an acknowledgement may take before a message is delivered again.
    #[must_use]
    pub fn ack_wait(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.ack_wait = time.into();
        self
    }

    /// How often a message is delivered at most.
    #[must_use]
    pub fn max_deliver(mut self, times: impl Into<Option<u64>>) -> Self {
        self.max_deliver = times.into();
        self
    }

    /// How long each acknowledgement may take, one after the other.
    #[must_use]
    pub fn backoff(mut self, backoff: impl IntoIterator<Item = Duration>) -> Self {
        self.backoff = backoff.into_iter().collect();
        self
    }

    /// The one subject whose messages are delivered, with wildcards.
    #[must_use]
    pub fn filter_subject(self, filter_subject: impl Into<String>) -> Self {
        self.filter_subjects([filter_subject])
    }

    /// The subjects whose messages are delivered, with wildcards.
    #[must_use]
    pub fn filter_subjects(
        mut self,
        filter_subjects: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.filter_subjects = filter_subjects.into_iter().map(Into::into).collect();
        self
    }

    /// How fast messages come that are there already.
    #[must_use]
    pub fn replay_policy(mut self, replay_policy: ReplayPolicy) -> Self {
        self.replay_policy = replay_policy;
        self
    }

    /// How fast messages are pushed, in bits a second.
    #[must_use]
    pub fn rate_limit_bps(mut self, bits: impl Into<Option<u64>>) -> Self {
        self.rate_limit_bps = bits.into();
        self
    }

    /// Of how many messages in a hundred the server tells how they were handled.
    #[must_use]
    pub fn sample_percent(mut self, percent: impl Into<Option<u32>>) -> Self {
        self.sample_percent = percent.into();
        self
    }

    /// How many requests for messages may wait.
    #[must_use]
    pub fn max_waiting(mut self, requests: impl Into<Option<u64>>) -> Self {
        self.max_waiting = requests.into();
        self
    }

    /// How many messages may be out that are not acknowledged yet.
    #[must_use]
    pub fn max_ack_pending(mut self, messages: impl Into<Option<u64>>) -> Self {
        self.max_ack_pending = messages.into();
        self
    }

    /// Whether the server waits for a slow subscriber.
    #[must_use]
    pub fn flow_control(mut self, flow_control: bool) -> Self {
        self.flow_control = flow_control;
        self
    }

    /// Whether messages come without their payloads.
    #[must_use]
    pub fn headers_only(mut self, headers_only: bool) -> Self {
        self.headers_only = headers_only;
        self
    }

    /// How many messages a request may ask for.
    #[must_use]
    pub fn max_request_batch(mut self, messages: impl Into<Option<u64>>) -> Self {
        self.max_request_batch = messages.into();
        self
    }

    /// How long a request may wait.
    #[must_use]
    pub fn max_request_expires(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.max_request_expires = time.into();
        self
    }

    /// How many bytes a request may ask for.
    #[must_use]
    pub fn max_request_bytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.max_request_bytes = bytes.into();
        self
    }

    /// Where messages are pushed to.
    #[must_use]
    pub fn deliver_subject(mut self, deliver_subject: impl Into<String>) -> Self {
        self.deliver_subject = Some(deliver_subject.into());
        self
    }

    /// The queue group that messages are pushed to.
    #[must_use]
    pub fn deliver_group(mut self, deliver_group: impl Into<String>) -> Self {
        self.deliver_group = Some(deliver_group.into());
        self
    }

    /// After which silence the server says that it is there.
    #[must_use]
    pub fn idle_heartbeat(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.idle_heartbeat = interval.into();
        self
    }

    /// For how long the consumer is kept that nobody uses.
    #[must_use]
    pub fn inactive_threshold(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.inactive_threshold = time.into();
        self
    }

    /// How many servers keep the consumer's state.
    #[must_use]
    pub fn replicas(mut self, replicas: impl Into<Option<u32>>) -> Self {
        self.replicas = replicas.into();
        self
    }

    /// Whether the consumer's state is kept in memory.
    #[must_use]
    pub fn memory_storage(mut self, memory_storage: bool) -> Self {
        self.memory_storage = memory_storage;
        self
    }

    /// Texts for whoever reads them.
    #[must_use]
    pub fn metadata<K: Into<String>, V: Into<String>>(
        mut self,
        metadata: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let metadata = metadata.into_iter().map(|(key, value)| (key.into(), value.into()));
        self.metadata = metadata.collect();
        self
    }

    /// Until when nothing is delivered.
    #[must_use]
    pub fn pause_until(mut self, time: impl Into<Option<SystemTime>>) -> Self {
        self.pause_until = time.into();
        self
    }

    /// The groups that requests for messages belong to.
    #[must_use]
    pub fn priority_groups(
        mut self,
        priority_groups: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.priority_groups = priority_groups.into_iter().map(Into::into).collect();
        self
    }

    /// Who of a group gets messages.
    #[must_use]
    pub fn priority_policy(mut self, priority_policy: PriorityPolicy) -> Self {
        self.priority_policy = priority_policy;
        self
    }

    /// After how long another client takes over.
    #[must_use]
    pub fn priority_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.priority_timeout = time.into();
        self
    }
}
