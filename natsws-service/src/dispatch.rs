//! The dispatcher of an endpoint: owns its service and feeds it.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_util::FutureExt;
use natsws::{
    Deadline, FlushError, Msg, PublishError, ServiceError, Subscription, SubscriptionError,
};
use tokio::sync::watch;
use tower_service::Service;

use crate::error::BoxError;
use crate::incoming::Incoming;
use crate::place::Place;
use crate::recover::{panicked, recover};
use crate::response::Response;
use crate::route::{ResponseFuture, Route};
use crate::running::Running;

/// How many requests came and how they ended, over all endpoints.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Taken from a subscription, or left in one when time was up.
    pub(crate) received: AtomicU64,
    pub(crate) completed: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Of those that completed or failed, how many asked for no answer.
    pub(crate) unanswered: AtomicU64,
}

/// How far the service has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    /// No new requests; what has come is finished.
    Draining,
    /// What is not finished now is given up.
    Over,
}

pub(crate) struct Dispatcher {
    pub(crate) place: Arc<Place>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) route: Route,
    pub(crate) concurrency: usize,
    pub(crate) counts: Arc<Counts>,
    pub(crate) running: Running,
    /// A message that was taken and waits until the service is ready for it.
    pub(crate) waiting: Option<Msg>,
}

impl Dispatcher {
    /// Runs until the subscription is over and every request is answered, or time is up.
    pub(crate) async fn run(mut self, mut phase: watch::Receiver<Phase>) {
        let mut over = phase.clone();
        let work = async {
            tokio::select! {
                biased;
                _ = phase.wait_for(|phase| *phase >= Phase::Draining) => {}
                () = self.serve() => return,
            }
            for subscription in &self.subscriptions {
                // Lost connections end the subscription as well.
                let _: Result<(), FlushError> = subscription.drain().await;
            }
            self.serve().await;
        };
        let in_time = tokio::select! {
            biased;
            () = work => true,
            _ = over.wait_for(|phase| *phase == Phase::Over) => false,
        };
        if !in_time {
            let left: usize = self.subscriptions.iter().map(Subscription::pending).sum();
            self.counts.received.fetch_add(left as u64, Ordering::Relaxed);
        }
    }

    /// Takes messages until there will be no more, and then waits for the last answers. Dropped in
    /// between, it has lost nothing: a message that was taken is waiting or running.
    async fn serve(&mut self) {
        while self.step().await {}
        self.running.fewer_than(1).await;
    }

    /// Waits for room, for a message and for the layers, in this order.
    ///
    /// The layers are asked last, because what they say holds only for the moment: asked early,
    /// load shedding would judge by a load that is long gone, and a limit that several endpoints
    /// share would give its room to one that has nothing to do.
    async fn step(&mut self) -> bool {
        self.running.fewer_than(self.concurrency).await;
        if self.waiting.is_none() {
            match poll_fn(|cx| poll_next(&mut self.subscriptions, cx)).await {
                None => return false,
                Some(Ok(msg)) => {
                    self.counts.received.fetch_add(1, Ordering::Relaxed);
                    self.waiting = Some(msg);
                }
                // The subscription goes on after a gap or a message that cannot be read, and it
                // says itself when it does not.
                Some(Err(error)) => tracing::warn!(%error, "a request could not be received"),
            }
        }
        if self.waiting.is_some() {
            let readiness = poll_fn(|cx| poll_ready(&mut self.route, cx)).await;
            if let Some(msg) = self.waiting.take() {
                self.start(msg, readiness);
            }
        }
        true
    }

    fn start(&mut self, msg: Msg, readiness: Result<(), BoxError>) {
        let deadline = Deadline::from_headers(msg.headers());
        let incoming = Incoming::new(msg.clone(), Arc::clone(&self.place));
        let call = || self.route.call(incoming);
        // A tower service may panic before it makes its future.
        let response = readiness.map_err(|error| recover(&error)).and_then(|()| {
            let called = catch_unwind(AssertUnwindSafe(|| match deadline {
                Some(deadline) => deadline.scope_sync(call),
                None => call(),
            }));
            called.map_err(|panic| panicked(&*panic))
        });
        let counts = Arc::clone(&self.counts);
        self.running.spawn(async move {
            let response = match (response, deadline) {
                (Ok(response), Some(deadline)) => deadline.scope(finished(response)).await,
                (Ok(response), None) => finished(response).await,
                (Err(response), _) => response,
            };
            let succeeded = answer(&msg, response).await;
            if msg.reply().is_none() {
                counts.unanswered.fetch_add(1, Ordering::Relaxed);
            }
            let count = if succeeded { &counts.completed } else { &counts.failed };
            count.fetch_add(1, Ordering::Relaxed);
        });
    }
}

/// What a service answers. An error or a panic is an error reply.
async fn finished(response: ResponseFuture) -> Response {
    match AssertUnwindSafe(response).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => recover(&error),
        Err(panic) => panicked(&*panic),
    }
}

/// Asks the service whether it is ready. A panic counts as an error.
fn poll_ready(route: &mut Route, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
    catch_unwind(AssertUnwindSafe(|| route.poll_ready(cx))).unwrap_or_else(|panic| {
        let _: Response = panicked(&*panic);
        Poll::Ready(Err("a layer panicked".into()))
    })
}

/// The next message of any of the subscriptions, each in its turn; `None` when all are over.
fn poll_next(
    subscriptions: &mut [Subscription],
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Msg, SubscriptionError>>> {
    use futures_util::Stream;

    let mut over = true;
    for at in 0..subscriptions.len() {
        match Pin::new(&mut subscriptions[at]).poll_next(cx) {
            Poll::Ready(Some(item)) => {
                subscriptions.rotate_left(at + 1);
                return Poll::Ready(Some(item));
            }
            Poll::Ready(None) => {}
            Poll::Pending => over = false,
        }
    }
    if over { Poll::Ready(None) } else { Poll::Pending }
}

/// Answers a request; says whether the answer is a reply that was sent, or that nobody asked for.
async fn answer(msg: &Msg, response: Response) -> bool {
    if msg.reply().is_none() {
        return !response.is_error();
    }
    let sent = msg.respond(response.payload()).headers(response.headers()).await;
    let error = match sent {
        Ok(()) => return !response.is_error(),
        Err(PublishError::PayloadTooLarge { len, max }) => {
            let text = format!("the reply has {len} bytes, the server accepts at most {max}");
            ServiceError::new(413, text)
        }
        Err(error) => {
            tracing::error!(%error, "a reply could not be sent");
            return false;
        }
    };
    let instead = Response::error(&error);
    if let Err(error) = msg.respond(instead.payload()).headers(instead.headers()).await {
        tracing::error!(%error, "an error reply could not be sent");
    }
    false
}
