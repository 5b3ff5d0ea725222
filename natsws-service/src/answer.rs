//! From what a service answers to what its caller gets.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use futures_util::{FutureExt, Stream, StreamExt, stream};
use natsws::{Client, Headers, Msg, Publish, PublishError, ServiceError, Subscription};

use crate::recover::panicked;
use crate::response::{Body, Parts, Response};

/// How a request ended.
pub(crate) struct Ended {
    /// What the caller was told is wrong, or would have been.
    pub(crate) error: Option<ServiceError>,
    /// Whether the message asked for no answer.
    pub(crate) unanswered: bool,
}

/// Tells a caller that its request is given up, where the connection still takes that.
pub(crate) fn give_up(msg: &Msg) {
    let stopped = Response::error(&ServiceError::new(503, "the service has stopped"));
    let _ = reply(msg, stopped.headers(), stopped.payload(), None).try_send();
}

/// Answers a request where that needs no waiting; otherwise the answer comes back.
pub(crate) fn answer_now(msg: &Msg, response: Response) -> Result<Ended, Response> {
    let unanswered = msg.reply().is_none();
    if !unanswered {
        if response.is_stream() {
            return Err(response);
        }
        let reply = reply(msg, response.headers(), response.payload(), None);
        if reply.try_send().is_err() {
            return Err(response);
        }
    }
    let (_, body, error) = response.into_parts();
    let panicked = match body {
        Body::Whole(_) => None,
        Body::Parts(mut parts) => over(&mut parts).err(),
    };
    let error = error.or_else(|| panicked?.service_error().cloned());
    Ok(Ended { error, unanswered })
}

/// Answers a request that has a reply subject. Without a client an answer in parts cannot be
/// stopped by its caller.
pub(crate) async fn answer(msg: &Msg, client: Option<&Client>, response: Response) -> Ended {
    let (headers, body, error) = response.into_parts();
    let error = match body {
        Body::Whole(payload) => send(msg, &headers, &payload, None).await.or(error),
        Body::Parts(parts) => send_parts(msg, client, &headers, parts).await,
    };
    Ended { error, unanswered: false }
}

/// Sends a reply. One that cannot be sent is an error reply, so that the caller need not wait.
async fn send(
    msg: &Msg,
    headers: &Headers,
    payload: &[u8],
    stop_at: Option<&str>,
) -> Option<ServiceError> {
    match reply(msg, headers, payload, stop_at).await {
        Ok(()) => None,
        Err(error) => Some(send_error(msg, error).await),
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

/// A reply that is about to be sent. A caller that has enough of parts says so at `stop_at`.
pub(crate) fn reply<'a>(
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
            Next::End => match over(&mut parts) {
                Ok(()) => break,
                Err(panicked) => panicked,
            },
            Next::Unwanted => return over(&mut parts).err()?.service_error().cloned(),
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
            // One error is enough.
            let _ = over(&mut parts);
            return error;
        }
    }
    end(msg).await;
    None
}

/// Drops what makes the parts. That is the user's code as well: a panic is an error reply.
fn over(parts: &mut Parts) -> Result<(), Response> {
    let parts = std::mem::replace(parts, Box::pin(stream::empty()));
    catch_unwind(AssertUnwindSafe(|| drop(parts))).map_err(|panic| panicked(&*panic))
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
