//! Publishing to a stream: a message, and the acknowledgement that the stream has it.

use std::error::Error;
use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use serde::Deserialize;

use super::api::pause;
use super::context::JetStream;
use super::error::ApiError;
use crate::header::Headers;
use crate::publish::PublishError as Refusal;
use crate::request::RequestError;
use crate::runtime::{self, BoxFuture};
use crate::subject::Shown;
use crate::typed::{EncodeMessage, Outgoing, outgoing};

/// What a stream answers when it has a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct PublishAck {
    /// The stream that took it.
    pub stream: String,
    /// The message's number in the stream; of a duplicate, the number of the first one.
    #[serde(rename = "seq")]
    pub sequence: u64,
    /// Whether the stream had a message of this id already, and did not store it again.
    #[serde(default)]
    pub duplicate: bool,
    /// The domain of the JetStream, where it has one.
    #[serde(default)]
    pub domain: Option<String>,
    /// The counter's value, where the stream counts.
    #[serde(default, rename = "val")]
    pub value: Option<String>,
}

/// Why a message is not known to be in a stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The message cannot be sent as it is. Nothing was sent.
    #[error("the message was not sent")]
    NotSent(#[source] Refusal),
    /// No stream has the subject, or none of its servers led it until the deadline. The message is
    /// not stored.
    #[error(
        "no stream answered for subject {subject} within {after:?}: create one that has it, or check that its cluster has a leader",
        subject = Shown(subject)
    )]
    NoStream {
        /// The subject.
        subject: String,
        /// How long it was tried.
        after: Duration,
    },
    /// The stream's last message is not the one that was expected. The message is not stored.
    #[error("the stream is not where it was expected to be")]
    WrongLast(#[source] ApiError),
    /// The stream does not take the message, which is not stored: it is full or sealed, the message
    /// is too large, another expectation is wrong.
    #[error("the stream does not take the message")]
    Rejected(#[source] ApiError),
    /// No acknowledgement came in time. The message may be stored.
    #[error("no acknowledgement came within {after:?}, and the message may be stored or not")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The connection failed. The message may be stored where it may have been delivered.
    #[error("the message could not be brought to the stream")]
    Request(#[source] RequestError),
    /// Something answered that is no stream.
    #[error("the answer is no acknowledgement of a stream")]
    NoAck(#[source] Box<dyn Error + Send + Sync>),
}

impl PublishError {
    /// Whether the stream's last message, or the subject's, was not the expected one: read again,
    /// and try with the new number.
    pub fn is_wrong_last(&self) -> bool {
        matches!(self, Self::WrongLast(_))
    }

    /// Whether the message may be in the stream all the same.
    pub fn may_be_stored(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::NoAck(_) | Self::Request(RequestError::Closed) => true,
            Self::Request(RequestError::Disconnected { maybe_delivered }) => *maybe_delivered,
            _ => false,
        }
    }

    pub(super) fn refused(error: ApiError) -> Self {
        match error.err_code {
            ApiError::WRONG_LAST_SEQUENCE
            | ApiError::WRONG_LAST_SEQUENCE_UNKNOWN
            | ApiError::WRONG_LAST_MESSAGE_ID => Self::WrongLast(error),
            _ => Self::Rejected(error),
        }
    }
}

/// How long a message is tried to be brought to its stream: leaders were seen away for 8 s.
const DEADLINE: Duration = Duration::from_secs(30);

/// A message that is about to be published to a stream: `.await` it, or say more first.
///
/// Made by [`JetStream::publish`]. The stream's acknowledgement is waited for, and the message sent
/// again while none comes, until the [deadline](Self::deadline). It carries an id
/// (`Nats-Msg-Id`), so that the stream stores it once however often it is sent: the stream knows
/// the ids of its `duplicate_window`, two minutes unless it says otherwise.
#[must_use = "nothing is published until this is awaited"]
pub struct PublishToStream<'a, M: ?Sized> {
    js: &'a JetStream,
    message: &'a M,
    subject: Option<&'a str>,
    headers: Headers,
    id: Id,
    deadline: Duration,
    fault: Option<Refusal>,
}

enum Id {
    Made,
    Given,
    None,
}

impl JetStream {
    /// Publishes a message to the stream that has its subject: ready when the stream has it.
    ///
    /// ```no_run
    /// use natsws::{Client, Subject};
    /// use serde::Serialize;
    ///
    /// #[derive(Serialize, Subject)]
    /// #[subject("orders.{region}.created")]
    /// struct OrderCreated { region: String, id: u64 }
    ///
    /// # async fn example(client: Client) -> Result<(), natsws::Error> {
    /// let order = OrderCreated { region: "eu".into(), id: 7 };
    /// let ack = client.jetstream().publish(&order).message_id("order-7").await?;
    /// assert!(!ack.duplicate);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PublishError`]; [`may_be_stored`](PublishError::may_be_stored) says whether it is certain
    /// that the message is not in the stream.
    ///
    /// # Cancel safety
    /// Dropped early, it may have been stored.
    pub fn publish<'a, M: EncodeMessage>(&'a self, message: &'a M) -> PublishToStream<'a, M> {
        PublishToStream::new(self, message, None)
    }

    /// Publishes a message to a subject that comes from elsewhere than its type.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    ///
    /// # Cancel safety
    /// Dropped early, it may have been stored.
    pub fn publish_to<'a, M: EncodeMessage>(
        &'a self,
        subject: &'a str,
        message: &'a M,
    ) -> PublishToStream<'a, M> {
        PublishToStream::new(self, message, Some(subject))
    }
}

impl<'a, M: ?Sized> PublishToStream<'a, M> {
    fn new(js: &'a JetStream, message: &'a M, subject: Option<&'a str>) -> Self {
        Self {
            js,
            message,
            subject,
            headers: Headers::new(),
            id: Id::Made,
            deadline: DEADLINE,
            fault: None,
        }
    }

    /// The message's id, by which the stream knows it again and stores it once (`Nats-Msg-Id`).
    /// Default: one that is made for it.
    pub fn message_id(mut self, id: impl AsRef<str>) -> Self {
        self.id = Id::Given;
        self.set("Nats-Msg-Id", id.as_ref())
    }

    /// Sends no id: the message is not sent again where it may have been stored.
    pub fn without_message_id(mut self) -> Self {
        self.id = Id::None;
        self
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
        let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        self.set("Nats-TTL", &format!("{}s", seconds.max(1)))
    }

    /// How long it is tried to bring it to the stream. Default: 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
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

    fn set(mut self, name: &str, value: &str) -> Self {
        if let Err(error) = self.headers.insert(name, value) {
            self.fault.get_or_insert_with(|| error.into());
        }
        self
    }
}

impl<'a, M: EncodeMessage> IntoFuture for PublishToStream<'a, M> {
    type Output = Result<PublishAck, PublishError>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(mut self) -> Self::IntoFuture {
        if let Id::Made = self.id {
            let id = self.js.connection().new_message_id();
            self = self.set("Nats-Msg-Id", &id);
        }
        // Encoded here, so that the future holds no message, and is `Send` whatever that is.
        let encoded = match self.fault {
            Some(fault) => Err(fault),
            None => outgoing(self.message, self.subject, &self.headers),
        };
        let has_id = !matches!(self.id, Id::None);
        Box::pin(async move {
            let message = encoded.map_err(PublishError::NotSent)?;
            bring(self.js, &message, has_id, self.deadline).await
        })
    }
}

/// Sends a message until its stream has it, it is certain that it will not, or the time is over.
async fn bring(
    js: &JetStream,
    message: &Outgoing,
    has_id: bool,
    deadline: Duration,
) -> Result<PublishAck, PublishError> {
    let end = runtime::after(runtime::now(), deadline);
    let left = || end.saturating_duration_since(runtime::now());
    let mut attempt = 0;
    loop {
        let asked = js
            .connection()
            .request(&message.subject, &message.payload)
            .headers(&message.headers)
            .timeout(left().min(js.timeout()))
            .await;
        let fault = match asked {
            Ok(reply) => match read_ack(reply.payload()) {
                Ok(ack) => return Ok(ack),
                Err(fault) => fault,
            },
            Err(RequestError::NoResponders) => {
                PublishError::NoStream { subject: message.subject.clone(), after: deadline }
            }
            Err(RequestError::TimedOut { .. }) => PublishError::TimedOut { after: deadline },
            Err(RequestError::PayloadTooLarge { len, max }) => {
                PublishError::NotSent(Refusal::PayloadTooLarge { len, max })
            }
            Err(other) => PublishError::Request(other),
        };
        let pause = pause(attempt);
        if !may_pass(js, &fault, has_id) || left() <= pause {
            return Err(fault);
        }
        runtime::sleep(pause).await;
        attempt += 1;
    }
}

#[derive(Deserialize)]
struct Answer {
    error: Option<ApiError>,
}

/// Reads what a stream answers to a message.
pub(super) fn read_ack(payload: &[u8]) -> Result<PublishAck, PublishError> {
    match serde_json::from_slice::<PublishAck>(payload) {
        Ok(ack) if !ack.stream.is_empty() && ack.sequence > 0 => Ok(ack),
        Ok(_) => {
            let answer = serde_json::from_slice::<Answer>(payload);
            Err(match answer.map(|answer| answer.error) {
                Ok(Some(error)) => PublishError::refused(error),
                Ok(None) => PublishError::NoAck("it names no stream and no sequence".into()),
                Err(error) => PublishError::NoAck(error.into()),
            })
        }
        Err(no_ack) => {
            let answer = serde_json::from_slice::<Answer>(payload);
            Err(match answer.ok().and_then(|answer| answer.error) {
                Some(error) => PublishError::refused(error),
                None => PublishError::NoAck(no_ack.into()),
            })
        }
    }
}

/// Whether the message may be brought by another attempt, which does no harm.
pub(super) fn may_pass(js: &JetStream, fault: &PublishError, has_id: bool) -> bool {
    match fault {
        PublishError::NoStream { .. } => js.connection().server_info().jetstream,
        PublishError::Rejected(error) => error.err_code == ApiError::TEMPORARILY_UNAVAILABLE,
        PublishError::TimedOut { .. } => has_id,
        PublishError::Request(RequestError::Disconnected { maybe_delivered }) => {
            has_id || !maybe_delivered
        }
        _ => false,
    }
}

impl<M: ?Sized> fmt::Debug for PublishToStream<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishToStream").field("headers", &self.headers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_names_its_stream_and_a_sequence() {
        let ack = read_ack(br#"{"stream":"S","seq":7,"duplicate":true,"domain":"hub"}"#);
        let ack = ack.expect("it is one");
        assert_eq!((ack.stream.as_str(), ack.sequence, ack.duplicate), ("S", 7, true));
        assert_eq!(ack.domain.as_deref(), Some("hub"));
        for payload in
            [&br#"{"stream":"","seq":7}"#[..], br#"{"stream":"S","seq":0}"#, b"{}", b"", b"7"]
        {
            assert!(matches!(read_ack(payload), Err(PublishError::NoAck(_))), "{payload:?}");
        }
    }

    #[test]
    fn a_refusal_says_whether_the_stream_is_elsewhere() {
        let refused = |code: u32| {
            let payload = format!(
                r#"{{"error":{{"code":400,"err_code":{code},"description":"no"}},"stream":"S","seq":0}}"#
            );
            read_ack(payload.as_bytes()).expect_err("refused")
        };
        for code in [10070, 10071, 10164] {
            assert!(refused(code).is_wrong_last(), "{code}");
        }
        assert!(matches!(refused(10060), PublishError::Rejected(_)));
    }
}
