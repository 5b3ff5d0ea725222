//! What becomes of the subjects of messages.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::jetstream::wire;

/// Subjects that become others.
///
/// What the wildcards of the source stand for is `{{wildcard(1)}}` and so on in the destination,
/// where other functions may be used as well (ADR-36).
///
/// ```
/// use natsws::jetstream::SubjectTransform;
///
/// let by_region = SubjectTransform::new("orders.*.*", "{{wildcard(2)}}.orders.{{wildcard(1)}}");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SubjectTransform {
    /// The subjects that are changed, with wildcards; the empty text is all.
    #[serde(rename = "src", deserialize_with = "wire::or_default")]
    pub source: String,
    /// What becomes of them.
    #[serde(rename = "dest", deserialize_with = "wire::or_default")]
    pub destination: String,
    /// What a newer server says.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl SubjectTransform {
    /// Subjects that match `source` become `destination`.
    pub fn new(source: impl Into<String>, destination: impl Into<String>) -> Self {
        Self { source: source.into(), destination: destination.into(), ..Self::default() }
    }
}

/// Where messages are published again once a stream has them (ADR-28).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Republish {
    /// The subjects that are published again, with wildcards; the empty text is all.
    #[serde(
        rename = "src",
        deserialize_with = "wire::or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub source: String,
    /// What becomes of them. It must not lead back into the stream.
    #[serde(rename = "dest", deserialize_with = "wire::or_default")]
    pub destination: String,
    /// Whether the headers alone are published, which say where the message is.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub headers_only: bool,
    /// What a newer server says.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Republish {
    /// Messages whose subjects match `source` are published as `destination`.
    pub fn new(source: impl Into<String>, destination: impl Into<String>) -> Self {
        Self { source: source.into(), destination: destination.into(), ..Self::default() }
    }

    /// Whether the headers alone are published, which say where the message is.
    #[must_use]
    pub fn headers_only(mut self, headers_only: bool) -> Self {
        self.headers_only = headers_only;
        self
    }
}
