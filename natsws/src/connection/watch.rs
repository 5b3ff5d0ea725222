//! Looking at a connection: its state as it changes, and its events.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::sync::watch;

use crate::event::{CloseError, Event, Listener, State};

/// Why a connection is not up after all.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// It did not come up in time.
    #[error("the connection was not up within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// It is closed for good; says why, where nobody asked for it.
    #[error("the connection is closed")]
    Closed(#[source] Option<CloseError>),
}

/// The state of a connection as it changes, as [`Connection::status`](crate::Connection::status) gives it. It does not keep
/// the connection alive.
#[derive(Debug, Clone)]
pub struct StateWatch(pub(super) watch::Receiver<State>);

impl StateWatch {
    /// The state now.
    pub fn current(&self) -> State {
        *self.0.borrow()
    }

    /// Waits for another state than the one that was seen last; `None` when the connection is gone.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn changed(&mut self) -> Option<State> {
        self.0.changed().await.ok()?;
        Some(*self.0.borrow_and_update())
    }

    /// Waits for a state that is wanted, and gives it. A connection that is gone is closed, wanted
    /// or not.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn wait_for(&mut self, mut wanted: impl FnMut(State) -> bool) -> State {
        let ends = |state: &State| *state == State::Closed || wanted(*state);
        self.0.wait_for(ends).await.map_or(State::Closed, |state| *state)
    }
}

/// What happens to a connection, as a stream that ends with it.
///
/// A listener that falls more than 256 events behind [misses](Event::Missed) some, but never one
/// that says that the connection was made, lost, moved or closed, or which servers there are.
#[derive(Debug)]
pub struct Events(pub(super) Listener);

impl Events {
    /// The next event; `None` when the connection is gone.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.0.poll_next(cx)).await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.poll_next(cx)
    }
}
