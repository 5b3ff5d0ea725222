//! What the code that `#[derive(Subject)]` makes needs besides the public API.

pub use crate::typed::variant::{Contents, Variant};

use crate::codec::Encoded;
use crate::subject::SubjectError;
use crate::typed::{DecodeError, Subject};

/// The subject is one of no variant.
pub fn no_variant<M: Subject>(message: Encoded<'_>) -> DecodeError {
    let subject = message.subject().to_owned();
    SubjectError::Unknown { subject, templates: M::TEMPLATES }.into()
}

/// The payload is of another variant than the subject.
pub fn other_variant(message: Encoded<'_>) -> DecodeError {
    SubjectError::Variant { subject: message.subject().to_owned() }.into()
}

/// Whether a subject can be subscribed to.
///
/// # Errors
/// [`SubjectError`] says why not.
pub fn check_filter(filter: &str) -> Result<(), SubjectError> {
    crate::subject::check_filter(filter)
}

/// Whether a queue group can have this name.
///
/// # Errors
/// [`SubjectError`] says why not.
pub fn check_queue_group(name: &str) -> Result<(), SubjectError> {
    crate::subject::check_queue_group(name)
}
