//! The requests of an endpoint that have come and have not begun.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

/// What waits, in the order in which it came, but that of each key one is let go at a time.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    /// What may begin.
    ready: VecDeque<Waiter<T>>,
    /// What comes behind others of its key. A key is in here from when its first is ready to when
    /// its last has ended.
    behind: HashMap<u64, VecDeque<Waiter<T>>>,
    len: usize,
    bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Waiter<T> {
    pub(crate) request: T,
    pub(crate) key: Option<u64>,
    size: usize,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { ready: VecDeque::new(), behind: HashMap::new(), len: 0, bytes: 0 }
    }
}

impl<T> Waiting<T> {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many bytes they have together.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The next that may begin.
    pub(crate) fn next_ready(&self) -> Option<&T> {
        self.ready.front().map(|waiter| &waiter.request)
    }

    pub(crate) fn push(&mut self, request: T, key: Option<u64>, size: usize) {
        self.len += 1;
        self.bytes += size;
        let waiter = Waiter { request, key, size };
        let Some(key) = key else { return self.ready.push_back(waiter) };
        match self.behind.entry(key) {
            Entry::Occupied(mut behind) => behind.get_mut().push_back(waiter),
            Entry::Vacant(first) => {
                first.insert(VecDeque::new());
                self.ready.push_back(waiter);
            }
        }
    }

    /// The next that may begin. Where it has a key, no other of that key may until
    /// [`ended`](Self::ended) says so.
    pub(crate) fn pop(&mut self) -> Option<Waiter<T>> {
        let waiter = self.ready.pop_front()?;
        self.len -= 1;
        self.bytes -= waiter.size;
        Some(waiter)
    }

    /// All that wait, in no order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> {
        (self.len, self.bytes) = (0, 0);
        let behind = std::mem::take(&mut self.behind).into_values().flatten();
        self.ready.drain(..).chain(behind).map(|waiter| waiter.request)
    }

    /// What ran with this key has ended.
    pub(crate) fn ended(&mut self, key: u64) {
        if let Entry::Occupied(mut behind) = self.behind.entry(key) {
            match behind.get_mut().pop_front() {
                Some(next) => self.ready.push_back(next),
                None => drop(behind.remove()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn popped(waiting: &mut Waiting<&'static str>) -> Option<&'static str> {
        waiting.pop().map(|waiter| waiter.request)
    }

    #[test]
    fn without_keys_the_order_is_that_of_coming() {
        let mut waiting = Waiting::default();
        for request in ["a", "b", "c"] {
            waiting.push(request, None, 10);
        }
        assert_eq!((waiting.len(), waiting.bytes()), (3, 30));
        assert_eq!(popped(&mut waiting), Some("a"));
        assert_eq!((waiting.len(), waiting.bytes()), (2, 20));
        assert_eq!((popped(&mut waiting), popped(&mut waiting)), (Some("b"), Some("c")));
        assert_eq!((popped(&mut waiting), waiting.len(), waiting.bytes()), (None, 0, 0));
    }

    #[test]
    fn of_each_key_one_is_let_go_at_a_time() {
        let mut waiting = Waiting::default();
        for (request, key) in [("a1", 1), ("a2", 1), ("b1", 2), ("a3", 1)] {
            waiting.push(request, Some(key), 1);
        }
        assert_eq!((popped(&mut waiting), popped(&mut waiting)), (Some("a1"), Some("b1")));
        assert_eq!((popped(&mut waiting), waiting.len()), (None, 2));
        waiting.ended(1);
        assert_eq!((popped(&mut waiting), popped(&mut waiting)), (Some("a2"), None));
        waiting.ended(2);
        waiting.push("b2", Some(2), 1);
        assert_eq!(popped(&mut waiting), Some("b2"), "the key was free");
        waiting.ended(1);
        assert_eq!(popped(&mut waiting), Some("a3"));
        waiting.ended(1);
        waiting.ended(2);
        assert!(waiting.behind.is_empty(), "no key is kept for ever");
    }
}
