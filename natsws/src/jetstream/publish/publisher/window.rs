//! What a publisher has sent and has no acknowledgement of: a state machine without input or output.

mod slot;

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use super::super::super::api::pause;
use super::super::ack::PublishAck;
use super::super::error::{Passing, PublishError};
use super::outcome::{Outcome, Published};
use crate::publish::PublishError as Refusal;
use crate::request::RequestError;
use crate::runtime::{self, Instant};
use crate::typed::Outgoing;
pub(super) use slot::{Answer, Handed, Parcel, Receiver, Terms};
use slot::{Slot, Stage, split_token};

/// How many messages have their buffers kept for others.
const SPARE: usize = 4096;

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Room,
    /// All that was published has its outcome, which is told.
    Empty,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each comes true at a time of its own")]
pub(super) struct Window {
    terms: Terms,
    slots: VecDeque<Slot>,
    /// The number of the first slot.
    first: u64,
    /// What the messages without an outcome take.
    bytes: usize,
    /// How many slots wait to be sent.
    waiting: usize,
    /// Publishers wait until there is much room again, so that they are woken seldom.
    blocked: bool,
    is_up: bool,
    /// The connection is closed, and nothing more is taken.
    is_closed: bool,
    pub(super) published: Published,
    /// Outcomes that somebody may want to know and that are not told yet.
    untold: usize,
    /// Which connection what is sent goes over.
    connection: u64,
    spare: Vec<Outgoing>,
    /// When somebody has to look after what is late.
    check_at: Option<Instant>,
    waiter: Option<(Wanted, Waker)>,
    keeper: Option<Waker>,
    /// The publisher is gone, and nothing more will come.
    pub(super) left: bool,
}

impl Window {
    /// `connection` is the present one.
    pub(super) fn new(terms: Terms, connection: u64) -> Self {
        Self {
            terms,
            slots: VecDeque::new(),
            first: 1,
            bytes: 0,
            waiting: 0,
            blocked: false,
            is_up: true,
            is_closed: false,
            published: Published::default(),
            untold: 0,
            connection,
            spare: Vec::new(),
            check_at: None,
            waiter: None,
            keeper: None,
            left: false,
        }
    }

    /// Whether nothing more is taken, since the connection is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether a message may be taken; whoever asks is woken otherwise when one may.
    pub(super) fn has_room(&mut self, waker: &Waker) -> bool {
        if self.has(Wanted::Room) {
            self.blocked = false;
            return true;
        }
        self.blocked = true;
        self.waiter = Some((Wanted::Room, waker.clone()));
        false
    }

    /// Whether every message has its outcome, and all are told; whoever asks is woken otherwise when
    /// that is so.
    pub(super) fn is_empty(&mut self, waker: &Waker) -> bool {
        let is_empty = self.has(Wanted::Empty);
        if !is_empty {
            self.waiter = Some((Wanted::Empty, waker.clone()));
        }
        is_empty
    }

    /// Whether every message has its outcome, and all are told.
    pub(super) fn is_settled(&self) -> bool {
        self.slots.is_empty() && self.untold == 0
    }

    /// So many outcomes are told. They are told without the lock of the window, so somebody could
    /// look meanwhile and find all messages settled, but not the failure of the last one.
    pub(super) fn told(&mut self, outcomes: usize) {
        self.untold = self.untold.saturating_sub(outcomes);
    }

    fn has(&self, wanted: Wanted) -> bool {
        match wanted {
            Wanted::Empty => self.is_settled(),
            Wanted::Room => {
                let Terms { messages, bytes, .. } = self.terms;
                let (messages, bytes) = if self.blocked {
                    (messages - (messages / 4), bytes - bytes / 4)
                } else {
                    (messages, bytes)
                };
                self.is_closed || (self.slots.len() < messages && self.bytes < bytes)
            }
        }
    }

    /// Takes a message, whose buffers are exchanged for spare ones, and sends it where nothing that
    /// came before waits to be sent. Gives back its number.
    pub(super) fn accept(
        &mut self,
        message: &mut Outgoing,
        has_id: bool,
        receiver: Option<Receiver>,
        now: Instant,
        hand: impl FnOnce(Parcel<'_>) -> Handed,
    ) -> Result<u64, Refusal> {
        let spare = self.spare.pop().unwrap_or_default();
        let message = std::mem::replace(message, spare);
        let number = self.first + self.slots.len() as u64;
        let mut slot = Slot {
            message,
            stage: Stage::Waiting,
            since: now,
            has_id,
            attempt: 0,
            maybe_stored: false,
            fault: None,
            receiver,
        };
        if self.is_up && self.waiting == 0 {
            match hand(slot.parcel(number, self.connection)) {
                Handed::Sent => slot.stage = Stage::Sent { at: now },
                Handed::NotNow => {}
                Handed::Refused(refusal) => {
                    self.recycle(slot.message);
                    return Err(refusal);
                }
            }
        }
        if slot.stage == Stage::Waiting {
            self.waiting += 1;
            self.wake_keeper();
        }
        self.bytes += slot.message.size();
        self.slots.push_back(slot);
        if self.check_at.is_none() {
            self.check_by(now, self.terms.timeout.min(self.terms.deadline));
            self.wake_keeper();
        }
        Ok(number)
    }

    fn check_by(&mut self, now: Instant, after: Duration) {
        let at = runtime::after(now, after);
        self.check_at = Some(self.check_at.map_or(at, |known| known.min(at)));
    }

    pub(super) fn check_at(&self) -> Option<Instant> {
        self.check_at
    }

    pub(super) fn set_keeper(&mut self, waker: &Waker) {
        if !self.keeper.as_ref().is_some_and(|keeper| keeper.will_wake(waker)) {
            self.keeper = Some(waker.clone());
        }
    }

    pub(super) fn wake_keeper(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.wake_by_ref();
        }
    }

    /// Who is to be woken by what has changed.
    pub(super) fn take_waiter(&mut self) -> Option<Waker> {
        let (wanted, waker) = self.waiter.take()?;
        if self.has(wanted) {
            return Some(waker);
        }
        self.waiter = Some((wanted, waker));
        None
    }

    /// Whether the connection is up: what is not sent yet has to wait otherwise.
    pub(super) fn set_up(&mut self, is_up: bool) {
        self.is_up = is_up;
    }

    /// The last connection was lost or left: what may have been lost with it is sent again over the
    /// next one, in its order. What has no id may have been stored, and the answer may still come.
    pub(super) fn left_behind(&mut self, connection: u64) {
        self.connection = connection;
        for slot in &mut self.slots {
            if matches!(slot.stage, Stage::Sent { .. }) && slot.has_id {
                slot.maybe_stored = true;
                slot.attempt = slot.attempt.wrapping_add(1);
                slot.stage = Stage::Waiting;
                self.waiting += 1;
            }
        }
    }

    /// Sends what waits, in its order, as far as that goes now.
    pub(super) fn send(
        &mut self,
        now: Instant,
        outcomes: &mut Vec<Outcome>,
        mut hand: impl FnMut(Parcel<'_>) -> Handed,
    ) {
        if self.waiting == 0 || !self.is_up {
            return;
        }
        for index in 0..self.slots.len() {
            let Some(slot) = self.slots.get_mut(index) else { break };
            if slot.stage != Stage::Waiting {
                continue;
            }
            let number = self.first + index as u64;
            match hand(slot.parcel(number, self.connection)) {
                Handed::Sent => {
                    slot.stage = Stage::Sent { at: now };
                    self.waiting -= 1;
                    self.check_by(now, self.terms.timeout);
                }
                Handed::NotNow => break,
                Handed::Refused(refusal) => {
                    self.settle(index, Err(PublishError::NotSent(refusal)), outcomes);
                }
            }
            if self.waiting == 0 {
                break;
            }
        }
        self.trim();
    }

    /// Takes what came for a message.
    pub(super) fn answer(
        &mut self,
        token: u64,
        answer: Answer,
        now: Instant,
        outcomes: &mut Vec<Outcome>,
    ) {
        let (number, attempt) = split_token(token);
        let Some(index) = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok())
        else {
            return;
        };
        let Some(slot) = self.slots.get_mut(index) else { return };
        if slot.stage == Stage::Settled {
            return;
        }
        let fault = match answer {
            Answer::Stored { duplicate, ack } => {
                let duplicate = duplicate && !slot.maybe_stored;
                self.settle(index, Ok((duplicate, ack)), outcomes);
                return self.trim();
            }
            // The answer to an earlier attempt says nothing of the one that is under way.
            _ if u64::from(slot.attempt) != attempt => return,
            _ if !matches!(slot.stage, Stage::Sent { .. }) => return,
            Answer::NoResponders { has_jetstream } => {
                let Terms { deadline, .. } = self.terms;
                PublishError::unanswered(&slot.message.subject, has_jetstream, deadline)
            }
            Answer::Failed(fault) => fault,
        };
        self.failed(index, fault, now, outcomes);
        self.trim();
    }

    /// An attempt has failed.
    fn failed(
        &mut self,
        index: usize,
        fault: PublishError,
        now: Instant,
        outcomes: &mut Vec<Outcome>,
    ) {
        let passing = fault.passing();
        let Some(slot) = self.slots.get_mut(index) else { return };
        let goes_on = match passing {
            Some(Passing::NotStored) => true,
            Some(Passing::Unknown) => slot.has_id,
            None => false,
        };
        if !goes_on {
            return self.settle(index, Err(fault), outcomes);
        }
        slot.maybe_stored |= passing == Some(Passing::Unknown);
        let wait = pause(u32::from(slot.attempt));
        slot.attempt = slot.attempt.wrapping_add(1);
        slot.fault = Some(Box::new(fault));
        slot.stage = Stage::Paused { until: runtime::after(now, wait) };
        self.check_by(now, wait);
    }

    /// Sees to what is late.
    pub(super) fn check(&mut self, now: Instant, outcomes: &mut Vec<Outcome>) {
        self.check_at = None;
        let Terms { timeout, deadline, .. } = self.terms;
        for index in 0..self.slots.len() {
            let Some(slot) = self.slots.get_mut(index) else { break };
            let end = runtime::after(slot.since, deadline);
            let was_sent = matches!(slot.stage, Stage::Sent { .. });
            if slot.stage != Stage::Settled && end <= now {
                let fault = match slot.fault.take() {
                    _ if was_sent => PublishError::TimedOut { after: deadline, last: None },
                    Some(fault) => *fault,
                    None => {
                        PublishError::Request(RequestError::Disconnected { maybe_delivered: false })
                    }
                };
                self.settle(index, Err(fault), outcomes);
                continue;
            }
            match slot.stage {
                Stage::Sent { at } if runtime::after(at, timeout) <= now => {
                    let fault = PublishError::TimedOut { after: timeout, last: None };
                    self.failed(index, fault, now, outcomes);
                }
                Stage::Paused { until } if until <= now => {
                    slot.stage = Stage::Waiting;
                    self.waiting += 1;
                }
                _ => {}
            }
            let Some(slot) = self.slots.get(index) else { break };
            let next = match slot.stage {
                Stage::Settled => continue,
                Stage::Waiting => end,
                Stage::Sent { at } => runtime::after(at, timeout).min(end),
                Stage::Paused { until } => until.min(end),
            };
            self.check_at = Some(self.check_at.map_or(next, |known| known.min(next)));
        }
        self.trim();
    }

    /// The connection is closed for good: no answer will come.
    pub(super) fn close(&mut self, outcomes: &mut Vec<Outcome>) {
        self.is_closed = true;
        for index in 0..self.slots.len() {
            let Some(slot) = self.slots.get(index) else { break };
            let fault = match slot.stage {
                Stage::Settled => continue,
                Stage::Sent { .. } => PublishError::Request(RequestError::Closed),
                _ if slot.maybe_stored => PublishError::Request(RequestError::Closed),
                _ => PublishError::NotSent(Refusal::Closed),
            };
            self.settle(index, Err(fault), outcomes);
        }
        self.trim();
    }

    /// A message has its outcome.
    fn settle(
        &mut self,
        index: usize,
        result: Result<(bool, Option<PublishAck>), PublishError>,
        outcomes: &mut Vec<Outcome>,
    ) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        if slot.stage == Stage::Waiting {
            self.waiting -= 1;
        }
        slot.stage = Stage::Settled;
        let mut message = std::mem::take(&mut slot.message);
        self.bytes -= message.size();
        let number = self.first + index as u64;
        match result {
            Ok((duplicate, ack)) => {
                self.published.stored += 1;
                self.published.duplicates += u64::from(duplicate);
                if let Some(mut ack) = ack {
                    ack.duplicate = duplicate;
                    let receiver = slot.receiver.take();
                    self.untold += 1;
                    outcomes.push(Outcome { number, subject: None, result: Ok(ack), receiver });
                }
            }
            Err(fault) => {
                self.published.failed += 1;
                let fault = if slot.maybe_stored {
                    fault.after_unknown(self.terms.deadline)
                } else {
                    fault
                };
                let subject = Some(std::mem::take(&mut message.subject));
                let receiver = slot.receiver.take();
                self.untold += 1;
                outcomes.push(Outcome { number, subject, result: Err(fault), receiver });
            }
        }
        self.recycle(message);
    }

    fn recycle(&mut self, mut message: Outgoing) {
        if self.spare.len() < SPARE.min(self.terms.messages) {
            message.clear();
            self.spare.push(message);
        }
    }

    /// Lets go of what has its outcome.
    fn trim(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.stage == Stage::Settled) {
            self.slots.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests;
