//! Answering a delivered message: what the server is told, and told once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::connection::Connection;
use crate::driver::{Body, Turn};
use crate::event::Event;
use crate::header::Headers;
use crate::protocol::encode::PublishHead;
use crate::publish::PublishError;
use crate::request::RequestError;

/// Why a delivered message was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// The answer could not be sent.
    #[error("the acknowledgement was not sent")]
    NotSent(#[source] PublishError),
    /// The server did not confirm it. The message may be delivered again, or not.
    #[error("the acknowledgement was not confirmed")]
    NotConfirmed(#[source] RequestError),
    /// It was answered otherwise before, by [`nak`](super::Delivery::nak) or
    /// [`term`](super::Delivery::term), and that holds.
    #[error("the message was answered otherwise before")]
    AnsweredOtherwise,
}

/// Who delivers: what all messages of one reader have in common.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) connection: Connection,
    pub(super) stream: String,
    pub(super) consumer: String,
    /// How long a confirmation is waited for.
    pub(super) timeout: Duration,
    /// Whether the server wants an answer at all.
    pub(super) wants_answer: bool,
    warned: AtomicBool,
}

impl Origin {
    pub(super) fn new(
        connection: Connection,
        (stream, consumer): (String, String),
        timeout: Duration,
        wants_answer: bool,
    ) -> Self {
        let warned = AtomicBool::new(false);
        Self { connection, stream, consumer, timeout, wants_answer, warned }
    }

    /// Tells once of a message that nobody answered: that it comes again is seldom meant.
    #[cold]
    fn warn(&self) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            self.connection.shared().tell(&Event::DeliveryUnanswered {
                stream: self.stream.clone(),
                consumer: self.consumer.clone(),
            });
        }
    }
}

const OPEN: u8 = 0;
const ACKED: u8 = 1;
const OTHERWISE: u8 = 2;
/// Somebody is about to answer, for the length of one call that does not wait.
const CLAIMED: u8 = 3;

/// What an answer is to the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Acked,
    Otherwise,
    /// It only asks for time, and can be said again and again.
    InProgress,
}

/// What was answered to a message so far.
#[derive(Debug)]
pub(super) struct Answer {
    given: AtomicU8,
    pub(super) origin: Arc<Origin>,
}

impl Answer {
    pub(super) fn new(origin: Arc<Origin>) -> Self {
        Self { given: AtomicU8::new(OPEN), origin }
    }

    pub(super) fn is_given(&self) -> bool {
        matches!(self.given.load(Ordering::Relaxed), ACKED | OTHERWISE)
    }

    pub(super) fn is_acked(&self) -> bool {
        self.given.load(Ordering::Relaxed) == ACKED
    }

    /// The message is known to be acknowledged.
    pub(super) fn acked(&self) {
        self.given.store(ACKED, Ordering::Relaxed);
    }

    /// Answers, where nobody has: of several who do at the same time, one is heard.
    #[inline]
    pub(super) fn poll_give(
        &self,
        reply: &str,
        said: &[u8],
        kind: Kind,
        turn: &mut Turn<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), AckError>> {
        let claim =
            self.given.compare_exchange(OPEN, CLAIMED, Ordering::Relaxed, Ordering::Relaxed);
        match claim {
            Ok(_) => {}
            Err(CLAIMED) => {
                // It is decided in an instant.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Err(_) => return Poll::Ready(Ok(())),
        }
        // Behind the claim nothing panics or waits, so it is always followed by this.
        let sent = poll_send(reply, said, turn, cx);
        let given = match (&sent, kind) {
            (Poll::Ready(Ok(())), Kind::Acked) => ACKED,
            (Poll::Ready(Ok(())), Kind::Otherwise) => OTHERWISE,
            _ => OPEN,
        };
        self.given.store(given, Ordering::Relaxed);
        sent
    }

    /// Where it may have to wait for room.
    #[inline]
    pub(super) fn turn(&self) -> Turn<'_> {
        Turn::new(self.origin.connection.shared())
    }
}

#[inline]
fn poll_send(
    reply: &str,
    said: &[u8],
    turn: &mut Turn<'_>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), AckError>> {
    // The server made the reply subject, so it is one.
    let head = PublishHead { subject: reply, reply: None, headers: &Headers::new(), typed: None };
    let sent = turn.poll_publish(&head, Body::Borrowed(said), cx.waker());
    sent.map_err(|refused| AckError::NotSent(refused.into()))
}

impl Drop for Answer {
    #[inline]
    fn drop(&mut self) {
        if *self.given.get_mut() == OPEN && self.origin.wants_answer {
            self.origin.warn();
        }
    }
}
