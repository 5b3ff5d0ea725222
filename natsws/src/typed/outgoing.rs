//! A typed message encoded once, to be sent perhaps more than once.

use std::str;

use bytes::{Bytes, BytesMut};

use super::message::EncodeMessage;
use super::writer::SubjectWriter;
use crate::driver::{Body, LARGE_PAYLOAD};
use crate::header::Headers;
use crate::payload::{Payload, Repr};
use crate::publish::PublishError;
use crate::subject::check_subject;
use crate::trace_context::{TRACEPARENT_HEADER, TRACESTATE_HEADER, TraceContext};

/// Everything that is sent of a message. Its buffers are there to be used again.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) subject: String,
    pub(crate) headers: Headers,
    written: BytesMut,
    /// A payload so large that it is not copied where it is sent.
    shared: Option<Bytes>,
}

/// Buffers that have grown beyond this are not kept.
const KEPT: usize = 16 * 1024;

impl Outgoing {
    /// Writes a message, to its own subject or another, with these headers besides those of its
    /// type. `lines` are more of them, which are valid.
    pub(crate) fn write<M: EncodeMessage>(
        &mut self,
        message: &M,
        subject: Option<&str>,
        headers: Headers,
        lines: &str,
    ) -> Result<(), PublishError> {
        self.clear();
        if let Some(subject) = subject {
            check_subject(subject)?;
            self.subject.push_str(subject);
        } else {
            let mut writer = SubjectWriter::new(&mut self.subject);
            message.write_subject(&mut writer)?;
            writer.finish()?;
        }
        message.encode(&mut self.written).map_err(|error| PublishError::Encode(error.into()))?;
        if self.written.len() >= LARGE_PAYLOAD {
            self.shared = Some(self.written.split().freeze());
        }
        // What the user says of the message goes before what its type says.
        let kind = Some(message.content_type()).filter(|kind| !kind.is_empty());
        let [name, kind, end] = line(&headers, "Content-Type: ", kind);
        let [packed, how, ends] = line(&headers, "Content-Encoding: ", message.content_encoding());
        self.headers = headers;
        self.headers.append_lines(&[name, kind, end, packed, how, ends, lines]);
        self.trace();
        Ok(())
    }

    /// Writes bytes, which say nothing of themselves.
    pub(crate) fn write_bytes(
        &mut self,
        subject: &str,
        payload: Body<'_>,
        headers: Headers,
        lines: &str,
    ) -> Result<(), PublishError> {
        self.clear();
        check_subject(subject)?;
        self.subject.push_str(subject);
        match payload {
            Body::Shared(bytes) if bytes.len() >= LARGE_PAYLOAD => {
                self.shared = Some(bytes.clone());
            }
            payload => self.written.extend_from_slice(payload.as_slice()),
        }
        self.headers = headers;
        self.headers.append_lines(&[lines]);
        self.trace();
        Ok(())
    }

    /// Names the trace that the message belongs to, where there is one and it is not named yet.
    fn trace(&mut self) {
        let Some(trace) = TraceContext::current() else { return };
        let unsaid = |headers: &Headers, name| headers.get_ignore_case(name).is_none();
        if unsaid(&self.headers, TRACEPARENT_HEADER) {
            let text = trace.to_text();
            let text = str::from_utf8(&text).unwrap_or_default();
            self.headers.append_lines(&[TRACEPARENT_HEADER, ": ", text, "\r\n"]);
            let state = trace.tracestate().filter(|_| unsaid(&self.headers, TRACESTATE_HEADER));
            if let Some(state) = state {
                self.headers.append_lines(&[TRACESTATE_HEADER, ": ", state, "\r\n"]);
            }
        }
    }

    /// The payload.
    pub(crate) fn body(&self) -> Body<'_> {
        match &self.shared {
            Some(shared) => Body::Shared(shared),
            None => Body::Borrowed(&self.written),
        }
    }

    /// The same, for those who send by other means.
    pub(crate) fn payload(&self) -> Payload<'_> {
        Payload(match self.body() {
            Body::Borrowed(bytes) => Repr::Borrowed(bytes),
            Body::Shared(bytes) => Repr::Shared(bytes),
        })
    }

    /// How many bytes it takes, roughly.
    pub(crate) fn size(&self) -> usize {
        self.subject.len() + self.headers.as_lines().len() + self.body().as_slice().len()
    }

    /// Makes room for another message.
    pub(crate) fn clear(&mut self) {
        self.subject.clear();
        self.headers = Headers::new();
        self.shared = None;
        self.written.clear();
        if self.written.capacity() > KEPT {
            self.written = BytesMut::new();
        }
    }
}

/// What a type says of its messages as a line of its own, unless the headers say it. `name` is
/// with what stands behind it.
fn line<'a>(headers: &Headers, name: &'a str, value: Option<&'a str>) -> [&'a str; 3] {
    // A codec may have any name; one that is no header value is not told.
    match value.filter(|value| Headers::is_value(value)) {
        Some(value) if !headers.contains(name.trim_end_matches([':', ' '])) => {
            [name, value, "\r\n"]
        }
        _ => ["", "", ""],
    }
}
