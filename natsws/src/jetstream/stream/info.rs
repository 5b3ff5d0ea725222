//! What the server says of a stream.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::{External, StreamConfig, SubjectTransform};
use crate::jetstream::wire;

/// What the server says of a stream: its configuration, and what is in it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct StreamInfo {
    /// What it is told to be, with the server's defaults.
    pub config: StreamConfig,
    /// When it was created.
    #[serde(with = "wire::rfc3339")]
    pub created: SystemTime,
    /// What is in it.
    pub state: StreamState,
    /// The servers that keep it, where they are a cluster.
    #[serde(default)]
    pub cluster: Option<ClusterInfo>,
    /// How far a mirror has come.
    #[serde(default)]
    pub mirror: Option<SourceInfo>,
    /// How far each source has come.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub sources: Vec<SourceInfo>,
    /// Where else the same messages can be read, the nearest first.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub alternates: Vec<StreamAlternate>,
    /// The server's time when it said this (server 2.10).
    #[serde(default, rename = "ts", with = "wire::some_rfc3339")]
    pub time: Option<SystemTime>,
    /// How many subjects there are in all, where they come in pages.
    #[serde(default, deserialize_with = "wire::count")]
    pub(crate) total: u64,
    #[serde(default, deserialize_with = "wire::count")]
    pub(crate) offset: u64,
    #[serde(default, deserialize_with = "wire::count")]
    pub(crate) limit: u64,
}

/// What is in a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StreamState {
    /// How many messages there are.
    #[serde(deserialize_with = "wire::count")]
    pub messages: u64,
    /// How many bytes they take.
    #[serde(deserialize_with = "wire::count")]
    pub bytes: u64,
    /// The sequence number of the first message; where all are gone, of the next one.
    #[serde(rename = "first_seq", deserialize_with = "wire::count")]
    pub first_sequence: u64,
    /// When the first message was stored.
    #[serde(rename = "first_ts", with = "wire::some_rfc3339")]
    pub first_time: Option<SystemTime>,
    /// The sequence number of the last message that was stored; 0 before there was any.
    #[serde(rename = "last_seq", deserialize_with = "wire::count")]
    pub last_sequence: u64,
    /// When the last message was stored.
    #[serde(rename = "last_ts", with = "wire::some_rfc3339")]
    pub last_time: Option<SystemTime>,
    /// How many consumers there are.
    #[serde(rename = "consumer_count", deserialize_with = "wire::count")]
    pub consumers: u64,
    /// How many subjects there are.
    #[serde(deserialize_with = "wire::count")]
    pub num_subjects: u64,
    /// How many messages there are of each subject, where that was asked for.
    #[serde(deserialize_with = "wire::or_default")]
    pub subjects: BTreeMap<String, u64>,
    /// The sequence numbers between the first and the last that are gone, where that was asked for.
    #[serde(deserialize_with = "wire::or_default")]
    pub deleted: Vec<u64>,
    /// How many these are.
    #[serde(deserialize_with = "wire::count")]
    pub num_deleted: u64,
    /// What could not be read any more.
    pub lost: Option<LostData>,
}

/// Messages that a server could not read any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LostData {
    /// Their sequence numbers.
    #[serde(rename = "msgs", deserialize_with = "wire::or_default")]
    pub messages: Vec<u64>,
    /// How many bytes they took.
    #[serde(deserialize_with = "wire::count")]
    pub bytes: u64,
}

/// The servers that keep a stream or a consumer together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ClusterInfo {
    /// The cluster's name.
    #[serde(deserialize_with = "wire::text")]
    pub name: Option<String>,
    /// The name of the group that the servers form for it.
    #[serde(deserialize_with = "wire::text")]
    pub raft_group: Option<String>,
    /// The server that leads; `None` while they choose one.
    #[serde(deserialize_with = "wire::text")]
    pub leader: Option<String>,
    /// Since when it leads (server 2.12).
    #[serde(with = "wire::some_rfc3339")]
    pub leader_since: Option<SystemTime>,
    /// Whether what the servers say to one another goes through the system account.
    pub system_account: bool,
    /// The account that it goes through.
    #[serde(rename = "traffic_account", deserialize_with = "wire::text")]
    pub traffic_account: Option<String>,
    /// The other servers.
    #[serde(deserialize_with = "wire::or_default")]
    pub replicas: Vec<PeerInfo>,
}

/// One of the servers that keep a stream or a consumer, as the leader sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The server's name.
    #[serde(deserialize_with = "wire::or_default")]
    pub name: String,
    /// Whether it has all that the leader has.
    pub current: bool,
    /// Whether it is gone.
    pub offline: bool,
    /// How long ago it was heard of.
    #[serde(with = "wire::nanoseconds")]
    pub active: Duration,
    /// How many steps it is behind.
    #[serde(deserialize_with = "wire::count")]
    pub lag: u64,
}

/// How far a mirror or a source has come.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SourceInfo {
    /// The other stream's name.
    #[serde(deserialize_with = "wire::or_default")]
    pub name: String,
    /// How many messages are still to come.
    #[serde(deserialize_with = "wire::count")]
    pub lag: u64,
    /// How long ago the other stream was heard of; `None` is never.
    #[serde(deserialize_with = "since")]
    pub active: Option<Duration>,
    /// What keeps the messages from coming.
    pub error: Option<SourceError>,
    /// How the other stream is reached, where it is in another account or domain.
    pub external: Option<External>,
    /// The subjects that are taken.
    #[serde(deserialize_with = "wire::text")]
    pub filter_subject: Option<String>,
    /// The subjects that are taken, and what becomes of them.
    #[serde(deserialize_with = "wire::or_default")]
    pub subject_transforms: Vec<SubjectTransform>,
}

/// What keeps messages from coming from another stream, in the server's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SourceError {
    /// The kind of error, as the numbers of HTTP say it.
    #[serde(deserialize_with = "wire::count")]
    pub code: u32,
    /// The error's own number.
    #[serde(rename = "err_code", deserialize_with = "wire::count")]
    pub error_code: u32,
    /// What went wrong.
    #[serde(deserialize_with = "wire::or_default")]
    pub description: String,
}

/// A stream that has the same messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StreamAlternate {
    /// Its name.
    #[serde(deserialize_with = "wire::or_default")]
    pub name: String,
    /// The cluster that it is in.
    #[serde(deserialize_with = "wire::or_default")]
    pub cluster: String,
    /// The domain that it is in.
    #[serde(deserialize_with = "wire::text")]
    pub domain: Option<String>,
}

/// How long ago something was; below zero it was never.
fn since<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let nanoseconds: i64 = wire::count(deserializer)?;
    Ok(u64::try_from(nanoseconds).ok().map(Duration::from_nanos))
}

#[cfg(test)]
mod tests;
