//! Where messages are encoded before they are sent: a buffer for each thread, used again and again.

use std::cell::Cell;

use bytes::BytesMut;

use super::message::EncodeMessage;
use super::writer::SubjectWriter;
use crate::codec::CodecError;
use crate::header::Headers;
use crate::protocol::encode::PublishHead;
use crate::subject::SubjectError;

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

/// What keeps a message from being encoded.
pub(super) enum Fault {
    Subject(SubjectError),
    Codec(CodecError),
}

/// Encodes a message and hands it on, while no lock is held: the codec is the user's code, and may
/// itself publish.
pub(super) fn encoded<M: EncodeMessage, T>(
    message: &M,
    headers: &Headers,
    hand_on: impl FnOnce(&PublishHead<'_>, &[u8]) -> T,
) -> Result<T, Fault> {
    let mut scratch = SCRATCH.take().unwrap_or_default();
    scratch.subject.clear();
    scratch.payload.clear();
    let Scratch { subject, payload } = &mut *scratch;
    let mut writer = SubjectWriter::new(subject);
    message.write_subject(&mut writer).map_err(Fault::Subject)?;
    writer.finish().map_err(Fault::Subject)?;
    message.encode(payload).map_err(Fault::Codec)?;
    let declared = headers.is_empty() || !headers.contains("Content-Type");
    let head = PublishHead {
        subject,
        reply: None,
        headers,
        content_type: declared.then(|| message.content_type()),
        content_encoding: message.content_encoding(),
    };
    let result = hand_on(&head, payload);
    if scratch.payload.capacity() <= KEPT {
        SCRATCH.set(Some(scratch));
    }
    Ok(result)
}
