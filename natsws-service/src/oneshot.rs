//! Calling a service without a broker, for tests.

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use natsws::{BoxFuture, HeaderError, Headers, Msg, Request, RequestError};
use tower_service::Service;

use crate::app::App;
use crate::attend::poll_response;
use crate::endpoint::Built;
use crate::incoming::Incoming;
use crate::place::Place;
use crate::recover::recover;
use crate::response::{Body, Response};
use crate::route::called;

/// What a typed request comes to.
pub type Answered<M> = Result<<M as Request>::Reply, RequestError<<M as Request>::Error>>;

impl App {
    /// Asks the service without a broker and without a connection: the request goes through codecs,
    /// layers and handler as any other, and the reply comes back as a caller gets it.
    ///
    /// ```
    /// use natsws::{RequestError, ServiceError, Subject};
    /// use natsws_service::{IntoApp, Router};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Subject)]
    /// #[subject("doors.{number}.open", reply = String)]
    /// struct Open { number: u8 }
    ///
    /// async fn open(ask: Open) -> Result<String, ServiceError> {
    ///     match ask.number {
    ///         13 => Err(ServiceError::new(404, "there is no such door")),
    ///         number => Ok(format!("door {number} is open")),
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut app = Router::new("doors", "1.0.0").endpoint(open).into_app();
    /// assert_eq!(app.oneshot(&Open { number: 7 }).await.unwrap(), "door 7 is open");
    /// let refused = app.oneshot(&Open { number: 13 }).await;
    /// assert!(matches!(refused, Err(RequestError::Service(error)) if error.code() == 404));
    /// # }
    /// ```
    ///
    /// Of an answer in parts it is the first; [`Oneshot::all`] gives all. Queue groups and limits on
    /// how many run at a time play no part, and a handler that takes a [`Client`](natsws::Client) is
    /// answered 500: there is none.
    pub fn oneshot<'a, M: Request>(&'a mut self, message: &'a M) -> Oneshot<'a, M> {
        Oneshot { app: self, message, subject: None, headers: Headers::new(), fault: None }
    }

    /// Gives the service a message as it could come from anywhere, and gives back the answer before
    /// it is sent; `None` where no endpoint takes the subject.
    ///
    /// [`Msg::local`] makes messages.
    ///
    /// # Cancel safety
    /// Dropped early, the handler is dropped too.
    pub async fn oneshot_msg(&mut self, msg: Msg) -> Option<Response> {
        let at = self.endpoint_for(msg.subject())?;
        let service = self.about.name.clone();
        let Built { description, patterns, prefix_tokens, route, .. } =
            self.endpoints.get_mut(at)?;
        let incoming = Incoming::new(
            msg,
            Arc::new(Place {
                client: None,
                handle: None,
                service,
                endpoint: description.name.clone(),
                patterns: Arc::clone(patterns),
                queue_group: description.queue_group.clone(),
                prefix_tokens: *prefix_tokens,
            }),
        );
        let deadline = incoming.deadline();
        if let Err(error) = poll_fn(|cx| route.poll_ready(cx)).await {
            return Some(recover(&error));
        }
        let mut response = called(route, incoming, deadline);
        Some(poll_fn(|cx| poll_response(&mut response, deadline, cx)).await)
    }
}

impl App {
    /// The place of the endpoint that takes a subject: a fallback only where no other does.
    fn endpoint_for(&self, subject: &str) -> Option<usize> {
        let takes = |built: &Built, fallback: bool| {
            built.description.fallback == fallback && built.description.takes(subject)
        };
        let find = |fallback| self.endpoints.iter().position(|built| takes(built, fallback));
        find(false).or_else(|| find(true))
    }
}

/// A request without a broker that is about to be made: `.await` it, or say more first. Made by
/// [`App::oneshot`].
#[must_use = "nothing is asked until this is awaited"]
pub struct Oneshot<'a, M: Request> {
    app: &'a mut App,
    message: &'a M,
    subject: Option<String>,
    headers: Headers,
    fault: Option<HeaderError>,
}

impl<M: Request> Oneshot<'_, M> {
    /// Asks on another subject than the request's own, as
    /// [`request_to`](natsws::Client::request_to) does: for an endpoint in a group.
    pub fn to(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Adds a header. One that is not valid is the error of the request.
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if let Err(error) = self.headers.append(name, value.as_ref()) {
            self.fault.get_or_insert(error);
        }
        self
    }

    /// All replies of an answer in parts, each a reply or an error.
    ///
    /// # Errors
    /// [`RequestError`] where the request cannot be made, or no endpoint takes its subject.
    ///
    /// # Cancel safety
    /// Dropped early, the handler is dropped too.
    pub async fn all(self) -> Result<Vec<Answered<M>>, RequestError<M::Error>> {
        self.replies(usize::MAX).await
    }

    async fn replies(self, max: usize) -> Result<Vec<Answered<M>>, RequestError<M::Error>> {
        let Self { app, message, subject, headers, fault } = self;
        if let Some(fault) = fault {
            return Err(fault.into());
        }
        let msg = natsws::private::local_request(message)?;
        let mut all = headers;
        all.extend(msg.headers());
        let subject = subject.as_deref().unwrap_or_else(|| msg.subject());
        let msg = Msg::local(subject, msg.reply(), all, msg.payload())?;
        let response = app.oneshot_msg(msg).await.ok_or(RequestError::NoResponders)?;
        Ok(response.into_stream().map(read::<M>).take(max).collect().await)
    }
}

/// # Errors
/// [`RequestError`] as for [`Client::request`](natsws::Client::request):
/// [`NoResponders`](RequestError::NoResponders) where no endpoint takes the subject.
///
/// # Cancel safety
/// Dropped early, the handler is dropped too.
impl<'a, M: Request + Sync> IntoFuture for Oneshot<'a, M>
where
    M::Reply: Send,
{
    type Output = Answered<M>;
    type IntoFuture = BoxFuture<'a, Answered<M>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut replies = self.replies(1).await?;
            replies.pop().unwrap_or(Err(RequestError::NoResponders))
        })
    }
}

impl<M: Request> fmt::Debug for Oneshot<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oneshot").field("headers", &self.headers).finish_non_exhaustive()
    }
}

/// Reads an answer as a caller does.
fn read<M: Request>(response: Response) -> Answered<M> {
    let (headers, body, _) = response.into_parts();
    let payload = match body {
        Body::Whole(payload) => payload,
        // A part of an answer is never in parts.
        Body::Parts(_) => Bytes::new(),
    };
    let msg = Msg::local("reply", None, headers, payload)?;
    natsws::private::reply::<M>(msg)
}
