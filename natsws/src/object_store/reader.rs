//! Reading the messages of one subject in order, with so many bytes on their way and no more, and
//! hearing when these were all.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream as _;

use crate::connection::Events;
use crate::event::{Event, State};
use crate::jetstream::api::pause;
use crate::jetstream::{
    AckPolicy, ConsumeError, Consumer, ConsumerConfig, ConsumerInfo, DeliverPolicy, Delivery,
    JetStreamError, Messages, Stream,
};
use crate::runtime::{self, SendFuture, Sleep};

/// How long the server keeps a consumer that nobody reads.
const KEPT: Duration = Duration::from_secs(5 * 60);
/// How often it is tried without a message in between: about half a minute long.
const MOST_ATTEMPTS: u32 = 32;

/// Which messages are read, and how many of them at a time.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) stream: Stream,
    pub(super) subject: String,
    pub(super) first: DeliverPolicy,
    pub(super) most: Most,
    /// After such a silence it is asked whether something was lost.
    pub(super) silence: Duration,
}

/// How much may be on its way or wait here.
#[derive(Debug, Clone, Copy)]
pub(super) enum Most {
    Messages(usize),
    Bytes(usize),
}

/// What is read.
#[derive(Debug)]
pub(super) enum Read {
    Message(Box<Delivery>),
    /// There was no more at this point. It is said once.
    All,
}

/// Reads messages in order, without gaps and repeats. Where one would be, because a connection or a
/// server was lost, it makes another consumer that goes on behind the last message.
pub(super) struct Reader {
    plan: Plan,
    /// What the names of its consumers start with.
    prefix: String,
    /// How many consumers there were.
    serial: u64,
    /// The number in the stream of the last message.
    last: Option<u64>,
    attempt: u32,
    all: All,
    events: Events,
    /// Ready when the connection drains or is closed: no consumer is made any more.
    over: SendFuture<'static, ()>,
    way: Way,
}

/// Whether it was said that these were all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum All {
    NotYet,
    ToBeSaid,
    Said,
}

type Made = Result<(Consumer, Messages), ConsumeError>;

enum Way {
    Making(SendFuture<'static, Made>),
    Reading(Box<Reading>),
    Over,
}

struct Reading {
    consumer: Consumer,
    messages: Messages,
    /// How many messages came.
    seen: u64,
    silence: Pin<Box<Sleep>>,
    look: Option<SendFuture<'static, Result<ConsumerInfo, JetStreamError>>>,
}

/// What a look at a consumer says.
enum Look {
    /// It delivered what did not come, or it is gone.
    Lost,
    /// There is no more.
    All,
    Well,
}

impl Reader {
    /// A reader that is ready.
    pub(super) async fn new(plan: Plan) -> Result<Self, ConsumeError> {
        let connection = plan.stream.jetstream().connection();
        let mut status = connection.status();
        let mut reader = Self {
            prefix: connection.new_message_id().replace('.', "_"),
            events: connection.events(),
            over: Box::pin(async move {
                status.wait_for(|state| state == State::Draining).await;
            }),
            plan,
            serial: 0,
            last: None,
            attempt: 0,
            all: All::NotYet,
            way: Way::Over,
        };
        let (consumer, messages) = reader.make(None).await?;
        reader.read(consumer, messages);
        Ok(reader)
    }

    /// What is read next; `None` where the connection is closed.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Read, ConsumeError>>> {
        loop {
            if self.all == All::ToBeSaid {
                self.all = All::Said;
                return Poll::Ready(Some(Ok(Read::All)));
            }
            let reading = match &mut self.way {
                Way::Over => return Poll::Ready(None),
                Way::Making(making) => {
                    if self.over.as_mut().poll(cx).is_ready() {
                        self.way = Way::Over;
                        continue;
                    }
                    match ready!(making.as_mut().poll(cx)) {
                        Ok((consumer, messages)) => self.read(consumer, messages),
                        Err(error) if is_stream_gone(&error) || self.attempt >= MOST_ATTEMPTS => {
                            return self.end(error);
                        }
                        Err(_) => self.again(),
                    }
                    continue;
                }
                Way::Reading(reading) => reading,
            };
            if let Poll::Ready(item) = Pin::new(&mut reading.messages).poll_next(cx) {
                match item {
                    None => self.way = Way::Over,
                    Some(Ok(delivery)) if reading.is_next(&delivery) => {
                        reading.silence = runtime::sleep(self.plan.silence);
                        reading.look = None;
                        self.last = Some(delivery.sequence());
                        self.attempt = 0;
                        if delivery.pending() == 0 {
                            self.were_all();
                        }
                        return Poll::Ready(Some(Ok(Read::Message(Box::new(delivery)))));
                    }
                    Some(Err(error)) if is_stream_gone(&error) => return self.end(error),
                    Some(Err(error)) if self.attempt >= MOST_ATTEMPTS => return self.end(error),
                    // The next message is larger than what was left of what was asked for.
                    Some(Err(ConsumeError::Refused { code: 409, description }))
                        if is_full(&description) =>
                    {
                        self.attempt = self.attempt.saturating_add(1);
                    }
                    Some(_) => self.again(),
                }
                continue;
            }
            match poll_reconnected(&mut self.events, cx) {
                Poll::Ready(Some(())) => self.again(),
                Poll::Ready(None) => self.way = Way::Over,
                Poll::Pending => match ready!(reading.poll_look(self.plan.silence, cx)) {
                    Look::Lost => self.again(),
                    Look::All => self.were_all(),
                    Look::Well => {}
                },
            }
        }
    }

    fn end(&mut self, error: ConsumeError) -> Poll<Option<Result<Read, ConsumeError>>> {
        self.way = Way::Over;
        Poll::Ready(Some(Err(error)))
    }

    fn were_all(&mut self) {
        if self.all == All::NotYet {
            self.all = All::ToBeSaid;
        }
    }

    fn read(&mut self, consumer: Consumer, messages: Messages) {
        if let Some(info) = consumer.cached_info() {
            // Made again before a message came, it must not miss those in between.
            if self.last.is_none() && self.plan.first == DeliverPolicy::New {
                self.last = Some(info.delivered.stream_sequence);
            }
            if info.pending == 0 {
                self.were_all();
            }
        }
        let silence = runtime::sleep(self.plan.silence);
        self.way =
            Way::Reading(Box::new(Reading { consumer, messages, seen: 0, silence, look: None }));
    }

    /// Makes another consumer, after a pause where that did not work before.
    fn again(&mut self) {
        self.forget();
        let wait = (self.attempt > 0).then(|| pause(self.attempt));
        self.attempt = self.attempt.saturating_add(1);
        self.way = Way::Making(self.make(wait));
    }

    fn make(&mut self, wait: Option<Duration>) -> SendFuture<'static, Made> {
        self.serial += 1;
        let first = match self.last {
            Some(last) => DeliverPolicy::FromSequence(last.saturating_add(1)),
            None => self.plan.first.clone(),
        };
        let config = ConsumerConfig::named(format!("{}_{}", self.prefix, self.serial))
            .filter_subject(self.plan.subject.clone())
            .deliver_policy(first)
            .ack_policy(AckPolicy::None)
            .max_deliver(1)
            .replicas(1)
            .memory_storage(true)
            .inactive_threshold(KEPT);
        let plan = self.plan.clone();
        Box::pin(async move {
            if let Some(wait) = wait {
                runtime::sleep(wait).await;
            }
            let made = plan.stream.create_consumer(config).await;
            let consumer = made.map_err(ConsumeError::JetStream)?;
            let messages = consumer.messages();
            let messages = match plan.most {
                Most::Messages(most) => messages.max_messages(most),
                Most::Bytes(most) => messages.max_bytes(most),
            };
            let messages = messages.await?;
            Ok((consumer, messages))
        })
    }

    /// Has the server forget the consumer, without waiting for it.
    fn forget(&self) {
        let Way::Reading(reading) = &self.way else { return };
        let consumer = &reading.consumer;
        self.plan.stream.jetstream().forget_consumer(consumer.stream(), consumer.name());
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Reading {
    fn is_next(&mut self, delivery: &Delivery) -> bool {
        if delivery.info().consumer_sequence != self.seen + 1 {
            return false;
        }
        self.seen += 1;
        true
    }

    /// Looks at the consumer where nothing came for some time: the last messages may be lost, and
    /// then none comes that would tell.
    fn poll_look(&mut self, silence: Duration, cx: &mut Context<'_>) -> Poll<Look> {
        let look = if let Some(look) = &mut self.look {
            look
        } else {
            ready!(self.silence.as_mut().poll(cx));
            self.silence = runtime::sleep(silence);
            let consumer = self.consumer.clone();
            self.look.insert(Box::pin(async move { consumer.info().await }))
        };
        let looked = ready!(look.as_mut().poll(cx));
        self.look = None;
        Poll::Ready(match looked {
            Ok(info) if info.delivered.consumer_sequence > self.seen => Look::Lost,
            Ok(info) if info.pending == 0 => Look::All,
            Err(error) if error.is_not_found() => Look::Lost,
            // Nobody knows: the next silence asks again.
            Ok(_) | Err(_) => Look::Well,
        })
    }
}

fn poll_reconnected(events: &mut Events, cx: &mut Context<'_>) -> Poll<Option<()>> {
    loop {
        match ready!(Pin::new(&mut *events).poll_next(cx)) {
            Some(Event::Reconnected { .. }) => return Poll::Ready(Some(())),
            Some(_) => {}
            None => return Poll::Ready(None),
        }
    }
}

fn is_stream_gone(error: &ConsumeError) -> bool {
    matches!(
        error,
        ConsumeError::StreamGone { .. }
            | ConsumeError::JetStream(JetStreamError::StreamNotFound { .. })
    )
}

/// Whether a pull ended because the next message has more bytes than it had left.
fn is_full(description: &str) -> bool {
    let description = description.to_ascii_lowercase();
    description.contains("maxbytes") || description.contains("batch completed")
}
