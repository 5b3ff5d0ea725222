//! Where the messages of a reader come from: it pulls them, or they are pushed.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::super::ack::Origin;
use super::notice::Board;
use super::pull::{Pulled, Puller};
use super::pushed::Pushed;
use super::stop::MessagesStopper;

#[allow(clippy::large_enum_variant, reason = "what has one is in a box as a whole")]
pub(super) enum Source {
    Pull(Puller),
    Push(Pushed),
}

impl Source {
    pub(super) fn origin(&self) -> &Arc<Origin> {
        match self {
            Self::Pull(puller) => &puller.origin,
            Self::Push(pushed) => &pushed.origin,
        }
    }

    pub(super) fn board(&mut self) -> &mut Board {
        match self {
            Self::Pull(puller) => &mut puller.board,
            Self::Push(pushed) => &mut pushed.board,
        }
    }

    pub(super) fn stopper(&self) -> MessagesStopper {
        match self {
            Self::Pull(puller) => puller.stopper(),
            Self::Push(pushed) => pushed.stopper(),
        }
    }

    /// Nothing of what was asked for will come.
    pub(super) fn reset(&mut self) {
        match self {
            Self::Pull(puller) => puller.reset(),
            Self::Push(_) => {}
        }
    }

    /// Heartbeats are expected from now on.
    pub(super) fn listen_anew(&mut self) {
        match self {
            Self::Pull(puller) => puller.listen_anew(),
            Self::Push(_) => {}
        }
    }

    /// What comes next; `None` when it is over. More is asked for only where `asks` says so.
    #[inline]
    pub(super) fn poll_next(&mut self, asks: bool, cx: &mut Context<'_>) -> Poll<Option<Pulled>> {
        match self {
            Self::Pull(puller) => puller.poll_next(asks, cx),
            Self::Push(pushed) => pushed.poll_next(cx),
        }
    }
}
