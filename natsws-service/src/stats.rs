//! What an endpoint has done, counted while it runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use natsws::{ServiceError, SubscriptionError};

use crate::answer::Ended;
use crate::place::Place;
use crate::shortened::shorten;

/// How many bytes of an error the statistics keep.
const LONGEST_ERROR: usize = 256;

/// How many requests came and how they ended.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    received: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
    shed: AtomicU64,
    unanswered: AtomicU64,
    lost: AtomicU64,
    nanos: AtomicU64,
    data_errors: AtomicU64,
    last_error: Mutex<Option<String>>,
    fault: Mutex<Option<String>>,
}

/// The counts of a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) received: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) shed: u64,
    pub(crate) unanswered: u64,
    pub(crate) lost: u64,
    pub(crate) nanos: u64,
    pub(crate) data_errors: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, other: Self) {
        self.received += other.received;
        self.completed += other.completed;
        self.failed += other.failed;
        self.shed += other.shed;
        self.unanswered += other.unanswered;
        self.lost += other.lost;
        self.nanos += other.nanos;
        self.data_errors += other.data_errors;
    }

    /// What has been counted since another moment.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            received: self.received.saturating_sub(before.received),
            completed: self.completed.saturating_sub(before.completed),
            failed: self.failed.saturating_sub(before.failed),
            shed: self.shed.saturating_sub(before.shed),
            unanswered: self.unanswered.saturating_sub(before.unanswered),
            lost: self.lost.saturating_sub(before.lost),
            nanos: self.nanos.saturating_sub(before.nanos),
            data_errors: self.data_errors.saturating_sub(before.data_errors),
        }
    }

    /// Requests that have come and not ended.
    pub(crate) fn open(self) -> u64 {
        self.received.saturating_sub(self.requests())
    }

    /// Requests that have ended, however they did.
    pub(crate) fn requests(self) -> u64 {
        self.completed + self.failed + self.shed
    }

    /// What went wrong: requests that ended in an error, and data that could not be had.
    pub(crate) fn errors(self) -> u64 {
        self.failed + self.shed + self.data_errors
    }
}

impl Counts {
    pub(crate) fn received(&self, requests: u64) {
        self.received.fetch_add(requests, Ordering::Relaxed);
    }

    /// A request has ended after this time.
    pub(crate) fn ended(&self, took: Duration, ended: &Ended) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        if ended.unanswered {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        match &ended.error {
            None => self.completed.fetch_add(1, Ordering::Relaxed),
            Some(error) => {
                self.keep_error(error);
                self.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }

    /// A request was answered without being begun.
    pub(crate) fn refused(&self, error: &ServiceError, unanswered: bool) {
        if unanswered {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        self.keep_error(error);
        self.shed.fetch_add(1, Ordering::Relaxed);
    }

    /// What the subscription said instead of a message. It goes on after a gap or a message that
    /// cannot be read; other errors are its end.
    pub(crate) fn could_not_receive(&self, place: &Place, error: &SubscriptionError) {
        tracing::warn!(endpoint = place.endpoint, %error, "a request could not be received");
        match error {
            SubscriptionError::Lagged { dropped } => {
                self.lost.fetch_add(*dropped, Ordering::Relaxed);
            }
            SubscriptionError::SubjectNotUtf8 { .. }
            | SubscriptionError::MalformedHeaders { .. } => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
            end => {
                self.fail(end.to_string());
            }
        }
        self.keep(error.to_string());
    }

    /// The user's code has no data for the statistics: an error of the endpoint, but of no request.
    pub(crate) fn data_failed(&self, error: String) {
        self.data_errors.fetch_add(1, Ordering::Relaxed);
        self.keep(error);
    }

    /// The endpoint gets no more requests.
    pub(crate) fn fail(&self, why: String) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// Anybody may ask for it, and it is sent whenever somebody does, so it is short.
    pub(crate) fn keep(&self, mut error: String) {
        shorten(&mut error, LONGEST_ERROR);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    fn keep_error(&self, error: &ServiceError) {
        // What does not decode is quoted behind the colon, and is not everybody's business.
        let description = match error.description().split_once(": ") {
            Some((outline, _)) if outline.ends_with(" does not fit the message") => outline,
            _ => error.description(),
        };
        self.keep(format!("{}:{description}", error.code()));
    }

    pub(crate) fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn forget_error(&self) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Why the endpoint gets no more requests, where it does not.
    pub(crate) fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The counts as they are. What has ended is read before what has come, so that nothing seems
    /// to end that has not come.
    pub(crate) fn totals(&self) -> Totals {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Totals {
            completed: of(&self.completed),
            failed: of(&self.failed),
            shed: of(&self.shed),
            unanswered: of(&self.unanswered),
            lost: of(&self.lost),
            nanos: of(&self.nanos),
            data_errors: of(&self.data_errors),
            received: of(&self.received),
        }
    }
}
