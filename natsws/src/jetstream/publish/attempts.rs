//! One message after the other: sent until its stream has it.

use std::time::Duration;

use super::super::api::pause;
use super::super::context::JetStream;
use super::ack::PublishAck;
use super::error::{Passing, PublishError};
use crate::publish::PublishError as Refusal;
use crate::request::RequestError;
use crate::runtime;
use crate::typed::Outgoing;

/// How a message is brought to its stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending {
    /// The stream knows the message again.
    pub(super) has_id: bool,
    pub(super) deadline: Duration,
}

/// Sends a message until its stream has it, it is certain that it will not, or the time is over.
pub(super) async fn bring<T: Stored>(
    js: &JetStream,
    message: &Outgoing,
    sending: Sending,
    read: impl Fn(&[u8]) -> Result<T, PublishError>,
) -> Result<T, PublishError> {
    let Sending { has_id, deadline } = sending;
    let end = runtime::after(runtime::now(), deadline);
    let left = || end.saturating_duration_since(runtime::now());
    let mut attempt = 0;
    let mut maybe_stored = false;
    loop {
        let fault = match send(js, message, left().min(js.timeout()), &read).await {
            Ok(mut answer) => {
                if maybe_stored {
                    // It was published once: what the stream found is an earlier attempt.
                    answer.is_first();
                }
                return Ok(answer);
            }
            Err(PublishError::NoStream { subject, .. }) => {
                PublishError::NoStream { subject, after: deadline }
            }
            Err(PublishError::TimedOut { last, .. }) => {
                PublishError::TimedOut { after: deadline, last }
            }
            Err(fault) => fault,
        };
        let passing = fault.passing();
        let pause = pause(attempt);
        let goes_on = match passing {
            Some(Passing::NotStored) => true,
            Some(Passing::Unknown) => has_id,
            None => false,
        };
        if !goes_on || left() <= pause {
            return Err(if maybe_stored { fault.after_unknown(deadline) } else { fault });
        }
        maybe_stored |= passing == Some(Passing::Unknown);
        runtime::sleep(pause).await;
        attempt += 1;
    }
}

/// What says that a message is stored.
pub(super) trait Stored {
    /// The message was stored by an earlier attempt.
    fn is_first(&mut self);
}

impl Stored for PublishAck {
    fn is_first(&mut self) {
        self.duplicate = false;
    }
}

impl Stored for () {
    fn is_first(&mut self) {}
}

/// Sends a message once.
pub(super) async fn send<T>(
    js: &JetStream,
    message: &Outgoing,
    timeout: Duration,
    read: impl Fn(&[u8]) -> Result<T, PublishError>,
) -> Result<T, PublishError> {
    let request = js.connection().request(&message.subject, message.payload());
    match request.headers(&message.headers).timeout(timeout).await {
        Ok(reply) => read(reply.payload()),
        Err(RequestError::NoResponders) => {
            let has_jetstream = js.connection().server_info().jetstream;
            Err(PublishError::unanswered(&message.subject, has_jetstream, timeout))
        }
        Err(RequestError::TimedOut { after }) => Err(PublishError::TimedOut { after, last: None }),
        Err(RequestError::PayloadTooLarge { len, max }) => {
            Err(PublishError::NotSent(Refusal::PayloadTooLarge { len, max }))
        }
        Err(RequestError::HeadersUnsupported) => {
            Err(PublishError::NotSent(Refusal::HeadersUnsupported))
        }
        Err(other) => Err(PublishError::Request(other)),
    }
}
