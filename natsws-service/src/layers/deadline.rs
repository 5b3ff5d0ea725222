//! Ends requests whose caller no longer waits.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use natsws::private::runtime::{self, Sleep, Uncounted};
use natsws::{Deadline, ServiceError};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::incoming::Incoming;
use crate::response::Response;

/// Ends requests whose caller no longer waits, with the answer 408.
///
/// Typed requests say how long their caller waits (see [`natsws::Deadline`]). A request that comes
/// when that is over is not run at all, and one that is running then is dropped where it stands: the
/// caller has its own time-out by then, so nobody waits for the answer, and what it costs to go on
/// is lost. The 408 is for layers further out and for those who look on, rarely for the caller.
///
/// A request that says nothing runs as long as it likes, unless [`at_most`](Self::at_most) is said.
/// What is inside sees the deadline that holds, as [`Incoming::deadline`] and, while it runs, as
/// [`Deadline::current`].
///
/// It covers a request until its handler has answered: the parts of an answer in parts may come
/// later.
///
/// ```no_run
/// use std::time::Duration;
///
/// use natsws_service::Router;
/// use natsws_service::layers::DeadlineLayer;
/// # use natsws::Subject;
/// # #[derive(serde::Serialize, serde::Deserialize, Subject)]
/// # #[subject("orders.count", reply = u64)]
/// # struct CountOrders;
///
/// let app = Router::<()>::new("orders", "1.0.0")
///     .endpoint(async |_: CountOrders| 7)
///     .layer(DeadlineLayer::new().at_most(Duration::from_secs(30)));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct DeadlineLayer {
    at_most: Option<Duration>,
}

impl DeadlineLayer {
    /// Holds requests to what their callers say, and others to nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a request may run that says nothing, or that says more. Default: any time.
    #[must_use]
    pub fn at_most(mut self, time: Duration) -> Self {
        self.at_most = Some(time);
        self
    }
}

impl<T> Layer<T> for DeadlineLayer {
    type Service = WithDeadline<T>;

    fn layer(&self, inner: T) -> WithDeadline<T> {
        WithDeadline { inner, at_most: self.at_most }
    }
}

/// The service of a [`DeadlineLayer`].
#[derive(Debug, Clone)]
pub struct WithDeadline<T> {
    inner: T,
    at_most: Option<Duration>,
}

impl<T: Service<Incoming, Response = Response>> Service<Incoming> for WithDeadline<T> {
    type Response = Response;
    type Error = T::Error;
    type Future = DeadlineFuture<T::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut incoming: Incoming) -> DeadlineFuture<T::Future> {
        let most = self.at_most.map(Deadline::after);
        let deadline = incoming.deadline().into_iter().chain(most).min();
        let Some(deadline) = deadline else {
            return DeadlineFuture { inner: Some(self.inner.call(incoming)), time: None };
        };
        if deadline.has_passed() {
            return DeadlineFuture { inner: None, time: None };
        }
        incoming.set_deadline(Some(deadline));
        let inner = deadline.scope_sync(|| self.inner.call(incoming));
        // A handler that has always something to do must not use up the turn in which its time is
        // over.
        let end = runtime::after(runtime::now(), deadline.remaining());
        let sleep = runtime::uncounted(runtime::sleep_until(end));
        DeadlineFuture { inner: Some(inner), time: Some(Time { deadline, sleep }) }
    }
}

pin_project! {
    /// The future of a [`WithDeadline`].
    pub struct DeadlineFuture<F> {
        // `None` where the deadline had passed before.
        #[pin]
        inner: Option<F>,
        #[pin]
        time: Option<Time>,
    }
}

pin_project! {
    struct Time {
        deadline: Deadline,
        #[pin]
        sleep: Uncounted<Sleep>,
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for DeadlineFuture<F> {
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(Ok(too_late("the deadline had passed when the request began")));
        };
        let Some(time) = this.time.as_pin_mut() else { return inner.poll(cx) };
        let time = time.project();
        if let Poll::Ready(response) = time.deadline.scope_sync(|| inner.poll(cx)) {
            return Poll::Ready(response);
        }
        std::task::ready!(time.sleep.poll(cx));
        // It goes before the answer does: whoever sees the 408 knows that nothing runs any more.
        this.inner.set(None);
        Poll::Ready(Ok(too_late("the request took too long")))
    }
}

impl<F> std::fmt::Debug for DeadlineFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadlineFuture").finish_non_exhaustive()
    }
}

fn too_late(text: &str) -> Response {
    Response::error(&ServiceError::new(408, text))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::pending;

    use natsws::TIMEOUT_HEADER;
    use tokio::sync::oneshot;
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::layers::testing::{error, incoming};

    const SECOND: Duration = Duration::from_secs(1);

    /// A service that says how long it has, and how long it thinks that it has.
    async fn left(incoming: Incoming) -> Result<Response, Infallible> {
        let told = incoming.deadline().map(Deadline::remaining);
        let current = Deadline::current().map(Deadline::remaining);
        Ok(Response::new(format!("{told:?} {current:?}")))
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_of_what_is_said_and_what_is_allowed_holds_inside() {
        let cases = [
            (None, None, "None None"),
            (Some("2s"), None, "Some(2s) Some(2s)"),
            (None, Some(SECOND), "Some(1s) Some(1s)"),
            (Some("2s"), Some(SECOND), "Some(1s) Some(1s)"),
            (Some("500ms"), Some(SECOND), "Some(500ms) Some(500ms)"),
            (Some("soon"), None, "None None"),
        ];
        for (said, at_most, expected) in cases {
            let layer = DeadlineLayer { at_most };
            let headers: Vec<_> = said.map(|said| (TIMEOUT_HEADER, said)).into_iter().collect();
            let ask = incoming(&headers).await;
            let response = layer.layer(service_fn(left)).oneshot(ask).await.expect("infallible");
            assert_eq!(response.payload(), expected.as_bytes(), "{said:?} {at_most:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_comes_too_late_is_not_run() {
        let ask = incoming(&[(TIMEOUT_HEADER, "1s")]).await;
        tokio::time::advance(SECOND).await;
        let never = service_fn(|_| async { unreachable!("it is called") });
        let late: Result<_, Infallible> = DeadlineLayer::new().layer(never).oneshot(ask).await;
        let late = late.expect("an answer");
        assert_eq!(error(&late), (408, "the deadline had passed when the request began"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_takes_too_long_is_dropped_before_it_is_answered() {
        let (held, mut dropped) = oneshot::channel::<()>();
        let mut held = Some(held);
        let endless = service_fn(move |_| {
            let held = held.take();
            async move {
                pending::<()>().await;
                drop(held);
                Ok::<_, Infallible>(Response::new(""))
            }
        });
        let ask = incoming(&[(TIMEOUT_HEADER, "1s")]).await;
        let response = DeadlineLayer::new().layer(endless).oneshot(ask);
        tokio::pin!(response);
        let response = response.as_mut().await.expect("an answer");
        assert_eq!(error(&response), (408, "the request took too long"));
        let gone = dropped.try_recv();
        assert_eq!(gone, Err(oneshot::error::TryRecvError::Closed), "it is still held");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_always_busy_is_ended_as_well() {
        let busy = service_fn(|_| async {
            loop {
                tokio::task::consume_budget().await;
                // The clock stands still while anything is ready.
                tokio::time::advance(Duration::from_millis(1)).await;
            }
        });
        let ask = incoming(&[(TIMEOUT_HEADER, "1s")]).await;
        let ended: Result<_, Infallible> = DeadlineLayer::new().layer(busy).oneshot(ask).await;
        assert_eq!(error(&ended.expect("an answer")).0, 408);
    }

    #[tokio::test(start_paused = true)]
    async fn absurd_deadlines_are_far_away() {
        let far = format!("{}ms", u64::MAX);
        for said in [far.as_str(), "1s"] {
            let layer = DeadlineLayer::new().at_most(Duration::MAX);
            let ask = incoming(&[(TIMEOUT_HEADER, said)]).await;
            let response = layer.layer(service_fn(left)).oneshot(ask).await.expect("infallible");
            assert!(response.payload().starts_with(b"Some("), "{said}");
        }
    }
}
