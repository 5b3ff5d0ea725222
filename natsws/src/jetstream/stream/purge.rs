//! Deleting many messages of a stream at once.

use std::future::IntoFuture;

use serde::{Deserialize, Serialize};

use super::Stream;
use crate::jetstream::api;
use crate::jetstream::config_error::ConfigError;
use crate::jetstream::error::JetStreamError;
use crate::jetstream::wire;
use crate::runtime::SendFuture;
use crate::subject::check_filter;

/// Messages that are about to be deleted: `.await` it, or say more first.
///
/// Made by [`Stream::purge`].
#[derive(Debug)]
#[must_use = "nothing is deleted until this is awaited"]
pub struct Purge<'a> {
    stream: &'a Stream,
    request: Request,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Request {
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<String>,
    #[serde(rename = "seq", skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep: Option<u64>,
}

#[derive(Deserialize)]
struct Purged {
    #[serde(default, deserialize_with = "wire::count")]
    purged: u64,
}

impl Stream {
    /// Deletes its messages, and says how many there were: all of them, unless more is said.
    ///
    /// ```no_run
    /// # async fn example(orders: natsws::jetstream::Stream) -> Result<(), natsws::Error> {
    /// let deleted = orders.purge().filter("orders.eu.>").keep(100).await?;
    /// println!("{deleted} of the European orders are gone");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`JetStreamError`]: the stream does not allow it (`deny_purge`, `sealed`),
    /// [`keep`](Purge::keep) and [`before_sequence`](Purge::before_sequence) are both said.
    ///
    /// # Cancel safety
    /// Dropped early, they may be deleted.
    pub fn purge(&self) -> Purge<'_> {
        Purge { stream: self, request: Request::default() }
    }
}

impl Purge<'_> {
    /// Only messages of this subject, which may have wildcards.
    pub fn filter(mut self, subject: impl Into<String>) -> Self {
        self.request.filter = Some(subject.into());
        self
    }

    /// All but the last so many.
    pub fn keep(mut self, messages: u64) -> Self {
        self.request.keep = Some(messages);
        self
    }

    /// Only messages in front of this number, at least 1; the one with the number itself stays.
    pub fn before_sequence(mut self, sequence: u64) -> Self {
        self.request.before = Some(sequence);
        self
    }

    async fn purge(self) -> Result<u64, JetStreamError> {
        let Self { stream, request } = self;
        request.filter.as_deref().map_or(Ok(()), check_filter)?;
        if request.keep.is_some() && request.before.is_some() {
            let (option, other) = ("keep", "before_sequence");
            return Err(ConfigError::Excludes { option, other }.into());
        }
        // A server takes 0 as if it had not been said, and deletes them all.
        if request.before == Some(0) {
            let reason = "the first message of a stream has number 1";
            return Err(ConfigError::Value { option: "before_sequence", reason }.into());
        }
        let operation = format!("STREAM.PURGE.{}", stream.name());
        let purged = stream.jetstream().call::<Purged>(&operation, Some(&request)).await;
        let purged = purged.map_err(|error| api::of_stream(error, stream.name()))?;
        Ok(purged.purged)
    }
}

impl<'a> IntoFuture for Purge<'a> {
    type Output = Result<u64, JetStreamError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.purge())
    }
}
