//! What is known of a bucket.

use std::fmt;
use std::time::Duration;

use super::config::BucketConfig;
use crate::jetstream::{Storage, StreamInfo};

/// What the server says of a bucket: what it is told to be, and what is in it.
#[derive(Clone, PartialEq)]
pub struct BucketStatus {
    config: BucketConfig,
    info: StreamInfo,
}

impl BucketStatus {
    pub(super) fn new(bucket: &str, info: StreamInfo) -> Self {
        Self { config: BucketConfig::of(bucket, &info.config), info }
    }

    /// Its name.
    pub fn bucket(&self) -> &str {
        &self.config.name
    }

    /// What it is told to be: what to begin with for changing it.
    pub fn config(&self) -> &BucketConfig {
        &self.config
    }

    /// How many values there are, with those of the history and the marks of what was deleted.
    pub fn values(&self) -> u64 {
        self.info.state.messages
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> u64 {
        self.info.state.bytes
    }

    /// The revision of the last change; 0 before there was any.
    pub fn last_revision(&self) -> u64 {
        self.info.state.last_sequence
    }

    /// How many values of each key are kept.
    pub fn history(&self) -> u64 {
        self.config.history
    }

    /// How long a value is kept.
    pub fn ttl(&self) -> Option<Duration> {
        self.config.ttl
    }

    /// Where it is kept.
    pub fn storage(&self) -> &Storage {
        &self.config.storage
    }

    /// How many servers keep it.
    pub fn replicas(&self) -> u32 {
        self.config.replicas
    }

    /// Whether what is kept in files is compressed.
    pub fn is_compressed(&self) -> bool {
        self.config.compression
    }

    /// How long the marks are kept that a key's time was over; `None` where there are none.
    pub fn limit_marker_ttl(&self) -> Option<Duration> {
        self.config.limit_marker_ttl
    }

    /// The cluster that keeps it, where there is one.
    pub fn cluster(&self) -> Option<&str> {
        self.info.cluster.as_ref()?.name.as_deref()
    }

    /// The stream that it is.
    pub fn stream_info(&self) -> &StreamInfo {
        &self.info
    }
}

impl fmt::Debug for BucketStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketStatus")
            .field("config", &self.config)
            .field("values", &self.values())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}
