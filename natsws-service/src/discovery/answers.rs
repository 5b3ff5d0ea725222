//! The answers of services, as they come.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use natsws::{Msg, ReplyStream, RequestError, ServiceError};
use serde::de::DeserializeOwned;

use super::control::Verb;
use super::error::DiscoveryError;
use super::words::{ServiceInfo, ServicePing, ServiceStats};

/// What services are asked for: [`ServicePing`], [`ServiceInfo`] or [`ServiceStats`]. No other type
/// can be.
pub trait Answer: Asked {}

mod sealed {
    use super::{DeserializeOwned, Verb};

    pub trait Asked: DeserializeOwned + Send + 'static {
        const VERB: Verb;
    }
}

pub(crate) use sealed::Asked;

impl Answer for ServicePing {}
impl Asked for ServicePing {
    const VERB: Verb = Verb::Ping;
}

impl Answer for ServiceInfo {}
impl Asked for ServiceInfo {
    const VERB: Verb = Verb::Info;
}

impl Answer for ServiceStats {}
impl Asked for ServiceStats {
    const VERB: Verb = Verb::Stats;
}

/// The answers of services to one question, as they come. Made by
/// [`Discover::stream`](super::Discover::stream). Dropping it early tells the server at once that no
/// more are wanted.
///
/// An answer that cannot be read is an error item, and the stream goes on: one service that does not
/// know ADR-32 must not silence the others.
#[must_use = "dropping it ends the question"]
pub struct Answers<A> {
    replies: ReplyStream,
    subject: String,
    answer: PhantomData<fn() -> A>,
}

impl<A: Answer> Answers<A> {
    pub(crate) fn new(replies: ReplyStream, subject: String) -> Self {
        Self { replies, subject, answer: PhantomData }
    }

    /// The next answer; `None` when there will be no more.
    ///
    /// # Errors
    /// [`DiscoveryError`]. Behind [`Unreadable`](DiscoveryError::Unreadable) and
    /// [`Service`](DiscoveryError::Service) more answers may follow.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<A, DiscoveryError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

fn read<A: Answer>(reply: Msg) -> Result<A, DiscoveryError> {
    if let Some(error) = ServiceError::from_reply(reply.headers(), &reply.payload_bytes()) {
        return Err(DiscoveryError::Service(error));
    }
    serde_json::from_slice(reply.payload()).map_err(|error| DiscoveryError::Unreadable {
        source: error.into(),
        reply: Box::new(reply),
    })
}

impl<A: Answer> Stream for Answers<A> {
    type Item = Result<A, DiscoveryError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let reply = ready!(Pin::new(&mut self.replies).poll_next(cx));
        Poll::Ready(reply.map(|reply| match reply {
            Ok(reply) => read(reply),
            Err(RequestError::NoResponders) => {
                Err(DiscoveryError::NoResponders { subject: self.subject.clone() })
            }
            Err(error) => Err(DiscoveryError::Request(error)),
        }))
    }
}

impl<A> fmt::Debug for Answers<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers")
            .field("replies", &self.replies)
            .field("subject", &self.subject)
            .finish()
    }
}
