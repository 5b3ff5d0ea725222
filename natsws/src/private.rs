//! What the code that `#[derive(Subject)]` makes, and the service crate, need besides the public API.

pub use crate::typed::variant::{Contents, Variant};

use crate::codec::Encoded;
use crate::msg::Msg;
use crate::request::RequestError;
use crate::subject::{self, SubjectError};
use crate::typed::{self, DecodeError, Request, Subject};

/// The clock, timers and tasks of the platform.
pub mod runtime {
    pub use crate::runtime::{
        Instant, Sleep, Task, Uncounted, after, now, since_1970, sleep, sleep_until, spawn,
        spawn_task, timeout, uncounted,
    };
}

/// The subject is one of no variant.
pub fn no_variant<M: Subject>(message: Encoded<'_>) -> DecodeError {
    let subject = message.subject().to_owned();
    SubjectError::Unknown { subject, templates: M::TEMPLATES }.into()
}

/// The payload is of another variant than the subject.
pub fn other_variant(message: Encoded<'_>) -> DecodeError {
    SubjectError::Variant { subject: message.subject().to_owned() }.into()
}

/// Whether a subject can be published to.
///
/// # Errors
/// [`SubjectError`] says why not.
pub fn check_subject(subject: &str) -> Result<(), SubjectError> {
    subject::check_subject(subject)
}

/// Whether a subject can be subscribed to.
///
/// # Errors
/// [`SubjectError`] says why not.
pub fn check_filter(filter: &str) -> Result<(), SubjectError> {
    subject::check_filter(filter)
}

/// Whether a queue group can have this name.
///
/// # Errors
/// [`SubjectError`] says why not.
pub fn check_queue_group(name: &str) -> Result<(), SubjectError> {
    subject::check_queue_group(name)
}

/// The same message as if it asked for no reply: what a consumer delivers is acknowledged by an
/// answer, which no handler should send by mistake.
#[cfg(feature = "jetstream")]
pub fn without_reply(msg: &Msg) -> Msg {
    msg.without_reply()
}

/// Reads a reply as a client does.
///
/// # Errors
/// [`RequestError`] where it is an error of the service, or does not decode.
pub fn reply<M: Request>(msg: Msg) -> Result<M::Reply, RequestError<M::Error>> {
    typed::decode::<M>(msg)
}

/// A request as a service receives it, with subject, payload and the headers of its type. It asks
/// for a reply on some subject. Within a [`Deadline`](crate::Deadline) it says how long that is waited
/// for, within a [`TraceContext`](crate::TraceContext) it carries that.
///
/// # Errors
/// [`RequestError`] where it cannot be encoded, or its deadline has passed.
pub fn local_request<M: Request>(message: &M) -> Result<Msg, RequestError<M::Error>> {
    typed::local_request(message)
}
