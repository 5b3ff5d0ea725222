//! A trace that goes through several services.

use std::fmt::Debug;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use natsws::{Client, RequestError, ServiceError, Subject, TraceContext};
use natsws_service::layers::TraceLayer;
use natsws_service::{Extension, Router};
use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Metadata, Subscriber};

use crate::stage::Stage;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A question that each service passes on to the next, and that tells the contexts of all of them.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("contexts", reply = Vec<String>)]
struct GetContexts {
    /// The services that are still to be asked.
    next: Vec<String>,
}

/// Asks the first of these services.
async fn ask(
    client: &Client,
    services: &[String],
) -> Result<Vec<String>, RequestError<ServiceError>> {
    let Some((first, next)) = services.split_first() else { return Ok(Vec::new()) };
    client.request_to(&format!("{first}.contexts"), &GetContexts { next: next.to_vec() }).await
}

async fn contexts(
    client: Client,
    Extension(context): Extension<TraceContext>,
    asked: GetContexts,
) -> Result<Vec<String>, ServiceError> {
    let next = ask(&client, &asked.next).await;
    let next = next.map_err(|error| ServiceError::new(502, error.to_string()))?;
    Ok(std::iter::once(context.to_string()).chain(next).collect())
}

/// What the spans of all services say.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Span>>>);

/// The fields of a span.
type Span = Vec<(&'static str, String)>;

impl Spans {
    fn field(&self, at: usize, name: &str) -> Option<String> {
        let spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, value) = spans.get(at)?.iter().find(|(found, _)| *found == name)?;
        Some(value.clone())
    }

    fn visit(&self, at: usize, record: impl FnOnce(&mut Fields<'_>)) {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() <= at {
            spans.push(Vec::new());
        }
        record(&mut Fields(&mut spans[at]));
    }
}

struct Fields<'f>(&'f mut Span);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "natsws_service::trace" && metadata.is_span()
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let at = self.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.visit(at, |fields| span.record(fields));
        Id::from_u64(at as u64 + 1)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let at = usize::try_from(id.into_u64()).expect("a small number") - 1;
        self.visit(at, |fields| values.record(fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Asks three services, each by the one before it, and gives what the spans and the contexts say.
async fn asked(stage: Stage, caller: Option<TraceContext>) -> (Spans, Vec<String>) {
    /// While there are fewer than two, `tracing` leaves it to the first thread that comes to a place
    /// whether that is ever traced, and other tests come to the same places.
    static OTHERS: LazyLock<[Dispatch; 2]> =
        LazyLock::new(|| [(); 2].map(|()| Dispatch::new(Spans::default())));
    LazyLock::force(&OTHERS);
    let spans = Spans::default();
    let _tracing = tracing::subscriber::set_default(spans.clone());
    let names = ["first", "second", "third"].map(str::to_owned);
    let mut services = Vec::new();
    for name in &names {
        let app = Router::<()>::new(name, "1.0.0")
            .group(name, |group| group.endpoint(contexts))
            .layer(TraceLayer::new());
        services.push(stage.serve(app).await);
    }
    let client = stage.client().await;
    let asking = ask(&client, &names);
    let contexts = match caller {
        Some(caller) => caller.scope(asking).await,
        None => asking.await,
    };
    for service in services {
        assert_eq!(service.stopped().await.completed, 1);
    }
    (spans, contexts.expect("a reply"))
}

async fn everywhere(test: impl AsyncFn(Stage)) {
    test(Stage::new().await).await;
    test(Stage::real()).await;
}

#[tokio::test]
async fn each_service_of_a_chain_is_a_child_of_the_one_that_asked_it() {
    everywhere(async |stage| {
        let caller = TraceContext::parse(PARENT).expect("valid").with_sampled(false);
        let (spans, contexts) = asked(stage, Some(caller)).await;
        let mut parent = "00f067aa0ba902b7".to_owned();
        for (at, service) in ["first", "second", "third"].into_iter().enumerate() {
            let told = ["natsws.service", "otel.name", "outcome", "trace_id", "parent_span_id"]
                .map(|name| spans.field(at, name).expect("it is told"));
            let template = format!("{service}.contexts");
            let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
            assert_eq!(told, [service, template.as_str(), "ok", trace, parent.as_str()]);
            parent = spans.field(at, "span_id").expect("it is told");
            assert_eq!(contexts[at], format!("00-{trace}-{parent}-00"));
        }
        assert_eq!((contexts.len(), spans.field(3, "otel.name")), (3, None));
    })
    .await;
}

#[tokio::test]
async fn a_trace_that_nobody_has_begun_begins_with_the_first_service() {
    everywhere(async |stage| {
        let (spans, contexts) = asked(stage, None).await;
        let trace = spans.field(0, "trace_id").expect("it is told");
        assert_eq!(spans.field(0, "parent_span_id"), None);
        for (at, context) in contexts.iter().enumerate() {
            let span = spans.field(at, "span_id").expect("it is told");
            assert_eq!(context, &format!("00-{trace}-{span}-01"));
            if at > 0 {
                assert_eq!(spans.field(at, "parent_span_id"), spans.field(at - 1, "span_id"));
            }
        }
        assert_eq!(contexts.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_hostile_traceparent_does_no_harm() {
    everywhere(async |stage| {
        let app = Router::<()>::new("well", "1.0.0").endpoint(contexts).layer(TraceLayer::new());
        let _service = stage.serve(app).await;
        let client = stage.client().await;
        let long = PARENT.repeat(500);
        let zero = format!("00-{}-{}-01", "0".repeat(32), "0".repeat(16));
        for parent in ["", "-", "00-é-é-01", "ff-4bf9-00f0-01", &long, &zero] {
            let msg = client.connection().request("contexts", r#"{"next":[]}"#);
            let reply = msg.header("traceparent", parent).await.expect("a reply");
            let told: Vec<String> = serde_json::from_slice(reply.payload()).expect("a list");
            let [context] = told.try_into().expect("one context");
            assert!(TraceContext::parse(&context).is_some_and(|context| context.is_sampled()));
            assert!(!context.contains("4bf92f35"), "{context}");
        }
    })
    .await;
}
