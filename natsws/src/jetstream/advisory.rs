//! What JetStream tells of itself while it works: advisories and metrics.

mod kind;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use futures_core::Stream;
use serde::Deserialize;
use serde_json::{Map, Value};

pub use self::kind::{AdvisoryAction, AdvisoryClient, AdvisoryKind, BatchAbandoned};
use super::context::JetStream;
use super::wire;
use crate::msg::Msg;
use crate::runtime::SendFuture;
use crate::subscription::{SubscribeError, Subscription, SubscriptionError};

/// Where advisories and metrics are published.
const ADVISORIES: &str = "$JS.EVENT.ADVISORY.>";
const METRICS: &str = "$JS.EVENT.METRIC.>";

/// Something that JetStream tells: a stream was made, a message was delivered too often.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Advisory {
    /// Its unique id.
    pub id: String,
    /// When it was told; `None` where it does not say.
    pub time: Option<SystemTime>,
    /// The domain of the JetStream, where it has one.
    pub domain: Option<String>,
    /// What happened.
    pub kind: AdvisoryKind,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    #[serde(rename = "type", deserialize_with = "wire::or_default")]
    kind: String,
    #[serde(deserialize_with = "wire::or_default")]
    id: String,
    #[serde(rename = "timestamp", with = "wire::some_rfc3339")]
    time: Option<SystemTime>,
    #[serde(deserialize_with = "wire::text")]
    domain: Option<String>,
}

impl Advisory {
    /// Anyone in the account can publish there, so this takes whatever comes.
    fn read(msg: &Msg) -> Self {
        let head: Head = serde_json::from_slice(msg.payload()).unwrap_or_default();
        let Head { kind, id, time, domain } = head;
        let known = || {
            let fields = serde_json::from_slice::<Value>(msg.payload()).ok()?;
            let name = kind.strip_prefix("io.nats.jetstream.")?;
            // An enum stands in JSON as an object with its name.
            let named = Map::from_iter([(name.to_owned(), fields)]);
            serde_json::from_value(Value::Object(named)).ok()
        };
        let kind = known().unwrap_or_else(|| AdvisoryKind::Other {
            kind: if kind.is_empty() { msg.subject().to_owned() } else { kind.clone() },
            json: String::from_utf8_lossy(msg.payload()).into_owned(),
        });
        Self { id, time, domain, kind }
    }
}

/// Advisories that are about to be listened to: `.await` it.
///
/// Made by [`JetStream::advisories`].
#[derive(Debug)]
#[must_use = "nothing is heard until this is awaited"]
pub struct ListenToAdvisories<'a> {
    js: &'a JetStream,
}

impl JetStream {
    /// Listens to what JetStream tells of itself in this account: advisories and metrics.
    ///
    /// ```no_run
    /// use natsws::jetstream::AdvisoryKind;
    ///
    /// # async fn example(js: natsws::jetstream::JetStream) -> Result<(), natsws::Error> {
    /// let mut advisories = js.advisories().await?;
    /// while let Some(advisory) = advisories.next().await {
    ///     match advisory?.kind {
    ///         AdvisoryKind::MaxDeliver { stream, stream_sequence, .. } => {
    ///             println!("message {stream_sequence} of {stream} is delivered no more");
    ///         }
    ///         other => println!("{other:?}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It is a subscription to `$JS.EVENT.ADVISORY.>` and `$JS.EVENT.METRIC.>`, so what happens
    /// while there is no connection is not heard.
    ///
    /// # Errors
    /// [`SubscribeError`], where the user may not subscribe to these subjects for example.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is left behind.
    pub fn advisories(&self) -> ListenToAdvisories<'_> {
        ListenToAdvisories { js: self }
    }
}

impl<'a> IntoFuture for ListenToAdvisories<'a> {
    type Output = Result<Advisories, SubscribeError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let subscribing = self.js.connection().subscribe(ADVISORIES).and(METRICS);
        Box::pin(async move { Ok(Advisories(subscribing.await?)) })
    }
}

/// What JetStream tells of itself, as it happens.
///
/// Made by [`JetStream::advisories`]. Dropped, it ends.
#[must_use = "what is told is heard by reading it"]
pub struct Advisories(Subscription);

impl Advisories {
    /// The next one; `None` when the connection is closed.
    ///
    /// # Errors
    /// [`SubscriptionError`]: some were dropped because they were not read fast enough, the user may
    /// not subscribe any more.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Advisory, SubscriptionError>> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Advisory, SubscriptionError>>> {
        let item = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(item.map(|item| item.map(|msg| Advisory::read(&msg))))
    }
}

impl Stream for Advisories {
    type Item = Result<Advisory, SubscriptionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_read(cx)
    }
}

impl fmt::Debug for Advisories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advisories").finish_non_exhaustive()
    }
}
