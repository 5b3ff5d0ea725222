//! A message that a consumer delivered, with the answers to it.

use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use super::ack::{AckError, Answer, Kind, Origin};
use super::api::{pause, until_heard};
use super::deliverable::{Deliverable, Untyped};
use crate::header::Headers;
use crate::msg::Msg;
use crate::publish::PublishError;
use crate::request::RequestError;
use crate::runtime;
use crate::typed::{DecodeError, DecodeMessage};

/// What the reply subject of a delivered message says (ADR-15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryInfo<'a> {
    /// The domain of the JetStream, where it has one.
    pub domain: Option<&'a str>,
    /// The stream that has the message.
    pub stream: &'a str,
    /// The consumer that delivered it.
    pub consumer: &'a str,
    /// How often it was delivered, this time included.
    pub delivered: u64,
    /// Its number in the stream.
    pub stream_sequence: u64,
    /// The number of this delivery among all of the consumer.
    pub consumer_sequence: u64,
    /// When the stream took it.
    pub time: SystemTime,
    /// How many messages the consumer has still to deliver.
    pub pending: u64,
}

impl<'a> DeliveryInfo<'a> {
    /// Reads `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer
    /// sequence>.<nanoseconds>.<pending>`, or the newer form with a domain and the account's hash
    /// behind `ACK`, which may have more at its end.
    pub(super) fn parse(reply: &'a str) -> Option<Self> {
        let rest = reply.strip_prefix("$JS.ACK.")?;
        // Where each token ends. The tokens are short, so that looking at each byte is the fastest.
        let mut ends = [rest.len(); 10];
        let mut count = 1;
        for (at, byte) in rest.bytes().enumerate() {
            if byte == b'.' {
                if let Some(end) = ends.get_mut(count - 1) {
                    *end = at;
                }
                count += 1;
            }
        }
        let token = |index: usize| {
            let start = index.checked_sub(1).map_or(Some(0), |before| Some(ends.get(before)? + 1));
            rest.get(start?..*ends.get(index)?)
        };
        let (domain, at) = match count {
            7 => ("_", 0),
            9.. => (token(0)?, 2),
            _ => return None,
        };
        let token = |index: usize| token(at + index);
        let number = |index: usize| token(index)?.parse::<u64>().ok();
        let nanoseconds = Duration::from_nanos(number(5)?);
        Some(Self {
            domain: (domain != "_").then_some(domain),
            stream: token(0)?,
            consumer: token(1)?,
            delivered: number(2)?,
            stream_sequence: number(3)?,
            consumer_sequence: number(4)?,
            time: SystemTime::UNIX_EPOCH.checked_add(nanoseconds)?,
            pending: number(6)?,
        })
    }

    pub(super) fn numbers(&self) -> Numbers {
        Numbers {
            delivered: self.delivered,
            stream_sequence: self.stream_sequence,
            consumer_sequence: self.consumer_sequence,
            pending: self.pending,
        }
    }
}

/// The numbers of a [`DeliveryInfo`], which need not borrow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    pub(super) delivered: u64,
    pub(super) stream_sequence: u64,
    pub(super) consumer_sequence: u64,
    pub(super) pending: u64,
}

/// A message that a consumer delivered. It derefs to the value that was read from it.
///
/// It is to be answered: by [`ack`](Self::ack) when it is done, [`nak`](Self::nak) to have it again,
/// [`term`](Self::term) to have it never again. Without an answer it comes again after the
/// consumer's `ack_wait`; that nobody answered is told once for each reader, as
/// [`Event::DeliveryUnanswered`](crate::Event::DeliveryUnanswered). The first answer holds, and
/// later ones are not sent.
///
/// ```no_run
/// use std::time::Duration;
/// use natsws::Subject;
/// use natsws::jetstream::{AckError, Delivery};
/// use serde::Deserialize;
///
/// #[derive(Deserialize, Subject)]
/// #[subject("orders.{region}.created")]
/// struct OrderCreated { region: String, id: u64 }
///
/// # fn is_busy() -> bool { false }
/// async fn work(order: Delivery<OrderCreated>) -> Result<(), AckError> {
///     if is_busy() {
///         return order.nak(Duration::from_secs(5)).await;
///     }
///     println!("order {} from {}", order.id, order.region);
///     order.ack().await
/// }
/// ```
pub struct Delivery<T = Untyped> {
    value: T,
    msg: Msg,
    numbers: Numbers,
    answer: Answer,
}

impl<T> Delivery<T> {
    /// When and as what it was stored, and how often it was delivered.
    pub fn info(&self) -> DeliveryInfo<'_> {
        // It was read before, so it can be read again; the rest is for the compiler.
        self.msg.reply().and_then(DeliveryInfo::parse).unwrap_or(DeliveryInfo {
            domain: None,
            stream: "",
            consumer: "",
            delivered: self.numbers.delivered,
            stream_sequence: self.numbers.stream_sequence,
            consumer_sequence: self.numbers.consumer_sequence,
            time: SystemTime::UNIX_EPOCH,
            pending: self.numbers.pending,
        })
    }

    /// Its number in the stream.
    pub fn sequence(&self) -> u64 {
        self.numbers.stream_sequence
    }

    /// How often it was delivered, this time included.
    pub fn delivered(&self) -> u64 {
        self.numbers.delivered
    }

    /// Whether it was delivered before.
    pub fn is_redelivered(&self) -> bool {
        self.numbers.delivered > 1
    }

    /// How many messages the consumer has still to deliver.
    pub fn pending(&self) -> u64 {
        self.numbers.pending
    }

    /// The subject that it was published to.
    pub fn subject(&self) -> &str {
        self.msg.subject()
    }

    /// Its headers.
    pub fn headers(&self) -> &Headers {
        self.msg.headers()
    }

    /// Its payload.
    pub fn payload(&self) -> &[u8] {
        self.msg.payload()
    }

    /// The message as it came.
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

    /// Whether it was answered.
    pub fn is_answered(&self) -> bool {
        self.answer.is_given()
    }

    pub(super) fn numbers(&self) -> Numbers {
        self.numbers
    }

    /// Tells the server that it is done: ready when that is accepted for sending. While there is no
    /// connection it is kept for the next one, as any publish is. A connection that is lost may lose
    /// the answer, and then the message comes again; [`ack_confirmed`](Self::ack_confirmed) makes
    /// sure.
    ///
    /// # Errors
    /// [`AckError::NotSent`].
    ///
    /// # Cancel safety
    /// It is sent whole or not at all.
    pub async fn ack(&self) -> Result<(), AckError> {
        self.answer(b"+ACK", Kind::Acked).await
    }

    /// Tells the server that it is done and waits until the server has it: from then on the message
    /// is not delivered again. After an [`ack`](Self::ack) it confirms that. A connection that is
    /// lost meanwhile is waited for, within the timeout.
    ///
    /// # Errors
    /// [`AckError`]: the server did not confirm it within the timeout of the
    /// [`JetStream`](super::JetStream::with_timeout), or the message was answered otherwise before.
    /// A consumer that wants no acknowledgements confirms none.
    ///
    /// # Cancel safety
    /// Dropped early, it may have been sent.
    pub async fn ack_confirmed(&self) -> Result<(), AckError> {
        if self.answer.is_given() && !self.answer.is_acked() {
            return Err(AckError::AnsweredOtherwise);
        }
        let origin = &self.answer.origin;
        let reply = self.msg.reply().unwrap_or_default();
        let end = runtime::after(runtime::now(), origin.timeout);
        let mut attempt = 0;
        loop {
            let left = end.saturating_duration_since(runtime::now());
            let ask = |left| Box::pin(origin.connection.request(reply, "+ACK").timeout(left));
            // To say it twice does no harm, and the leader that was told may have gone with its answer.
            let Err(error) = until_heard(left, ask).await else { break };
            // Without a leader nobody hears it for a while.
            let may_pass = match error {
                RequestError::Disconnected { .. } => true,
                RequestError::NoResponders => origin.wants_answer,
                _ => false,
            };
            let pause = pause(attempt);
            let left = end.saturating_duration_since(runtime::now());
            if !may_pass || left <= pause {
                return Err(AckError::NotConfirmed(error));
            }
            runtime::sleep(pause).await;
            attempt += 1;
        }
        self.answer.acked();
        Ok(())
    }

    /// Gives it back: it is delivered again after this pause, to any reader of the consumer. Without
    /// a pause it is the consumer's `backoff` that says when, or at once.
    ///
    /// # Errors
    /// [`AckError::NotSent`].
    ///
    /// # Cancel safety
    /// It is sent whole or not at all.
    pub async fn nak(&self, delay: impl Into<Option<Duration>>) -> Result<(), AckError> {
        match delay.into() {
            None => self.answer(b"-NAK", Kind::Otherwise).await,
            Some(delay) => {
                let nanoseconds = i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX);
                let said = format!("-NAK {{\"delay\":{nanoseconds}}}");
                self.answer(said.as_bytes(), Kind::Otherwise).await
            }
        }
    }

    /// Asks for as much time again as the consumer's `ack_wait`. It can be said again and again, and
    /// is no answer; after one it is not sent.
    ///
    /// # Errors
    /// [`AckError::NotSent`].
    ///
    /// # Cancel safety
    /// It is sent whole or not at all.
    pub async fn in_progress(&self) -> Result<(), AckError> {
        self.answer(b"+WPI", Kind::InProgress).await
    }

    /// Has it never delivered again, though it was not done. The reason is in the advisory that the
    /// server publishes; empty where there is none.
    ///
    /// # Errors
    /// [`AckError::NotSent`].
    ///
    /// # Cancel safety
    /// It is sent whole or not at all.
    pub async fn term(&self, reason: &str) -> Result<(), AckError> {
        match reason {
            "" => self.answer(b"+TERM", Kind::Otherwise).await,
            reason => self.answer(format!("+TERM {reason}").as_bytes(), Kind::Otherwise).await,
        }
    }

    /// Gives it back at once, without waiting: for code that is not `async`, as in a `Drop`.
    ///
    /// # Errors
    /// [`AckError::NotSent`], with [`PublishError::WouldBlock`](crate::PublishError::WouldBlock)
    /// where it would have to wait.
    pub fn try_nak(&self) -> Result<(), AckError> {
        self.try_answer(b"-NAK", Kind::Otherwise)
    }

    /// Asks for more time, as [`in_progress`](Self::in_progress), without waiting.
    ///
    /// # Errors
    /// As [`try_nak`](Self::try_nak).
    pub fn try_in_progress(&self) -> Result<(), AckError> {
        self.try_answer(b"+WPI", Kind::InProgress)
    }

    fn try_answer(&self, said: &[u8], kind: Kind) -> Result<(), AckError> {
        let reply = self.msg.reply().unwrap_or_default();
        let (mut turn, mut cx) = (self.answer.turn(), Context::from_waker(Waker::noop()));
        match self.answer.poll_give(reply, said, kind, &mut turn, &mut cx) {
            Poll::Ready(given) => given,
            Poll::Pending => Err(AckError::NotSent(PublishError::WouldBlock)),
        }
    }

    #[inline]
    async fn answer(&self, said: &[u8], kind: Kind) -> Result<(), AckError> {
        let reply = self.msg.reply().unwrap_or_default();
        let mut turn = self.answer.turn();
        poll_fn(|cx| self.answer.poll_give(reply, said, kind, &mut turn, cx)).await
    }

    /// The value alone; without an answer before, the message comes again.
    pub fn into_inner(self) -> T {
        self.value
    }
}

/// Why a message is no delivery of this type.
pub(super) enum Unreadable {
    /// It has not the reply subject of a delivery.
    NoDelivery(Msg),
    /// It does not decode.
    Decode(DecodeError, Box<Delivery<Untyped>>),
}

impl<T: Deliverable> Delivery<T> {
    pub(super) fn read(msg: Msg, origin: &Arc<Origin>) -> Result<Self, Unreadable> {
        let Some(info) = msg.reply().and_then(DeliveryInfo::parse) else {
            return Err(Unreadable::NoDelivery(msg));
        };
        let numbers = info.numbers();
        let answer = Answer::new(Arc::clone(origin));
        match T::read(&msg) {
            Ok(value) => Ok(Self { value, msg, numbers, answer }),
            Err(error) => {
                let delivery = Box::new(Delivery { value: Untyped, msg, numbers, answer });
                Err(Unreadable::Decode(error, delivery))
            }
        }
    }
}

impl<T> Deref for Delivery<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The value and the payload are not shown: they may be secrets.
impl<T> fmt::Debug for Delivery<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("msg", &self.msg)
            .field("sequence", &self.sequence())
            .field("is_answered", &self.is_answered())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reply_subject_of_a_delivery_says_where_it_is_from() {
        let time = |nanoseconds| SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds);
        let expected = DeliveryInfo {
            domain: None,
            stream: "ORDERS",
            consumer: "workers",
            delivered: 2,
            stream_sequence: 17,
            consumer_sequence: 9,
            time: time(1_700_000_000_123_456_789),
            pending: 4,
        };
        let old = "$JS.ACK.ORDERS.workers.2.17.9.1700000000123456789.4";
        assert_eq!(DeliveryInfo::parse(old), Some(expected));
        let new = "$JS.ACK._.hash.ORDERS.workers.2.17.9.1700000000123456789.4";
        assert_eq!(DeliveryInfo::parse(new), Some(expected));
        let hub = "$JS.ACK.hub.hash.ORDERS.workers.2.17.9.1700000000123456789.4.random";
        assert_eq!(
            DeliveryInfo::parse(hub),
            Some(DeliveryInfo { domain: Some("hub"), ..expected })
        );
    }

    #[test]
    fn other_reply_subjects_are_no_deliveries() {
        for reply in [
            "",
            "_INBOX.a.b",
            "$JS.ACK",
            "$JS.ACK.a.b.1.2.3.4",
            "$JS.ACK.a.b.1.2.3.4.5.6",
            "$JS.ACK.a.b.x.2.3.4.5",
            "$JS.ACK.a.b.1.2.3.99999999999999999999.5",
            "$JS.ACK.a.b.-1.2.3.4.5",
        ] {
            assert_eq!(DeliveryInfo::parse(reply), None, "{reply}");
        }
    }
}
