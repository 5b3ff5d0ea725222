//! Calling a service without a broker, for tests.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use natsws::{Msg, Request, RequestError, subject_matches};
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
type Answered<M> = Result<<M as Request>::Reply, RequestError<<M as Request>::Error>>;

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
    /// Of an answer in parts it is the first; [`oneshot_many`](Self::oneshot_many) gives all.
    /// Queue groups and limits on how many run at a time play no part, and a handler that takes a
    /// [`Client`](natsws::Client) is answered 500: there is none.
    ///
    /// # Errors
    /// [`RequestError`] as for [`Client::request`](natsws::Client::request):
    /// [`NoResponders`](RequestError::NoResponders) where no endpoint takes the subject.
    ///
    /// # Cancel safety
    /// Dropped early, the handler is dropped too.
    pub async fn oneshot<M: Request>(&mut self, message: &M) -> Answered<M> {
        let mut replies = self.replies(message, 1).await?;
        replies.pop().unwrap_or(Err(RequestError::NoResponders))
    }

    /// As [`oneshot`](Self::oneshot), for an answer in parts: all of them.
    ///
    /// # Errors
    /// As for [`oneshot`](Self::oneshot). What is wrong with one part stands in its place.
    ///
    /// # Cancel safety
    /// Dropped early, the handler is dropped too.
    pub async fn oneshot_many<M: Request>(
        &mut self,
        message: &M,
    ) -> Result<Vec<Answered<M>>, RequestError<M::Error>> {
        self.replies(message, usize::MAX).await
    }

    async fn replies<M: Request>(
        &mut self,
        message: &M,
        max: usize,
    ) -> Result<Vec<Answered<M>>, RequestError<M::Error>> {
        let msg = natsws::private::local_request(message)?;
        let response = self.oneshot_msg(msg).await.ok_or(RequestError::NoResponders)?;
        Ok(response.into_stream().map(read::<M>).take(max).collect().await)
    }

    /// Gives the service a message as it could come from anywhere, and gives back the answer before
    /// it is sent; `None` where no endpoint takes the subject.
    ///
    /// [`Msg::local`] makes messages.
    ///
    /// # Cancel safety
    /// Dropped early, the handler is dropped too.
    pub async fn oneshot_msg(&mut self, msg: Msg) -> Option<Response> {
        let takes = |endpoint: &Built, fallback: bool| {
            let description = &endpoint.description;
            description.fallback == fallback && subject_matches(&description.subject, msg.subject())
        };
        let endpoints = &self.endpoints;
        let find = |fallback| endpoints.iter().position(|endpoint| takes(endpoint, fallback));
        let at = find(false).or_else(|| find(true))?;
        let service = self.about.name.clone();
        let Built { description, template, prefix_tokens, route, .. } =
            self.endpoints.get_mut(at)?;
        let incoming = Incoming::new(
            msg,
            Arc::new(Place {
                client: None,
                handle: None,
                service,
                endpoint: description.name.clone(),
                template: template.clone(),
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
