//! Buckets as a whole: opened, made, changed, deleted and listed.

use std::fmt;
use std::future::IntoFuture;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::bucket::{Bucket, RawBucket};
use super::config::BucketConfig;
use super::error::KeyValueError;
use super::key::check_bucket;
use super::place::{Place, bucket_of, stream_of};
use super::status::BucketStatus;
use crate::jetstream::{JetStream, JetStreamError, StreamInfo, wire};
use crate::runtime::SendFuture;

/// The level of the API that knows how long single messages live (ADR-44).
const LEVEL_OF_TTL: u32 = 1;

/// A bucket that is about to be opened: `.await` it to have the server asked for it.
///
/// Made by [`JetStream::key_value`].
#[must_use = "nothing is opened until this is awaited"]
pub struct OpenKeyValue<'a> {
    js: &'a JetStream,
    bucket: &'a str,
}

impl<'a> OpenKeyValue<'a> {
    pub(super) fn new(js: &'a JetStream, bucket: &'a str) -> Self {
        Self { js, bucket }
    }

    /// Opens it without asking the server, for who may not ask for it or wants no round trip: only
    /// the first call on the bucket says where there is none. Mirrors are opened by asking.
    ///
    /// # Errors
    /// [`KeyValueError::Name`].
    pub fn unasked(self) -> Result<RawBucket, KeyValueError> {
        check_bucket(self.bucket)?;
        Ok(Bucket::new(Place::unseen(self.js, self.bucket)))
    }

    async fn ask(self) -> Result<RawBucket, KeyValueError> {
        let info = info(self.js, self.bucket).await?;
        if info.config.max_messages_per_subject.is_none() {
            return Err(KeyValueError::NotABucket { bucket: self.bucket.to_owned() });
        }
        Ok(Bucket::new(Place::seen(self.js, self.bucket, &info)))
    }
}

impl<'a> IntoFuture for OpenKeyValue<'a> {
    type Output = Result<RawBucket, KeyValueError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}

impl fmt::Debug for OpenKeyValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenKeyValue").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

async fn info(js: &JetStream, bucket: &str) -> Result<StreamInfo, KeyValueError> {
    check_bucket(bucket)?;
    let info = js.stream_info(&stream_of(bucket)).await;
    info.map_err(|error| KeyValueError::of_bucket(error, bucket))
}

pub(super) async fn create(
    js: &JetStream,
    config: &BucketConfig,
) -> Result<RawBucket, KeyValueError> {
    let stream = config.stream()?;
    check_level(js, config).await?;
    let made = js.create_stream(stream).await;
    let made = made.map_err(|error| KeyValueError::of_bucket(error, &config.name))?;
    Ok(Bucket::new(Place::seen(js, &config.name, made.cached_info())))
}

pub(super) async fn update(
    js: &JetStream,
    config: &BucketConfig,
) -> Result<RawBucket, KeyValueError> {
    let stream = config.over(info(js, &config.name).await?.config)?;
    check_level(js, config).await?;
    let made = js.update_stream(stream).await;
    let made = made.map_err(|error| KeyValueError::of_bucket(error, &config.name))?;
    Ok(Bucket::new(Place::seen(js, &config.name, made.cached_info())))
}

/// A server that does not know of times to live takes the option and forgets it.
async fn check_level(js: &JetStream, config: &BucketConfig) -> Result<(), KeyValueError> {
    if config.limit_marker_ttl.is_none() {
        return Ok(());
    }
    let account = js.account_info().await.map_err(KeyValueError::JetStream)?;
    if account.api.level >= LEVEL_OF_TTL {
        return Ok(());
    }
    Err(KeyValueError::JetStream(JetStreamError::Unsupported {
        feature: "`limit_marker_ttl`",
        needs: "2.11.0",
        has: js.connection().server_info().version.clone(),
    }))
}

pub(super) async fn delete(js: &JetStream, bucket: &str) -> Result<(), KeyValueError> {
    check_bucket(bucket)?;
    let deleted = js.delete_stream(&stream_of(bucket)).await;
    deleted.map_err(|error| KeyValueError::of_bucket(error, bucket))
}

#[derive(Serialize)]
struct FromOffset {
    offset: usize,
}

#[derive(Deserialize)]
#[serde(bound = "S: DeserializeOwned")]
struct Page<S> {
    #[serde(default, deserialize_with = "wire::count")]
    total: usize,
    #[serde(default, deserialize_with = "wire::or_default")]
    streams: Vec<S>,
}

/// All that a list of the API has. Mirrors have no subjects of their own to be found by.
async fn list<S: DeserializeOwned>(
    js: &JetStream,
    operation: &str,
) -> Result<Vec<S>, KeyValueError> {
    let mut all = Vec::new();
    loop {
        let page = js.call::<Page<S>>(operation, Some(&FromOffset { offset: all.len() })).await;
        let page = page.map_err(KeyValueError::JetStream)?;
        let is_last = page.streams.is_empty();
        all.extend(page.streams);
        if is_last || all.len() >= page.total {
            return Ok(all);
        }
    }
}

pub(super) async fn names(js: &JetStream) -> Result<Vec<String>, KeyValueError> {
    let streams = list::<String>(js, "STREAM.NAMES").await?;
    let buckets = streams.iter().filter_map(|stream| bucket_of(stream));
    let mut names: Vec<_> = buckets.map(str::to_owned).collect();
    names.sort();
    Ok(names)
}

pub(super) async fn statuses(js: &JetStream) -> Result<Vec<BucketStatus>, KeyValueError> {
    let streams = list::<StreamInfo>(js, "STREAM.LIST").await?;
    let buckets = streams.into_iter().filter_map(|info| {
        let bucket = bucket_of(&info.config.name)?.to_owned();
        Some(BucketStatus::new(&bucket, info))
    });
    let mut statuses: Vec<_> = buckets.collect();
    statuses.sort_by(|one, other| one.bucket().cmp(other.bucket()));
    Ok(statuses)
}
