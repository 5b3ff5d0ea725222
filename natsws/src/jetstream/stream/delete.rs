//! Deleting single messages of a stream.

use std::future::IntoFuture;

use serde::Serialize;

use super::Stream;
use crate::jetstream::api::{self, Done};
use crate::jetstream::deliverable::Untyped;
use crate::jetstream::error::{ApiError, JetStreamError};
use crate::runtime::SendFuture;

/// A message that is about to be deleted: `.await` it, or say more first.
///
/// Made by [`Stream::delete_message`].
#[must_use = "nothing is deleted until this is awaited"]
#[derive(Debug)]
pub struct DeleteMessage<'a> {
    stream: &'a Stream,
    sequence: u64,
    erase: bool,
}

impl Stream {
    /// Deletes one message, and says whether it was there. Its bytes are overwritten, unless
    /// [`without_erasing`](DeleteMessage::without_erasing) is said.
    ///
    /// # Errors
    /// [`JetStreamError`]: the stream does not allow it (`deny_delete`, `sealed`).
    ///
    /// # Cancel safety
    /// Dropped early, it may be deleted.
    pub fn delete_message(&self, sequence: u64) -> DeleteMessage<'_> {
        DeleteMessage { stream: self, sequence, erase: true }
    }
}

#[derive(Serialize)]
struct Delete {
    seq: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    no_erase: bool,
}

impl DeleteMessage<'_> {
    /// Leaves its bytes where they are until the room is needed, which is quicker.
    pub fn without_erasing(mut self) -> Self {
        self.erase = false;
        self
    }

    async fn delete(self) -> Result<bool, JetStreamError> {
        let name = self.stream.name();
        let body = Delete { seq: self.sequence, no_erase: !self.erase };
        let operation = format!("STREAM.MSG.DELETE.{name}");
        match self.stream.jetstream().call::<Done>(&operation, Some(&body)).await {
            Ok(Done {}) => Ok(true),
            // The server has one number for all that went wrong, and says of a message that is gone
            // how its store calls that.
            Err(JetStreamError::Api(error))
                if matches!(
                    error.err_code,
                    ApiError::DELETE_FAILED | ApiError::SEQUENCE_NOT_FOUND
                ) =>
            {
                let there = self.stream.message::<Untyped>(self.sequence).from_leader().await?;
                if there.is_some() { Err(error.into()) } else { Ok(false) }
            }
            Err(error) => Err(api::of_stream(error, name)),
        }
    }
}

impl<'a> IntoFuture for DeleteMessage<'a> {
    type Output = Result<bool, JetStreamError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.delete())
    }
}
