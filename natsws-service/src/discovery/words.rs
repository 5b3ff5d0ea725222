//! What services answer when they are asked who they are (ADR-32).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wire::{Tag, Typed, nanoseconds, or_default, rfc3339, text};

/// That an instance of a service is there: the answer to a ping (ADR-32).
///
/// As JSON it is what every NATS client writes and reads, with the type
/// `io.nats.micro.v1.ping_response`. Reading passes over keys that it does not know; another type
/// is an error.
///
/// ```
/// use natsws_service::ServicePing;
///
/// let ping: ServicePing = serde_json::from_str(
///     r#"{"type":"io.nats.micro.v1.ping_response","name":"orders","id":"A1","version":"1.0.0"}"#,
/// )?;
/// assert_eq!((ping.name.as_str(), ping.id.as_str()), ("orders", "A1"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServicePing {
    #[serde(rename = "type")]
    tag: Tag<Self>,
    /// The kind of the service, which all its instances share.
    pub name: String,
    /// The instance, of which there is one with this id.
    pub id: String,
    /// The semantic version of the service.
    pub version: String,
    /// What the service says about this instance. Empty where it says nothing.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl ServicePing {
    /// An instance without metadata.
    pub fn new(name: impl Into<String>, id: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            tag: Tag::new(),
            name: name.into(),
            id: id.into(),
            version: version.into(),
            metadata: BTreeMap::new(),
        }
    }
}

impl Typed for ServicePing {
    const TYPE: &'static str = "io.nats.micro.v1.ping_response";
}

/// What an instance of a service offers: its description and its endpoints (ADR-32).
///
/// Its type in JSON is `io.nats.micro.v1.info_response`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceInfo {
    #[serde(rename = "type")]
    tag: Tag<Self>,
    /// The kind of the service, which all its instances share.
    pub name: String,
    /// The instance, of which there is one with this id.
    pub id: String,
    /// The semantic version of the service.
    pub version: String,
    /// What the service is for, in words for people. Empty where it says nothing.
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    /// What the service says about this instance. Empty where it says nothing.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Where requests are answered.
    #[serde(default, deserialize_with = "or_default")]
    pub endpoints: Vec<EndpointInfo>,
}

impl ServiceInfo {
    /// An instance without description, metadata and endpoints.
    pub fn new(name: impl Into<String>, id: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            tag: Tag::new(),
            name: name.into(),
            id: id.into(),
            version: version.into(),
            description: String::new(),
            metadata: BTreeMap::new(),
            endpoints: Vec::new(),
        }
    }
}

impl Typed for ServiceInfo {
    const TYPE: &'static str = "io.nats.micro.v1.info_response";
}

/// An endpoint of a service: where it is asked (ADR-32).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndpointInfo {
    /// The name for people. Several endpoints may have the same.
    pub name: String,
    /// The subject that it is subscribed to, which may have wildcards.
    pub subject: String,
    /// The queue group in which the instances share the requests. Empty where each instance gets
    /// all of them.
    #[serde(default, deserialize_with = "or_default")]
    pub queue_group: String,
    /// What the service says about this endpoint. Empty where it says nothing.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl EndpointInfo {
    /// An endpoint without metadata.
    pub fn new(
        name: impl Into<String>,
        subject: impl Into<String>,
        queue_group: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            subject: subject.into(),
            queue_group: queue_group.into(),
            metadata: BTreeMap::new(),
        }
    }
}

/// What an instance of a service has done since it started (ADR-32).
///
/// Its type in JSON is `io.nats.micro.v1.stats_response`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceStats {
    #[serde(rename = "type")]
    tag: Tag<Self>,
    /// The kind of the service, which all its instances share.
    pub name: String,
    /// The instance, of which there is one with this id.
    pub id: String,
    /// The semantic version of the service.
    pub version: String,
    /// Since when it counts: when it started, or was last reset. In JSON it is a text as in
    /// `2026-01-02T03:04:05.678Z`, always in UTC and with milliseconds; what is finer is cut off.
    #[serde(with = "rfc3339")]
    pub started: SystemTime,
    /// What the service says about this instance. Empty where it says nothing.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// What each endpoint has done.
    #[serde(default, deserialize_with = "or_default")]
    pub endpoints: Vec<EndpointStats>,
}

impl ServiceStats {
    /// An instance without metadata and endpoints.
    pub fn new(
        name: impl Into<String>,
        id: impl Into<String>,
        version: impl Into<String>,
        started: SystemTime,
    ) -> Self {
        Self {
            tag: Tag::new(),
            name: name.into(),
            id: id.into(),
            version: version.into(),
            started,
            metadata: BTreeMap::new(),
            endpoints: Vec::new(),
        }
    }
}

impl Typed for ServiceStats {
    const TYPE: &'static str = "io.nats.micro.v1.stats_response";
}

/// What one endpoint of a service has done since it started (ADR-32).
///
/// The times are whole nanoseconds in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndpointStats {
    /// The name for people. Several endpoints may have the same.
    pub name: String,
    /// The subject that it is subscribed to, which may have wildcards.
    pub subject: String,
    /// The queue group in which the instances share the requests. Empty where each instance gets
    /// all of them.
    #[serde(default, deserialize_with = "or_default")]
    pub queue_group: String,
    /// How many requests came.
    #[serde(default, deserialize_with = "or_default")]
    pub num_requests: u64,
    /// How many of them ended in an error.
    #[serde(default, deserialize_with = "or_default")]
    pub num_errors: u64,
    /// The last of these errors, in words for people. `None` is an empty text in JSON.
    #[serde(default, with = "text")]
    pub last_error: Option<String>,
    /// How long the handler took for all requests together.
    #[serde(default, with = "nanoseconds")]
    pub processing_time: Duration,
    /// How long it took for one request on average, as the service reckons it.
    #[serde(default, with = "nanoseconds")]
    pub average_processing_time: Duration,
    /// What the service adds of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl EndpointStats {
    /// An endpoint that has done nothing yet.
    pub fn new(
        name: impl Into<String>,
        subject: impl Into<String>,
        queue_group: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            subject: subject.into(),
            queue_group: queue_group.into(),
            num_requests: 0,
            num_errors: 0,
            last_error: None,
            processing_time: Duration::ZERO,
            average_processing_time: Duration::ZERO,
            data: None,
        }
    }
}

#[cfg(test)]
mod tests;
