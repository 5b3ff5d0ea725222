//! Keeping what is given up, in a stream of its own.

use std::time::Duration;

use natsws::ServiceError;
use natsws::jetstream::Delivery;

use crate::error::BoxError;
use crate::incoming::Incoming;
use crate::layers::dead_letter_headers;

/// The header of a dead letter that names the stream and the consumer that the message is from.
const CONSUMER: &str = "Dead-Letter-Consumer";
/// The header of a dead letter that says how often the message was tried.
const ATTEMPTS: &str = "Dead-Letter-Attempts";

/// How long a stream has to take a dead letter: meanwhile the message is kept from coming again.
const DEADLINE: Duration = Duration::from_secs(5);

/// Publishes the message to the stream of dead letters, once however often it is given up.
pub(super) async fn keep(
    subject: &str,
    incoming: &Incoming,
    delivery: &Delivery,
    error: &ServiceError,
) -> Result<(), BoxError> {
    let Some(client) = incoming.client() else { return Err("there is no client".into()) };
    let info = delivery.info();
    let consumer = format!("{}.{}", info.stream, info.consumer);
    let id = format!("{consumer}.{}.dead", info.stream_sequence);
    let mut headers = dead_letter_headers(incoming, error);
    headers.insert(CONSUMER, &consumer)?;
    headers.insert(ATTEMPTS, &info.delivered.to_string())?;
    let js = client.jetstream();
    let publish = js.publish_bytes(subject, incoming.msg().payload_bytes());
    publish.headers(&headers).message_id(id).deadline(DEADLINE).await?;
    Ok(())
}
