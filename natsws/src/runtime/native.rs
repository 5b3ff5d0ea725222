//! The platform where tokio runs.

#![expect(clippy::disallowed_methods, reason = "this is where the others take them from")]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

/// `tokio`'s instant, so that tests can pause the clock.
pub type Instant = tokio::time::Instant;
/// A timer.
pub type Sleep = tokio::time::Sleep;

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

/// What a connection has to know of the page that it lives in: there is none.
pub(crate) struct Page;

#[expect(clippy::unused_self, reason = "in the browser there is something to ask")]
impl Page {
    pub(crate) fn new() -> Self {
        Self
    }

    /// Ready when the page has woken.
    pub(crate) fn poll_woken(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// Ready when the page is put away.
    pub(crate) fn poll_away(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// Ready when the page is not put away.
    pub(crate) fn present(&self) -> impl Future<Output = ()> + Send + use<> {
        std::future::ready(())
    }
}

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
    tokio::time::sleep_until(deadline)
}

/// A future that is polled whether or not its task has had its share of the turn.
pub fn uncounted<F: Future>(future: F) -> Uncounted<F> {
    tokio::task::unconstrained(future)
}

/// Made by [`uncounted`].
pub type Uncounted<F> = tokio::task::Unconstrained<F>;

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
pub fn spawn<F>(future: F)
where
    F: Future<Output = ()> + MaybeSend + 'static,
{
    drop(tokio::spawn(future));
}

/// A future that runs in the background, and can be ended.
#[derive(Debug)]
pub struct Task(tokio::task::JoinHandle<()>);

impl Task {
    /// Ends it where it waits, if it has not ended.
    pub fn abort(&self) {
        self.0.abort();
    }
}

/// Ready when it has ended, whichever way.
impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

/// Runs a future in the background that may be ended. Dropping what this returns does not end it.
pub fn spawn_task<F>(future: F) -> Task
where
    F: Future<Output = ()> + MaybeSend + 'static,
{
    Task(tokio::spawn(future))
}
