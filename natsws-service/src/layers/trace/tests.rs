use std::convert::Infallible;
use std::future::pending;

use futures_util::{StreamExt, stream};
use natsws::ServiceError;
use tower::timeout::error::Elapsed;
use tower::{ServiceExt, service_fn};

use super::*;
use crate::layers::CatchPanicLayer;
use crate::layers::testing::{Stage, failed};
use crate::recording::{Recorded, Recorder};
use crate::response::Body;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// What is traced of a request with these headers that comes to this.
async fn traced(
    layer: TraceLayer,
    headers: &[(&str, &str)],
    result: Result<Response, BoxError>,
) -> (Result<Response, BoxError>, Recorder) {
    let incoming = Stage::new().await.request(headers).await;
    let (recorder, _recording) = Recorder::begin();
    let mut result = Some(result);
    let service = service_fn(move |_| {
        let result = result.take();
        async { result.unwrap_or(Err("twice".into())) }
    });
    (layer.layer(service).oneshot(incoming).await, recorder)
}

/// What a handler within the layer finds, that is called with these headers.
async fn found(layer: TraceLayer, headers: &[(&str, &str)]) -> TraceContext {
    let incoming = Stage::new().await.request(headers).await;
    let service = service_fn(|incoming: Incoming| {
        let called = TraceContext::current();
        async move {
            tokio::task::yield_now().await;
            let polled = TraceContext::current().expect("it is within");
            assert_eq!((Some(&polled), Some(&polled)), (called.as_ref(), incoming.extension()));
            let said = format!("{polled}\n{}", polled.tracestate().unwrap_or_default());
            Ok::<_, Infallible>(Response::new(said))
        }
    });
    let response = layer.layer(service).oneshot(incoming).await.expect("an answer");
    assert_eq!(TraceContext::current(), None);
    let said = String::from_utf8_lossy(response.payload()).into_owned();
    let (parent, state) = said.split_once('\n').expect("two lines");
    TraceContext::parse(parent).expect("valid").with_tracestate(state)
}

#[tokio::test]
async fn a_span_says_where_a_request_has_come_to_and_how_it_ended() {
    let well = Ok(Response::new("well"));
    let (_, recorder) = traced(TraceLayer::new(), &[("Traceparent", PARENT)], well).await;
    let [span] = recorder.spans().try_into().expect("one span");
    let ids = ["span_id"].map(|name| span.field(name).expect("it has one").to_owned());
    assert_eq!((ids[0].len(), ids[0].as_str() != "00f067aa0ba902b7"), (16, true));
    let expected = [
        ("otel.name", "orders.{id}.get"),
        ("otel.kind", "server"),
        ("messaging.system", "nats"),
        ("messaging.operation.name", "process"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", "orders.{id}.get"),
        ("messaging.consumer.group.name", "q"),
        ("messaging.message.body.size", "3"),
        ("natsws.service", "shop"),
        ("natsws.endpoint", "get"),
        ("trace_id", TRACE),
        ("span_id", &ids[0]),
        ("parent_span_id", "00f067aa0ba902b7"),
        ("outcome", "ok"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    assert_eq!(span.fields, expected);
    assert_eq!((span.name, span.target), ("request", TARGET));
    assert_eq!((span.level, span.is_closed), (Level::INFO, true));
    assert_eq!(recorder.events(), []);
}

#[tokio::test]
async fn the_level_is_what_is_said_and_the_subject_is_told_where_that_is_wanted() {
    for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
        let layer = TraceLayer::default().level(level).subjects();
        let (_, recorder) = traced(layer, &[], Ok(Response::new(""))).await;
        let [span] = recorder.spans().try_into().expect("one span");
        assert_eq!((span.level, span.field("natsws.subject")), (level, Some("orders.7.get")));
        assert_eq!(span.field("parent_span_id"), None);
    }
}

#[tokio::test]
async fn failures_are_marked_and_told_without_what_they_say() {
    const FAILED: Option<&str> = Some("ERROR");
    let secret = "a secret";
    let known = |code| BoxError::from(ServiceError::new(code, secret));
    let cases: [(Result<Response, BoxError>, &str, Option<&str>); 8] = [
        (Ok(failed(404, secret)), "404", None),
        (Ok(failed(499, secret)), "499", None),
        (Ok(failed(503, secret)), "503", FAILED),
        (Ok(failed(42, secret)), "42", FAILED),
        (Err(known(403)), "403", None),
        (Err(known(500)), "500", FAILED),
        (Err(Elapsed::new().into()), "408", None),
        (Err(secret.into()), "500", FAILED),
    ];
    for (result, outcome, status) in cases {
        let (_, recorder) = traced(TraceLayer::new(), &[], result).await;
        let [span] = recorder.spans().try_into().expect("one span");
        assert_eq!(span.field("outcome"), Some(outcome));
        assert_eq!(span.field("otel.status_code"), status, "{outcome}");
        assert_eq!(span.field("error.type"), status.map(|_| outcome));
        assert!(span.is_closed);
        let (level, text) = match status {
            Some(_) => (Level::WARN, "a request failed"),
            None => (Level::DEBUG, "a request was refused"),
        };
        let event = Recorded {
            level,
            span: Some(0),
            fields: [("message", text), ("endpoint", "get"), ("code", outcome)]
                .map(|(name, value)| (name, value.to_owned()))
                .to_vec(),
        };
        assert_eq!(recorder.events(), [event]);
    }
}

#[tokio::test]
async fn what_is_inside_runs_within_the_span_from_its_call_until_it_is_dropped() {
    struct Bell(&'static str);
    impl Drop for Bell {
        fn drop(&mut self) {
            tracing::info!("{}", self.0);
        }
    }
    let incoming = Stage::new().await.request(&[]).await;
    let (recorder, _recording) = Recorder::begin();
    let service = service_fn(|_| {
        tracing::info!("called");
        let bell = Bell("dropped");
        async move {
            tracing::info!("polled");
            tokio::task::yield_now().await;
            drop(bell);
            let _late = Bell("ended");
            pending::<()>().await;
            Ok::<_, Infallible>(Response::new(""))
        }
    });
    let mut service = TraceLayer::new().layer(service);
    let mut response = Box::pin(service.call(incoming));
    for _ in 0..2 {
        let polled = futures_util::poll!(&mut response);
        assert!(polled.is_pending());
    }
    tracing::info!("outside");
    drop(response);
    let events = recorder.events();
    let told: Vec<_> = events.iter().map(|event| (event.message(), event.span)).collect();
    let expected = [
        ("called", Some(0)),
        ("polled", Some(0)),
        ("dropped", Some(0)),
        ("outside", None),
        ("ended", Some(0)),
        ("a request was dropped", Some(0)),
    ];
    assert_eq!(told, expected);
    let [span] = recorder.spans().try_into().expect("one span");
    assert_eq!((span.field("outcome"), span.is_closed), (Some("dropped"), true));
    assert_eq!(span.field("error.type"), Some("dropped"));
}

#[tokio::test]
async fn a_panic_is_a_failure_where_it_is_caught_inside_and_otherwise_a_drop() {
    let broken = || {
        service_fn(|_| async {
            assert!(std::hint::black_box(false), "a secret");
            Ok::<_, BoxError>(Response::new(""))
        })
    };
    let stage = Stage::new().await;
    let ask = stage.request(&[]).await;
    let (recorder, _recording) = Recorder::begin();
    let inside = TraceLayer::new().layer(CatchPanicLayer::new().layer(broken()));
    inside.oneshot(ask.clone()).await.expect("an answer");
    let outside = CatchPanicLayer::new().layer(TraceLayer::new().layer(broken()));
    outside.oneshot(ask).await.expect("an answer");
    let spans = recorder.spans();
    let outcomes: Vec<_> = spans.iter().map(|span| span.field("outcome")).collect();
    assert_eq!(outcomes, [Some("500"), Some("dropped")]);
    assert!(spans.iter().all(|span| span.is_closed));
}

#[tokio::test]
async fn the_parts_of_an_answer_come_within_the_span_which_ends_with_the_last() {
    let part = |text: &'static str| {
        move || {
            let trace = TraceContext::current().map(|context| context.trace_id());
            assert_eq!(trace, TraceContext::parse(PARENT).map(|parent| parent.trace_id()));
            tracing::info!("{text}");
            Response::new(text)
        }
    };
    let parts = [part("1"), part("2")];
    for (last, outcome) in [(None, "ok"), (Some(failed(503, "no")), "503")] {
        let parts = stream::iter(parts).map(|part| part()).chain(stream::iter(last));
        let mut answer = Response::stream(parts);
        answer.headers_mut().append("Of", "all").expect("valid");
        let (response, recorder) =
            traced(TraceLayer::new(), &[("Traceparent", PARENT)], Ok(answer)).await;
        let response = response.expect("an answer");
        assert!(response.is_stream() && !recorder.spans()[0].is_closed);
        assert_eq!(response.headers().get("Of"), Some("all"));
        let (_, Body::Parts(mut parts), _) = response.into_parts() else { panic!("not in parts") };
        let recording = recorder.go_on();
        assert_eq!(parts.next().await.expect("a part").payload(), b"1");
        assert_eq!(recorder.spans()[0].field("outcome"), None);
        let count = parts.by_ref().count().await;
        drop(recording);
        let [span] = recorder.spans().try_into().expect("one span");
        assert_eq!((span.field("outcome"), span.is_closed), (Some(outcome), true));
        assert_eq!(count, if outcome == "ok" { 1 } else { 2 });
        let events = recorder.events();
        assert!(events.iter().all(|event| event.span == Some(0)));
        assert_eq!(events.len(), if outcome == "ok" { 2 } else { 3 });
    }
}

#[tokio::test]
async fn an_answer_in_parts_that_is_left_early_is_dropped_and_no_failure() {
    let answer = Response::stream(stream::repeat_with(|| Response::new("more")));
    let (response, recorder) = traced(TraceLayer::new(), &[], Ok(answer)).await;
    let (_, Body::Parts(mut parts), _) = response.expect("an answer").into_parts() else {
        panic!("not in parts")
    };
    let _recording = recorder.go_on();
    assert!(parts.next().await.is_some());
    drop(parts);
    let [span] = recorder.spans().try_into().expect("one span");
    assert_eq!((span.field("outcome"), span.is_closed), (Some("dropped"), true));
    assert_eq!(span.field("error.type"), None);
    assert_eq!(recorder.events(), []);
}

#[tokio::test]
async fn a_request_is_a_child_of_what_its_caller_says_and_as_sampled() {
    let (_recorder, _recording) = Recorder::begin();
    for parent in [PARENT.to_owned(), PARENT.replace("-01", "-00")] {
        let headers = [("traceparent", parent.as_str()), ("tracestate", "a=1")];
        let caller = TraceContext::parse(&parent).expect("valid");
        let context = found(TraceLayer::new(), &headers).await;
        assert_eq!(context.trace_id(), caller.trace_id());
        assert_ne!(context.span_id(), caller.span_id());
        assert_eq!((context.flags(), context.tracestate()), (caller.flags(), Some("a=1")));
    }
}

#[tokio::test]
async fn what_is_no_traceparent_begins_a_trace() {
    let (_recorder, _recording) = Recorder::begin();
    let long = PARENT.repeat(1000);
    let shouted = PARENT.to_uppercase();
    let zero = PARENT.replace(TRACE, &"0".repeat(32));
    let cases: [&[(&str, &str)]; 7] = [
        &[],
        &[("traceparent", "")],
        &[("traceparent", &shouted)],
        &[("traceparent", &zero)],
        &[("traceparent", &long)],
        &[("traceparent", "00-%s%n-';drop-01")],
        &[("traceparent", PARENT), ("traceparent", PARENT)],
    ];
    for headers in cases {
        let context = found(TraceLayer::new(), headers).await;
        assert!(context.is_sampled() && context.to_string().len() == PARENT.len());
        assert!(!context.to_string().contains(TRACE), "{headers:?}");
    }
}

#[tokio::test]
async fn without_a_subscriber_the_caller_s_context_is_carried_on_as_it_is() {
    let headers = [("traceparent", PARENT), ("tracestate", "a=1")];
    let context = found(TraceLayer::new().level(Level::TRACE), &headers).await;
    assert_eq!((context.to_string().as_str(), context.tracestate()), (PARENT, Some("a=1")));
    assert!(found(TraceLayer::new().level(Level::TRACE), &[]).await.is_sampled());
}
