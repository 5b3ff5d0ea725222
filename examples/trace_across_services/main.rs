//! One request, the requests that it causes in other services, and the tree that their spans make.
//!
//! `cargo run --example trace_across_services`
//!
//! Here the spans are kept and printed. To send them to a collector instead, turn on the feature
//! `otel` of natsws-service, add `opentelemetry`, `opentelemetry_sdk`, `opentelemetry-otlp` and
//! `tracing-opentelemetry`, and begin each program with
//!
//! ```ignore
//! let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().build()?;
//! let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
//! let exported = tracing_opentelemetry::layer().with_tracer(provider.tracer("orders"));
//! tracing_subscriber::registry().with(exported).init();
//! // … and end it with
//! provider.shutdown()?;
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use natsws::embedded::Broker;
use natsws::{Client, RequestError, ServiceError, Subject};
use natsws_service::{Router, caller, layers, serve};
use serde::{Deserialize, Serialize};
use tower::{Service, ServiceBuilder};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("orders.{id}.total", reply = u64)]
struct GetTotal {
    id: u64,
}

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("prices.{item}.get", reply = u64)]
struct GetPrice {
    item: String,
}

/// The first service asks the second, as it would without traces: its requests carry the trace.
async fn total(client: Client, _: GetTotal) -> Result<u64, ServiceError> {
    let mut cents = 0;
    for item in ["tea", "cup", "moon"] {
        cents += match client.request(&GetPrice { item: item.to_owned() }).await {
            Ok(price) => price,
            Err(RequestError::Service(error)) if error.code() == 404 => 0, // it is a present
            Err(error) => return Err(ServiceError::new(502, error.to_string())),
        };
    }
    Ok(cents)
}

async fn price(ask: GetPrice) -> Result<u64, ServiceError> {
    match ask.item.as_str() {
        "tea" => Ok(450),
        "cup" => Ok(900),
        _ => Err(ServiceError::new(404, "it has no price")),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let spans = Spans::default();
    tracing_subscriber::registry().with(spans.clone()).init();
    let broker = Broker::start().await?;
    let orders = Router::<()>::new("orders", "1.0.0").endpoint(total);
    let prices = Router::<()>::new("prices", "1.0.0").endpoint(price);
    let mut services = Vec::new();
    for router in [orders, prices] {
        let app = router.layer(layers::TraceLayer::new()); // all that a service needs
        services.push(serve(broker.connect().await?, app).start().await?);
    }

    // The trace begins here, so there is a span for it too.
    let client = broker.connect().await?;
    let mut totals =
        ServiceBuilder::new().layer(caller::TraceLayer::new()).service(client.service());
    println!("order 7 is {} cents", totals.call(GetTotal { id: 7 }).await?);

    for service in services {
        service.drain().await;
    }
    spans.print();
    Ok(())
}

/// The fields of all spans in the order in which they began. They say which trace a span is in and
/// whose child it is, wherever that was: nothing else is needed to join them.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<(Id, Fields)>>>);

#[derive(Clone, Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Spans {
    fn print(&self) {
        let spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let spans: Vec<_> = spans.iter().map(|(_, fields)| fields).collect();
        let traces: BTreeSet<_> = spans.iter().map(|span| span.get("trace_id")).collect();
        for trace in traces {
            println!("trace {trace}");
        }
        branch(&spans, "", "");
    }
}

/// Prints the children of a span and what comes from them.
fn branch(spans: &[&Fields], parent: &str, indent: &str) {
    let is_child = |span: &&&Fields| span.get("parent_span_id") == parent;
    let mut children = spans.iter().filter(is_child).peekable();
    while let Some(child) = children.next() {
        let (turn, further) =
            if children.peek().is_some() { ("├─", "│ ") } else { ("└─", "  ") };
        let [kind, name, outcome] =
            ["otel.kind", "otel.name", "outcome"].map(|field| child.get(field));
        println!("{indent}{turn} {kind} {name}: {outcome}");
        branch(spans, child.get("span_id"), &format!("{indent}{further} "));
    }
}

impl Fields {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: Subscriber> Layer<S> for Spans {
    fn on_new_span(&self, span: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let mut fields = Fields::default();
        span.record(&mut fields);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((id.clone(), fields));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, fields)) = spans.iter_mut().rfind(|(found, _)| found == id) {
            values.record(fields);
        }
    }
}
