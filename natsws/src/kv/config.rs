//! What a bucket is told to be.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::KeyValueError;
use super::key::check_bucket;
use super::place::{STREAM, bucket_of, prefix_of, stream_of};
use crate::jetstream::{
    Compression, ConfigError, Discard, JetStreamError, Placement, Republish, Source, Storage,
    StreamConfig, SubjectTransform,
};

/// The most values of a key that a bucket keeps (ADR-8).
const MOST_HISTORY: u64 = 64;

/// For how long a bucket remembers what was written to it, so that nothing is written twice.
const REMEMBERED: Duration = Duration::from_secs(120);

/// What a bucket is told to be: its name, and what it keeps for how long.
///
/// Only the name is needed. What is left alone is the server's default.
///
/// ```
/// use std::time::Duration;
/// use natsws::kv::BucketConfig;
///
/// let sessions = BucketConfig::new("sessions")
///     .ttl(Duration::from_secs(3600))
///     .limit_marker_ttl(Duration::from_secs(60))
///     .replicas(3);
/// let settings = BucketConfig::new("settings").history(5).description("what users chose");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BucketConfig {
    /// The name: letters and digits of ASCII, `-` and `_`.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// How many values of each key are kept, 1 to 64. Default: 1.
    pub history: u64,
    /// How long a value is kept; `None` is for ever. Default: `None`.
    pub ttl: Option<Duration>,
    /// How large it may grow, in bytes; what is written to a full bucket is refused. Default: no
    /// limit.
    pub max_bytes: Option<u64>,
    /// How large a value may be, in bytes with its headers. Default: what the server allows.
    pub max_value_size: Option<u32>,
    /// Where it is kept. It cannot be changed later. Default: in files.
    pub storage: Storage,
    /// How many servers of a cluster keep it, 1 to 5. Default: 1.
    pub replicas: u32,
    /// Which servers of a cluster keep it.
    pub placement: Option<Placement>,
    /// Where what is written is published again.
    pub republish: Option<Republish>,
    /// Texts for whoever reads them.
    pub metadata: BTreeMap<String, String>,
    /// Whether what is kept in files is compressed (server 2.10). Default: no.
    pub compression: bool,
    /// The bucket that this one is a copy of: it is read here, and written to there.
    pub mirror: Option<Source>,
    /// The buckets whose changes come into this one, which has its own as well.
    pub sources: Vec<Source>,
    /// How long the server's mark is kept that a key's time was over, one second or more. With it,
    /// watches hear of keys whose time is over, and single keys may have a time to live (ADR-48,
    /// server 2.11). It cannot be taken back.
    pub limit_marker_ttl: Option<Duration>,
    /// Whether every server that keeps it answers reads, not only its leader: quicker, and perhaps
    /// what was true a moment ago. Default: yes; an update leaves it as it is.
    pub allow_direct: Option<bool>,
}

/// What each of them means stands with the field of the same name.
#[expect(missing_docs, reason = "the fields have it")]
impl BucketConfig {
    /// The bucket of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: None,
            history: 1,
            ttl: None,
            max_bytes: None,
            max_value_size: None,
            storage: Storage::default(),
            replicas: 1,
            placement: None,
            republish: None,
            metadata: BTreeMap::new(),
            compression: false,
            mirror: None,
            sources: Vec::new(),
            limit_marker_ttl: None,
            allow_direct: None,
        }
    }

    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    #[must_use]
    pub fn history(mut self, values: u64) -> Self {
        self.history = values;
        self
    }

    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Option<Duration>>) -> Self {
        self.ttl = ttl.into();
        self
    }

    #[must_use]
    pub fn max_bytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.max_bytes = bytes.into();
        self
    }

    #[must_use]
    pub fn max_value_size(mut self, bytes: impl Into<Option<u32>>) -> Self {
        self.max_value_size = bytes.into();
        self
    }

    #[must_use]
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    #[must_use]
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    #[must_use]
    pub fn placement(mut self, placement: impl Into<Option<Placement>>) -> Self {
        self.placement = placement.into();
        self
    }

    #[must_use]
    pub fn republish(mut self, republish: impl Into<Option<Republish>>) -> Self {
        self.republish = republish.into();
        self
    }

    #[must_use]
    pub fn metadata<K: Into<String>, V: Into<String>>(
        mut self,
        metadata: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let pairs = metadata.into_iter().map(|(key, value)| (key.into(), value.into()));
        self.metadata = pairs.collect();
        self
    }

    #[must_use]
    pub fn compression(mut self, compression: bool) -> Self {
        self.compression = compression;
        self
    }

    /// The bucket that this one is a copy of, by its name, or in another domain:
    /// `Source::new("settings").domain("hub")`.
    #[must_use]
    pub fn mirror(mut self, bucket: impl Into<Source>) -> Self {
        self.mirror = Some(bucket.into());
        self
    }

    /// The buckets whose changes come into this one, by their names. Their keys keep their names.
    #[must_use]
    pub fn sources<S: Into<Source>>(mut self, buckets: impl IntoIterator<Item = S>) -> Self {
        self.sources = buckets.into_iter().map(Into::into).collect();
        self
    }

    #[must_use]
    pub fn limit_marker_ttl(mut self, ttl: impl Into<Option<Duration>>) -> Self {
        self.limit_marker_ttl = ttl.into();
        self
    }

    #[must_use]
    pub fn allow_direct(mut self, allow_direct: bool) -> Self {
        self.allow_direct = Some(allow_direct);
        self
    }

    /// What the bucket of a stream is told to be.
    pub(super) fn of(bucket: &str, stream: &StreamConfig) -> Self {
        let mirrored = |source: &Source| {
            let mut source = source.clone();
            if let Some(bucket) = bucket_of(&source.name) {
                source.name = bucket.to_owned();
            }
            source
        };
        Self {
            name: bucket.to_owned(),
            description: stream.description.clone(),
            history: stream.max_messages_per_subject.unwrap_or(1),
            ttl: stream.max_age,
            max_bytes: stream.max_bytes,
            max_value_size: stream.max_message_size,
            storage: stream.storage.clone(),
            replicas: stream.replicas,
            placement: stream.placement.clone(),
            republish: stream.republish.clone(),
            metadata: stream.metadata.clone(),
            compression: stream.compression == Compression::S2,
            mirror: stream.mirror.as_ref().map(mirrored),
            sources: stream.sources.iter().map(mirrored).collect(),
            limit_marker_ttl: stream.subject_delete_marker_ttl,
            allow_direct: Some(stream.allow_direct),
        }
    }

    /// The stream that is this bucket.
    pub(super) fn stream(&self) -> Result<StreamConfig, KeyValueError> {
        let mut stream = StreamConfig::new(stream_of(&self.name)).allow_direct(true);
        stream.duplicate_window = Some(REMEMBERED);
        stream.discard = Discard::New;
        stream.deny_delete = true;
        self.over(stream)
    }

    /// This bucket over a stream that exists, whose other options stay as they are where they can.
    pub(super) fn over(&self, mut stream: StreamConfig) -> Result<StreamConfig, KeyValueError> {
        check_bucket(&self.name)?;
        self.check_history()?;
        stream.description.clone_from(&self.description);
        stream.max_messages_per_subject = Some(self.history);
        stream.max_age = self.ttl.filter(|ttl| !ttl.is_zero());
        // The server refuses a window that is longer.
        if let Some((window, ttl)) = stream.duplicate_window.as_mut().zip(stream.max_age) {
            *window = ttl.min(*window);
        }
        stream.max_bytes = self.max_bytes;
        stream.max_message_size = self.max_value_size;
        stream.storage = self.storage.clone();
        stream.replicas = self.replicas;
        stream.placement.clone_from(&self.placement);
        stream.republish.clone_from(&self.republish);
        // The server has put its own words there too.
        stream.metadata.retain(|key, _| key.starts_with("_nats"));
        stream.metadata.extend(self.metadata.clone());
        stream.compression = if self.compression { Compression::S2 } else { Compression::None };
        stream.allow_rollup = true;
        stream.allow_direct = self.allow_direct.unwrap_or(stream.allow_direct);
        stream.allow_message_ttl |= self.limit_marker_ttl.is_some();
        stream.subject_delete_marker_ttl = self.limit_marker_ttl;
        stream.mirror = self.mirror.as_ref().map(|mirror| renamed(mirror).0);
        stream.mirror_direct = stream.mirror.is_some() && stream.allow_direct;
        stream.subjects = match &stream.mirror {
            Some(_) => Vec::new(),
            None => vec![format!("{}>", prefix_of(&self.name))],
        };
        stream.sources = self.sources.iter().map(|source| self.gathered(source)).collect();
        Ok(stream)
    }

    fn check_history(&self) -> Result<(), KeyValueError> {
        let option = "history";
        let fault = match self.history {
            0 => ConfigError::Value { option, reason: "at least 1 value of each key is kept" },
            1..=MOST_HISTORY => return Ok(()),
            history => ConfigError::TooLarge {
                option,
                given: usize::try_from(history).unwrap_or(usize::MAX),
                most: usize::try_from(MOST_HISTORY).unwrap_or(usize::MAX),
            },
        };
        Err(KeyValueError::JetStream(JetStreamError::Config(fault)))
    }

    /// A source whose keys become keys of this bucket.
    fn gathered(&self, source: &Source) -> Source {
        let (mut source, bucket) = renamed(source);
        // What comes from a bucket of the same name elsewhere has the right subjects already.
        let is_same = source.external.is_some() && bucket == self.name;
        if !is_same && source.subject_transforms.is_empty() && source.filter_subject.is_none() {
            let subjects = |bucket: &str| format!("{}>", prefix_of(bucket));
            let transform = SubjectTransform::new(subjects(&bucket), subjects(&self.name));
            source.subject_transforms.push(transform);
        }
        source
    }
}

/// A bucket as a source of streams, and the bucket's name.
fn renamed(source: &Source) -> (Source, String) {
    let mut source = source.clone();
    let bucket = bucket_of(&source.name).unwrap_or(&source.name).to_owned();
    source.name = format!("{STREAM}{bucket}");
    (source, bucket)
}
