//! A timer of the browser.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use gloo_timers::future::TimeoutFuture;
use send_wrapper::SendWrapper;

use super::Instant;

/// The browser fires at once where it is asked for more than 31 bits of milliseconds.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// Waits until a time. A page that sleeps meanwhile is told when it wakes.
pub struct Sleep {
    deadline: Instant,
    /// It belongs to the thread that polls first. There is no other one, as far as this library is
    /// concerned, and futures that hold it may be sent all the same.
    timer: Option<SendWrapper<TimeoutFuture>>,
}

impl Sleep {
    pub(super) fn new(deadline: Instant) -> Self {
        Self { deadline, timer: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.timer = None;
                return Poll::Ready(());
            }
            let timer = self.timer.get_or_insert_with(|| {
                // A part of a millisecond is waited for whole, or it would be asked for again.
                let millis = left.min(LONGEST).as_nanos().div_ceil(1_000_000);
                SendWrapper::new(TimeoutFuture::new(u32::try_from(millis).unwrap_or(u32::MAX)))
            });
            ready!(Pin::new(&mut **timer).poll(cx));
            self.timer = None;
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
