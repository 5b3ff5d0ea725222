//! Which of the options that are set need a newer server, or a newer API (ADR-44).

use super::consumer::{AckPolicy, ConsumerConfig, PriorityPolicy};
use super::stream::{Compression, ConsumerLimits, PersistMode, Source, StreamConfig};
use super::version::Feature;

/// An option, and whether it is set. The level is what the API is asked to have, so that a
/// server that does not know the option refuses it instead of leaving it out.
struct Choice {
    set: bool,
    feature: Feature,
    level: u32,
}

const fn option(set: bool, name: &'static str, since: &'static str, level: u32) -> Choice {
    Choice { set, feature: Feature::new(name, since), level }
}

/// What a configuration needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) features: Vec<Feature>,
    /// The level that the API has to have; 0 is any.
    pub(crate) level: u32,
}

impl Needs {
    fn new(options: impl IntoIterator<Item = Choice>) -> Self {
        let mut needs = Self::default();
        for option in options.into_iter().filter(|option| option.set) {
            needs.features.push(option.feature);
            needs.level = needs.level.max(option.level);
        }
        needs
    }

    /// What is needed beyond what is there already: the newest first.
    pub(crate) fn beyond(mut self, there: &Self) -> Option<Feature> {
        self.features.retain(|feature| !there.features.contains(feature));
        self.features.pop()
    }
}

impl StreamConfig {
    pub(crate) fn needs(&self) -> Needs {
        let others: Vec<&Source> = self.mirror.iter().chain(&self.sources).collect();
        let transforms = others.iter().any(|other| !other.subject_transforms.is_empty());
        let consumer = others.iter().any(|other| other.consumer.is_some());
        let limited = self.consumer_limits != ConsumerLimits::default();
        let markers = self.subject_delete_marker_ttl.is_some_and(|ttl| !ttl.is_zero());
        Needs::new([
            option(self.allow_direct, "`allow_direct`", "2.9.0", 0),
            option(self.mirror_direct, "`mirror_direct`", "2.9.0", 0),
            option(self.discard_new_per_subject, "`discard_new_per_subject`", "2.9.0", 0),
            option(!self.metadata.is_empty(), "`metadata`", "2.10.0", 0),
            option(self.first_sequence.is_some(), "`first_sequence`", "2.10.0", 0),
            option(self.compression != Compression::None, "`compression`", "2.10.0", 0),
            option(limited, "`consumer_limits`", "2.10.0", 0),
            option(self.subject_transform.is_some(), "`subject_transform`", "2.10.0", 0),
            option(transforms, "`subject_transforms` of a mirror or source", "2.10.0", 0),
            option(self.allow_message_ttl, "`allow_message_ttl`", "2.11.0", 1),
            option(markers, "`subject_delete_marker_ttl`", "2.11.0", 1),
            option(self.allow_message_counter, "`allow_message_counter`", "2.12.0", 2),
            option(self.allow_atomic_publish, "`allow_atomic_publish`", "2.12.0", 2),
            option(self.allow_message_schedules, "`allow_message_schedules`", "2.12.0", 2),
            option(self.persist_mode == PersistMode::Async, "`PersistMode::Async`", "2.12.0", 2),
            option(self.allow_batch_publish, "`allow_batch_publish`", "2.14.0", 4),
            option(consumer, "the `consumer` of a mirror or source", "2.14.0", 4),
        ])
    }
}

impl ConsumerConfig {
    pub(crate) fn needs(&self) -> Needs {
        let groups =
            !self.priority_groups.is_empty() || self.priority_policy != PriorityPolicy::None;
        let named = self.name.is_some() || self.durable_name.is_some();
        let by_priority = self.priority_policy == PriorityPolicy::Prioritized;
        let by_flow = self.ack_policy == AckPolicy::FlowControl;
        Needs::new([
            option(named, "making a consumer by its name", "2.9.0", 0),
            option(!self.metadata.is_empty(), "`metadata`", "2.10.0", 0),
            option(self.filter_subjects.len() > 1, "several `filter_subjects`", "2.10.0", 0),
            option(self.pause_until.is_some(), "`pause_until`", "2.11.0", 1),
            option(groups, "`priority_groups`", "2.11.0", 1),
            option(by_priority, "`PriorityPolicy::Prioritized`", "2.12.0", 2),
            option(by_flow, "`AckPolicy::FlowControl`", "2.14.0", 4),
        ])
    }
}
