//! Publishing subjects and bytes.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::connection::Connection;
use crate::driver::{Body, Refused, Ticket};
use crate::header::{HeaderError, Headers};
use crate::payload::{Payload, Repr};
use crate::protocol::encode::{PublishHead, Reply};
use crate::subject::{SubjectError, check_subject};

/// Why a message was not published. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The subject cannot be published to.
    #[error("the message has a subject that cannot be published to")]
    Subject(#[from] SubjectError),
    /// The reply subject cannot be published to.
    #[error("the message has a reply subject that cannot be published to")]
    Reply(#[source] SubjectError),
    /// A header is not valid.
    #[error("the message has a header that is not valid")]
    Header(#[from] HeaderError),
    /// The value could not be encoded.
    #[error("the message could not be encoded")]
    Encode(#[source] Box<dyn Error + Send + Sync>),
    /// Headers and payload are together larger than the server accepts.
    #[error("the message has {len} bytes, the server accepts at most {max}")]
    PayloadTooLarge {
        /// The size of headers and payload in bytes.
        len: usize,
        /// The server's `max_payload`.
        max: usize,
    },
    /// The message has headers and the server knows none.
    #[error("the server does not support headers")]
    HeadersUnsupported,
    /// There is no connection, and what is kept for the next one is full.
    #[error("there is no connection, and the {max} bytes kept for the next one are used up")]
    BufferFull {
        /// The size of the buffer, [`ConnectOptions::reconnect_buffer`](crate::ConnectOptions::reconnect_buffer).
        max: usize,
    },
    /// So much waits to be sent that this message would have to wait too, which
    /// [`try_send`](Publish::try_send) does not.
    #[error("the message would have to wait, since much waits to be sent")]
    WouldBlock,
    /// The message that was to be answered has no reply subject.
    #[error("the message asks for no reply")]
    NoReplySubject,
    /// The connection has been drained.
    #[error("the connection is draining")]
    Draining,
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
}

impl From<Refused> for PublishError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::PayloadTooLarge { len, max } => Self::PayloadTooLarge { len, max },
            Refused::HeadersUnsupported => Self::HeadersUnsupported,
            Refused::BufferFull { max } => Self::BufferFull { max },
            Refused::WouldBlock => Self::WouldBlock,
            Refused::Disconnected => Self::BufferFull { max: 0 },
            Refused::Draining => Self::Draining,
            Refused::Closed => Self::Closed,
        }
    }
}

/// A message that is about to be published: `.await` it, or add to it first.
///
/// Made by [`Connection::publish`] and [`Msg::respond`](crate::Msg::respond).
///
/// # Cancel safety
/// A message is accepted whole or not at all: dropped before it is ready, nothing is sent. Polled
/// again when it is done, it publishes nothing more.
#[derive(Debug)]
#[must_use = "nothing is published until this is awaited"]
pub struct Publish<'a> {
    connection: Option<&'a Connection>,
    subject: &'a str,
    reply: Option<&'a str>,
    headers: Headers,
    payload: Payload<'a>,
    ticket: Ticket,
    /// It is rare, and a publish is moved about: its size matters.
    fault: Option<Box<PublishError>>,
}

impl<'a> Publish<'a> {
    #[inline]
    pub(crate) fn new(connection: &'a Connection, subject: &'a str, payload: Payload<'a>) -> Self {
        Self {
            connection: Some(connection),
            subject,
            reply: None,
            headers: Headers::new(),
            payload,
            ticket: Ticket::default(),
            fault: None,
        }
    }

    /// The answer to a message, where that asks for one and there is a connection for it.
    pub(crate) fn answer(
        connection: Option<&'a Connection>,
        subject: Option<&'a str>,
        payload: Payload<'a>,
    ) -> Self {
        Self {
            connection,
            subject: subject.unwrap_or_default(),
            reply: None,
            headers: Headers::new(),
            payload,
            ticket: Ticket::default(),
            fault: subject.is_none().then(|| Box::new(PublishError::NoReplySubject)),
        }
    }

    /// Names the subject that an answer is expected on.
    pub fn reply(mut self, subject: &'a str) -> Self {
        self.reply = Some(subject);
        self
    }

    /// Adds a header. One that is not valid is the error of the publish.
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if let Err(error) = self.headers.append(name, value.as_ref()) {
            self.fault.get_or_insert_with(|| Box::new(error.into()));
        }
        self
    }

    /// Adds all of these headers.
    pub fn headers(mut self, headers: &Headers) -> Self {
        self.headers.extend(headers);
        self
    }
}

impl Publish<'_> {
    /// Publishes now or not at all, without waiting: for code that is not `async`.
    ///
    /// # Errors
    /// [`PublishError::WouldBlock`] where the message would have to wait, and whatever else can go
    /// wrong; nothing is sent then.
    pub fn try_send(mut self) -> Result<(), PublishError> {
        match self.poll_with(None) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(PublishError::WouldBlock),
        }
    }
}

impl Publish<'_> {
    #[inline]
    fn poll_with(&mut self, waker: Option<&Waker>) -> Poll<Result<(), PublishError>> {
        let published = self.poll_once(waker);
        if published.is_ready() {
            // Polled again, it must not publish again.
            self.connection = None;
        }
        published
    }

    #[inline]
    fn poll_once(&mut self, waker: Option<&Waker>) -> Poll<Result<(), PublishError>> {
        if let Some(fault) = self.fault.take() {
            return Poll::Ready(Err(*fault));
        }
        let Some(connection) = self.connection else {
            return Poll::Ready(Err(PublishError::Closed));
        };
        check_subject(self.subject)?;
        if let Some(reply) = self.reply {
            check_subject(reply).map_err(PublishError::Reply)?;
        }
        let head = PublishHead {
            subject: self.subject,
            reply: self.reply.map(Reply::Subject),
            headers: &self.headers,
            typed: None,
        };
        let payload = body(&self.payload);
        let published = connection.shared().poll_publish(&head, payload, &mut self.ticket, waker);
        published.map_err(Into::into)
    }
}

impl Drop for Publish<'_> {
    #[inline]
    fn drop(&mut self) {
        // On the way of every publish, and what it looks for is rare.
        if self.ticket.is_none() {
            return;
        }
        if let Some(connection) = self.connection {
            connection.shared().outbox.leave(&mut self.ticket);
        }
    }
}

impl Future for Publish<'_> {
    type Output = Result<(), PublishError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_with(Some(cx.waker()))
    }
}

/// The payload as the outbox takes it.
#[inline]
pub(crate) fn body<'p>(payload: &'p Payload<'_>) -> Body<'p> {
    match &payload.0 {
        Repr::Borrowed(bytes) => Body::Borrowed(bytes),
        Repr::Shared(bytes) => Body::Shared(bytes),
        Repr::Owned(bytes) => Body::Shared(bytes),
    }
}
