//! Pulling: one subscription to an inbox, the pulls that fill it, and the heartbeats in between.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use serde::Serialize;

use super::super::ack::Origin;
use super::super::context::JetStream;
use super::account::{Account, Ask};
use super::error::ConsumeError;
use super::heartbeat::Heartbeat;
use crate::connection::Events;
use crate::driver::Body;
use crate::event::Event;
use crate::header::Headers;
use crate::msg::Msg;
use crate::protocol::encode::{PublishHead, Reply};
use crate::subscription::Subscription;

/// What every pull of a reader says besides how much it asks for.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct PullTerms {
    /// In nanoseconds; 0 for a pull that does not wait.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) expires: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) idle_heartbeat: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_wait: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_pending: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_ack_pending: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
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
pub(crate) enum Pulled {
    Message(Msg),
    /// The server says something: a status and its text.
    Status {
        code: u16,
        description: String,
    },
    /// For two heartbeats nothing was heard.
    Silent {
        after: Duration,
    },
    /// The connection was made again; what had been asked for will not come.
    Reconnected,
    Failed(ConsumeError),
}

/// A subscription that pulls.
pub(crate) struct Puller {
    js: JetStream,
    pub(crate) origin: Arc<Origin>,
    /// Where pulls go.
    subject: String,
    inbox: String,
    subscription: Subscription,
    pub(crate) terms: PullTerms,
    pub(crate) account: Account,
    heartbeat: Option<Heartbeat>,
    events: Events,
    /// Whether more is asked for as messages are read.
    pub(crate) continuous: bool,
}

impl Puller {
    pub(crate) async fn new(
        js: &JetStream,
        origin: Arc<Origin>,
        terms: PullTerms,
        account: Account,
        continuous: bool,
    ) -> Result<Self, ConsumeError> {
        let connection = js.connection();
        let inbox = connection.new_inbox();
        // What comes is what was asked for, so the limits are for others.
        let subscribe = connection
            .subscribe(inbox.clone())
            .pending_messages(usize::MAX)
            .pending_bytes(usize::MAX)
            .unconfirmed();
        let events = connection.events();
        let subscription = subscribe.await.map_err(ConsumeError::Subscribe)?;
        let subject =
            format!("{}.CONSUMER.MSG.NEXT.{}.{}", js.prefix(), origin.stream, origin.consumer);
        let every = Duration::from_nanos(terms.idle_heartbeat);
        let heartbeat = (!every.is_zero()).then(|| Heartbeat::new(every));
        Ok(Self {
            js: js.clone(),
            origin,
            subject,
            inbox,
            subscription,
            terms,
            account,
            heartbeat,
            events,
            continuous,
        })
    }

    /// Asks for no more, and ends when everything is here that the server has sent.
    pub(crate) fn drain(&mut self) {
        use futures_util::FutureExt;
        self.continuous = false;
        // Begun, it goes on by itself.
        let _ = self.subscription.drain().now_or_never();
    }

    /// Asks for so much.
    pub(crate) fn poll_ask(
        &mut self,
        ask: Ask,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConsumeError>> {
        let max_bytes = (ask.bytes > 0).then_some(ask.bytes);
        let pull = Pull { batch: ask.messages, max_bytes, terms: &self.terms };
        // Numbers and text always have an encoding.
        let body = serde_json::to_vec(&pull).unwrap_or_default();
        let head = PublishHead {
            subject: &self.subject,
            reply: Some(Reply::Subject(&self.inbox)),
            headers: &Headers::new(),
            typed: None,
        };
        let shared = self.js.connection().shared();
        let asked = ready!(shared.poll_publish(&head, Body::Borrowed(&body), Some(cx.waker())));
        Poll::Ready(match asked {
            Ok(()) => {
                self.account.asked(ask);
                Ok(())
            }
            Err(refused) => Err(ConsumeError::Pull(refused.into())),
        })
    }

    /// What comes next; `None` when the subscription is over.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Pulled>> {
        if self.continuous {
            if let Some(ask) = self.account.wants() {
                // Where it has to wait for room, what has come can be read meanwhile.
                if let Poll::Ready(Err(error)) = self.poll_ask(ask, cx) {
                    return Poll::Ready(Some(Pulled::Failed(error)));
                }
            }
        }
        if let Poll::Ready(item) = Pin::new(&mut self.subscription).poll_next(cx) {
            let Some(item) = item else { return Poll::Ready(None) };
            if let Some(heartbeat) = &mut self.heartbeat {
                heartbeat.heard();
            }
            return Poll::Ready(Some(match item {
                Ok(msg) if msg.subject() == self.inbox => self.status(&msg),
                Ok(msg) => {
                    self.account.received(msg.size());
                    Pulled::Message(msg)
                }
                Err(error) => Pulled::Failed(ConsumeError::Subscription(error)),
            }));
        }
        while let Poll::Ready(event) = Pin::new(&mut self.events).poll_next(cx) {
            match event {
                Some(Event::Disconnected { .. }) => {
                    if let Some(heartbeat) = &mut self.heartbeat {
                        heartbeat.pause();
                    }
                }
                Some(Event::Reconnected { .. }) => {
                    if let Some(heartbeat) = &mut self.heartbeat {
                        heartbeat.resume();
                    }
                    return Poll::Ready(Some(Pulled::Reconnected));
                }
                Some(_) => {}
                None => return Poll::Ready(None),
            }
        }
        match &mut self.heartbeat {
            Some(heartbeat) => {
                heartbeat.poll_silent(cx).map(|after| Some(Pulled::Silent { after }))
            }
            None => Poll::Pending,
        }
    }

    /// What the server says by a status instead of a message, as far as it changes the account.
    fn status(&mut self, msg: &Msg) -> Pulled {
        let status = msg.status();
        let code = status.map_or(0, |status| status.code());
        let number = |name| msg.headers().get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
        let messages = number("Nats-Pending-Messages");
        let bytes = number("Nats-Pending-Bytes");
        self.account.gone(Ask { messages, bytes });
        let description = status.map_or_else(String::new, |status| status.description().to_owned());
        Pulled::Status { code, description }
    }
}
