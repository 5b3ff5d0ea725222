//! A received message: subject, reply subject, headers and bytes.

use std::fmt;
use std::str::{self, Utf8Error};

use bytes::Bytes;

use crate::connection::Connection;
use crate::delivery::Delivery;
use crate::header::{HeaderError, Headers};
use crate::payload::Payload;
use crate::protocol::encode::{PublishHead, Reply};
use crate::publish::Publish;
use crate::status::Status;
use crate::subject::{SubjectError, check_subject};

/// A received message.
///
/// It is a handle on the block that it was read in, so taking and moving one copies nothing. A
/// message that is kept for long keeps its block (up to 256 KiB, or the message) alive with it.
#[derive(Clone)]
pub struct Msg {
    delivery: Delivery,
    headers: Headers,
    /// Only where the message asks for a reply: it costs a count that other messages need not pay.
    connection: Option<Connection>,
}

/// Why a received message is not a [`Msg`].
pub(crate) enum Unusable {
    SubjectNotUtf8,
    Headers(HeaderError),
}

impl Msg {
    /// Checks what any publisher may have got wrong: the text of subjects and the header block.
    #[cfg_attr(not(browser), inline(always))]
    pub(crate) fn new(
        delivery: Delivery,
        connection: impl FnOnce() -> Option<Connection>,
    ) -> Result<Self, (Unusable, Delivery)> {
        let reply = delivery.reply();
        if !delivery.is_text() {
            return Err((Unusable::SubjectNotUtf8, delivery));
        }
        let headers = if delivery.has_headers() {
            match Headers::parse(&delivery.headers()) {
                Ok(headers) => headers,
                Err(error) => return Err((Unusable::Headers(error), delivery)),
            }
        } else {
            Headers::new()
        };
        let connection = if reply.is_some() { connection() } else { None };
        Ok(Self { delivery, headers, connection })
    }

    /// A message that was made here and came over no connection: for tests, and for calling a
    /// service without a broker.
    ///
    /// It has no connection to be answered on: [`respond`](Self::respond) fails.
    ///
    /// ```
    /// use natsws::{Headers, Msg, Subject};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, Subject)]
    /// #[subject("lamps.{room}")]
    /// struct SwitchOn { room: String, percent: u8 }
    ///
    /// let payload = r#"{"room":"hall","percent":80}"#;
    /// let msg = Msg::local("lamps.hall", Some("answers.7"), Headers::new(), payload)?;
    /// let on: SwitchOn = msg.decode()?;
    /// assert_eq!((on.room.as_str(), on.percent), ("hall", 80));
    /// assert_eq!(msg.reply(), Some("answers.7"));
    /// # Ok::<(), natsws::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`SubjectError`] where the subject or the reply subject cannot be published to.
    pub fn local(
        subject: &str,
        reply: Option<&str>,
        headers: Headers,
        payload: impl AsRef<[u8]>,
    ) -> Result<Self, SubjectError> {
        check_subject(subject)?;
        reply.map_or(Ok(()), check_subject)?;
        let reply = reply.map(Reply::Subject);
        let head = PublishHead { subject, reply, headers: &headers, typed: None };
        let delivery = made(&head, &head.header_block(), payload.as_ref());
        Ok(Self { delivery, headers, connection: None })
    }

    /// What would be published, as it would be received.
    pub(crate) fn from_head(head: &PublishHead<'_>, payload: &[u8]) -> Result<Self, HeaderError> {
        let block = head.header_block();
        let headers = Headers::parse(&Bytes::copy_from_slice(&block))?;
        Ok(Self { delivery: made(head, &block, payload), headers, connection: None })
    }

    /// The same message as if it asked for no reply, so that nobody answers it by mistake.
    #[cfg(feature = "jetstream")]
    pub(crate) fn without_reply(&self) -> Self {
        let delivery = self.delivery.without_reply();
        Self { delivery, headers: self.headers.clone(), connection: None }
    }

    pub(crate) fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// The subject that the message was published to.
    pub fn subject(&self) -> &str {
        self.delivery.subject_text().unwrap_or_default()
    }

    /// The subject that an answer is expected on.
    pub fn reply(&self) -> Option<&str> {
        str::from_utf8(self.delivery.reply()?).ok()
    }

    /// The headers; empty where the message has none.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The status that a server or a service put into the headers.
    pub fn status(&self) -> Option<Status<'_>> {
        self.headers.status()
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        self.delivery.payload_bytes()
    }

    /// The payload as a shared slice, without a copy.
    pub fn payload_bytes(&self) -> Bytes {
        self.delivery.payload()
    }

    /// The payload as text.
    ///
    /// # Errors
    /// [`Utf8Error`] where it is not UTF-8.
    pub fn text(&self) -> Result<&str, Utf8Error> {
        str::from_utf8(self.payload())
    }

    /// The bytes of subject, reply, headers and payload together.
    pub fn size(&self) -> usize {
        let reply = self.delivery.reply().map_or(0, <[u8]>::len);
        self.delivery.subject().len() + reply + self.delivery.size()
    }

    /// Answers the message.
    ///
    /// ```no_run
    /// # async fn example(msg: natsws::Msg) -> Result<(), natsws::PublishError> {
    /// msg.respond("done").header("Took", "3ms").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PublishError::NoReplySubject`](crate::PublishError::NoReplySubject) where the message asks
    /// for no answer, [`PublishError::Closed`](crate::PublishError::Closed) where it came over no
    /// connection or over one that is gone, otherwise as for any publish.
    pub fn respond<'a>(&'a self, payload: impl Into<Payload<'a>>) -> Publish<'a> {
        Publish::answer(self.connection.as_ref(), self.reply(), payload.into())
    }
}

/// A message that was not read, in a block of its own.
fn made(head: &PublishHead<'_>, header_block: &[u8], payload: &[u8]) -> Delivery {
    let reply = match head.reply {
        Some(Reply::Subject(reply)) => reply,
        Some(Reply::Inbox { .. }) | None => "",
    };
    Delivery::made(head.subject, reply, header_block, payload)
}

/// The payload is not shown: it may be a secret, and it may be long.
impl fmt::Debug for Msg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Msg")
            .field("subject", &self.subject())
            .field("reply", &self.reply())
            .field("status", &self.status())
            .field("payload_len", &self.payload().len())
            .finish_non_exhaustive()
    }
}

/// A message whose subject is not text or whose headers are malformed, as it came.
#[derive(Clone)]
pub struct RawMsg(pub(crate) Delivery);

impl RawMsg {
    /// The subject, which may not be UTF-8.
    pub fn subject(&self) -> &[u8] {
        self.0.subject()
    }

    /// The reply subject, which may not be UTF-8.
    pub fn reply(&self) -> Option<&[u8]> {
        self.0.reply()
    }

    /// The header block, which may be malformed; empty where there is none.
    pub fn header_block(&self) -> Bytes {
        self.0.headers()
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        self.0.payload_bytes()
    }
}

impl fmt::Debug for RawMsg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawMsg")
            .field("subject", &String::from_utf8_lossy(self.subject()))
            .field("payload_len", &self.payload().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::PublishError;

    #[test]
    fn a_local_message_is_what_it_was_made_of() {
        let mut headers = Headers::new();
        headers.append("Trace", "7").expect("valid");
        let msg = Msg::local("a.é", Some("r"), headers, "hi").expect("good subjects");
        assert_eq!((msg.subject(), msg.reply()), ("a.é", Some("r")));
        assert_eq!(msg.headers().iter().collect::<Vec<_>>(), [("Trace", "7")]);
        assert_eq!((msg.payload(), &msg.payload_bytes()[..]), (&b"hi"[..], &b"hi"[..]));
        assert_eq!(msg.delivery().headers(), "NATS/1.0\r\nTrace: 7\r\n\r\n");
        assert_eq!(msg.size(), 4 + 1 + 22 + 2);
        let bare = Msg::local("a", None, Headers::new(), "").expect("a good subject");
        assert_eq!((bare.reply(), bare.payload(), bare.size()), (None, &b""[..], 1));
        assert!(bare.headers().is_empty() && !bare.delivery().has_headers());
    }

    #[cfg(feature = "jetstream")]
    #[test]
    fn a_message_without_its_reply_subject_is_the_same_otherwise() {
        let mut headers = Headers::new();
        headers.append("Trace", "7").expect("valid");
        let msg = Msg::local("a", Some("r"), headers, "hi").expect("good subjects").without_reply();
        assert_eq!((msg.subject(), msg.reply(), msg.payload()), ("a", None, &b"hi"[..]));
        assert_eq!(msg.headers().get("Trace"), Some("7"));
    }

    #[test]
    fn a_local_message_has_subjects_that_could_be_published_to() {
        for (subject, reply) in [("a..b", None), ("a.*", None), ("", None), ("a", Some("b c"))] {
            let made = Msg::local(subject, reply, Headers::new(), "");
            assert!(made.is_err(), "{subject} {reply:?}");
        }
    }

    #[test]
    fn a_local_message_cannot_be_answered() {
        let local = |reply| Msg::local("a", reply, Headers::new(), "").expect("good subjects");
        let sent = |msg: Msg| msg.respond("yes").try_send();
        assert!(matches!(sent(local(None)), Err(PublishError::NoReplySubject)));
        assert!(matches!(sent(local(Some("r"))), Err(PublishError::Closed)));
    }
}
