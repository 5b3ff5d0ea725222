//! Consumers: a position in a stream that the server remembers, and the readers of it.

mod account;
mod config;
mod error;
mod fetch;
mod heartbeat;
mod info;
mod messages;
mod ordered;
mod pull;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

pub use config::{AckPolicy, ConsumerConfig, DeliverPolicy, PriorityPolicy, ReplayPolicy};
pub use error::ConsumeError;
pub use fetch::{Fetch, FetchMessages};
pub use info::{ConsumerInfo, PriorityGroupState, SequenceInfo};
pub use messages::{Messages, ReadMessages};
pub use ordered::{OrderedConfig, OrderedMessages, ReadOrdered};

use super::ack::Origin;
use super::api::{self, Done, NOTHING};
use super::context::JetStream;
use super::deliverable::Deliverable;
use super::delivery::Delivery;
use super::error::JetStreamError;
use super::name::check_name;
use account::Account;
use pull::{PullTerms, Puller};

/// A consumer that is read by pulling. It is cheap to clone, and several can read it: each message
/// goes to one of them.
#[derive(Clone)]
pub struct Consumer {
    js: JetStream,
    /// As it was when it was looked up.
    info: Arc<ConsumerInfo>,
}

impl Consumer {
    pub(super) fn new(js: &JetStream, info: ConsumerInfo) -> Self {
        Self { js: js.clone(), info: Arc::new(info) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// The name of its stream.
    pub fn stream(&self) -> &str {
        &self.info.stream
    }

    /// How it was when it was looked up or made.
    pub fn cached_info(&self) -> &ConsumerInfo {
        &self.info
    }

    /// How it is now.
    ///
    /// # Errors
    /// [`JetStreamError`], [`ConsumerNotFound`](JetStreamError::ConsumerNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn info(&self) -> Result<ConsumerInfo, JetStreamError> {
        self.js.consumer_info(self.stream(), self.name()).await
    }

    /// Deletes it; its readers end.
    ///
    /// # Errors
    /// [`JetStreamError`].
    ///
    /// # Cancel safety
    /// Dropped early, it may be deleted.
    pub async fn delete(&self) -> Result<(), JetStreamError> {
        self.js.delete_consumer(self.stream(), self.name()).await
    }

    /// Reads messages as they come, without end. For subjects and bytes read
    /// [`Untyped`](super::Untyped).
    ///
    /// ```no_run
    /// use natsws::jetstream::Untyped;
    ///
    /// # async fn example(js: natsws::jetstream::JetStream) -> Result<(), natsws::Error> {
    /// let workers = js.consumer("ORDERS", "workers").await?;
    /// let mut messages = workers.messages::<Untyped>().max_messages(500).await?;
    /// while let Some(message) = messages.next().await {
    ///     let message = message?;
    ///     println!("{}: {} bytes", message.subject(), message.payload().len());
    ///     message.ack().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConsumeError`] where the reader cannot be made.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is read.
    pub fn messages<T: Deliverable>(&self) -> ReadMessages<'_, T> {
        ReadMessages::new(self)
    }

    /// Reads at most so many messages, and waits for them for a time.
    ///
    /// # Errors
    /// [`ConsumeError`] where the reader cannot be made.
    ///
    /// # Cancel safety
    /// Dropped early, messages may have been delivered; they come again.
    pub fn fetch<T: Deliverable>(&self, messages: usize) -> FetchMessages<'_, T> {
        FetchMessages::new(self, messages)
    }

    async fn puller(
        &self,
        terms: PullTerms,
        account: Account,
        continuous: bool,
    ) -> Result<Puller, ConsumeError> {
        let names = (self.stream().to_owned(), self.name().to_owned());
        let wants_answer = self.info.config.ack_policy != AckPolicy::None;
        let connection = self.js.connection().clone();
        let origin = Origin::new(connection, names, self.js.timeout(), wants_answer);
        Puller::new(&self.js, Arc::new(origin), terms, account, continuous).await
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("stream", &self.stream())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// What is done with a configuration: a name that exists already is an error, or is needed, or
/// either is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Create,
    Update,
    #[serde(rename = "")]
    CreateOrUpdate,
}

#[derive(Serialize)]
struct CreateConsumer<'a> {
    stream_name: &'a str,
    config: &'a ConsumerConfig,
    action: Action,
}

impl JetStream {
    /// A pull consumer that exists.
    ///
    /// # Errors
    /// [`JetStreamError`], [`ConsumerNotFound`](JetStreamError::ConsumerNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn consumer(&self, stream: &str, name: &str) -> Result<Consumer, JetStreamError> {
        Ok(Consumer::new(self, self.consumer_info(stream, name).await?))
    }

    pub(crate) async fn consumer_info(
        &self,
        stream: &str,
        name: &str,
    ) -> Result<ConsumerInfo, JetStreamError> {
        check_name("stream", stream)?;
        check_name("consumer", name)?;
        let info = self.call(&format!("CONSUMER.INFO.{stream}.{name}"), NOTHING).await;
        info.map_err(|error| api::of_consumer(error, stream, name))
    }

    pub(crate) async fn delete_consumer(
        &self,
        stream: &str,
        name: &str,
    ) -> Result<(), JetStreamError> {
        check_name("stream", stream)?;
        check_name("consumer", name)?;
        let operation = format!("CONSUMER.DELETE.{stream}.{name}");
        let deleted = self.call::<Done>(&operation, NOTHING).await;
        deleted.map(drop).map_err(|error| api::of_consumer(error, stream, name))
    }

    pub(crate) async fn put_consumer(
        &self,
        stream: &str,
        config: &ConsumerConfig,
        action: Action,
    ) -> Result<ConsumerInfo, JetStreamError> {
        check_name("stream", stream)?;
        config.check()?;
        let needs = config.needs();
        self.need_all(&needs)?;
        let name = config.name.as_deref().or(config.durable_name.as_deref()).unwrap_or_default();
        let operation = match (name, config.filter_subjects.as_slice()) {
            ("", _) => format!("CONSUMER.CREATE.{stream}"),
            (name, [filter]) if filter != ">" => {
                format!("CONSUMER.CREATE.{stream}.{name}.{filter}")
            }
            (name, _) => format!("CONSUMER.CREATE.{stream}.{name}"),
        };
        let body = CreateConsumer { stream_name: stream, config, action };
        let info = self.call_at_level(&operation, Some(&body), &needs).await;
        info.map_err(|error| api::of_consumer(error, stream, name))
    }
}

impl Consumer {
    /// Reads one message: `None` where none came in time.
    ///
    /// # Errors
    /// [`ConsumeError`].
    ///
    /// # Cancel safety
    /// Dropped early, a message may have been delivered; it comes again.
    pub async fn next<T: Deliverable>(
        &self,
        expires: std::time::Duration,
    ) -> Result<Option<Delivery<T>>, ConsumeError> {
        self.fetch(1).expires(expires).await?.next().await.transpose()
    }
}
