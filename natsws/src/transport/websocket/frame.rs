//! Frames (RFC 6455, section 5.2): headers read in place, payloads passed on as they come.

use bytes::{Buf, Bytes, BytesMut};

use super::mask;

/// The bits that extensions may use. One of them says that a message is compressed (RFC 7692).
const RESERVED: u8 = 0x70;
pub(super) const COMPRESSED: u8 = 0x40;

/// Frames of up to this size are moved together. What is larger is worth passing on by itself.
const JOINED: usize = 4 * 1024;
/// The longest payload of a control frame.
const CONTROL: usize = 125;

/// Who reads: a server's frames are not masked, a client's are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    #[cfg_attr(not(embedded_broker), allow(dead_code, reason = "the broker's side"))]
    Server,
}

/// A frame that breaks the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("a reserved bit is set")]
    Reserved,
    #[error("the opcode {opcode:#x} is not known")]
    Opcode { opcode: u8 },
    #[error("a server's frame is masked")]
    Masked,
    #[error("a client's frame is not masked")]
    NotMasked,
    #[error("a control frame is fragmented")]
    FragmentedControl,
    #[error("a control frame has more than 125 bytes")]
    LongControl,
    #[error("a length has its highest bit set")]
    Length,
    #[error("a length is not written in the shortest form")]
    LongLength,
    #[error("a message begins inside another")]
    Interleaved,
    #[error("a message is continued that did not begin")]
    NothingToContinue,
    #[error("a close frame has a payload of one byte")]
    ShortClose,
    #[error("a close frame has the code {code}, which may not be sent")]
    CloseCode { code: u16 },
    #[error("a close frame has a reason that is not UTF-8")]
    CloseReason,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A part of a message; where messages begin and end is of no interest to NATS.
    Data(Bytes),
    Ping(Bytes),
    Close {
        /// The code, where there is one.
        code: Option<u16>,
    },
    /// More bytes are needed.
    Nothing,
}

/// The frame whose payload is being read.
#[derive(Debug, Clone, Copy)]
struct Open {
    opcode: u8,
    /// What is left of the payload.
    left: u64,
    key: Option<[u8; 4]>,
    /// What of it was read.
    done: usize,
}

/// Reads frames from a block of bytes, and keeps what is needed across blocks.
#[derive(Debug)]
pub(super) struct Reader {
    role: Role,
    /// Bits that may not be set.
    reserved: u8,
    open: Option<Open>,
    /// A message began and has not ended.
    in_message: bool,
    /// It is compressed, or the last one was.
    compressed: bool,
    /// The payload of a control frame.
    control: BytesMut,
}

impl Reader {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            reserved: RESERVED,
            open: None,
            in_message: false,
            compressed: false,
            control: BytesMut::new(),
        }
    }

    /// Messages may be compressed from here on.
    #[cfg(native_deflate)]
    pub(super) fn allow_compression(&mut self) {
        self.reserved = RESERVED & !COMPRESSED;
    }

    /// What was read last of a message is compressed. Its last piece may be empty.
    #[cfg(native_deflate)]
    pub(super) fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// Whether the message has ended that was read last.
    #[cfg(native_deflate)]
    pub(super) fn is_between(&self) -> bool {
        self.open.is_none() && !self.in_message
    }

    /// Takes the next thing out of the block. What was taken is a slice of it.
    ///
    /// Small frames are joined: a server that flushes every message sends hundreds of them in one
    /// block, and whoever is above this would do for each what it does for a block.
    pub(super) fn next(&mut self, block: &mut BytesMut) -> Result<Read, Fault> {
        // What was read, and how much of that is data, which stands in front.
        let (mut read, mut data) = (0, 0);
        // The end of a compressed message is of interest, and may come by itself.
        let mut ends = false;
        loop {
            let rest = block.get(read..).unwrap_or_default();
            let Some(open) = &mut self.open else {
                match self.header(rest) {
                    Ok(Some(len)) => read += len,
                    // It is an error again when it is the next thing.
                    Err(fault) if data == 0 => return Err(fault),
                    Ok(None) | Err(_) => break,
                }
                continue;
            };
            let len = usize::try_from(open.left).unwrap_or(usize::MAX).min(rest.len());
            if open.left > 0 && len == 0 {
                break;
            }
            let is_control = open.opcode & 0x8 != 0;
            if data > 0 && (is_control || len > JOINED) {
                break;
            }
            if data == 0 {
                block.advance(read);
                read = 0;
            } else {
                block.copy_within(read..read + len, data);
            }
            if let (Some(key), Some(piece)) = (open.key, block.get_mut(data..data + len)) {
                mask::apply(piece, key, open.done);
            }
            open.left -= len as u64;
            open.done = open.done.wrapping_add(len);
            let opcode = open.opcode;
            if open.left == 0 {
                self.open = None;
            }
            if is_control {
                self.control.extend_from_slice(&block.split_to(len));
                if self.open.is_some() {
                    return Ok(Read::Nothing);
                }
                let payload = self.control.split().freeze();
                match opcode {
                    0x8 => return close(&payload),
                    0x9 => return Ok(Read::Ping(payload)),
                    // A PONG that nobody asked for is fine.
                    _ => continue,
                }
            }
            read += len;
            data += len;
            if self.reserved != RESERVED {
                // Whether it is compressed is said of what was read last.
                ends = self.compressed && self.open.is_none() && !self.in_message;
                if data > 0 || ends {
                    break;
                }
            }
        }
        let data = block.split_to(data);
        block.advance(read.saturating_sub(data.len()));
        if data.is_empty() && !ends { Ok(Read::Nothing) } else { Ok(Read::Data(data.freeze())) }
    }

    /// Reads a header where it is whole, and gives back its length. A bad one changes nothing.
    fn header(&mut self, bytes: &[u8]) -> Result<Option<usize>, Fault> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        let (fin, opcode) = (first & 0x80 != 0, first & 0xf);
        let compressed = first & COMPRESSED != 0;
        // Whether a message is compressed is said where it begins.
        if first & self.reserved != 0 || (compressed && !matches!(opcode, 0x1 | 0x2)) {
            return Err(Fault::Reserved);
        }
        let masked = second & 0x80 != 0;
        match self.role {
            Role::Client if masked => return Err(Fault::Masked),
            Role::Server if !masked => return Err(Fault::NotMasked),
            _ => {}
        }
        let short = second & 0x7f;
        match opcode {
            0x0 if !self.in_message => return Err(Fault::NothingToContinue),
            0x1 | 0x2 if self.in_message => return Err(Fault::Interleaved),
            0x8..=0xa if !fin => return Err(Fault::FragmentedControl),
            0x8..=0xa if usize::from(short) > CONTROL => return Err(Fault::LongControl),
            0x0..=0x2 | 0x8..=0xa => {}
            _ => return Err(Fault::Opcode { opcode }),
        }
        let more = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let len = 2 + more + if masked { 4 } else { 0 };
        if bytes.len() < len {
            return Ok(None);
        }
        let mut rest = rest;
        let left = match more {
            0 => u64::from(short),
            2 => u64::from(rest.get_u16()),
            _ => rest.get_u64(),
        };
        if left >> 63 != 0 {
            return Err(Fault::Length);
        }
        if (more == 2 && left < 126) || (more == 8 && u16::try_from(left).is_ok()) {
            return Err(Fault::LongLength);
        }
        let key = masked.then(|| rest.get_u32().to_be_bytes());
        if opcode <= 0x2 {
            self.in_message = !fin;
        }
        if matches!(opcode, 0x1 | 0x2) {
            self.compressed = compressed;
        }
        self.open = Some(Open { opcode, left, key, done: 0 });
        Ok(Some(len))
    }
}

/// Reads the payload of a close frame.
fn close(payload: &[u8]) -> Result<Read, Fault> {
    let code = match payload {
        [] => return Ok(Read::Close { code: None }),
        [_] => return Err(Fault::ShortClose),
        [high, low, reason @ ..] => {
            if std::str::from_utf8(reason).is_err() {
                return Err(Fault::CloseReason);
            }
            u16::from_be_bytes([*high, *low])
        }
    };
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Read::Close { code: Some(code) }),
        _ => Err(Fault::CloseCode { code }),
    }
}

/// Writes the header of a whole frame; a client's has a key.
pub(super) fn header(out: &mut BytesMut, opcode: u8, len: usize, key: Option<[u8; 4]>) {
    let masked = if key.is_some() { 0x80 } else { 0 };
    out.extend_from_slice(&[0x80 | opcode]);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len), _) if len < 126 => out.extend_from_slice(&[masked | len]),
        (_, Ok(len)) => {
            out.extend_from_slice(&[masked | 0x7e]);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.extend_from_slice(&[masked | 0x7f]);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if let Some(key) = key {
        out.extend_from_slice(&key);
    }
}

#[cfg(test)]
mod tests;
