//! One message from when its handler is called to when the server knows what came of it.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use natsws::jetstream::{AckError, Delivery};
use natsws::private::runtime::{self, Instant};
use natsws::{MaybeSend, ServiceError};

use super::dead_letter;
use super::retry::{Rules, Verdict};
use crate::answer::Ended;
use crate::attend::poll_response;
use crate::incoming::Incoming;
use crate::response::{Body, Response};
use crate::route::ResponseFuture;
use crate::running;
use crate::stats::Counts;

/// The pause before a dead letter that could not be kept is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Gives a message back where it is, so that another replica has it at once.
pub(super) fn give_back(delivery: &Delivery) {
    // Where much waits to be sent, or the connection is lost, the server notices by itself.
    let _ = delivery.try_nak();
}

/// Told to the server however the task ends: one that is dropped gives the message back.
struct Unsettled(Arc<Delivery>);

impl Drop for Unsettled {
    fn drop(&mut self) {
        give_back(&self.0);
    }
}

/// An attempt at a message.
pub(super) struct Attempt {
    pub(super) incoming: Incoming,
    pub(super) response: ResponseFuture,
    pub(super) rules: Arc<Rules>,
    pub(super) counts: Arc<Counts>,
}

/// Runs an attempt, and tells the server what came of it.
pub(super) fn attend(
    attempt: Attempt,
    delivery: Arc<Delivery>,
    running: running::Place,
) -> impl Future<Output = ()> + MaybeSend {
    // Before the task: one that is given up before its first turn gives its message back too.
    let unsettled = Unsettled(delivery);
    async move {
        let _running = running;
        run(attempt, &unsettled.0).await;
    }
}

async fn run(attempt: Attempt, delivery: &Delivery) {
    let Attempt { incoming, mut response, rules, counts } = attempt;
    let begun = Instant::now();
    let response = poll_fn(|cx| poll_response(&mut response, None, cx)).await;
    let error = failure(response);
    let verdict = rules.verdict(error.as_ref(), delivery.delivered(), fastrand::f64());
    settle(&incoming, delivery, &rules, verdict).await;
    counts.ended(begun.elapsed(), &Ended { error, unanswered: false });
}

/// Why an attempt failed, where it did. There is nobody for an answer in parts to go to.
fn failure(response: Response) -> Option<ServiceError> {
    let (_, body, error) = response.into_parts();
    match body {
        Body::Whole(_) => error,
        Body::Parts(_) => {
            tracing::error!("a layer made an answer in parts of a message that is not answered");
            error
        }
    }
}

async fn settle(incoming: &Incoming, delivery: &Delivery, rules: &Rules, verdict: Verdict) {
    // What the handler said itself holds.
    if delivery.is_answered() {
        return;
    }
    let told = match verdict {
        Verdict::Done if rules.confirms => delivery.ack_confirmed().await,
        Verdict::Done => delivery.ack().await,
        Verdict::Again { after } => delivery.nak(after).await,
        Verdict::GiveUp { error } => give_up(incoming, delivery, rules, &error).await,
    };
    if let Err(error) = told {
        let error: &dyn std::error::Error = &error;
        let endpoint = incoming.endpoint_name();
        tracing::warn!(endpoint, error, "the server was not told of a message, which comes again");
    }
}

fn tell_of(endpoint: &str, subject: &str, error: &(dyn std::error::Error + Send + Sync + 'static)) {
    let error: &(dyn std::error::Error + 'static) = error;
    tracing::error!(
        endpoint,
        subject,
        error,
        "a dead letter could not be kept, so its message is not given up"
    );
}

/// Terminates a message, once its dead letter is kept.
async fn give_up(
    incoming: &Incoming,
    delivery: &Delivery,
    rules: &Rules,
    error: &ServiceError,
) -> Result<(), AckError> {
    let endpoint = incoming.endpoint_name();
    if let Some(subject) = &rules.dead_letter {
        while let Err(fault) = dead_letter::keep(subject, incoming, delivery, error).await {
            tell_of(endpoint, subject, &*fault);
            if !rules.is_last_delivery(delivery.delivered()) {
                return delivery.nak(rules.last_pause()).await;
            }
            // Given back it would be lost; meanwhile the server hears that it is held.
            runtime::sleep(AGAIN).await;
        }
    }
    tracing::warn!(
        endpoint,
        code = error.code(),
        attempts = delivery.delivered(),
        "a message is given up"
    );
    delivery.term(&format!("{endpoint} gave it up with code {}", error.code())).await
}
