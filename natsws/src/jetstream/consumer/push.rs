//! Consumers that push their messages to a subject.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::super::ack::Origin;
use super::super::api::pause;
use super::super::context::JetStream;
use super::super::deliverable::Deliverable;
use super::super::error::JetStreamError;
use super::config::{AckPolicy, ConsumerConfig};
use super::error::ConsumeError;
use super::info::ConsumerInfo;
use super::messages::Messages;
use super::pushed::{PushTerms, Pushed};
use super::reading::{Reading, Vigilance};
use super::source::Source;
use super::{Action, Consumer};
use crate::jetstream::stream::Stream;
use crate::runtime;
use crate::subject::{SubjectError, check_queue_group, check_subject};

/// How often it is looked again whether somebody else still reads a consumer: the server notices in
/// its own time that a reader is gone.
const LOOKS: u32 = 4;

/// A consumer that pushes its messages to a subject, to whoever subscribes to it. It is cheap to
/// clone.
///
/// Several can read it where it has a `deliver_group`, and each message goes to one of them;
/// otherwise one can. A [pull consumer](Consumer) is what most applications want: it is not sent
/// more than it can work off.
///
/// ```no_run
/// use std::time::Duration;
/// use natsws::jetstream::{ConsumerConfig, Untyped};
///
/// # async fn example(js: natsws::jetstream::JetStream) -> Result<(), natsws::Error> {
/// let orders = js.stream("ORDERS").await?;
/// let config = ConsumerConfig::durable("mirror")
///     .deliver_subject("mirror.orders")
///     .flow_control(true)
///     .idle_heartbeat(Duration::from_secs(5));
/// let mirror = orders.create_push_consumer(config).await?;
/// let mut messages = mirror.messages::<Untyped>().await?;
/// while let Some(message) = messages.next().await {
///     message?.ack().await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PushConsumer {
    consumer: Consumer,
    /// As it was when it was looked up.
    info: Arc<ConsumerInfo>,
}

impl PushConsumer {
    fn new(js: &JetStream, info: ConsumerInfo) -> Result<Self, ConsumeError> {
        if info.config.deliver_subject.is_none() {
            return Err(ConsumeError::PullBased { stream: info.stream, consumer: info.name });
        }
        let consumer = Consumer::new(js, info.clone());
        Ok(Self { consumer, info: Arc::new(info) })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.consumer.name()
    }

    /// The name of its stream.
    pub fn stream(&self) -> &str {
        self.consumer.stream()
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
        self.consumer.info().await
    }

    /// Deletes it; its readers hear nothing more, and end where it has heartbeats.
    ///
    /// # Errors
    /// [`JetStreamError`].
    ///
    /// # Cancel safety
    /// Dropped early, it may be deleted.
    pub async fn delete(&self) -> Result<(), JetStreamError> {
        self.consumer.delete().await
    }

    /// Reads messages as they come, without end. The server's flow control is answered as they are
    /// read.
    ///
    /// # Errors
    /// [`ConsumeError`] where the reader cannot be made: somebody reads the consumer already
    /// ([`AlreadyBound`](ConsumeError::AlreadyBound)), it is gone.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is read.
    pub async fn messages<T: Deliverable>(&self) -> Result<Messages<T>, ConsumeError> {
        let info = self.free().await?;
        let config = info.config;
        let terms = PushTerms {
            deliver_subject: config.deliver_subject.unwrap_or_default(),
            deliver_group: config.deliver_group,
            heartbeat: config.idle_heartbeat.unwrap_or_default(),
            acks_by_flow: config.ack_policy == AckPolicy::FlowControl,
        };
        let pushed = Pushed::new(Arc::new(self.consumer.origin()), terms).await?;
        let vigilance = Vigilance { looks: true, waits: false };
        let source = Source::Push(pushed);
        Ok(Messages::new(Reading::new(self.consumer.clone(), source, vigilance)))
    }

    /// Waits for it to be read by nobody, where it is for one, as it is now.
    async fn free(&self) -> Result<ConsumerInfo, ConsumeError> {
        for look in 0..LOOKS {
            let info = self.info().await.map_err(ConsumeError::JetStream)?;
            if !info.push_bound || info.config.deliver_group.is_some() {
                return Ok(info);
            }
            runtime::sleep(pause(look)).await;
        }
        let (stream, consumer) = (self.stream().to_owned(), self.name().to_owned());
        Err(ConsumeError::AlreadyBound { stream, consumer })
    }
}

impl fmt::Debug for PushConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushConsumer")
            .field("stream", &self.stream())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// Where a consumer pushes its messages to, and no more of it: nothing is looked up.
///
/// Made by [`JetStream::bound_push_consumer`].
#[derive(Clone)]
pub struct BoundPushConsumer {
    js: JetStream,
    terms: PushTerms,
}

impl BoundPushConsumer {
    /// After which silence the server says that it is still there, as it is in the consumer's
    /// configuration. Two that are missed are told as a [`Notice`](super::Notice). Default: none is
    /// expected.
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.terms.heartbeat = interval;
        self
    }

    /// Reads messages as they come, without end. The server's flow control is answered as they are
    /// read.
    ///
    /// # Errors
    /// [`ConsumeError`] where it cannot be subscribed to the subject.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is read.
    pub async fn messages<T: Deliverable>(&self) -> Result<Messages<T>, ConsumeError> {
        // What its name is stands in each message.
        let consumer = Consumer::unknown(&self.js, "", &self.terms.deliver_subject, true);
        let origin: Origin = consumer.origin();
        let pushed = Pushed::new(Arc::new(origin), self.terms.clone()).await?;
        let vigilance = Vigilance { looks: false, waits: false };
        Ok(Messages::new(Reading::new(consumer, Source::Push(pushed), vigilance)))
    }
}

impl fmt::Debug for BoundPushConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundPushConsumer").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl JetStream {
    /// A push consumer that exists.
    ///
    /// # Errors
    /// [`ConsumeError::PullBased`] where it does not push, [`ConsumeError::JetStream`] where it
    /// cannot be looked up.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn push_consumer(
        &self,
        stream: &str,
        name: &str,
    ) -> Result<PushConsumer, ConsumeError> {
        let info = self.consumer_info(stream, name).await.map_err(ConsumeError::JetStream)?;
        PushConsumer::new(self, info)
    }

    /// A consumer that pushes its messages to this subject, and to this group where it has one.
    /// Nothing is looked up, so it need not be permitted, as where the subject is imported from
    /// another account.
    ///
    /// # Errors
    /// [`SubjectError`] where the subject or the group cannot be subscribed to.
    pub fn bound_push_consumer(
        &self,
        deliver_subject: &str,
        deliver_group: Option<&str>,
    ) -> Result<BoundPushConsumer, SubjectError> {
        check_subject(deliver_subject)?;
        deliver_group.map_or(Ok(()), check_queue_group)?;
        let terms = PushTerms {
            deliver_subject: deliver_subject.to_owned(),
            deliver_group: deliver_group.map(str::to_owned),
            ..PushTerms::default()
        };
        Ok(BoundPushConsumer { js: self.clone(), terms })
    }
}

impl Stream {
    /// A push consumer that exists.
    ///
    /// # Errors
    /// [`ConsumeError::PullBased`] where it does not push, [`ConsumeError::JetStream`] where it
    /// cannot be looked up.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn push_consumer(&self, name: &str) -> Result<PushConsumer, ConsumeError> {
        self.jetstream().push_consumer(self.name(), name).await
    }

    /// Makes a push consumer. One that exists with the same configuration is right too. Without a
    /// [`deliver_subject`](ConsumerConfig::deliver_subject) it gets one that nobody else knows.
    ///
    /// # Errors
    /// [`ConsumeError::JetStream`]: one exists with another configuration.
    ///
    /// # Cancel safety
    /// Dropped early, it may be made.
    pub async fn create_push_consumer(
        &self,
        mut config: ConsumerConfig,
    ) -> Result<PushConsumer, ConsumeError> {
        let js = self.jetstream();
        config.deliver_subject.get_or_insert_with(|| js.connection().new_inbox());
        let made = js.put_consumer(self.name(), &config, Action::Create).await;
        PushConsumer::new(js, made.map_err(ConsumeError::JetStream)?)
    }
}
