//! Reading one message of a stream: from any server that keeps it (ADR-31), or from its leader.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::{Deserialize, Serialize};

use crate::header::Headers;
use crate::jetstream::api::pause;
use crate::jetstream::{ApiError, JetStream, JetStreamError, wire};
use crate::msg::Msg;
use crate::request::RequestError;
use crate::runtime;

/// A message as a stream has it.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) subject: String,
    pub(super) sequence: u64,
    pub(super) time: SystemTime,
    pub(super) headers: Headers,
    pub(super) payload: Bytes,
}

/// Which message is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// The last one of a subject.
    Last(&'a str),
    /// The one of this number.
    Sequence(u64),
}

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
    js: &JetStream,
    stream: &str,
    wanted: Wanted<'_>,
    terms: Terms,
) -> Result<Option<Stored>, JetStreamError> {
    let end = runtime::after(runtime::now(), terms.patience);
    let mut attempt = 0;
    loop {
        let answer = if terms.direct {
            from_any(js, stream, wanted).await
        } else {
            from_leader(js, stream, wanted).await
        };
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

#[derive(Serialize)]
struct Ask<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_by_subj: Option<&'a str>,
}

impl<'a> From<Wanted<'a>> for Ask<'a> {
    fn from(wanted: Wanted<'a>) -> Self {
        match wanted {
            Wanted::Last(subject) => Self { seq: None, last_by_subj: Some(subject) },
            Wanted::Sequence(sequence) => Self { seq: Some(sequence), last_by_subj: None },
        }
    }
}

async fn from_any(
    js: &JetStream,
    stream: &str,
    wanted: Wanted<'_>,
) -> Result<Option<Stored>, JetStreamError> {
    let operation = format!("DIRECT.GET.{stream}");
    let (subject, body) = match wanted {
        // Permissions can be given for single subjects so.
        Wanted::Last(subject) => (format!("{}.{operation}.{subject}", js.prefix()), Vec::new()),
        Wanted::Sequence(_) => {
            // Numbers and text always have an encoding.
            let body = serde_json::to_vec(&Ask::from(wanted)).unwrap_or_default();
            (format!("{}.{operation}", js.prefix()), body)
        }
    };
    let reply = match js.connection().request(&subject, &body).timeout(js.timeout()).await {
        Ok(reply) => reply,
        // The stream does not allow it, or is not there, which its leader says.
        Err(RequestError::NoResponders) => return from_leader(js, stream, wanted).await,
        Err(RequestError::TimedOut { .. }) => {
            return Err(JetStreamError::TimedOut { after: js.timeout() });
        }
        Err(other) => return Err(JetStreamError::Request(other)),
    };
    if let Some(status) = reply.status() {
        return match status.code() {
            404 => Ok(None),
            code => Err(JetStreamError::Api(refused(code, status.description()))),
        };
    }
    let stored = of_reply(&reply).ok_or_else(|| JetStreamError::Response {
        operation,
        source: "a header that says what the message is is missing".into(),
    })?;
    Ok(Some(stored))
}

fn refused(code: u16, description: &str) -> ApiError {
    ApiError { code, err_code: 0, description: description.to_owned() }
}

fn of_reply(reply: &Msg) -> Option<Stored> {
    let headers = reply.headers();
    // A message that was republished has all these headers already, and the server's come behind
    // them.
    let told = |name| headers.get_all(name).last();
    let time: StrDeserializer<'_, ValueError> = told("Nats-Time-Stamp")?.into_deserializer();
    Some(Stored {
        subject: told("Nats-Subject")?.to_owned(),
        sequence: told("Nats-Sequence")?.parse().ok()?,
        time: wire::rfc3339::deserialize(time).ok()?,
        headers: headers.clone(),
        payload: reply.payload_bytes(),
    })
}

#[derive(Deserialize)]
struct Answer {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    subject: String,
    #[serde(rename = "seq", deserialize_with = "wire::count")]
    sequence: u64,
    #[serde(with = "wire::rfc3339")]
    time: SystemTime,
    #[serde(default, with = "wire::base64")]
    hdrs: Bytes,
    #[serde(default, with = "wire::base64")]
    data: Bytes,
}

async fn from_leader(
    js: &JetStream,
    stream: &str,
    wanted: Wanted<'_>,
) -> Result<Option<Stored>, JetStreamError> {
    let operation = format!("STREAM.MSG.GET.{stream}");
    let message = match js.call::<Answer>(&operation, Some(&Ask::from(wanted))).await {
        Ok(answer) => answer.message,
        Err(JetStreamError::Api(error)) if error.err_code == ApiError::NO_MESSAGE_FOUND => {
            return Ok(None);
        }
        Err(JetStreamError::Api(error)) if error.err_code == ApiError::STREAM_NOT_FOUND => {
            return Err(JetStreamError::StreamNotFound { name: stream.to_owned() });
        }
        Err(other) => return Err(other),
    };
    let headers = Headers::parse(&message.hdrs)
        .map_err(|error| JetStreamError::Response { operation, source: error.into() })?;
    Ok(Some(Stored {
        subject: message.subject,
        sequence: message.sequence,
        time: message.time,
        headers,
        payload: message.data,
    }))
}
