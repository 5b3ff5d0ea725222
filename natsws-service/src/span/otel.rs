//! The spans that OpenTelemetry exports for those of `tracing`.

use std::str::FromStr;

use natsws::TraceContext;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes a span that has just been made the child of one elsewhere.
pub(super) fn set_parent(span: &Span, parent: &TraceContext) {
    let remote = SpanContext::new(
        TraceId::from_bytes(parent.trace_id()),
        SpanId::from_bytes(parent.span_id()),
        TraceFlags::new(parent.flags()),
        true,
        // One that OpenTelemetry cannot read is nothing that it could carry on.
        parent.tracestate().and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default(),
    );
    // It fails where spans are not exported, and then there is nothing to be a child.
    let _ = span.set_parent(Context::new().with_remote_span_context(remote));
}

/// The context of the exported span; `None` where the span is not exported.
pub(super) fn context(span: &Span) -> Option<TraceContext> {
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    if !span.is_valid() {
        return None;
    }
    let flags = u8::from(span.is_sampled());
    let context = format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id());
    Some(TraceContext::parse(&context)?.with_tracestate(&span.trace_state().header()))
}
