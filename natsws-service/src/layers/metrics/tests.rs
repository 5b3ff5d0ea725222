use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    set_default_local_recorder,
};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tower::timeout::error::Elapsed;
use tower::{ServiceExt, service_fn};

use super::*;
use crate::layers::CatchPanicLayer;
use crate::layers::testing::{Stage, failed};
use crate::response::Body;

/// All values by name and labels: of a histogram those that were recorded, otherwise the sum.
#[derive(Clone, Default)]
struct Values(Arc<Mutex<BTreeMap<String, Vec<f64>>>>);

/// One of them.
struct Value {
    values: Values,
    key: String,
}

impl Values {
    fn value(&self, key: &Key) -> Arc<Value> {
        let labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let key =
            format!("{} {}", key.name().trim_start_matches("natsws_service_"), labels.join(" "));
        Arc::new(Value { values: self.clone(), key })
    }

    fn all(&self) -> Vec<(String, Vec<f64>)> {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.iter().map(|(key, values)| (key.clone(), values.clone())).collect()
    }

    /// Those of a metric, with what its labels end in.
    fn of(&self, name: &str) -> Vec<(String, Vec<f64>)> {
        let of_it = |(key, values): (String, Vec<f64>)| {
            let labels = key.strip_prefix(name)?.strip_prefix(' ')?;
            Some((labels.strip_prefix(PLACE)?.trim().to_owned(), values))
        };
        self.all().into_iter().filter_map(of_it).collect()
    }
}

const PLACE: &str = "service=shop endpoint=get template=orders.{id}.get";

impl Value {
    fn add(&self, number: f64) {
        let mut values = self.values.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = values.entry(self.key.clone()).or_insert_with(|| vec![0.0]);
        sum[0] += number;
    }
}

impl CounterFn for Value {
    fn increment(&self, value: u64) {
        self.add(f64::from(u32::try_from(value).expect("a small number")));
    }

    fn absolute(&self, _value: u64) {
        unreachable!("nothing is counted elsewhere");
    }
}

impl GaugeFn for Value {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, _value: f64) {
        unreachable!("several requests share it");
    }
}

impl HistogramFn for Value {
    fn record(&self, value: f64) {
        let mut values = self.values.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.entry(self.key.clone()).or_default().push(value);
    }
}

impl Recorder for Values {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.value(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.value(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.value(key))
    }
}

/// The values of this thread. The runtime of a test has no other.
macro_rules! values {
    ($values:ident) => {
        let $values = Values::default();
        let _recorder = set_default_local_recorder(&$values);
    };
}

fn pair(labels: &str, values: &[f64]) -> (String, Vec<f64>) {
    (labels.to_owned(), values.to_vec())
}

async fn measure(result: Result<Response, BoxError>) -> Result<Response, BoxError> {
    let mut result = Some(result);
    let service = service_fn(move |_| {
        let result = result.take();
        async { result.unwrap_or(Err("twice".into())) }
    });
    MetricsLayer::new().layer(service).oneshot(Stage::new().await.request(&[]).await).await
}

#[tokio::test]
async fn requests_are_counted_by_where_they_came_to_and_how_they_ended() {
    values!(values);
    let results: [Result<Response, BoxError>; 8] = [
        Ok(Response::new("well")),
        Ok(Response::new("well")),
        Ok(failed(404, "gone")),
        Ok(failed(503, "away")),
        Ok(failed(42, "what?")),
        Err(Elapsed::new().into()),
        Err(ServiceError::new(403, "no").into()),
        Err("a secret".into()),
    ];
    for result in results {
        let fails = result.is_err();
        assert_eq!(measure(result).await.is_err(), fails);
    }
    let expected = [("4xx", 3.0), ("5xx", 2.0), ("ok", 2.0), ("other", 1.0)]
        .map(|(outcome, count)| pair(&format!("outcome={outcome}"), &[count]));
    assert_eq!(values.of("requests_total"), expected);
    assert_eq!(values.of("requests_in_flight"), [pair("", &[0.0])]);
    assert_eq!(values.all().len(), 4 + 1 + 1, "there is nothing else");
}

#[tokio::test(start_paused = true)]
async fn how_long_a_request_takes_is_measured_and_that_it_runs() {
    values!(values);
    let service = service_fn(|_| async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        Ok::<_, BoxError>(Response::new("well"))
    });
    let mut service = MetricsLayer::new().layer(service);
    let ask = Stage::new().await.request(&[]).await;
    let responses = [service.call(ask.clone()), service.call(ask)];
    assert_eq!(values.of("requests_in_flight"), [pair("", &[2.0])]);
    assert_eq!(values.of("request_duration_seconds"), []);
    for response in join_all(responses).await {
        response.expect("an answer");
    }
    assert_eq!(values.of("requests_in_flight"), [pair("", &[0.0])]);
    let durations = values.of("request_duration_seconds");
    assert_eq!(durations, [pair("", &[1.5, 1.5])]);
}

#[tokio::test]
async fn a_request_that_is_dropped_is_counted_as_such() {
    values!(values);
    let service = service_fn(|_| pending::<Result<Response, BoxError>>());
    let mut service = MetricsLayer::new().layer(service);
    let response = service.call(Stage::new().await.request(&[]).await);
    drop(response);
    assert_eq!(values.of("requests_total"), [pair("outcome=dropped", &[1.0])]);
    assert_eq!(values.of("requests_in_flight"), [pair("", &[0.0])]);
}

#[tokio::test]
async fn the_parts_of_an_answer_are_counted_as_they_come() {
    values!(values);
    let parts = stream::iter([Response::new("1"), Response::new("2"), failed(500, "no")]);
    let response = measure(Ok(Response::stream(parts))).await.expect("an answer");
    assert_eq!(values.of("requests_total"), [pair("outcome=ok", &[1.0])]);
    assert_eq!(values.of("reply_parts_total"), []);
    let (_, Body::Parts(parts), _) = response.into_parts() else { panic!("not in parts") };
    assert_eq!(parts.count().await, 3);
    let expected = [pair("outcome=5xx", &[1.0]), pair("outcome=ok", &[2.0])];
    assert_eq!(values.of("reply_parts_total"), expected);
}

#[tokio::test]
async fn a_panic_is_an_error_where_it_is_caught_inside_and_otherwise_a_drop() {
    values!(values);
    let broken = || {
        service_fn(|_| async {
            assert!(std::hint::black_box(false), "a secret");
            Ok::<_, BoxError>(Response::new(""))
        })
    };
    let ask = Stage::new().await.request(&[]).await;
    let inside = MetricsLayer::new().layer(CatchPanicLayer::new().layer(broken()));
    inside.oneshot(ask.clone()).await.expect("an answer");
    assert_eq!(values.of("requests_total"), [pair("outcome=5xx", &[1.0])]);
    let outside = CatchPanicLayer::new().layer(MetricsLayer::new().layer(broken()));
    outside.oneshot(ask).await.expect("an answer");
    let expected = [pair("outcome=5xx", &[1.0]), pair("outcome=dropped", &[1.0])];
    assert_eq!(values.of("requests_total"), expected);
    assert_eq!(values.of("requests_in_flight"), [pair("", &[0.0])]);
}
