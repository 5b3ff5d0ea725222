//! How much was asked for and has not come: what a reader of a consumer counts (ADR-37).

use std::collections::VecDeque;

/// How much one pull asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) messages: usize,
    /// `None` where bytes are not limited.
    pub(super) bytes: Option<usize>,
}

/// What will not come of a pull.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// How much may be on its way or wait here to be read: a number of messages, or of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    Messages(usize),
    /// So many bytes, asked for with so many messages: as many as they may be.
    Bytes {
        bytes: usize,
        messages: usize,
    },
}

impl Limit {
    fn most(self) -> usize {
        match self {
            Self::Messages(most) | Self::Bytes { bytes: most, .. } => most,
        }
    }
}

/// How many pulls are remembered. More of them are open only where each asks for very little.
const REMEMBERED: usize = 1024;

/// What a continuous reader has asked for and not got, and when it asks for more.
///
/// Each pull has a number, which the server's word on it comes back with. A pull from before
/// [`reset`](Self::reset) counts no more, whatever is said of it.
#[derive(Debug)]
pub(super) struct Account {
    limit: Limit,
    /// Where this little is left, more is asked for.
    threshold: usize,
    pending: usize,
    /// Of what is pending, that which is known not to come, and is not to be asked for again at
    /// once: the answer would be the same.
    held: usize,
    /// The number of the next pull.
    next: u64,
    /// The first pull that counts.
    first: u64,
    /// What the last pulls asked for, the last one at the end.
    asked: VecDeque<usize>,
}

impl Account {
    /// `threshold` is at least 1 less than the limit, so that a limit of 1 works as well.
    pub(super) fn new(limit: Limit, threshold: usize) -> Self {
        let threshold = threshold.min(limit.most().saturating_sub(1));
        Self { limit, threshold, pending: 0, held: 0, next: 0, first: 0, asked: VecDeque::new() }
    }

    /// How much is to be asked for now.
    #[inline]
    pub(super) fn wants(&self) -> Option<Ask> {
        if self.pending > self.threshold {
            return None;
        }
        let most = self.limit.most().saturating_sub(self.pending);
        Some(match self.limit {
            Limit::Messages(_) => Ask { messages: most, bytes: None },
            Limit::Bytes { messages, .. } => Ask { messages, bytes: Some(most) },
        })
    }

    /// The number of the pull that is to be sent next.
    pub(super) fn number(&self) -> u64 {
        self.next
    }

    /// That pull was sent.
    pub(super) fn asked(&mut self, ask: Ask) {
        let amount = match self.limit {
            Limit::Messages(_) => ask.messages,
            Limit::Bytes { .. } => ask.bytes.unwrap_or(0),
        };
        self.pending += amount;
        self.next += 1;
        self.asked.push_back(amount);
        if self.asked.len() > REMEMBERED {
            self.asked.pop_front();
        }
    }

    /// Whether this pull counts.
    pub(super) fn counts(&self, pull: u64) -> bool {
        (self.first..self.next).contains(&pull)
    }

    /// A message came, of this size.
    #[inline]
    pub(super) fn received(&mut self, size: usize) {
        self.gone(match self.limit {
            Limit::Messages(_) => 1,
            Limit::Bytes { .. } => size,
        });
    }

    /// A pull is over. Where it is not said what will not come of it, nothing has come of it at all.
    pub(super) fn over(&mut self, pull: u64, rest: Option<Rest>) {
        self.gone(self.amount(pull, rest));
    }

    /// A pull is over, and would be again if it were sent again: it is not, before
    /// [`release`](Self::release).
    pub(super) fn hold(&mut self, pull: u64, rest: Option<Rest>) {
        self.held = (self.held + self.amount(pull, rest)).min(self.pending);
    }

    /// What was held back may be asked for again; says whether there was any.
    pub(super) fn release(&mut self) -> bool {
        let held = std::mem::take(&mut self.held);
        self.gone(held);
        held > 0
    }

    /// Nothing of what was asked for will come.
    pub(super) fn reset(&mut self) {
        self.pending = 0;
        self.held = 0;
        self.first = self.next;
        self.asked.clear();
    }

    /// Whether a pull that has so much left asked for all that may be asked for.
    pub(super) fn is_all(&self, rest: Option<Rest>) -> bool {
        rest.is_some_and(|rest| self.units(rest) >= self.limit.most())
    }

    fn amount(&self, pull: u64, rest: Option<Rest>) -> usize {
        match rest {
            Some(rest) => self.units(rest),
            None => self.asked_by(pull),
        }
    }

    fn units(&self, rest: Rest) -> usize {
        match self.limit {
            Limit::Messages(_) => rest.messages,
            Limit::Bytes { .. } => rest.bytes,
        }
    }

    fn asked_by(&self, pull: u64) -> usize {
        let back = usize::try_from(self.next.saturating_sub(pull)).unwrap_or(usize::MAX);
        let at = self.asked.len().checked_sub(back);
        at.and_then(|at| self.asked.get(at)).copied().unwrap_or(0)
    }

    #[inline]
    fn gone(&mut self, amount: usize) {
        self.pending = self.pending.saturating_sub(amount);
    }
}

#[cfg(test)]
mod tests;
