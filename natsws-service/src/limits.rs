//! How many requests of an endpoint run at a time, in which order, and how many wait.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::incoming::Incoming;
use crate::recover::panicked;
use crate::response::Response;

/// What becomes of a request that comes while as many run as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// It waits for its turn. Where too many wait, it is answered 503 at once.
    #[default]
    Wait,
    /// It is answered 503 at once, so that its caller can ask elsewhere.
    Shed,
}

/// What requests of an endpoint must not run at the same time as others of the same key.
pub(crate) type Key = Arc<dyn Fn(&Incoming) -> u64 + Send + Sync>;

pub(crate) fn hashed<K: Hash>(key: impl Fn(&Incoming) -> K + Send + Sync + 'static) -> Key {
    Arc::new(move |incoming| {
        let mut hasher = DefaultHasher::new();
        key(incoming).hash(&mut hasher);
        hasher.finish()
    })
}

#[derive(Clone)]
pub(crate) struct Limits {
    /// How many run at a time.
    pub(crate) concurrency: usize,
    pub(crate) when_full: WhenFull,
    /// How many may wait, and how many bytes they may have together.
    pub(crate) waiting: usize,
    pub(crate) waiting_bytes: usize,
    pub(crate) key: Option<Key>,
}

impl Limits {
    /// The key of a request, where there are keys. That is the user's code: where it panics nobody
    /// knows what the request must wait for, and the answer says that the service failed.
    pub(crate) fn key_of(&self, incoming: &Incoming) -> Result<Option<u64>, Response> {
        let key = self.key.as_ref();
        let key = key.map(|key| catch_unwind(AssertUnwindSafe(|| key(incoming)))).transpose();
        key.map_err(|panic| panicked(&*panic))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 64,
            when_full: WhenFull::Wait,
            waiting: 8192,
            waiting_bytes: 64 * 1024 * 1024,
            key: None,
        }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("concurrency", &self.concurrency)
            .field("when_full", &self.when_full)
            .field("waiting", &self.waiting)
            .field("waiting_bytes", &self.waiting_bytes)
            .field("ordered_by_key", &self.key.is_some())
            .finish()
    }
}
