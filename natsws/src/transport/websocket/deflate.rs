//! Compression of messages (RFC 7692): each by itself, inflated piece by piece and never as a whole.
//!
//! A few bytes may inflate to any number of them. They come out in blocks, each made when the one
//! before it was taken, so that the limits of the decoder stop them as if they had been sent.

use std::error::Error;

use bytes::{Buf, Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::frame::{Read, Reader};

/// The most that one message of ours inflates to, and the size of the blocks that others inflate
/// into.
const BLOCK: usize = 64 * 1024;
/// With less room than this a new block is begun.
const LEAST_ROOM: usize = 4 * 1024;
/// What is shorter goes as it is, as nats-server does it.
const THRESHOLD: usize = 64;
/// Every message ends with these bytes, which are not sent (section 7.2.1).
const END: &[u8] = &[0, 0, 0xff, 0xff];
/// They, and an empty last block: one that is not reached shows that something is missing.
const TAIL: &[u8] = &[0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];

/// A message that does not inflate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("compressed data is corrupt")]
    Corrupt,
    #[error("a compressed message ends in the middle")]
    Incomplete,
    #[error("a compressed message goes on behind its end")]
    BehindEnd,
}

/// Both ways of one connection.
pub(super) struct Deflate {
    inflater: Inflater,
    deflater: Deflater,
}

impl Deflate {
    pub(super) fn new() -> Self {
        Self { inflater: Inflater::new(), deflater: Deflater::new() }
    }

    /// The server takes no message that inflates to more. Before it has said so, nothing is
    /// compressed.
    pub(super) fn limit(&mut self, max_payload: usize) {
        self.deflater.limit = max_payload.min(BLOCK);
    }

    /// What the reader has next, inflated where it is compressed.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader,
        block: &mut BytesMut,
    ) -> Result<Read, Box<dyn Error + Send + Sync>> {
        loop {
            if let Some(data) = self.inflater.next()? {
                return Ok(Read::Data(data));
            }
            match reader.next(block)? {
                Read::Data(piece) if reader.is_compressed() => {
                    self.inflater.push(piece, reader.is_between());
                }
                read => return Ok(read),
            }
        }
    }

    /// Takes a WebSocket message off what is to be sent; and whether it is compressed.
    pub(super) fn message(&mut self, rest: &mut Bytes) -> (Bytes, bool) {
        self.deflater.message(rest)
    }
}

/// Makes messages smaller.
struct Deflater {
    compress: Compress,
    /// A message that does not fit in here is not worth it.
    room: Box<[u8]>,
    limit: usize,
}

impl Deflater {
    fn new() -> Self {
        Self {
            compress: Compress::new(Compression::fast(), false),
            room: vec![0; BLOCK].into(),
            limit: 0,
        }
    }

    fn message(&mut self, rest: &mut Bytes) -> (Bytes, bool) {
        if rest.len().min(self.limit) < THRESHOLD {
            return (std::mem::take(rest), false);
        }
        let piece =
            if rest.len() <= self.limit { std::mem::take(rest) } else { rest.split_to(self.limit) };
        match self.compressed(&piece) {
            Some(smaller) => (Bytes::copy_from_slice(smaller), true),
            None => (piece, false),
        }
    }

    /// `None` where it would not be smaller.
    fn compressed(&mut self, piece: &[u8]) -> Option<&[u8]> {
        self.compress.reset();
        // A full room may hold back the end, which is why what fits exactly does not count.
        let room = self.room.get_mut(..piece.len())?;
        self.compress.compress(piece, room, FlushCompress::Sync).ok()?;
        let written = usize::try_from(self.compress.total_out()).ok()?;
        if self.compress.total_in() != piece.len() as u64 || written >= piece.len() {
            return None;
        }
        self.room.get(..written)?.strip_suffix(END)
    }
}

/// Makes messages what they were.
struct Inflater {
    inflate: Decompress,
    /// Room for what comes out, filled with zeros.
    block: BytesMut,
    /// What is left of the piece that was read last.
    input: Bytes,
    /// There may be more to come of that piece.
    busy: bool,
    stage: Stage,
    /// The sender has said that this is the end, and not left that to the frame.
    ended: bool,
    /// The one byte came that may stand behind such an end.
    padded: bool,
}

/// What of a message the input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Inside,
    Last,
    /// What the sender left out.
    Tail,
}

impl Inflater {
    fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
            block: BytesMut::new(),
            input: Bytes::new(),
            busy: false,
            stage: Stage::Inside,
            ended: false,
            padded: false,
        }
    }

    /// Takes the next piece of a message, when nothing more comes of the one before.
    fn push(&mut self, piece: Bytes, is_last: bool) {
        self.input = piece;
        self.busy = true;
        self.stage = if is_last { Stage::Last } else { Stage::Inside };
    }

    /// The next block; `None` where the next piece is needed.
    ///
    /// A message that has nothing gives an empty block, so that a flood of them does not keep others
    /// from their turn.
    fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        while self.busy {
            if !self.ended {
                let (read, written) = self.step()?;
                if written > 0 {
                    if self.stage == Stage::Tail {
                        return Err(Fault::Incomplete);
                    }
                    return Ok(Some(self.block.split_to(written).freeze()));
                }
                if read > 0 {
                    continue;
                }
            }
            if !self.input.is_empty() {
                self.pad()?;
            }
            // All of the input is inflated, and all of it was taken.
            match self.stage {
                Stage::Inside => {
                    // An empty slice would hold the block that was read.
                    self.input = Bytes::new();
                    self.busy = false;
                }
                Stage::Last if !self.ended => {
                    self.stage = Stage::Tail;
                    self.input = Bytes::from_static(TAIL);
                }
                Stage::Tail if !self.ended => return Err(Fault::Incomplete),
                Stage::Last | Stage::Tail => {
                    let was_empty = self.inflate.total_out() == 0;
                    self.inflate.reset(false);
                    (self.busy, self.ended, self.padded) = (false, false, false);
                    if was_empty {
                        return Ok(Some(Bytes::new()));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Inflates what fits; gives back how much was read and written.
    fn step(&mut self) -> Result<(usize, usize), Fault> {
        if self.block.len() < LEAST_ROOM {
            self.block = BytesMut::zeroed(BLOCK);
        }
        let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(&self.input, &mut self.block, FlushDecompress::None);
        self.ended = match status {
            Ok(status) => status == Status::StreamEnd,
            // What is left out is no fault, so it is not in its place.
            Err(_) if self.stage == Stage::Tail => return Err(Fault::Incomplete),
            Err(_) => return Err(Fault::Corrupt),
        };
        let size = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
        let read = size(self.inflate.total_in(), read);
        self.input.advance(read.min(self.input.len()));
        Ok((read, size(self.inflate.total_out(), written)))
    }

    /// Passes over what stands behind an end: one byte, of the empty block that has to be there
    /// (section 7.2.3.4).
    fn pad(&mut self) -> Result<(), Fault> {
        if !self.ended {
            return Err(Fault::Corrupt);
        }
        if self.padded || self.input[..] != [0] {
            return Err(Fault::BehindEnd);
        }
        self.padded = true;
        self.input.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
