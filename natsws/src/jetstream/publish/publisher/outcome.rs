//! What becomes of messages that a publisher took.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::super::ack::PublishAck;
use super::super::error::PublishError;
use super::window::Receiver;
use crate::request::RequestError;
use crate::subject::Shown;

/// How many messages of a publisher have an outcome, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Published {
    /// The stream has them; duplicates are among them.
    pub stored: u64,
    /// The stream had a message of their id already.
    pub duplicates: u64,
    /// They are not known to be in the stream.
    pub failed: u64,
}

/// A message that a publisher could not bring to its stream.
#[derive(Debug, thiserror::Error)]
#[error("message {number} to {subject} is not known to be stored", subject = Shown(subject))]
#[non_exhaustive]
pub struct Failure {
    /// Its number: the first message of a publisher is 1.
    pub number: u64,
    /// Its subject.
    pub subject: String,
    /// Why.
    #[source]
    pub error: PublishError,
}

/// Not everything that was published is known to be stored.
#[derive(Debug)]
#[non_exhaustive]
pub struct FinishError {
    /// How many are stored, and how many are not.
    pub published: Published,
    /// What is not, but for messages whose [receipt](super::PublishToStream::receipt) was asked
    /// for, and behind the first thousand: those are only counted.
    pub failures: Vec<Failure>,
}

impl fmt::Display for FinishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Published { stored, failed, .. } = self.published;
        let all = stored.saturating_add(failed);
        write!(f, "{failed} of {all} messages are not known to be stored")
    }
}

impl std::error::Error for FinishError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failures.first().map(|failure| failure as _)
    }
}

/// The outcome of one message, in the future: its acknowledgement, or why there is none.
///
/// Dropping it changes nothing for the message.
#[derive(Debug)]
#[must_use = "it is the outcome of a message; it costs nothing where it is not asked for"]
pub struct Receipt {
    pub(super) number: u64,
    pub(super) told: oneshot::Receiver<Result<PublishAck, PublishError>>,
}

impl Receipt {
    /// The message's number: the first message of a publisher is 1.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Future for Receipt {
    type Output = Result<PublishAck, PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Nobody is left to tell where the runtime has ended.
        Pin::new(&mut self.told)
            .poll(cx)
            .map(|told| told.unwrap_or(Err(PublishError::Request(RequestError::Closed))))
    }
}

/// The outcome of one message, on its way to whoever wants to know.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) number: u64,
    /// Where it failed.
    pub(super) subject: Option<String>,
    pub(super) result: Result<PublishAck, PublishError>,
    pub(super) receiver: Option<Receiver>,
}
