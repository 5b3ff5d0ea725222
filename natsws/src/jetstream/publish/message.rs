//! What can be said of a message that is published to a stream, however it goes there.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use super::super::context::JetStream;
use super::ack::{PublishAck, read_ack};
use super::attempts::{Sending, bring};
use super::content::{Buffers, Content};
use super::error::PublishError;
use crate::header::Headers;
use crate::publish::PublishError as Refusal;
use crate::runtime::SendFuture;

/// How long a message is tried to be brought to its stream: leaders were seen away for 8 s.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// The header that has a message's id.
pub(super) const MESSAGE_ID: &str = "Nats-Msg-Id";

/// A message that is about to be published to a stream: `.await` it, or say more first.
///
/// What comes of it depends on what it is published with: [`JetStream::publish`] waits for the
/// stream's acknowledgement, [`Publisher::publish`](super::Publisher::publish) for room in its
/// window, and a [`Batch`](super::Batch) keeps it until all is there.
///
/// Unless told otherwise it carries an id (`Nats-Msg-Id`) that is made for it, so that the stream
/// stores it once however often it is sent: the stream knows the ids of its `duplicate_window`, two
/// minutes unless it says otherwise.
///
/// `C` is the message's content, and `D` what it is published with; the module
/// [`publishing`](super::super::publishing) has both.
#[must_use = "nothing is published until this is awaited"]
pub struct PublishToStream<C, D> {
    pub(super) content: C,
    /// What it is published with.
    pub(super) by: D,
    pub(super) headers: Headers,
    pub(super) id: Id,
    pub(super) fault: Option<Refusal>,
}

/// Where a message's id comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Id {
    Made,
    Given,
    None,
}

impl<C, D> PublishToStream<C, D> {
    pub(super) fn new(content: C, by: D, id: Id) -> Self {
        Self { content, by, headers: Headers::new(), id, fault: None }
    }

    /// The message's id, by which the stream knows it again and stores it once (`Nats-Msg-Id`).
    /// Default: one that is made for it.
    pub fn message_id(mut self, id: impl AsRef<str>) -> Self {
        self.id = Id::Given;
        self.set(MESSAGE_ID, id.as_ref())
    }

    /// Refuses it unless this stream takes it.
    pub fn expect_stream(self, name: &str) -> Self {
        self.set("Nats-Expected-Stream", name)
    }

    /// Refuses it unless the stream's last message has this number; 0 is for an empty stream.
    pub fn expect_last_sequence(self, sequence: u64) -> Self {
        self.set("Nats-Expected-Last-Sequence", &sequence.to_string())
    }

    /// Refuses it unless the last message of its subject has this number; 0 is for a subject
    /// without any.
    pub fn expect_last_subject_sequence(self, sequence: u64) -> Self {
        self.set("Nats-Expected-Last-Subject-Sequence", &sequence.to_string())
    }

    /// Has [`expect_last_subject_sequence`](Self::expect_last_subject_sequence) look at this
    /// subject, which may have wildcards, instead of the message's own.
    pub fn expect_last_of(self, filter: &str) -> Self {
        self.set("Nats-Expected-Last-Subject-Sequence-Subject", filter)
    }

    /// Refuses it unless the stream's last message has this id.
    pub fn expect_last_message_id(self, id: &str) -> Self {
        self.set("Nats-Expected-Last-Msg-Id", id)
    }

    /// Has the stream delete it after this time, in whole seconds, at least one. The stream must
    /// allow it (`allow_message_ttl`).
    pub fn ttl(self, ttl: Duration) -> Self {
        self.set("Nats-TTL", &seconds(ttl))
    }

    /// Keeps it, whatever the stream's `max_age` says. The stream must allow it
    /// (`allow_message_ttl`).
    pub fn never_expires(self) -> Self {
        self.set("Nats-TTL", "never")
    }

    /// Has the stream delete what is before it: of its subject, or all. The stream must allow it
    /// (`allow_rollup`).
    pub fn rollup(self, rollup: Rollup) -> Self {
        self.set("Nats-Rollup", rollup.as_str())
    }

    /// Adds this to the counter that the subject is, which may be less than zero; the
    /// acknowledgement has the [value](PublishAck::value). The stream must count
    /// (`allow_message_counter`), and the message must have no payload (ADR-49).
    ///
    /// The stream counts what it stores, so a message with an id counts once.
    pub fn increment(self, by: impl Into<i128>) -> Self {
        let by = by.into();
        self.set("Nats-Incr", &format!("{by:+}"))
    }

    /// Adds a header. One that is not valid is the error of the publish.
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if let Err(error) = self.headers.append(name, value.as_ref()) {
            self.fault.get_or_insert_with(|| error.into());
        }
        self
    }

    /// Adds all of these headers.
    pub fn headers(mut self, headers: &Headers) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Whether an id has to be made for it. Headers that were given as a whole may have one.
    pub(super) fn needs_id(&self) -> bool {
        self.id == Id::Made && (self.headers.is_empty() || !self.headers.contains(MESSAGE_ID))
    }

    /// Says something once, in place of what was said before.
    pub(super) fn set(mut self, name: &str, value: &str) -> Self {
        let said = if self.headers.contains(name) {
            self.headers.insert(name, value)
        } else {
            self.headers.append(name, value)
        };
        if let Err(error) = said {
            self.fault.get_or_insert_with(|| error.into());
        }
        self
    }
}

impl<C: Content, D> PublishToStream<C, D> {
    /// Writes it, with more lines of headers, which are valid.
    pub(super) fn write(&mut self, lines: &str, out: &mut Buffers) -> Result<(), Refusal> {
        match self.fault.take() {
            Some(fault) => Err(fault),
            None => self.content.write(std::mem::take(&mut self.headers), lines, out),
        }
    }
}

/// A message that is published by itself, and its acknowledgement waited for.
#[derive(Debug)]
pub struct Alone<'a> {
    js: &'a JetStream,
    deadline: Duration,
}

impl<'a> Alone<'a> {
    pub(super) fn new(js: &'a JetStream) -> Self {
        Self { js, deadline: DEADLINE }
    }
}

impl<C> PublishToStream<C, Alone<'_>> {
    /// Sends no id: the message is not sent again where it may have been stored.
    pub fn without_message_id(mut self) -> Self {
        self.headers.remove(MESSAGE_ID);
        self.id = Id::None;
        self
    }

    /// How long it is tried to bring it to the stream. Default: 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.by.deadline = deadline;
        self
    }
}

impl<'a, C: Content> IntoFuture for PublishToStream<C, Alone<'a>> {
    type Output = Result<PublishAck, PublishError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(mut self) -> Self::IntoFuture {
        let Alone { js, deadline } = self.by;
        // Written here, so that the future holds no message, and is `Send` whatever that is.
        let mut buffers = Buffers::default();
        let lines = if self.needs_id() {
            format!("{MESSAGE_ID}: {}\r\n", js.connection().new_message_id())
        } else {
            String::new()
        };
        let written = self.write(&lines, &mut buffers);
        let has_id = self.id != Id::None;
        Box::pin(async move {
            written.map_err(PublishError::NotSent)?;
            bring(js, &buffers.0, Sending { has_id, deadline }, read_ack).await
        })
    }
}

impl<C, D> fmt::Debug for PublishToStream<C, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishToStream").field("headers", &self.headers).finish_non_exhaustive()
    }
}

/// What a message deletes that comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rollup {
    /// Everything on its subject.
    Subject,
    /// Everything in the stream.
    All,
}

impl Rollup {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "sub",
            Self::All => "all",
        }
    }
}

/// A time to live, in whole seconds, at least one.
pub(super) fn seconds(ttl: Duration) -> String {
    let seconds = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0));
    format!("{}s", seconds.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_is_rounded_up_to_seconds() {
        assert_eq!(seconds(Duration::ZERO), "1s");
        assert_eq!(seconds(Duration::from_secs(2)), "2s");
        assert_eq!(seconds(Duration::from_millis(2001)), "3s");
        assert_eq!(seconds(Duration::MAX), format!("{}s", u64::MAX));
    }
}
