//! Consumers: a position in a stream that the server remembers, and the readers of it.

mod account;
mod config;
mod control;
mod error;
mod fetch;
mod heartbeat;
mod info;
mod messages;
mod notice;
mod options;
mod ordered;
mod plan;
mod pull;
mod push;
mod pushed;
mod reading;
mod source;
mod status;
mod stop;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

pub use config::{AckPolicy, ConsumerConfig, DeliverPolicy, PriorityPolicy, ReplayPolicy};
pub use control::{ConsumerPause, ConsumerReset};
pub use error::ConsumeError;
pub use fetch::{Fetch, FetchMessages, NextMessage};
pub use info::{ConsumerInfo, PriorityGroupState, SequenceInfo};
pub use messages::{Messages, ReadMessages};
pub use notice::{Notice, Notices};
pub use ordered::{OrderedConfig, OrderedMessages, ReadOrdered};
pub use push::{BoundPushConsumer, PushConsumer};
pub use stop::MessagesStopper;

use super::ack::Origin;
use super::api::{self, Done, NOTHING};
use super::context::JetStream;
use super::deliverable::Deliverable;
use super::error::JetStreamError;
use super::name::{NameError, check_name};
use account::Account;
use pull::{PullTerms, Puller};

/// A consumer that is read by pulling. It is cheap to clone, and several can read it: each message
/// goes to one of them.
#[derive(Clone)]
pub struct Consumer {
    js: JetStream,
    names: Arc<Names>,
    /// Whether its messages are to be answered.
    wants_answer: bool,
    /// As it was when it was looked up, where it was.
    info: Option<Arc<ConsumerInfo>>,
}

#[derive(Debug)]
struct Names {
    stream: String,
    consumer: String,
}

impl Consumer {
    pub(super) fn new(js: &JetStream, info: ConsumerInfo) -> Self {
        let wants_answer = info.config.ack_policy != AckPolicy::None;
        let consumer = Self::unknown(js, &info.stream, &info.name, wants_answer);
        Self { info: Some(Arc::new(info)), ..consumer }
    }

    /// One that was not looked up.
    fn unknown(js: &JetStream, stream: &str, name: &str, wants_answer: bool) -> Self {
        let names = Names { stream: stream.to_owned(), consumer: name.to_owned() };
        Self { js: js.clone(), names: Arc::new(names), wants_answer, info: None }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.names.consumer
    }

    /// The name of its stream.
    pub fn stream(&self) -> &str {
        &self.names.stream
    }

    /// How it was when it was looked up or made; `None` where it was
    /// [not looked up](JetStream::bound_consumer).
    pub fn cached_info(&self) -> Option<&ConsumerInfo> {
        self.info.as_deref()
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
    /// ```no_run
    /// use std::time::Duration;
    /// use natsws::jetstream::Untyped;
    ///
    /// # async fn example(js: natsws::jetstream::JetStream) -> Result<(), natsws::Error> {
    /// let workers = js.consumer("ORDERS", "workers").await?;
    /// let mut batch = workers.fetch::<Untyped>(100).expires(Duration::from_secs(5)).await?;
    /// while let Some(message) = batch.next().await {
    ///     message?.ack().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConsumeError`] where the reader cannot be made.
    ///
    /// # Cancel safety
    /// Dropped early, messages may have been delivered; they come again.
    pub fn fetch<T: Deliverable>(&self, messages: usize) -> FetchMessages<'_, T> {
        FetchMessages::new(self, messages)
    }

    /// Reads one message: `None` where none came in time.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use natsws::jetstream::Untyped;
    ///
    /// # async fn example(js: natsws::jetstream::JetStream) -> Result<(), natsws::Error> {
    /// let workers = js.consumer("ORDERS", "workers").await?;
    /// if let Some(message) = workers.next::<Untyped>().expires(Duration::from_secs(5)).await? {
    ///     message.ack().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConsumeError`].
    ///
    /// # Cancel safety
    /// Dropped early, a message may have been delivered; it comes again.
    pub fn next<T: Deliverable>(&self) -> NextMessage<'_, T> {
        NextMessage::new(self)
    }

    async fn puller(
        &self,
        terms: PullTerms,
        account: Option<Account>,
    ) -> Result<Puller, ConsumeError> {
        Puller::new(&self.js, Arc::new(self.origin()), terms, account).await
    }

    fn origin(&self) -> Origin {
        let names = (self.stream().to_owned(), self.name().to_owned());
        Origin::new(self.js.connection().clone(), names, self.js.timeout(), self.wants_answer)
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

    /// A pull consumer that is not looked up: it may not exist, and what it allows is not known.
    ///
    /// It is for consumers of which the server tells nothing, as those that are imported from
    /// another account, and saves a round trip.
    ///
    /// # Errors
    /// [`NameError`] where the stream or the consumer cannot have that name.
    pub fn bound_consumer(&self, stream: &str, name: &str) -> Result<Consumer, NameError> {
        check_name("stream", stream)?;
        check_name("consumer", name)?;
        Ok(Consumer::unknown(self, stream, name, true))
    }

    /// A pull consumer of which everything is known already, as from a list: nothing is asked.
    pub fn consumer_from(&self, info: ConsumerInfo) -> Consumer {
        Consumer::new(self, info)
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

    /// Has the server forget a consumer that nobody reads any more, without waiting for it.
    pub(crate) fn forget_consumer(&self, stream: &str, name: &str) {
        let subject = format!("{}.CONSUMER.DELETE.{stream}.{name}", self.prefix());
        let inbox = self.connection().new_inbox();
        // Where much waits to be sent, the server forgets it by itself, later.
        drop(self.connection().publish(&subject, "").reply(&inbox).try_send());
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
            // It is what a user's permissions can name; with `>` it would say nothing.
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
