//! Where a stream is, and what its consumers may ask for.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::jetstream::wire;

/// Which servers of a cluster keep a stream.
///
/// ```
/// use natsws::jetstream::{Placement, StreamConfig};
///
/// let near = StreamConfig::new("ORDERS").placement(Placement::new().cluster("eu").tags(["ssd"]));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Placement {
    /// The cluster's name.
    #[serde(deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// What the servers' own configuration has to say in `server_tags`: all of this.
    #[serde(deserialize_with = "wire::or_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The server that should lead. Servers take it when they are asked for another leader, and up
    /// to 2.15 not in the configuration of a stream.
    #[serde(deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub preferred: Option<String>,
    /// What a newer server says.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Placement {
    /// Anywhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// In the cluster of this name.
    #[must_use]
    pub fn cluster(mut self, cluster: impl Into<String>) -> Self {
        self.cluster = Some(cluster.into());
        self
    }

    /// On servers that have all these tags.
    #[must_use]
    pub fn tags(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// With this server as the leader; see [`preferred`](Self#structfield.preferred).
    #[must_use]
    pub fn preferred(mut self, server: impl Into<String>) -> Self {
        self.preferred = Some(server.into());
        self
    }
}

/// What the consumers of a stream get that say nothing else, and what they may ask for at most.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ConsumerLimits {
    /// For how long a consumer is kept that nobody uses.
    #[serde(with = "wire::some_nanoseconds", skip_serializing_if = "Option::is_none")]
    pub inactive_threshold: Option<Duration>,
    /// How many messages may be out that are not acknowledged yet.
    #[serde(with = "wire::limit", skip_serializing_if = "Option::is_none")]
    pub max_ack_pending: Option<u64>,
    /// What a newer server says.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl ConsumerLimits {
    /// No limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// For how long a consumer is kept that nobody uses.
    #[must_use]
    pub fn inactive_threshold(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.inactive_threshold = time.into();
        self
    }

    /// How many messages may be out that are not acknowledged yet.
    #[must_use]
    pub fn max_ack_pending(mut self, messages: impl Into<Option<u64>>) -> Self {
        self.max_ack_pending = messages.into();
        self
    }
}
