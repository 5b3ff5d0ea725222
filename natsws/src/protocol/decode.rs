//! Bytes to operations, resumable at any byte.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use super::error::{ProtocolError, ProtocolFault};
use super::op::{Head, Line, Operation};

/// What the decoder accepts before it gives up on the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The longest control line, in bytes; `INFO` is allowed [`Limits::INFO_LINE`].
    pub(crate) line: usize,
    /// The largest message, headers and payload together, in bytes.
    pub(crate) message: usize,
}

impl Limits {
    /// A large cluster lists many addresses in its `INFO`.
    const INFO_LINE: usize = 1024 * 1024;
    /// The protocol's own bound for a message.
    pub(crate) const LARGEST_MESSAGE: usize = 64 * 1024 * 1024;
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 64 * 1024, message: Self::LARGEST_MESSAGE }
    }
}

/// Places in a block are told in 32 bits. No transport reads that much at once.
const LONGEST_BLOCK: usize = 1 << 30;

/// Turns the bytes of one direction of a connection into operations.
///
/// Operations are slices of the chunk they came in. Only what a chunk boundary cuts is copied, once:
/// it is collected in `partial` until it is whole.
#[derive(Debug)]
pub(crate) struct Decoder {
    chunks: VecDeque<Bytes>,
    partial: BytesMut,
    /// How much of `partial` is known to have no line end.
    scanned: usize,
    /// The line of a message whose payload is still being collected in `partial`.
    head: Option<(Head, usize)>,
    limits: Limits,
    /// Bytes of the operations that were handed out.
    consumed: u64,
    failed: Option<ProtocolError>,
}

/// What a look at some bytes found.
enum Found<O> {
    Op {
        op: O,
        /// Where what follows starts.
        end: usize,
    },
    /// A whole line of a message whose payload is not all there.
    Head { head: Head, line_end: usize },
    /// Not even a whole line.
    Part,
}

impl Decoder {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            chunks: VecDeque::new(),
            partial: BytesMut::new(),
            scanned: 0,
            head: None,
            limits,
            consumed: 0,
            failed: None,
        }
    }

    /// Changes what is accepted from now on.
    pub(crate) fn limit_messages(&mut self, message: usize) {
        self.limits.message = message.min(Limits::LARGEST_MESSAGE);
    }

    /// Adds what was read.
    pub(crate) fn push(&mut self, mut chunk: Bytes) {
        while chunk.len() > LONGEST_BLOCK {
            self.chunks.push_back(chunk.split_to(LONGEST_BLOCK));
        }
        if !chunk.is_empty() {
            self.chunks.push_back(chunk);
        }
    }

    /// Takes the next whole operation, `None` where more bytes are needed.
    ///
    /// After an error every further call returns it again.
    pub(crate) fn next<O: Operation>(&mut self) -> Result<Option<O>, ProtocolError> {
        let mut next = None;
        self.each(|op, _| {
            next = Some(op);
            false
        })?;
        Ok(next)
    }

    /// Takes whole operations out of one block until that has no more, or until `put` says that it
    /// wants no more. It gets the block with each, in which messages have their places. `false`
    /// where more bytes are needed.
    ///
    /// After an error every further call returns it again. Operations before a fault are taken first.
    pub(crate) fn each<O: Operation>(
        &mut self,
        mut put: impl FnMut(O, &Bytes) -> bool,
    ) -> Result<bool, ProtocolError> {
        loop {
            if let Some(error) = self.failed {
                return Err(error);
            }
            let found = if self.partial.is_empty() {
                let Some(block) = self.chunks.pop_front() else { return Ok(false) };
                self.each_of(&block, &mut put)
            } else {
                match self.finish_partial::<O>() {
                    Ok(None) => return Ok(false),
                    Ok(Some((op, block))) => {
                        put(op, &block);
                        true
                    }
                    Err(fault) => {
                        self.fail(fault);
                        false
                    }
                }
            };
            if found {
                return Ok(true);
            }
        }
    }

    /// Whether there is nothing to look at, before more bytes come.
    pub(crate) fn is_idle(&self) -> bool {
        self.chunks.is_empty() && self.failed.is_none()
    }

    fn fail(&mut self, fault: ProtocolFault) {
        self.failed = Some(ProtocolError { fault, at: self.consumed });
        self.chunks.clear();
        self.partial.clear();
    }

    /// Takes whole operations out of a block, and keeps what is left of it; says whether there was
    /// any.
    fn each_of<O: Operation>(
        &mut self,
        block: &Bytes,
        put: &mut impl FnMut(O, &Bytes) -> bool,
    ) -> bool {
        let mut at = 0;
        let found = loop {
            match look(block, at, self.limits) {
                Ok(Found::Op { op, end }) => {
                    at = end;
                    let wants_more = put(op, block);
                    if at == block.len() {
                        break true;
                    }
                    if !wants_more {
                        self.chunks.push_front(block.slice(at..));
                        break true;
                    }
                }
                Ok(Found::Head { head, line_end }) => {
                    self.partial.reserve(line_end + message_len(&head));
                    self.head = Some((head, line_end));
                    self.partial.extend_from_slice(block.get(at..).unwrap_or_default());
                    break at > 0;
                }
                Ok(Found::Part) => {
                    self.partial.extend_from_slice(block.get(at..).unwrap_or_default());
                    self.scanned = self.partial.len();
                    break at > 0;
                }
                Err(fault) => {
                    self.consumed += at as u64;
                    self.fail(fault);
                    return at > 0;
                }
            }
        };
        self.consumed += at as u64;
        found
    }

    /// Completes the operation that a chunk boundary cut; gives back the block that it was collected
    /// in.
    fn finish_partial<O: Operation>(&mut self) -> Result<Option<(O, Bytes)>, ProtocolFault> {
        loop {
            if let Some((head, line_end)) = self.head {
                let Some(end) = self.collect_payload(&head, line_end)? else { return Ok(None) };
                self.head = None;
                let block = self.take_partial(end);
                let op = O::with_message(head.sid, head.place(0, line_end), &block);
                return Ok(Some((op, block)));
            }
            let Some(line_end) = self.collect_line::<O>()? else { return Ok(None) };
            let line = Bytes::copy_from_slice(self.partial.get(..line_end).unwrap_or_default());
            match O::line(without_line_end(&line), |(from, to)| line.slice(from..to))? {
                Line::Whole(op) => return Ok(Some((op, self.take_partial(line_end)))),
                Line::Payload(head) => {
                    check_size(&head, self.limits)?;
                    self.partial.reserve(message_len(&head));
                    self.head = Some((head, line_end));
                }
            }
        }
    }

    /// Moves bytes into `partial` until it holds a whole line; returns where that ends.
    fn collect_line<O: Operation>(&mut self) -> Result<Option<usize>, ProtocolFault> {
        loop {
            let unseen = self.partial.get(self.scanned..).unwrap_or_default();
            if let Some(at) = memchr(b'\n', unseen) {
                let line_end = self.scanned + at + 1;
                self.scanned = 0;
                check_line::<O>(self.partial.get(..line_end).unwrap_or_default(), self.limits)?;
                return Ok(Some(line_end));
            }
            self.scanned = self.partial.len();
            check_line::<O>(&self.partial, self.limits)?;
            let Some(chunk) = self.chunks.front_mut() else { return Ok(None) };
            // Up to the line's end and no further: what follows can stay uncopied.
            let take = memchr(b'\n', chunk).map_or(chunk.len(), |at| at + 1);
            self.partial.extend_from_slice(&chunk.split_to(take));
            if chunk.is_empty() {
                self.chunks.pop_front();
            }
        }
    }

    /// Moves bytes into `partial` until it holds a whole message; returns where that ends.
    fn collect_payload(
        &mut self,
        head: &Head,
        line_end: usize,
    ) -> Result<Option<usize>, ProtocolFault> {
        let payload_end = line_end + message_len(head);
        loop {
            if let Some(end) = line_end_at(&self.partial, payload_end)? {
                return Ok(Some(end));
            }
            let Some(chunk) = self.chunks.front_mut() else { return Ok(None) };
            // One byte of the line end at a time, since it may be `\r\n` or `\n`.
            let missing = payload_end.saturating_sub(self.partial.len()).max(1);
            self.partial.extend_from_slice(&chunk.split_to(missing.min(chunk.len())));
            if chunk.is_empty() {
                self.chunks.pop_front();
            }
        }
    }

    /// Takes the first `len` bytes of `partial` out, as something that can be shared.
    fn take_partial(&mut self, len: usize) -> Bytes {
        self.consumed += len as u64;
        // What is left is the start of the next operation, which is short: a line was taken up to
        // its end, a payload up to its own.
        let taken = self.partial.split_to(len.min(self.partial.len())).freeze();
        if self.partial.is_empty() {
            self.partial = BytesMut::new();
        }
        taken
    }
}

/// Looks for one operation in `block` from `at` on, without copying.
#[cfg_attr(not(browser), inline(always))]
fn look<O: Operation>(block: &Bytes, at: usize, limits: Limits) -> Result<Found<O>, ProtocolFault> {
    let bytes = block.get(at..).unwrap_or_default();
    let Some(line_end) = memchr(b'\n', bytes).map(|end| end + 1) else {
        check_line::<O>(bytes, limits)?;
        return Ok(Found::Part);
    };
    let line = bytes.get(..line_end).unwrap_or_default();
    if line_end > limits.line {
        check_line::<O>(line, limits)?;
    }
    match O::line(without_line_end(line), |(from, to)| block.slice(at + from..at + to))? {
        Line::Whole(op) => Ok(Found::Op { op, end: at + line_end }),
        Line::Payload(head) => {
            check_size(&head, limits)?;
            match line_end_at(bytes, line_end + message_len(&head))? {
                Some(len) => {
                    let op = O::with_message(head.sid, head.place(at, line_end), block);
                    Ok(Found::Op { op, end: at + len })
                }
                None => Ok(Found::Head { head, line_end }),
            }
        }
    }
}

/// The size of a message that was checked, so that it is small enough to be told.
fn message_len(head: &Head) -> usize {
    usize::try_from(head.total).unwrap_or(usize::MAX / 2)
}

fn check_size(head: &Head, limits: Limits) -> Result<(), ProtocolFault> {
    match usize::try_from(head.total) {
        Ok(len) if len <= limits.message => Ok(()),
        _ => Err(ProtocolFault::MessageTooLarge { len: head.total, max: limits.message }),
    }
}

/// Checks a line, whole or in part. A peer that speaks something else is found out at its first
/// bytes: what it sends may never have a line end.
fn check_line<O: Operation>(line: &[u8], limits: Limits) -> Result<(), ProtocolFault> {
    let may_become = |verb: &&[u8]| {
        let len = verb.len().min(line.len());
        line.get(..len).is_some_and(|start| start.eq_ignore_ascii_case(&verb[..len]))
    };
    if !O::VERBS.iter().any(may_become) {
        return Err(ProtocolFault::UnknownOperation);
    }
    if line.len() <= limits.line {
        return Ok(());
    }
    let is_info = line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"INFO"));
    let max = if is_info { Limits::INFO_LINE.max(limits.line) } else { limits.line };
    if line.len() <= max { Ok(()) } else { Err(ProtocolFault::LineTooLong { max }) }
}

/// Where the line end behind a payload ends; `None` where it is not all there.
fn line_end_at(bytes: &[u8], payload_end: usize) -> Result<Option<usize>, ProtocolFault> {
    match (bytes.get(payload_end), bytes.get(payload_end + 1)) {
        (Some(b'\n'), _) => Ok(Some(payload_end + 1)),
        (Some(b'\r'), Some(b'\n')) => Ok(Some(payload_end + 2)),
        (None, _) | (Some(b'\r'), None) => Ok(None),
        _ => Err(ProtocolFault::PayloadEnd),
    }
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests;
