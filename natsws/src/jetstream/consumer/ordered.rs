//! Reading a stream in order, without gaps and repeats, by a consumer that is made again where one
//! would be (ADR-17, by pulling).

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use super::super::api::pause;
use super::super::context::JetStream;
use super::super::deliverable::{Deliverable, Untyped};
use super::super::delivery::{Delivery, Numbers};
use super::super::error::JetStreamError;
use super::super::name::check_name;
use super::account::{Account, Ask};
use super::config::{AckPolicy, ConsumerConfig, DeliverPolicy, ReplayPolicy};
use super::error::ConsumeError;
use super::messages::{heartbeat_of, nanoseconds, read};
use super::pull::{PullTerms, Pulled, Puller};
use super::{Action, Consumer};
use crate::runtime::{self, BoxFuture};

/// Which messages of a stream are read in order, and from where.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OrderedConfig {
    /// What the names of its consumers start with. Default: a random name.
    pub name_prefix: Option<String>,
    /// The subjects that are read; all where there are none.
    pub filter_subjects: Vec<String>,
    /// Where reading begins. Default: with the first message.
    pub deliver_policy: DeliverPolicy,
    /// Whether messages come as fast as they can or as they were published.
    pub replay_policy: ReplayPolicy,
    /// Whether payloads are left out; the header `Nats-Msg-Size` says how large they are.
    pub headers_only: bool,
    /// How long the server keeps the consumer while nobody reads it. Default: 5 min.
    pub inactive_threshold: Duration,
}

impl Default for OrderedConfig {
    fn default() -> Self {
        Self {
            name_prefix: None,
            filter_subjects: Vec::new(),
            deliver_policy: DeliverPolicy::All,
            replay_policy: ReplayPolicy::Instant,
            headers_only: false,
            inactive_threshold: Duration::from_secs(5 * 60),
        }
    }
}

/// Reading in order that is about to begin: `.await` it, or say more first.
///
/// Made by [`Stream::ordered`](super::super::Stream::ordered).
#[must_use = "nothing is read until this is awaited"]
pub struct ReadOrdered<'a, T> {
    js: &'a JetStream,
    stream: &'a str,
    config: OrderedConfig,
    value: PhantomData<fn() -> T>,
}

impl<'a, T: Deliverable> ReadOrdered<'a, T> {
    pub(crate) fn new(js: &'a JetStream, stream: &'a str) -> Self {
        Self { js, stream, config: OrderedConfig::default(), value: PhantomData }
    }

    /// All options at once.
    pub fn config(mut self, config: OrderedConfig) -> Self {
        self.config = config;
        self
    }

    /// Reads these subjects, which may have wildcards, instead of all.
    pub fn filter_subjects<S: Into<String>>(
        mut self,
        filters: impl IntoIterator<Item = S>,
    ) -> Self {
        self.config.filter_subjects = filters.into_iter().map(Into::into).collect();
        self
    }

    /// Where reading begins. Default: with the first message.
    pub fn deliver_policy(mut self, policy: DeliverPolicy) -> Self {
        self.config.deliver_policy = policy;
        self
    }

    /// Leaves payloads out; the header `Nats-Msg-Size` says how large they are.
    pub fn headers_only(mut self) -> Self {
        self.config.headers_only = true;
        self
    }

    /// What the names of its consumers start with. Default: a random name.
    pub fn name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.config.name_prefix = Some(prefix.into());
        self
    }

    async fn begin(self) -> Result<OrderedMessages<T>, ConsumeError> {
        let prefix = match &self.config.name_prefix {
            Some(prefix) => prefix.clone(),
            None => self.js.connection().new_message_id().replace('.', "_"),
        };
        check_name("consumer", &prefix).map_err(|error| ConsumeError::JetStream(error.into()))?;
        let mut messages = OrderedMessages {
            plan: Plan {
                js: self.js.clone(),
                stream: self.stream.to_owned(),
                config: self.config,
                prefix,
                serial: 0,
                last: None,
            },
            way: Way::Over,
            expected: 1,
            attempt: 0,
            value: PhantomData,
        };
        messages.way = Way::Reading(messages.plan.make().await?);
        Ok(messages)
    }
}

impl<'a, T: Deliverable> IntoFuture for ReadOrdered<'a, T> {
    type Output = Result<OrderedMessages<T>, ConsumeError>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

impl<T> fmt::Debug for ReadOrdered<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadOrdered").field("config", &self.config).finish_non_exhaustive()
    }
}

/// How long one pull waits at the server.
const EXPIRES: Duration = Duration::from_secs(30);

/// What is needed to make a consumer that goes on where the last one was.
#[derive(Clone)]
struct Plan {
    js: JetStream,
    stream: String,
    config: OrderedConfig,
    prefix: String,
    serial: u64,
    /// The number in the stream of the last message that was read.
    last: Option<u64>,
}

impl Plan {
    fn name(&self) -> String {
        format!("{}_{}", self.prefix, self.serial)
    }

    fn consumer(&self) -> ConsumerConfig {
        let config = &self.config;
        let mut consumer = ConsumerConfig::named(self.name());
        consumer.filter_subjects.clone_from(&config.filter_subjects);
        consumer.ack_policy = AckPolicy::None;
        consumer.max_deliver = Some(1);
        consumer.replicas = Some(1);
        consumer.memory_storage = true;
        consumer.inactive_threshold = Some(config.inactive_threshold);
        consumer.replay_policy = config.replay_policy.clone();
        consumer.headers_only = config.headers_only;
        consumer.deliver_policy = match self.last {
            Some(last) => DeliverPolicy::FromSequence(last + 1),
            None => config.deliver_policy.clone(),
        };
        if consumer.deliver_policy == DeliverPolicy::LastPerSubject
            && consumer.filter_subjects.is_empty()
        {
            consumer.filter_subjects.push(">".to_owned());
        }
        consumer
    }

    /// Makes the next consumer, and reads it.
    async fn make(&mut self) -> Result<Box<Puller>, ConsumeError> {
        self.serial += 1;
        let config = self.consumer();
        let made = self.js.put_consumer(&self.stream, &config, Action::Create).await;
        let info = made.map_err(ConsumeError::JetStream)?;
        let terms = PullTerms {
            expires: nanoseconds(EXPIRES),
            idle_heartbeat: nanoseconds(heartbeat_of(EXPIRES)),
            ..PullTerms::default()
        };
        let most = Ask { messages: 500, bytes: 0 };
        let account = Account::new(most, Ask { messages: 375, bytes: 0 });
        Consumer::new(&self.js, info).puller(terms, account, true).await.map(Box::new)
    }

    /// Has the server forget the consumer, without waiting for it.
    fn forget(&self) {
        let subject =
            format!("{}.CONSUMER.DELETE.{}.{}", self.js.prefix(), self.stream, self.name());
        let inbox = self.js.connection().new_inbox();
        // Where much waits to be sent, the server forgets it by itself, later.
        drop(self.js.connection().publish(&subject, "").reply(&inbox).try_send());
    }
}

enum Way {
    Reading(Box<Puller>),
    Making(BoxFuture<'static, (Plan, Result<Box<Puller>, ConsumeError>)>),
    Over,
}

/// The messages of a stream in order, without gaps and repeats, as they come, without end.
///
/// They need no answer. A lost connection, a change of leaders, missed heartbeats and a deleted
/// consumer are seen to here: reading goes on behind the last message that was read. It ends where
/// the stream is gone, with the error that says so, and with the connection.
#[must_use = "dropping it stops reading"]
pub struct OrderedMessages<T = Untyped> {
    plan: Plan,
    way: Way,
    /// The number of the next delivery.
    expected: u64,
    attempt: u32,
    value: PhantomData<fn() -> T>,
}

impl<T: Deliverable> OrderedMessages<T> {
    /// The next message; `None` when the reader is over.
    ///
    /// # Errors
    /// [`ConsumeError`]: a message does not decode, and the reader goes on; or what ends it.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Delivery<T>, ConsumeError>> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    /// How many consumers were made so far: more than one where reading had to begin anew.
    pub fn consumers_made(&self) -> u64 {
        self.plan.serial
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Delivery<T>, ConsumeError>>> {
        loop {
            let puller = match &mut self.way {
                Way::Over => return Poll::Ready(None),
                Way::Making(making) => {
                    let (plan, made) = ready!(making.as_mut().poll(cx));
                    self.plan = plan;
                    match made {
                        Ok(puller) => {
                            self.attempt = 0;
                            self.expected = 1;
                            self.way = Way::Reading(puller);
                        }
                        Err(ConsumeError::JetStream(JetStreamError::StreamNotFound { name })) => {
                            self.way = Way::Over;
                            return Poll::Ready(Some(Err(ConsumeError::StreamGone {
                                stream: name,
                            })));
                        }
                        Err(_) => self.again(),
                    }
                    continue;
                }
                Way::Reading(puller) => puller,
            };
            match ready!(puller.poll_next(cx)) {
                None => {
                    self.way = Way::Over;
                    return Poll::Ready(None);
                }
                Some(Pulled::Message(msg)) => {
                    let item = read::<T>(puller, msg);
                    let numbers = match &item {
                        Ok(delivery) => delivery.numbers(),
                        Err(ConsumeError::Decode { delivery, .. }) => delivery.numbers(),
                        Err(_) => return Poll::Ready(Some(item)),
                    };
                    if self.is_next(numbers) {
                        return Poll::Ready(Some(item));
                    }
                    self.again();
                }
                Some(Pulled::Status { code: 100 | 404 | 408, .. }) => {}
                Some(
                    Pulled::Reconnected
                    | Pulled::Silent { .. }
                    | Pulled::Status { .. }
                    | Pulled::Failed(_),
                ) => self.again(),
            }
        }
    }

    fn is_next(&mut self, numbers: Numbers) -> bool {
        if numbers.consumer_sequence != self.expected {
            return false;
        }
        self.expected += 1;
        self.plan.last = Some(numbers.stream_sequence);
        true
    }

    /// Makes a new consumer, after a pause where that did not work before.
    fn again(&mut self) {
        if matches!(self.way, Way::Reading(_)) {
            self.plan.forget();
        }
        let mut plan = self.plan.clone();
        let wait = (self.attempt > 0).then(|| pause(self.attempt));
        self.attempt = self.attempt.saturating_add(1);
        self.way = Way::Making(Box::pin(async move {
            if let Some(wait) = wait {
                runtime::sleep(wait).await;
            }
            let made = plan.make().await;
            (plan, made)
        }));
    }
}

impl<T> Drop for OrderedMessages<T> {
    fn drop(&mut self) {
        if matches!(self.way, Way::Reading(_)) {
            self.plan.forget();
        }
    }
}

impl<T: Deliverable> Stream for OrderedMessages<T> {
    type Item = Result<Delivery<T>, ConsumeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_read(cx)
    }
}

impl<T> fmt::Debug for OrderedMessages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedMessages")
            .field("stream", &self.plan.stream)
            .field("last", &self.plan.last)
            .finish_non_exhaustive()
    }
}
