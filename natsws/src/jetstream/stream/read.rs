//! What is said before many messages are read from a stream without a consumer.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;

use super::Stream;
use super::batch::{BATCHES, StoredMessages};
use super::position::Position;
use super::query::Query;
use crate::jetstream::config_error::ConfigError;
use crate::jetstream::deliverable::Deliverable;
use crate::jetstream::error::JetStreamError;
use crate::runtime::SendFuture;

/// How many messages, and how many bytes of them, come for one request unless it is said.
const BATCH: u64 = 500;
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Messages that are about to be read without a consumer: `.await` it, or say more first.
///
/// Made by [`Stream::messages`].
#[must_use = "nothing is read until this is awaited"]
pub struct ReadStored<'a, T> {
    stream: &'a Stream,
    query: Query,
    limit: Option<u64>,
    value: PhantomData<fn() -> T>,
}

/// The last messages of subjects that are about to be read: `.await` it, or say more first.
///
/// Made by [`Stream::last_messages`].
#[must_use = "nothing is read until this is awaited"]
pub struct ReadLast<'a, T> {
    stream: &'a Stream,
    query: Query,
    value: PhantomData<fn() -> T>,
}

impl Stream {
    /// Reads its messages without a consumer, from the first to the last one there is, page by page
    /// (ADR-31, server 2.11). It is the way to look at what is there;
    /// [`ordered`](Self::ordered) reads on as new messages come.
    ///
    /// The stream has to allow it (`allow_direct`). Any server that keeps the stream answers, and
    /// may not yet have what was acknowledged a moment ago.
    ///
    /// ```no_run
    /// use natsws::jetstream::Untyped;
    ///
    /// # async fn example(orders: natsws::jetstream::Stream) -> Result<(), natsws::Error> {
    /// let mut messages = orders.messages::<Untyped>().filter("orders.eu.>").from(1000).limit(50).await?;
    /// while let Some(message) = messages.next().await {
    ///     let message = message?;
    ///     println!("{}: {}, {} more", message.sequence(), message.subject(), messages.pending());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`JetStreamError`], [`DirectNotAllowed`](JetStreamError::DirectNotAllowed) and
    /// [`Unsupported`](JetStreamError::Unsupported) among them.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub fn messages<T: Deliverable>(&self) -> ReadStored<'_, T> {
        let query = Query {
            sequence: Some(1),
            next_of: Some(">".to_owned()),
            batch: Some(BATCH),
            max_bytes: Some(MAX_BYTES),
            ..Query::default()
        };
        ReadStored { stream: self, query, limit: None, value: PhantomData }
    }

    /// Reads the last message of each subject that matches one of these, all as they were at the
    /// same moment (ADR-31, server 2.11). A server reads up to 1024 subjects in this way.
    ///
    /// The stream has to allow it (`allow_direct`).
    ///
    /// ```no_run
    /// use std::time::{Duration, SystemTime};
    /// use natsws::jetstream::Untyped;
    ///
    /// # async fn example(users: natsws::jetstream::Stream) -> Result<(), natsws::Error> {
    /// let yesterday = SystemTime::now() - Duration::from_secs(24 * 3600);
    /// let mut fields = users.last_messages::<Untyped>(["users.7.>"]).up_to(yesterday).await?;
    /// while let Some(field) = fields.next().await {
    ///     let field = field?;
    ///     println!("{} was {} bytes", field.subject(), field.payload().len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`messages`](Self::messages); of more than 1024 subjects an [`Api`](JetStreamError::Api)
    /// error with the code 413.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub fn last_messages<T: Deliverable>(
        &self,
        filters: impl IntoIterator<Item = impl Into<String>>,
    ) -> ReadLast<'_, T> {
        let query = Query {
            last_of_each: filters.into_iter().map(Into::into).collect(),
            batch: Some(BATCH),
            max_bytes: Some(MAX_BYTES),
            ..Query::default()
        };
        ReadLast { stream: self, query, value: PhantomData }
    }

    async fn read<T: Deliverable>(
        &self,
        query: Query,
        limit: Option<u64>,
    ) -> Result<StoredMessages<T>, JetStreamError> {
        query.check()?;
        self.jetstream().need(BATCHES)?;
        let name = self.name().to_owned();
        if !self.cached_info().config.allow_direct {
            return Err(JetStreamError::DirectNotAllowed { stream: name });
        }
        StoredMessages::begin(self.jetstream().clone(), name, query, limit).await
    }
}

impl<T: Deliverable> ReadStored<'_, T> {
    /// Where it starts: with the message of this number or the next one that is there, or with the
    /// first that was stored at this time or later. Default: with the first.
    pub fn from(mut self, start: impl Into<Position>) -> Self {
        self.query.start(start.into());
        self
    }

    /// Reads the messages of this subject only, which may have wildcards. Default: all.
    pub fn filter(mut self, subject: impl Into<String>) -> Self {
        self.query.next_of = Some(subject.into());
        self
    }

    /// How many messages it reads at most. Default: all that there are.
    pub fn limit(mut self, messages: u64) -> Self {
        self.limit = Some(messages);
        self
    }

    /// How many messages come for one request, at least 1. Default: 500.
    pub fn batch(mut self, messages: u64) -> Self {
        self.query.batch = Some(messages.max(1));
        self
    }

    /// How many bytes of messages come for one request; a larger message comes alone. Default:
    /// 4 MiB.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.query.max_bytes = Some(bytes.max(1));
        self
    }
}

impl<T: Deliverable> ReadLast<'_, T> {
    /// Reads what the last messages were when the stream had come to this number, or before this
    /// time: later ones do not count. Default: now.
    pub fn up_to(mut self, end: impl Into<Position>) -> Self {
        let end = end.into();
        (self.query.up_to_sequence, self.query.up_to_time) = (end.sequence(), end.time());
        self
    }

    /// How many messages come for one request, at least 1. Default: 500.
    pub fn batch(mut self, messages: u64) -> Self {
        self.query.batch = Some(messages.max(1));
        self
    }

    /// How many bytes of messages come for one request; a larger message comes alone. Default:
    /// 4 MiB.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.query.max_bytes = Some(bytes.max(1));
        self
    }
}

impl<'a, T: Deliverable> IntoFuture for ReadStored<'a, T> {
    type Output = Result<StoredMessages<T>, JetStreamError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.stream.read(self.query, self.limit))
    }
}

impl<'a, T: Deliverable> IntoFuture for ReadLast<'a, T> {
    type Output = Result<StoredMessages<T>, JetStreamError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            if self.query.last_of_each.is_empty() {
                let reason = "name one subject or more";
                return Err(ConfigError::Value { option: "filters", reason }.into());
            }
            self.stream.read(self.query, None).await
        })
    }
}

impl<T> fmt::Debug for ReadStored<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadStored").field("query", &self.query).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ReadLast<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadLast").field("query", &self.query).finish_non_exhaustive()
    }
}
