//! Messages that a consumer pushes: a subscription, the heartbeats in between, and the answers to the
//! server's flow control (ADR-15).

use std::fmt::{self, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use super::super::ack::Origin;
use super::super::delivery::DeliveryInfo;
use super::error::ConsumeError;
use super::heartbeat::{Beat, Heartbeat};
use super::notice::{Board, Notice};
use super::pull::Pulled;
use super::status::{Told, Word};
use super::stop::MessagesStopper;
use crate::connection::{Connection, Events};
use crate::event::{Event, State};
use crate::header::Headers;
use crate::msg::Msg;
use crate::subscription::Subscription;

/// Where messages are pushed to, and what is agreed on with the server.
#[derive(Debug, Clone, Default)]
pub(super) struct PushTerms {
    pub(super) deliver_subject: String,
    pub(super) deliver_group: Option<String>,
    /// Zero where there are none.
    pub(super) heartbeat: Duration,
    /// The answers to flow control acknowledge all that was read.
    pub(super) acks_by_flow: bool,
}

/// A subscription to where messages are pushed to.
pub(super) struct Pushed {
    pub(super) origin: Arc<Origin>,
    terms: PushTerms,
    subscription: Subscription,
    heartbeat: Option<Heartbeat>,
    events: Events,
    /// The last message that was read, where the server asks for it.
    last: Option<(u64, u64)>,
    pub(super) board: Board,
}

impl Pushed {
    pub(super) async fn new(origin: Arc<Origin>, terms: PushTerms) -> Result<Self, ConsumeError> {
        let connection = &origin.connection;
        let mut subscribe = connection.subscribe(terms.deliver_subject.clone());
        if let Some(group) = &terms.deliver_group {
            subscribe = subscribe.queue(group.clone());
        }
        let events = connection.events();
        let is_up = matches!(connection.state(), State::Connected | State::Draining);
        let subscription = subscribe.await.map_err(ConsumeError::Subscribe)?;
        let every = terms.heartbeat;
        let mut heartbeat = (!every.is_zero()).then(|| Heartbeat::new(every));
        if let (Some(heartbeat), false) = (&mut heartbeat, is_up) {
            heartbeat.pause();
        }
        let board = Board::default();
        Ok(Self { origin, terms, subscription, heartbeat, events, last: None, board })
    }

    pub(super) fn stopper(&self) -> MessagesStopper {
        MessagesStopper::new(&Arc::default(), self.subscription.stopper())
    }

    /// What comes next; `None` when the subscription is over.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Pulled>> {
        while let Poll::Ready(item) = Pin::new(&mut self.subscription).poll_next(cx) {
            let Some(item) = item else { return Poll::Ready(None) };
            if let Some(heartbeat) = &mut self.heartbeat {
                heartbeat.heard();
            }
            let msg = match item {
                Ok(msg) => msg,
                Err(error) => {
                    let error = ConsumeError::Subscription(error);
                    return Poll::Ready(Some(Pulled::Failed(error)));
                }
            };
            if msg.subject() != self.terms.deliver_subject || msg.status().is_none() {
                if self.terms.acks_by_flow {
                    let info = msg.reply().and_then(DeliveryInfo::parse);
                    self.last = info.map(|info| (info.consumer_sequence, info.stream_sequence));
                }
                return Poll::Ready(Some(Pulled::Message(msg)));
            }
            if let Some(told) = self.told(&msg) {
                return Poll::Ready(Some(Pulled::Told(told)));
            }
        }
        if let Poll::Ready(pulled) = self.poll_events(cx) {
            return Poll::Ready(pulled);
        }
        let Some(heartbeat) = &mut self.heartbeat else { return Poll::Pending };
        while let Poll::Ready(beat) = heartbeat.poll_beat(cx) {
            if let Beat::Silent(after) = beat {
                return Poll::Ready(Some(Pulled::Silent { after }));
            }
        }
        Poll::Pending
    }

    /// What the server says; `None` where it is answered here.
    fn told(&mut self, msg: &Msg) -> Option<Told> {
        let told = Told::read(msg);
        let Word::Heartbeat { consumer_sequence, stream_sequence } = told.word else {
            return Some(told);
        };
        // All that came before was read: it is asked in the order of the messages.
        if let Some(ask) = msg.reply() {
            self.answer(ask);
            self.board.tell(|| Notice::FlowControl);
            return None;
        }
        // It asked before, and was not heard.
        if let Some(ask) = msg.headers().get("Nats-Consumer-Stalled") {
            self.answer(ask);
            self.board.tell(|| Notice::FlowControl);
        }
        if let (Some(consumer_sequence), Some(stream_sequence)) =
            (consumer_sequence, stream_sequence)
        {
            self.board.tell(|| Notice::Heartbeat { consumer_sequence, stream_sequence });
        }
        Some(told)
    }

    fn answer(&self, ask: &str) {
        answer(&self.origin.connection, ask, self.last);
    }

    /// Whether the connection changed. `Ready(None)` is its end.
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Pulled>> {
        loop {
            match ready!(Pin::new(&mut self.events).poll_next(cx)) {
                Some(Event::Disconnected { .. }) => {
                    if let Some(heartbeat) = &mut self.heartbeat {
                        heartbeat.pause();
                    }
                }
                Some(Event::Connected { .. } | Event::Reconnected { .. } | Event::Moved { .. }) => {
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
}

/// Tells the server that all is read. Where much waits to be sent it is not sent: the server asks
/// again with its next heartbeat.
fn answer(connection: &Connection, ask: &str, last: Option<(u64, u64)>) {
    let mut headers = Headers::new();
    if let Some((consumer, stream)) = last {
        let mut number = String::new();
        for (name, last) in [("Nats-Last-Consumer", consumer), ("Nats-Last-Stream", stream)] {
            number.clear();
            let _: fmt::Result = write!(number, "{last}");
            // Names and numbers are valid.
            drop(headers.append(name, &number));
        }
    }
    drop(connection.publish(ask, "").headers(&headers).try_send());
}
