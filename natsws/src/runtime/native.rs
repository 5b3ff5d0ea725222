//! The platform where tokio runs.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

/// `tokio`'s instant, so that tests can pause the clock.
pub(crate) type Instant = tokio::time::Instant;
pub(crate) type Sleep = tokio::time::Sleep;

/// A boxed future of user code.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// `Send` where there are threads, and nothing in the browser, which has none.
///
/// It stands on code that users supply: there a handler may hold JavaScript values.
pub trait MaybeSend: Send {}
impl<T: Send + ?Sized> MaybeSend for T {}

/// `Sync` where there are threads, and nothing in the browser, which has none.
pub trait MaybeSync: Sync {}
impl<T: Sync + ?Sized> MaybeSync for T {}

pub(crate) fn now() -> Instant {
    Instant::now()
}

/// What the clock on the wall says: for comparing with times that others set.
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

pub(crate) fn sleep_until(deadline: Instant) -> Sleep {
    tokio::time::sleep_until(deadline)
}

/// A future that is polled whether or not its task has had its share of the turn.
pub(crate) fn uncounted<F: Future + Unpin>(future: F) -> impl Future<Output = F::Output> + Unpin {
    tokio::task::unconstrained(future)
}

/// Polls within the task's share of the turn. One that has had its share is woken again at once, so
/// that others have their turn: whoever reads what is always there would hold them up.
#[inline]
pub(crate) fn in_turn<T>(
    cx: &mut Context<'_>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    let share = ready!(tokio::task::coop::poll_proceed(cx));
    let polled = poll(cx);
    if polled.is_ready() {
        share.made_progress();
    }
    polled
}

/// Runs a future in the background.
pub(crate) fn spawn<F>(future: F)
where
    F: Future<Output = ()> + MaybeSend + 'static,
{
    drop(tokio::spawn(future));
}
