//! Messages that are stored all together or not at all (ADR-50).

use std::fmt;
use std::future::IntoFuture;

use serde::Deserialize;

use super::super::context::JetStream;
use super::PublishToStream;
use super::ack::{PublishAck, read_ack, read_error};
use super::attempts::{Sending, bring, send};
use super::content::{Buffers, Content, Raw, Typed};
use super::error::PublishError;
use super::message::{DEADLINE, Id};
use crate::payload::Payload;
use crate::publish::PublishError as Refusal;
use crate::runtime::SendFuture;
use crate::typed::EncodeMessage;

/// After so many messages the server is waited for, so that it is not sent faster than it takes.
const WAIT_EACH: u64 = 100;
/// As many as a server takes in a batch, unless it is configured otherwise. Behind these it is
/// asked for every one.
const USUAL_MOST: u64 = 1000;

impl JetStream {
    /// Begins a batch: messages that the stream stores all together, one right behind the other, or
    /// not at all. The stream must allow it (`allow_atomic_publish`), and all are of one stream.
    ///
    /// ```no_run
    /// use natsws::{Client, Subject};
    /// use serde::Serialize;
    ///
    /// #[derive(Serialize, Subject)]
    /// #[subject("accounts.{account}.booked")]
    /// struct Booked { account: u64, amount: i64 }
    ///
    /// # async fn example(client: Client) -> Result<(), natsws::Error> {
    /// let js = client.jetstream();
    /// let mut transfer = js.batch();
    /// transfer.add(&Booked { account: 1, amount: -50 }).await?;
    /// let ack = transfer.commit(&Booked { account: 2, amount: 50 }).await?;
    /// println!("{} messages, the last is {} of {}", ack.count, ack.sequence, ack.stream);
    /// # Ok(())
    /// # }
    /// ```
    pub fn batch(&self) -> Batch {
        let id = self.connection().new_message_id();
        Batch { js: self.clone(), id, sent: 0, failed: false, buffers: Buffers::default() }
    }
}

/// What a stream answers when it has stored a batch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct BatchAck {
    /// The stream that took it.
    pub stream: String,
    /// The number of the last message; those before it have the numbers before that.
    #[serde(rename = "seq")]
    pub sequence: u64,
    /// The batch's id.
    #[serde(rename = "batch")]
    pub batch_id: String,
    /// How many messages it has.
    pub count: u64,
    /// The domain of the JetStream, where it has one.
    #[serde(default)]
    pub domain: Option<String>,
}

/// Messages that are stored all together with the last one, or not at all.
///
/// Made by [`JetStream::batch`]. The server takes 1000 messages in a batch, unless it is configured
/// otherwise, and gives up one that gets none for ten seconds. Dropping a batch gives it up too:
/// nothing of it is stored. Expectations of messages are of the stream as it is before the batch.
///
/// Its messages have no ids unless they are given some.
pub struct Batch {
    js: JetStream,
    id: String,
    /// How many messages the server was sent.
    sent: u64,
    /// One was sent, and failed: the server cannot have all.
    failed: bool,
    buffers: Buffers,
}

impl Batch {
    /// Adds a message. The server's word is waited for with the first one, so that a stream that
    /// takes no batches is heard of at once, and with every hundredth.
    ///
    /// # Errors
    /// [`PublishError`]. Where the message was [not sent](PublishError::NotSent) another one can be
    /// added; otherwise the batch is lost, and nothing of it is stored.
    ///
    /// # Cancel safety
    /// Dropped early, the batch may be lost: begin another one.
    pub fn add<'b, M: EncodeMessage>(
        &'b mut self,
        message: &'b M,
    ) -> PublishToStream<Typed<'b, M>, Adding<'b>> {
        PublishToStream::new(
            Typed { message, subject: None },
            Adding { batch: self, confirmed: false },
            Id::None,
        )
    }

    /// Adds a message to a subject that comes from elsewhere than its type.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    ///
    /// # Cancel safety
    /// As [`add`](Self::add).
    pub fn add_to<'b, M: EncodeMessage>(
        &'b mut self,
        subject: &'b str,
        message: &'b M,
    ) -> PublishToStream<Typed<'b, M>, Adding<'b>> {
        let subject = Some(subject);
        PublishToStream::new(
            Typed { message, subject },
            Adding { batch: self, confirmed: false },
            Id::None,
        )
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    ///
    /// # Cancel safety
    /// As [`add`](Self::add).
    pub fn add_bytes<'b>(
        &'b mut self,
        subject: &'b str,
        payload: impl Into<Payload<'b>>,
    ) -> PublishToStream<Raw<'b>, Adding<'b>> {
        let payload = payload.into();
        PublishToStream::new(
            Raw { subject, payload },
            Adding { batch: self, confirmed: false },
            Id::None,
        )
    }

    /// Adds the last message, and has all of them stored.
    ///
    /// # Errors
    /// [`PublishError`]: nothing is stored, unless it [may be](PublishError::may_be_stored), and
    /// then all is. It is not tried again: the server would not know the batch by then.
    ///
    /// # Cancel safety
    /// Dropped early, the batch may be stored.
    pub fn commit<M: EncodeMessage>(
        self,
        message: &M,
    ) -> PublishToStream<Typed<'_, M>, Committing> {
        PublishToStream::new(Typed { message, subject: None }, Committing(self), Id::None)
    }

    /// Adds a last message to a subject that comes from elsewhere than its type, and has all of them
    /// stored.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    ///
    /// # Cancel safety
    /// As [`commit`](Self::commit).
    pub fn commit_to<'a, M: EncodeMessage>(
        self,
        subject: &'a str,
        message: &'a M,
    ) -> PublishToStream<Typed<'a, M>, Committing> {
        let subject = Some(subject);
        PublishToStream::new(Typed { message, subject }, Committing(self), Id::None)
    }

    /// Adds bytes as the last message, and has all of them stored.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    ///
    /// # Cancel safety
    /// As [`commit`](Self::commit).
    pub fn commit_bytes<'a>(
        self,
        subject: &'a str,
        payload: impl Into<Payload<'a>>,
    ) -> PublishToStream<Raw<'a>, Committing> {
        let payload = payload.into();
        PublishToStream::new(Raw { subject, payload }, Committing(self), Id::None)
    }

    /// The id by which the server knows it (`Nats-Batch-Id`).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How many messages were added.
    pub fn len(&self) -> u64 {
        self.sent
    }

    /// Whether none was added.
    pub fn is_empty(&self) -> bool {
        self.sent == 0
    }

    /// Writes the next message.
    fn write<C: Content, D>(
        &mut self,
        message: &mut PublishToStream<C, D>,
        commits: bool,
    ) -> Result<(), Refusal> {
        let commit = if commits { "Nats-Batch-Commit: 1\r\n" } else { "" };
        let (id, sequence) = (&self.id, self.sent + 1);
        let lines = format!("Nats-Batch-Id: {id}\r\nNats-Batch-Sequence: {sequence}\r\n{commit}");
        message.write(&lines, &mut self.buffers)
    }

    async fn send(&mut self, confirmed: bool) -> Result<(), PublishError> {
        if self.failed {
            return Err(PublishError::BatchLost);
        }
        let number = self.sent + 1;
        let message = &self.buffers.0;
        // Until it is known to have gone well.
        self.failed = true;
        let sent = if number == 1 {
            // Nothing is begun yet, so it may be tried again.
            bring(&self.js, message, Sending { has_id: false, deadline: DEADLINE }, taken).await
        } else if confirmed || number % WAIT_EACH == 0 || number > USUAL_MOST {
            send(&self.js, message, self.js.timeout(), taken).await
        } else {
            let connection = self.js.connection();
            let publish = connection.publish(&message.subject, message.payload());
            publish.headers(&message.headers).await.map_err(PublishError::NotSent)
        };
        match sent {
            Ok(()) => {
                self.failed = false;
                self.sent = number;
                Ok(())
            }
            Err(error) => {
                self.failed = !matches!(error, PublishError::NotSent(_));
                Err(error)
            }
        }
    }
}

/// Whether the server took a message of a batch: it says nothing then.
fn taken(payload: &[u8]) -> Result<(), PublishError> {
    match read_error(payload) {
        None if payload.is_empty() => Ok(()),
        Some(error) => Err(PublishError::refused(error)),
        // A stream that knows nothing of batches has stored it by itself.
        None => Err(match read_ack(payload) {
            Ok(PublishAck { stream, .. }) => PublishError::NoBatches { stream },
            Err(error) => error,
        }),
    }
}

fn committed(payload: &[u8]) -> Result<BatchAck, PublishError> {
    match (serde_json::from_slice(payload), read_error(payload)) {
        (_, Some(error)) => Err(PublishError::refused(error)),
        (Ok(ack), None) => Ok(ack),
        (Err(no_ack), None) => Err(PublishError::NoAck(no_ack.into())),
    }
}

/// A message that is added to a [`Batch`].
#[derive(Debug)]
pub struct Adding<'b> {
    batch: &'b mut Batch,
    confirmed: bool,
}

impl<C> PublishToStream<C, Adding<'_>> {
    /// Waits until the server has taken the message into the batch.
    pub fn confirmed(mut self) -> Self {
        self.by.confirmed = true;
        self
    }
}

/// The last message of a [`Batch`].
#[derive(Debug)]
pub struct Committing(Batch);

impl<'b, C: Content> IntoFuture for PublishToStream<C, Adding<'b>> {
    type Output = Result<(), PublishError>;
    type IntoFuture = SendFuture<'b, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { content, by: Adding { batch, confirmed }, headers, id, fault } = self;
        let mut message = PublishToStream { content, by: (), headers, id, fault };
        let written = batch.write(&mut message, false);
        Box::pin(async move {
            written.map_err(PublishError::NotSent)?;
            batch.send(confirmed).await
        })
    }
}

impl<C: Content> IntoFuture for PublishToStream<C, Committing> {
    type Output = Result<BatchAck, PublishError>;
    type IntoFuture = SendFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { content, by: Committing(mut batch), headers, id, fault } = self;
        let mut message = PublishToStream { content, by: (), headers, id, fault };
        let written = batch.write(&mut message, true);
        Box::pin(async move {
            written.map_err(PublishError::NotSent)?;
            if batch.failed {
                return Err(PublishError::BatchLost);
            }
            let ack = send(&batch.js, &batch.buffers.0, batch.js.timeout(), committed).await?;
            let expected = batch.sent + 1;
            if ack.count != expected {
                let (count, stream) = (ack.count, ack.stream);
                return Err(PublishError::WrongCount { stream, expected, count });
            }
            Ok(ack)
        })
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("id", &self.id)
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}
