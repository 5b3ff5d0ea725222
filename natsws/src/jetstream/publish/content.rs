//! What is published: a typed message, or a subject and bytes.

use crate::driver::Body;
use crate::header::Headers;
use crate::payload::{Payload, Repr};
use crate::publish::PublishError as Refusal;
use crate::typed::{EncodeMessage, Outgoing};

/// What can be written as a message: a [typed one](Typed), or [bytes](Raw). Only this crate has any.
pub trait Content {
    /// Writes it into buffers.
    #[doc(hidden)]
    fn write(&self, headers: Headers, lines: &str, out: &mut Buffers) -> Result<(), Refusal>;
}

/// What a message is written into.
#[derive(Debug, Default)]
pub struct Buffers(pub(super) Outgoing);

/// A typed message, to its own subject or another.
#[derive(Debug)]
pub struct Typed<'a, M> {
    pub(super) message: &'a M,
    pub(super) subject: Option<&'a str>,
}

/// Bytes, which say nothing of themselves.
#[derive(Debug)]
pub struct Raw<'a> {
    pub(super) subject: &'a str,
    pub(super) payload: Payload<'a>,
}

impl<M: EncodeMessage> Content for Typed<'_, M> {
    fn write(&self, headers: Headers, lines: &str, out: &mut Buffers) -> Result<(), Refusal> {
        out.0.write(self.message, self.subject, headers, lines)
    }
}

impl Content for Raw<'_> {
    fn write(&self, headers: Headers, lines: &str, out: &mut Buffers) -> Result<(), Refusal> {
        let payload = match &self.payload.0 {
            Repr::Borrowed(bytes) => Body::Borrowed(bytes),
            Repr::Shared(bytes) => Body::Shared(bytes),
            Repr::Owned(bytes) => Body::Shared(bytes),
        };
        out.0.write_bytes(self.subject, payload, headers, lines)
    }
}
