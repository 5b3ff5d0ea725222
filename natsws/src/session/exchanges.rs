//! Requests on their way through the session: a slot for each, and where its reply comes to.

use std::sync::Arc;
use std::task::{Poll, Waker};

use super::replies::{Collect, Replies};
use super::requests::{Outcome, SubjectHash};
use super::routes::{Route, Target};
use super::{Effects, Session};
use crate::runtime::Instant;

impl Session {
    /// Takes a slot for a request, and makes sure that the shared inbox is subscribed.
    pub(crate) fn request(
        &mut self,
        deadline: Instant,
        subject: SubjectHash,
        waker: &Waker,
        effects: &mut Effects,
    ) -> u64 {
        if self.inbox_sid.is_none() {
            let route = Route::new(format!("{}*", self.inbox), None, Target::Inbox);
            self.inbox_sid = Some(self.subscribe(route, effects));
        }
        self.due_by(deadline, effects);
        self.requests.insert(deadline, subject, waker)
    }

    /// Takes a slot for a request whose reply comes to a subject of its own.
    pub(crate) fn request_at(
        &mut self,
        reply: &str,
        deadline: Instant,
        subject: SubjectHash,
        waker: &Waker,
        effects: &mut Effects,
    ) -> u64 {
        self.request_on(deadline, subject, waker, effects, |token| {
            let mut route = Route::new(reply.to_owned(), None, Target::Request(token));
            route.max = Some(1);
            route
        })
    }

    /// Takes a slot for a request with many replies, which come to a subscription of its own.
    pub(crate) fn request_many(
        &mut self,
        collect: &Arc<Collect>,
        deadline: Instant,
        subject: SubjectHash,
        waker: &Waker,
        effects: &mut Effects,
    ) -> u64 {
        let reply = Arc::clone(&collect.inbox);
        let max = match collect.replies {
            Replies::Count(count) => Some(count.max(1)),
            _ => None,
        };
        let deadline = collect.no_later(deadline);
        self.request_on(deadline, subject, waker, effects, |token| {
            let mut route = Route::new(reply, None, Target::Replies(token, Arc::clone(collect)));
            route.max = max;
            route
        })
    }

    /// Takes a slot for a request with a subscription of its own.
    fn request_on(
        &mut self,
        deadline: Instant,
        subject: SubjectHash,
        waker: &Waker,
        effects: &mut Effects,
        route: impl FnOnce(u64) -> Route,
    ) -> u64 {
        self.due_by(deadline, effects);
        let token = self.requests.insert(deadline, subject, waker);
        let sid = self.subscribe(route(token), effects);
        self.requests.owns(token, sid);
        token
    }

    pub(crate) fn poll_reply(&mut self, token: u64, waker: &Waker) -> Poll<Outcome> {
        self.requests.poll(token, waker)
    }

    /// Gives a request up.
    pub(crate) fn cancel(&mut self, token: u64, effects: &mut Effects) {
        if let Some(sid) = self.requests.cancel(token) {
            self.unsubscribe(sid, effects);
        }
    }

    /// The number of requests that have a slot.
    pub(crate) fn requests_in_flight(&self) -> usize {
        self.requests.len()
    }

    /// Whether requests are taken: while there is a connection, or where they may wait for one.
    pub(crate) fn takes_requests(&self) -> bool {
        self.connected || self.keep_requests
    }

    /// Whether a request has no outcome yet.
    pub(crate) fn is_waiting(&self, token: u64) -> bool {
        self.requests.is_waiting(token)
    }

    /// Ends requests that will not be sent.
    pub(crate) fn never_sent(&mut self, tokens: &[u64], effects: &mut Effects) {
        for token in tokens {
            let outcome = Outcome::Disconnected { maybe_delivered: false };
            let ended = self.requests.complete(*token, outcome);
            self.after(ended, effects);
        }
    }
}
