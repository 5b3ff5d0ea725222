//! Which messages are dropped or delayed, without a timer: `now` is an argument.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use super::ClientId;
use super::subjects;
use crate::delivery::Delivery;
use crate::runtime::{self, Instant};

/// How much may be delayed at once. It is a part of what a subscriber may have waiting, since all of
/// it may come due at once.
pub(super) const MAX_DELAYED: usize = 16 * 1024 * 1024;
/// What a delayed message takes besides its bytes.
const OVERHEAD: usize = 256;

/// What a message counts for that waits.
fn weight(publication: &Publication) -> usize {
    let message = &publication.message;
    message.subject().len() + message.size() + OVERHEAD
}

/// A message on its way to those who are subscribed.
#[derive(Debug)]
pub(super) struct Publication {
    pub(super) publisher: ClientId,
    /// The publisher gets it too, where it is subscribed.
    pub(super) echo: bool,
    /// The publisher wants to know where nobody is subscribed.
    pub(super) no_responders: bool,
    pub(super) message: Delivery,
}

/// Swallows messages under a filter.
#[derive(Debug)]
struct Drops {
    filter: Box<str>,
    /// How many are still to be dropped; all where there is no number.
    left: Option<u64>,
}

/// Holds messages under a filter back.
#[derive(Debug)]
struct Delays {
    filter: Box<str>,
    by: Duration,
    /// Those that wait, with their time: none before that of the one in front of it.
    waiting: VecDeque<(Instant, Publication)>,
}

/// What is done to messages before they are routed. Later switches go before earlier ones.
#[derive(Debug, Default)]
pub(super) struct Faults {
    drops: Vec<Drops>,
    delays: Vec<Delays>,
    delayed_bytes: usize,
    /// Times that a message waits for, and that were not told yet.
    due: Vec<Instant>,
}

impl Faults {
    /// Drops messages under a filter: so many, or all.
    pub(super) fn drop(&mut self, filter: &str, messages: Option<u64>) {
        self.drops.retain(|drops| *drops.filter != *filter);
        if messages != Some(0) {
            self.drops.push(Drops { filter: filter.into(), left: messages });
        }
    }

    /// Delays messages under a filter. Those that wait already keep their time. Without a delay
    /// they are given back to be delivered at once.
    pub(super) fn delay(&mut self, filter: &str, by: Duration) -> Vec<Publication> {
        let at = self.delays.iter().position(|delays| *delays.filter == *filter);
        let waiting = at.map(|at| self.delays.remove(at).waiting).unwrap_or_default();
        if by.is_zero() {
            return self.released(waiting);
        }
        self.delays.push(Delays { filter: filter.into(), by, waiting });
        Vec::new()
    }

    /// Ends all of it, and gives back what waits.
    pub(super) fn lift(&mut self) -> Vec<Publication> {
        self.drops.clear();
        let delays = mem::take(&mut self.delays);
        let mut waiting: Vec<_> = delays.into_iter().flat_map(|delays| delays.waiting).collect();
        waiting.sort_by_key(|(due, _)| *due);
        self.released(waiting)
    }

    /// Gives a message back that is to be delivered now.
    pub(super) fn pass(&mut self, publication: Publication, now: Instant) -> Option<Publication> {
        let subject = publication.message.subject();
        let is_under = |filter: &str| subjects::matches(filter.as_bytes(), subject);
        if let Some(at) = self.drops.iter().rposition(|drops| is_under(&drops.filter)) {
            self.count_drop(at);
            return None;
        }
        let Some(delays) = self.delays.iter_mut().rfind(|delays| is_under(&delays.filter)) else {
            return Some(publication);
        };
        // The block that it was read in may be much larger.
        let message = publication.message.compact();
        let publication = Publication { message, ..publication };
        let bytes = self.delayed_bytes.saturating_add(weight(&publication));
        if bytes > MAX_DELAYED {
            return None;
        }
        self.delayed_bytes = bytes;
        let last = delays.waiting.back().map_or(now, |(due, _)| *due);
        let due = runtime::after(now, delays.by).max(last);
        delays.waiting.push_back((due, publication));
        if self.due.last() != Some(&due) {
            self.due.push(due);
        }
        None
    }

    /// The times that [`next_due`](Self::next_due) is to be asked at, besides those told before.
    pub(super) fn take_due(&mut self) -> Vec<Instant> {
        mem::take(&mut self.due)
    }

    /// The next message whose time has come.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<Publication> {
        let front = |delays: &Delays| delays.waiting.front().map(|(due, _)| *due);
        let ready =
            self.delays.iter_mut().filter(|delays| front(delays).is_some_and(|at| at <= now));
        let (_, publication) = ready.min_by_key(|delays| front(delays))?.waiting.pop_front()?;
        self.delayed_bytes -= weight(&publication);
        Some(publication)
    }

    fn count_drop(&mut self, at: usize) {
        let Some(Drops { left: Some(left), .. }) = self.drops.get_mut(at) else { return };
        *left -= 1;
        if *left == 0 {
            self.drops.remove(at);
        }
    }

    fn released(
        &mut self,
        waiting: impl IntoIterator<Item = (Instant, Publication)>,
    ) -> Vec<Publication> {
        let released: Vec<_> = waiting.into_iter().map(|(_, publication)| publication).collect();
        self.delayed_bytes -= released.iter().map(weight).sum::<usize>();
        released
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::decode::{Decoder, Limits};
    use crate::protocol::op::ClientOp;

    const SECOND: Duration = Duration::from_secs(1);

    fn publication(subject: &str, payload: &str) -> Publication {
        let mut decoder = Decoder::new(Limits::default());
        decoder.push(format!("PUB {subject} {}\r\n{payload}\r\n", payload.len()).into());
        let Ok(Some(ClientOp::Pub(message))) = decoder.next() else { panic!("a message") };
        Publication { publisher: ClientId(1), echo: true, no_responders: true, message }
    }

    fn payload(publication: &Publication) -> String {
        String::from_utf8_lossy(publication.message.payload_bytes()).into_owned()
    }

    fn passes(faults: &mut Faults, subject: &str, now: Instant) -> bool {
        faults.pass(publication(subject, "x"), now).is_some()
    }

    /// What is delivered at a time.
    fn due(faults: &mut Faults, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| faults.next_due(now)).map(|found| payload(&found)).collect()
    }

    #[test]
    fn as_many_are_dropped_as_were_asked_for() {
        let (mut faults, now) = (Faults::default(), runtime::now());
        assert!(passes(&mut faults, "a.b", now));
        faults.drop("a.*", Some(2));
        let passed = ["a.b", "b", "a.c", "a.b"].map(|subject| passes(&mut faults, subject, now));
        assert_eq!(passed, [false, true, false, true]);
        faults.drop("a.*", None);
        faults.drop("a.b", Some(1));
        assert_eq!([(); 9].map(|()| passes(&mut faults, "a.b", now)), [false; 9]);
        faults.drop("a.*", Some(0));
        assert!(passes(&mut faults, "a.b", now), "the one that was set last was counted");
    }

    #[test]
    fn what_is_delayed_keeps_its_order_though_the_delay_shrinks() {
        let (mut faults, now) = (Faults::default(), runtime::now());
        assert!(faults.delay("a", 3 * SECOND).is_empty());
        for payload in ["1", "2"] {
            assert!(faults.pass(publication("a", payload), now).is_none());
        }
        assert_eq!(faults.take_due(), [now + 3 * SECOND]);
        assert!(faults.delay("a", SECOND).is_empty());
        assert!(faults.pass(publication("a", "3"), now).is_none());
        assert!(faults.pass(publication("a", "4"), now + 4 * SECOND).is_none());
        assert_eq!(faults.take_due(), [now + 3 * SECOND, now + 5 * SECOND]);
        assert!(due(&mut faults, now + 2 * SECOND).is_empty());
        assert_eq!(due(&mut faults, now + 3 * SECOND), ["1", "2", "3"]);
        assert_eq!(due(&mut faults, now + 9 * SECOND), ["4"]);
        assert_eq!(faults.delayed_bytes, 0);
    }

    #[test]
    fn the_filter_that_was_set_last_counts_and_what_waits_comes_by_its_time() {
        let (mut faults, now) = (Faults::default(), runtime::now());
        assert!(faults.delay(">", 2 * SECOND).is_empty());
        assert!(faults.delay("a", SECOND).is_empty());
        for (subject, payload) in [("b", "later"), ("a", "sooner")] {
            assert!(faults.pass(publication(subject, payload), now).is_none());
        }
        assert_eq!(due(&mut faults, now + 2 * SECOND), ["sooner", "later"]);
        faults.drop("a", None);
        assert!(!passes(&mut faults, "a", now));
        assert!(due(&mut faults, now + 9 * SECOND).is_empty());
    }

    #[test]
    fn what_waits_is_given_back_when_the_delay_ends() {
        let (mut faults, now) = (Faults::default(), runtime::now());
        assert!(faults.delay("a", 2 * SECOND).is_empty());
        assert!(faults.delay("b", SECOND).is_empty());
        for (subject, payload) in [("a", "1"), ("b", "2"), ("a", "3")] {
            assert!(faults.pass(publication(subject, payload), now).is_none());
        }
        let lifted = faults.lift().iter().map(payload).collect::<Vec<_>>();
        assert_eq!(lifted, ["2", "1", "3"]);
        assert_eq!(faults.delayed_bytes, 0);
        assert!(passes(&mut faults, "a", now));

        assert!(faults.delay("a", SECOND).is_empty());
        assert!(faults.pass(publication("a", "4"), now).is_none());
        let ended = faults.delay("a", Duration::ZERO);
        assert_eq!(ended.iter().map(payload).collect::<Vec<_>>(), ["4"]);
        assert!(passes(&mut faults, "a", now));
        assert!(faults.delay("a", Duration::ZERO).is_empty());
    }

    #[test]
    fn only_so_much_waits() {
        let (mut faults, now) = (Faults::default(), runtime::now());
        assert!(faults.delay("a", SECOND).is_empty());
        let Publication { message, .. } = publication("a", &"x".repeat(1024 * 1024));
        for _ in 0..=MAX_DELAYED / message.size() {
            let message = message.clone();
            let large = Publication { message, ..publication("a", "") };
            assert!(faults.pass(large, now).is_none());
        }
        assert!(faults.delayed_bytes <= MAX_DELAYED);
        assert_eq!(due(&mut faults, now + SECOND).len(), 15);
        assert_eq!(faults.delayed_bytes, 0);
    }
}
