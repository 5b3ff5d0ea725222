//! Reading one message of a bucket, for as long as it takes a cluster to elect a leader.

use std::time::Duration;

use crate::jetstream::api::pause;
use crate::jetstream::{ApiError, JetStreamError, Query, Stored, read_stored};
use crate::request::RequestError;
use crate::runtime;

use super::place::Place;

/// How a message is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Whether any server is asked, or the leader.
    pub(super) direct: bool,
    /// For how long it is tried: reading again does no harm.
    pub(super) patience: Duration,
}

/// Reads a message: `None` where there is none.
pub(super) async fn read(
    place: &Place,
    query: &Query,
    terms: Terms,
) -> Result<Option<Stored>, JetStreamError> {
    let end = runtime::after(runtime::now(), terms.patience);
    let mut attempt = 0;
    loop {
        let answer = read_stored(&place.js, &place.stream, query, terms.direct).await;
        let pause = pause(attempt);
        let left = end.saturating_duration_since(runtime::now());
        match answer {
            Err(error) if may_pass(&error) && left > pause => {}
            answer => return answer,
        }
        runtime::sleep(pause).await;
        attempt += 1;
    }
}

/// Whether another attempt may find what this one did not: the connection is made again, or the
/// cluster elects a leader.
fn may_pass(error: &JetStreamError) -> bool {
    match error {
        JetStreamError::TimedOut { .. }
        | JetStreamError::Request(RequestError::Disconnected { .. }) => true,
        JetStreamError::Api(error) => error.err_code == ApiError::TEMPORARILY_UNAVAILABLE,
        _ => false,
    }
}
