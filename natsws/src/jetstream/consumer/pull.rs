//! Pulling: one subscription to an inbox, the pulls that fill it, and the heartbeats in between.

use std::fmt::{self, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use serde::Serialize;

use super::super::ack::Origin;
use super::super::context::JetStream;
use super::account::{Account, Ask};
use super::error::ConsumeError;
use super::heartbeat::{Beat, Heartbeat};
use super::notice::{Board, Notice};
use super::status::{Told, Word};
use super::stop::MessagesStopper;
use crate::connection::Events;
use crate::driver::{Body, Ticket};
use crate::event::{Event, State};
use crate::header::Headers;
use crate::msg::Msg;
use crate::protocol::encode::{PublishHead, Reply};
use crate::publish::PublishError;
use crate::subscription::{Subscription, SubscriptionError};

/// The header by which the server names the client that gets the messages of a group (ADR-42).
const PIN: &str = "Nats-Pin-Id";

/// What every pull of a reader says besides how much it asks for.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct PullTerms {
    /// In nanoseconds; 0 for a pull that does not wait.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) expires: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) idle_heartbeat: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) no_wait: bool,
    #[serde(flatten)]
    pub(super) priority: Priority,
    /// What the server calls this client, where it is the one that gets the messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

/// Which of the clients of a group this is (ADR-42).
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Priority {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_pending: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_ack_pending: Option<u64>,
    #[serde(rename = "priority", skip_serializing_if = "Option::is_none")]
    pub(super) rank: Option<u8>,
}

impl PullTerms {
    pub(super) fn new(expires: Duration, heartbeat: Duration, priority: Priority) -> Self {
        Self {
            expires: nanoseconds(expires),
            idle_heartbeat: nanoseconds(heartbeat),
            no_wait: expires.is_zero(),
            priority,
            id: None,
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    // The server's numbers have a sign.
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).min(i64::MAX.unsigned_abs())
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Serialize)]
struct Pull<'a> {
    batch: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_bytes: Option<usize>,
    #[serde(flatten)]
    terms: &'a PullTerms,
}

/// What pulling brings.
pub(super) enum Pulled {
    Message(Msg),
    /// The server says something of a pull, which the account has taken note of.
    Told(Told),
    /// For two heartbeats nothing was heard.
    Silent {
        after: Duration,
    },
    /// The connection was made again; what had been asked for will not come.
    Reconnected,
    Failed(ConsumeError),
}

/// A subscription that pulls.
pub(super) struct Puller {
    js: JetStream,
    pub(super) origin: Arc<Origin>,
    /// Where pulls go.
    subject: String,
    /// Where their answers go; behind these bytes stands the number of a pull.
    inbox: String,
    inbox_len: usize,
    /// A pull, as it is sent.
    body: Vec<u8>,
    /// Of a pull that waits for room.
    ticket: Ticket,
    subscription: Subscription,
    terms: PullTerms,
    /// Of a reader that asks for more as messages are read.
    account: Option<Account>,
    heartbeat: Option<Heartbeat>,
    events: Events,
    /// Whether there is a connection, as far as the events have said.
    is_up: bool,
    /// Nothing more is asked for.
    stopped: Arc<AtomicBool>,
    pub(super) board: Board,
}

impl Drop for Puller {
    fn drop(&mut self) {
        self.js.connection().shared().outbox.leave(&mut self.ticket);
    }
}

impl Puller {
    pub(super) async fn new(
        js: &JetStream,
        origin: Arc<Origin>,
        terms: PullTerms,
        account: Option<Account>,
    ) -> Result<Self, ConsumeError> {
        let connection = js.connection();
        let inbox = format!("{}.", connection.new_inbox());
        // What comes is what was asked for, so the limits are for others.
        let subscribe = connection
            .subscribe(format!("{inbox}*"))
            .pending_messages(usize::MAX)
            .pending_bytes(usize::MAX)
            .unconfirmed();
        let events = connection.events();
        let is_up = matches!(connection.state(), State::Connected | State::Draining);
        let subscription = subscribe.await.map_err(ConsumeError::Subscribe)?;
        let subject =
            format!("{}.CONSUMER.MSG.NEXT.{}.{}", js.prefix(), origin.stream, origin.consumer);
        let every = Duration::from_nanos(terms.idle_heartbeat);
        let heartbeat = (!every.is_zero()).then(|| Heartbeat::new(every));
        Ok(Self {
            js: js.clone(),
            origin,
            subject,
            inbox_len: inbox.len(),
            inbox,
            body: Vec::new(),
            ticket: Ticket::default(),
            subscription,
            terms,
            account,
            heartbeat,
            events,
            is_up,
            stopped: Arc::default(),
            board: Board::default(),
        })
    }

    /// Whether there is a connection, as far as is known here.
    pub(super) fn is_up(&self) -> bool {
        self.is_up
    }

    pub(super) fn stopper(&self) -> MessagesStopper {
        MessagesStopper::new(&self.stopped, self.subscription.stopper())
    }

    /// Asks for so much.
    pub(super) fn poll_ask(
        &mut self,
        number: u64,
        ask: Ask,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), PublishError>> {
        let pull = Pull { batch: ask.messages, max_bytes: ask.bytes, terms: &self.terms };
        self.body.clear();
        // Numbers and text always have an encoding.
        drop(serde_json::to_writer(&mut self.body, &pull));
        self.inbox.truncate(self.inbox_len);
        let _: fmt::Result = write!(self.inbox, "{number}");
        let head = PublishHead {
            subject: &self.subject,
            reply: Some(Reply::Subject(&self.inbox)),
            headers: &Headers::new(),
            typed: None,
        };
        let shared = self.js.connection().shared();
        let body = Body::Borrowed(&self.body);
        let asked = shared.poll_publish(&head, body, &mut self.ticket, Some(cx.waker()));
        asked.map_err(Into::into)
    }

    /// Asks for more, where the account says so.
    fn ask(&mut self, cx: &mut Context<'_>) -> Result<(), PublishError> {
        let Some(account) = &self.account else { return Ok(()) };
        let Some(ask) = account.wants() else { return Ok(()) };
        let number = account.number();
        if !self.is_up || self.stopped.load(Ordering::Relaxed) {
            return Ok(());
        }
        // Where it has to wait for room, what has come can be read meanwhile.
        if let Poll::Ready(asked) = self.poll_ask(number, ask, cx) {
            asked?;
            if let Some(account) = &mut self.account {
                account.asked(ask);
            }
        }
        Ok(())
    }

    /// Heartbeats are expected from now on.
    pub(super) fn listen_anew(&mut self) {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.heard();
        }
    }

    /// Has the server keep what nobody reads here any more: a pull may outlive its connection.
    pub(super) fn leave(&mut self) {
        self.subscription.unsubscribe();
    }

    /// Nothing of what was asked for will come: all of it is asked for anew.
    pub(super) fn reset(&mut self) {
        if let Some(account) = &mut self.account {
            account.reset();
        }
    }

    /// What comes next; `None` when the subscription is over. More is asked for only where
    /// `asks` says so.
    pub(super) fn poll_next(&mut self, asks: bool, cx: &mut Context<'_>) -> Poll<Option<Pulled>> {
        if asks && self.account.as_ref().is_some_and(|account| account.wants().is_some()) {
            // What is asked for on one connection does not come on the next.
            if let Poll::Ready(pulled) = self.poll_events(cx) {
                return Poll::Ready(pulled);
            }
            match self.ask(cx) {
                Ok(()) => {}
                Err(PublishError::Draining | PublishError::Closed) => {
                    self.stopped.store(true, Ordering::Relaxed);
                }
                Err(error) => return Poll::Ready(Some(Pulled::Failed(ConsumeError::Pull(error)))),
            }
        }
        while let Poll::Ready(item) = Pin::new(&mut self.subscription).poll_next(cx) {
            let pulled = match item {
                None => return Poll::Ready(None),
                Some(Ok(msg)) if self.is_told(&msg) => match self.told(&msg) {
                    Some(told) => Pulled::Told(told),
                    None => continue,
                },
                Some(Ok(msg)) => {
                    self.received(&msg);
                    Pulled::Message(msg)
                }
                Some(Err(error)) => {
                    self.unreadable(&error);
                    Pulled::Failed(ConsumeError::Subscription(error))
                }
            };
            return Poll::Ready(Some(pulled));
        }
        if let Poll::Ready(pulled) = self.poll_events(cx) {
            return Poll::Ready(pulled);
        }
        self.poll_heartbeat(cx)
    }

    #[inline]
    fn received(&mut self, msg: &Msg) {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.heard();
        }
        let mut size = msg.size();
        if self.terms.priority.group.is_some() {
            size = size.saturating_sub(self.pin(msg));
        }
        if let Some(account) = &mut self.account {
            account.received(size);
        }
    }

    /// A message that cannot be read was asked for as well.
    #[cold]
    fn unreadable(&mut self, error: &SubscriptionError) {
        let (SubscriptionError::SubjectNotUtf8 { raw }
        | SubscriptionError::MalformedHeaders { raw, .. }) = error
        else {
            return;
        };
        if let Some(account) = &mut self.account {
            let reply = raw.reply().map_or(0, <[u8]>::len);
            account.received(raw.subject().len() + reply + raw.0.size());
        }
    }

    /// Takes note of what the server calls this client. Returns the bytes that saying so takes: the
    /// server does not count them.
    fn pin(&mut self, msg: &Msg) -> usize {
        let Some(id) = msg.headers().get(PIN) else { return 0 };
        if self.terms.id.as_deref() != Some(id) {
            self.terms.id = Some(id.to_owned());
            self.board.tell(|| Notice::Pinned { id: id.to_owned() });
        }
        let line = PIN.len() + ": \r\n".len() + id.len();
        if msg.headers().len() == 1 { line + "NATS/1.0\r\n\r\n".len() } else { line }
    }

    /// Whether a message is the server's word on a pull. Deliveries ask for an answer.
    #[inline]
    fn is_told(&self, msg: &Msg) -> bool {
        msg.delivery().reply().is_none() && self.number(msg.subject()).is_some()
    }

    /// The number of the pull whose answers go to this subject.
    fn number(&self, subject: &str) -> Option<u64> {
        let inbox = self.inbox.get(..self.inbox_len)?;
        subject.strip_prefix(inbox)?.parse().ok()
    }

    /// Takes note of what the server says of a pull; `None` where that does not count any more.
    fn told(&mut self, msg: &Msg) -> Option<Told> {
        let pull = self.number(msg.subject())?;
        if self.account.as_ref().is_some_and(|account| !account.counts(pull)) {
            return None;
        }
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.heard();
        }
        let told = Told::read(msg);
        let Some(account) = &mut self.account else { return Some(told) };
        match told.word {
            Word::Heartbeat { .. } | Word::ConsumerDeleted | Word::PushBased => {}
            Word::LeaderChanged => account.reset(),
            Word::ExceedsLimits | Word::Refused => account.hold(pull, told.rest),
            // Asked for again at once, the answer would be the same.
            Word::TooLarge if account.is_all(told.rest) => account.hold(pull, told.rest),
            Word::PinLost => {
                account.over(pull, told.rest);
                if self.terms.id.take().is_some() {
                    self.board.tell(|| Notice::Unpinned);
                }
            }
            Word::Over | Word::TooLarge | Word::NoResponders => account.over(pull, told.rest),
        }
        self.tell(&told);
        Some(told)
    }

    fn tell(&mut self, told: &Told) {
        let description = || told.description.clone();
        match (told.word, told.rest) {
            (Word::Heartbeat { consumer_sequence, stream_sequence }, _) => {
                if let (Some(consumer_sequence), Some(stream_sequence)) =
                    (consumer_sequence, stream_sequence)
                {
                    self.board.tell(|| Notice::Heartbeat { consumer_sequence, stream_sequence });
                }
            }
            (Word::LeaderChanged, _) => self.board.tell(|| Notice::LeaderChanged),
            (Word::NoResponders, _) => self.board.tell(|| Notice::NoResponders),
            (Word::ExceedsLimits, _) => {
                self.board.tell(|| Notice::LimitsExceeded { description: description() });
            }
            (Word::TooLarge, Some(_)) => {
                self.board.tell(|| Notice::LimitsExceeded { description: description() });
            }
            (Word::Over, Some(rest)) if rest.messages > 0 || rest.bytes > 0 => {
                self.board
                    .tell(|| Notice::Discarded { messages: rest.messages, bytes: rest.bytes });
            }
            _ => {}
        }
    }

    /// Whether the connection changed. `Ready(None)` is its end.
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Pulled>> {
        loop {
            match ready!(Pin::new(&mut self.events).poll_next(cx)) {
                Some(Event::Disconnected { .. }) => {
                    self.is_up = false;
                    if let Some(heartbeat) = &mut self.heartbeat {
                        heartbeat.pause();
                    }
                }
                Some(Event::Connected { .. } | Event::Reconnected { .. } | Event::Moved { .. }) => {
                    self.is_up = true;
                    if let Some(heartbeat) = &mut self.heartbeat {
                        heartbeat.resume();
                    }
                    return Poll::Ready(Some(Pulled::Reconnected));
                }
                Some(_) => {}
                None => return Poll::Ready(None),
            }
        }
    }

    fn poll_heartbeat(&mut self, cx: &mut Context<'_>) -> Poll<Option<Pulled>> {
        let Some(heartbeat) = &mut self.heartbeat else { return Poll::Pending };
        while let Poll::Ready(beat) = heartbeat.poll_beat(cx) {
            if let Beat::Silent(after) = beat {
                return Poll::Ready(Some(Pulled::Silent { after }));
            }
            // What was refused a while ago may be taken now.
            if self.account.as_mut().is_some_and(Account::release) {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}
