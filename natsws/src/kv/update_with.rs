//! Changing a value by what it is, while others do the same.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::time::Duration;

use super::entry::Change;
use super::error::KeyValueError;
use super::get::decode;
use super::place::Place;
use super::stored;
use super::value::Outgoing;
use super::write::{DEADLINE, Fault, Terms, Write};
use crate::codec::Codec;
use crate::jetstream::{Query, Stored};
use crate::runtime::{self, SendFuture};

/// How often another change may be met.
const ATTEMPTS: u32 = 32;

/// The longest pause before the second attempt, and before any.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// A change that is about to be made: `.await` it, or say more first.
///
/// Made by [`update_with`](super::Bucket::update_with).
#[must_use = "nothing is changed until this is awaited"]
pub struct UpdateWith<'a, T, C, F> {
    place: &'a Place,
    key: &'a str,
    change: F,
    attempts: u32,
    deadline: Duration,
    value: PhantomData<fn() -> (T, C)>,
}

impl<'a, T, C, F> UpdateWith<'a, T, C, F> {
    pub(super) fn new(place: &'a Place, key: &'a str, change: F) -> Self {
        let (attempts, deadline) = (ATTEMPTS, DEADLINE);
        Self { place, key, change, attempts, deadline, value: PhantomData }
    }

    /// How often it is tried, at least once. Default: 32 times.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// How long it is tried to read what is there, and to write what follows from it, each time.
    /// Default: 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

impl<T, C, F> UpdateWith<'_, T, C, F>
where
    C: Codec<T>,
    F: FnMut(Option<T>) -> Option<T>,
{
    async fn run(mut self) -> Result<Option<u64>, KeyValueError> {
        let (place, key) = (self.place, self.key);
        let (attempts, deadline) = (self.attempts, self.deadline);
        let query = Query::last_of(place.read_subject(key)?);
        let read = async |direct| {
            let terms = stored::Terms { direct, patience: deadline };
            let found = stored::read(place, &query, terms).await;
            found.map_err(|error| KeyValueError::of_bucket(error, &place.bucket))
        };
        // Where this is old, the write finds it out.
        let mut found = read(place.direct).await?;
        let mut is_direct = place.direct;
        let mut attempt = 1;
        loop {
            let value = match self.changed(found.as_ref()) {
                Ok(Some(value)) => value,
                decided if is_direct => {
                    // Nothing is written that could find it out.
                    is_direct = false;
                    let now = read(false).await?;
                    if revision(now.as_ref()) == revision(found.as_ref()) {
                        return decided.map(|_| None);
                    }
                    found = now;
                    continue;
                }
                decided => return decided.map(|_| None),
            };
            let terms = Terms { deadline, ..Terms::new() };
            let write = Write::new(place, key, value, terms)?;
            match write.once(Some(revision(found.as_ref()))).await {
                Ok(revision) => return Ok(Some(revision)),
                Err(Fault::Other(error)) => return Err(error),
                Err(Fault::Conflict(_)) => {}
            }
            if attempt >= attempts {
                return Err(KeyValueError::Contended { key: key.to_owned(), attempts });
            }
            runtime::sleep(pause(attempt)).await;
            found = read(false).await?;
            is_direct = false;
            attempt += 1;
        }
    }

    /// What follows from what is there. The values are the user's, and need not be `Send`, so none
    /// of them may be held while something is awaited.
    fn changed(&mut self, found: Option<&Stored>) -> Result<Option<Outgoing>, KeyValueError> {
        let key = self.key;
        let current = found.map(|stored| decode::<T, C>(key, stored)).transpose()?;
        let current = current.and_then(Change::into_entry).map(|entry| entry.value);
        let next = (self.change)(current).map(|value| Outgoing::new::<T, C>(&value)).transpose();
        next.map_err(|source| KeyValueError::Encode { key: key.to_owned(), source })
    }
}

/// What a key is at; 0 where it has never been written.
fn revision(found: Option<&Stored>) -> u64 {
    found.map_or(0, |stored| stored.sequence)
}

/// Any time up to a limit that doubles, so that those who met do not meet again.
fn pause(attempt: u32) -> Duration {
    let limit = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX));
    limit.min(LONGEST_PAUSE).mul_f64(fastrand::f64())
}

impl<'a, T, C, F> IntoFuture for UpdateWith<'a, T, C, F>
where
    T: 'a,
    C: Codec<T> + 'a,
    F: FnMut(Option<T>) -> Option<T> + Send + 'a,
{
    type Output = Result<Option<u64>, KeyValueError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T, C, F> fmt::Debug for UpdateWith<'_, T, C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateWith")
            .field("bucket", &self.place.bucket)
            .field("key", &self.key)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_somewhere() {
        for attempt in [1, 2, 8, 31, 32, u32::MAX] {
            let limit = FIRST_PAUSE * 2_u32.saturating_pow(attempt.min(10));
            assert!(pause(attempt) <= limit.min(LONGEST_PAUSE), "{attempt}");
        }
    }
}
