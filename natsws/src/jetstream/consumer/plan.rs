//! How the consumers of an ordered reader are made, one after the other (ADR-17).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::context::JetStream;
use super::super::error::JetStreamError;
use super::super::name::check_name;
use super::account::{Account, Limit};
use super::config::{AckPolicy, ConsumerConfig, DeliverPolicy};
use super::error::ConsumeError;
use super::info::ConsumerInfo;
use super::ordered::OrderedConfig;
use super::pull::{Priority, PullTerms, Puller};
use super::pushed::{PushTerms, Pushed};
use super::source::Source;
use super::{Action, Consumer};
use crate::event::State;
use crate::jetstream::ConfigError;
use crate::jetstream::config_error::at_least;

/// How long one pull waits at the server, or longer where heartbeats are rare.
const EXPIRES: Duration = Duration::from_secs(30);
/// A stream that is younger than its reader by more than this is another one.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(500);

/// What is needed to make a consumer that goes on where the last one was.
#[derive(Clone)]
pub(super) struct Plan {
    js: JetStream,
    stream: String,
    config: OrderedConfig,
    prefix: String,
    serial: u64,
    /// The number in the stream of the last message that was read.
    last: Option<u64>,
    /// When the first consumer was made, by the server's clock. A stream that was made later is
    /// another one.
    began: Option<SystemTime>,
    /// It is another stream than the one that reading began with.
    is_new_stream: bool,
    /// How many messages there were to deliver when the last consumer was made.
    pending: u64,
}

impl Plan {
    pub(super) fn new(
        js: &JetStream,
        stream: &str,
        config: OrderedConfig,
    ) -> Result<Self, ConsumeError> {
        check_name("stream", stream).map_err(|error| ConsumeError::JetStream(error.into()))?;
        let prefix = match &config.name_prefix {
            Some(prefix) => prefix.clone(),
            None => js.connection().new_message_id().replace('.', "_"),
        };
        check_name("consumer", &prefix).map_err(|error| ConsumeError::JetStream(error.into()))?;
        if config.max_messages == 0 {
            let reason = "nothing would come";
            return Err(ConfigError::Value { option: "max_messages", reason }.into());
        }
        // Zero would be no heartbeat, and a gap at the end would not be noticed.
        let heartbeat = config.heartbeat.max(Duration::from_nanos(1));
        at_least("heartbeat", Some(heartbeat), SHORTEST_HEARTBEAT)?;
        let (js, stream) = (js.clone(), stream.to_owned());
        let (serial, last, began, is_new_stream) = (0, None, None, false);
        Ok(Self { js, stream, config, prefix, serial, last, began, is_new_stream, pending: 0 })
    }

    /// The name of the consumer that was made last.
    pub(super) fn name(&self) -> String {
        format!("{}_{}", self.prefix, self.serial)
    }

    /// How many messages there were to deliver when the last consumer was made.
    pub(super) fn pending(&self) -> u64 {
        self.pending
    }

    pub(super) fn consumers_made(&self) -> u64 {
        self.serial
    }

    /// Whether a stream that is gone is waited for.
    pub(super) fn waits(&self) -> bool {
        self.config.wait_if_gone
    }

    /// Whether the connection is closed for good.
    pub(super) fn is_closed(&self) -> bool {
        self.js.connection().state() == State::Closed
    }

    pub(super) fn has_read(&mut self, stream_sequence: u64) {
        self.last = Some(stream_sequence);
    }

    /// Makes the next consumer, and reads it.
    pub(super) async fn make(&mut self) -> Result<Box<Source>, ConsumeError> {
        self.look().await.map_err(|error| self.gone(error))?;
        self.serial += 1;
        let config = self.consumer();
        // Before there is a consumer, so that nothing is pushed to nobody.
        let pushed = match &config.deliver_subject {
            Some(subject) => Some(self.listen(subject).await?),
            None => None,
        };
        let made = self.js.put_consumer(&self.stream, &config, Action::Create).await;
        let info = made.map_err(|error| self.gone(error))?;
        self.begun(&info);
        let source = match pushed {
            Some(pushed) => Source::Push(pushed),
            None => Source::Pull(self.pull().await?),
        };
        Ok(Box::new(source))
    }

    /// Looks whether the stream is still the one that reading began with, and has all that was read.
    async fn look(&mut self) -> Result<(), JetStreamError> {
        let Some(began) = self.began else { return Ok(()) };
        let info = self.js.stream_info(&self.stream).await?;
        let (last, read) = (info.state.last_sequence, self.last.unwrap_or(0));
        // Clocks differ a little from server to server.
        let certainly = began + CLOCKS_DIFFER;
        if info.created > certainly || (info.created > began && last < read) {
            if !self.waits() {
                return Err(JetStreamError::StreamNotFound { name: self.stream.clone() });
            }
            self.begin_anew();
        } else if last < read {
            // A server lost the end of it, and uses the numbers again.
            self.last = Some(last);
        }
        Ok(())
    }

    /// What was read was of another stream.
    fn begin_anew(&mut self) {
        (self.is_new_stream, self.last, self.began) = (true, None, None);
    }

    fn gone(&mut self, error: JetStreamError) -> ConsumeError {
        match error {
            JetStreamError::StreamNotFound { name } => {
                if self.began.is_some() {
                    self.begin_anew();
                }
                ConsumeError::StreamGone { stream: name }
            }
            error => ConsumeError::JetStream(error),
        }
    }

    async fn listen(&self, deliver_subject: &str) -> Result<Pushed, ConsumeError> {
        let terms = PushTerms {
            deliver_subject: deliver_subject.to_owned(),
            heartbeat: self.config.heartbeat,
            ..PushTerms::default()
        };
        Pushed::new(Arc::new(self.handle().origin()), terms).await
    }

    /// A consumer that was made is read from now on.
    fn begun(&mut self, info: &ConsumerInfo) {
        self.began.get_or_insert(info.created);
        self.pending = info.pending;
        // Made again before a message came, it must not miss those in between.
        if self.last.is_none() && self.config.deliver_policy == DeliverPolicy::New {
            self.last = Some(info.delivered.stream_sequence);
        }
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
        consumer.deliver_policy = match (self.last, &config.deliver_policy) {
            (Some(last), _) => DeliverPolicy::FromSequence(last.saturating_add(1)),
            (None, DeliverPolicy::LastPerSubject) => DeliverPolicy::LastPerSubject,
            // All of another stream is newer than what was asked for.
            (None, _) if self.is_new_stream => DeliverPolicy::All,
            (None, policy) => policy.clone(),
        };
        if consumer.deliver_policy == DeliverPolicy::LastPerSubject
            && consumer.filter_subjects.is_empty()
        {
            consumer.filter_subjects.push(">".to_owned());
        }
        if config.push {
            consumer.deliver_subject = Some(self.js.connection().new_inbox());
            consumer.flow_control = true;
            consumer.idle_heartbeat = Some(config.heartbeat);
        }
        consumer
    }

    /// The consumer as one that nothing is known of.
    fn handle(&self) -> Consumer {
        Consumer::unknown(&self.js, &self.stream, &self.name(), false)
    }

    async fn pull(&self) -> Result<Puller, ConsumeError> {
        let heartbeat = self.config.heartbeat;
        let expires = EXPIRES.max(heartbeat.saturating_mul(2));
        let terms = PullTerms::new(expires, heartbeat, Priority::default());
        let most = self.config.max_messages;
        let account = Account::new(Limit::Messages(most), most - most / 4);
        self.handle().puller(terms, Some(account)).await
    }

    /// Has the server forget the consumer, without waiting for it.
    pub(super) fn forget(&self) {
        self.js.forget_consumer(&self.stream, &self.name());
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("stream", &self.stream)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}
