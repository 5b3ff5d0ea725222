use std::future::pending;
use std::time::Duration;

use natsws::embedded::Broker;
use natsws::{ServiceError, Subject, TraceContext};
use serde::{Deserialize, Serialize};
use tower::{ServiceExt, service_fn};

use super::*;
use crate::recording::{RecordedSpan, Recorder};
use crate::span::TARGET;

#[derive(Serialize, Deserialize, Subject)]
#[subject("orders.{id}.get", reply = u64, error = Missing, error_code = Missing::code)]
struct GetOrder {
    id: u64,
}

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("missing")]
struct Missing(u16);

impl Missing {
    fn code(&self) -> u16 {
        self.0
    }
}

type Asked = Result<u64, RequestError<Missing>>;

/// What is carried by a request that is made now, and what comes of it.
async fn carried(layer: TraceLayer, asked: Asked) -> (Option<TraceContext>, Asked) {
    let mut carried = None;
    let mut asked = Some(asked);
    let inner = service_fn(|_: GetOrder| {
        carried = TraceContext::current();
        let asked = asked.take().expect("it is called once");
        async {
            tokio::task::yield_now().await;
            tracing::info!("asked");
            asked
        }
    });
    let asked = layer.layer(inner).oneshot(GetOrder { id: 7 }).await;
    (carried, asked)
}

fn only(recorder: &Recorder) -> RecordedSpan {
    let [span] = recorder.spans().try_into().expect("one span");
    span
}

#[tokio::test]
async fn a_span_says_what_is_asked_and_how_it_ended() {
    let (recorder, _recording) = Recorder::begin();
    let parent = TraceContext::new_root().with_sampled(false);
    let (carried, asked) = parent.clone().scope(carried(TraceLayer::new(), Ok(7))).await;
    assert_eq!(asked.expect("a reply"), 7);
    let carried = carried.expect("a context");
    assert_eq!((carried.trace_id(), carried.flags()), (parent.trace_id(), 0));
    let text = carried.to_string();
    let [_, trace, span, _] = text.split('-').collect::<Vec<_>>().try_into().expect("four");
    let parent = format!("{:016x}", u64::from_be_bytes(parent.span_id()));
    let expected = [
        ("otel.name", "orders.{id}.get"),
        ("otel.kind", "client"),
        ("messaging.system", "nats"),
        ("messaging.operation.name", "request"),
        ("messaging.operation.type", "send"),
        ("messaging.destination.name", "orders.{id}.get"),
        ("trace_id", trace),
        ("span_id", span),
        ("parent_span_id", &parent),
        ("outcome", "ok"),
    ];
    let told = only(&recorder);
    let fields: Vec<_> = told.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(fields, expected);
    assert_eq!((told.name, told.target), ("request", TARGET));
    assert_eq!((told.level, told.is_closed), (Level::INFO, true));
    let events = recorder.events();
    let events: Vec<_> = events.iter().map(|event| (event.message(), event.span)).collect();
    assert_eq!(events, [("asked", Some(0))]);
}

#[tokio::test]
async fn a_request_outside_of_a_trace_begins_one() {
    let (recorder, _recording) = Recorder::begin();
    let (carried, _) = carried(TraceLayer::default().level(Level::DEBUG), Ok(7)).await;
    assert!(carried.expect("a context").is_sampled());
    let span = only(&recorder);
    assert_eq!((span.level, span.field("parent_span_id")), (Level::DEBUG, None));
}

#[tokio::test]
async fn every_error_is_a_failure_and_told_by_a_word_or_a_code() {
    let cases: [(RequestError<Missing>, &str); 8] = [
        (RequestError::Remote(Missing(404)), "404"),
        (RequestError::Service(ServiceError::new(503, "a secret")), "503"),
        (RequestError::NoResponders, "no_responders"),
        (RequestError::TimedOut { after: Duration::ZERO }, "timed_out"),
        (RequestError::Disconnected { maybe_delivered: true }, "disconnected"),
        (RequestError::Draining, "closed"),
        (RequestError::Closed, "closed"),
        (RequestError::PayloadTooLarge { len: 2, max: 1 }, "other"),
    ];
    for (error, outcome) in cases {
        let (recorder, _recording) = Recorder::begin();
        let text = format!("{error:?}");
        let (_, asked) = carried(TraceLayer::new(), Err(error)).await;
        assert_eq!(format!("{:?}", asked.expect_err("an error")), text);
        let span = only(&recorder);
        assert_eq!(span.field("outcome"), Some(outcome));
        assert_eq!(span.field("error.type"), Some(outcome));
        assert_eq!((span.field("otel.status_code"), span.is_closed), (Some("ERROR"), true));
    }
}

#[tokio::test]
async fn a_request_that_is_dropped_is_no_failure() {
    let (recorder, _recording) = Recorder::begin();
    let inner = service_fn(|_: GetOrder| pending::<Asked>());
    let mut service = TraceLayer::new().layer(inner);
    drop(service.call(GetOrder { id: 7 }));
    let span = only(&recorder);
    assert_eq!((span.field("outcome"), span.field("error.type")), (Some("dropped"), None));
    assert!(span.is_closed);
}

#[tokio::test]
async fn without_a_subscriber_the_layer_changes_nothing() {
    let (none, asked) = carried(TraceLayer::new().level(Level::TRACE), Ok(7)).await;
    assert_eq!((none, asked.expect("a reply")), (None, 7));
    let context = TraceContext::new_root();
    let layer = TraceLayer::new().level(Level::TRACE);
    let (same, _) = context.clone().scope(carried(layer, Ok(7))).await;
    assert_eq!(same, Some(context));
}

#[tokio::test]
async fn the_context_of_the_span_is_what_is_sent() {
    let (recorder, _recording) = Recorder::begin();
    let broker = Broker::start().await.expect("a broker");
    let client = broker.connect().await.expect("in memory");
    let mut orders = TraceLayer::new().layer(client.service::<GetOrder>());
    let asked = orders.call(GetOrder { id: 7 }).await;
    assert!(asked.is_err_and(|error| error.is_no_responders()));
    let msgs = broker.published_msgs().expect("recorded");
    let sent = TraceContext::from_headers(msgs[0].headers()).expect("it is sent");
    let span = format!("{:016x}", u64::from_be_bytes(sent.span_id()));
    assert_eq!(only(&recorder).field("span_id"), Some(span.as_str()));
}

#[test]
fn a_type_with_several_subjects_is_told_by_the_one_it_has() {
    #[derive(Serialize, Subject)]
    enum Change {
        #[subject("orders.{id}.placed")]
        Placed { id: u64 },
        #[subject("orders.{id}.shipped")]
        Shipped { id: u64 },
    }
    let told = [template(&Change::Placed { id: 7 }), template(&Change::Shipped { id: 7 })];
    assert_eq!(told, ["orders.{id}.placed", "orders.{id}.shipped"]);
}
