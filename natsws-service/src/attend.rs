//! One request from when its handler is called to when its caller has the answer.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use natsws::private::runtime::Instant;
use natsws::{BoxFuture, Deadline, Msg};

use crate::answer::{Ended, answer, answer_now, give_up};
use crate::place::Place;
use crate::recover::{panicked, recover};
use crate::response::Response;
use crate::route::{ResponseFuture, within};
use crate::running;
use crate::stats::Counts;

/// The task of a request. It is written by hand because it is made for every request, and moved
/// before it runs: what is rare has a box of its own.
///
/// Dropped before it has ended, it tells the caller so: nobody should wait for what will not come.
pub(crate) struct Attend {
    /// `None` where the request has ended, or `Stage::Answering` has it.
    msg: Option<Msg>,
    stage: Stage,
    deadline: Option<Deadline>,
    begun: Instant,
    place: Arc<Place>,
    counts: Arc<Counts>,
    /// Goes when the task does, also where that never ran.
    _running: running::Place,
}

enum Stage {
    Responding(ResponseFuture),
    /// What an answer comes to that is not sent in one go.
    Answering(BoxFuture<'static, Ended>),
}

impl Attend {
    pub(crate) fn new(
        msg: Msg,
        response: ResponseFuture,
        deadline: Option<Deadline>,
        place: Arc<Place>,
        counts: Arc<Counts>,
        running: running::Place,
    ) -> Self {
        Self {
            msg: Some(msg),
            stage: Stage::Responding(response),
            deadline,
            begun: Instant::now(),
            place,
            counts,
            _running: running,
        }
    }

    /// Sends the answer, or makes the future that does.
    fn answer(&mut self, response: Response) -> Option<Ended> {
        let msg = self.msg.take()?;
        let response = match answer_now(&msg, response) {
            Ok(ended) => return Some(ended),
            Err(response) => response,
        };
        let place = Arc::clone(&self.place);
        self.stage = Stage::Answering(Box::pin(async move {
            let mut unfinished =
                Unfinished { msg: &msg, in_parts: response.is_stream(), over: false };
            let ended = answer(&msg, place.client.as_ref(), response).await;
            unfinished.over = true;
            ended
        }));
        None
    }
}

/// What a service answers, within the deadline of its caller. An error or a panic is an error reply.
pub(crate) fn poll_response(
    response: &mut ResponseFuture,
    deadline: Option<Deadline>,
    cx: &mut Context<'_>,
) -> Poll<Response> {
    let poll = || within(deadline, || response.as_mut().poll(cx));
    let polled = catch_unwind(AssertUnwindSafe(poll));
    Poll::Ready(match polled {
        Ok(polled) => ready!(polled).unwrap_or_else(|error| recover(&error)),
        Err(panic) => panicked(&*panic),
    })
}

impl Future for Attend {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if let Stage::Responding(response) = &mut this.stage {
            let response = ready!(poll_response(response, this.deadline, cx));
            if let Some(ended) = this.answer(response) {
                this.counts.ended(this.begun.elapsed(), &ended);
                return Poll::Ready(());
            }
        }
        if let Stage::Answering(answering) = &mut this.stage {
            let ended = ready!(within(this.deadline, || answering.as_mut().poll(cx)));
            this.counts.ended(this.begun.elapsed(), &ended);
        }
        Poll::Ready(())
    }
}

impl Drop for Attend {
    fn drop(&mut self) {
        if let Some(msg) = &self.msg {
            give_up(msg);
        }
    }
}

struct Unfinished<'m> {
    msg: &'m Msg,
    in_parts: bool,
    over: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        give_up(self.msg);
        if self.in_parts {
            let _ = self.msg.respond("").try_send();
        }
    }
}
