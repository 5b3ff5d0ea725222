//! What a store needs of a stream besides reading it: bytes published with an acknowledgement, the
//! last message of a subject, and taking messages out.

use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::jetstream::api::{Done, of_stream};
use crate::jetstream::{ApiError, JetStream, JetStreamError, PublishAck, PublishError, wire};

/// A message of a stream.
#[derive(Debug, Deserialize)]
pub(super) struct Stored {
    #[serde(rename = "seq", deserialize_with = "wire::count")]
    pub(super) sequence: u64,
    #[serde(default, rename = "data", with = "wire::base64")]
    pub(super) payload: Bytes,
    #[serde(with = "wire::rfc3339")]
    pub(super) time: SystemTime,
}

#[derive(Deserialize)]
struct Got {
    message: Stored,
}

#[derive(Serialize)]
struct LastOf<'a> {
    last_by_subj: &'a str,
}

/// The last message of a subject, as the leader of the stream has it.
pub(super) async fn last_message(
    js: &JetStream,
    stream: &str,
    subject: &str,
) -> Result<Option<Stored>, JetStreamError> {
    let operation = format!("STREAM.MSG.GET.{stream}");
    let got = js.call::<Got>(&operation, Some(&LastOf { last_by_subj: subject })).await;
    match got.map_err(|error| of_stream(error, stream)) {
        Ok(got) => Ok(Some(got.message)),
        Err(error) if is_no_message(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether what is wrong is that there is no such message.
pub(super) fn is_no_message(error: &JetStreamError) -> bool {
    error.err_code() == Some(ApiError::NO_MESSAGE_FOUND)
}

#[derive(Serialize)]
struct Filter<'a> {
    filter: &'a str,
}

/// Takes all messages of a subject out.
pub(super) async fn purge(
    js: &JetStream,
    stream: &str,
    subject: &str,
) -> Result<(), JetStreamError> {
    let operation = format!("STREAM.PURGE.{stream}");
    let purged = js.call::<Done>(&operation, Some(&Filter { filter: subject })).await;
    purged.map(drop).map_err(|error| of_stream(error, stream))
}

#[derive(Serialize)]
struct FilterTo<'a> {
    filter: &'a str,
    /// The first that is kept.
    seq: u64,
}

/// Takes the messages of a subject out that are not behind this one.
pub(super) async fn purge_to(
    js: &JetStream,
    stream: &str,
    subject: &str,
    last: u64,
) -> Result<(), JetStreamError> {
    let operation = format!("STREAM.PURGE.{stream}");
    let body = FilterTo { filter: subject, seq: last.saturating_add(1) };
    let purged = js.call::<Done>(&operation, Some(&body)).await;
    purged.map(drop).map_err(|error| of_stream(error, stream))
}

#[derive(Serialize)]
struct Number {
    seq: u64,
    /// What is behind it is stored again, so nothing secret is left that would not be there anyway.
    no_erase: bool,
}

/// Takes one message out.
pub(super) async fn delete_message(
    js: &JetStream,
    stream: &str,
    sequence: u64,
) -> Result<(), JetStreamError> {
    let operation = format!("STREAM.MSG.DELETE.{stream}");
    let body = Number { seq: sequence, no_erase: true };
    let deleted = js.call::<Done>(&operation, Some(&body)).await;
    deleted.map(drop).map_err(|error| of_stream(error, stream))
}

/// Publishes bytes until the stream has them. `id` is the message's, so that it is stored once.
pub(super) async fn publish(
    js: &JetStream,
    subject: &str,
    id: &str,
    headers: &[(&str, &str)],
    payload: Bytes,
) -> Result<PublishAck, PublishError> {
    let publish = js.publish_bytes(subject, payload).message_id(id);
    headers.iter().fold(publish, |publish, (name, value)| publish.header(name, value)).await
}

#[derive(Serialize)]
struct Names<'a> {
    subject: &'a str,
    offset: usize,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default, deserialize_with = "wire::count")]
    total: usize,
    #[serde(default, deserialize_with = "wire::or_default")]
    streams: Vec<String>,
}

/// The names of all streams that have subjects in common with this one.
pub(super) async fn stream_names(
    js: &JetStream,
    subject: &str,
) -> Result<Vec<String>, JetStreamError> {
    let mut names = Vec::new();
    loop {
        let body = Names { subject, offset: names.len() };
        let page: Page = js.call("STREAM.NAMES", Some(&body)).await?;
        let is_last = page.streams.is_empty();
        names.extend(page.streams);
        if is_last || names.len() >= page.total {
            return Ok(names);
        }
    }
}
