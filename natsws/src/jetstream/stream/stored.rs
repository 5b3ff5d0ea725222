//! A message as a stream has it, and how it is read from what the server answers.

use std::fmt;
use std::ops::Deref;
use std::time::SystemTime;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::value::{Error as NoTime, StrDeserializer};

use crate::header::Headers;
use crate::jetstream::deliverable::{Deliverable, Untyped};
use crate::jetstream::error::JetStreamError;
use crate::jetstream::wire;
use crate::msg::Msg;
use crate::protocol::encode::PublishHead;
use crate::typed::{DecodeError, DecodeMessage};

/// A message that was read from a stream. It derefs to the value that was read from it.
///
/// Unlike a [`Delivery`](crate::jetstream::Delivery) no consumer is involved, and there is nothing
/// to acknowledge.
///
/// ```no_run
/// use natsws::Subject;
/// use natsws::jetstream::Stream;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, Subject)]
/// #[subject("orders.{region}.created")]
/// struct OrderCreated { region: String, id: u64 }
///
/// # async fn example(orders: Stream) -> Result<(), natsws::Error> {
/// if let Some(order) = orders.message::<OrderCreated>(7).await? {
///     println!("order {} from {}, stored {:?}", order.id, order.region, order.time());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct StoredMessage<T = Untyped> {
    value: T,
    msg: Msg,
    sequence: u64,
    time: SystemTime,
}

impl<T> StoredMessage<T> {
    /// Its number in the stream.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When the stream took it.
    pub fn time(&self) -> SystemTime {
        self.time
    }

    /// The subject that it has in the stream.
    pub fn subject(&self) -> &str {
        self.msg.subject()
    }

    /// Its headers, as they were published. What the server says of the message is not among them.
    pub fn headers(&self) -> &Headers {
        self.msg.headers()
    }

    /// Its payload.
    pub fn payload(&self) -> &[u8] {
        self.msg.payload()
    }

    /// The message as it was published: with its subject, and without a reply subject.
    pub fn msg(&self) -> &Msg {
        &self.msg
    }

    /// Reads it as another type, which may borrow from it.
    ///
    /// # Errors
    /// [`DecodeError`] where subject, headers or payload do not fit that type.
    pub fn view<'m, V: DecodeMessage<'m>>(&'m self) -> Result<V, DecodeError> {
        self.msg.decode()
    }

    /// The value alone.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl StoredMessage {
    /// Reads it as a value.
    pub(super) fn typed<T: Deliverable>(self) -> Result<StoredMessage<T>, JetStreamError> {
        match T::read(&self.msg) {
            Ok(value) => {
                let Self { msg, sequence, time, .. } = self;
                Ok(StoredMessage { value, msg, sequence, time })
            }
            Err(source) => Err(JetStreamError::Decode { message: Box::new(self), source }),
        }
    }
}

impl<T> Deref for StoredMessage<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The value and the payload are not shown: they may be secrets.
impl<T> fmt::Debug for StoredMessage<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredMessage")
            .field("msg", &self.msg)
            .field("sequence", &self.sequence)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

/// Why an answer is not understood.
pub(super) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// The parts of a message as a stream has it, with its headers as they were published.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) subject: String,
    pub(crate) sequence: u64,
    pub(crate) time: SystemTime,
    pub(crate) headers: Headers,
    pub(crate) payload: Bytes,
}

impl Stored {
    pub(super) fn message(self) -> Result<StoredMessage, Fault> {
        let Self { subject, sequence, time, headers, payload } = self;
        let head = PublishHead { subject: &subject, reply: None, headers: &headers, typed: None };
        let msg = Msg::from_head(&head, &payload)?;
        Ok(StoredMessage { value: Untyped, msg, sequence, time })
    }
}

/// What the leader answers.
#[derive(Deserialize)]
pub(super) struct FromLeader {
    message: Encoded,
}

#[derive(Deserialize)]
struct Encoded {
    subject: String,
    #[serde(rename = "seq", deserialize_with = "wire::count")]
    sequence: u64,
    #[serde(default, rename = "hdrs", with = "wire::base64")]
    headers: Bytes,
    #[serde(default, with = "wire::base64")]
    data: Bytes,
    #[serde(with = "wire::rfc3339")]
    time: SystemTime,
}

impl FromLeader {
    pub(super) fn stored(self) -> Result<Stored, Fault> {
        let Encoded { subject, sequence, headers, data, time } = self.message;
        Ok(Stored { subject, sequence, time, headers: Headers::parse(&headers)?, payload: data })
    }
}

/// What a server that keeps the stream answers directly: the message, with headers behind its own.
pub(super) struct Direct<'a> {
    reply: &'a Msg,
    /// Where the server's headers begin among all.
    own: usize,
}

impl<'a> Direct<'a> {
    /// `None` is for what is no message: a status.
    pub(super) fn read(reply: &'a Msg) -> Option<Self> {
        // A message that was republished has all these headers already, and the server's come
        // behind them. A status line may be the message's own.
        let names = || reply.headers().iter().map(|(name, _)| name);
        let own = names().enumerate().filter(|(_, name)| *name == "Nats-Stream").last()?.0;
        let direct = Self { reply, own };
        direct.header("Nats-Sequence").map(|_| direct)
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        let mut servers = self.reply.headers().iter().skip(self.own);
        servers.find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.parse().ok()
    }

    /// How many more messages there are; not said by a server that knows no batches, nor of a
    /// single message.
    pub(super) fn pending(&self) -> Option<u64> {
        self.number("Nats-Num-Pending")
    }

    /// The number of the message of this batch before it.
    pub(super) fn previous(&self) -> Option<u64> {
        self.number("Nats-Last-Sequence")
    }

    pub(super) fn stored(&self) -> Result<Stored, Fault> {
        let sequence = self.number("Nats-Sequence").ok_or("it has no sequence number")?;
        let subject = self.header("Nats-Subject").ok_or("it has no subject")?;
        let time = self.header("Nats-Time-Stamp").and_then(parse_time);
        let time = time.ok_or("it has no time")?;
        let mut headers = Headers::new();
        for (name, value) in self.reply.headers().iter().take(self.own) {
            headers.append(name, value)?;
        }
        let payload = self.reply.payload_bytes();
        Ok(Stored { subject: subject.to_owned(), sequence, time, headers, payload })
    }
}

/// RFC 3339, or as servers before 2.9 said it: `2022-08-06 00:29:27.587861324 +0000 UTC`.
fn parse_time(text: &str) -> Option<SystemTime> {
    let parse = |text: &str| wire::rfc3339::deserialize(StrDeserializer::<NoTime>::new(text)).ok();
    parse(text).or_else(|| {
        let utc = text.strip_suffix(" +0000 UTC")?;
        let (day, hour) = utc.split_once(' ')?;
        parse(&format!("{day}T{hour}Z"))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn reply(headers: &[(&str, &str)]) -> Msg {
        let mut all = Headers::new();
        for (name, value) in headers {
            all.append(name, value).expect("valid");
        }
        Msg::local("_INBOX.a", None, all, "hello").expect("valid")
    }

    const SERVERS: [(&str, &str); 4] = [
        ("Nats-Stream", "S"),
        ("Nats-Subject", "orders.eu"),
        ("Nats-Sequence", "7"),
        ("Nats-Time-Stamp", "2022-08-06T00:29:27.587861324Z"),
    ];

    #[test]
    fn the_headers_of_a_message_are_told_from_the_servers() {
        let republished =
            [("Nats-Stream", "FIRST"), ("Nats-Sequence", "3"), ("Trace", "a"), ("Trace", "b")];
        let reply = reply(&[&republished[..], &SERVERS].concat());
        let message = Direct::read(&reply).expect("a message").stored().expect("understood");
        let message = message.message().expect("valid");
        assert_eq!((message.subject(), message.sequence()), ("orders.eu", 7));
        assert_eq!(message.headers().iter().collect::<Vec<_>>(), republished);
        assert_eq!(message.payload(), b"hello");
        let since = message.time().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        assert_eq!(since, Duration::new(1_659_745_767, 587_861_324));
    }

    #[test]
    fn a_status_is_no_message() {
        let end = [("Nats-Num-Pending", "0"), ("Nats-Last-Sequence", "7")];
        for headers in [&end[..], &[], &[("Nats-Stream", "S")]] {
            assert!(Direct::read(&reply(headers)).is_none(), "{headers:?}");
        }
    }

    #[test]
    fn what_is_missing_in_an_answer_is_named() {
        for (missing, fault) in [(1, "it has no subject"), (3, "it has no time")] {
            let mut headers = SERVERS.to_vec();
            headers.remove(missing);
            let reply = reply(&headers);
            let error = Direct::read(&reply).expect("one").stored().err().expect("not understood");
            assert_eq!(error.to_string(), fault);
        }
    }

    #[test]
    fn times_are_read_as_old_and_new_servers_write_them() {
        let new = parse_time("2022-08-06T00:29:27.5Z");
        assert_eq!(new, parse_time("2022-08-06 00:29:27.5 +0000 UTC"));
        assert_eq!(new, parse_time("2022-08-06T02:29:27.5+02:00"));
        assert!(new.is_some());
        for text in ["", "2022-08-06", "2022-08-06 00:29:27 +0100 CET", "now +0000 UTC"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
