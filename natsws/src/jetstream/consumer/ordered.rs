//! Reading a stream in order, without gaps and repeats (ADR-17).

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
use super::super::delivery::{Delivery, DeliveryInfo, Numbers};
use super::config::{DeliverPolicy, ReplayPolicy};
use super::error::ConsumeError;
use super::messages::read;
use super::notice::{Board, Notice, Notices};
use super::plan::Plan;
use super::pull::Pulled;
use super::source::Source;
use super::status::Word;
use crate::connect_error::Chain;
use crate::jetstream::JetStreamError;
use crate::request::RequestError;
use crate::runtime::{self, SendFuture};
use crate::subscription::{SubscribeError, SubscriptionError};

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
    /// After which silence the server says that it is still there, 500 ms or more. Where two are
    /// missed, reading begins anew behind the last message. Default: 5 s.
    pub heartbeat: Duration,
    /// How many messages may be on their way or wait here to be read. Default: 500.
    pub max_messages: usize,
    /// Whether messages are pushed instead of pulled.
    pub push: bool,
    /// Whether a stream that is gone is waited for, instead of ending. One that is made again is
    /// read from its beginning.
    pub wait_if_gone: bool,
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
            heartbeat: Duration::from_secs(5),
            max_messages: 500,
            push: false,
            wait_if_gone: false,
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

    /// Whether messages come as fast as they can or as they were published. Default: as fast as
    /// they can.
    pub fn replay_policy(mut self, policy: ReplayPolicy) -> Self {
        self.config.replay_policy = policy;
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

    /// How long the server keeps the consumer while nobody reads it. Default: 5 min.
    pub fn inactive_threshold(mut self, time: Duration) -> Self {
        self.config.inactive_threshold = time;
        self
    }

    /// After which silence the server says that it is still there, 500 ms or more. Where two are
    /// missed, reading begins anew behind the last message. Default: 5 s.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.config.heartbeat = interval;
        self
    }

    /// How many messages may be on their way or wait here to be read. Default: 500.
    pub fn max_messages(mut self, messages: usize) -> Self {
        self.config.max_messages = messages;
        self
    }

    /// Has the messages pushed instead of pulling them: the server sends them as fast as they are
    /// read, and nothing is asked for.
    pub fn push(mut self) -> Self {
        self.config.push = true;
        self
    }

    /// Waits for a stream that is gone to be made again under its name, instead of ending. It is
    /// read from its beginning then.
    pub fn wait_if_gone(mut self) -> Self {
        self.config.wait_if_gone = true;
        self
    }

    async fn begin(self) -> Result<OrderedMessages<T>, ConsumeError> {
        let mut plan = Plan::new(self.js, self.stream, self.config)?;
        let way = Way::Reading(plan.make().await?);
        let (board, initial_pending) = (Board::default(), plan.pending());
        let state = State { plan, way, board, expected: 1, attempt: 0, initial_pending };
        Ok(OrderedMessages { state: Box::new(state), value: PhantomData })
    }
}

impl JetStream {
    /// Reads the messages of a stream in order, as
    /// [`Stream::ordered`](super::super::Stream::ordered) does, without looking the stream up
    /// before.
    ///
    /// # Errors
    /// [`ConsumeError`] where the reader cannot be made.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is read.
    pub fn ordered<'a, T: Deliverable>(&'a self, stream: &'a str) -> ReadOrdered<'a, T> {
        ReadOrdered::new(self, stream)
    }
}

impl<'a, T: Deliverable> IntoFuture for ReadOrdered<'a, T> {
    type Output = Result<OrderedMessages<T>, ConsumeError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

impl<T> fmt::Debug for ReadOrdered<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadOrdered").field("config", &self.config).finish_non_exhaustive()
    }
}

enum Way {
    Reading(Box<Source>),
    Making(SendFuture<'static, (Plan, Result<Box<Source>, ConsumeError>)>),
    Over,
}

/// The messages of a stream in order, without gaps and repeats, as they come, without end.
///
/// They need no answer. A lost connection, a change of leaders, missed heartbeats and a deleted
/// consumer are seen to here: reading goes on behind the last message that was read. It ends where
/// the stream is gone, with the error that says so, and with the connection.
#[must_use = "dropping it stops reading"]
pub struct OrderedMessages<T = Untyped> {
    state: Box<State>,
    value: PhantomData<fn() -> T>,
}

/// All but the type.
struct State {
    plan: Plan,
    way: Way,
    /// Who listens, while there is no source to tell them.
    board: Board,
    /// The number of the next delivery.
    expected: u64,
    /// How often a consumer was made since something came of one.
    attempt: u32,
    initial_pending: u64,
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
        poll_fn(|cx| self.state.poll_read(cx)).await
    }
}

impl<T> OrderedMessages<T> {
    /// How many consumers were made so far: more than one where reading had to begin anew.
    pub fn consumers_made(&self) -> u64 {
        self.state.plan.consumers_made()
    }

    /// How many messages there were to be read when reading began: with the last of them it has
    /// caught up, and where there are none it has from the start.
    pub fn initial_pending(&self) -> u64 {
        self.state.initial_pending
    }

    /// How many messages there were to deliver when the consumer was made that is read now.
    #[cfg(feature = "kv")]
    pub(crate) fn pending_when_made(&self) -> u64 {
        self.state.plan.pending()
    }

    /// The name of the consumer that is read now.
    #[cfg(feature = "kv")]
    pub(crate) fn consumer_name(&self) -> String {
        self.state.plan.name()
    }

    /// What the reader sees to by itself from now on, as that the consumer was made again. Each call
    /// makes an independent listener, and none costs nothing.
    pub fn notices(&mut self) -> Notices {
        self.state.board().listen()
    }
}

impl State {
    fn board(&mut self) -> &mut Board {
        match &mut self.way {
            Way::Reading(source) => source.board(),
            Way::Making(_) | Way::Over => &mut self.board,
        }
    }

    fn poll_read<T: Deliverable>(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Delivery<T>, ConsumeError>>> {
        loop {
            let source = match &mut self.way {
                Way::Over => return Poll::Ready(None),
                Way::Making(making) => {
                    let (plan, made) = ready!(making.as_mut().poll(cx));
                    self.plan = plan;
                    if let Some(error) = self.made(made) {
                        return Poll::Ready(Some(Err(error)));
                    }
                    continue;
                }
                Way::Reading(source) => source,
            };
            let goes_on = match ready!(source.poll_next(true, cx)) {
                None => {
                    self.end();
                    return Poll::Ready(None);
                }
                Some(Pulled::Message(msg)) => {
                    let item = read::<T>(source.origin(), msg);
                    let numbers = match &item {
                        Ok(delivery) => delivery.numbers(),
                        Err(ConsumeError::Decode { delivery, .. }) => delivery.numbers(),
                        Err(_) => return Poll::Ready(Some(item)),
                    };
                    match self.place(numbers) {
                        Place::Next => return Poll::Ready(Some(item)),
                        Place::Repeat => true,
                        Place::Gap => false,
                    }
                }
                Some(Pulled::Failed(error)) => match self.failed(error) {
                    Some(error) => return Poll::Ready(Some(Err(error))),
                    None => false,
                },
                Some(Pulled::Told(told)) => self.goes_on_after(told.word),
                Some(Pulled::Silent { after }) => {
                    source.board().tell(|| Notice::HeartbeatsMissed { after });
                    false
                }
                Some(Pulled::Reconnected) => {
                    source.board().tell(|| Notice::Reconnected);
                    false
                }
            };
            if !goes_on {
                self.again();
            }
        }
    }

    /// Where a delivery stands.
    fn place(&mut self, numbers: Numbers) -> Place {
        let number = numbers.consumer_sequence;
        if number != self.expected {
            return if number < self.expected { Place::Repeat } else { Place::Gap };
        }
        self.expected += 1;
        self.attempt = 0;
        self.plan.has_read(numbers.stream_sequence);
        Place::Next
    }

    fn goes_on_after(&mut self, word: Word) -> bool {
        match word {
            Word::Heartbeat { consumer_sequence, .. } => {
                // The last delivery came, or it never will.
                let last = self.expected - 1;
                let is_last = consumer_sequence.is_none_or(|number| number == last);
                if is_last {
                    self.attempt = 0;
                }
                is_last
            }
            Word::Over | Word::TooLarge | Word::ExceedsLimits | Word::PinLost => true,
            Word::LeaderChanged
            | Word::NoResponders
            | Word::ConsumerDeleted
            | Word::PushBased
            | Word::Refused => false,
        }
    }

    /// What the reader has to hear of an error; the consumer is made again where it has not to.
    fn failed(&mut self, error: ConsumeError) -> Option<ConsumeError> {
        let ConsumeError::Subscription(error) = error else { return None };
        let raw = match &error {
            SubscriptionError::SubjectNotUtf8 { raw }
            | SubscriptionError::MalformedHeaders { raw, .. } => raw,
            SubscriptionError::Denied(_) => {
                self.end();
                return Some(ConsumeError::Subscription(error));
            }
            _ => return None,
        };
        // Made again, the consumer would only deliver it again.
        let reply = raw.reply().and_then(|reply| std::str::from_utf8(reply).ok());
        let numbers = reply.and_then(DeliveryInfo::parse).map(|info| info.numbers());
        let is_next = matches!(self.place(numbers?), Place::Next);
        is_next.then_some(ConsumeError::Subscription(error))
    }

    /// A consumer was made, or was not. Returns the error that is the end.
    fn made(&mut self, made: Result<Box<Source>, ConsumeError>) -> Option<ConsumeError> {
        let reason = match made {
            Ok(mut source) => {
                self.expected = 1;
                *source.board() = std::mem::take(&mut self.board);
                let consumer = self.plan.name();
                source.board().tell(|| Notice::Recreated { consumer });
                self.way = Way::Reading(source);
                return None;
            }
            Err(error @ ConsumeError::StreamGone { .. }) if !self.plan.waits() => {
                self.end();
                return Some(error);
            }
            Err(ConsumeError::StreamGone { .. }) => Notice::StreamMissing,
            // The connection is over, and so is the reader.
            Err(error) if self.plan.is_closed() || has_no_connection(&error) => {
                self.end();
                return None;
            }
            Err(error) => Notice::NotRecreated { reason: Chain(&error).to_string() },
        };
        self.board.tell(|| reason);
        self.again();
        None
    }

    /// Makes a new consumer, after a pause where that did not help before.
    fn again(&mut self) {
        if let Way::Reading(source) = &mut self.way {
            self.board = std::mem::take(source.board());
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

    fn end(&mut self) {
        if matches!(self.way, Way::Reading(_)) {
            self.plan.forget();
        }
        self.way = Way::Over;
    }
}

enum Place {
    Next,
    Repeat,
    Gap,
}

fn has_no_connection(error: &ConsumeError) -> bool {
    match error {
        ConsumeError::JetStream(JetStreamError::Request(error)) => {
            matches!(error, RequestError::Closed | RequestError::Draining)
        }
        ConsumeError::Subscribe(error) => {
            matches!(error, SubscribeError::Closed | SubscribeError::Draining)
        }
        _ => false,
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.end();
    }
}

impl<T: Deliverable> Stream for OrderedMessages<T> {
    type Item = Result<Delivery<T>, ConsumeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.state.poll_read(cx)
    }
}

impl<T> fmt::Debug for OrderedMessages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedMessages").field("plan", &self.state.plan).finish_non_exhaustive()
    }
}
