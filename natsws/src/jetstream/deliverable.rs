//! What a message of a stream can be read as.

use crate::msg::Msg;
use crate::typed::{DecodeError, DecodeOwned};

/// What the messages of a consumer can be read as: a type with `#[derive(Subject)]`, or
/// [`Untyped`].
///
/// It is implemented by all of these and never written by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a stream",
    note = "it needs `#[derive(Subject)]`, and what its codec needs: `serde::Deserialize` for JSON and MessagePack",
    note = "for subjects and bytes, read `natsws::jetstream::Untyped`"
)]
pub trait Deliverable: Sized + Send + 'static {
    /// Reads a value out of a message.
    ///
    /// # Errors
    /// [`DecodeError`] where subject or payload do not fit the type.
    fn read(msg: &Msg) -> Result<Self, DecodeError>;
}

impl<M: DecodeOwned + Send + 'static> Deliverable for M {
    fn read(msg: &Msg) -> Result<Self, DecodeError> {
        msg.decode()
    }
}

/// A message that is not decoded: [`Delivery::msg`](super::Delivery::msg) has its subject, headers
/// and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Untyped;

impl Deliverable for Untyped {
    fn read(_msg: &Msg) -> Result<Self, DecodeError> {
        Ok(Self)
    }
}
