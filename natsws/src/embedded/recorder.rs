//! What was published, as the values that it was published as.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use tokio::sync::watch;

use super::Broker;
use super::hub::{Hub, Reading};
use super::record::Missed;
use crate::delivery::Delivery;
use crate::header::HeaderError;
use crate::msg::{Msg, RawMsg, Unusable};
use crate::typed::{DecodeError, DecodeOwned, Received};

/// What is to be known of a record of published messages besides the messages.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The broker records only so many messages, and these, of any type, came before them.
    #[error(
        "{messages} messages are not recorded any more: let the broker keep more by \
         `record_messages` and `record_bytes`"
    )]
    Missed {
        /// How many.
        messages: u64,
    },
    /// A message on the subject of a type is not a value of it.
    #[error("a published message does not fit its type")]
    Decode {
        /// Why.
        source: DecodeError,
        /// The message as it came.
        msg: Box<Msg>,
    },
    /// A message has a subject or a reply subject that is not UTF-8.
    #[error("a published message has a subject that is not UTF-8")]
    SubjectNotUtf8 {
        /// The message as it came.
        raw: Box<RawMsg>,
    },
    /// A message has headers that are malformed.
    #[error("a published message has headers that are malformed")]
    MalformedHeaders {
        /// What is wrong.
        source: HeaderError,
        /// The message as it came.
        raw: Box<RawMsg>,
    },
}

impl From<Missed> for RecordError {
    fn from(Missed(messages): Missed) -> Self {
        Self::Missed { messages }
    }
}

/// What was published.
///
/// The broker records the latest messages of all clients, whether or not anyone is subscribed;
/// requests and replies are messages too. How many it keeps is said by
/// [`BrokerBuilder::record_messages`](super::BrokerBuilder::record_messages) and
/// [`record_bytes`](super::BrokerBuilder::record_bytes).
impl Broker {
    /// All messages of a type that were published, in the order in which they came.
    ///
    /// ```
    /// # use natsws::{Subject, embedded::Broker};
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
    /// #[subject("orders.{id}.created")]
    /// struct OrderCreated { id: u64 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let broker = Broker::start().await?;
    /// let client = broker.connect().await?;
    /// client.publish(&OrderCreated { id: 7 }).await?; // what is tested
    /// client.flush().await?;
    /// assert_eq!(broker.published::<OrderCreated>()?, [OrderCreated { id: 7 }]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Publishing returns before the broker has the message: flush the client first, or wait for
    /// the message by a [`recorder`](Self::recorder).
    ///
    /// # Errors
    /// [`RecordError`], so that nothing is taken for complete which is not: the first message on a
    /// subject of the type that is no value of it, or that there were more messages than the broker
    /// keeps.
    pub fn published<M: DecodeOwned>(&self) -> Result<Vec<M>, RecordError> {
        let recorded = self.running.hub.recorded(M::FILTERS)?;
        recorded.into_iter().map(|message| Ok(decode::<M>(message)?.into_inner())).collect()
    }

    /// All messages that were published, as subjects and bytes, in the order in which they came.
    ///
    /// They are records: to [respond](Msg::respond) to one is an error.
    ///
    /// # Errors
    /// As [`published`](Self::published), but there is no type that a message has to fit.
    pub fn published_msgs(&self) -> Result<Vec<Msg>, RecordError> {
        self.running.hub.recorded(&[">"])?.into_iter().map(read).collect()
    }

    /// Forgets what was published so far, so that a test can look at what comes from here on.
    /// Recorders go on with what comes.
    pub fn forget_published(&self) {
        self.running.hub.forget_published();
    }

    /// Reads the messages of a type that were published, one by one, and waits for those to come.
    ///
    /// It starts with the oldest message that is recorded, so it may be made before or after the
    /// message is published that it is to find.
    ///
    /// ```
    /// # use natsws::{Subject, embedded::Broker};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
    /// # #[subject("orders.{id}.created")]
    /// # struct OrderCreated { id: u64 }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = Broker::start().await?;
    /// # let client = broker.connect().await?;
    /// let mut created = broker.recorder::<OrderCreated>();
    /// tokio::spawn(async move { client.publish(&OrderCreated { id: 7 }).await });
    ///
    /// let order = created.next().await.expect("the broker runs")?;
    /// assert_eq!((order.id, order.subject()), (7, "orders.7.created"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn recorder<M: DecodeOwned>(&self) -> Recorder<M> {
        let hub = Arc::clone(&self.running.hub);
        let news = hub.news();
        Recorder { hub, news, from: 0, message: PhantomData }
    }
}

/// Reads what was published and waits for what will be, made by [`Broker::recorder`]. Other
/// recorders and [`Broker::published`] see the same messages. It does not keep the broker running.
#[must_use = "it does nothing until it is asked for the next message"]
pub struct Recorder<M> {
    hub: Arc<Hub>,
    news: watch::Receiver<()>,
    /// The number of the message to look at next.
    from: u64,
    message: PhantomData<fn() -> M>,
}

impl<M: DecodeOwned> Recorder<M> {
    /// The next message; waits until there is one. `None` when the broker was closed and all was
    /// read.
    ///
    /// # Errors
    /// [`RecordError`] says that a message is no value of the type, or that some are not recorded
    /// any more. The recorder goes on behind it.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Received<M>, RecordError>> {
        loop {
            // Before the look, so that nothing that comes behind it is overlooked.
            self.news.mark_unchanged();
            match self.hub.read_record(&mut self.from, M::FILTERS) {
                Reading::Next(Ok(message)) => return Some(decode(message)),
                Reading::Next(Err(missed)) => return Some(Err(missed.into())),
                Reading::Over => return None,
                Reading::Nothing => self.news.changed().await.ok()?,
            }
        }
    }
}

impl<M> fmt::Debug for Recorder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("from", &self.from).finish_non_exhaustive()
    }
}

fn read(message: Delivery) -> Result<Msg, RecordError> {
    Msg::new(message, || None).map_err(|(fault, message)| {
        let raw = Box::new(RawMsg(message));
        match fault {
            Unusable::SubjectNotUtf8 => RecordError::SubjectNotUtf8 { raw },
            Unusable::Headers(source) => RecordError::MalformedHeaders { source, raw },
        }
    })
}

fn decode<M: DecodeOwned>(message: Delivery) -> Result<Received<M>, RecordError> {
    let msg = read(message)?;
    match msg.decode() {
        Ok(message) => Ok(Received::new(message, msg)),
        Err(source) => Err(RecordError::Decode { source, msg: Box::new(msg) }),
    }
}
