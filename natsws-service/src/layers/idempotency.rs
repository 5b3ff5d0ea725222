//! Runs a request once, however often it comes.

mod window;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use natsws::{BoxFuture, MaybeSend, ServiceError};
use tower_layer::Layer;
use tower_service::Service;

use super::shared::Shared;
use crate::incoming::Incoming;
use crate::response::Response;
use window::{Answer, Limits, Seen, Window};

/// How many answers are kept.
const ANSWERS: usize = 10_000;
/// How many bytes they may have together.
const BYTES: usize = 64 * 1024 * 1024;
/// The header that JetStream knows the same message by.
const HEADER: &str = "Nats-Msg-Id";

/// Runs a request once, however often it comes: one with an id that was seen before gets the answer
/// that the first one got.
///
/// Callers that ask again when no answer came put the same id into the header `Nats-Msg-Id` each
/// time. It is the same request where id and subject are the same; the payload is not compared.
///
/// | what came before with the id | what a duplicate gets |
/// |---|---|
/// | nothing, or there is no id | it runs |
/// | a request that still runs | it waits for that one, and then as below |
/// | an answer or an error of the caller | the same once more |
/// | an error of code 500 or more, 408 or 429, an error of a layer, or a request that was dropped | it runs |
/// | an answer in parts, which come only once | 409 |
///
/// An answer is kept, with its payload, for the window's length from when it was given, and only
/// while there are not [too many](Self::capacity) or [too large](Self::max_bytes) ones. A request
/// that runs is always known: no two with the same id run at once. Duplicates that wait count for
/// the endpoint's [`concurrency`](crate::Endpoint::concurrency).
///
/// Every endpoint that the layer goes around has a window of its own, since the same id means
/// something else to another endpoint. So has every replica of a service: put what must not happen
/// twice among all of them into a place that they share. Who may ask on a subject and knows an id
/// gets the answer that was given to it: put layers that refuse callers outside of this one, or let
/// ids be such that nobody guesses them.
///
/// # Readiness
/// The layer itself is always ready, and asks what is inside when a request is to run. So a
/// duplicate takes no room of a limit, and load shedding outside of it does not see the limits
/// inside: put both on the same side.
///
/// ```no_run
/// use std::time::Duration;
///
/// use natsws_service::Router;
/// use natsws_service::layers::IdempotencyLayer;
/// # use natsws::Subject;
/// # #[derive(serde::Serialize, serde::Deserialize, Subject)]
/// # #[subject("orders.{id}.pay", reply = u64)]
/// # struct PayOrder { id: u64 }
///
/// let app = Router::<()>::new("orders", "1.0.0")
///     .endpoint(async |ask: PayOrder| ask.id)
///     .layer(IdempotencyLayer::new(Duration::from_secs(120)).header("Idempotency-Key"));
/// ```
#[derive(Debug, Clone)]
pub struct IdempotencyLayer {
    limits: Limits,
    header: Arc<str>,
}

impl IdempotencyLayer {
    /// Keeps answers for so long.
    pub fn new(window: Duration) -> Self {
        let limits = Limits { window, answers: ANSWERS, bytes: BYTES };
        Self { limits, header: HEADER.into() }
    }

    /// How many answers each endpoint keeps; the oldest go first. Default: 10 000.
    #[must_use]
    pub fn capacity(mut self, answers: usize) -> Self {
        self.limits.answers = answers;
        self
    }

    /// How many bytes the answers may have that each endpoint keeps, with their ids; the oldest go
    /// first, and one that is larger than that is not kept. Default: 64 MiB.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// The header that has the id. Default: `Nats-Msg-Id`.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>) -> Self {
        let name: String = name.into();
        self.header = name.into();
        self
    }
}

impl<T: Service<Incoming>> Layer<T> for IdempotencyLayer {
    type Service = Idempotent<T>;

    fn layer(&self, inner: T) -> Idempotent<T> {
        Idempotent {
            inner: Shared::new(inner),
            window: Window::new(self.limits),
            header: Arc::clone(&self.header),
        }
    }
}

/// The service of an [`IdempotencyLayer`].
pub struct Idempotent<T> {
    inner: Shared<T>,
    window: Window,
    header: Arc<str>,
}

impl<T> Service<Incoming> for Idempotent<T>
where
    T: Service<Incoming, Response = Response> + MaybeSend + 'static,
    T::Error: MaybeSend,
    T::Future: MaybeSend,
{
    type Response = Response;
    type Error = T::Error;
    type Future = BoxFuture<'static, Result<Response, T::Error>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, incoming: Incoming) -> Self::Future {
        let inner = self.inner.clone();
        let id = incoming.headers().get(&self.header).filter(|id| !id.is_empty());
        // No subject has a blank in it.
        let Some(key) = id.map(|id| format!("{} {id}", incoming.subject())) else {
            return Box::pin(async move { inner.run(incoming).await });
        };
        let window = self.window.clone();
        let is_tried_again = is_tried_again(&incoming);
        Box::pin(async move {
            let run = match window.see(&key.into()).await {
                Seen::First(run) => run,
                Seen::Before(Answer::Whole(response)) => return Ok(response),
                Seen::Before(Answer::Parts) => return Ok(in_parts()),
            };
            let response = inner.run(incoming).await?;
            let fails_for_now = is_tried_again && response.is_error();
            if !fails_for_now && !may_be_tried_again(&response) {
                run.answered(Answer::of(&response));
            }
            Ok(response)
        })
    }
}

/// Whether whoever delivers the message has it tried again when it fails: a consumer does.
#[cfg_attr(
    not(feature = "jetstream"),
    expect(unused_variables, reason = "without consumers nothing is delivered")
)]
fn is_tried_again(incoming: &Incoming) -> bool {
    #[cfg(feature = "jetstream")]
    return incoming.delivery().is_some();
    #[cfg(not(feature = "jetstream"))]
    false
}

/// Whether it says that the request was not dealt with.
fn may_be_tried_again(response: &Response) -> bool {
    let again = |error: &ServiceError| matches!(error.code(), 408 | 429 | 500..);
    response.service_error().is_some_and(again)
}

fn in_parts() -> Response {
    let text = "the request was answered before, in parts that are not kept";
    Response::error(&ServiceError::new(409, text))
}

impl<T> fmt::Debug for Idempotent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotent").field("header", &self.header).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
