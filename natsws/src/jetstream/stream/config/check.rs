//! What no server would take.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Discard, PersistMode, Retention, Source, Storage, StreamConfig};
use crate::jetstream::ConfigError;
use crate::jetstream::config_error::{at_least, at_most, check_texts, exclusive, needed};
use crate::jetstream::name::check_name;
use crate::subject::{check_filter, check_subject};

const SHORTEST: Duration = Duration::from_millis(100);

impl StreamConfig {
    /// Finds the contradictions that every server would refuse; the rest is the server's to say.
    ///
    /// Creating and updating a stream do this by themselves.
    ///
    /// # Errors
    /// [`ConfigError`] with the first that is found.
    pub fn check(&self) -> Result<(), ConfigError> {
        check_name("stream", &self.name)?;
        check_texts(self.description.as_deref(), &self.metadata)?;
        self.check_subjects()?;
        self.check_limits()?;
        self.check_kind()?;
        if let Some(mirror) = &self.mirror {
            self.check_mirror(mirror)?;
        }
        self.sources.iter().try_for_each(|source| check_source("sources", source))
    }

    fn check_subjects(&self) -> Result<(), ConfigError> {
        let mut seen = BTreeSet::new();
        for subject in &self.subjects {
            check_filter(subject)
                .map_err(|source| ConfigError::Subject { option: "subjects", source })?;
            if !seen.insert(subject) {
                let reason = "one subject stands there twice";
                return Err(ConfigError::Value { option: "subjects", reason });
            }
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        at_most("replicas", usize::try_from(self.replicas).unwrap_or(usize::MAX), 5)?;
        at_least("max_age", self.max_age, SHORTEST)?;
        at_least("duplicate_window", self.duplicate_window, SHORTEST)?;
        let marker = self.subject_delete_marker_ttl;
        at_least("subject_delete_marker_ttl", marker, Duration::from_secs(1))?;
        let window = self.duplicate_window.unwrap_or_default();
        if self.max_age.is_some_and(|age| !age.is_zero() && window > age) {
            return Err(ConfigError::Exceeds { option: "duplicate_window", other: "max_age" });
        }
        Ok(())
    }

    fn check_kind(&self) -> Result<(), ConfigError> {
        let discard_new = self.discard == Discard::New;
        let per_subject = self.max_messages_per_subject.is_some_and(|most| most > 0);
        let counter = self.allow_message_counter;
        let schedules = self.allow_message_schedules;
        let early = self.persist_mode == PersistMode::Async;
        needed(&[
            (self.discard_new_per_subject, "discard_new_per_subject", discard_new, "Discard::New"),
            (
                self.discard_new_per_subject,
                "discard_new_per_subject",
                per_subject,
                "max_messages_per_subject",
            ),
            (
                counter,
                "allow_message_counter",
                self.retention == Retention::Limits,
                "Retention::Limits",
            ),
            (early, "PersistMode::Async", self.storage == Storage::File, "Storage::File"),
            (early, "PersistMode::Async", self.replicas <= 1, "replicas(1)"),
        ])?;
        exclusive(&[
            (self.deny_purge, "deny_purge", self.allow_rollup, "allow_rollup"),
            (counter, "allow_message_counter", discard_new, "Discard::New"),
            (counter, "allow_message_counter", self.allow_message_ttl, "allow_message_ttl"),
            (counter, "allow_message_counter", schedules, "allow_message_schedules"),
            (schedules, "allow_message_schedules", discard_new, "Discard::New"),
            (schedules, "allow_message_schedules", !self.sources.is_empty(), "sources"),
            (early, "PersistMode::Async", self.allow_atomic_publish, "allow_atomic_publish"),
        ])
    }

    fn check_mirror(&self, mirror: &Source) -> Result<(), ConfigError> {
        let excluded = [
            (!self.subjects.is_empty(), "subjects"),
            (!self.sources.is_empty(), "sources"),
            (self.first_sequence.is_some_and(|first| first > 0), "first_sequence"),
            (self.allow_message_counter, "allow_message_counter"),
            (self.allow_atomic_publish, "allow_atomic_publish"),
            (self.allow_batch_publish, "allow_batch_publish"),
            (self.allow_message_schedules, "allow_message_schedules"),
            (self.subject_delete_marker_ttl.is_some(), "subject_delete_marker_ttl"),
        ];
        exclusive(&excluded.map(|(set, option)| (true, "mirror", set, option)))?;
        check_source("mirror", mirror)
    }
}

/// What is wrong with a mirror as well as with one of several sources.
fn check_source(option: &'static str, source: &Source) -> Result<(), ConfigError> {
    let filtered = source.filter_subject.is_some();
    exclusive(&[
        (source.is_reached_twice(), "domain", true, "external"),
        (filtered, "filter_subject", !source.subject_transforms.is_empty(), "subject_transforms"),
    ])?;
    // Whether a name is one is for the servers over there to say, where the stream is theirs.
    if source.external.is_none() || option == "sources" {
        check_name("stream", &source.name)?;
    }
    let subject = |source| ConfigError::Subject { option, source };
    if let Some(external) = &source.external {
        for prefix in [Some(&external.api), external.deliver.as_ref()].into_iter().flatten() {
            if !prefix.is_empty() {
                check_subject(prefix).map_err(subject)?;
            }
        }
    }
    for from in source.subject_transforms.iter().map(|transform| &transform.source) {
        if !from.is_empty() {
            check_filter(from).map_err(subject)?;
        }
    }
    let Some(consumer) = &source.consumer else { return Ok(()) };
    check_name("consumer", &consumer.name)?;
    check_subject(&consumer.deliver_subject).map_err(subject)?;
    exclusive(&[
        (true, "consumer", source.start_sequence.is_some(), "start_sequence"),
        (true, "consumer", source.start_time.is_some(), "start_time"),
        (true, "consumer", filtered, "filter_subject"),
    ])
}
