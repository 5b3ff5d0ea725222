//! The bytes that wait to be sent, in the order in which things were said.
//!
//! An index of where each entry ends says what is a message, what a request and what a control
//! operation, for when not all of it is to be sent after all.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Body;
use crate::protocol::encode::{self, PublishHead};

/// From this size on what waits is worth a system call of its own. It is what fits into the nearer
/// caches together with the copy that the system makes of it.
pub(super) const BATCH: usize = 64 * 1024;
/// What it is where payloads are not copied here: the system is the only one that touches them.
const SHARED_BATCH: usize = 4 * BATCH;
/// From this size on a payload is its own chunk, which a TCP transport writes without copying.
pub(crate) const LARGE_PAYLOAD: usize = 16 * 1024;

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Control,
    Message {
        size: u32,
        headers: bool,
    },
    /// A message that is sent again over the next connection.
    Repeated {
        size: u32,
        headers: bool,
    },
    Request {
        token: u64,
        size: u32,
        headers: bool,
    },
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Where it ends, counted from the start of what waits.
    end: usize,
    kind: Kind,
}

#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// What was sealed before `open`.
    chunks: VecDeque<Bytes>,
    open: Vec<u8>,
    /// All bytes that wait.
    len: usize,
    /// Those of payloads that are not copied.
    shared: usize,
    entries: Vec<Entry>,
}

impl Waiting {
    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is enough for a system call of its own.
    #[inline]
    pub(super) fn is_batch(&self) -> bool {
        self.len - self.shared >= BATCH || self.len >= SHARED_BATCH
    }

    /// Adds a message or a request. `headers_len` is the head's.
    #[cfg_attr(not(browser), inline(always))]
    pub(super) fn push(
        &mut self,
        head: &PublishHead<'_>,
        headers_len: usize,
        body: Body<'_>,
        kind: Kind,
    ) {
        let payload = body.as_slice();
        let shared = match body {
            Body::Shared(shared) if payload.len() >= LARGE_PAYLOAD => Some(shared),
            _ => None,
        };
        let before = self.open.len();
        let room = if shared.is_some() { 0 } else { payload.len() };
        head.write(&mut self.open, headers_len, payload.len(), room);
        if let Some(shared) = shared {
            self.len += self.open.len() - before + payload.len();
            self.shared += payload.len();
            self.seal();
            self.chunks.push_back(shared.clone());
            encode::payload_end(&mut self.open);
            self.len += self.open.len();
        } else {
            self.open.extend_from_slice(payload);
            encode::payload_end(&mut self.open);
            self.len += self.open.len() - before;
        }
        self.entries.push(Entry { end: self.len, kind });
    }

    pub(super) fn push_control(&mut self, control: &[u8]) {
        if control.is_empty() {
            return;
        }
        self.open.extend_from_slice(control);
        self.len += control.len();
        self.entries.push(Entry { end: self.len, kind: Kind::Control });
    }

    /// Puts control operations before everything else.
    pub(super) fn put_first(&mut self, control: Vec<u8>) {
        let len = control.len();
        if len == 0 {
            return;
        }
        self.chunks.push_front(control.into());
        self.len += len;
        for entry in &mut self.entries {
            entry.end += len;
        }
        self.entries.insert(0, Entry { end: len, kind: Kind::Control });
    }

    fn seal(&mut self) {
        if !self.open.is_empty() {
            self.chunks.push_back(std::mem::take(&mut self.open).into());
        }
    }

    /// Moves everything behind what is in `chunks`. What comes next is collected in `spare`.
    pub(super) fn take(&mut self, chunks: &mut VecDeque<Bytes>, spare: Option<Vec<u8>>) {
        chunks.append(&mut self.chunks);
        if !self.open.is_empty() {
            chunks.push_back(std::mem::replace(&mut self.open, spare.unwrap_or_default()).into());
        }
        self.entries.clear();
        self.len = 0;
        self.shared = 0;
    }

    /// Gives back the memory that is not in use.
    pub(super) fn shrink(&mut self) {
        if self.len == 0 {
            *self = Self::default();
        }
    }

    /// How many messages wait, requests and what is sent again not counted.
    pub(super) fn messages(&self) -> u64 {
        let messages = self.entries.iter().filter(|e| matches!(e.kind, Kind::Message { .. }));
        messages.count() as u64
    }

    /// Keeps only some entries; gives back how many messages are left.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(Kind) -> bool) -> u64 {
        let mut before = std::mem::take(self);
        before.seal();
        let mut bytes = Vec::with_capacity(before.len);
        for chunk in before.chunks {
            bytes.extend_from_slice(&chunk);
        }
        let mut start = 0;
        for entry in before.entries {
            let entry_bytes = bytes.get(start..entry.end).unwrap_or_default();
            start = entry.end;
            if keep(entry.kind) {
                self.open.extend_from_slice(entry_bytes);
                self.len += entry_bytes.len();
                self.entries.push(Entry { end: self.len, kind: entry.kind });
            }
        }
        self.messages()
    }
}
