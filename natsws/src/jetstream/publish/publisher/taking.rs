//! Messages on their way into a publisher's window.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::super::PublishToStream;
use super::super::content::Content;
use super::super::error::PublishError;
use super::super::message::{Id, MESSAGE_ID};
use super::Publisher;
use super::outcome::Receipt;
use super::window::Receiver;
use crate::publish::PublishError as Refusal;
use crate::runtime::{self, SendFuture};

/// A message that is published by a [`Publisher`].
#[derive(Debug)]
pub struct Through<'p>(pub(super) &'p mut Publisher);

/// A message that is published by a [`Publisher`], with a [`Receipt`].
#[derive(Debug)]
pub struct WithReceipt<'p>(&'p mut Publisher);

impl<'p, C> PublishToStream<C, Through<'p>> {
    /// Sends no id: the message is not sent again where it may have been stored.
    pub fn without_message_id(mut self) -> Self {
        self.headers.remove(MESSAGE_ID);
        self.id = Id::None;
        self
    }

    /// Gives a [`Receipt`] when there is room for the message: the future of its outcome.
    pub fn receipt(self) -> PublishToStream<C, WithReceipt<'p>> {
        let Self { content, by: Through(publisher), headers, id, fault } = self;
        PublishToStream { content, by: WithReceipt(publisher), headers, id, fault }
    }
}

impl<'p, C: Content> IntoFuture for PublishToStream<C, Through<'p>> {
    type Output = Result<u64, PublishError>;
    type IntoFuture = Taking<'p>;

    fn into_future(self) -> Taking<'p> {
        let Self { content, by: Through(publisher), headers, id, fault } = self;
        let message = PublishToStream { content, by: (), headers, id, fault };
        Taking::new(publisher, message, None)
    }
}

impl<'p, C: Content> IntoFuture for PublishToStream<C, WithReceipt<'p>> {
    type Output = Result<Receipt, PublishError>;
    type IntoFuture = SendFuture<'p, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { content, by: WithReceipt(publisher), headers, id, fault } = self;
        publisher.core.receipts.store(true, Ordering::SeqCst);
        let (receiver, told) = oneshot::channel();
        let message = PublishToStream { content, by: (), headers, id, fault };
        let taking = Taking::new(publisher, message, Some(receiver));
        Box::pin(async move { Ok(Receipt { number: taking.await?, told }) })
    }
}

/// The future of a message that a [`Publisher`] is to take.
///
/// # Cancel safety
/// A message is taken whole or not at all: dropped before it is ready, nothing is published.
#[derive(Debug)]
#[must_use = "nothing is published until this is awaited"]
pub struct Taking<'p> {
    publisher: &'p mut Publisher,
    fault: Option<Refusal>,
    has_id: bool,
    receiver: Option<Receiver>,
    is_over: bool,
}

impl<'p> Taking<'p> {
    fn new<C: Content>(
        publisher: &'p mut Publisher,
        mut message: PublishToStream<C, ()>,
        receiver: Option<Receiver>,
    ) -> Self {
        let fault = publisher.write(&mut message).err();
        let has_id = message.id != Id::None;
        Self { publisher, fault, has_id, receiver, is_over: false }
    }
}

impl Future for Taking<'_> {
    type Output = Result<u64, PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        // Polled again, it must not publish again.
        if this.is_over {
            return Poll::Ready(Err(PublishError::NotSent(Refusal::Closed)));
        }
        if let Some(fault) = this.fault.take() {
            this.is_over = true;
            return Poll::Ready(Err(PublishError::NotSent(fault)));
        }
        let Publisher { core, buffers, .. } = &mut *this.publisher;
        let mut window = core.window();
        if !window.has_room(cx.waker()) {
            return Poll::Pending;
        }
        this.is_over = true;
        if window.is_closed() {
            return Poll::Ready(Err(PublishError::NotSent(Refusal::Closed)));
        }
        let (receiver, now) = (this.receiver.take(), runtime::now());
        let mut fills_batch = false;
        let taken = window.accept(&mut buffers.0, this.has_id, receiver, now, |parcel| {
            core.hand(parcel, None, &mut fills_batch)
        });
        drop(window);
        if fills_batch {
            core.js.connection().shared().lend_a_hand();
        }
        Poll::Ready(match taken {
            Ok(number) => {
                this.publisher.next = number + 1;
                Ok(number)
            }
            Err(refusal) => Err(PublishError::NotSent(refusal)),
        })
    }
}
