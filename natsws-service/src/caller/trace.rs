//! The trace that requests begin or go on.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use natsws::{Request, RequestError, Subject};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;
use tracing::{Level, Span};

use crate::pattern::fitting;
use crate::span::{Parent, Within, request_span};

/// Makes each request within a span of the crate [`tracing`](::tracing): the other side of
/// [`layers::TraceLayer`](crate::layers::TraceLayer).
///
/// It goes around [`Client::service`](natsws::Client::service). The request carries the context of
/// the span, so that what the service does is a child of it. The span is a child of the current
/// [`TraceContext`](natsws::TraceContext), which is there in a handler within a
/// [`layers::TraceLayer`](crate::layers::TraceLayer), or begins a trace. With the feature `otel` it is
/// a child of the span that is entered, where that is exported.
///
/// Where nobody is interested in the span, the request carries what it would carry without the layer.
///
/// Nothing else of a trace needs it: typed messages that are sent within a context carry that by
/// themselves, and what they cause is then a child of the handler's span.
///
/// The span is called `request`, has the target `natsws_service::trace` and lasts until the reply is
/// there. It has these fields:
///
/// | field | what |
/// |---|---|
/// | `otel.name`, `messaging.destination.name` | the subject as declared, `orders.{id}.get` |
/// | `otel.kind` | `client` |
/// | `messaging.system` | `nats` |
/// | `messaging.operation.name`, `messaging.operation.type` | `request`, `send` |
/// | `trace_id`, `span_id` | its context, in hexadecimal digits |
/// | `parent_span_id` | the `span_id` that it is a child of, if any |
/// | `outcome` | at the end: `ok`, the code of the service's error, a word for any other (`no_responders`, `timed_out`, `disconnected`, `closed`, `other`), or `dropped` |
/// | `otel.status_code`, `error.type` | at the end of one that failed: `ERROR`, and the outcome |
///
/// Any error is a failure here, 4xx too. A request that is dropped is none: somebody had enough.
///
/// Around tower's `Retry` there is one span for all attempts, inside of it one for each.
///
/// ```
/// use natsws::{Subject, embedded::Broker};
/// use natsws_service::caller::TraceLayer;
/// use serde::{Deserialize, Serialize};
/// use tower::{Service, ServiceBuilder, ServiceExt};
///
/// #[derive(Serialize, Deserialize, Subject)]
/// #[subject("orders.count", reply = u64)]
/// struct CountOrders;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = Broker::start().await?;
/// # let client = broker.connect().await?;
/// let mut count = ServiceBuilder::new()
///     .layer(TraceLayer::new())
///     .service(client.service::<CountOrders>());
/// let counted = count.ready().await?.call(CountOrders).await;
/// assert!(counted.is_err_and(|error| error.is_no_responders()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TraceLayer {
    level: Level,
}

impl TraceLayer {
    /// Traces every request, with spans of level INFO.
    pub fn new() -> Self {
        Self { level: Level::INFO }
    }

    /// The level of the spans. Default: INFO.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    fn span<M: Request>(self, message: &M) -> Span {
        let template = template(message);
        request_span!(
            self.level,
            otel.name = template,
            otel.kind = "client",
            messaging.system = "nats",
            messaging.operation.name = "request",
            messaging.operation.type = "send",
            messaging.destination.name = template,
        )
    }
}

impl Default for TraceLayer {
    fn default() -> Self {
        Self::new()
    }
}

/// The subject as it is declared: of a type with several the one that the message has.
fn template<M: Subject>(message: &M) -> &'static str {
    let patterns = M::TEMPLATES.iter().copied().zip(M::FILTERS.iter().copied());
    fitting(patterns, || message.subject().map(String::from).unwrap_or_default())
}

/// What becomes of a failure in the span.
fn outcome<M: Request>(error: &RequestError<M::Error>) -> Outcome {
    Outcome::Word(match error {
        RequestError::Remote(error) => return Outcome::Code(M::error_code(error)),
        RequestError::Service(error) => return Outcome::Code(error.code()),
        RequestError::NoResponders => "no_responders",
        RequestError::TimedOut { .. } => "timed_out",
        RequestError::Disconnected { .. } => "disconnected",
        RequestError::Draining | RequestError::Closed => "closed",
        _ => "other",
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Code(u16),
    Word(&'static str),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => code.fmt(f),
            Self::Word(word) => f.write_str(word),
        }
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

impl<M, T> Service<M> for Traced<T>
where
    M: Request,
    T: Service<M, Error = RequestError<M::Error>>,
{
    type Response = T::Response;
    type Error = T::Error;
    type Future = TraceFuture<T::Future, M>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, message: M) -> TraceFuture<T::Future, M> {
        let parent = Parent::current();
        let within = Within::new(self.layer.span(&message), parent);
        let inner = within.run(|| self.inner.call(message));
        TraceFuture { inner: Some(inner), within: Some(within), outcome: outcome::<M> }
    }
}

pin_project! {
    /// The future of a [`Traced`].
    ///
    /// # Cancel safety
    /// As that of the future within.
    pub struct TraceFuture<F, M: Request> {
        // Both are `None` when there is a reply.
        #[pin]
        inner: Option<F>,
        within: Option<Within>,
        outcome: fn(&RequestError<M::Error>) -> Outcome,
    }

    impl<F, M: Request> PinnedDrop for TraceFuture<F, M> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(within) = this.within {
                within.run(|| this.inner.set(None));
                within.ended("dropped", false);
            }
        }
    }
}

impl<F, R, M> Future for TraceFuture<F, M>
where
    F: Future<Output = Result<R, RequestError<M::Error>>>,
    M: Request,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let (Some(inner), Some(within)) = (this.inner.as_mut().as_pin_mut(), &*this.within) else {
            return Poll::Pending;
        };
        let result = ready!(within.run(|| inner.poll(cx)));
        within.leave(|| this.inner.set(None));
        match &result {
            Ok(_) => within.ended("ok", false),
            Err(error) => within.ended((this.outcome)(error), true),
        }
        *this.within = None;
        Poll::Ready(result)
    }
}

impl<F, M: Request> fmt::Debug for TraceFuture<F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
