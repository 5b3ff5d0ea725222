//! What the server sends, one operation after the other.

use std::sync::Arc;

use bytes::Bytes;

use super::requests::SubjectHash;
use super::routes::{Inline, Target};
use super::{Effects, Item, Notice, Outcome, Session, Waiter};
use crate::delivery::{Delivery, Place};
use crate::protocol::op::ServerOp;
use crate::protocol::{ProtocolFault, ServerError, ServerInfo, encode, token};
use crate::runtime::Instant;

impl Session {
    /// Takes an operation, and the block in which a message has its place. What came for readers is
    /// theirs with [`end_block`](Self::end_block).
    #[inline]
    pub(crate) fn receive(
        &mut self,
        op: ServerOp<Place>,
        block: &Bytes,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<(), ProtocolFault> {
        if self.block.is_empty() {
            self.block = block.clone();
        }
        match op {
            ServerOp::Msg { sid, delivery } => self.deliver(sid, delivery, now, effects),
            ServerOp::Ping => effects.control.extend_from_slice(encode::PONG),
            ServerOp::Pong => {
                // Whoever waits for it finds what came before it.
                self.hand_over(now, effects);
                self.pong(effects);
            }
            ServerOp::Ok => {}
            ServerOp::Info(json) => self.update(ServerInfo::parse(&json)?, effects),
            ServerOp::Err(text) => self.server_error(ServerError::parse(&text), effects),
        }
        Ok(())
    }

    /// Everything of a block has been taken, or as much as is taken at once.
    pub(crate) fn end_block(&mut self, now: Instant, effects: &mut Effects) {
        self.keepalive.received(now);
        self.hand_over(now, effects);
        self.block = Bytes::new();
        effects.blocked = !self.blocked.is_empty();
    }

    /// Takes a message or an error that came from a server beside the one that is in use.
    pub(crate) fn receive_aside(&mut self, op: ServerOp, now: Instant, effects: &mut Effects) {
        match op {
            ServerOp::Msg { sid, delivery } => {
                let place;
                (self.block, place) = delivery.into_parts();
                self.deliver(sid, place, now, effects);
            }
            ServerOp::Err(text) => self.server_error(ServerError::parse(&text), effects),
            _ => {}
        }
        self.hand_over(now, effects);
        self.block = Bytes::new();
    }

    fn deliver(&mut self, sid: u64, place: Place, now: Instant, effects: &mut Effects) {
        let size = place.size();
        self.in_msgs += 1;
        self.in_bytes += size as u64;
        self.deliver_to(sid, place, now, effects);
    }

    fn deliver_to(&mut self, sid: u64, place: Place, now: Instant, effects: &mut Effects) {
        let size = place.size();
        let Some(route) = self.routes.get_mut(sid) else { return };
        route.received += 1;
        route.deadline = None;
        let cut = || Delivery::new(self.block.clone(), place);
        // The server does not count its own word that nobody is there towards the `max`, so it has
        // to be told when that is reached by it.
        route.uncounted |=
            route.max.is_some() && (!route.followers.is_empty() || cut().is_no_responders());
        let (complete, uncounted) = (route.is_complete(), route.uncounted);
        let mut over = false;
        match &route.target {
            Target::Queue(_) => {
                self.batches.add(&mut route.batch, sid, place, size);
            }
            Target::Handler(inline) => {
                let Inline { call, queue } = &**inline;
                queue.count(1);
                effects.calls.push((Arc::clone(call), Item::Delivery(cut())));
            }
            Target::Follows(leader) => {
                let leader = *leader;
                return self.deliver_to(leader, place, now, effects);
            }
            Target::Inbox => {
                let subject = place.subject(&self.block);
                // The server sends nothing here that is not for this inbox.
                let token = subject.get(self.inbox.len()..).and_then(token::read);
                if let Some(token) = token {
                    self.reply(token, place, effects);
                }
            }
            Target::Request(token) => {
                let token = *token;
                self.reply(token, place, effects);
            }
            Target::Replies(token, collect) => {
                let token = *token;
                let judgement = collect.judge(place, &self.block, complete, now);
                if judgement.keep {
                    self.batches.add(&mut route.batch, sid, place, size);
                }
                if let Some(deadline) = judgement.deadline {
                    self.requests.wait_until(token, deadline);
                    self.due_by(deadline, effects);
                } else if let Some(outcome) = judgement.outcome {
                    over = true;
                    effects.wakers.extend(self.requests.answer(token, outcome));
                }
            }
        }
        if complete && !uncounted {
            self.end_route(sid, None, effects);
        } else if complete || over {
            self.unsubscribe(sid, effects);
        }
    }

    fn reply(&mut self, token: u64, place: Place, effects: &mut Effects) {
        let delivery = Delivery::new(self.block.clone(), place);
        let outcome = if delivery.is_no_responders() {
            Outcome::NoResponders
        } else {
            Outcome::Reply(delivery)
        };
        effects.wakers.extend(self.requests.answer(token, outcome));
    }

    fn pong(&mut self, effects: &mut Effects) {
        let Some(pong) = self.pongs.pop_front() else { return };
        self.confirmed = self.confirmed.max(pong.accepted);
        match pong.waiter {
            Waiter::Flush(waiter) | Waiter::Ping(waiter) => effects.flushed.push(waiter),
            Waiter::Drained(sid) => self.end_route(sid, None, effects),
            Waiter::Proof => self.proved = true,
            Waiter::Keepalive => self.keepalive.answered(),
        }
    }

    fn update(&mut self, info: ServerInfo, effects: &mut Effects) {
        if info.lame_duck_mode && !self.info.lame_duck_mode {
            effects.notices.push(Notice::LameDuckMode);
        }
        self.info = Arc::new(info);
        effects.info = Some(Arc::clone(&self.info));
    }

    fn server_error(&mut self, error: ServerError, effects: &mut Effects) {
        match &error {
            ServerError::PublishDenied { subject } => {
                let denied = SubjectHash::of(subject);
                let ended = self.requests.end(|_, of| (of == denied).then_some(Outcome::Denied));
                self.after(ended, effects);
            }
            ServerError::SubscribeDenied { subject, queue_group } => {
                let sids = self.routes.sids(|route| {
                    *route.subject == **subject
                        && route.queue_group.as_deref() == queue_group.as_deref()
                });
                for sid in sids {
                    self.deny(sid, &error, effects);
                }
            }
            _ => {}
        }
        effects.notices.push(Notice::ServerError(error));
    }

    /// Ends a subscription that the server has refused; those that follow it it may have taken.
    fn end_denied(&mut self, sid: u64, reason: Option<Item>, effects: &mut Effects) {
        if self.routes.get(sid).is_some_and(|route| !route.followers.is_empty()) {
            self.end_with(sid, reason, effects);
        } else {
            self.end_route(sid, reason, effects);
        }
    }

    /// Tells the reader of a subscription that the server does not allow it.
    fn deny(&mut self, sid: u64, error: &ServerError, effects: &mut Effects) {
        let Some(route) = self.routes.get_mut(sid) else { return };
        if let Some(queue) = route.queue() {
            queue.deny(error);
        }
        match &route.target {
            Target::Inbox => {
                self.inbox_sid = None;
                self.routes.remove(sid);
                let ended = self.requests.end(|_, _| Some(Outcome::Denied));
                self.after(ended, effects);
            }
            Target::Request(token) | Target::Replies(token, _) => {
                let token = *token;
                let ended = self.requests.complete(token, Outcome::Denied);
                self.after(ended, effects);
            }
            Target::Queue(_) => self.end_denied(sid, Some(Item::Denied(error.clone())), effects),
            Target::Handler(inline) => {
                let call = &inline.call;
                effects.calls.push((Arc::clone(call), Item::Denied(error.clone())));
                self.end_denied(sid, None, effects);
            }
            Target::Follows(leader) => {
                let leader = *leader;
                self.deny(leader, error, effects);
            }
        }
    }
}
