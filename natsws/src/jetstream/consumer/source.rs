//! Where the messages of an ordered reader come from: it pulls them, or they are pushed.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::super::ack::Origin;
use super::notice::Board;
use super::pull::{Pulled, Puller};
use super::pushed::Pushed;

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

    #[inline]
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Pulled>> {
        match self {
            Self::Pull(puller) => puller.poll_next(true, cx),
            Self::Push(pushed) => pushed.poll_next(cx),
        }
    }
}
