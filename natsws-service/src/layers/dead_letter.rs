//! Keeps what failed, so that somebody can look at it and try it again.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use natsws::{BoxFuture, Headers, MaybeSend, PublishError, ServiceError};
use tower_layer::Layer;
use tower_service::Service;

use crate::error::BoxError;
use crate::incoming::Incoming;
use crate::recover::{known, unknown};
use crate::response::Response;

/// The header of a dead letter that names the subject the request came on.
pub const DEAD_LETTER_SUBJECT: &str = "Dead-Letter-Subject";
/// The header of a dead letter that names the endpoint that failed.
pub const DEAD_LETTER_ENDPOINT: &str = "Dead-Letter-Endpoint";
/// The header of a dead letter with the code of the error.
pub const DEAD_LETTER_CODE: &str = "Dead-Letter-Code";
/// The header of a dead letter with the description of the error.
pub const DEAD_LETTER_ERROR: &str = "Dead-Letter-Error";

type When = Arc<dyn Fn(&ServiceError) -> bool + Send + Sync>;

/// Publishes requests that failed to a subject of their own: `DeadLetterLayer::new("dead.orders")`.
///
/// Failed is what is answered with an error of code 500 or more, or what [`when`](Self::when) says:
/// error replies of handlers, also at the end of an answer in parts, and what layers inside fail
/// with. The answer to the caller stays the same, and it waits until the dead letter is accepted
/// for sending. One that cannot be published is logged as an error, with the endpoint and why.
///
/// A dead letter is the payload as it came, with these headers:
///
/// | header | what |
/// |---|---|
/// | those of the request | but for all `Nats-…` ones: a stream that keeps dead letters would obey them |
/// | [`Dead-Letter-Subject`](DEAD_LETTER_SUBJECT) | the subject that the request came on |
/// | [`Dead-Letter-Endpoint`](DEAD_LETTER_ENDPOINT) | the name of the endpoint |
/// | [`Dead-Letter-Code`](DEAD_LETTER_CODE) | the code of the error |
/// | [`Dead-Letter-Error`](DEAD_LETTER_ERROR) | its description, control characters as blanks |
///
/// It asks for no reply. Core NATS keeps nothing: who wants to find dead letters later has a
/// JetStream stream on their subject.
///
/// What is further out is not seen: put it outside of the layers whose failures are to be kept, of
/// [`CatchPanicLayer`](super::CatchPanicLayer) above all, and inside of
/// [`MapErrorLayer::redact`](super::MapErrorLayer::redact), so that it keeps the whole text. A
/// request that a time-out further out drops is kept by nobody.
///
/// ```no_run
/// use natsws_service::Router;
/// use natsws_service::layers::{CatchPanicLayer, DeadLetterLayer};
/// # use natsws::Subject;
/// # #[derive(serde::Serialize, serde::Deserialize, Subject)]
/// # #[subject("orders.count", reply = u64)]
/// # struct CountOrders;
///
/// let app = Router::<()>::new("orders", "1.0.0")
///     .endpoint(async |_: CountOrders| 7)
///     .layer(CatchPanicLayer::new())
///     .layer(DeadLetterLayer::new("dead.orders").when(|error| error.code() != 404));
/// ```
#[derive(Clone)]
pub struct DeadLetterLayer {
    subject: Arc<str>,
    when: When,
}

impl DeadLetterLayer {
    /// Publishes what failed to this subject. It is checked when there is something to publish: one
    /// that is not valid is logged then.
    ///
    /// A request that came on this very subject is not published to it again.
    pub fn new(subject: impl Into<String>) -> Self {
        let subject: String = subject.into();
        Self { subject: subject.into(), when: Arc::new(|error| error.code() >= 500) }
    }

    /// Which errors are kept. Default: those of code 500 and more.
    #[must_use]
    pub fn when(mut self, when: impl Fn(&ServiceError) -> bool + Send + Sync + 'static) -> Self {
        self.when = Arc::new(when);
        self
    }
}

impl<T> Layer<T> for DeadLetterLayer {
    type Service = DeadLetter<T>;

    fn layer(&self, inner: T) -> DeadLetter<T> {
        DeadLetter { inner, rule: self.clone() }
    }
}

/// The service of a [`DeadLetterLayer`].
#[derive(Clone)]
pub struct DeadLetter<T> {
    inner: T,
    rule: DeadLetterLayer,
}

impl<T> Service<Incoming> for DeadLetter<T>
where
    T: Service<Incoming, Response = Response>,
    T::Error: Into<BoxError>,
    T::Future: MaybeSend + 'static,
{
    type Response = Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, incoming: Incoming) -> Self::Future {
        let letter = Letter { request: incoming.clone(), rule: self.rule.clone() };
        let response = self.inner.call(incoming);
        Box::pin(async move {
            let response = response.await.map_err(Into::into);
            match &response {
                Ok(response) if response.is_stream() => {}
                Ok(response) => letter.send(response.service_error()).await,
                Err(error) => letter.send(Some(&known(error).unwrap_or_else(unknown))).await,
            }
            let response = response?;
            if !response.is_stream() {
                return Ok(response);
            }
            Ok(response.map_parts(move |part| {
                letter.send_now(part.service_error());
                part
            }))
        })
    }
}

/// A request that may have to be kept.
struct Letter {
    request: Incoming,
    rule: DeadLetterLayer,
}

impl Letter {
    async fn send(&self, error: Option<&ServiceError>) {
        let Some(error) = error.filter(|error| (self.rule.when)(error)) else { return };
        if let Some(publish) = self.publish(error) {
            self.tell(publish.await);
        }
    }

    /// Without waiting: parts pass through code that cannot.
    fn send_now(&self, error: Option<&ServiceError>) {
        let Some(error) = error.filter(|error| (self.rule.when)(error)) else { return };
        if let Some(publish) = self.publish(error) {
            self.tell(publish.try_send());
        }
    }

    fn publish(&self, error: &ServiceError) -> Option<natsws::Publish<'_>> {
        let endpoint = self.request.endpoint_name();
        if self.request.subject() == &*self.rule.subject {
            tracing::error!(endpoint, "a dead letter failed, and is not published again");
            return None;
        }
        let Some(client) = self.request.client() else {
            tracing::error!(endpoint, "a dead letter has no client to be published by");
            return None;
        };
        let payload = self.request.msg().payload_bytes();
        let publish = client.connection().publish(&self.rule.subject, payload);
        Some(publish.headers(&dead_letter_headers(&self.request, error)))
    }

    fn tell(&self, published: Result<(), PublishError>) {
        if let Err(error) = published {
            let (endpoint, subject) = (self.request.endpoint_name(), &*self.rule.subject);
            let error: &dyn std::error::Error = &error;
            tracing::error!(endpoint, subject, error, "a dead letter could not be published");
        }
    }
}

/// What a dead letter says besides its payload.
pub(crate) fn dead_letter_headers(request: &Incoming, error: &ServiceError) -> Headers {
    let code = error.code().to_string();
    let ours = [
        (DEAD_LETTER_SUBJECT, request.subject()),
        (DEAD_LETTER_ENDPOINT, request.endpoint_name()),
        (DEAD_LETTER_CODE, &code),
        (DEAD_LETTER_ERROR, error.description()),
    ];
    // One by one: a status that the request has in its first line stays behind.
    let theirs = request.headers().iter().filter(|(name, _)| {
        let of_the_server = name.get(..5).is_some_and(|nats| nats.eq_ignore_ascii_case("nats-"));
        !of_the_server && !ours.iter().any(|(our, _)| our == name)
    });
    let mut headers = Headers::new();
    for (name, value) in theirs.chain(ours) {
        if let Err(error) = headers.append(name, &plain(value)) {
            tracing::error!(%error, "a header is missing from a dead letter");
        }
    }
    headers
}

/// A value without line ends and whatever else could end it.
fn plain(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl fmt::Debug for DeadLetterLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetterLayer").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl<T: fmt::Debug> fmt::Debug for DeadLetter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter").field("inner", &self.inner).field("rule", &self.rule).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use futures_util::{StreamExt, stream};
    use tower::timeout::error::Elapsed;
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::layers::testing::{Stage, error, failed};
    use crate::response::Body;

    async fn through(
        layer: DeadLetterLayer,
        ask: Incoming,
        result: Result<Response, BoxError>,
    ) -> Result<Response, BoxError> {
        let mut result = Some(result);
        let service = service_fn(move |_| ready(result.take().unwrap_or(Err("twice".into()))));
        layer.layer(service).oneshot(ask).await
    }

    fn dead() -> DeadLetterLayer {
        DeadLetterLayer::new("dead.orders")
    }

    #[tokio::test]
    async fn what_failed_is_published_as_it_came_with_what_went_wrong() {
        let stage = Stage::new().await;
        let ask = stage
            .request(&[
                ("Trace", "7f3a"),
                ("Tag", "red"),
                ("Tag", "round"),
                ("Nats-Msg-Id", "7"),
                ("nats-rollup", "all"),
                ("Nats-Service-Error", "old"),
                ("Dead-Letter-Code", "1"),
            ])
            .await;
        let answer = through(dead(), ask, Ok(failed(500, "no\r\nInjected: yes"))).await;
        assert_eq!(error(&answer.expect("an answer")), (500, "no\r\nInjected: yes"));
        let letters = stage.published().await;
        let [letter] = letters.as_slice() else { panic!("{letters:?}") };
        assert_eq!((letter.subject(), letter.reply()), ("dead.orders", None));
        assert_eq!(letter.payload(), b"ask");
        let expected = [
            ("Trace", "7f3a"),
            ("Tag", "red"),
            ("Tag", "round"),
            ("Dead-Letter-Subject", "orders.7.get"),
            ("Dead-Letter-Endpoint", "get"),
            ("Dead-Letter-Code", "500"),
            ("Dead-Letter-Error", "no  Injected: yes"),
        ];
        assert_eq!(letter.headers().iter().collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn only_errors_that_are_asked_for_are_kept() {
        let all = || dead().when(|_| true);
        let none = || dead().when(|_| false);
        let cases: [(_, Result<Response, BoxError>, Option<&str>); 9] = [
            (dead(), Ok(Response::new("well")), None),
            (dead(), Ok(failed(404, "gone")), None),
            (dead(), Ok(failed(503, "away")), Some("503")),
            (dead(), Err("a secret".into()), Some("500")),
            (dead(), Err(Elapsed::new().into()), None),
            (all(), Err(Elapsed::new().into()), Some("408")),
            (all(), Ok(failed(404, "gone")), Some("404")),
            (all(), Ok(Response::new("well")), None),
            (none(), Ok(failed(500, "no")), None),
        ];
        let stage = Stage::new().await;
        for (layer, result, expected) in cases {
            let ask = stage.request(&[]).await;
            let fails = result.is_err();
            assert_eq!(through(layer, ask, result).await.is_err(), fails);
            let letters = stage.published().await;
            let codes: Vec<_> =
                letters.iter().map(|letter| letter.headers().get(DEAD_LETTER_CODE)).collect();
            assert_eq!(codes, Vec::from_iter(expected.map(Some)));
        }
    }

    #[tokio::test]
    async fn what_a_layer_says_of_itself_is_in_no_dead_letter() {
        let stage = Stage::new().await;
        let ask = stage.request(&[]).await;
        through(dead(), ask, Err("a secret".into())).await.expect_err("an error");
        let letters = stage.published().await;
        assert_eq!(letters[0].headers().get(DEAD_LETTER_ERROR), Some("the service failed"));
    }

    #[tokio::test]
    async fn an_answer_in_parts_that_ends_in_an_error_is_kept_once() {
        let stage = Stage::new().await;
        let ask = stage.request(&[]).await;
        let parts = stream::iter([Response::new("1"), Response::new("2"), failed(500, "no")]);
        let answer = through(dead(), ask, Ok(Response::stream(parts))).await.expect("an answer");
        assert_eq!(stage.published().await.len(), 0, "no part has come yet");
        let (_, Body::Parts(parts), _) = answer.into_parts() else { panic!("not in parts") };
        assert_eq!(parts.count().await, 3);
        let letters = stage.published().await;
        let [letter] = letters.as_slice() else { panic!("{letters:?}") };
        assert_eq!(letter.headers().get(DEAD_LETTER_ERROR), Some("no"));
    }

    #[tokio::test]
    async fn the_answer_comes_though_the_dead_letter_cannot_be_published() {
        let stage = Stage::new().await;
        for subject in ["dead.*", "", "orders.7.get"] {
            let ask = stage.request(&[]).await;
            let answer = through(DeadLetterLayer::new(subject), ask, Ok(failed(500, "no"))).await;
            assert_eq!(error(&answer.expect("an answer")), (500, "no"), "{subject}");
            assert_eq!(stage.published().await.len(), 0, "{subject}");
        }
    }
}
