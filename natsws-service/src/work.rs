//! Work: messages that a stream keeps until a handler is done with them.

mod attend;
mod dead_letter;
mod retry;
mod worker;

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use natsws::jetstream::{ConsumeError, Consumer, ConsumerConfig, JetStreamError, Messages};
use natsws::{MaybeSend, MaybeSync, ServiceError, Subject};
use serde::Serialize;
use tower_layer::Layer;
use tower_service::Service;

pub(crate) use retry::Rules;
pub(crate) use worker::Worker;

use crate::endpoint::{Endpoint, Plan};
use crate::error::{BoxError, ServeError};
use crate::event::{EventArgs, Events, Outcome};
use crate::function::Function;
use crate::handler::Handler;
use crate::incoming::Incoming;
use crate::inlet::Inlet;
use crate::response::Response;
use crate::route::Route;
use crate::router::Router;

/// Work of a [`Router`], to say more about:
/// `.consume_with(consumer, handler, |work| work.concurrency(8).dead_letter("dead.orders"))`.
#[must_use = "work is not done until it is in a router"]
pub struct Work<S, M> {
    endpoint: Endpoint<S, M>,
    rules: Rules,
}

/// How many messages are asked for at a time, where any number may be worked on.
const MOST: usize = 1000;

/// A consumer, and what is done with its messages.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) consumer: Consumer,
    pub(crate) rules: Arc<Rules>,
    pub(crate) concurrency: usize,
}

/// A consumer that is read.
pub(crate) struct Reading {
    pub(crate) messages: Messages,
    /// For this consumer as it is.
    pub(crate) rules: Arc<Rules>,
}

impl Source {
    /// Looks for what keeps it from being served.
    pub(crate) fn check(&self, name: &str) -> Result<(), ServeError> {
        let Some(subject) = &self.rules.dead_letter else { return Ok(()) };
        natsws::private::check_subject(subject).map_err(|source| {
            let (name, subject) = (name.to_owned(), subject.clone());
            ServeError::DeadLetter { name, subject, source }
        })
    }

    /// Begins to read, without asking for messages yet.
    pub(crate) async fn open(&self) -> Result<Inlet, ServeError> {
        let refused = |source| ServeError::Consume { consumer: self.name(), source };
        // As it is now: what it was when it was looked up may be long ago.
        let config = match self.consumer.info().await {
            Ok(info) => info.config,
            // Who may only read is taken at his word.
            Err(JetStreamError::PermissionDenied { .. }) => self.known_config(),
            Err(error) => return Err(refused(ConsumeError::JetStream(error))),
        };
        let unfit = |reason| ServeError::UnfitConsumer { consumer: self.name(), reason };
        let rules = Arc::new(self.rules.within(&config).map_err(unfit)?);
        let allowed = config.max_request_batch.and_then(|most| usize::try_from(most).ok());
        let most = self.concurrency.min(MOST).min(allowed.unwrap_or(MOST));
        let mut read = self.consumer.messages().max_messages(most);
        if let Some(group) = &rules.group {
            read = read.group(group);
        }
        if rules.waits {
            read = read.wait_if_gone();
        }
        let messages = read.await.map_err(refused)?;
        Ok(Inlet::Consumer(Box::new(Reading { messages, rules })))
    }

    fn known_config(&self) -> ConsumerConfig {
        self.consumer.cached_info().map(|info| info.config.clone()).unwrap_or_default()
    }

    /// `ORDERS.workers`: what tells one consumer from others.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.consumer.stream(), self.consumer.name())
    }
}

impl<S, M: Subject> Work<S, M> {
    /// What the work is called among the endpoints: letters, digits, `-` and `_`, and no other of the
    /// service has the same. Default: made of the subject, as of an endpoint.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.more(|endpoint| endpoint.name(name))
    }

    /// Says more about the work to who asks for the service's `INFO`.
    pub fn metadata(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.more(|endpoint| endpoint.metadata(key, value))
    }

    /// How many messages are worked on at a time. As many again are held ready. Default: 64; 0
    /// counts as 1.
    pub fn concurrency(self, messages: usize) -> Self {
        self.more(|endpoint| endpoint.concurrency(messages))
    }

    /// Works on one message at a time, in the order in which they are delivered. One that is tried
    /// again later comes behind others: a consumer with a `max_ack_pending` of 1 waits for it.
    pub fn ordered(self) -> Self {
        self.concurrency(1)
    }

    /// Works on messages with the same key one after the other, while those of other keys go on
    /// beside them. That holds within one replica.
    pub fn ordered_by<K: Hash>(self, key: impl Fn(&Incoming) -> K + Send + Sync + 'static) -> Self {
        self.more(|endpoint| endpoint.ordered_by(key))
    }

    /// How often a message is tried. The last failure has it terminated, with the dead letter first
    /// where there is [one](Self::dead_letter). Default: as often as the consumer's `max_deliver`
    /// says, and for ever where that says nothing.
    ///
    /// Say it here rather than by `max_deliver`, or say that higher: what the server has delivered so
    /// often it never delivers again, also where the last worker that had it crashed, and then no
    /// dead letter tells of it.
    pub fn attempts(mut self, attempts: u64) -> Self {
        self.rules.attempts = Some(attempts.max(1));
        self
    }

    /// How long it is waited before a message that failed is tried again: after its first failure,
    /// its second and so on; the last one holds for all that follow. Up to a tenth more is added by
    /// chance. Default: 1 s, 5 s, 15 s, 1 min.
    pub fn backoff(mut self, pauses: impl IntoIterator<Item = Duration>) -> Self {
        self.rules.backoff = pauses.into_iter().collect();
        self
    }

    /// Which failures are for good, so that no other attempt is made. Default: those of code 400,
    /// which a message has that does not decode.
    pub fn give_up_on(
        mut self,
        is_final: impl Fn(&ServiceError) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.rules.is_final = Arc::new(is_final);
        self
    }

    /// Keeps messages that are given up: publishes them to this subject before they are terminated,
    /// as a [`DeadLetterLayer`](crate::layers::DeadLetterLayer) does, with two headers more:
    /// `Dead-Letter-Consumer` and `Dead-Letter-Attempts`.
    ///
    /// A stream must have the subject: the message is terminated only when that stream has it. Until
    /// then it comes again, or is held here where the server would not deliver it again. Default: a message that is given up stays in its own stream, as far as
    /// that keeps it, and the server's advisory tells of it.
    pub fn dead_letter(mut self, subject: impl Into<String>) -> Self {
        self.rules.dead_letter = Some(subject.into());
        self
    }

    /// Waits until the server confirms each acknowledgement, so that what is done is not delivered
    /// again even where the connection is lost right after. Default: it is sent, and a lost
    /// connection may lose it.
    pub fn confirm_acks(mut self) -> Self {
        self.rules.confirms = true;
        self
    }

    /// Waits for a consumer that is gone to be made again under its name. Default: the work is over
    /// then, and the service's [`health`](crate::ServiceHandle::health) says so.
    pub fn wait_if_gone(mut self) -> Self {
        self.rules.waits = true;
        self
    }

    /// Works for this priority group of the consumer (ADR-42). Default: none, or the only one.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.rules.group = Some(group.into());
        self
    }

    /// Adds to the statistics what this returns, as their `data` (ADR-32).
    pub fn stats_data<T: Serialize>(self, data: impl Fn() -> T + Send + Sync + 'static) -> Self {
        self.more(|endpoint| endpoint.stats_data(data))
    }

    /// Puts a tower layer around the work, outside of those that are there.
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + MaybeSend + MaybeSync + 'static,
        L::Service: Service<Incoming, Response = Response> + MaybeSend + 'static,
        <L::Service as Service<Incoming>>::Error: Into<BoxError>,
        <L::Service as Service<Incoming>>::Future: MaybeSend + 'static,
    {
        self.more(|endpoint| endpoint.layer(layer))
    }

    fn more(self, say: impl FnOnce(Endpoint<S, M>) -> Endpoint<S, M>) -> Self {
        Self { endpoint: say(self.endpoint), rules: self.rules }
    }

    fn into_plan(self, consumer: Consumer) -> Plan<S> {
        let mut plan = self.endpoint.plan;
        let concurrency = plan.limits.concurrency;
        plan.source = Some(Source { consumer, rules: Arc::new(self.rules), concurrency });
        plan
    }
}

impl<S: MaybeSend + MaybeSync + 'static> Router<S> {
    /// Adds an async function that works through the messages of a JetStream consumer. Its last
    /// argument is the message, a struct or an enum that is a family of events, by value.
    ///
    /// - `Ok` acknowledges the message.
    /// - An error or a panic gives it back, to be tried again after a pause that grows
    ///   ([`backoff`](Work::backoff)), on any replica.
    /// - What does not decode, and what has failed [so often](Work::attempts), is terminated, with a
    ///   [dead letter](Work::dead_letter) first where that is wanted.
    /// - While the function runs the server is told that the work goes on, so that it may take
    ///   longer than the consumer's `ack_wait`.
    /// - A drain asks for no more, finishes what runs, and gives back at once what has not begun.
    ///
    /// Layers, extractors and limits are those of endpoints; [`Attempt`](crate::Attempt) says how
    /// often the message was tried. Messages are not answered: the function returns nothing, or a
    /// `Result` of nothing. Delivery is at least once: a message whose acknowledgement is lost comes
    /// again, so what must not be done twice has to know that it was done.
    ///
    /// ```no_run
    /// use natsws::Subject;
    /// use natsws::jetstream::ConsumerConfig;
    /// use natsws_service::{Router, serve};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Subject)]
    /// #[subject("orders.{region}.created")]
    /// struct OrderCreated { region: String, id: u64 }
    ///
    /// async fn charge(order: OrderCreated) -> Result<(), natsws::ServiceError> {
    ///     println!("order {} of {} is charged", order.id, order.region);
    ///     Ok(())
    /// }
    ///
    /// # async fn example(client: natsws::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let orders = client.jetstream().stream("ORDERS").await?;
    /// let workers = ConsumerConfig::durable("billing");
    /// let workers = orders.create_or_update_consumer(workers).await?;
    /// let app: Router = Router::new("billing", "1.0.0")
    ///     .consume_with(workers, charge, |work| work.attempts(5).dead_letter("dead.orders"));
    /// serve(client, app).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn consume<H, A, K>(self, consumer: Consumer, handler: H) -> Self
    where
        H: Handler<A>,
        A: EventArgs<S>,
        H::Output: Outcome<K>,
        H::Future: MaybeSend + 'static,
        K: 'static,
    {
        self.consume_with(consumer, handler, |work| work)
    }

    /// As [`consume`](Self::consume), and says more about the work.
    pub fn consume_with<H, A, K>(
        mut self,
        consumer: Consumer,
        handler: H,
        more: impl FnOnce(Work<S, A::Event>) -> Work<S, A::Event>,
    ) -> Self
    where
        H: Handler<A>,
        A: EventArgs<S>,
        H::Output: Outcome<K>,
        H::Future: MaybeSend + 'static,
        K: 'static,
    {
        let endpoint = Endpoint::event(move |state| {
            Route::boxed(Function::<Events, H, A, S, K>::new(handler, Arc::clone(state)))
        });
        let rules = Rules::default();
        self.endpoints.push(more(Work { endpoint, rules }).into_plan(consumer));
        self
    }
}

impl<S, M> fmt::Debug for Work<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("endpoint", &self.endpoint)
            .field("rules", &self.rules)
            .finish()
    }
}
