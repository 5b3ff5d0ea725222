//! The platform of a web page and of its workers: one thread, timers of the browser, no files.

mod page;
mod timer;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{AbortHandle, Aborted, abortable};
use tokio::sync::oneshot;
use web_time::SystemTime;

pub(crate) use page::Page;
pub use timer::Sleep;

/// A time of the clock that timers go by.
pub type Instant = web_time::Instant;

/// A boxed future of user code.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// `Send` where there are threads, and nothing in the browser, which has none.
///
/// It stands on code that users supply: there a handler may hold JavaScript values.
pub trait MaybeSend {}
impl<T: ?Sized> MaybeSend for T {}

/// `Sync` where there are threads, and nothing in the browser, which has none.
pub trait MaybeSync {}
impl<T: ?Sized> MaybeSync for T {}

/// The time of the clock that timers go by.
pub fn now() -> Instant {
    Instant::now()
}

/// What the clock on the wall says: for comparing with times that others set.
pub fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Waits until a time.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(deadline)
}

/// A future that is polled whether or not its task has had its share of the turn, which is not
/// counted here.
pub fn uncounted<F: Future>(future: F) -> Uncounted<F> {
    future
}

/// Made by [`uncounted`].
pub type Uncounted<F> = F;

/// Polls. What there is to read comes in events of the browser, and between two of them it comes to
/// an end.
#[inline]
pub(crate) fn in_turn<T>(
    cx: &mut Context<'_>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    poll(cx)
}

/// Runs a future in the background.
pub fn spawn<F>(future: F)
where
    F: Future<Output = ()> + MaybeSend + 'static,
{
    wasm_bindgen_futures::spawn_local(future);
}

/// A future that runs in the background, and can be ended.
#[derive(Debug)]
pub struct Task {
    end: AbortHandle,
    ended: oneshot::Receiver<()>,
}

impl Task {
    /// Ends it where it waits, if it has not ended.
    pub fn abort(&self) {
        self.end.abort();
    }
}

/// Ready when it has ended, whichever way.
impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.ended).poll(cx).map(drop)
    }
}

/// Runs a future in the background that may be ended. Dropping what this returns does not end it.
pub fn spawn_task<F>(future: F) -> Task
where
    F: Future<Output = ()> + MaybeSend + 'static,
{
    let (future, end) = abortable(future);
    let (tell, ended) = oneshot::channel();
    spawn(async move {
        // It drops what it holds before it is told of.
        let _: Result<(), Aborted> = future.await;
        drop(tell);
    });
    Task { end, ended }
}
