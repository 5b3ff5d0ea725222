//! Many replies to one request: which come to its reader, and when that is all. It is decided as
//! they arrive, so that it does not matter how fast they are read.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::queue::Queue;
use super::requests::Outcome;
use crate::delivery::{Delivery, Place};
use crate::end_of_replies::is_end_of_replies;
use crate::header::Headers;
use crate::runtime::{self, Instant};

/// Which replies a request with many replies wants, and so what ends the stream of them (ADR-47).
///
/// All times are counted from the arrival of replies, not from when they are read. However the
/// stream ends, what had come by then can still be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replies {
    /// All that come within the timeout. It ends the stream, and nothing else does.
    WithinTimeout,
    /// This many, and at least one. The last of them ends the stream, or the timeout does.
    Count(u64),
    /// Those that come without a longer pause. The first has the timeout to come, and each further
    /// one this time since the one before; a pause that is longer ends the stream. In all it may
    /// take as long as it likes.
    Stall(Duration),
    /// All up to the sentinel, which is a reply with an empty payload. It ends the stream, or the
    /// timeout does. Of raw replies the sentinel is the last item; among typed replies it is
    /// [the mark](crate::is_end_of_replies) behind the last one, and no item.
    Sentinel,
}

/// What is to become of the replies to one request.
#[derive(Debug)]
pub(crate) struct Collect {
    pub(crate) inbox: Arc<str>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) replies: Replies,
    /// The mark of typed replies ends them.
    pub(crate) typed: bool,
    /// No reply is waited for beyond this.
    pub(crate) until: Option<Instant>,
}

/// What one reply means to the request.
pub(super) struct Judgement {
    /// It is for the reader.
    pub(super) keep: bool,
    /// It is the last.
    pub(super) outcome: Option<Outcome>,
    /// When the next must have come, where that changes.
    pub(super) deadline: Option<Instant>,
}

impl Collect {
    pub(super) fn judge(
        &self,
        place: Place,
        block: &Bytes,
        is_complete: bool,
        now: Instant,
    ) -> Judgement {
        let last = |keep, outcome| Judgement { keep, outcome: Some(outcome), deadline: None };
        if place.has_no_payload() {
            let delivery = Delivery::new(block.clone(), place);
            if delivery.is_no_responders() {
                return last(false, Outcome::NoResponders);
            }
            if self.typed && is_mark(&delivery) {
                return last(false, Outcome::Complete);
            }
            if !self.typed && self.replies == Replies::Sentinel {
                return last(true, Outcome::Complete);
            }
        }
        if is_complete {
            return last(true, Outcome::Complete);
        }
        let deadline = match self.replies {
            Replies::Stall(pause) => Some(self.no_later(runtime::after(now, pause))),
            _ => None,
        };
        Judgement { keep: true, outcome: None, deadline }
    }

    pub(super) fn no_later(&self, deadline: Instant) -> Instant {
        self.until.map_or(deadline, |until| deadline.min(until))
    }
}

fn is_mark(delivery: &Delivery) -> bool {
    if !delivery.has_headers() {
        return true;
    }
    // A reply that is malformed is told as that.
    Headers::parse(&delivery.headers()).is_ok_and(|headers| is_end_of_replies(&headers, b""))
}
