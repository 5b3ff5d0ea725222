//! Publishing to a stream: messages, and the acknowledgement that the stream has them.

mod ack;
mod attempts;
mod batch;
mod content;
mod error;
mod message;
mod publisher;
mod schedule;

use super::context::JetStream;
use crate::payload::Payload;
use crate::typed::EncodeMessage;
pub use ack::PublishAck;
#[cfg(feature = "object-store")]
pub(crate) use ack::read_ack;
pub use batch::{Adding, Batch, BatchAck, Committing};
pub use content::{Content, Raw, Typed};
pub use error::PublishError;
use message::Id;
pub use message::{Alone, PublishToStream, Rollup};
pub use publisher::{
    Failure, FinishError, Published, Publisher, Receipt, StartPublisher, Taking, Through,
    WithReceipt,
};
pub use schedule::Schedule;

impl JetStream {
    /// Publishes a message to the stream that has its subject: ready when the stream has it.
    ///
    /// The message is sent again while none of the stream's servers answers, until the
    /// [deadline](PublishToStream::deadline). It has an id, so that it is stored once all the same.
    /// For many messages see [`publisher`](Self::publisher).
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
    pub fn publish<'a, M: EncodeMessage>(
        &'a self,
        message: &'a M,
    ) -> PublishToStream<Typed<'a, M>, Alone<'a>> {
        PublishToStream::new(Typed { message, subject: None }, Alone::new(self), Id::Made)
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
    ) -> PublishToStream<Typed<'a, M>, Alone<'a>> {
        let subject = Some(subject);
        PublishToStream::new(Typed { message, subject }, Alone::new(self), Id::Made)
    }

    /// Publishes bytes.
    ///
    /// ```no_run
    /// # async fn example(client: natsws::Client) -> Result<(), natsws::Error> {
    /// client.jetstream().publish_bytes("orders.eu", "7 apples").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    ///
    /// # Cancel safety
    /// Dropped early, it may have been stored.
    pub fn publish_bytes<'a>(
        &'a self,
        subject: &'a str,
        payload: impl Into<Payload<'a>>,
    ) -> PublishToStream<Raw<'a>, Alone<'a>> {
        let payload = payload.into();
        PublishToStream::new(Raw { subject, payload }, Alone::new(self), Id::Made)
    }
}
