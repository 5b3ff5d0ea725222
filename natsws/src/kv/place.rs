//! Where a bucket is: its stream, and the subjects that its keys stand for.

use std::sync::Arc;

use super::key::{KeyError, KeyFault, check_filter, check_key};
use super::key_codec::{self, KeyCodec};
use crate::jetstream::{JetStream, StreamInfo};

/// What the streams of buckets are named with.
pub(super) const STREAM: &str = "KV_";

/// The stream of a bucket.
pub(super) fn stream_of(bucket: &str) -> String {
    format!("{STREAM}{bucket}")
}

/// The bucket of a stream that is named as one.
pub(super) fn bucket_of(stream: &str) -> Option<&str> {
    stream.strip_prefix(STREAM).filter(|bucket| !bucket.is_empty())
}

/// What the subjects of a bucket's keys start with.
pub(super) fn prefix_of(bucket: &str) -> String {
    format!("$KV.{bucket}.")
}

/// Where a bucket is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) js: JetStream,
    pub(super) bucket: String,
    pub(super) stream: String,
    /// What the subjects of its messages start with.
    pub(super) reads: String,
    /// What the subjects start with that are published to.
    pub(super) writes: String,
    /// Whether any server that keeps it is asked, or its leader.
    pub(super) direct: bool,
    /// How many values of a key it keeps, as far as that is known.
    pub(super) history: Option<u64>,
    pub(super) codec: Option<Arc<dyn KeyCodec>>,
}

impl Place {
    /// A bucket that nothing is known of but its name.
    pub(super) fn unseen(js: &JetStream, bucket: &str) -> Self {
        let reads = prefix_of(bucket);
        Self {
            js: js.clone(),
            bucket: bucket.to_owned(),
            stream: stream_of(bucket),
            writes: at_api(js, &reads),
            reads,
            direct: true,
            history: None,
            codec: None,
        }
    }

    /// A bucket as its stream is.
    pub(super) fn seen(js: &JetStream, bucket: &str, info: &StreamInfo) -> Self {
        let config = &info.config;
        let mut place = Self::unseen(js, bucket);
        place.direct = config.allow_direct;
        place.history = config.max_messages_per_subject;
        // A mirror has the subjects of its origin, and is written to there.
        if let Some(mirror) = &config.mirror {
            let origin = bucket_of(&mirror.name).unwrap_or(&mirror.name);
            place.reads = prefix_of(origin);
            let api = mirror.external.as_ref().map(|external| external.api.as_str());
            place.writes = match api.filter(|api| !api.is_empty()) {
                Some(api) => format!("{api}.{}", place.reads),
                None => at_api(js, &place.reads),
            };
        }
        place
    }

    fn written(&self, key: &str) -> Option<String> {
        Some(key_codec::encode(self.codec.as_deref()?, key))
    }

    fn subject(&self, prefix: &str, key: &str) -> Result<String, KeyError> {
        let subject = match self.written(key) {
            Some(written) => check_key(&written).map(|()| format!("{prefix}{written}")),
            None => check_key(key).map(|()| format!("{prefix}{key}")),
        };
        subject.map_err(|error| KeyError { key: key.to_owned(), ..error })
    }

    /// The subject that a key is read from.
    pub(super) fn read_subject(&self, key: &str) -> Result<String, KeyError> {
        self.subject(&self.reads, key)
    }

    /// The subject that a key is written to.
    pub(super) fn write_subject(&self, key: &str) -> Result<String, KeyError> {
        self.subject(&self.writes, key)
    }

    /// The subjects that keys are read from which this chooses.
    pub(super) fn filter_subject(&self, filter: &str) -> Result<String, KeyError> {
        let written = self.written(filter);
        let written = written.as_deref().unwrap_or(filter);
        match check_filter(written) {
            Ok(()) => Ok(format!("{}{written}", self.reads)),
            Err(error) => Err(KeyError { key: filter.to_owned(), ..error }),
        }
    }

    /// The key that is read from a subject.
    pub(super) fn key_of(&self, subject: &str) -> Result<String, KeyError> {
        let foreign = || KeyError::new(subject, KeyFault::Foreign);
        let written = subject.strip_prefix(&self.reads).ok_or_else(foreign)?;
        match &self.codec {
            Some(codec) => key_codec::decode(codec.as_ref(), written).ok_or_else(foreign),
            None => Ok(written.to_owned()),
        }
    }
}

/// Another account's bucket is written to below its API, as is one of another domain.
fn at_api(js: &JetStream, subject: &str) -> String {
    match js.prefix() {
        "$JS.API" => subject.to_owned(),
        prefix => format!("{prefix}.{subject}"),
    }
}
