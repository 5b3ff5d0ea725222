//! The changes of a bucket as they come, and the mark where those end that were there before.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use super::entry::Record;
use super::error::KeyValueError;
use super::key::KeyError;
use super::place::Place;
use crate::jetstream::{
    ConsumeError, ConsumerInfo, DeliverPolicy, Delivery, JetStreamError, OrderedMessages,
    ReadOrdered, Untyped,
};
use crate::runtime::{self, SendFuture, Sleep};
use crate::subscription::SubscriptionError;

/// How long nothing may come, while more is expected, until the server is asked whether it will.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// The last change of each key.
    Last,
    /// All changes that are kept.
    History,
    /// The first change that is yet to come.
    Now,
    /// The change of this number.
    Revision(u64),
}

/// Which changes are read.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// The subjects; all of the bucket where there are none.
    subjects: Vec<String>,
    /// The first filter that cannot be used.
    fault: Option<KeyError>,
    pub(super) from: Start,
    pub(super) headers_only: bool,
}

impl Choice {
    pub(super) fn new(from: Start) -> Self {
        Self { subjects: Vec::new(), fault: None, from, headers_only: false }
    }

    /// Reads these keys too.
    pub(super) fn add(&mut self, place: &Place, filter: &str) {
        match place.filter_subject(filter) {
            Ok(subject) => self.subjects.push(subject),
            Err(error) => {
                self.fault.get_or_insert(error);
            }
        }
    }
}

/// What comes of a bucket.
pub(super) enum Arrival {
    Change(Delivery<Untyped>),
    /// All that was there before has come.
    CaughtUp,
}

/// The changes of a bucket, in order.
pub(super) struct Changes {
    pub(super) place: Place,
    messages: OrderedMessages<Untyped>,
    /// How many consumers were made when this was last looked at.
    made: u64,
    /// How many messages that consumer has brought.
    brought: u64,
    /// How many it has still to bring of those that were there when it was made.
    left: u64,
    mark: Mark,
    asking: Option<Asking>,
}

/// Whether it was said that all has come that was there before.
#[derive(PartialEq, Eq)]
enum Mark {
    Open,
    Due,
    Said,
}

/// Asking the server whether more will come.
enum Asking {
    Later(Pin<Box<Sleep>>),
    Asked(SendFuture<'static, Result<ConsumerInfo, JetStreamError>>),
}

impl Changes {
    pub(super) async fn begin(place: &Place, choice: Choice) -> Result<Self, KeyValueError> {
        if let Some(fault) = choice.fault {
            return Err(fault.into());
        }
        let mut subjects = choice.subjects;
        if subjects.is_empty() {
            subjects.push(format!("{}>", place.reads));
        }
        let policy = match choice.from {
            Start::Last => DeliverPolicy::LastPerSubject,
            Start::History => DeliverPolicy::All,
            Start::Revision(revision) => DeliverPolicy::FromSequence(revision.max(1)),
            // By its number, so that nothing is missed where the first consumer is lost before it
            // has brought anything.
            Start::Now => {
                let info = place.js.stream_info(&place.stream).await;
                let info = info.map_err(|error| KeyValueError::of_bucket(error, &place.bucket))?;
                DeliverPolicy::FromSequence(info.state.last_sequence.saturating_add(1))
            }
        };
        let id = place.js.connection().new_message_id().replace('.', "_");
        let mut read = ReadOrdered::<Untyped>::new(&place.js, &place.stream)
            .filter_subjects(subjects)
            .deliver_policy(policy)
            .name_prefix(format!("KV_WATCHER_{id}"));
        if choice.headers_only {
            read = read.headers_only();
        }
        let messages =
            read.await.map_err(|error| KeyValueError::of_reader(error, &place.bucket))?;
        let mut changes = Self {
            place: place.clone(),
            messages,
            made: 0,
            brought: 0,
            left: 0,
            mark: if choice.from == Start::Now { Mark::Due } else { Mark::Open },
            asking: None,
        };
        changes.look();
        Ok(changes)
    }

    /// Sees whether there is another consumer, and how much that one has to bring.
    fn look(&mut self) {
        let made = self.messages.consumers_made();
        if made != self.made {
            (self.made, self.brought, self.left) = (made, 0, self.messages.pending_when_made());
            self.asking = None;
            if self.left == 0 {
                self.all_came();
            }
        }
    }

    /// Counts a message that was delivered.
    fn came(&mut self, is_last: bool) {
        self.look();
        self.brought += 1;
        self.left = self.left.saturating_sub(1);
        self.asking = None;
        if self.left == 0 || is_last {
            self.all_came();
        }
    }

    fn all_came(&mut self) {
        self.asking = None;
        if self.mark == Mark::Open {
            self.mark = Mark::Due;
        }
    }

    /// How often a consumer was made in place of another.
    pub(super) fn interruptions(&self) -> u64 {
        self.messages.consumers_made().saturating_sub(1)
    }

    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Arrival, KeyValueError>>> {
        loop {
            if self.mark == Mark::Due {
                self.mark = Mark::Said;
                return Poll::Ready(Some(Ok(Arrival::CaughtUp)));
            }
            let polled = Pin::new(&mut self.messages).poll_next(cx);
            match polled {
                Poll::Ready(Some(Ok(delivery))) => {
                    self.came(delivery.pending() == 0);
                    return Poll::Ready(Some(Ok(Arrival::Change(delivery))));
                }
                Poll::Ready(Some(Err(error))) => {
                    if is_unreadable(&error) {
                        self.came(false);
                    }
                    let error = KeyValueError::of_reader(error, &self.place.bucket);
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {}
            }
            self.look();
            if self.mark == Mark::Open {
                ready!(self.poll_asking(cx));
            } else if self.mark == Mark::Said {
                return Poll::Pending;
            }
        }
    }

    /// What was there can be gone before it was brought: its time was over, or it was purged. Then
    /// no message tells that there is nothing more to come.
    fn poll_asking(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let asking = self.asking.get_or_insert_with(|| Asking::Later(runtime::sleep(PATIENCE)));
            match asking {
                Asking::Later(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    let (js, stream) = (self.place.js.clone(), self.place.stream.clone());
                    let name = self.messages.consumer_name();
                    self.asking = Some(Asking::Asked(Box::pin(async move {
                        js.consumer_info(&stream, &name).await
                    })));
                }
                Asking::Asked(asked) => {
                    let info = ready!(asked.as_mut().poll(cx));
                    self.asking = None;
                    let brought = self.brought;
                    let is_all = |info: ConsumerInfo| {
                        info.pending == 0 && info.delivered.consumer_sequence <= brought
                    };
                    if info.is_ok_and(is_all) {
                        self.all_came();
                        return Poll::Ready(());
                    }
                }
            }
        }
    }

    /// What a delivery says, but for the value.
    pub(super) fn record<'m>(
        &self,
        delivery: &'m Delivery<Untyped>,
    ) -> Result<Record<'m>, KeyValueError> {
        let key = self.place.key_of(delivery.subject())?;
        let info = delivery.info();
        Ok(Record {
            key,
            revision: info.stream_sequence,
            created: info.time,
            delta: info.pending,
            headers: delivery.headers(),
            payload: delivery.payload(),
        })
    }
}

/// Whether a message was delivered that cannot be read: it was one of those that were to come.
fn is_unreadable(error: &ConsumeError) -> bool {
    matches!(
        error,
        ConsumeError::Subscription(
            SubscriptionError::MalformedHeaders { .. } | SubscriptionError::SubjectNotUtf8 { .. }
        )
    )
}
