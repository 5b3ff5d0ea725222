//! What the server says of a consumer.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::ConsumerConfig;
use crate::jetstream::stream::ClusterInfo;
use crate::jetstream::wire;

/// What the server says of a consumer: its configuration, and how far it has come.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct ConsumerInfo {
    /// The stream's name.
    #[serde(rename = "stream_name")]
    pub stream: String,
    /// The consumer's name.
    pub name: String,
    /// When it was created.
    #[serde(with = "wire::rfc3339")]
    pub created: SystemTime,
    /// What it is told to be, with the server's defaults.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub config: ConsumerConfig,
    /// The last message that was delivered.
    #[serde(default)]
    pub delivered: SequenceInfo,
    /// The last message up to which all are acknowledged.
    #[serde(default)]
    pub ack_floor: SequenceInfo,
    /// How many messages are out that are not acknowledged yet.
    #[serde(default, rename = "num_ack_pending", deserialize_with = "wire::count")]
    pub ack_pending: u64,
    /// How many messages were delivered more than once.
    #[serde(default, rename = "num_redelivered", deserialize_with = "wire::count")]
    pub redelivered: u64,
    /// How many requests for messages wait.
    #[serde(default, rename = "num_waiting", deserialize_with = "wire::count")]
    pub waiting: u64,
    /// How many messages are still to be delivered.
    #[serde(default, rename = "num_pending", deserialize_with = "wire::count")]
    pub pending: u64,
    /// The servers that keep it, where they are a cluster.
    #[serde(default)]
    pub cluster: Option<ClusterInfo>,
    /// Whether somebody subscribes to where messages are pushed to.
    #[serde(default)]
    pub push_bound: bool,
    /// Whether nothing is delivered for now.
    #[serde(default)]
    pub paused: bool,
    /// For how long that stays so.
    #[serde(default, with = "wire::some_nanoseconds")]
    pub pause_remaining: Option<Duration>,
    /// The groups that requests belong to.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub priority_groups: Vec<PriorityGroupState>,
    /// The server's time when it said this (server 2.10).
    #[serde(default, rename = "ts", with = "wire::some_rfc3339")]
    pub time: Option<SystemTime>,
}

/// A message, by its two numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SequenceInfo {
    /// The number of the delivery; 0 before there was any.
    #[serde(rename = "consumer_seq", deserialize_with = "wire::count")]
    pub consumer_sequence: u64,
    /// The number in the stream.
    #[serde(rename = "stream_seq", deserialize_with = "wire::count")]
    pub stream_sequence: u64,
    /// When that was.
    #[serde(with = "wire::some_rfc3339")]
    pub last_active: Option<SystemTime>,
}

/// What is known of one group of clients (ADR-42).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PriorityGroupState {
    /// The group's name.
    #[serde(deserialize_with = "wire::or_default")]
    pub group: String,
    /// The client that gets all messages, by the name that the server gave it.
    #[serde(deserialize_with = "wire::text")]
    pub pinned_client_id: Option<String>,
    /// Since when.
    #[serde(rename = "pinned_ts", with = "wire::some_rfc3339")]
    pub pinned_at: Option<SystemTime>,
}

#[cfg(test)]
mod tests;
