//! Reading single messages of a stream, from its leader or from any server that keeps it.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;

use super::Stream;
use super::position::Position;
use super::query::Query;
use super::stored::{Direct, FromLeader, Stored, StoredMessage};
use crate::jetstream::api;
use crate::jetstream::context::JetStream;
use crate::jetstream::deliverable::Deliverable;
use crate::jetstream::error::{ApiError, JetStreamError};
use crate::jetstream::version::Feature;
use crate::request::RequestError;
use crate::runtime::SendFuture;
use crate::subject::check_subject;

/// The first message since a time.
const FROM_TIME: Feature = Feature::new("reading a message by time", "2.11.0");

/// One message that is about to be read: `.await` it, or say more first.
///
/// Made by [`Stream::message`], [`Stream::last_message`] and [`Stream::next_message`].
///
/// Where the stream allows it (`allow_direct`, ADR-31) any server that keeps the stream answers. It
/// is the quickest, and may not yet have what was acknowledged a moment ago:
/// [`from_leader`](Self::from_leader) reads what is certain.
#[must_use = "nothing is read until this is awaited"]
pub struct GetMessage<'a, T> {
    stream: &'a Stream,
    query: Query,
    direct: bool,
    value: PhantomData<fn() -> T>,
}

impl Stream {
    /// Reads the message with this number: `None` where there is none, or none any more.
    ///
    /// ```no_run
    /// use natsws::jetstream::Untyped;
    ///
    /// # async fn example(orders: natsws::jetstream::Stream) -> Result<(), natsws::Error> {
    /// match orders.message::<Untyped>(7).await? {
    ///     Some(message) => println!("{}: {} bytes", message.subject(), message.payload().len()),
    ///     None => println!("it is gone"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`JetStreamError`], [`Decode`](JetStreamError::Decode) where the message is no `T`.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub fn message<T: Deliverable>(&self, sequence: u64) -> GetMessage<'_, T> {
        GetMessage::new(self, Query::of_sequence(sequence))
    }

    /// Reads the last message of a subject, which may have wildcards: `None` where there is none.
    ///
    /// ```no_run
    /// use natsws::jetstream::Untyped;
    ///
    /// # async fn example(orders: natsws::jetstream::Stream) -> Result<(), natsws::Error> {
    /// let last = orders.last_message::<Untyped>("orders.eu.>").from_leader().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`message`](Self::message).
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub fn last_message<T: Deliverable>(&self, subject: impl Into<String>) -> GetMessage<'_, T> {
        GetMessage::new(self, Query::last_of(subject))
    }

    /// Reads the first message of a subject, which may have wildcards, at this number or time or
    /// later: `None` where there is none.
    ///
    /// ```no_run
    /// use std::time::{Duration, SystemTime};
    /// use natsws::jetstream::Untyped;
    ///
    /// # async fn example(orders: natsws::jetstream::Stream) -> Result<(), natsws::Error> {
    /// let after_seven = orders.next_message::<Untyped>("orders.eu.>", 8).await?;
    /// let hour = SystemTime::now() - Duration::from_secs(3600);
    /// let of_this_hour = orders.next_message::<Untyped>(">", hour).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`message`](Self::message); a time needs server 2.11.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub fn next_message<T: Deliverable>(
        &self,
        subject: impl Into<String>,
        from: impl Into<Position>,
    ) -> GetMessage<'_, T> {
        let mut query = Query { next_of: Some(subject.into()), ..Query::default() };
        query.start(from.into());
        GetMessage::new(self, query)
    }
}

impl<'a, T: Deliverable> GetMessage<'a, T> {
    fn new(stream: &'a Stream, query: Query) -> Self {
        let direct = stream.cached_info().config.allow_direct;
        Self { stream, query, direct, value: PhantomData }
    }

    /// Reads from the stream's leader, which has everything that was acknowledged. Default: from
    /// any server where the stream allows it.
    pub fn from_leader(mut self) -> Self {
        self.direct = false;
        self
    }

    async fn read(self) -> Result<Option<StoredMessage<T>>, JetStreamError> {
        self.query.check()?;
        if self.query.start_time.is_some() {
            self.stream.jetstream().need(FROM_TIME)?;
        }
        let (js, stream) = (self.stream.jetstream(), self.stream.name());
        let Some(stored) = read_stored(js, stream, &self.query, self.direct).await? else {
            return Ok(None);
        };
        let operation = || format!("STREAM.MSG.GET.{stream}");
        let message = stored.message();
        let message = message
            .map_err(|source| JetStreamError::Response { operation: operation(), source })?;
        message.typed().map(Some)
    }
}

/// Reads one message: `None` where there is none. With `direct` any server that keeps the stream is
/// asked, and its leader where the stream does not allow that.
pub(crate) async fn read_stored(
    js: &JetStream,
    stream: &str,
    query: &Query,
    direct: bool,
) -> Result<Option<Stored>, JetStreamError> {
    if direct {
        match ask_any(js, stream, query).await {
            // It was allowed when the stream was looked up.
            Err(JetStreamError::DirectNotAllowed { .. }) => {}
            other => return other,
        }
    }
    ask_leader(js, stream, query).await
}

async fn ask_leader(
    js: &JetStream,
    stream: &str,
    query: &Query,
) -> Result<Option<Stored>, JetStreamError> {
    let operation = format!("STREAM.MSG.GET.{stream}");
    let answer = match js.call::<FromLeader>(&operation, Some(query)).await {
        Ok(answer) => answer,
        Err(JetStreamError::Api(error)) if error.err_code == ApiError::NO_MESSAGE_FOUND => {
            return Ok(None);
        }
        Err(error) => return Err(api::of_stream(error, stream)),
    };
    let stored = answer.stored();
    stored.map(Some).map_err(|source| JetStreamError::Response { operation, source })
}

async fn ask_any(
    js: &JetStream,
    stream: &str,
    query: &Query,
) -> Result<Option<Stored>, JetStreamError> {
    let mut operation = format!("DIRECT.GET.{stream}");
    let body = match &query.last_of {
        // The subject stands in the request's subject, so that permissions can be by subject.
        Some(subject) if check_subject(subject).is_ok() => {
            operation = format!("{operation}.{subject}");
            Vec::new()
        }
        _ => api::body(&operation, Some(query))?,
    };
    let subject = format!("{}.{operation}", js.prefix());
    let asked = js.connection().request(&subject, &body).timeout(js.timeout()).await;
    let reply = asked.map_err(|error| match error {
        RequestError::NoResponders => {
            JetStreamError::DirectNotAllowed { stream: stream.to_owned() }
        }
        other => js.fault(&operation, other),
    })?;
    let Some(direct) = Direct::read(&reply) else {
        return match reply.status() {
            Some(status) if status.code() == 404 => Ok(None),
            _ => Err(refusal(&operation, &reply)),
        };
    };
    let stored = direct.stored();
    stored.map(Some).map_err(|source| JetStreamError::Response { operation, source })
}

/// What a status says that is an answer to a direct request.
pub(super) fn refusal(operation: &str, reply: &crate::msg::Msg) -> JetStreamError {
    match reply.status() {
        Some(status) => JetStreamError::Api(ApiError {
            code: status.code(),
            err_code: 0,
            description: status.description().to_owned(),
        }),
        None => JetStreamError::Response {
            operation: operation.to_owned(),
            source: "it is neither a message nor a status".into(),
        },
    }
}

impl<'a, T: Deliverable> IntoFuture for GetMessage<'a, T> {
    type Output = Result<Option<StoredMessage<T>>, JetStreamError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.read())
    }
}

impl<T> fmt::Debug for GetMessage<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetMessage").field("query", &self.query).finish_non_exhaustive()
    }
}
