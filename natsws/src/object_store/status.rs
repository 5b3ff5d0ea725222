//! What the server says of a store, and sealing it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::ObjectError;
use super::store::ObjectStore;
use crate::jetstream::{Compression, Storage, StreamInfo};

/// What the server says of a store.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ObjectStoreStatus {
    /// Its name.
    pub bucket: String,
    /// What it is for.
    pub description: Option<String>,
    /// How old chunks may get.
    pub ttl: Option<Duration>,
    /// How many bytes it keeps at most.
    pub max_bytes: Option<u64>,
    /// Where objects are kept.
    pub storage: Storage,
    /// How many servers keep it.
    pub replicas: u32,
    /// Whether it is sealed: nothing in it changes any more.
    pub sealed: bool,
    /// Whether the server compresses what it stores in files.
    pub compression: bool,
    /// Texts for whoever reads them, the server's own among them.
    pub metadata: BTreeMap<String, String>,
    /// How many bytes it takes, with what is known of the objects.
    pub size: u64,
    /// The stream that it is.
    pub stream: StreamInfo,
}

impl ObjectStoreStatus {
    pub(super) fn new(bucket: &str, stream: StreamInfo) -> Self {
        let config = &stream.config;
        Self {
            bucket: bucket.to_owned(),
            description: config.description.clone(),
            ttl: config.max_age,
            max_bytes: config.max_bytes,
            storage: config.storage.clone(),
            replicas: config.replicas,
            sealed: config.sealed,
            compression: config.compression != Compression::None,
            metadata: config.metadata.clone(),
            size: stream.state.bytes,
            stream,
        }
    }
}

impl ObjectStore {
    /// What the server says of the store now.
    ///
    /// # Errors
    /// [`ObjectError`], [`StoreNotFound`](ObjectError::StoreNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn status(&self) -> Result<ObjectStoreStatus, ObjectError> {
        let info = self.handle().info().await;
        let info = info.map_err(|error| ObjectError::of_call(error, self.bucket()))?;
        Ok(ObjectStoreStatus::new(self.bucket(), info))
    }

    /// Seals the store for good: nothing in it changes any more, and it can only be deleted as a
    /// whole.
    ///
    /// # Errors
    /// [`ObjectError`], [`StoreNotFound`](ObjectError::StoreNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, it may be sealed.
    pub async fn seal(&self) -> Result<ObjectStoreStatus, ObjectError> {
        let failed = |error| ObjectError::of_call(error, self.bucket());
        let info = self.handle().info().await.map_err(failed)?;
        let sealed = self.jetstream().update_stream(info.config.sealed(true)).await;
        let sealed = sealed.map_err(failed)?;
        Ok(ObjectStoreStatus::new(self.bucket(), sealed.cached_info().clone()))
    }
}
