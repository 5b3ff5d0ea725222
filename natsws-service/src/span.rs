//! The span of a request and its place in a trace, on either side.

use std::fmt::Display;

use natsws::TraceContext;
use tracing::Span;
use tracing::field::display;

#[cfg(feature = "otel")]
mod otel;

/// What spans and events of requests are filtered by.
pub(crate) const TARGET: &str = "natsws_service::trace";

/// A span called `request`, of a level that is known only when it is made.
///
/// The fields that [`Within`] fills in are added to those that are given.
macro_rules! request_span {
    (@level $level:expr, [], $fields:tt) => { tracing::Span::none() };
    // Each level is a place of its own in the code, which is what `tracing` wants.
    (@level $level:expr, [$first:ident $($next:ident)*], $fields:tt) => {
        if $level == tracing::Level::$first {
            $crate::span::request_span!(@span $first, $fields)
        } else {
            $crate::span::request_span!(@level $level, [$($next)*], $fields)
        }
    };
    (@span $name:ident, { $($fields:tt)* }) => {
        tracing::span!(
            target: $crate::span::TARGET,
            tracing::Level::$name,
            "request",
            $($fields)*
        )
    };
    ($level:expr, $($fields:tt)*) => {
        $crate::span::request_span!(@level $level, [ERROR WARN INFO DEBUG TRACE], {
            $($fields)*
            trace_id = tracing::field::Empty,
            span_id = tracing::field::Empty,
            parent_span_id = tracing::field::Empty,
            outcome = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
            error.type = tracing::field::Empty,
        })
    };
}
pub(crate) use request_span;

/// What a request comes from.
pub(crate) enum Parent {
    /// A span elsewhere.
    Remote(TraceContext),
    /// The span that is entered.
    #[cfg(feature = "otel")]
    Entered(TraceContext),
    /// It begins a trace.
    None,
}

impl Parent {
    /// What a request comes from that is made now.
    pub(crate) fn current() -> Self {
        #[cfg(feature = "otel")]
        if let Some(entered) = otel::context(&Span::current()) {
            return Self::Entered(entered);
        }
        Self::remote(TraceContext::current())
    }

    /// What a request comes from that says this.
    pub(crate) fn remote(said: Option<TraceContext>) -> Self {
        said.map_or(Self::None, Self::Remote)
    }

    fn into_context(self) -> Option<TraceContext> {
        match self {
            Self::Remote(context) => Some(context),
            #[cfg(feature = "otel")]
            Self::Entered(context) => Some(context),
            Self::None => None,
        }
    }
}

/// What a request runs within: a span, and the context that messages sent from there carry.
pub(crate) struct Within {
    span: Span,
    /// `None` where the span is no part of a trace, nor is what it is within.
    trace: Option<TraceContext>,
}

impl Within {
    /// A span that nobody is interested in is no part of the trace: what is sent from there comes
    /// from the parent.
    pub(crate) fn new(span: Span, parent: Parent) -> Self {
        if span.is_disabled() {
            return Self { span, trace: parent.into_context() };
        }
        let exported = exported(&span, &parent);
        let parent = parent.into_context();
        let own = || parent.as_ref().map_or_else(TraceContext::new_root, TraceContext::child);
        let trace = exported.unwrap_or_else(own);
        let hex = |id: [u8; 8]| u64::from_be_bytes(id);
        let trace_id = u128::from_be_bytes(trace.trace_id());
        span.record("trace_id", format_args!("{trace_id:032x}"));
        span.record("span_id", format_args!("{:016x}", hex(trace.span_id())));
        if let Some(parent) = parent {
            span.record("parent_span_id", format_args!("{:016x}", hex(parent.span_id())));
        }
        Self { span, trace: Some(trace) }
    }

    /// The same, where it is no part of a trace as the beginning of one.
    pub(crate) fn or_root(mut self) -> (Self, TraceContext) {
        let trace = self.trace.get_or_insert_with(TraceContext::new_root).clone();
        (self, trace)
    }

    pub(crate) fn run<R>(&self, run: impl FnOnce() -> R) -> R {
        self.span.in_scope(|| match &self.trace {
            Some(trace) => trace.clone().scope_sync(run),
            None => run(),
        })
    }

    /// Lets go of what has ended, which may log as it goes and sends nothing any more.
    pub(crate) fn leave(&self, let_go: impl FnOnce()) {
        self.span.in_scope(let_go);
    }

    /// How it ended. A failure is one of whoever the span belongs to.
    pub(crate) fn ended(&self, outcome: impl Display, is_failure: bool) {
        self.span.record("outcome", display(&outcome));
        if is_failure {
            self.span.record("otel.status_code", "ERROR");
            self.span.record("error.type", display(&outcome));
        }
    }
}

/// Where the span is in what is exported of it, which decides about its ids.
fn exported(span: &Span, parent: &Parent) -> Option<TraceContext> {
    #[cfg(feature = "otel")]
    {
        if let Parent::Remote(parent) = parent {
            otel::set_parent(span, parent);
        }
        otel::context(span)
    }
    #[cfg(not(feature = "otel"))]
    {
        let (_, _) = (span, parent);
        None
    }
}

#[cfg(all(test, feature = "otel"))]
mod tests;
