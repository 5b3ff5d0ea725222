//! Publishing many messages, with a window of those that have no acknowledgement yet.

mod keeper;
mod outcome;
mod taking;
mod window;

use std::fmt::{self, Write};
use std::future::{IntoFuture, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::super::context::JetStream;
use super::PublishToStream;
use super::ack::PublishAck;
use super::content::{Buffers, Content, Raw, Typed};
use super::error::PublishError;
use super::message::{DEADLINE, Id, MESSAGE_ID};
use crate::driver::{On, Refused, Ticket};
use crate::payload::Payload;
use crate::protocol::encode::{PublishHead, Reply};
use crate::publish::PublishError as Refusal;
use crate::runtime::{self, SendFuture};
use crate::subscription::SubscribeError;
use crate::typed::EncodeMessage;
use keeper::Keeper;
pub use outcome::{Failure, FinishError, Published, Receipt};
pub use taking::{Taking, Through, WithReceipt};
use window::{Handed, Parcel, Terms, Window};

/// Messages without an acknowledgement, unless it is said.
const MESSAGES: usize = 1000;
/// Bytes without an acknowledgement, unless it is said.
const BYTES: usize = 8 * 1024 * 1024;

/// What a user wants to hear of each message.
type OnOutcome = Mutex<Box<dyn FnMut(u64, Result<&PublishAck, &PublishError>) + Send>>;

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a publisher and its task share.
struct Core {
    js: JetStream,
    window: Mutex<Window>,
    /// What the subjects of acknowledgements start with, the last dot included.
    inbox: String,
    on_outcome: Option<OnOutcome>,
    /// Somebody wants more of acknowledgements than that they came.
    receipts: AtomicBool,
    failures: Mutex<Vec<Failure>>,
    left: AtomicBool,
}

impl Core {
    fn window(&self) -> MutexGuard<'_, Window> {
        lock(&self.window)
    }

    fn wants_acks(&self) -> bool {
        self.on_outcome.is_some() || self.receipts.load(Ordering::SeqCst)
    }

    fn is_left(&self) -> bool {
        self.left.load(Ordering::SeqCst)
    }

    /// Gives a message to the connection, without waiting.
    fn hand(
        &self,
        parcel: Parcel<'_>,
        waits: Option<(&mut Ticket, &Waker)>,
        fills_batch: &mut bool,
    ) -> Handed {
        let Parcel { message, token, has_id, connection } = parcel;
        let head = PublishHead {
            subject: &message.subject,
            reply: Some(Reply::Inbox { prefix: &self.inbox, token }),
            headers: &message.headers,
            typed: None,
        };
        let mut none = Ticket::default();
        let (ticket, waker) = match waits {
            Some((ticket, waker)) => (ticket, Some(waker)),
            None => (&mut none, None),
        };
        let outbox = &self.js.connection().shared().outbox;
        let on = On { connection, is_repeated: has_id };
        match outbox.poll_publish_on(on, &head, message.body(), ticket, waker) {
            Poll::Pending => Handed::NotNow,
            Poll::Ready(Ok(accepted)) => {
                *fills_batch |= accepted.fills_batch;
                Handed::Sent
            }
            Poll::Ready(Err(refused)) => match refused {
                Refused::WouldBlock | Refused::BufferFull { .. } | Refused::Disconnected => {
                    Handed::NotNow
                }
                refused => Handed::Refused(refused.into()),
            },
        }
    }
}

impl JetStream {
    /// Publishes many messages without waiting for each acknowledgement.
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
    /// let mut publisher = client.jetstream().publisher().window(1000).await?;
    /// for id in 0..1_000_000 {
    ///     // Waits only where a thousand have no acknowledgement yet.
    ///     publisher.publish(&OrderCreated { region: "eu".into(), id }).await?;
    /// }
    /// // The stream has all of them, or the error says which it has not.
    /// publisher.finish().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SubscribeError`] where the server does not permit the subscription on which the
    /// acknowledgements come.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is left behind.
    pub fn publisher(&self) -> StartPublisher<'_> {
        StartPublisher {
            js: self,
            messages: MESSAGES,
            bytes: BYTES,
            deadline: DEADLINE,
            on_outcome: None,
        }
    }
}

/// A [`Publisher`] that is about to begin: `.await` it, or say more first.
///
/// Made by [`JetStream::publisher`].
#[must_use = "there is no publisher until this is awaited"]
pub struct StartPublisher<'a> {
    js: &'a JetStream,
    messages: usize,
    bytes: usize,
    deadline: Duration,
    on_outcome: Option<OnOutcome>,
}

impl StartPublisher<'_> {
    /// How many messages may be under way, counted from the oldest without an outcome, at least
    /// one. Then publishing waits until a quarter of them has one. Default: 1000.
    pub fn window(mut self, messages: usize) -> Self {
        self.messages = messages.max(1);
        self
    }

    /// How many bytes may be under way. They are kept in memory until they are acknowledged.
    /// Default: 8 MiB.
    pub fn window_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes.max(1);
        self
    }

    /// How long it is tried to bring each message to its stream. Default: 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Calls this with the outcome of each message, and its number; the first is 1. It holds up the
    /// publisher while it runs, so it must be quick; a panic in it is contained and told as an
    /// [`Event`](crate::Event).
    pub fn on_outcome(
        mut self,
        call: impl FnMut(u64, Result<&PublishAck, &PublishError>) + Send + 'static,
    ) -> Self {
        self.on_outcome = Some(Mutex::new(Box::new(call)));
        self
    }
}

impl<'a> IntoFuture for StartPublisher<'a> {
    type Output = Result<Publisher, SubscribeError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { js, messages, bytes, deadline, on_outcome } = self;
        let terms = Terms { messages, bytes, timeout: js.timeout(), deadline };
        Box::pin(async move {
            let connection = js.connection();
            let inbox = format!("{}.", connection.new_inbox());
            // What comes is bounded by the window.
            let answers = connection.subscribe(format!("{inbox}*")).pending_messages(usize::MAX);
            let answers = answers.pending_bytes(usize::MAX).await?;
            let on = connection.shared().outbox.connection();
            let core = Arc::new(Core {
                js: js.clone(),
                window: Mutex::new(Window::new(terms, on)),
                inbox,
                on_outcome,
                receipts: AtomicBool::new(false),
                failures: Mutex::new(Vec::new()),
                left: AtomicBool::new(false),
            });
            runtime::spawn(Keeper::new(Arc::clone(&core), answers, on));
            let ids = format!("{}.", connection.new_message_id());
            Ok(Publisher { core, ids, next: 1, buffers: Buffers::default(), lines: String::new() })
        })
    }
}

impl fmt::Debug for StartPublisher<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartPublisher")
            .field("messages", &self.messages)
            .field("bytes", &self.bytes)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Publishes many messages, with a window of those that have no acknowledgement yet.
///
/// Each message that it takes has exactly one outcome, with [`finish`](Self::finish): the stream
/// has it, or there is an error. What is not acknowledged is sent again until its deadline: where a
/// cluster has no leader, where no answer comes, where the connection was lost. The stream knows it
/// by its id, which it has unless it is [said](PublishToStream::without_message_id) that it has
/// none; such a message is not sent again where it may have been stored.
///
/// # Order
/// Messages are stored in the order in which they were published as long as the stream takes each
/// of them the first time, and when a connection was lost as well: what it left open is sent again
/// in its order, before anything newer. What has no id is not, and may be stored before it. One that the stream did not take at first, as while a cluster elects a leader, may
/// be stored behind later ones. Where that must not be, publish with
/// [`JetStream::publish`], one after the other.
///
/// Dropping it gives up nothing that it took: that is seen to in the background, and what fails
/// then is only logged. [`finish`](Self::finish) is how to know.
pub struct Publisher {
    core: Arc<Core>,
    /// What ids start with that are made.
    ids: String,
    /// The number of the next message.
    next: u64,
    buffers: Buffers,
    /// The headers that the next message gets here.
    lines: String,
}

impl Publisher {
    /// Publishes a message: ready with its number when there is room in the window for it, which is
    /// mostly at once. The first number is 1.
    ///
    /// # Errors
    /// [`PublishError::NotSent`] where the message cannot be sent, and nothing was. What goes wrong
    /// later is the message's outcome.
    ///
    /// # Cancel safety
    /// A message is taken whole or not at all: dropped before it is ready, nothing is published.
    pub fn publish<'p, M: EncodeMessage>(
        &'p mut self,
        message: &'p M,
    ) -> PublishToStream<Typed<'p, M>, Through<'p>> {
        PublishToStream::new(Typed { message, subject: None }, Through(self), Id::Made)
    }

    /// Publishes a message to a subject that comes from elsewhere than its type.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    ///
    /// # Cancel safety
    /// As [`publish`](Self::publish).
    pub fn publish_to<'p, M: EncodeMessage>(
        &'p mut self,
        subject: &'p str,
        message: &'p M,
    ) -> PublishToStream<Typed<'p, M>, Through<'p>> {
        let subject = Some(subject);
        PublishToStream::new(Typed { message, subject }, Through(self), Id::Made)
    }

    /// Publishes bytes.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    ///
    /// # Cancel safety
    /// As [`publish`](Self::publish).
    pub fn publish_bytes<'p>(
        &'p mut self,
        subject: &'p str,
        payload: impl Into<Payload<'p>>,
    ) -> PublishToStream<Raw<'p>, Through<'p>> {
        let payload = payload.into();
        PublishToStream::new(Raw { subject, payload }, Through(self), Id::Made)
    }

    /// Waits until everything that was published so far has its outcome, and says how many are
    /// stored.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn flush(&mut self) -> Published {
        poll_fn(|cx| {
            let mut window = self.core.window();
            if window.is_empty(cx.waker()) { Poll::Ready(window.published) } else { Poll::Pending }
        })
        .await
    }

    /// Waits until everything that was published has its outcome, and says how many are stored.
    ///
    /// # Errors
    /// [`FinishError`] where not all are known to be stored; it says which.
    ///
    /// # Cancel safety
    /// Dropped early, the outcomes are still waited for in the background.
    pub async fn finish(mut self) -> Result<Published, FinishError> {
        let published = self.flush().await;
        if published.failed == 0 {
            return Ok(published);
        }
        let failures = std::mem::take(&mut *lock(&self.core.failures));
        Err(FinishError { published, failures })
    }

    /// How many messages have an outcome so far.
    pub fn published(&self) -> Published {
        self.core.window().published
    }

    /// How many messages have none yet.
    pub fn pending(&self) -> u64 {
        let Published { stored, failed, .. } = self.published();
        (self.next - 1).saturating_sub(stored + failed)
    }

    /// Writes the next message, with the id that is made for it.
    fn write<C: Content, D>(&mut self, message: &mut PublishToStream<C, D>) -> Result<(), Refusal> {
        self.lines.clear();
        if message.needs_id() {
            // Writing to a string does not fail.
            let _ = write!(self.lines, "{MESSAGE_ID}: {}{}\r\n", self.ids, self.next);
        }
        message.write(&self.lines, &mut self.buffers)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.core.left.store(true, Ordering::SeqCst);
        let mut window = self.core.window();
        window.left = true;
        window.wake_keeper();
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("published", &self.published())
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}
