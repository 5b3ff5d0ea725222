//! The protocol as it is received and sent, for those who look for a fault.

use std::fmt;

/// The most bytes of a block that are shown.
const SHOWN: usize = 512;

/// What was received.
pub(super) fn received(bytes: &[u8]) {
    tracing::trace!(target: "natsws::protocol", "< {}", Shown(bytes));
}

/// What is sent.
pub(super) fn sent(bytes: &[u8]) {
    tracing::trace!(target: "natsws::protocol", "> {}", Shown(bytes));
}

/// What is sent first, of which only this much is for everybody.
pub(super) fn introduced(name: Option<&str>, credentials: &impl fmt::Debug) {
    tracing::trace!(target: "natsws::protocol", ?name, ?credentials, "> CONNECT … PING");
}

/// The beginning of a block, with everything escaped that is not plain text.
struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.0.get(..SHOWN).unwrap_or(self.0);
        write!(f, "{}", start.escape_ascii())?;
        match self.0.len().checked_sub(SHOWN) {
            Some(more) if more > 0 => write!(f, "… {more} more bytes"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_shown_escaped_and_cut() {
        assert_eq!(Shown(b"PUB a 1\r\n\x1b\r\n").to_string(), "PUB a 1\\r\\n\\x1b\\r\\n");
        let long = Shown(&[b'x'; SHOWN + 3]).to_string();
        assert!(long.ends_with("xx\u{2026} 3 more bytes"), "{long}");
    }
}
