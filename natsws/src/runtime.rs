//! What differs between platforms, and nothing else: spawning, timers, the clock, `Send`.
//!
//! The clock and the timers of `std` and `tokio` compile for the browser and panic there, so every
//! other file takes them from here.

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod browser;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
mod native;

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(crate) use browser::{Sleep, now, sleep_until, spawn};
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub use browser::{BoxFuture, Instant, MaybeSend, MaybeSync};
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) use native::{Sleep, now, sleep_until, spawn};
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub use native::{BoxFuture, Instant, MaybeSend, MaybeSync};

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

/// Waits for a duration.
pub(crate) fn sleep(duration: Duration) -> Pin<Box<Sleep>> {
    Box::pin(sleep_until(now() + duration))
}

/// Runs a future for at most `limit`; `None` where it was not done by then.
pub(crate) async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut limit = sleep(limit);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => limit.as_mut().poll(cx).map(|()| None),
    })
    .await
}
