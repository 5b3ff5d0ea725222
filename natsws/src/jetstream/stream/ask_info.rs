//! How a stream is now, with what is said only when it is asked for.

use std::future::IntoFuture;

use serde::Serialize;

use super::{Stream, StreamInfo};
use crate::jetstream::api;
use crate::jetstream::error::JetStreamError;
use crate::runtime::SendFuture;
use crate::subject::check_filter;

/// A stream's state that is about to be asked for: `.await` it, or say more first.
///
/// Made by [`Stream::info`].
#[derive(Debug)]
#[must_use = "nothing is asked until this is awaited"]
pub struct AskInfo<'a> {
    stream: &'a Stream,
    request: Request,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Request {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted_details: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    subjects_filter: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    offset: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(offset: &u64) -> bool {
    *offset == 0
}

impl Stream {
    /// How it is now.
    ///
    /// ```no_run
    /// # async fn example(orders: natsws::jetstream::Stream) -> Result<(), natsws::Error> {
    /// println!("{} messages", orders.info().await?.state.messages);
    /// let info = orders.info().with_subjects("orders.eu.>").await?;
    /// for (subject, messages) in &info.state.subjects {
    ///     println!("{subject}: {messages}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`JetStreamError`], [`StreamNotFound`](JetStreamError::StreamNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub fn info(&self) -> AskInfo<'_> {
        AskInfo { stream: self, request: Request::default() }
    }
}

impl AskInfo<'_> {
    /// With the number of messages of each subject that this matches, in
    /// [`StreamState::subjects`](super::StreamState::subjects). A server says up to 100 000 at once;
    /// more are asked for until all are there.
    pub fn with_subjects(mut self, filter: impl Into<String>) -> Self {
        self.request.subjects_filter = Some(filter.into());
        self
    }

    /// With the numbers of the messages that were deleted, in
    /// [`StreamState::deleted`](super::StreamState::deleted).
    pub fn with_deleted(mut self) -> Self {
        self.request.deleted_details = true;
        self
    }

    async fn ask(self) -> Result<StreamInfo, JetStreamError> {
        let Self { stream, mut request } = self;
        request.subjects_filter.as_deref().map_or(Ok(()), check_filter)?;
        let operation = format!("STREAM.INFO.{}", stream.name());
        let ask = async |request: &Request| {
            let info = stream.jetstream().call::<StreamInfo>(&operation, Some(request)).await;
            info.map_err(|error| api::of_stream(error, stream.name()))
        };
        let mut info = ask(&request).await?;
        request.deleted_details = false;
        let (mut came, mut total) = (count(&info), info.total);
        while came > 0 && request.offset.saturating_add(came) < total {
            request.offset = request.offset.saturating_add(came);
            let page = ask(&request).await?;
            (came, total) = (count(&page), page.total);
            info.state.subjects.extend(page.state.subjects);
        }
        Ok(info)
    }
}

/// How many subjects came.
fn count(info: &StreamInfo) -> u64 {
    u64::try_from(info.state.subjects.len()).unwrap_or(u64::MAX)
}

impl<'a> IntoFuture for AskInfo<'a> {
    type Output = Result<StreamInfo, JetStreamError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}
