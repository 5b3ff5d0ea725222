//! Reading a consumer continuously.

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use super::super::ack::Origin;
use super::super::deliverable::{Deliverable, Untyped};
use super::super::delivery::{Delivery, Unreadable};
use super::Consumer;
use super::account::Account;
use super::error::ConsumeError;
use super::notice::Notices;
use super::options::{PullOptions, priority_options};
use super::reading::{Reading, Vigilance};
use super::source::Source;
use super::stop::MessagesStopper;
use crate::msg::Msg;
use crate::runtime::SendFuture;

/// Continuous reading that is about to begin: `.await` it, or say more first.
///
/// Made by [`Consumer::messages`].
#[must_use = "nothing is read until this is awaited"]
pub struct ReadMessages<'a, T> {
    consumer: &'a Consumer,
    options: PullOptions,
    vigilance: Vigilance,
    value: PhantomData<fn() -> T>,
}

impl<'a, T: Deliverable> ReadMessages<'a, T> {
    pub(super) fn new(consumer: &'a Consumer) -> Self {
        let vigilance = Vigilance { looks: consumer.info.is_some(), waits: false };
        Self { consumer, options: PullOptions::default(), vigilance, value: PhantomData }
    }

    /// How many messages may be on their way or wait here to be read. It cannot go together with
    /// [`max_bytes`](Self::max_bytes). Default: 100, or what the consumer allows.
    pub fn max_messages(mut self, messages: usize) -> Self {
        self.options.messages = Some(messages);
        self
    }

    /// How many bytes of messages may be on their way or wait here to be read, in place of a number
    /// of messages. The largest message has to fit: subject, reply subject, headers and payload.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.options.bytes = Some(bytes);
        self
    }

    /// Asks for more when this little is on its way or waits: messages, or bytes where those are
    /// limited. Default: three quarters of what may.
    pub fn threshold(mut self, left: usize) -> Self {
        self.options.threshold = Some(left);
        self
    }

    /// How long one request for messages waits at the server, at least 1 s. Default: 30 s, or what
    /// the consumer allows.
    pub fn expires(mut self, expires: Duration) -> Self {
        self.options.expires = Some(expires);
        self
    }

    /// After which silence the server says that it is still there, at most half of
    /// [`expires`](Self::expires). Where two are missed, messages are asked for anew. Default: half
    /// of `expires`, between 500 ms and 30 s.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.options.heartbeat = Some(interval);
        self
    }

    /// Waits for a consumer or a stream that is gone to be made again under its name, instead of
    /// ending.
    pub fn wait_if_gone(mut self) -> Self {
        self.vigilance.waits = true;
        self
    }

    /// Never asks the server about the consumer, which may not be permitted, as where it is
    /// imported from another account. A consumer that is gone is not noticed then, unless it is
    /// deleted while messages are asked for.
    pub fn unchecked(mut self) -> Self {
        self.vigilance.looks = false;
        self
    }

    priority_options!();

    async fn begin(self) -> Result<Messages<T>, ConsumeError> {
        let (limit, threshold, terms) = self.options.continuous(self.consumer.info.as_deref())?;
        let account = Account::new(limit, threshold);
        let puller = self.consumer.puller(terms, Some(account)).await?;
        let source = Source::Pull(puller);
        Ok(Messages::new(Reading::new(self.consumer.clone(), source, self.vigilance)))
    }
}

impl<'a, T: Deliverable> IntoFuture for ReadMessages<'a, T> {
    type Output = Result<Messages<T>, ConsumeError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

impl<T> fmt::Debug for ReadMessages<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadMessages").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The messages of a consumer as they come, without end. Dropping it stops reading; what was
/// delivered and not answered comes again. [`drain`](Self::drain) ends it in good order.
///
/// Of a pull consumer it asks for more as messages are read, so a slow reader is not sent more than
/// it asked for. A lost connection, a change of leaders and missed heartbeats are seen to here, and told as
/// [`notices`](Self::notices); it ends where the consumer is gone, with the error that says so, and
/// with the connection.
#[must_use = "dropping it stops reading"]
pub struct Messages<T = Untyped> {
    reading: Box<Reading>,
    value: PhantomData<fn() -> T>,
}

impl<T> Messages<T> {
    pub(super) fn new(reading: Reading) -> Self {
        Self { reading: Box::new(reading), value: PhantomData }
    }
}

impl<T: Deliverable> Messages<T> {
    /// The next message; `None` when the reader is over.
    ///
    /// # Errors
    /// [`ConsumeError`] says what is to be known between messages. After most of them the reader
    /// goes on.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Delivery<T>, ConsumeError>> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    #[inline]
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Delivery<T>, ConsumeError>>> {
        self.reading.poll_next(cx).map(|item| {
            let msg = item?;
            Some(msg.and_then(|msg| read(self.reading.origin(), msg)))
        })
    }
}

impl<T> Messages<T> {
    /// What the reader sees to by itself from now on: heartbeats that were missed, a connection
    /// that was made again. Each call makes an independent listener, and none costs nothing.
    pub fn notices(&mut self) -> Notices {
        self.reading.notices()
    }

    /// Whether more is asked for as messages are read; what was asked for before comes in any
    /// case. For a reader that cannot take more for a while and is not to let messages wait here
    /// unseen, while the server waits for their answers. Default: yes.
    pub fn set_asking(&mut self, asking: bool) {
        self.reading.set_asking(asking);
    }

    /// Asks for no more. What the server had sent by then is read, and then the reader is over.
    ///
    /// What the server had not sent goes to other readers of the consumer, at once.
    pub fn drain(&self) {
        self.stopper().drain();
    }

    /// Ends the reader from elsewhere, while it is being read.
    pub fn stopper(&self) -> MessagesStopper {
        self.reading.stopper()
    }
}

/// Reads a message that was delivered.
#[inline]
pub(super) fn read<T: Deliverable>(
    origin: &Arc<Origin>,
    msg: Msg,
) -> Result<Delivery<T>, ConsumeError> {
    Delivery::read(msg, origin).map_err(|unreadable| match unreadable {
        Unreadable::NoDelivery(msg) => ConsumeError::NoDelivery { msg: Box::new(msg) },
        Unreadable::Decode(source, delivery) => ConsumeError::Decode { source, delivery },
    })
}

impl<T: Deliverable> Stream for Messages<T> {
    type Item = Result<Delivery<T>, ConsumeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_read(cx)
    }
}

impl<T> fmt::Debug for Messages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("reading", &self.reading).finish()
    }
}
