//! Counts and times of requests.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ::metrics::{
    Label, SharedString, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};
use natsws::ServiceError;
use natsws::private::runtime::Instant;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::error::BoxError;
use crate::incoming::Incoming;
use crate::recover::known;
use crate::response::Response;

const REQUESTS: &str = "natsws_service_requests_total";
const DURATION: &str = "natsws_service_request_duration_seconds";
const IN_FLIGHT: &str = "natsws_service_requests_in_flight";
const PARTS: &str = "natsws_service_reply_parts_total";

/// Counts requests and measures how long they take, through the facade of the crate
/// [`metrics`](::metrics) (feature `metrics`): the application installs a recorder, Prometheus' for
/// instance, and it does so before it makes the service.
///
/// | name | kind | labels | what |
/// |---|---|---|---|
/// | `natsws_service_requests_total` | counter | `service`, `endpoint`, `template`, `outcome` | requests that ended |
/// | `natsws_service_request_duration_seconds` | histogram | `service`, `endpoint`, `template` | from the call of what is inside to its answer, of an answer in parts to its beginning |
/// | `natsws_service_requests_in_flight` | gauge | `service`, `endpoint`, `template` | requests that were called and have not ended |
/// | `natsws_service_reply_parts_total` | counter | `service`, `endpoint`, `template`, `outcome` | parts of answers in parts |
///
/// `outcome` is `ok`; of an error `4xx`, `5xx` or, for another code, `other`; or `dropped`, where
/// nobody waited for the end: a time-out further out, or a drain whose time was up. An error at the
/// end of an answer in parts is the outcome of that part; the request was `ok` when it began.
/// `template` is the subject as declared, `orders.{id}.get`. So there are only as many series as
/// there are endpoints: no subject and nothing else that callers choose becomes a label.
///
/// Put it far outside: what is further out is not counted, and waiting for the readiness of what is
/// inside is not measured.
///
/// ```no_run
/// use natsws_service::Router;
/// use natsws_service::layers::MetricsLayer;
/// # use natsws::Subject;
/// # #[derive(serde::Serialize, serde::Deserialize, Subject)]
/// # #[subject("orders.count", reply = u64)]
/// # struct CountOrders;
///
/// let app = Router::<()>::new("orders", "1.0.0")
///     .endpoint(async |_: CountOrders| 7)
///     .layer(MetricsLayer::new());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct MetricsLayer(());

impl MetricsLayer {
    /// Measures every request.
    pub fn new() -> Self {
        Self(())
    }
}

impl<T> Layer<T> for MetricsLayer {
    type Service = Measured<T>;

    fn layer(&self, inner: T) -> Measured<T> {
        describe_counter!(REQUESTS, "requests that ended");
        describe_histogram!(DURATION, Unit::Seconds, "how long requests took");
        describe_gauge!(IN_FLIGHT, "requests that were called and have not ended");
        describe_counter!(PARTS, "parts of answers in parts");
        Measured { inner, names: None }
    }
}

/// The service of a [`MetricsLayer`].
#[derive(Debug, Clone)]
pub struct Measured<T> {
    inner: T,
    /// Those of the last request, which are those of all where the service is of one endpoint.
    names: Option<Names>,
}

/// Where a request has come to. A clone copies no text.
#[derive(Debug, Clone)]
struct Names {
    service: Arc<str>,
    endpoint: Arc<str>,
    template: Arc<str>,
}

impl Names {
    fn of(incoming: &Incoming) -> Self {
        Self {
            service: incoming.service_name().into(),
            endpoint: incoming.endpoint_name().into(),
            template: incoming.template().into(),
        }
    }

    fn are_of(&self, incoming: &Incoming) -> bool {
        *self.service == *incoming.service_name()
            && *self.endpoint == *incoming.endpoint_name()
            && *self.template == *incoming.template()
    }

    fn labels(&self) -> Vec<Label> {
        let label = |name, text: &Arc<str>| Label::new(name, SharedString::from(Arc::clone(text)));
        vec![
            label("service", &self.service),
            label("endpoint", &self.endpoint),
            label("template", &self.template),
        ]
    }

    fn labels_with(&self, outcome: &'static str) -> Vec<Label> {
        let mut labels = self.labels();
        labels.push(Label::from_static_parts("outcome", outcome));
        labels
    }
}

impl<T> Service<Incoming> for Measured<T>
where
    T: Service<Incoming, Response = Response>,
    T::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = BoxError;
    type Future = MetricsFuture<T::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, incoming: Incoming) -> MetricsFuture<T::Future> {
        let names = self.names.take().filter(|names| names.are_of(&incoming));
        let names = names.unwrap_or_else(|| Names::of(&incoming));
        self.names = Some(names.clone());
        // How long the request waited is for here too, once it says when it came.
        let measure = Measure::begin(names);
        MetricsFuture { inner: self.inner.call(incoming), measure }
    }
}

/// One request that is measured, until it is dropped.
struct Measure {
    names: Names,
    begun: Instant,
    outcome: &'static str,
}

impl Measure {
    fn begin(names: Names) -> Self {
        gauge!(IN_FLIGHT, names.labels()).increment(1.0);
        Self { names, begun: Instant::now(), outcome: "dropped" }
    }
}

impl Drop for Measure {
    fn drop(&mut self) {
        gauge!(IN_FLIGHT, self.names.labels()).decrement(1.0);
        histogram!(DURATION, self.names.labels()).record(self.begun.elapsed());
        counter!(REQUESTS, self.names.labels_with(self.outcome)).increment(1);
    }
}

/// What an error is counted as; none is `ok`.
fn outcome(error: Option<&ServiceError>) -> &'static str {
    match error.map(ServiceError::code) {
        None => "ok",
        Some(400..=499) => "4xx",
        Some(500..=599) => "5xx",
        Some(_) => "other",
    }
}

pin_project! {
    /// The future of a [`Measured`].
    pub struct MetricsFuture<F> {
        #[pin]
        inner: F,
        measure: Measure,
    }
}

impl<F, E> Future for MetricsFuture<F>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx)).map_err(Into::into);
        this.measure.outcome = match &result {
            Ok(response) => outcome(response.service_error()),
            Err(error) => known(error).map_or("5xx", |error| outcome(Some(&error))),
        };
        Poll::Ready(result.map(|response| {
            if !response.is_stream() {
                return response;
            }
            let names = this.measure.names.clone();
            response.map_parts(move |part| {
                counter!(PARTS, names.labels_with(outcome(part.service_error()))).increment(1);
                part
            })
        }))
    }
}

impl<F> fmt::Debug for MetricsFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
