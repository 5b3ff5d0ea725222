//! What `#[derive(Subject)]` makes of a type: its subject, its payload, and what it refuses.

mod codecs;
mod requests;
mod shapes;
mod subjects;
mod ui;

use natsws::bytes::{Bytes, BytesMut};
use natsws::{DecodeError, DecodeMessage, EncodeMessage, SubjectError};

/// The payload of a message.
fn payload(message: &impl EncodeMessage) -> Bytes {
    let mut payload = BytesMut::new();
    message.encode(&mut payload).expect("the message has an encoding");
    payload.freeze()
}

/// A message read back from what it would be published as.
fn round_trip<M: EncodeMessage + DecodeMessage>(message: &M) -> M {
    let subject = message.subject().expect("the message has a subject");
    M::decode(&subject, payload(message)).expect("the message reads back")
}

/// Why a subject does not fit the type.
fn subject_error<M: DecodeMessage>(subject: &str, payload: &'static str) -> SubjectError {
    let error = match M::decode(subject, Bytes::from_static(payload.as_bytes())) {
        Err(DecodeError::Subject(error)) => Some(error),
        _ => None,
    };
    error.expect("the subject is what does not fit")
}
