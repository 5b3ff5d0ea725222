use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::message::EncodeMessage;
use super::scratch::{Envelope, Fault, encoded};
use crate::connection::Connection;
use crate::driver::{Body, Ticket};
use crate::header::Headers;
use crate::publish::PublishError;
use crate::subject::check_subject;
use crate::trace_context::TraceContext;

/// A typed message that is about to be published: `.await` it, or add headers first.
///
/// Made by [`Client::publish`](crate::Client::publish).
///
/// ```no_run
/// use natsws::{Client, Subject};
/// use serde::Serialize;
///
/// #[derive(Serialize, Subject)]
/// #[subject("doors.{door}.opened")]
/// struct DoorOpened { door: String }
///
/// # async fn example(client: Client) -> Result<(), natsws::Error> {
/// client.publish(&DoorOpened { door: "front".into() }).header("Trace", "7f3a").await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is published until this is awaited"]
pub struct PublishMessage<'a, M> {
    connection: &'a Connection,
    message: &'a M,
    subject: Option<&'a str>,
    reply: Option<&'a str>,
    headers: Headers,
    fault: Option<PublishError>,
}

impl<'a, M: EncodeMessage> PublishMessage<'a, M> {
    pub(crate) fn new(
        connection: &'a Connection,
        message: &'a M,
        subject: Option<&'a str>,
    ) -> Self {
        Self { connection, message, subject, reply: None, headers: Headers::new(), fault: None }
    }

    /// Asks for replies on this subject. To wait for one reply, make a request instead.
    pub fn reply(mut self, subject: &'a str) -> Self {
        self.reply = Some(subject);
        self
    }

    /// Adds a header. One that is not valid is the error of the publish.
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if let Err(error) = self.headers.append(name, value.as_ref()) {
            self.fault.get_or_insert_with(|| error.into());
        }
        self
    }

    /// Adds all of these headers.
    pub fn headers(mut self, headers: &Headers) -> Self {
        self.headers.extend(headers);
        self
    }
}

impl<'a, M: EncodeMessage> IntoFuture for PublishMessage<'a, M> {
    type Output = Result<(), PublishError>;
    type IntoFuture = PublishMessageFuture<'a, M>;

    fn into_future(self) -> PublishMessageFuture<'a, M> {
        PublishMessageFuture { publish: self, ticket: Ticket::default() }
    }
}

/// The future of [`PublishMessage`]. It is `Send` where the message is `Sync`.
///
/// # Cancel safety
/// A message is accepted whole or not at all: dropped before it is ready, nothing is sent.
#[must_use = "nothing is published until this is awaited"]
pub struct PublishMessageFuture<'a, M> {
    publish: PublishMessage<'a, M>,
    ticket: Ticket,
}

impl<M: EncodeMessage> Future for PublishMessageFuture<'_, M> {
    type Output = Result<(), PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { publish, ticket } = &mut *self;
        if let Some(fault) = publish.fault.take() {
            return Poll::Ready(Err(fault));
        }
        if let Some(reply) = publish.reply {
            check_subject(reply).map_err(PublishError::Reply)?;
        }
        let trace = TraceContext::current();
        let envelope = Envelope {
            subject: publish.subject,
            reply: publish.reply,
            headers: &publish.headers,
            timeout: None,
            trace: trace.as_ref(),
        };
        let shared = publish.connection.shared();
        // Where it has to wait for room it is encoded again: that is rare, and keeping the encoded
        // message would cost every message.
        let accepted = encoded(publish.message, &envelope, |head, payload| {
            shared.poll_publish(head, Body::Borrowed(payload), ticket, Some(cx.waker()))
        });
        match accepted {
            Ok(accepted) => accepted.map_err(Into::into),
            Err(Fault::Subject(error)) => Poll::Ready(Err(error.into())),
            Err(Fault::Codec(error)) => Poll::Ready(Err(PublishError::Encode(error.into()))),
        }
    }
}

impl<M> Drop for PublishMessageFuture<'_, M> {
    fn drop(&mut self) {
        self.publish.connection.shared().outbox.leave(&mut self.ticket);
    }
}

impl<M> fmt::Debug for PublishMessage<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishMessage").field("headers", &self.headers).finish_non_exhaustive()
    }
}

impl<M> fmt::Debug for PublishMessageFuture<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.publish.fmt(f)
    }
}
