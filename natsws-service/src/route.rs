//! The service of an endpoint, whatever layers are around it.

use std::fmt;
use std::future::ready;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use natsws::{BoxFuture, Deadline, DecodeOwned, MaybeSend, Request};
use tower_service::Service;

use crate::error::BoxError;
use crate::handler::decode;
use crate::incoming::Incoming;
use crate::recover::{panicked, recover};
use crate::reply::failed;
use crate::response::Response;

pub(crate) type ResponseFuture = BoxFuture<'static, Result<Response, BoxError>>;

/// What a layer goes around: a tower service from [`Incoming`] to [`Response`].
///
/// It need not be cloned and never is: one dispatcher owns it. Its readiness is that of what is
/// inside, so limits in different layers all count.
pub struct Route(Box<dyn Erased>);

trait Erased: MaybeSend {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>>;
    fn call(&mut self, incoming: Incoming) -> ResponseFuture;
}

struct Erase<T>(T);

impl<T> Erased for Erase<T>
where
    T: Service<Incoming, Response = Response> + MaybeSend,
    T::Error: Into<BoxError>,
    T::Future: MaybeSend + 'static,
{
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, incoming: Incoming) -> ResponseFuture {
        let response = self.0.call(incoming);
        Box::pin(async move { response.await.map_err(Into::into) })
    }
}

/// A service whose futures are boxed already.
struct Boxed<T>(T);

impl<T> Erased for Boxed<T>
where
    T: Service<Incoming, Response = Response, Error = BoxError, Future = ResponseFuture>
        + MaybeSend,
{
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, incoming: Incoming) -> ResponseFuture {
        self.0.call(incoming)
    }
}

impl Route {
    /// Of a service whose futures need not be boxed once more.
    pub(crate) fn boxed<T>(service: T) -> Self
    where
        T: Service<Incoming, Response = Response, Error = BoxError, Future = ResponseFuture>
            + MaybeSend
            + 'static,
    {
        Self(Box::new(Boxed(service)))
    }

    pub(crate) fn new<T>(service: T) -> Self
    where
        T: Service<Incoming, Response = Response> + MaybeSend + 'static,
        T::Error: Into<BoxError>,
        T::Future: MaybeSend + 'static,
    {
        Self(Box::new(Erase(service)))
    }
}

impl Service<Incoming> for Route {
    type Response = Response;
    type Error = BoxError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, incoming: Incoming) -> ResponseFuture {
        self.0.call(incoming)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Route")
    }
}

/// Runs a function within a deadline, where there is one.
pub(crate) fn within<R>(deadline: Option<Deadline>, run: impl FnOnce() -> R) -> R {
    match deadline {
        Some(deadline) => deadline.scope_sync(run),
        None => run(),
    }
}

/// Asks a service whether it is ready. A panic counts as an error.
pub(crate) fn poll_ready(route: &mut Route, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
    let ready = catch_unwind(AssertUnwindSafe(|| route.poll_ready(cx)));
    ready.unwrap_or_else(|panic| {
        let _: Response = panicked(&*panic);
        Poll::Ready(Err("a layer panicked".into()))
    })
}

/// Calls a service that has said whether it is ready. Where it cannot be, that is the answer.
pub(crate) fn answered(
    route: &mut Route,
    readiness: Result<(), BoxError>,
    incoming: Incoming,
    deadline: Option<Deadline>,
) -> ResponseFuture {
    match readiness {
        Ok(()) => called(route, incoming, deadline),
        Err(error) => Box::pin(ready(Ok(recover(&error)))),
    }
}

/// Calls a service that is ready, within the deadline of the caller. It may panic before it makes
/// its future.
pub(crate) fn called(
    route: &mut Route,
    incoming: Incoming,
    deadline: Option<Deadline>,
) -> ResponseFuture {
    let call = || within(deadline, || route.call(incoming));
    let called = catch_unwind(AssertUnwindSafe(call));
    called.unwrap_or_else(|panic| Box::pin(ready(Ok(panicked(&*panic)))))
}

/// A tower service of typed requests as one of messages.
pub(crate) struct Typed<M, T> {
    service: T,
    request: PhantomData<fn(M)>,
}

impl<M, T> Typed<M, T> {
    pub(crate) fn new(service: T) -> Self {
        Self { service, request: PhantomData }
    }
}

impl<M, T> Service<Incoming> for Typed<M, T>
where
    M: Request + DecodeOwned,
    T: Service<M, Response = M::Reply>,
    T::Error: Into<BoxError>,
    T::Future: MaybeSend + 'static,
{
    type Response = Response;
    type Error = BoxError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.service.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, incoming: Incoming) -> ResponseFuture {
        let message = match decode::<M>(&incoming) {
            Ok(message) => message,
            Err(error) => return Box::pin(ready(Ok(Response::error(&error)))),
        };
        let reply = self.service.call(message);
        Box::pin(async move {
            match reply.await {
                Ok(reply) => Ok(Response::encoded::<M::ReplyCodec, _>(&reply)),
                // The service may fail with the request's own error, however it is boxed.
                Err(error) => {
                    let error = error.into().downcast::<M::Error>()?;
                    Ok(failed::<M>(&error))
                }
            }
        })
    }
}
