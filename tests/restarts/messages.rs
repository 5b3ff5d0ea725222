//! What the tests ask a replica.

use natsws::Subject;
use serde::{Deserialize, Serialize};

/// Answered at once.
#[derive(Debug, Clone, Serialize, Deserialize, Subject)]
#[subject("replicas.twice.{caller}", reply = u64)]
pub(crate) struct Twice {
    pub(crate) caller: usize,
    pub(crate) number: u64,
}

/// Answered when the test lets it: the replica asks first, on [`QUESTION`].
#[derive(Debug, Clone, Serialize, Deserialize, Subject)]
#[subject("replicas.hold.{number}", reply = u64)]
pub(crate) struct Hold {
    pub(crate) number: u64,
}

/// What replicas ask the test on, with what they are about to do behind it and their id as payload.
pub(crate) const QUESTION: &str = "questions";
