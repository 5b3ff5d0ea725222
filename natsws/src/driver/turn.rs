//! One message that may have to wait for room, for who keeps nothing else.

use std::task::{Poll, Waker};

use super::outbox::{Body, Refused, Ticket};
use super::shared::Shared;
use crate::protocol::encode::PublishHead;

/// A place in the line of those who wait for room. It is given back when this is dropped.
pub(crate) struct Turn<'s> {
    shared: &'s Shared,
    ticket: Ticket,
}

impl<'s> Turn<'s> {
    pub(crate) fn new(shared: &'s Shared) -> Self {
        Self { shared, ticket: Ticket::default() }
    }

    /// Accepts the message, or waits for its turn.
    #[inline]
    pub(crate) fn poll_publish(
        &mut self,
        head: &PublishHead<'_>,
        body: Body<'_>,
        waker: &Waker,
    ) -> Poll<Result<(), Refused>> {
        self.shared.poll_publish(head, body, &mut self.ticket, Some(waker))
    }
}

impl Drop for Turn<'_> {
    #[inline]
    fn drop(&mut self) {
        self.shared.outbox.leave(&mut self.ticket);
    }
}
