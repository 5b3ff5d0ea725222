//! From what a service answers to what its caller gets.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::Poll;

use futures_util::{FutureExt, Stream, StreamExt};
use natsws::{Client, Deadline, Headers, Msg, Publish, PublishError, ServiceError, Subscription};

use crate::recover::{panicked, recover};
use crate::response::{Body, Parts, Response};
use crate::route::ResponseFuture;

/// How a request ended.
pub(crate) struct Ended {
    /// What the caller was told is wrong, or would have been.
    pub(crate) error: Option<ServiceError>,
    /// Whether the message asked for no answer.
    pub(crate) unanswered: bool,
}

/// Sees a request through. Dropped before it has ended, it tells the caller so: nobody should wait
/// for what will not come.
pub(crate) async fn attend(
    msg: Msg,
    client: Option<&Client>,
    response: Result<ResponseFuture, Response>,
    deadline: Option<Deadline>,
) -> Ended {
    let mut unfinished = Unfinished { msg: Some(&msg), in_parts: false };
    let response = response_to(response, deadline).await;
    unfinished.in_parts = response.is_stream();
    let ended = answer(&msg, client, response).await;
    unfinished.msg = None;
    ended
}

struct Unfinished<'m> {
    msg: Option<&'m Msg>,
    in_parts: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let Some(msg) = self.msg else { return };
        give_up(msg);
        if self.in_parts {
            let _ = msg.respond("").try_send();
        }
    }
}

/// Tells a caller that its request is given up, where the connection still takes that.
pub(crate) fn give_up(msg: &Msg) {
    let stopped = Response::error(&ServiceError::new(503, "the service has stopped"));
    let _ = msg.respond(stopped.payload()).headers(stopped.headers()).try_send();
}

/// What a service answers, within the deadline of its caller. An error or a panic is an error reply.
pub(crate) async fn response_to(
    response: Result<ResponseFuture, Response>,
    deadline: Option<Deadline>,
) -> Response {
    match (response, deadline) {
        (Ok(response), Some(deadline)) => deadline.scope(finished(response)).await,
        (Ok(response), None) => finished(response).await,
        (Err(response), _) => response,
    }
}

async fn finished(response: ResponseFuture) -> Response {
    match AssertUnwindSafe(response).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => recover(&error),
        Err(panic) => panicked(&*panic),
    }
}

/// Answers a request. Without a client an answer in parts cannot be stopped by its caller.
pub(crate) async fn answer(msg: &Msg, client: Option<&Client>, response: Response) -> Ended {
    let unanswered = msg.reply().is_none();
    let (headers, body, error) = response.into_parts();
    if unanswered {
        return Ended { error, unanswered };
    }
    let error = match body {
        Body::Whole(payload) => send(msg, &headers, &payload, None).await.or(error),
        Body::Parts(parts) => Box::pin(send_parts(msg, client, &headers, parts)).await,
    };
    Ended { error, unanswered }
}

/// Sends a reply. One that cannot be sent is an error reply, so that the caller need not wait.
///
/// What is rare is boxed here and above: the task of every request has room for all of it.
async fn send(
    msg: &Msg,
    headers: &Headers,
    payload: &[u8],
    stop_at: Option<&str>,
) -> Option<ServiceError> {
    let sent = match reply(msg, headers, payload, stop_at).try_send() {
        Err(PublishError::WouldBlock) => Box::pin(reply(msg, headers, payload, stop_at)).await,
        sent => sent,
    };
    match sent {
        Ok(()) => None,
        Err(error) => Some(Box::pin(send_error(msg, error)).await),
    }
}

/// Says that a reply could not be sent.
async fn send_error(msg: &Msg, error: PublishError) -> ServiceError {
    let PublishError::PayloadTooLarge { len, max } = error else {
        tracing::error!(%error, "a reply could not be sent");
        return ServiceError::new(500, "the reply could not be sent");
    };
    let text = format!("the reply has {len} bytes, the server accepts at most {max}");
    let error = ServiceError::new(413, text);
    let instead = Response::error(&error);
    if let Err(error) = reply(msg, instead.headers(), instead.payload(), None).await {
        tracing::error!(%error, "an error reply could not be sent");
    }
    error
}

fn reply<'a>(
    msg: &'a Msg,
    headers: &Headers,
    payload: &'a [u8],
    stop_at: Option<&'a str>,
) -> Publish<'a> {
    let reply = msg.respond(payload).headers(headers);
    match stop_at {
        Some(inbox) => reply.reply(inbox),
        None => reply,
    }
}

/// Sends an answer part by part, until there are no more, one of them is an error, or the caller is
/// gone.
///
/// Each part has a reply subject. A caller that drops its stream answers there, and where nobody
/// listens for parts any more the server does, with the status 503: both stop the stream.
async fn send_parts(
    msg: &Msg,
    client: Option<&Client>,
    headers: &Headers,
    mut parts: Parts,
) -> Option<ServiceError> {
    let inbox = client.map(|client| client.connection().new_inbox());
    let mut gone = match (client, &inbox) {
        (Some(client), Some(inbox)) => {
            client.connection().subscribe(inbox.as_str()).unconfirmed().await.ok()
        }
        _ => None,
    };
    // Without the subscription nobody would hear the answer.
    let stop_at = inbox.as_deref().filter(|_| gone.is_some());
    loop {
        let part = match next_part(&mut parts, &mut gone).await {
            Next::Part(part) => part,
            Next::End => break,
            Next::Unwanted => return None,
        };
        let (own, body, error) = part.into_parts();
        let Body::Whole(payload) = body else {
            tracing::error!("a part of an answer is itself in parts");
            continue;
        };
        let mut all = own;
        all.extend(headers);
        let error = send(msg, &all, &payload, stop_at).await.or(error);
        if error.is_some() {
            end(msg).await;
            return error;
        }
    }
    end(msg).await;
    None
}

/// The mark that there are no more parts.
async fn end(msg: &Msg) {
    if let Err(error) = msg.respond("").await {
        tracing::error!(%error, "the end of an answer could not be sent");
    }
}

enum Next {
    Part(Response),
    End,
    /// The caller is gone.
    Unwanted,
}

async fn next_part(parts: &mut Parts, gone: &mut Option<Subscription>) -> Next {
    let next = poll_fn(|cx| {
        if let Some(subscription) = gone {
            match Pin::new(subscription).poll_next(cx) {
                Poll::Ready(Some(Ok(_))) => return Poll::Ready(Next::Unwanted),
                // It is not permitted, or the connection is closed: the parts say that themselves.
                Poll::Ready(_) => *gone = None,
                Poll::Pending => {}
            }
        }
        parts.poll_next_unpin(cx).map(|part| part.map_or(Next::End, Next::Part))
    });
    match AssertUnwindSafe(next).catch_unwind().await {
        Ok(next) => next,
        Err(panic) => Next::Part(panicked(&*panic)),
    }
}
