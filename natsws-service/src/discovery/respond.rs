//! A service's answers to who asks which services there are.

use std::convert::Infallible;
use std::sync::Arc;

use natsws::{Msg, PublishError, Subscribe, SubscribeError, Subscription};
use serde::Serialize;
use tokio::sync::oneshot;

use super::control::{self, Verb};
use crate::core::Core;

/// Subscribes an instance's nine subjects, all in one subscription.
pub(crate) async fn subscribe(core: &Core, prefix: &str) -> Result<Subscription, SubscribeError> {
    let subjects = control::subjects(prefix, &core.about.name, &core.id);
    let mut subjects = subjects.into_iter().map(|(_, subject)| subject);
    let first = subjects.next().unwrap_or_default();
    let subscribe = core.client.connection().subscribe(first);
    subjects.fold(subscribe, Subscribe::and).await
}

/// Answers until it is told to stop or the connection is closed.
///
/// One question is answered at a time. Those that come in a flood wait in the subscription, which
/// drops what is too much; requests of endpoints have their own subscriptions and tasks.
pub(crate) async fn respond(
    core: Arc<Core>,
    mut subscription: Subscription,
    prefix: String,
    mut stop: oneshot::Receiver<Infallible>,
) {
    loop {
        let msg = tokio::select! {
            biased;
            _ = &mut stop => return,
            msg = subscription.next() => msg,
        };
        match msg {
            None => return,
            Some(Err(error)) => tracing::warn!(%error, "a question for discovery was lost"),
            Some(Ok(msg)) => {
                if let Some(verb) = Verb::of_subject(&prefix, msg.subject()) {
                    answer(&core, verb, &msg).await;
                }
            }
        }
    }
}

async fn answer(core: &Core, verb: Verb, msg: &Msg) {
    let answer = match verb {
        Verb::Ping => json(&core.ping()),
        Verb::Info => json(&core.info()),
        Verb::Stats => json(&core.stats()),
    };
    let Some(answer) = answer else { return };
    let answered = msg.respond(answer).await;
    #[cfg(feature = "schema")]
    let answered = match (verb, answered) {
        (Verb::Info, Err(PublishError::PayloadTooLarge { .. })) => {
            let Some(answer) = json(&crate::schema::without_schemas(core.info())) else { return };
            msg.respond(answer).await
        }
        (_, answered) => answered,
    };
    let answered = match (verb, answered) {
        // What users add is left out before nothing is said at all.
        (Verb::Stats, Err(PublishError::PayloadTooLarge { .. })) => {
            let mut stats = core.stats();
            stats.endpoints.iter_mut().for_each(|endpoint| endpoint.data = None);
            let Some(answer) = json(&stats) else { return };
            msg.respond(answer).await
        }
        (_, answered) => answered,
    };
    match answered {
        Ok(()) | Err(PublishError::NoReplySubject) => {}
        Err(error) => tracing::warn!(%error, "a question for discovery could not be answered"),
    }
}

fn json(answer: &impl Serialize) -> Option<Vec<u8>> {
    serde_json::to_vec(answer)
        .inspect_err(|error| tracing::error!(%error, "an answer for discovery has no JSON"))
        .ok()
}
