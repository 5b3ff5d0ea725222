//! Which requests were seen, and what they were answered.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::response::Response;

/// Subject and id of a request.
type Key = Arc<str>;

/// What was seen, for all requests of an endpoint.
#[derive(Clone)]
pub(super) struct Window(Arc<Mutex<Entries>>);

struct Entries {
    length: Duration,
    capacity: usize,
    known: HashMap<Key, Entry>,
    /// Those that were answered, the oldest first: one for each answer that is known, so that what
    /// is to be forgotten is always in front.
    answered: VecDeque<(Instant, Key)>,
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
    pub(super) fn new(length: Duration, capacity: usize) -> Self {
        let (known, answered) = (HashMap::new(), VecDeque::new());
        Self(Arc::new(Mutex::new(Entries { length, capacity, known, answered })))
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
        entries.known.len()
    }
}

impl Entries {
    /// Forgets what is too old, and what is too much. Each answer is forgotten once, so it costs
    /// the same for each request.
    fn forget(&mut self, now: Instant) {
        while let Some((at, _)) = self.answered.front() {
            let is_old = now.saturating_duration_since(*at) >= self.length;
            if !is_old && self.answered.len() <= self.capacity {
                return;
            }
            if let Some((_, key)) = self.answered.pop_front() {
                self.known.remove(&key);
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
        let now = Instant::now();
        entries.known.insert(Arc::clone(&self.key), Entry::Answered(answer));
        entries.answered.push_back((now, Arc::clone(&self.key)));
        entries.forget(now);
    }
}
