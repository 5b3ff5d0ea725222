//! One message as it came off the wire: a handle on the block it was read in, and offsets.

use std::str;

use bytes::Bytes;

/// A received message without copies: `bytes` runs from the subject to the end of the payload, and
/// the parts are found by offsets into it.
///
/// Subject and reply are bytes here: any publisher can send some that are not UTF-8, and that must
/// cost that message only.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    bytes: Bytes,
    at: Offsets,
}

/// Where the parts of a message lie, counted from the start of its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offsets {
    pub(crate) subject_end: u32,
    pub(crate) reply_start: u32,
    /// Equal to `reply_start` where there is no reply subject.
    pub(crate) reply_end: u32,
    pub(crate) headers_start: u32,
    /// Equal to `headers_start` where there are no headers.
    pub(crate) payload_start: u32,
}

impl Delivery {
    pub(crate) fn new(bytes: Bytes, at: Offsets) -> Self {
        Self { bytes, at }
    }

    fn part(&self, start: u32, end: u32) -> &[u8] {
        self.bytes.get(start as usize..end as usize).unwrap_or_default()
    }

    pub(crate) fn subject(&self) -> &[u8] {
        self.part(0, self.at.subject_end)
    }

    pub(crate) fn reply(&self) -> Option<&[u8]> {
        let reply = self.part(self.at.reply_start, self.at.reply_end);
        (!reply.is_empty()).then_some(reply)
    }

    pub(crate) fn headers(&self) -> Bytes {
        self.slice(self.at.headers_start, self.at.payload_start)
    }

    pub(crate) fn payload(&self) -> Bytes {
        self.bytes.slice(self.payload_at()..)
    }

    pub(crate) fn payload_bytes(&self) -> &[u8] {
        self.bytes.get(self.payload_at()..).unwrap_or_default()
    }

    /// Header and payload bytes: what counts against limits and in statistics.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len().saturating_sub(self.at.headers_start as usize)
    }

    pub(crate) fn has_headers(&self) -> bool {
        self.at.headers_start != self.at.payload_start
    }

    /// Whether this is the server's word that a request has nobody to answer it.
    ///
    /// It is a reply with status 503 and nothing in it; a 503 with a payload is somebody's answer.
    pub(crate) fn is_no_responders(&self) -> bool {
        const FIRST_LINE: &[u8] = b"NATS/1.0 503";
        self.payload_bytes().is_empty()
            && self.has_headers()
            && self.part(self.at.headers_start, self.at.payload_start).starts_with(FIRST_LINE)
    }

    /// The subject, where it is text.
    pub(crate) fn subject_text(&self) -> Option<&str> {
        str::from_utf8(self.subject()).ok()
    }

    fn payload_at(&self) -> usize {
        (self.at.payload_start as usize).min(self.bytes.len())
    }

    fn slice(&self, start: u32, end: u32) -> Bytes {
        let end = (end as usize).min(self.bytes.len());
        self.bytes.slice((start as usize).min(end)..end)
    }
}
