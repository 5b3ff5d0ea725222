//! What an account has and may have.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::api::NOTHING;
use super::context::JetStream;
use super::error::JetStreamError;

/// What an account uses of JetStream, and what it may use.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AccountInfo {
    /// Bytes of messages in memory.
    pub memory: u64,
    /// Bytes of messages in files.
    pub storage: u64,
    /// Bytes that streams have reserved in memory.
    pub reserved_memory: u64,
    /// Bytes that streams have reserved in files.
    pub reserved_storage: u64,
    /// How many streams there are.
    pub streams: u64,
    /// How many consumers there are.
    pub consumers: u64,
    /// What the account may have.
    pub limits: AccountLimits,
    /// How the API was used.
    pub api: ApiStats,
    /// The domain of the JetStream, where it has one.
    pub domain: Option<String>,
    /// The same for each replication tier (`R1`, `R3`), where limits are set by tier.
    pub tiers: BTreeMap<String, AccountTier>,
}

/// What an account uses and may use in one replication tier.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AccountTier {
    /// Bytes of messages in memory.
    pub memory: u64,
    /// Bytes of messages in files.
    pub storage: u64,
    /// Bytes that streams have reserved in memory.
    pub reserved_memory: u64,
    /// Bytes that streams have reserved in files.
    pub reserved_storage: u64,
    /// How many streams there are.
    pub streams: u64,
    /// How many consumers there are.
    pub consumers: u64,
    /// What the account may have.
    pub limits: AccountLimits,
}

/// What an account may have; -1 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AccountLimits {
    /// Bytes of messages in memory.
    pub max_memory: i64,
    /// Bytes of messages in files.
    pub max_storage: i64,
    /// Streams.
    pub max_streams: i64,
    /// Consumers.
    pub max_consumers: i64,
    /// Messages that wait for an acknowledgement, for each consumer.
    pub max_ack_pending: i64,
    /// Bytes that one stream may reserve in memory.
    pub memory_max_stream_bytes: i64,
    /// Bytes that one stream may reserve in files.
    pub storage_max_stream_bytes: i64,
    /// Whether each stream must say how many bytes it may have.
    pub max_bytes_required: bool,
}

/// How the API was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ApiStats {
    /// The level of the API: 2 since server 2.12, for example.
    pub level: u32,
    /// How often it was called.
    pub total: u64,
    /// How often it answered with an error.
    pub errors: u64,
    /// Calls that are being answered.
    pub inflight: u64,
}

impl JetStream {
    /// What the account uses and may use. It is also the way to see whether JetStream is there.
    ///
    /// # Errors
    /// [`JetStreamError`], [`NotEnabled`](JetStreamError::NotEnabled) among them.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn account_info(&self) -> Result<AccountInfo, JetStreamError> {
        self.call("INFO", NOTHING).await
    }
}
