//! A subscriber for unit tests that keeps what is traced as values.

use std::fmt::Debug;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, Interest};
use tracing::{Dispatch, Level, Metadata, Subscriber};

type Fields = Vec<(&'static str, String)>;

/// A span as far as it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordedSpan {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    pub(crate) level: Level,
    /// In the order in which they were recorded.
    pub(crate) fields: Fields,
    pub(crate) is_closed: bool,
    refs: usize,
}

impl RecordedSpan {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
    }
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) level: Level,
    /// Which span it is in.
    pub(crate) span: Option<usize>,
    pub(crate) fields: Fields,
}

impl Recorded {
    pub(crate) fn message(&self) -> &str {
        let message = self.fields.iter().find(|(name, _)| *name == "message");
        message.map_or("", |(_, text)| text)
    }
}

#[derive(Default)]
struct All {
    spans: Vec<RecordedSpan>,
    events: Vec<Recorded>,
    entered: Vec<usize>,
}

/// What is traced in a thread while it is recorded.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<All>>);

impl Recorder {
    /// Begins, and goes on until the guard is dropped.
    pub(crate) fn begin() -> (Self, DefaultGuard) {
        let recorder = Self::default();
        let recording = recorder.go_on();
        (recorder, recording)
    }

    pub(crate) fn go_on(&self) -> DefaultGuard {
        several_subscribers();
        tracing::subscriber::set_default(self.clone())
    }

    pub(crate) fn spans(&self) -> Vec<RecordedSpan> {
        self.all().spans.clone()
    }

    pub(crate) fn events(&self) -> Vec<Recorded> {
        self.all().events.clone()
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While there are fewer than two, `tracing` leaves it to the first thread that comes to a place
/// whether that is ever traced, and other tests come to the same places.
pub(crate) fn several_subscribers() {
    static OTHERS: LazyLock<[Dispatch; 2]> =
        LazyLock::new(|| [(); 2].map(|()| Dispatch::new(Recorder::default())));
    LazyLock::force(&OTHERS);
}

/// Where in the list it is.
fn at(id: &Id) -> usize {
    usize::try_from(id.into_u64()).expect("a small number") - 1
}

struct Into<'f>(&'f mut Fields);

impl Visit for Into<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

impl Subscriber for Recorder {
    /// Asked each time: otherwise a place would be traced in threads too that record nothing.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::new();
        span.record(&mut Into(&mut fields));
        let (name, target) = (span.metadata().name(), span.metadata().target());
        let level = *span.metadata().level();
        let spans = &mut self.all().spans;
        spans.push(RecordedSpan { name, target, level, fields, is_closed: false, refs: 1 });
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        values.record(&mut Into(&mut self.all().spans[at(id)].fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Into(&mut fields));
        let mut all = self.all();
        let span = all.entered.last().copied();
        all.events.push(Recorded { level: *event.metadata().level(), span, fields });
    }

    fn enter(&self, id: &Id) {
        self.all().entered.push(at(id));
    }

    fn exit(&self, id: &Id) {
        assert_eq!(self.all().entered.pop(), Some(at(id)));
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.all().spans[at(id)].refs += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let span = &mut self.all().spans[at(&id)];
        span.refs -= 1;
        span.is_closed = span.refs == 0;
        span.is_closed
    }
}
