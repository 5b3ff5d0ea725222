//! What holds for whatever comes from outside: one function for each fuzz target in `fuzz/`. The
//! tests replay the inputs that are kept there.

#[cfg(native_websocket)]
mod frames;
mod ops;
#[cfg(native_websocket)]
mod session;
mod words;

#[cfg(native_websocket)]
pub use self::frames::ws_frames;
pub use self::ops::nats_ops;
#[cfg(native_websocket)]
pub use self::session::pipeline;
pub use self::words::subject_header_codec;

/// How the bytes of a peer are cut into the pieces that they come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Whole,
    Single,
    /// As the bytes themselves say, from the last one on backwards.
    Derived,
}

impl Cut {
    /// The size of the `turn`th piece; never 0.
    fn size(self, data: &[u8], turn: usize) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Single => 1,
            Self::Derived => {
                let byte = data.iter().rev().nth(turn % data.len().max(1)).copied().unwrap_or(0);
                if byte % 4 == 0 { 1 } else { 1 + usize::from(byte / 4) }
            }
        }
    }
}

#[cfg(test)]
mod tests;
