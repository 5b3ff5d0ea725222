//! Writing to a key: once, however often it has to be sent.

use std::time::Duration;

use bytes::Bytes;

use super::entry::{Operation, what_happened};
use super::error::KeyValueError;
use super::place::Place;
use super::stored;
use super::value::Outgoing;
use crate::header::{HeaderError, Headers};
use crate::jetstream::{JetStreamError, PublishError, Query, Stored};
use crate::publish;
use crate::runtime;

/// How long a value is tried to be brought to its bucket: leaders were seen away for 8 s.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// After this time without anybody who answers it is asked whether the bucket is there.
const UNANSWERED: Duration = Duration::from_secs(1);

/// How long is waited before it is sent anew. A publish does not begin what ends sooner either.
const PAUSE: Duration = Duration::from_millis(50);

/// The header that says which revision the key is to be at.
const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";

/// How often a deletion is met that was not there before, until that is told.
const ATTEMPTS: usize = 8;

/// The server's word for a time to live in a stream that has none.
const TTL_DISABLED: u32 = 10166;

/// How something is written to a key.
pub(super) struct Terms {
    pub(super) headers: Headers,
    pub(super) deadline: Duration,
    /// The first header that was not valid.
    pub(super) fault: Option<HeaderError>,
}

impl Terms {
    pub(super) fn new() -> Self {
        Self { headers: Headers::new(), deadline: DEADLINE, fault: None }
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        if let Err(error) = self.headers.insert(name, value) {
            self.fault.get_or_insert(error);
        }
    }

    /// In whole seconds, at least one.
    pub(super) fn set_ttl(&mut self, ttl: Duration) {
        let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        self.set("Nats-TTL", &format!("{}s", seconds.max(1)));
    }
}

/// One write, which is the same one however often it is sent.
pub(super) struct Write<'a> {
    place: &'a Place,
    key: &'a str,
    subject: String,
    payload: Bytes,
    terms: Terms,
    id: String,
}

/// Why something was not written.
pub(super) enum Fault {
    /// The key's last message is not the expected one but this one.
    Conflict(Option<Stored>),
    Other(KeyValueError),
}

impl<'a> Write<'a> {
    pub(super) fn new(
        place: &'a Place,
        key: &'a str,
        value: Outgoing,
        mut terms: Terms,
    ) -> Result<Self, KeyValueError> {
        let subject = place.write_subject(key)?;
        let Outgoing { payload, content_type, content_encoding } = value;
        for (name, said) in [("Content-Type", content_type), ("Content-Encoding", content_encoding)]
        {
            // What the user says of a value goes before what its type says.
            if let Some(said) = said.filter(|_| !terms.headers.contains(name)) {
                terms.set(name, said);
            }
        }
        if let Some(fault) = terms.fault.take() {
            let source = PublishError::NotSent(publish::PublishError::from(fault));
            return Err(KeyValueError::Write { key: key.to_owned(), source });
        }
        let id = place.js.connection().new_message_id();
        Ok(Self { place, key, subject, payload, terms, id })
    }

    /// As [`update`](Self::update), with what the key is at instead.
    pub(super) async fn once(&self, expected: Option<u64>) -> Result<u64, Fault> {
        let fault = match self.bring(expected).await {
            Ok(revision) => return Ok(revision),
            Err(fault) => fault,
        };
        let key = || self.key.to_owned();
        let other = match fault {
            PublishError::WrongLast(_) => return self.look().await,
            fault if is_unclear(&fault) => {
                return self.search(expected.unwrap_or(0), fault).await;
            }
            PublishError::Rejected(error) if error.err_code == TTL_DISABLED => {
                KeyValueError::NoTtl { bucket: self.place.bucket.clone() }
            }
            PublishError::NoStream { after, .. } if after.is_zero() => {
                KeyValueError::BucketNotFound { bucket: self.place.bucket.clone() }
            }
            source => KeyValueError::Write { key: key(), source },
        };
        Err(Fault::Other(other))
    }

    /// Writes where the key has no value: it has nothing, or it was deleted.
    pub(super) async fn create(&self) -> Result<u64, KeyValueError> {
        let mut expected = 0;
        let mut left = ATTEMPTS;
        loop {
            let found = match self.once(Some(expected)).await {
                Ok(revision) => return Ok(revision),
                Err(Fault::Other(error)) => return Err(error),
                Err(Fault::Conflict(found)) => found,
            };
            let revision = found.as_ref().map_or(0, |stored| stored.sequence);
            let is_value = found
                .as_ref()
                .is_some_and(|stored| what_happened(&stored.headers).0 == Operation::Put);
            left -= 1;
            if is_value || left == 0 {
                return Err(KeyValueError::KeyExists { key: self.key.to_owned(), revision });
            }
            expected = revision;
        }
    }

    /// Writes, whatever the key is at; or where it is at this revision.
    pub(super) async fn update(&self, expected: Option<u64>) -> Result<u64, KeyValueError> {
        self.once(expected).await.map_err(|fault| match fault {
            Fault::Other(error) => error,
            Fault::Conflict(found) => KeyValueError::WrongRevision {
                key: self.key.to_owned(),
                expected: expected.unwrap_or(0),
                current: found.map(|stored| stored.sequence),
            },
        })
    }

    /// What the key is at, where that is not what was expected.
    async fn look(&self) -> Result<u64, Fault> {
        match self.read(Query::last_of).await? {
            Some(stored) if self.is_this(&stored) => Ok(stored.sequence),
            found => Err(Fault::Conflict(found)),
        }
    }

    /// Whether this write is what came behind the expected revision. It was sent more than once, and
    /// others may have written over it.
    async fn search(&self, expected: u64, fault: PublishError) -> Result<u64, Fault> {
        let behind = expected.saturating_add(1);
        let next = self.read(|subject| Query::next_of(subject, behind)).await?;
        match next {
            Some(stored) if self.is_this(&stored) => Ok(stored.sequence),
            // Somebody else wrote in its place.
            Some(stored) if stored.headers.get(EXPECTED) == Some(&expected.to_string()) => {
                self.look().await
            }
            _ => {
                Err(Fault::Other(KeyValueError::Write { key: self.key.to_owned(), source: fault }))
            }
        }
    }

    fn is_this(&self, stored: &Stored) -> bool {
        stored.headers.get("Nats-Msg-Id") == Some(&self.id)
    }

    async fn read(&self, query: impl FnOnce(String) -> Query) -> Result<Option<Stored>, Fault> {
        let place = self.place;
        let subject = place.read_subject(self.key).map_err(|error| Fault::Other(error.into()))?;
        let terms = stored::Terms { direct: false, patience: self.terms.deadline };
        let found = stored::read(place, &query(subject), terms).await;
        found.map_err(|error| Fault::Other(KeyValueError::of_bucket(error, &place.bucket)))
    }

    /// Sends it until the bucket has it, in parts between which it is asked whether the bucket is
    /// there. `NoStream` after no time says that it is not.
    async fn bring(&self, expected: Option<u64>) -> Result<u64, PublishError> {
        let js = &self.place.js;
        let end = runtime::after(runtime::now(), self.terms.deadline);
        let left = || end.saturating_duration_since(runtime::now());
        let mut maybe_stored = false;
        let mut attempt = 0;
        loop {
            // Each part is longer than the one before.
            let part = UNANSWERED.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX));
            let mut publish = js
                .publish_bytes(&self.subject, &self.payload)
                .message_id(&self.id)
                .headers(&self.terms.headers)
                .deadline(left().min(part));
            if let Some(revision) = expected {
                publish = publish.expect_last_subject_sequence(revision);
            }
            let fault = match publish.await {
                Ok(ack) => return Ok(ack.sequence),
                Err(fault) => fault,
            };
            if matches!(fault, PublishError::NoStream { .. }) && self.is_gone().await {
                let subject = self.subject.clone();
                return Err(PublishError::NoStream { subject, after: Duration::ZERO });
            }
            let passes = fault.passing().is_some() && !is_unclear(&fault);
            if !passes || left() <= PAUSE {
                let fault = self.over(fault);
                let after = self.terms.deadline;
                return Err(if maybe_stored { fault.after_unknown(after) } else { fault });
            }
            maybe_stored |= fault.may_be_stored();
            runtime::sleep(PAUSE).await;
            attempt += 1;
        }
    }

    /// Says of the whole time that it is over, not of its last part.
    fn over(&self, fault: PublishError) -> PublishError {
        let after = self.terms.deadline;
        match fault {
            PublishError::NoStream { subject, .. } => PublishError::NoStream { subject, after },
            PublishError::TimedOut { last, .. } => PublishError::TimedOut { after, last },
            other => other,
        }
    }

    async fn is_gone(&self) -> bool {
        let info = self.place.js.stream_info(&self.place.stream).await;
        matches!(info, Err(JetStreamError::StreamNotFound { .. }))
    }
}

/// Whether the key was not where it was expected to be, after an attempt that had no answer.
fn is_unclear(fault: &PublishError) -> bool {
    matches!(fault, PublishError::TimedOut { last: Some(last), .. } if last.is_wrong_last())
}
