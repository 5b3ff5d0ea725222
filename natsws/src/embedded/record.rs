//! What was published, as far back as there is room for it.

use std::collections::VecDeque;
use std::iter;

use super::subjects;
use crate::delivery::Delivery;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordLimits {
    pub(super) messages: usize,
    /// Headers and payloads together.
    pub(super) bytes: usize,
}

/// The latest messages, numbered in the order in which they came.
#[derive(Debug)]
pub(super) struct Record {
    limits: RecordLimits,
    kept: VecDeque<Delivery>,
    bytes: usize,
    /// The number of the oldest message that is kept.
    first: u64,
    /// The number that the record starts with: what came before is not missed.
    start: u64,
}

/// So many messages are not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missed(pub(super) u64);

impl Record {
    pub(super) fn new(limits: RecordLimits) -> Self {
        Self { limits, kept: VecDeque::new(), bytes: 0, first: 0, start: 0 }
    }

    /// Adds a message as a copy: it must not keep the block alive that it was read in.
    pub(super) fn add(&mut self, message: &Delivery) {
        let RecordLimits { messages, bytes } = self.limits;
        if messages == 0 || message.size() > bytes {
            self.first = self.end() + 1;
            self.kept.clear();
            self.bytes = 0;
            return;
        }
        self.bytes += message.size();
        self.kept.push_back(message.compact());
        while self.kept.len() > messages || self.bytes > bytes {
            let Some(oldest) = self.kept.pop_front() else { return };
            self.bytes -= oldest.size();
            self.first += 1;
        }
    }

    /// The number that the next message will have.
    pub(super) fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// Starts anew.
    pub(super) fn forget(&mut self) {
        self.first = self.end();
        self.start = self.first;
        self.kept.clear();
        self.bytes = 0;
    }

    /// The next message from the number `from` on that falls under one of these filters, which are
    /// valid; `from` is behind it then.
    pub(super) fn next(
        &self,
        from: &mut u64,
        filters: &[&str],
    ) -> Option<Result<Delivery, Missed>> {
        *from = self.start.max(*from);
        let missed = self.first.saturating_sub(*from);
        if missed > 0 {
            *from = self.first;
            return Some(Err(Missed(missed)));
        }
        let read = usize::try_from(*from - self.first).unwrap_or(usize::MAX);
        for message in self.kept.iter().skip(read) {
            *from += 1;
            if is_under(filters, message.subject()) {
                return Some(Ok(message.clone()));
            }
        }
        None
    }

    /// All messages under one of these filters, the oldest first.
    pub(super) fn all(&self, filters: &[&str]) -> Result<Vec<Delivery>, Missed> {
        let mut from = self.start;
        iter::from_fn(|| self.next(&mut from, filters)).collect()
    }
}

fn is_under(filters: &[&str], subject: &[u8]) -> bool {
    filters.iter().any(|filter| subjects::matches(filter.as_bytes(), subject))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::decode::{Decoder, Limits};
    use crate::protocol::op::ClientOp;

    fn message(subject: &str, payload: &str) -> Delivery {
        let mut decoder = Decoder::new(Limits::default());
        decoder.push(format!("PUB {subject} {}\r\n{payload}\r\n", payload.len()).into());
        match decoder.next() {
            Ok(Some(ClientOp::Pub(message))) => message,
            other => panic!("{other:?}"),
        }
    }

    fn record(messages: usize, bytes: usize) -> Record {
        Record::new(RecordLimits { messages, bytes })
    }

    fn payloads(record: &Record, filters: &[&str]) -> Result<Vec<String>, Missed> {
        let text =
            |message: Delivery| String::from_utf8_lossy(message.payload_bytes()).into_owned();
        Ok(record.all(filters)?.into_iter().map(text).collect())
    }

    #[test]
    fn what_falls_under_a_filter_is_found_in_order() {
        let mut record = record(9, 9);
        for (subject, payload) in [("a.1", "x"), ("b", "y"), ("a.2", "z")] {
            record.add(&message(subject, payload));
        }
        assert_eq!(payloads(&record, &["a.*"]), Ok(vec!["x".to_owned(), "z".to_owned()]));
        let twice = payloads(&record, &["b", ">", "b"]);
        assert_eq!(twice, Ok(["x", "y", "z"].map(str::to_owned).to_vec()));
        assert_eq!(payloads(&record, &[]), Ok(Vec::new()));
    }

    #[test]
    fn a_reader_goes_on_where_it_was() {
        let mut record = record(9, 9);
        let mut from = 0;
        assert!(record.next(&mut from, &["a"]).is_none());
        record.add(&message("a", "x"));
        record.add(&message("b", "y"));
        let first = record.next(&mut from, &["a"]).expect("it").expect("it is kept");
        assert_eq!((first.payload_bytes(), from), (&b"x"[..], 1));
        assert!(record.next(&mut from, &["a"]).is_none());
        assert_eq!(from, 2);
    }

    #[test]
    fn what_there_is_no_room_for_is_missed_and_counted() {
        let mut by_count = record(2, 100);
        let mut by_bytes = record(100, 6);
        for record in [&mut by_count, &mut by_bytes] {
            for payload in ["abc", "def", "ghi"] {
                record.add(&message("a", payload));
            }
            assert_eq!(payloads(record, &["a"]), Err(Missed(1)));
            let mut from = 0;
            assert_eq!(record.next(&mut from, &["a"]).expect("a gap").err(), Some(Missed(1)));
            let next = record.next(&mut from, &["a"]).expect("it").expect("it is kept");
            assert_eq!(next.payload_bytes(), b"def");
        }
        by_bytes.add(&message("a", "larger than all"));
        assert_eq!(payloads(&by_bytes, &["a"]), Err(Missed(4)));
        assert_eq!((by_bytes.bytes, by_bytes.end()), (0, 4));
        let mut nothing = record(0, 100);
        assert_eq!(payloads(&nothing, &["a"]), Ok(Vec::new()));
        nothing.add(&message("a", ""));
        assert_eq!(payloads(&nothing, &["a"]), Err(Missed(1)));
    }

    #[test]
    fn what_is_forgotten_is_not_missed() {
        let mut record = record(2, 100);
        let mut from = 0;
        for payload in ["1", "2", "3"] {
            record.add(&message("a", payload));
        }
        record.forget();
        assert_eq!(payloads(&record, &["a"]), Ok(Vec::new()));
        assert!(record.next(&mut from, &["a"]).is_none());
        record.add(&message("a", "4"));
        assert_eq!(payloads(&record, &["a"]), Ok(vec!["4".to_owned()]));
        assert_eq!(record.bytes, 1);
    }
}
