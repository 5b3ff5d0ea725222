//! Answers requests whose handler panicked.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::incoming::Incoming;
use crate::recover::panicked;
use crate::response::Response;

/// Answers a request with 500 whose handler or whose inner layers panicked.
///
/// Without it the dispatcher does the same, but outside of all layers: those that count, trace or
/// keep failures never see it. With it a panic is an error reply to all that is further out. What
/// the panic says is logged and told to nobody.
///
/// It is a panic of the call and of its future that is caught. One of a layer that is asked whether
/// it is ready, and one of the stream behind an answer in parts, is left to the dispatcher.
///
/// ```no_run
/// use natsws_service::Router;
/// use natsws_service::layers::CatchPanicLayer;
/// # use natsws::Subject;
/// # #[derive(serde::Serialize, serde::Deserialize, Subject)]
/// # #[subject("orders.count", reply = u64)]
/// # struct CountOrders;
///
/// let app = Router::<()>::new("orders", "1.0.0")
///     .endpoint(async |_: CountOrders| 7)
///     .layer(CatchPanicLayer::new());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CatchPanicLayer(());

impl CatchPanicLayer {
    /// Catches every panic.
    pub fn new() -> Self {
        Self(())
    }
}

impl<T> Layer<T> for CatchPanicLayer {
    type Service = CatchPanic<T>;

    fn layer(&self, inner: T) -> CatchPanic<T> {
        CatchPanic { inner }
    }
}

/// The service of a [`CatchPanicLayer`].
#[derive(Debug, Clone)]
pub struct CatchPanic<T> {
    inner: T,
}

impl<T: Service<Incoming, Response = Response>> Service<Incoming> for CatchPanic<T> {
    type Response = Response;
    type Error = T::Error;
    type Future = CatchPanicFuture<T::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, incoming: Incoming) -> CatchPanicFuture<T::Future> {
        match catch_unwind(AssertUnwindSafe(|| self.inner.call(incoming))) {
            Ok(inner) => CatchPanicFuture { inner: Some(inner), panic: None },
            Err(panic) => CatchPanicFuture { inner: None, panic: Some(panicked(&*panic)) },
        }
    }
}

pin_project! {
    /// The future of a [`CatchPanic`].
    pub struct CatchPanicFuture<F> {
        #[pin]
        inner: Option<F>,
        // The answer where it panicked before there was a future.
        panic: Option<Response>,
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for CatchPanicFuture<F> {
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(response) = this.panic.take() {
            return Poll::Ready(Ok(response));
        }
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Pending };
        let panic: Box<dyn Any + Send> = match catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
            Ok(polled) => return polled,
            Err(panic) => panic,
        };
        let response = panicked(&*panic);
        // What it holds goes now, and may panic in going.
        let gone = catch_unwind(AssertUnwindSafe(|| this.inner.set(None)));
        Poll::Ready(Ok(gone.map_or_else(|panic| panicked(&*panic), |()| response)))
    }
}

impl<F> fmt::Debug for CatchPanicFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchPanicFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::ready;

    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::layers::testing::{error, incoming};

    #[tokio::test]
    async fn a_panic_before_there_is_a_future_is_an_answer() {
        let broken = service_fn(|_| {
            assert!(std::hint::black_box(false), "a secret");
            ready(Ok::<_, Infallible>(Response::new("")))
        });
        let response = CatchPanicLayer::new().layer(broken).oneshot(incoming(&[]).await).await;
        assert_eq!(error(&response.expect("an answer")), (500, "the service failed"));
    }

    #[tokio::test]
    async fn a_panic_of_the_future_is_an_answer() {
        let broken = service_fn(|_| async {
            tokio::task::yield_now().await;
            assert!(std::hint::black_box(false), "a secret");
            Ok::<_, Infallible>(Response::new(""))
        });
        let response = CatchPanicLayer::new().layer(broken).oneshot(incoming(&[]).await).await;
        assert_eq!(error(&response.expect("an answer")), (500, "the service failed"));
    }

    #[tokio::test]
    async fn what_panics_once_more_in_being_dropped_is_an_answer() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                assert!(std::thread::panicking(), "dropped");
            }
        }
        /// It panics without unwinding through what it holds, so that this is dropped later.
        struct Broken(Bomb);
        impl Future for Broken {
            type Output = Result<Response, Infallible>;

            fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
                std::panic::resume_unwind(Box::new("a secret"))
            }
        }
        let broken = service_fn(|_| Broken(Bomb));
        let response = CatchPanicLayer::new().layer(broken).oneshot(incoming(&[]).await).await;
        assert_eq!(error(&response.expect("an answer")), (500, "the service failed"));
    }

    #[tokio::test]
    async fn what_does_not_panic_passes_unchanged() {
        let well = service_fn(|_| ready(Ok::<_, Infallible>(Response::new("well"))));
        let response = CatchPanicLayer::new().layer(well).oneshot(incoming(&[]).await).await;
        assert_eq!(response.expect("an answer").payload(), b"well");
        let failing = service_fn(|_| ready(Err::<Response, _>("no")));
        let error = CatchPanicLayer::new().layer(failing).oneshot(incoming(&[]).await).await;
        assert_eq!(error.expect_err("an error"), "no");
    }
}
