//! The trace that requests belong to.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use natsws::TraceContext;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;
use tracing::{Level, Span};

use crate::error::BoxError;
use crate::incoming::Incoming;
use crate::place::Place;
use crate::recover::known;
use crate::response::Response;
use crate::span::{Parent, TARGET, Within, request_span};

mod parts;

use parts::TracedParts;

/// Runs each request within a span of the crate [`tracing`](::tracing), as a part of its caller's
/// trace.
///
/// Who asks says in the header `traceparent` which trace it is part of (W3C Trace Context, see
/// [`TraceContext`]). The request becomes a child of that; without the header, or with one that is
/// not valid, it begins a trace. The handler has the new context as
/// [`Extension<TraceContext>`](crate::Extension) and, while it runs, as [`TraceContext::current`],
/// so that typed messages that it sends on its own task carry it on, and a trace goes through all
/// services. Whether it is sampled is what the caller says.
///
/// The span is called `request`, has the target `natsws_service::trace` and lasts until the answer is
/// there, of an answer in parts until its last part. Its fields are these, in the words of
/// OpenTelemetry where it has some:
///
/// | field | what |
/// |---|---|
/// | `otel.name`, `messaging.destination.name` | the subject as declared, `orders.{id}.get` |
/// | `otel.kind` | `server` |
/// | `messaging.system` | `nats` |
/// | `messaging.operation.name`, `messaging.operation.type` | `process` |
/// | `messaging.consumer.group.name` | the queue group, if any |
/// | `messaging.message.body.size` | the bytes of the payload |
/// | `natsws.service`, `natsws.endpoint` | the names of the service and of its endpoint |
/// | `natsws.subject` | the subject that was asked, with [`subjects`](Self::subjects) only |
/// | `trace_id`, `span_id` | its context, in hexadecimal digits |
/// | `parent_span_id` | the caller's `span_id`, where it is told |
/// | `outcome` | at the end: `ok`, the code of the error, or `dropped` |
/// | `otel.status_code`, `error.type` | at the end of one that failed: `ERROR`, and the outcome |
///
/// Failed is what ends with any code but 4xx, which is the caller's mistake, and what is dropped
/// before there is an answer: by a time-out further out, or a drain whose time was up. A caller that
/// leaves an answer in parts early makes it `dropped` and no failure. In each request that ends in an
/// error there is also an event with its endpoint and code: of level WARN where it failed, of level
/// DEBUG otherwise. What errors say is not in it, as little as payloads and headers: it may hold what
/// is the caller's own. Where the cause of a 5xx is worth a log, whoever answers with it logs it,
/// and that is within the span.
///
/// Where nobody is interested in the span, because of its level for instance, the request takes no
/// part in the trace: what it sends carries its caller's context as it is, or a new one where there
/// is none, so that it belongs together all the same.
///
/// # OpenTelemetry
/// With the feature `otel`, and where the layer of the crate `tracing-opentelemetry` is among those of
/// the subscriber, the ids are those of the span that OpenTelemetry exports, which has the caller's as
/// its parent. A collector thus joins the spans of all services. Whether it is sampled is then what
/// OpenTelemetry's sampler says. Without the feature the ids are made here: they join what is logged,
/// and the spans of services further on.
///
/// # Where to put it
/// Outermost: what other layers do and log is then within the span. What a request waits for until
/// the layers inside are ready is not, nor is a request that never gets that far. The other side is
/// [`caller::TraceLayer`](crate::caller::TraceLayer).
///
/// ```no_run
/// use natsws_service::Router;
/// use natsws_service::layers::TraceLayer;
/// # use natsws::Subject;
/// # #[derive(serde::Serialize, serde::Deserialize, Subject)]
/// # #[subject("orders.count", reply = u64)]
/// # struct CountOrders;
///
/// let app = Router::<()>::new("orders", "1.0.0")
///     .endpoint(async |_: CountOrders| 7)
///     .layer(TraceLayer::new());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TraceLayer {
    level: Level,
    has_subjects: bool,
}

impl TraceLayer {
    /// Traces every request, with spans of level INFO.
    pub fn new() -> Self {
        Self { level: Level::INFO, has_subjects: false }
    }

    /// The level of the spans. Default: INFO.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Says of each request the subject too, as `natsws.subject`. Default: not, because subjects
    /// hold what callers choose: there may be any number of them, and they may name people.
    #[must_use]
    pub fn subjects(mut self) -> Self {
        self.has_subjects = true;
        self
    }

    fn span(self, incoming: &Incoming) -> Span {
        request_span!(
            self.level,
            otel.name = incoming.template(),
            otel.kind = "server",
            messaging.system = "nats",
            messaging.operation.name = "process",
            messaging.operation.type = "process",
            messaging.destination.name = incoming.template(),
            messaging.consumer.group.name = incoming.queue_group(),
            messaging.message.body.size = incoming.payload().len(),
            natsws.service = incoming.service_name(),
            natsws.endpoint = incoming.endpoint_name(),
            natsws.subject = self.has_subjects.then(|| incoming.subject()),
        )
    }
}

impl Default for TraceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Layer<T> for TraceLayer {
    type Service = Traced<T>;

    fn layer(&self, inner: T) -> Traced<T> {
        Traced { inner, layer: *self }
    }
}

/// The service of a [`TraceLayer`].
#[derive(Debug, Clone)]
pub struct Traced<T> {
    inner: T,
    layer: TraceLayer,
}

impl<T> Service<Incoming> for Traced<T>
where
    T: Service<Incoming, Response = Response>,
    T::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = BoxError;
    type Future = TraceFuture<T::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut incoming: Incoming) -> TraceFuture<T::Future> {
        let caller = TraceContext::from_headers(incoming.headers());
        let within = Within::new(self.layer.span(&incoming), Parent::remote(caller));
        let (within, trace) = within.or_root();
        incoming.insert(trace);
        let request = Traceable { within, place: Arc::clone(incoming.place()), left: Left::Failed };
        let inner = request.within.run(|| self.inner.call(incoming));
        TraceFuture { inner: Some(inner), request: Some(request) }
    }
}

/// A request until it has ended.
struct Traceable {
    within: Within,
    place: Arc<Place>,
    left: Left,
}

/// What it is to leave a request before its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Failed,
    /// There is an answer, and whoever gets it may have enough.
    Enough,
    /// It has ended.
    Nothing,
}

impl Traceable {
    /// The span is over when this returns.
    fn end(mut self, code: Option<u16>) {
        self.left = Left::Nothing;
        let Some(code) = code else { return self.within.ended("ok", false) };
        let is_failure = !(400..=499).contains(&code);
        self.within.ended(code, is_failure);
        let endpoint = &*self.place.endpoint;
        self.within.run(|| {
            if is_failure {
                tracing::warn!(target: TARGET, endpoint, code, "a request failed");
            } else {
                tracing::debug!(target: TARGET, endpoint, code, "a request was refused");
            }
        });
    }
}

impl Drop for Traceable {
    fn drop(&mut self) {
        if self.left == Left::Nothing {
            return;
        }
        let is_failure = self.left == Left::Failed;
        self.within.ended("dropped", is_failure);
        if is_failure {
            let endpoint = &*self.place.endpoint;
            let warn = || tracing::warn!(target: TARGET, endpoint, "a request was dropped");
            self.within.run(warn);
        }
    }
}

pin_project! {
    /// The future of a [`Traced`].
    pub struct TraceFuture<F> {
        // Both are `None` when it has answered.
        #[pin]
        inner: Option<F>,
        request: Option<Traceable>,
    }

    impl<F> PinnedDrop for TraceFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What the request holds may log as it goes.
            if let Some(request) = this.request {
                request.within.run(|| this.inner.set(None));
            }
        }
    }
}

impl<F, E> Future for TraceFuture<F>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (Some(inner), Some(request)) = (this.inner.as_mut().as_pin_mut(), &*this.request)
        else {
            return Poll::Pending;
        };
        let result = ready!(request.within.run(|| inner.poll(cx))).map_err(Into::into);
        request.within.leave(|| this.inner.set(None));
        let Some(mut request) = this.request.take() else { return Poll::Pending };
        Poll::Ready(match result {
            Ok(response) if response.is_stream() => {
                request.left = Left::Enough;
                Ok(response.around_parts(|parts| TracedParts::new(parts, request)))
            }
            Ok(response) => {
                request.end(response.service_error().map(natsws::ServiceError::code));
                Ok(response)
            }
            Err(error) => {
                // What is no answer by itself becomes one of code 500 further out.
                request.end(Some(known(&error).map_or(500, |error| error.code())));
                Err(error)
            }
        })
    }
}

impl<F> fmt::Debug for TraceFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
