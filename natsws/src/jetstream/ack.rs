//! Answering a delivered message: what the server is told, and told once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use crate::connection::Connection;
use crate::event::Event;
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
        self.given.load(Ordering::Relaxed) != OPEN
    }

    pub(super) fn is_acked(&self) -> bool {
        self.given.load(Ordering::Relaxed) == ACKED
    }

    pub(super) fn acked(&self) {
        self.given.store(ACKED, Ordering::Relaxed);
    }

    pub(super) fn otherwise(&self) {
        self.given.store(OTHERWISE, Ordering::Relaxed);
    }
}

impl Drop for Answer {
    #[inline]
    fn drop(&mut self) {
        if *self.given.get_mut() == OPEN && self.origin.wants_answer {
            self.origin.warn();
        }
    }
}
