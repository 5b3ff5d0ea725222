//! Where messages are encoded before they are sent: a buffer for each thread, used again and again.

use std::cell::Cell;
use std::time::Duration;

use bytes::BytesMut;

use super::message::EncodeMessage;
use super::writer::SubjectWriter;
use crate::codec::CodecError;
use crate::deadline::TIMEOUT_HEADER;
use crate::header::Headers;
use crate::protocol::encode::{Millis, PublishHead, Rare, Reply, Typed};
use crate::subject::{SubjectError, check_subject};
use crate::trace_context::{TRACEPARENT_HEADER, TRACESTATE_HEADER, TraceContext};

#[derive(Default)]
struct Scratch {
    subject: String,
    payload: BytesMut,
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// A buffer that has grown beyond this is given back to the system.
const KEPT: usize = 64 * 1024;

/// What a message is sent with besides its value.
pub(super) struct Envelope<'a> {
    /// In place of the message's own.
    pub(super) subject: Option<&'a str>,
    pub(super) reply: Option<&'a str>,
    pub(super) headers: &'a Headers,
    /// How long the reply is waited for.
    pub(super) timeout: Option<Duration>,
    /// The trace that it belongs to.
    pub(super) trace: Option<&'a TraceContext>,
}

/// What keeps a message from being encoded.
pub(super) enum Fault {
    Subject(SubjectError),
    Codec(CodecError),
}

/// Encodes a message and hands it on, while no lock is held: the codec is the user's code, and may
/// itself publish.
pub(super) fn encoded<M: EncodeMessage, T>(
    message: &M,
    envelope: &Envelope<'_>,
    hand_on: impl FnOnce(&PublishHead<'_>, &[u8]) -> T,
) -> Result<T, Fault> {
    let mut scratch = SCRATCH.take().unwrap_or_default();
    scratch.subject.clear();
    scratch.payload.clear();
    let Scratch { subject: written, payload } = &mut *scratch;
    let subject = if let Some(subject) = envelope.subject {
        check_subject(subject).map_err(Fault::Subject)?;
        subject
    } else {
        let mut writer = SubjectWriter::new(written);
        message.write_subject(&mut writer).map_err(Fault::Subject)?;
        writer.finish().map_err(Fault::Subject)?;
        written
    };
    message.encode(payload).map_err(Fault::Codec)?;
    let headers = envelope.headers;
    // What the user says of the message goes before what its type says.
    let unsaid = |name| headers.is_empty() || !headers.contains(name);
    let encoding = message.content_encoding().filter(|_| unsaid("Content-Encoding"));
    let said;
    let rare = if encoding.is_some() || envelope.trace.is_some() {
        said = rare(encoding, envelope);
        Some(&said)
    } else {
        None
    };
    let typed = Typed {
        content_type: unsaid("Content-Type").then(|| message.content_type()),
        timeout: envelope.timeout.filter(|_| unsaid(TIMEOUT_HEADER)).map(Millis::at_least),
        rare,
    };
    let head = PublishHead {
        subject,
        reply: envelope.reply.map(Reply::Subject),
        headers,
        typed: Some(&typed),
    };
    let result = hand_on(&head, payload);
    if scratch.payload.capacity() <= KEPT {
        SCRATCH.set(Some(scratch));
    }
    Ok(result)
}

/// What few messages say. Whoever names a trace among the headers names it whole.
#[cold]
fn rare<'e>(content_encoding: Option<&'static str>, envelope: &Envelope<'e>) -> Rare<'e> {
    let headers = envelope.headers;
    let unsaid = |name| headers.is_empty() || headers.get_ignore_case(name).is_none();
    let trace = envelope.trace.filter(|_| unsaid(TRACEPARENT_HEADER));
    Rare {
        content_encoding,
        trace_parent: trace.map(TraceContext::to_text),
        trace_state: trace.and_then(TraceContext::tracestate).filter(|_| unsaid(TRACESTATE_HEADER)),
    }
}
