//! What a store is told to be.

use std::collections::BTreeMap;
use std::time::Duration;

use super::name;
use crate::jetstream::{Compression, Discard, NameError, Placement, Storage, StreamConfig};

/// What an object store is told to be: its name, and how much it keeps for how long.
///
/// Only the name is needed: letters, digits, `-` and `_` of ASCII.
///
/// ```
/// use std::time::Duration;
/// use natsws::object_store::ObjectStoreConfig;
///
/// let files = ObjectStoreConfig::new("files")
///     .description("What customers sent us")
///     .ttl(Duration::from_secs(30 * 24 * 3600))
///     .max_bytes(10 << 30);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ObjectStoreConfig {
    /// The name.
    pub bucket: String,
    /// What the store is for, in up to 4 KiB of text.
    pub description: Option<String>,
    /// How old chunks may get. An object of which a part is older is gone. `None` is no limit.
    pub ttl: Option<Duration>,
    /// How many bytes are kept, with what storing them takes; `None` is no limit.
    ///
    /// A store that is full takes nothing new, and loses nothing.
    pub max_bytes: Option<u64>,
    /// Where objects are kept. It cannot be changed later.
    pub storage: Storage,
    /// How many servers of a cluster keep the store, 1 to 5; 1 by default.
    pub replicas: u32,
    /// Which servers of a cluster keep the store.
    pub placement: Option<Placement>,
    /// Whether the server compresses what it stores in files.
    pub compression: bool,
    /// Texts for whoever reads them, up to 128 KiB in all.
    pub metadata: BTreeMap<String, String>,
}

impl ObjectStoreConfig {
    /// A store of this name, with the server's defaults for everything else.
    pub fn new(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            description: None,
            ttl: None,
            max_bytes: None,
            storage: Storage::File,
            replicas: 1,
            placement: None,
            compression: false,
            metadata: BTreeMap::new(),
        }
    }

    /// What the store is for.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// How old chunks may get.
    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Option<Duration>>) -> Self {
        self.ttl = ttl.into();
        self
    }

    /// How many bytes are kept.
    #[must_use]
    pub fn max_bytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.max_bytes = bytes.into();
        self
    }

    /// Where objects are kept.
    #[must_use]
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// How many servers of a cluster keep the store.
    #[must_use]
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// Which servers of a cluster keep the store.
    #[must_use]
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = Some(placement);
        self
    }

    /// Has the server compress what it stores in files.
    #[must_use]
    pub fn compression(mut self, compression: bool) -> Self {
        self.compression = compression;
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

    /// The stream that the store is (ADR-20).
    pub(super) fn stream(&self) -> Result<StreamConfig, NameError> {
        let compression = if self.compression { Compression::S2 } else { Compression::None };
        let mut stream = StreamConfig::new(name::stream(&self.bucket)?)
            .subjects([name::all_chunks(&self.bucket), name::all_infos(&self.bucket)])
            .max_age(self.ttl)
            .max_bytes(self.max_bytes)
            .storage(self.storage.clone())
            .replicas(self.replicas)
            .compression(compression)
            .metadata(self.metadata.clone())
            .discard(Discard::New)
            .allow_rollup(true)
            .allow_direct(true);
        stream.description.clone_from(&self.description);
        stream.placement.clone_from(&self.placement);
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_the_stream_that_other_clients_expect() {
        let config = ObjectStoreConfig::new("files")
            .description("for customers")
            .ttl(Duration::from_secs(60))
            .max_bytes(1 << 20)
            .storage(Storage::Memory)
            .replicas(3)
            .compression(true)
            .metadata([("team", "sales")]);
        let stream = config.stream().expect("a good name");
        assert_eq!(
            serde_json::to_value(stream).expect("it has JSON"),
            serde_json::json!({
                "name": "OBJ_files",
                "description": "for customers",
                "subjects": ["$O.files.C.>", "$O.files.M.>"],
                "max_age": 60_000_000_000_i64,
                "max_bytes": 1 << 20,
                "storage": "memory",
                "num_replicas": 3,
                "compression": "s2",
                "metadata": { "team": "sales" },
                "discard": "new",
                "allow_rollup_hdrs": true,
                "allow_direct": true,
            })
        );
        assert!(ObjectStoreConfig::new("a.b").stream().is_err());
    }
}
