//! One place for what errors say to the outside.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use natsws::{ERROR_CODE_HEADER, ERROR_HEADER, HeaderError, ServiceError};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::error::BoxError;
use crate::incoming::Incoming;
use crate::recover::recover;
use crate::response::Response;

type Map = Arc<dyn Fn(ServiceError, bool) -> ServiceError + Send + Sync>;

/// Changes every error on its way out: one place for what errors say.
///
/// It sees the error replies of handlers, also as a part of an answer in parts, and what layers
/// inside fail with, which is an error reply from here on: tower's `Elapsed` 408, its `Overloaded`
/// 503, a [`ServiceError`] itself, and anything else a 500 that tells nothing. Panics are such an
/// error where a [`CatchPanicLayer`](super::CatchPanicLayer) is inside.
///
/// The reply keeps its other headers. An error that is changed loses the headers that say what its
/// body was, unless the new one has them.
///
/// ```no_run
/// use natsws::ServiceError;
/// use natsws_service::Router;
/// use natsws_service::layers::MapErrorLayer;
/// # use natsws::Subject;
/// # #[derive(serde::Serialize, serde::Deserialize, Subject)]
/// # #[subject("orders.count", reply = u64)]
/// # struct CountOrders;
///
/// let app = Router::<()>::new("orders", "1.0.0")
///     .endpoint(async |_: CountOrders| 7)
///     .layer(MapErrorLayer::new(|error| match error.code() {
///         408 => ServiceError::new(504, error.description()),
///         _ => error,
///     }))
///     .layer(MapErrorLayer::redact());
/// ```
#[derive(Clone)]
pub struct MapErrorLayer {
    map: Map,
}

impl MapErrorLayer {
    /// Does this with every error. It is called by many requests at once.
    pub fn new(map: impl Fn(ServiceError) -> ServiceError + Send + Sync + 'static) -> Self {
        Self { map: Arc::new(move |error, _| map(error)) }
    }

    /// Keeps what errors of the service itself, those of code 500 and more, say: they keep their
    /// code, and get the description `the service failed` and no body. What callers did wrong they
    /// are told in full, and so they are the error that their request declares, whatever its code:
    /// they are meant to match on it.
    pub fn redact() -> Self {
        let map = |error: ServiceError, is_declared| {
            if is_declared || error.code() < 500 {
                return error;
            }
            ServiceError::new(error.code(), "the service failed")
        };
        Self { map: Arc::new(map) }
    }
}

impl<T> Layer<T> for MapErrorLayer {
    type Service = MapError<T>;

    fn layer(&self, inner: T) -> MapError<T> {
        MapError { inner, map: Arc::clone(&self.map), failure: None }
    }
}

/// The service of a [`MapErrorLayer`].
#[derive(Clone)]
pub struct MapError<T> {
    inner: T,
    map: Map,
    /// What was said instead of being ready: the answer to the next request.
    failure: Option<ServiceError>,
}

impl<T> Service<Incoming> for MapError<T>
where
    T: Service<Incoming, Response = Response>,
    T::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = MapErrorFuture<T::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        let ready = ready!(self.inner.poll_ready(cx));
        self.failure =
            ready.err().and_then(|error| recover(&error.into()).service_error().cloned());
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, incoming: Incoming) -> MapErrorFuture<T::Future> {
        let map = Arc::clone(&self.map);
        match self.failure.take() {
            Some(error) => MapErrorFuture { inner: None, failure: Some(error), map },
            None => MapErrorFuture { inner: Some(self.inner.call(incoming)), failure: None, map },
        }
    }
}

pin_project! {
    /// The future of a [`MapError`].
    pub struct MapErrorFuture<F> {
        #[pin]
        inner: Option<F>,
        failure: Option<ServiceError>,
        map: Map,
    }
}

impl<F, E> Future for MapErrorFuture<F>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match (this.failure.take(), this.inner.as_pin_mut()) {
            (Some(error), _) => Response::error(&error),
            (None, Some(inner)) => {
                ready!(inner.poll(cx)).unwrap_or_else(|error| recover(&error.into()))
            }
            (None, None) => return Poll::Pending,
        };
        let map = Arc::clone(this.map);
        Poll::Ready(Ok(response.map_parts(move |part| mapped(part, &map))))
    }
}

/// The reply with its error changed, where it has one.
fn mapped(response: Response, map: &Map) -> Response {
    let Some(error) = response.service_error() else { return response };
    let new = map(error.clone(), response.is_declared_error());
    if new == *error {
        return response;
    }
    let mut changed = Response::error(&new);
    for (name, value) in response.headers().iter() {
        let of_the_error = [ERROR_HEADER, ERROR_CODE_HEADER].contains(&name);
        if !of_the_error && !name.starts_with("Content-") {
            let added: Result<(), HeaderError> = changed.headers_mut().append(name, value);
            debug_assert!(added.is_ok(), "it was added before");
        }
    }
    changed
}

impl fmt::Debug for MapErrorLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapErrorLayer").finish_non_exhaustive()
    }
}

impl<T: fmt::Debug> fmt::Debug for MapError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapError").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for MapErrorFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapErrorFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};

    use futures_util::{StreamExt, stream};
    use tower::timeout::error::Elapsed;
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::layers::testing::{error, failed, incoming};
    use crate::response::Body;

    fn teapot() -> MapErrorLayer {
        MapErrorLayer::new(|error| ServiceError::new(418, format!("was {}", error.code())))
    }

    type Answered = Result<Response, BoxError>;

    async fn through(layer: MapErrorLayer, result: Answered) -> Response {
        let mut result = Some(result);
        let service = service_fn(move |_| ready(result.take().unwrap_or(Err("twice".into()))));
        let Ok(response) = layer.layer(service).oneshot(incoming(&[]).await).await;
        response
    }

    #[tokio::test]
    async fn error_replies_and_failures_of_layers_are_changed_and_answers_are_not() {
        let cases: [(Answered, (u16, &str)); 5] = [
            (Ok(Response::new("well")), (0, "")),
            (Ok(failed(404, "gone")), (418, "was 404")),
            (Err(Elapsed::new().into()), (418, "was 408")),
            (Err(ServiceError::new(401, "who are you?").into()), (418, "was 401")),
            (Err("a secret".into()), (418, "was 500")),
        ];
        for (result, expected) in cases {
            let response = through(teapot(), result).await;
            assert_eq!(error(&response), expected);
        }
    }

    #[tokio::test]
    async fn what_a_reply_says_besides_the_error_is_kept() {
        let mut reply = Response::error(&ServiceError::new(404, "gone").with_body("{}"));
        for (name, value) in [("Content-Type", "application/json"), ("Trace", "7f3a")] {
            reply.headers_mut().append(name, value).expect("valid");
        }
        let unchanged = MapErrorLayer::new(|error| error);
        let kept = through(unchanged, Ok(reply.try_clone().expect("it is whole"))).await;
        assert_eq!((kept.headers().len(), kept.payload()), (4, &b"{}"[..]));
        let changed = through(teapot(), Ok(reply)).await;
        let headers: Vec<_> = changed.headers().iter().collect();
        let expected = [
            ("Nats-Service-Error", "was 404"),
            ("Nats-Service-Error-Code", "418"),
            ("Trace", "7f3a"),
        ];
        assert_eq!((headers.as_slice(), changed.payload()), (&expected[..], &b""[..]));
    }

    #[tokio::test]
    async fn redacted_errors_keep_their_code_and_nothing_else() {
        for (code, text, expected) in [
            (404, "there is no order 7", (404, "there is no order 7")),
            (499, "x", (499, "x")),
            (500, "the password is 1234", (500, "the service failed")),
            (503, "the database db-7 is away", (503, "the service failed")),
        ] {
            let reply = Response::error(&ServiceError::new(code, text).with_body("body"));
            let response = through(MapErrorLayer::redact(), Ok(reply)).await;
            assert_eq!(error(&response), expected);
            assert_eq!(response.payload().is_empty(), code >= 500);
        }
    }

    #[tokio::test]
    async fn the_error_at_the_end_of_an_answer_in_parts_is_changed() {
        let parts = stream::iter([Response::new("1"), failed(500, "a secret")]);
        let response = through(MapErrorLayer::redact(), Ok(Response::stream(parts))).await;
        assert!(response.is_stream());
        let (_, Body::Parts(parts), _) = response.into_parts() else { panic!("not in parts") };
        let parts: Vec<_> = parts.collect().await;
        let told: Vec<_> = parts.iter().map(|part| (part.payload(), error(part))).collect();
        assert_eq!(told, [(&b"1"[..], (0, "")), (&b""[..], (500, "the service failed"))]);
    }

    /// A service that fails before it is called, every other time.
    struct Moody(bool);

    impl Service<Incoming> for Moody {
        type Response = Response;
        type Error = BoxError;
        type Future = Ready<Result<Response, BoxError>>;

        fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            self.0 = !self.0;
            Poll::Ready(if self.0 { Err("a secret".into()) } else { Ok(()) })
        }

        fn call(&mut self, _incoming: Incoming) -> Self::Future {
            assert!(!self.0, "it was not ready");
            ready(Ok(Response::new("well")))
        }
    }

    #[tokio::test]
    async fn what_fails_before_it_is_called_is_an_answer_too() {
        let mut service = teapot().layer(Moody(false));
        for expected in [(418, "was 500"), (0, ""), (418, "was 500")] {
            let ask = incoming(&[]).await;
            let Ok(response) = service.ready().await.expect("infallible").call(ask).await;
            assert_eq!(error(&response), expected);
        }
    }
}
