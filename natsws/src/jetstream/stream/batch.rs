//! The messages of a stream by direct requests for many at once: page by page, until there are no
//! more.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream as FuturesStream;

use super::query::Query;
use super::stored::{Direct, Stored, StoredMessage};
use crate::jetstream::api::{self, pause};
use crate::jetstream::context::JetStream;
use crate::jetstream::deliverable::{Deliverable, Untyped};
use crate::jetstream::error::JetStreamError;
use crate::jetstream::version::Feature;
use crate::msg::Msg;
use crate::request::{ReplyStream, RequestError};
use crate::runtime::{self, SendFuture};
use crate::session::Replies;

/// How often in a row nothing may come of a request: with the pauses it is about five seconds.
const MOST_FRUITLESS: u32 = 8;

/// Several messages for one request.
pub(super) const BATCHES: Feature = Feature::new("reading several messages at once", "2.11.0");

/// Messages that are read from a stream without a consumer, in the order of their numbers. It ends
/// behind the last one.
///
/// Made by [`Stream::messages`](super::Stream::messages) and
/// [`Stream::last_messages`](super::Stream::last_messages). They are asked for page by page; what is
/// lost on the way, with the connection or because it was not read fast enough, is asked for again.
#[must_use = "nothing is read until it is polled"]
pub struct StoredMessages<T = Untyped> {
    js: JetStream,
    stream: String,
    query: Query,
    /// How many messages are still wanted.
    limit: Option<u64>,
    pending: u64,
    /// How often in a row nothing came of a request.
    fruitless: u32,
    state: State,
    value: PhantomData<fn() -> T>,
}

enum State {
    Asking(SendFuture<'static, Result<ReplyStream, JetStreamError>>),
    Reading {
        replies: ReplyStream,
        /// The number of the last message of this page.
        last: Option<u64>,
    },
    Over,
}

/// What one reply means.
enum Step {
    Message(StoredMessage),
    /// The state was set to ask again.
    Again,
    NextPage,
    Over,
}

impl<T: Deliverable> StoredMessages<T> {
    /// Asks for the first page.
    pub(super) async fn begin(
        js: JetStream,
        stream: String,
        query: Query,
        limit: Option<u64>,
    ) -> Result<Self, JetStreamError> {
        let (pending, fruitless, state, value) = (0, 0, State::Over, PhantomData);
        let mut this = Self { js, stream, query, limit, pending, fruitless, state, value };
        if this.limit == Some(0) {
            return Ok(this);
        }
        let replies = this.ask().await?;
        this.state = State::Reading { replies, last: None };
        Ok(this)
    }

    /// The next message; `None` behind the last one.
    ///
    /// # Errors
    /// [`JetStreamError`]. Behind a [`Decode`](JetStreamError::Decode) more may follow; any other
    /// error is the end.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<StoredMessage<T>, JetStreamError>> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    /// How many more messages there were when the server sent the last one. Beyond a limit they
    /// count too.
    pub fn pending(&self) -> u64 {
        self.pending
    }

    fn ask(&self) -> SendFuture<'static, Result<ReplyStream, JetStreamError>> {
        // A page has room where it waits to be read, with what says that it is over: no more comes
        // than was asked for, so that nothing is dropped however slow the reader is.
        let room = self.js.connection().shared().options.queue;
        let (messages, bytes) = (room.messages.saturating_sub(1), room.bytes / 2);
        let most = |most: usize| u64::try_from(most).unwrap_or(u64::MAX).max(1);
        let limit = self.limit.unwrap_or(u64::MAX).min(most(messages));
        let mut query = self.query.clone();
        query.batch = query.batch.map(|batch| batch.min(limit));
        query.max_bytes = query.max_bytes.map(|max_bytes| max_bytes.min(most(bytes)));
        Box::pin(ask(self.js.clone(), self.stream.clone(), query))
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<StoredMessage<T>, JetStreamError>>> {
        loop {
            let step = match &mut self.state {
                State::Over => return Poll::Ready(None),
                State::Asking(asking) => match ready!(asking.as_mut().poll(cx)) {
                    Ok(replies) => {
                        self.state = State::Reading { replies, last: None };
                        continue;
                    }
                    Err(error) => Err(error),
                },
                State::Reading { replies, last } => {
                    let (item, last) = (ready!(replies.poll_read(cx)), *last);
                    self.step(item, last)
                }
            };
            match step {
                Ok(Step::Message(message)) => return Poll::Ready(Some(message.typed())),
                Ok(Step::Again) => {}
                Ok(Step::NextPage) => self.state = State::Asking(self.ask()),
                Ok(Step::Over) => self.state = State::Over,
                Err(error) => {
                    self.state = State::Over;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn step(
        &mut self,
        item: Option<Result<Msg, RequestError>>,
        last: Option<u64>,
    ) -> Result<Step, JetStreamError> {
        let reply = match item {
            Some(Ok(reply)) => reply,
            Some(Err(
                error @ (RequestError::Lagged { .. }
                | RequestError::Disconnected { .. }
                | RequestError::NoResponders),
            )) => return self.lost(error, last),
            Some(Err(error)) => return Err(self.js.fault(&operation(&self.stream), error)),
            None => return Err(JetStreamError::TimedOut { after: self.js.timeout() }),
        };
        let Some(direct) = Direct::read(&reply) else { return self.status(&reply, last) };
        if last.is_some_and(|last| direct.previous() != Some(last)) {
            return self.lost(RequestError::Lagged { dropped: 1 }, last);
        }
        let message = direct.stored().and_then(Stored::message);
        let message = message.map_err(|source| self.not_understood(source))?;
        let Some(pending) = direct.pending() else {
            return Err(BATCHES.missing("an older version"));
        };
        (self.pending, self.fruitless) = (pending, 0);
        let sequence = message.sequence();
        self.query.start(sequence.saturating_add(1).into());
        if let State::Reading { last, .. } = &mut self.state {
            *last = Some(sequence);
        }
        self.limit = self.limit.map(|limit| limit.saturating_sub(1));
        if self.limit == Some(0) {
            self.state = State::Over;
        }
        Ok(Step::Message(message))
    }

    /// What did not come is asked for again, unless that would be of another moment.
    fn lost(&mut self, error: RequestError, last: Option<u64>) -> Result<Step, JetStreamError> {
        let Query { last_of_each, up_to_sequence, up_to_time, .. } = &self.query;
        let is_of_now =
            !last_of_each.is_empty() && up_to_sequence.is_none() && up_to_time.is_none();
        if is_of_now && last.is_some() {
            return Err(JetStreamError::Request(error));
        }
        let nobody_is_there = error.is_no_responders();
        let pause = pause(self.fruitless);
        self.fruitless += 1;
        if self.fruitless > MOST_FRUITLESS {
            return Err(match error {
                RequestError::NoResponders => self.not_allowed(),
                error => JetStreamError::Request(error),
            });
        }
        let (ask, not_allowed) = (self.ask(), self.not_allowed());
        let (js, stream) = (self.js.clone(), self.stream.clone());
        self.state = State::Asking(Box::pin(async move {
            // It allowed it when it was looked up.
            if nobody_is_there && !js.stream_info(&stream).await?.config.allow_direct {
                return Err(not_allowed);
            }
            runtime::sleep(pause).await;
            ask.await
        }));
        Ok(Step::Again)
    }

    fn not_allowed(&self) -> JetStreamError {
        JetStreamError::DirectNotAllowed { stream: self.stream.clone() }
    }

    /// The end of a page, or of it all.
    fn status(&mut self, reply: &Msg, last: Option<u64>) -> Result<Step, JetStreamError> {
        let number = |name: &str| reply.headers().get(name)?.parse::<u64>().ok();
        match reply.status().map(|status| status.code()) {
            Some(204) => {}
            Some(404) => {
                self.pending = 0;
                return Ok(Step::Over);
            }
            _ => return Err(super::message::refusal(&operation(&self.stream), reply)),
        }
        self.pending = number("Nats-Num-Pending").unwrap_or(0);
        if self.pending == 0 {
            return Ok(Step::Over);
        }
        let Some(last) = last else {
            return Err(self.not_understood("a batch has no message, and there are more".into()));
        };
        if number("Nats-Last-Sequence") == Some(last) {
            // All further pages are of the same moment.
            if let Some(up_to) = number("Nats-UpTo-Sequence").filter(|up_to| *up_to > 0) {
                (self.query.up_to_sequence, self.query.up_to_time) = (Some(up_to), None);
            }
        }
        Ok(Step::NextPage)
    }

    fn not_understood(&self, source: Box<dyn std::error::Error + Send + Sync>) -> JetStreamError {
        JetStreamError::Response { operation: operation(&self.stream), source }
    }
}

fn operation(stream: &str) -> String {
    format!("DIRECT.GET.{stream}")
}

/// Asks for one page, until the timeout while nobody is there to answer.
async fn ask(js: JetStream, stream: String, query: Query) -> Result<ReplyStream, JetStreamError> {
    let operation = operation(&stream);
    let body = api::body(&operation, Some(&query))?;
    let subject = format!("{}.{operation}", js.prefix());
    let end = runtime::after(runtime::now(), js.timeout());
    let mut attempt = 0;
    loop {
        // Each message may take the timeout, and all of them as long as they like.
        let asked = js.connection().request_many(&subject, &body);
        let asked = asked.timeout(js.timeout()).replies(Replies::Stall(js.timeout())).await;
        let error = match asked {
            Ok(replies) => return Ok(replies),
            Err(error) => error,
        };
        let passes = matches!(error, RequestError::Disconnected { .. });
        let pause = pause(attempt);
        if !passes || end.saturating_duration_since(runtime::now()) <= pause {
            return Err(js.fault(&operation, error));
        }
        runtime::sleep(pause).await;
        attempt += 1;
    }
}

impl<T: Deliverable> FuturesStream for StoredMessages<T> {
    type Item = Result<StoredMessage<T>, JetStreamError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_read(cx)
    }
}

impl<T> fmt::Debug for StoredMessages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredMessages")
            .field("stream", &self.stream)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}
