//! One message as it came off the wire: a handle on the block it was read in, and offsets.

use std::str;

use bytes::{Buf, Bytes};

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

/// What is known of the bytes of subject and reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
// As wide as the offsets: a narrower one would leave bytes that are copied one by one.
#[repr(u32)]
pub(crate) enum Text {
    Ascii,
    /// Nobody has looked yet.
    Unknown,
}

impl Text {
    #[inline]
    pub(crate) fn new(is_ascii: bool) -> Self {
        if is_ascii { Self::Ascii } else { Self::Unknown }
    }
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
    /// What is known of subject and reply.
    pub(crate) text: Text,
}

/// Where a message lies in the block that it was read in.
///
/// A message is passed on as its place for as long as possible: that is a few numbers, where a
/// handle on the block is counted by an atomic that two threads would fight for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where its subject starts.
    pub(crate) start: u32,
    /// How many bytes it has from there on.
    pub(crate) len: u32,
    pub(crate) at: Offsets,
}

impl Place {
    /// A message that is nothing but a payload.
    #[cfg(test)]
    pub(crate) fn of_payload(start: u32, len: u32) -> Self {
        let at = Offsets {
            subject_end: 0,
            reply_start: 0,
            reply_end: 0,
            headers_start: 0,
            payload_start: 0,
            text: Text::Ascii,
        };
        Self { start, len, at }
    }

    pub(crate) fn has_no_payload(&self) -> bool {
        self.len <= self.at.payload_start
    }

    /// Header and payload bytes: what counts against limits and in statistics.
    pub(crate) fn size(&self) -> usize {
        self.len.saturating_sub(self.at.headers_start) as usize
    }

    /// The subject in its block.
    pub(crate) fn subject<'b>(&self, block: &'b [u8]) -> &'b [u8] {
        let start = self.start as usize;
        block.get(start..start + self.at.subject_end as usize).unwrap_or_default()
    }
}

/// What a message is passed on as.
pub(crate) trait Message {
    fn cut(place: Place, block: &Bytes) -> Self;
}

impl Message for Place {
    #[inline]
    fn cut(place: Place, _block: &Bytes) -> Self {
        place
    }
}

impl Message for Delivery {
    fn cut(place: Place, block: &Bytes) -> Self {
        Self::new(block.clone(), place)
    }
}

impl Delivery {
    /// The message at a place in its block.
    #[inline]
    pub(crate) fn new(mut block: Bytes, place: Place) -> Self {
        let end = (place.start as usize).saturating_add(place.len as usize).min(block.len());
        block.truncate(end);
        block.advance((place.start as usize).min(end));
        Self { bytes: block, at: place.at }
    }

    /// A message that was not read: its parts in a block of their own. `reply` and `headers` are
    /// empty where it has none.
    pub(crate) fn made(subject: &str, reply: &str, headers: &[u8], payload: &[u8]) -> Self {
        let parts = [subject.as_bytes(), reply.as_bytes(), headers, payload];
        let bytes = parts.concat();
        let end = |parts: &[&[u8]]| {
            let len = parts.iter().map(|part| part.len()).sum::<usize>();
            u32::try_from(len).unwrap_or(u32::MAX)
        };
        let [subject_end, reply_end, payload_start] = [1, 2, 3].map(|count| end(&parts[..count]));
        let at = Offsets {
            subject_end,
            reply_start: subject_end,
            reply_end,
            headers_start: reply_end,
            payload_start,
            text: Text::new(subject.is_ascii() && reply.is_ascii()),
        };
        Self { bytes: bytes.into(), at }
    }

    /// The same message without its reply subject.
    #[cfg(feature = "jetstream")]
    pub(crate) fn without_reply(&self) -> Self {
        let at = Offsets { reply_end: self.at.reply_start, ..self.at };
        Self { bytes: self.bytes.clone(), at }
    }

    /// The message as its place in a block of its own.
    pub(crate) fn into_parts(self) -> (Bytes, Place) {
        let len = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        (self.bytes, Place { start: 0, len, at: self.at })
    }

    /// The same message as a copy of its own, which keeps no block alive.
    #[cfg(embedded_broker)]
    pub(crate) fn compact(&self) -> Self {
        Self { bytes: Bytes::copy_from_slice(&self.bytes), at: self.at }
    }

    /// Whether subject and reply are text.
    #[inline]
    pub(crate) fn is_text(&self) -> bool {
        self.at.text == Text::Ascii
            || (str::from_utf8(self.subject()).is_ok()
                && self.reply().is_none_or(|reply| str::from_utf8(reply).is_ok()))
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
