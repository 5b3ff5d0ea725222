//! What can be done to a consumer from outside while it is read.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::Consumer;
use super::info::ConsumerInfo;
use crate::jetstream::api::{self, Done, NOTHING};
use crate::jetstream::error::JetStreamError;
use crate::jetstream::wire;

/// Whether a consumer is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ConsumerPause {
    /// Whether nothing is delivered for now.
    #[serde(default)]
    pub paused: bool,
    /// Until when.
    #[serde(default, rename = "pause_until", with = "wire::some_rfc3339")]
    pub until: Option<SystemTime>,
    /// For how long that is.
    #[serde(default, rename = "pause_remaining", with = "wire::some_nanoseconds")]
    pub remaining: Option<Duration>,
}

/// What a consumer is after it was reset.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct ConsumerReset {
    /// The number in the stream of the message that comes next.
    #[serde(rename = "reset_seq", deserialize_with = "wire::count")]
    pub sequence: u64,
    /// How it is now.
    #[serde(flatten)]
    pub info: ConsumerInfo,
}

#[derive(Serialize)]
struct Pause {
    #[serde(with = "wire::some_rfc3339")]
    pause_until: Option<SystemTime>,
}

#[derive(Serialize)]
struct Unpin<'a> {
    group: &'a str,
}

#[derive(Serialize)]
struct Reset {
    seq: u64,
}

impl Consumer {
    /// Has nothing delivered until then; readers stay, and hear heartbeats (server 2.11).
    ///
    /// # Errors
    /// [`JetStreamError`].
    ///
    /// # Cancel safety
    /// Dropped early, it may be paused.
    pub async fn pause_until(&self, time: SystemTime) -> Result<ConsumerPause, JetStreamError> {
        self.pause(Some(time)).await
    }

    /// Ends a pause.
    ///
    /// # Errors
    /// [`JetStreamError`].
    ///
    /// # Cancel safety
    /// Dropped early, the pause may be over.
    pub async fn resume(&self) -> Result<ConsumerPause, JetStreamError> {
        self.pause(Some(SystemTime::UNIX_EPOCH)).await
    }

    async fn pause(
        &self,
        pause_until: Option<SystemTime>,
    ) -> Result<ConsumerPause, JetStreamError> {
        self.control("PAUSE", Some(&Pause { pause_until })).await
    }

    /// Takes the messages of a group from the client that gets them: the server gives them to one
    /// that asks next, which may be the same one (ADR-42, server 2.11).
    ///
    /// # Errors
    /// [`JetStreamError`]: there is no such group among them.
    ///
    /// # Cancel safety
    /// Dropped early, it may be done.
    pub async fn unpin(&self, group: &str) -> Result<(), JetStreamError> {
        self.control::<Done>("UNPIN", Some(&Unpin { group })).await.map(drop)
    }

    /// Goes back or on to a message of the stream: what was delivered and not acknowledged is
    /// forgotten. Without a number it goes back to the first message that is not acknowledged
    /// (server 2.14).
    ///
    /// # Errors
    /// [`JetStreamError`]: the server is too old, or the consumer begins where it cannot be moved
    /// from, as with [`DeliverPolicy::Last`](super::DeliverPolicy::Last).
    ///
    /// # Cancel safety
    /// Dropped early, it may be done.
    pub async fn reset(
        &self,
        sequence: impl Into<Option<u64>>,
    ) -> Result<ConsumerReset, JetStreamError> {
        self.needs("resetting a consumer", "2.14")?;
        match sequence.into() {
            Some(seq) => self.control("RESET", Some(&Reset { seq })).await,
            None => self.control("RESET", NOTHING).await,
        }
    }

    async fn control<R: serde::de::DeserializeOwned>(
        &self,
        verb: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<R, JetStreamError> {
        let (stream, name) = (self.stream(), self.name());
        let done = self.js.call(&format!("CONSUMER.{verb}.{stream}.{name}"), body).await;
        done.map_err(|error| api::of_consumer(error, stream, name))
    }

    /// Refuses what the server is known not to have.
    fn needs(&self, feature: &'static str, needs: &'static str) -> Result<(), JetStreamError> {
        let info = self.js.connection().server_info();
        match (numbers(&info.version), numbers(needs)) {
            (Some(has), Some(least)) if has < least => {
                let has = info.version.clone();
                Err(JetStreamError::Unsupported { feature, needs, has })
            }
            _ => Ok(()),
        }
    }
}

/// The first two numbers of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_their_numbers() {
        assert!(numbers("2.9.4") < numbers("2.14") && numbers("v2.14.0-RC.1") == numbers("2.14"));
        assert_eq!(numbers("dev"), None);
    }
}
