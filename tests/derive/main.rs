//! What `#[derive(Subject)]` makes of a type: its subject, its payload, and what it refuses.

mod codecs;
mod families;
mod laws;
mod requests;
mod shapes;
mod subjects;
mod tokens;
mod ui;

use natsws::bytes::{Bytes, BytesMut};
use natsws::codec::Encoded;
use natsws::{DecodeError, DecodeOwned, EncodeMessage, SubjectError};

/// The payload of a message.
fn payload(message: &impl EncodeMessage) -> Bytes {
    let mut payload = BytesMut::new();
    message.encode(&mut payload).expect("the message has an encoding");
    payload.freeze()
}

/// A message read back from what it would be published as.
fn round_trip<M: EncodeMessage + DecodeOwned>(message: &M) -> M {
    let subject = message.subject().expect("the message has a subject");
    M::decode(Encoded::new(&subject, &payload(message))).expect("the message reads back")
}

/// A message of these parts, read as the type.
fn decode<M: DecodeOwned>(subject: &str, payload: impl AsRef<[u8]>) -> Result<M, DecodeError> {
    M::decode(Encoded::new(subject, &payload))
}

/// Why a subject does not fit the type.
fn subject_error<M: DecodeOwned>(subject: &str, payload: &'static str) -> SubjectError {
    let error = match decode::<M>(subject, payload) {
        Err(DecodeError::Subject(error)) => Some(error),
        _ => None,
    };
    error.expect("the subject is what does not fit")
}
