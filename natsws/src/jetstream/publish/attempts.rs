//! One message after the other: sent until its stream has it.

use std::time::Duration;

use super::super::api::pause;
use super::super::context::JetStream;
use super::ack::{PublishAck, read_ack};
use super::error::{Passing, PublishError};
use crate::driver::Body;
use crate::payload::{Payload, Repr};
use crate::publish::PublishError as Refusal;
use crate::request::RequestError;
use crate::runtime;
use crate::typed::Outgoing;

/// Sends a message until its stream has it, it is certain that it will not, or the time is over.
pub(super) async fn bring(
    js: &JetStream,
    message: &Outgoing,
    has_id: bool,
    deadline: Duration,
) -> Result<PublishAck, PublishError> {
    let end = runtime::after(runtime::now(), deadline);
    let left = || end.saturating_duration_since(runtime::now());
    let mut attempt = 0;
    let mut maybe_stored = false;
    loop {
        let asked = js
            .connection()
            .request(&message.subject, payload(message.body()))
            .headers(&message.headers)
            .timeout(left().min(js.timeout()))
            .await;
        let fault = match asked {
            Ok(reply) => match read_ack(reply.payload()) {
                Ok(mut ack) => {
                    // It was published once: what the stream found is an earlier attempt.
                    ack.duplicate &= !maybe_stored;
                    return Ok(ack);
                }
                Err(fault) => fault,
            },
            Err(RequestError::NoResponders) => {
                PublishError::NoStream { subject: message.subject.clone(), after: deadline }
            }
            Err(RequestError::TimedOut { .. }) => {
                PublishError::TimedOut { after: deadline, last: None }
            }
            Err(RequestError::PayloadTooLarge { len, max }) => {
                PublishError::NotSent(Refusal::PayloadTooLarge { len, max })
            }
            Err(RequestError::HeadersUnsupported) => {
                PublishError::NotSent(Refusal::HeadersUnsupported)
            }
            Err(other) => PublishError::Request(other),
        };
        let passing = fault.passing(js.connection().server_info().jetstream);
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

fn payload(body: Body<'_>) -> Payload<'_> {
    Payload(match body {
        Body::Borrowed(bytes) => Repr::Borrowed(bytes),
        Body::Shared(bytes) => Repr::Shared(bytes),
    })
}
