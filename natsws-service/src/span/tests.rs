//! What OpenTelemetry exports.

use natsws::embedded::Broker;
use natsws::{Client, ServiceError, Subject, TraceContext};
use opentelemetry::trace::{SpanId, SpanKind, Status, TraceId, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use serde::{Deserialize, Serialize};
use tower::{Service, ServiceBuilder, ServiceExt};
use tracing::subscriber::DefaultGuard;
use tracing::{Instrument, info_span};
use tracing_subscriber::layer::SubscriberExt;

use crate::recording::several_subscribers;
use crate::{Extension, Router, ServiceHandle, caller, layers, serve};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[derive(Serialize, Deserialize, Subject)]
#[subject("orders.{id}.total", reply = u64)]
struct GetTotal {
    id: u64,
}

#[derive(Serialize, Deserialize, Subject)]
#[subject("prices.{item}.get", reply = u64)]
struct GetPrice {
    item: String,
}

/// Asks another service within a span of its own, and once more without.
async fn total(client: Client, ask: GetTotal) -> Result<u64, ServiceError> {
    let tea = || GetPrice { item: "tea".to_owned() };
    let failed = |_| ServiceError::new(502, "there is no price");
    let mut prices =
        ServiceBuilder::new().layer(caller::TraceLayer::new()).service(client.service());
    let price = async { prices.ready().await?.call(tea()).await };
    let price = price.instrument(info_span!("look it up")).await.map_err(failed)?;
    Ok(ask.id * (price + client.request(&tea()).await.map_err(failed)?))
}

async fn price(_: GetPrice) -> u64 {
    450
}

/// Two services whose spans are exported to memory.
struct Stage {
    exporter: InMemorySpanExporter,
    client: Client,
    services: Vec<ServiceHandle>,
    _provider: SdkTracerProvider,
    _tracing: DefaultGuard,
    _broker: Broker,
}

impl Stage {
    async fn new() -> Self {
        several_subscribers();
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tests"));
        let subscriber = tracing_subscriber::registry().with(layer);
        let tracing = tracing::subscriber::set_default(subscriber);
        let broker = Broker::start().await.expect("a broker");
        let orders = Router::new("orders", "1.0.0").endpoint(total);
        let prices = Router::new("prices", "1.0.0").endpoint(price);
        let mut services = Vec::new();
        for router in [orders, prices] {
            let client = broker.connect().await.expect("in memory");
            let app = router.layer(layers::TraceLayer::new());
            services.push(serve(client, app).start().await.expect("served"));
        }
        let client = broker.connect().await.expect("in memory");
        Self { exporter, client, services, _provider: provider, _tracing: tracing, _broker: broker }
    }

    /// The spans in the order in which they ended.
    async fn spans(self) -> Vec<SpanData> {
        for service in self.services {
            service.drain().await;
        }
        self.exporter.get_finished_spans().expect("they are kept")
    }
}

fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
    found.map(|attribute| attribute.value.to_string())
}

#[tokio::test]
async fn exported_spans_of_services_are_children_of_their_callers() {
    let stage = Stage::new().await;
    let mut totals =
        ServiceBuilder::new().layer(caller::TraceLayer::new()).service(stage.client.service());
    let total = totals.ready().await.expect("ready").call(GetTotal { id: 2 }).await;
    assert_eq!(total.expect("a reply"), 1800);
    let spans = stage.spans().await;
    let told: Vec<_> = spans.iter().map(|span| (&*span.name, span.span_kind.clone())).collect();
    let expected = [
        ("prices.{item}.get", SpanKind::Server),
        ("prices.{item}.get", SpanKind::Client),
        ("look it up", SpanKind::Internal),
        ("prices.{item}.get", SpanKind::Server),
        ("orders.{id}.total", SpanKind::Server),
        ("orders.{id}.total", SpanKind::Client),
    ];
    assert_eq!(told, expected);
    let id = |at: usize| spans[at].span_context.span_id();
    let parents: Vec<_> = spans.iter().map(|span| span.parent_span_id).collect();
    assert_eq!(parents, [id(1), id(2), id(4), id(4), id(5), SpanId::INVALID]);
    let remote: Vec<_> = spans.iter().map(|span| span.parent_span_is_remote).collect();
    assert_eq!(remote, [true, false, false, true, true, false]);
    let trace = spans[5].span_context.trace_id();
    for span in spans {
        assert_eq!((span.span_context.trace_id(), &span.status), (trace, &Status::Unset));
        if span.span_kind != SpanKind::Internal {
            let own = span.span_context.span_id().to_string();
            assert_eq!(attribute(&span, "span_id"), Some(own));
            assert_eq!(attribute(&span, "trace_id"), Some(trace.to_string()));
            assert_eq!(attribute(&span, "outcome").as_deref(), Some("ok"));
            assert_eq!(
                attribute(&span, "messaging.destination.name").as_deref(),
                Some(&*span.name)
            );
        }
    }
}

#[tokio::test]
async fn a_caller_elsewhere_is_the_parent_and_says_whether_it_is_sampled() {
    let context = TraceContext::parse(PARENT).expect("valid").with_tracestate("a=1");
    for is_sampled in [true, false] {
        let stage = Stage::new().await;
        let context = context.clone().with_sampled(is_sampled);
        let total = context.scope(stage.client.request(&GetTotal { id: 1 }).into_future()).await;
        assert_eq!(total.expect("a reply"), 900);
        let spans = stage.spans().await;
        assert_eq!(spans.len(), if is_sampled { 5 } else { 0 });
        for span in &spans {
            let expected = TraceId::from_hex("4bf92f3577b34da6a3ce929d0e0e4736").expect("valid");
            assert_eq!(span.span_context.trace_id(), expected);
            assert_eq!(span.span_context.trace_state().header(), "a=1");
        }
        if let Some(last) = spans.last() {
            assert_eq!((&*last.name, last.parent_span_is_remote), ("orders.{id}.total", true));
            let expected = SpanId::from_hex("00f067aa0ba902b7").expect("valid");
            assert_eq!(last.parent_span_id, expected);
        }
    }
}

#[tokio::test]
async fn what_a_handler_carries_is_the_exported_span() {
    async fn carried(Extension(context): Extension<TraceContext>, _: GetPrice) -> u64 {
        assert_eq!(TraceContext::current(), Some(context.clone()));
        assert_eq!((context.flags(), context.tracestate()), (1, None));
        u64::from_be_bytes(context.span_id())
    }
    let stage = Stage::new().await;
    let app = Router::new("carried", "1.0.0").endpoint(carried).layer(layers::TraceLayer::new());
    let ask = GetPrice { item: "tea".to_owned() };
    // What OpenTelemetry cannot read of a tracestate is left out.
    let context = TraceContext::parse(PARENT).expect("valid").with_tracestate("no list");
    let mut app = app.with_state(());
    let carried = context.scope(app.oneshot(&ask).into_future()).await.expect("a reply");
    let spans = stage.spans().await;
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].span_context.span_id(), SpanId::from_bytes(carried.to_be_bytes()));
}

#[tokio::test]
async fn failures_are_errors_of_the_exported_spans() {
    let stage = Stage::new().await;
    let prices = stage.services.last().expect("served").clone();
    prices.drain().await;
    let total = stage.client.request(&GetTotal { id: 1 }).await;
    total.expect_err("there is no price");
    let spans = stage.spans().await;
    let told: Vec<_> =
        spans.iter().map(|span| (&*span.name, attribute(span, "error.type"))).collect();
    let expected = [
        ("prices.{item}.get", Some("no_responders".to_owned())),
        ("look it up", None),
        ("orders.{id}.total", Some("502".to_owned())),
    ];
    assert_eq!(told, expected);
    let failed: Vec<_> = spans.iter().map(|span| span.status == Status::error("")).collect();
    assert_eq!(failed, [true, false, true]);
}
