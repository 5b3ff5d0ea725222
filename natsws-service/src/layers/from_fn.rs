//! Async functions as layers.

use std::fmt;
use std::future::Future;
use std::task::{Context, Poll};

use natsws::MaybeSend;
use tower_layer::Layer;
use tower_service::Service;

use super::shared::Shared;
use crate::error::BoxError;
use crate::incoming::Incoming;
use crate::response::Response;
use crate::route::{ResponseFuture, Route};

/// Makes a layer of an async function or an async closure.
///
/// It gets the request, and [`Next`], which runs what is inside. It may look at the request and add
/// to it, answer by itself, look at the answer and add to that, or run what is inside once more.
/// What it captures is cloned for each request.
///
/// ```
/// use natsws::ServiceError;
/// use natsws_service::layers::{Next, from_fn};
/// use natsws_service::{BoxError, Incoming, Response, Router};
/// # use natsws::Subject;
/// # #[derive(serde::Serialize, serde::Deserialize, Subject)]
/// # #[subject("orders.count", reply = u64)]
/// # struct CountOrders;
///
/// async fn stamp(incoming: Incoming, next: Next) -> Result<Response, BoxError> {
///     let mut response = next.run(incoming).await?;
///     response.headers_mut().append("Host", "orders-1")?;
///     Ok(response)
/// }
///
/// let secret = "swordfish".to_owned();
/// let app = Router::<()>::new("orders", "1.0.0")
///     .endpoint(async |_: CountOrders| 7)
///     .layer(from_fn(stamp))
///     .layer(from_fn(async move |incoming: Incoming, next: Next| {
///         if incoming.headers().get("Secret") != Some(secret.as_str()) {
///             return Err(ServiceError::new(401, "who are you?").into());
///         }
///         next.run(incoming).await
///     }));
/// ```
///
/// # Readiness
/// What is inside is asked whether it is ready when [`Next::run`] is called, and not before: the
/// layer itself is always ready. So a function that answers by itself takes no room of a limit
/// inside, and load shedding outside of it does not see the limits inside: put both on the same
/// side. The dispatcher still runs no more requests at a time than the endpoint's
/// [`concurrency`](crate::Endpoint::concurrency).
pub fn from_fn<F, U>(function: F) -> FromFnLayer<F>
where
    F: FnOnce(Incoming, Next) -> U + Clone,
    U: Future<Output = Result<Response, BoxError>> + MaybeSend + 'static,
{
    FromFnLayer { function }
}

/// A layer that is an async function. Made by [`from_fn`].
#[derive(Clone)]
pub struct FromFnLayer<F> {
    function: F,
}

impl<F: Clone, T> Layer<T> for FromFnLayer<F>
where
    T: Service<Incoming, Response = Response> + MaybeSend + 'static,
    T::Error: Into<BoxError>,
    T::Future: MaybeSend + 'static,
{
    type Service = FromFn<F>;

    fn layer(&self, inner: T) -> FromFn<F> {
        let next = Next(Shared::new(Route::new(inner)));
        FromFn { function: self.function.clone(), next }
    }
}

/// The service of a [`FromFnLayer`].
#[derive(Clone)]
pub struct FromFn<F> {
    function: F,
    next: Next,
}

impl<F, U> Service<Incoming> for FromFn<F>
where
    F: FnOnce(Incoming, Next) -> U + Clone,
    U: Future<Output = Result<Response, BoxError>> + MaybeSend + 'static,
{
    type Response = Response;
    type Error = BoxError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, incoming: Incoming) -> ResponseFuture {
        Box::pin(self.function.clone()(incoming, self.next.clone()))
    }
}

/// What is inside a layer that is [an async function](from_fn).
#[derive(Debug, Clone)]
pub struct Next(Shared<Route>);

impl Next {
    /// Waits until what is inside is ready, and runs it. It may be called more than once, for a
    /// retry, or never.
    ///
    /// # Errors
    /// What a layer inside fails with, tower's `Elapsed` for instance. Error replies of handlers are
    /// no errors here: see [`Response::service_error`].
    ///
    /// # Cancel safety
    /// Dropped before it is ready, what is inside was not called, or is given up where it stands.
    pub async fn run(&self, incoming: Incoming) -> Result<Response, BoxError> {
        self.0.run(incoming).await
    }
}

impl<F> fmt::Debug for FromFnLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFnLayer").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;

    use tokio::sync::Semaphore;
    use tower::limit::ConcurrencyLimitLayer;
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::layers::testing::{Stage, error, failed, incoming};
    use crate::recover::recover;

    async fn well(incoming: Incoming) -> Result<Response, Infallible> {
        Ok(Response::new(incoming.extension::<&str>().copied().unwrap_or("well")))
    }

    #[tokio::test]
    async fn functions_and_closures_that_capture_see_request_and_answer() {
        async fn tell(mut incoming: Incoming, next: Next) -> Result<Response, BoxError> {
            incoming.insert("told");
            next.run(incoming).await
        }
        let (name, value) = ("Host".to_owned(), "here".to_owned());
        let outer = from_fn(async move |incoming: Incoming, next: Next| {
            let mut response = next.run(incoming).await?;
            response.headers_mut().append(&name, &value)?;
            Ok(response)
        });
        let mut service = outer.layer(from_fn(tell).layer(service_fn(well)));
        // Captures are there for the next request too.
        for _ in 0..2 {
            let response = service.ready().await.expect("ready").call(incoming(&[]).await).await;
            let response = response.expect("an answer");
            let host = response.headers().get("Host");
            assert_eq!((response.payload(), host), (&b"told"[..], Some("here")));
        }
    }

    #[tokio::test]
    async fn an_error_without_the_inside_is_the_answer() {
        let inside = service_fn(|_| async { unreachable!("it is called") });
        let inside = inside.map_result(|result: Result<Response, Infallible>| result);
        let service = from_fn(async |_: Incoming, _: Next| {
            Err(natsws::ServiceError::new(401, "who are you?").into())
        })
        .layer(inside);
        let refused = service.oneshot(incoming(&[]).await).await.expect_err("an error");
        assert_eq!(error(&recover(&refused)), (401, "who are you?"));
    }

    #[tokio::test]
    async fn the_inside_can_be_run_more_than_once() {
        let answers = Mutex::new(vec![Response::new("well"), failed(500, "no"), failed(500, "no")]);
        let inside = service_fn(move |_| {
            let response = answers.lock().ok().and_then(|mut answers| answers.pop());
            async { response.ok_or("there is no more") }
        });
        let service = from_fn(async |incoming: Incoming, next: Next| {
            let mut response = next.run(incoming.clone()).await?;
            for _ in 0..3 {
                if !response.is_error() {
                    break;
                }
                response = next.run(incoming.clone()).await?;
            }
            Ok(response)
        })
        .layer(inside);
        let response = service.oneshot(incoming(&[]).await).await.expect("an answer");
        assert_eq!(response.payload(), b"well");
    }

    #[tokio::test]
    async fn a_limit_inside_holds_requests_back_though_the_layer_is_always_ready() {
        let (begun, open) = (Semaphore::new(0), Semaphore::new(0));
        let (begun, open): (&'static _, &'static _) =
            (Box::leak(Box::new(begun)), Box::leak(Box::new(open)));
        let inside = service_fn(move |_| async move {
            begun.add_permits(1);
            open.acquire().await.expect("it is never closed").forget();
            Ok::<_, Infallible>(Response::new(""))
        });
        let limited = ConcurrencyLimitLayer::new(1).layer(inside);
        let pass = async |incoming: Incoming, next: Next| next.run(incoming).await;
        let mut service = from_fn(pass).layer(limited);
        let stage = Stage::new().await;
        let mut runs = Vec::new();
        for _ in 0..3 {
            let service = service.ready().await.expect("always ready");
            runs.push(tokio::spawn(service.call(stage.request(&[]).await)));
        }
        for left in (0..3).rev() {
            begun.acquire().await.expect("it is never closed").forget();
            tokio::task::yield_now().await;
            assert_eq!(begun.available_permits(), 0, "two ran at once, with {left} left");
            open.add_permits(1);
        }
        for run in runs {
            run.await.expect("no panic").expect("an answer");
        }
    }
}
