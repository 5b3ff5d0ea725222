//! The one round trip of the API: a request, JSON, and an error that says what it is.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::capability::Needs;
use super::context::JetStream;
use super::error::{ApiError, JetStreamError};
use crate::header::Headers;
use crate::msg::Msg;
use crate::request::RequestError;
use crate::runtime;

/// A request without arguments has no body.
pub(crate) const NOTHING: Option<&()> = None;

/// What an API answers where all is said by there being no error.
#[derive(Debug, Deserialize)]
pub(crate) struct Done {}

#[derive(Deserialize)]
struct Head {
    error: Option<ApiError>,
}

/// The pause before the second attempt, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long nothing is heard before it is asked again, where that does no harm.
const SILENCE: Duration = Duration::from_secs(2);

/// How long is waited before the next attempt: each time twice as long.
pub(crate) fn pause(attempt: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(LONGEST_PAUSE)
}

/// Asks again after a silence, while the earlier answers are still waited for: who was asked may have
/// gone. It is for what does no harm when it is done twice.
pub(super) async fn until_heard<F>(
    timeout: Duration,
    mut ask: impl FnMut(Duration) -> Pin<Box<F>>,
) -> Result<Msg, RequestError>
where
    F: Future<Output = Result<Msg, RequestError>>,
{
    let end = runtime::after(runtime::now(), timeout);
    let mut asked = vec![ask(timeout)];
    let mut silence = runtime::sleep(SILENCE);
    poll_fn(|cx| {
        for request in &mut asked {
            if let Poll::Ready(answer) = request.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
        }
        while silence.as_mut().poll(cx).is_ready() {
            silence = runtime::sleep(SILENCE);
            let left = end.saturating_duration_since(runtime::now());
            let mut request = ask(left);
            if let Poll::Ready(answer) = request.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            asked.push(request);
        }
        Poll::Pending
    })
    .await
}

impl JetStream {
    /// Asks the API: `operation` is what comes behind the prefix, as in `STREAM.INFO.ORDERS`.
    ///
    /// While the cluster has no leader it is asked again, until the timeout: nothing was done then.
    pub(crate) async fn call<R: DeserializeOwned>(
        &self,
        operation: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<R, JetStreamError> {
        let reply = self.call_raw(operation, body, &Headers::new()).await?;
        serde_json::from_slice(reply.payload()).map_err(|source| not_understood(operation, source))
    }

    /// Asks for something that not every server knows, so that one that does not refuses it instead
    /// of leaving it out (ADR-44; since server 2.12).
    pub(crate) async fn call_at_level<R: DeserializeOwned>(
        &self,
        operation: &str,
        body: Option<&(impl Serialize + Sync)>,
        needs: &Needs,
    ) -> Result<R, JetStreamError> {
        let mut headers = Headers::new();
        if needs.level > 0 {
            let level = headers.insert("Nats-Required-Api-Level", &needs.level.to_string());
            level.map_err(|source| not_understood(operation, source))?;
        }
        match self.call_raw(operation, body, &headers).await {
            Ok(reply) => serde_json::from_slice(reply.payload())
                .map_err(|source| not_understood(operation, source)),
            Err(JetStreamError::Api(error)) if error.err_code == ApiError::REQUIRED_API_LEVEL => {
                Err(match needs.features.last() {
                    Some(feature) => feature.missing("an older API"),
                    None => error.into(),
                })
            }
            Err(error) => Err(error),
        }
    }

    /// The answer as it came; it is no error.
    pub(crate) async fn call_raw(
        &self,
        operation: &str,
        body: Option<&(impl Serialize + Sync)>,
        headers: &Headers,
    ) -> Result<Msg, JetStreamError> {
        let body = self::body(operation, body)?;
        let end = runtime::after(runtime::now(), self.timeout());
        let mut attempt = 0;
        loop {
            let left = end.saturating_duration_since(runtime::now());
            let fault = match self.ask(operation, &body, headers, left).await {
                Ok(reply) => {
                    let head = serde_json::from_slice::<Head>(reply.payload());
                    match head.map_err(|source| not_understood(operation, source))?.error {
                        None => return Ok(reply),
                        Some(error) => self.refusal(error),
                    }
                }
                Err(error) => self.fault(operation, error),
            };
            let pause = pause(attempt);
            let left = end.saturating_duration_since(runtime::now());
            if !self.may_pass(&fault) || left <= pause {
                return Err(fault);
            }
            runtime::sleep(pause).await;
            attempt += 1;
        }
    }

    /// One attempt. A cluster that has just lost its leader does not answer at all, so what may be
    /// asked twice is asked again.
    async fn ask(
        &self,
        operation: &str,
        body: &[u8],
        headers: &Headers,
        timeout: Duration,
    ) -> Result<Msg, RequestError> {
        let subject = format!("{}.{operation}", self.prefix());
        let ask = |timeout| {
            // The subject of a consumer ends with its filter.
            let request = self.connection().request(&subject, body).with_wildcards();
            Box::pin(request.headers(headers).timeout(timeout))
        };
        if may_be_asked_twice(operation) {
            until_heard(timeout, ask).await
        } else {
            ask(timeout).await
        }
    }

    /// What it means to the caller that a request has no reply.
    pub(crate) fn fault(&self, operation: &str, error: RequestError) -> JetStreamError {
        match error {
            RequestError::NoResponders => {
                JetStreamError::NotEnabled { prefix: self.prefix().to_owned(), source: None }
            }
            RequestError::TimedOut { .. } => JetStreamError::TimedOut { after: self.timeout() },
            RequestError::PermissionDenied => {
                JetStreamError::PermissionDenied { operation: operation.to_owned() }
            }
            other => JetStreamError::Request(other),
        }
    }

    /// Whether nothing was done, and the next attempt may do it: a cluster elects a leader, a
    /// server that came back starts its JetStream.
    fn may_pass(&self, fault: &JetStreamError) -> bool {
        match fault {
            JetStreamError::Api(error) => error.err_code == ApiError::TEMPORARILY_UNAVAILABLE,
            JetStreamError::NotEnabled { source: None, .. } => {
                self.is_own() && self.connection().server_info().jetstream
            }
            JetStreamError::Request(RequestError::Disconnected { maybe_delivered }) => {
                !maybe_delivered
            }
            _ => false,
        }
    }

    fn refusal(&self, error: ApiError) -> JetStreamError {
        match error.err_code {
            ApiError::NOT_ENABLED_FOR_ACCOUNT | ApiError::NOT_ENABLED => {
                JetStreamError::NotEnabled { prefix: self.prefix().to_owned(), source: Some(error) }
            }
            _ => JetStreamError::Api(error),
        }
    }
}

/// The body of a request.
pub(crate) fn body(
    operation: &str,
    body: Option<&impl Serialize>,
) -> Result<Vec<u8>, JetStreamError> {
    let json = body.map(serde_json::to_vec).transpose();
    Ok(json.map_err(|source| not_understood(operation, source))?.unwrap_or_default())
}

fn not_understood(operation: &str, source: impl Error + Send + Sync + 'static) -> JetStreamError {
    JetStreamError::Response { operation: operation.to_owned(), source: source.into() }
}

/// Whether asking a second time does no more than asking once.
fn may_be_asked_twice(operation: &str) -> bool {
    // A consumer without a name would be another one each time.
    let makes_named = || {
        let made = operation.strip_prefix("CONSUMER.CREATE.");
        made.is_some_and(|consumer| consumer.contains('.'))
    };
    MAY_BE_ASKED_TWICE.iter().any(|start| operation.starts_with(start)) || makes_named()
}

/// Reading, and setting a configuration.
const MAY_BE_ASKED_TWICE: [&str; 9] = [
    "INFO",
    "STREAM.INFO.",
    "STREAM.LIST",
    "STREAM.NAMES",
    "STREAM.MSG.GET.",
    "STREAM.CREATE.",
    "STREAM.UPDATE.",
    "CONSUMER.INFO.",
    "CONSUMER.LIST.",
];

/// Names the stream that an API error says is missing.
pub(crate) fn of_stream(error: JetStreamError, stream: &str) -> JetStreamError {
    match error {
        JetStreamError::Api(error) if error.err_code == ApiError::STREAM_NOT_FOUND => {
            JetStreamError::StreamNotFound { name: stream.to_owned() }
        }
        other => other,
    }
}

/// Names the consumer or the stream that an API error says is missing.
pub(crate) fn of_consumer(error: JetStreamError, stream: &str, name: &str) -> JetStreamError {
    match error {
        JetStreamError::Api(error) if error.err_code == ApiError::CONSUMER_NOT_FOUND => {
            JetStreamError::ConsumerNotFound { stream: stream.to_owned(), name: name.to_owned() }
        }
        other => of_stream(other, stream),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second() {
        let pauses: Vec<_> = (0..7).map(|attempt| pause(attempt).as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn a_consumer_is_asked_for_twice_where_it_has_a_name() {
        for operation in ["CONSUMER.CREATE.S.C", "CONSUMER.CREATE.S.C.s.>", "STREAM.INFO.S"] {
            assert!(may_be_asked_twice(operation), "{operation}");
        }
        for operation in ["CONSUMER.CREATE.S", "CONSUMER.DELETE.S.C", "STREAM.PURGE.S"] {
            assert!(!may_be_asked_twice(operation), "{operation}");
        }
    }
}
