//! What differs between platforms, and nothing else: spawning, timers, the clock, `Send`, and the
//! life of a web page.
//!
//! The clock and the timers of `std` and `tokio` compile for the browser and panic there, so every
//! other file takes them from here. Both halves offer the same.

#[cfg(browser)]
mod browser;
#[cfg(not(browser))]
mod native;

#[cfg(browser)]
use browser as platform;
#[cfg(not(browser))]
use native as platform;

pub use platform::{BoxFuture, MaybeSend, MaybeSync};
pub use platform::{
    Instant, Sleep, Task, Uncounted, now, since_1970, sleep_until, spawn, spawn_task, uncounted,
};
pub(crate) use platform::{Page, in_turn};

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

/// A boxed future of this library, which can be sent to another thread wherever it is built for.
pub(crate) type SendFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs the application's code; its panic, in making the future or in running it, is an error here.
/// What a panic carries may be a secret, and is not kept.
pub(crate) async fn contained<F: Future>(make: impl FnOnce() -> F) -> Result<F::Output, Panicked> {
    let future = catch_unwind(AssertUnwindSafe(make));
    let mut future = Box::pin(future.map_err(|_| Panicked)?);
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        polled.map_or(Poll::Ready(Err(Panicked)), |poll| poll.map(Ok))
    })
    .await
}

/// The application's code panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it panicked")]
pub(crate) struct Panicked;

/// So much later; where that is beyond what the clock can tell, in decades.
pub fn after(start: Instant, duration: Duration) -> Instant {
    const DECADES: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    start.checked_add(duration).unwrap_or_else(|| start + DECADES)
}

/// Waits for a duration.
pub fn sleep(duration: Duration) -> Pin<Box<Sleep>> {
    Box::pin(sleep_until(after(now(), duration)))
}

/// Runs a future for at most `limit`; `None` where it was not done by then.
pub async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    // A future that has always something to do must not use up the turn in which its time is over.
    let mut limit = uncounted(sleep(limit));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Pin::new(&mut limit).poll(cx).map(|()| None),
    })
    .await
}
