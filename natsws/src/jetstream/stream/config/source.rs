//! Where the messages of a stream come from, where that is another stream.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::SubjectTransform;
use crate::jetstream::wire;

/// Another stream whose messages come into this one: as a mirror, or as one source of several.
///
/// ```
/// use natsws::jetstream::{Source, StreamConfig};
///
/// let all = StreamConfig::new("ALL").sources([
///     Source::new("ORDERS").filter_subject("orders.eu.>"),
///     Source::new("PAYMENTS").domain("hub"),
/// ]);
/// let copy = StreamConfig::new("COPY").mirror("ORDERS");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Source {
    /// The other stream's name.
    #[serde(deserialize_with = "wire::or_default")]
    pub name: String,
    /// The sequence number of the first message that is taken; `None` is the first that there is.
    #[serde(
        rename = "opt_start_seq",
        deserialize_with = "wire::sequence",
        skip_serializing_if = "Option::is_none"
    )]
    pub start_sequence: Option<u64>,
    /// The time of the first message that is taken, where there is no `start_sequence`.
    #[serde(
        rename = "opt_start_time",
        with = "wire::some_rfc3339",
        skip_serializing_if = "Option::is_none"
    )]
    pub start_time: Option<SystemTime>,
    /// The subjects that are taken, with wildcards; `None` is all.
    #[serde(deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub filter_subject: Option<String>,
    /// The subjects that are taken, and what becomes of them. Then there is no `filter_subject`.
    #[serde(deserialize_with = "wire::or_default", skip_serializing_if = "Vec::is_empty")]
    pub subject_transforms: Vec<SubjectTransform>,
    /// How the other stream is reached, where it is in another account or domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// The durable consumer that brings the messages; `None` is one that the server makes (server
    /// 2.14).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<SourceConsumer>,
    /// Who has set `external`, so that nobody does it twice in different ways.
    #[serde(skip)]
    reached_by: Option<ReachedBy>,
    /// What a newer server says.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReachedBy {
    Domain,
    External,
    Both,
}

impl Source {
    /// The stream of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// From the message of this sequence number on.
    #[must_use]
    pub fn start_sequence(mut self, sequence: impl Into<Option<u64>>) -> Self {
        self.start_sequence = sequence.into();
        self
    }

    /// From the first message that is not older than this.
    #[must_use]
    pub fn start_time(mut self, time: impl Into<Option<SystemTime>>) -> Self {
        self.start_time = time.into();
        self
    }

    /// Only messages whose subjects match.
    #[must_use]
    pub fn filter_subject(mut self, filter: impl Into<String>) -> Self {
        self.filter_subject = Some(filter.into());
        self
    }

    /// Only messages whose subjects match one of these, which then become others.
    #[must_use]
    pub fn subject_transforms(
        mut self,
        transforms: impl IntoIterator<Item = SubjectTransform>,
    ) -> Self {
        self.subject_transforms = transforms.into_iter().collect();
        self
    }

    /// The stream is in this domain: sets [`external`](Self#structfield.external) to the API of the
    /// domain, `$JS.<domain>.API`. The empty text changes nothing.
    #[must_use]
    pub fn domain(mut self, domain: impl AsRef<str>) -> Self {
        let domain = domain.as_ref();
        if !domain.is_empty() {
            self.reach(ReachedBy::Domain, External::new(format!("$JS.{domain}.API")));
        }
        self
    }

    /// The stream is in another account or domain. It excludes [`domain`](Self::domain).
    #[must_use]
    pub fn external(mut self, external: External) -> Self {
        self.reach(ReachedBy::External, external);
        self
    }

    /// The durable consumer that brings the messages.
    #[must_use]
    pub fn consumer(mut self, consumer: SourceConsumer) -> Self {
        self.consumer = Some(consumer);
        self
    }

    fn reach(&mut self, by: ReachedBy, external: External) {
        let by =
            if self.reached_by.is_none_or(|before| before == by) { by } else { ReachedBy::Both };
        (self.reached_by, self.external) = (Some(by), Some(external));
    }

    /// Whether both a domain and something else were said.
    pub(super) fn is_reached_twice(&self) -> bool {
        self.reached_by == Some(ReachedBy::Both)
    }
}

impl<N: Into<String>> From<N> for Source {
    fn from(name: N) -> Self {
        Self::new(name)
    }
}

/// How a stream of another account or domain is reached.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct External {
    /// The subject of its API, such as `$JS.hub.API`.
    #[serde(deserialize_with = "wire::or_default")]
    pub api: String,
    /// The subject that its messages arrive under; `None` is up to the server.
    #[serde(deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub deliver: Option<String>,
    /// What a newer server says.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl External {
    /// The API under this subject, such as `$JS.hub.API`.
    pub fn new(api: impl Into<String>) -> Self {
        Self { api: api.into(), ..Self::default() }
    }

    /// The subject that its messages arrive under.
    #[must_use]
    pub fn deliver(mut self, prefix: impl Into<String>) -> Self {
        self.deliver = Some(prefix.into());
        self
    }
}

/// A durable consumer that brings the messages of another stream (server 2.14).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SourceConsumer {
    /// The consumer's name.
    #[serde(deserialize_with = "wire::or_default")]
    pub name: String,
    /// Where it sends the messages.
    #[serde(deserialize_with = "wire::or_default")]
    pub deliver_subject: String,
    /// What a newer server says.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl SourceConsumer {
    /// The consumer of this name, which sends to this subject.
    pub fn new(name: impl Into<String>, deliver_subject: impl Into<String>) -> Self {
        Self { name: name.into(), deliver_subject: deliver_subject.into(), ..Self::default() }
    }
}
