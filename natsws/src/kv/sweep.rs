//! Calls that end many keys, or the marks that ended ones have left.

use std::fmt;
use std::future::IntoFuture;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::changes::{Choice, Start};
use super::delete::{DeleteKey, PurgeKey};
use super::entry::Change;
use super::error::KeyValueError;
use super::history::{History, ListKeys};
use super::place::Place;
use crate::jetstream::wire;
use crate::runtime::{self, SendFuture};

/// Younger marks than this stay where they are.
const OLDER_THAN: Duration = Duration::from_secs(30 * 60);

/// Taking away the marks that deleted keys have left, which is about to begin: `.await` it, or say
/// more first. It gives how many messages the bucket has less.
///
/// Made by [`purge_deletes`](super::Bucket::purge_deletes).
#[must_use = "nothing is purged until this is awaited"]
pub struct PurgeDeletes<'a> {
    place: &'a Place,
    older_than: Duration,
}

#[derive(Serialize)]
struct Purge<'a> {
    filter: &'a str,
    /// The first that stays. The server takes 0 and 1 for no limit at all.
    #[serde(rename = "seq")]
    end: u64,
}

#[derive(Deserialize)]
struct Purged {
    #[serde(default, deserialize_with = "wire::count")]
    purged: u64,
}

impl<'a> PurgeDeletes<'a> {
    pub(super) fn new(place: &'a Place) -> Self {
        Self { place, older_than: OLDER_THAN }
    }

    /// Leaves marks where they are that are younger than this, by the clock here; their history goes
    /// all the same. Default: 30 min.
    pub fn older_than(mut self, age: Duration) -> Self {
        self.older_than = age;
        self
    }

    async fn run(self) -> Result<u64, KeyValueError> {
        let place = self.place;
        let now = SystemTime::UNIX_EPOCH.checked_add(runtime::since_1970());
        let limit = now.and_then(|now| now.checked_sub(self.older_than));
        let mut choice = Choice::new(Start::Last);
        choice.headers_only = true;
        let mut marks = Vec::new();
        let mut changes = History::sizes(place, choice).await?;
        while let Some(change) = changes.next().await {
            if let Change::Deleted(deletion) = change? {
                let is_old = limit.is_some_and(|limit| deletion.created <= limit);
                // What is written to the key meanwhile stays, as its mark does while it is young.
                let end = deletion.revision.saturating_add(u64::from(is_old));
                if end > 1 {
                    marks.push((place.read_subject(&deletion.key)?, end));
                }
            }
        }
        let operation = format!("STREAM.PURGE.{}", place.stream);
        let mut purged = 0;
        for (subject, end) in &marks {
            let purge = Purge { filter: subject, end: *end };
            let done = place.js.call::<Purged>(&operation, Some(&purge)).await;
            purged += done.map_err(|error| KeyValueError::of_bucket(error, &place.bucket))?.purged;
        }
        Ok(purged)
    }
}

impl<'a> IntoFuture for PurgeDeletes<'a> {
    type Output = Result<u64, KeyValueError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for PurgeDeletes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PurgeDeletes")
            .field("bucket", &self.place.bucket)
            .field("older_than", &self.older_than)
            .finish_non_exhaustive()
    }
}

/// Deletes all keys that a filter chooses, and says how many these were.
pub(super) async fn delete_all(
    place: &Place,
    filter: &str,
    with_history: bool,
) -> Result<u64, KeyValueError> {
    let keys = ListKeys::new(place).filter(filter).await?.into_vec().await?;
    let mut deleted = 0;
    for key in &keys {
        if with_history {
            PurgeKey::new(place, key).await?;
        } else {
            DeleteKey::new(place, key).await?;
        }
        deleted += 1;
    }
    Ok(deleted)
}
