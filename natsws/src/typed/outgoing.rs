//! A typed message encoded once, to be sent perhaps more than once.

use bytes::Bytes;

use super::message::EncodeMessage;
use super::scratch::{Envelope, Fault, encoded};
use crate::header::Headers;
use crate::publish::PublishError;
use crate::trace_context::TraceContext;

/// Everything that is sent of a message.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) subject: String,
    pub(crate) headers: Headers,
    pub(crate) payload: Bytes,
}

/// Encodes a message, to its own subject or another, with these headers besides those of its type.
pub(crate) fn outgoing<M: EncodeMessage>(
    message: &M,
    subject: Option<&str>,
    headers: &Headers,
) -> Result<Outgoing, PublishError> {
    let trace = TraceContext::current();
    let envelope = Envelope { subject, reply: None, headers, timeout: None, trace: trace.as_ref() };
    let made = encoded(message, &envelope, |head, payload| {
        Ok(Outgoing {
            subject: head.subject.to_owned(),
            headers: Headers::parse(&head.header_block().into())?,
            payload: Bytes::copy_from_slice(payload),
        })
    });
    match made {
        Ok(made) => made,
        Err(Fault::Subject(error)) => Err(error.into()),
        Err(Fault::Codec(error)) => Err(PublishError::Encode(error.into())),
    }
}
