//! How much was asked for and has not come: what a reader of a consumer counts (ADR-37).

/// How much a pull asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) messages: usize,
    /// 0 where bytes do not count.
    pub(crate) bytes: usize,
}

/// What was asked for and has not come, and when more is to be asked for.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// The most that may be asked for at a time.
    most: Ask,
    /// Where this little is left, more is asked for.
    threshold: Ask,
    pending: Ask,
}

impl Account {
    pub(crate) fn new(most: Ask, threshold: Ask) -> Self {
        Self { most, threshold, pending: Ask { messages: 0, bytes: 0 } }
    }

    /// How much is to be asked for now.
    pub(crate) fn wants(&self) -> Option<Ask> {
        let few_messages = self.pending.messages <= self.threshold.messages;
        let few_bytes = self.most.bytes > 0 && self.pending.bytes <= self.threshold.bytes;
        let ask = Ask {
            messages: self.most.messages.saturating_sub(self.pending.messages),
            bytes: self.most.bytes.saturating_sub(self.pending.bytes),
        };
        let is_some = ask.messages > 0 && (self.most.bytes == 0 || ask.bytes > 0);
        ((few_messages || few_bytes) && is_some).then_some(ask)
    }

    pub(crate) fn asked(&mut self, ask: Ask) {
        self.pending.messages += ask.messages;
        self.pending.bytes += ask.bytes;
    }

    /// A message came, of this size.
    pub(crate) fn received(&mut self, size: usize) {
        self.gone(Ask { messages: 1, bytes: size });
    }

    /// A pull is over, and so much of it will not come.
    pub(crate) fn gone(&mut self, rest: Ask) {
        self.pending.messages = self.pending.messages.saturating_sub(rest.messages);
        self.pending.bytes = self.pending.bytes.saturating_sub(rest.bytes);
    }

    /// Nothing of what was asked for will come.
    pub(crate) fn reset(&mut self) {
        self.pending = Ask { messages: 0, bytes: 0 };
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.messages == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn messages(messages: usize) -> Ask {
        Ask { messages, bytes: 0 }
    }

    #[test]
    fn more_is_asked_for_when_a_quarter_was_read() {
        let mut account = Account::new(messages(100), messages(75));
        let mut asked = Vec::new();
        for _ in 0..100 {
            if let Some(ask) = account.wants() {
                account.asked(ask);
                asked.push(ask.messages);
            }
            account.received(10);
        }
        assert_eq!(asked, [100, 25, 25, 25]);
    }

    #[test]
    fn what_a_pull_did_not_bring_is_asked_for_again() {
        let mut account = Account::new(messages(10), messages(5));
        account.asked(messages(10));
        assert_eq!(account.wants(), None);
        account.gone(messages(6));
        assert_eq!(account.wants(), Some(messages(6)));
        account.gone(messages(100));
        assert_eq!(account.wants(), Some(messages(10)));
    }

    #[test]
    fn bytes_count_where_they_are_limited() {
        let mut account =
            Account::new(Ask { messages: 100, bytes: 1000 }, Ask { messages: 0, bytes: 750 });
        let all = Ask { messages: 100, bytes: 1000 };
        assert_eq!(account.wants(), Some(all));
        account.asked(all);
        account.received(200);
        assert_eq!(account.wants(), None);
        account.received(50);
        assert_eq!(account.wants(), Some(Ask { messages: 2, bytes: 250 }));
    }
}
