//! The fields of a stream's configuration, one after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Map;

use super::{
    Compression, ConsumerLimits, Discard, PersistMode, Placement, Republish, Retention, Source,
    Storage, StreamConfig, SubjectTransform,
};

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            description: None,
            subjects: Vec::new(),
            retention: Retention::default(),
            max_consumers: None,
            max_messages: None,
            max_bytes: None,
            max_age: None,
            max_messages_per_subject: None,
            max_message_size: None,
            storage: Storage::default(),
            discard: Discard::default(),
            discard_new_per_subject: false,
            replicas: 1,
            no_ack: false,
            duplicate_window: None,
            placement: None,
            mirror: None,
            sources: Vec::new(),
            compression: Compression::default(),
            first_sequence: None,
            subject_transform: None,
            republish: None,
            sealed: false,
            deny_delete: false,
            deny_purge: false,
            allow_rollup: false,
            allow_direct: false,
            mirror_direct: false,
            consumer_limits: ConsumerLimits::default(),
            metadata: BTreeMap::new(),
            allow_message_ttl: false,
            subject_delete_marker_ttl: None,
            allow_message_counter: false,
            allow_atomic_publish: false,
            allow_batch_publish: false,
            allow_message_schedules: false,
            persist_mode: PersistMode::default(),
            unknown: Map::new(),
        }
    }
}

/// What each of them means stands with the field of the same name.
impl StreamConfig {
    /// A stream of this name, with the server's defaults for everything else.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// What the stream is for.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// The subjects whose messages are kept, with wildcards.
    #[must_use]
    pub fn subjects(mut self, subjects: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.subjects = subjects.into_iter().map(Into::into).collect();
        self
    }

    /// For how long messages are kept.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// How many consumers there may be.
    #[must_use]
    pub fn max_consumers(mut self, consumers: impl Into<Option<u64>>) -> Self {
        self.max_consumers = consumers.into();
        self
    }

    /// How many messages are kept.
    #[must_use]
    pub fn max_messages(mut self, messages: impl Into<Option<u64>>) -> Self {
        self.max_messages = messages.into();
        self
    }

    /// How many bytes are kept.
    #[must_use]
    pub fn max_bytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.max_bytes = bytes.into();
        self
    }

    /// How old messages may get.
    #[must_use]
    pub fn max_age(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.max_age = age.into();
        self
    }

    /// How many messages are kept of each subject.
    #[must_use]
    pub fn max_messages_per_subject(mut self, messages: impl Into<Option<u64>>) -> Self {
        self.max_messages_per_subject = messages.into();
        self
    }

    /// How large a message may be.
    #[must_use]
    pub fn max_message_size(mut self, bytes: impl Into<Option<u32>>) -> Self {
        self.max_message_size = bytes.into();
        self
    }

    /// Where messages are kept.
    #[must_use]
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// What gives way when a limit is reached.
    #[must_use]
    pub fn discard(mut self, discard: Discard) -> Self {
        self.discard = discard;
        self
    }

    /// Whether a subject that has reached its own limit takes no new messages.
    #[must_use]
    pub fn discard_new_per_subject(mut self, discard_new_per_subject: bool) -> Self {
        self.discard_new_per_subject = discard_new_per_subject;
        self
    }

    /// How many servers of a cluster keep the stream, 1 to 5.
    #[must_use]
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// Whether the server is silent about what it has stored.
    #[must_use]
    pub fn no_ack(mut self, no_ack: bool) -> Self {
        self.no_ack = no_ack;
        self
    }

    /// For how long a message that is published twice is recognised.
    #[must_use]
    pub fn duplicate_window(mut self, window: impl Into<Option<Duration>>) -> Self {
        self.duplicate_window = window.into();
        self
    }

    /// Which servers of a cluster keep the stream.
    #[must_use]
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = Some(placement);
        self
    }

    /// The stream that this one is a copy of: its name, or a [`Source`].
    #[must_use]
    pub fn mirror(mut self, mirror: impl Into<Source>) -> Self {
        self.mirror = Some(mirror.into());
        self
    }

    /// The streams whose messages are gathered here: their names, or a [`Source`] each.
    #[must_use]
    pub fn sources(mut self, sources: impl IntoIterator<Item = impl Into<Source>>) -> Self {
        self.sources = sources.into_iter().map(Into::into).collect();
        self
    }

    /// How what is stored in files is compressed.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// The sequence number of the first message.
    #[must_use]
    pub fn first_sequence(mut self, sequence: impl Into<Option<u64>>) -> Self {
        self.first_sequence = sequence.into();
        self
    }

    /// The subjects under which messages are kept.
    #[must_use]
    pub fn subject_transform(mut self, subject_transform: SubjectTransform) -> Self {
        self.subject_transform = Some(subject_transform);
        self
    }

    /// Where messages are published again once they are stored.
    #[must_use]
    pub fn republish(mut self, republish: Republish) -> Self {
        self.republish = Some(republish);
        self
    }

    /// Whether messages neither come nor go any more.
    #[must_use]
    pub fn sealed(mut self, sealed: bool) -> Self {
        self.sealed = sealed;
        self
    }

    /// Whether single messages cannot be deleted.
    #[must_use]
    pub fn deny_delete(mut self, deny_delete: bool) -> Self {
        self.deny_delete = deny_delete;
        self
    }

    /// Whether the stream cannot be purged.
    #[must_use]
    pub fn deny_purge(mut self, deny_purge: bool) -> Self {
        self.deny_purge = deny_purge;
        self
    }

    /// Whether a message may take the place of all that came before it.
    #[must_use]
    pub fn allow_rollup(mut self, allow_rollup: bool) -> Self {
        self.allow_rollup = allow_rollup;
        self
    }

    /// Whether every server that keeps the stream answers requests for messages.
    #[must_use]
    pub fn allow_direct(mut self, allow_direct: bool) -> Self {
        self.allow_direct = allow_direct;
        self
    }

    /// Whether a mirror answers requests for the stream that it is a copy of.
    #[must_use]
    pub fn mirror_direct(mut self, mirror_direct: bool) -> Self {
        self.mirror_direct = mirror_direct;
        self
    }

    /// What consumers get that say nothing else, and what they may ask for at most.
    #[must_use]
    pub fn consumer_limits(mut self, consumer_limits: ConsumerLimits) -> Self {
        self.consumer_limits = consumer_limits;
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

    /// Whether a message may say how long it is kept.
    #[must_use]
    pub fn allow_message_ttl(mut self, allow_message_ttl: bool) -> Self {
        self.allow_message_ttl = allow_message_ttl;
        self
    }

    /// How long the marker of a subject's end is kept.
    #[must_use]
    pub fn subject_delete_marker_ttl(mut self, ttl: impl Into<Option<Duration>>) -> Self {
        self.subject_delete_marker_ttl = ttl.into();
        self
    }

    /// Whether messages are numbers that the server adds up.
    #[must_use]
    pub fn allow_message_counter(mut self, allow_message_counter: bool) -> Self {
        self.allow_message_counter = allow_message_counter;
        self
    }

    /// Whether messages may be published as a batch, whole or not at all.
    #[must_use]
    pub fn allow_atomic_publish(mut self, allow_atomic_publish: bool) -> Self {
        self.allow_atomic_publish = allow_atomic_publish;
        self
    }

    /// Whether messages may be published as a batch that is acknowledged in steps.
    #[must_use]
    pub fn allow_batch_publish(mut self, allow_batch_publish: bool) -> Self {
        self.allow_batch_publish = allow_batch_publish;
        self
    }

    /// Whether a message may ask to be published later.
    #[must_use]
    pub fn allow_message_schedules(mut self, allow_message_schedules: bool) -> Self {
        self.allow_message_schedules = allow_message_schedules;
        self
    }

    /// When a message counts as stored.
    #[must_use]
    pub fn persist_mode(mut self, persist_mode: PersistMode) -> Self {
        self.persist_mode = persist_mode;
        self
    }
}
