//! Which requests were seen, and what they were answered.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use natsws::private::runtime::Instant;
use tokio::sync::watch;

use crate::response::Response;

/// Subject and id of a request.
type Key = Arc<str>;

/// What was seen, for all requests of an endpoint.
#[derive(Clone)]
pub(super) struct Window(Arc<Mutex<Entries>>);

/// How long answers are kept, and how many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) window: Duration,
    pub(super) answers: usize,
    /// Subjects, ids, headers and payloads together.
    pub(super) bytes: usize,
}

struct Entries {
    limits: Limits,
    known: HashMap<Key, Entry>,
    /// Those that were answered, the oldest first: one for each answer that is known, so that what
    /// is to be forgotten is always in front.
    answered: VecDeque<Kept>,
    /// What those take together.
    bytes: usize,
}

/// A request that was answered.
struct Kept {
    at: Instant,
    key: Key,
    bytes: usize,
}

enum Entry {
    /// It ends when the sender goes, however that happens.
    Running(watch::Receiver<()>),
    Answered(Answer),
}

/// What is kept of an answer.
pub(super) enum Answer {
    Whole(Response),
    /// Parts come only once.
    Parts,
}

impl Answer {
    pub(super) fn of(response: &Response) -> Self {
        response.try_clone().map_or(Self::Parts, Self::Whole)
    }

    fn bytes(&self) -> usize {
        let Self::Whole(response) = self else { return 0 };
        let line = |(name, value): (&str, &str)| name.len() + value.len();
        response.payload().len() + response.headers().iter().map(line).sum::<usize>()
    }

    fn again(&self) -> Self {
        match self {
            Self::Whole(response) => Self::of(response),
            Self::Parts => Self::Parts,
        }
    }
}

/// What is known of a request.
pub(super) enum Seen {
    First(Run),
    Before(Answer),
}

/// A request that runs. Dropped without an answer, it is forgotten.
pub(super) struct Run {
    window: Window,
    key: Key,
    answer: Option<Answer>,
    /// Goes last: who waits must find the answer.
    _running: watch::Sender<()>,
}

impl Window {
    #[allow(clippy::arc_with_non_send_sync, reason = "without threads bodies are not `Send`")]
    pub(super) fn new(limits: Limits) -> Self {
        let (known, answered) = (HashMap::new(), VecDeque::new());
        Self(Arc::new(Mutex::new(Entries { limits, known, answered, bytes: 0 })))
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks what is known of a request, and waits while it runs.
    pub(super) async fn see(&self, key: &Key) -> Seen {
        loop {
            let mut running = match self.look(key) {
                Ok(seen) => return seen,
                Err(running) => running,
            };
            // Nothing is ever sent: it ends.
            while running.changed().await.is_ok() {}
        }
    }

    fn look(&self, key: &Key) -> Result<Seen, watch::Receiver<()>> {
        let mut entries = self.lock();
        entries.forget(Instant::now());
        match entries.known.get(key) {
            Some(Entry::Answered(answer)) => Ok(Seen::Before(answer.again())),
            Some(Entry::Running(running)) => Err(running.clone()),
            None => {
                let (sender, running) = watch::channel(());
                entries.known.insert(Arc::clone(key), Entry::Running(running));
                let (window, key) = (self.clone(), Arc::clone(key));
                Ok(Seen::First(Run { window, key, answer: None, _running: sender }))
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let entries = self.lock();
        assert!(entries.answered.len() <= entries.known.len());
        let bytes: usize = entries.answered.iter().map(|kept| kept.bytes).sum();
        assert_eq!(bytes, entries.bytes);
        entries.known.len()
    }
}

impl Entries {
    /// Forgets what is too old, and what is too much. Each answer is forgotten once, so it costs
    /// the same for each request.
    fn forget(&mut self, now: Instant) {
        let Limits { window, answers, bytes } = self.limits;
        while let Some(oldest) = self.answered.front() {
            let is_old = now.saturating_duration_since(oldest.at) >= window;
            if !is_old && self.answered.len() <= answers && self.bytes <= bytes {
                return;
            }
            if let Some(Kept { key, bytes, .. }) = self.answered.pop_front() {
                self.known.remove(&key);
                self.bytes -= bytes;
            }
        }
    }
}

impl Run {
    pub(super) fn answered(mut self, answer: Answer) {
        self.answer = Some(answer);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut entries = self.window.lock();
        let Some(answer) = self.answer.take() else {
            entries.known.remove(&self.key);
            return;
        };
        let (at, key) = (Instant::now(), Arc::clone(&self.key));
        let bytes = key.len() + answer.bytes();
        entries.known.insert(Arc::clone(&key), Entry::Answered(answer));
        entries.answered.push_back(Kept { at, key, bytes });
        entries.bytes += bytes;
        entries.forget(at);
    }
}
