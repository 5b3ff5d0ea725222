//! What a reader of a consumer may want to know, though it is no error.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;

/// How many notices wait for a listener before it misses the oldest.
const WAITING: usize = 64;

/// Something that a reader of a consumer saw to by itself.
///
/// None of it has to be acted on: it is for logs, metrics and tests. They are told while the reader
/// is read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The server was not heard of for two heartbeats; messages are asked for anew.
    HeartbeatsMissed {
        /// For how long it was not heard of.
        after: Duration,
    },
    /// The connection was made again; messages are asked for anew.
    Reconnected,
    /// Another server leads the consumer; messages are asked for anew.
    LeaderChanged,
    /// Nobody takes requests for messages: the consumer has no leader at the moment, or is gone.
    NoResponders,
    /// The consumer is gone, and the reader waits for it to be made again.
    ConsumerMissing,
    /// The stream is gone, and the reader waits for it to be made again.
    StreamMissing,
    /// A request asked for more than the consumer's limits allow. It is made again after a pause.
    LimitsExceeded {
        /// The server's words.
        description: String,
    },
    /// A request ended before it brought all that it asked for; the rest is asked for anew.
    Discarded {
        /// How many messages it did not bring.
        messages: usize,
        /// How many bytes it did not bring, where they were limited.
        bytes: usize,
    },
    /// This client gets the messages of its group from now on (ADR-42).
    Pinned {
        /// What the server calls it.
        id: String,
    },
    /// Another client gets the messages of the group (ADR-42).
    Unpinned,
    /// The consumer that reads in order was made again, to go on behind the last message.
    Recreated {
        /// Its new name.
        consumer: String,
    },
    /// The consumer that reads in order could not be made again; it is tried again after a pause.
    NotRecreated {
        /// Why.
        reason: String,
    },
    /// The server is still there, and says how far it has come.
    Heartbeat {
        /// The number of the last delivery.
        consumer_sequence: u64,
        /// The number in the stream of the last message that was looked at.
        stream_sequence: u64,
    },
    /// The server asked whether the messages before were read, and was told so.
    FlowControl,
    /// This listener was too slow, and missed some.
    Missed {
        /// How many.
        notices: u64,
    },
}

#[derive(Debug, Default)]
struct Waiting {
    notices: VecDeque<Notice>,
    missed: u64,
    ended: bool,
    reader: Option<Waker>,
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who listens to a reader. It costs nothing where nobody does.
#[derive(Debug, Default)]
pub(super) struct Board(Vec<Weak<Mutex<Waiting>>>);

impl Board {
    pub(super) fn listen(&mut self) -> Notices {
        let waiting = Arc::default();
        self.0.push(Arc::downgrade(&waiting));
        Notices(waiting)
    }

    /// Tells all who listen, if anybody does.
    #[inline]
    pub(super) fn tell(&mut self, notice: impl FnOnce() -> Notice) {
        if !self.0.is_empty() {
            self.tell_all(&notice());
        }
    }

    #[cold]
    fn tell_all(&mut self, notice: &Notice) {
        self.0.retain(|listener| {
            let Some(listener) = listener.upgrade() else { return false };
            let mut waiting = lock(&listener);
            if waiting.notices.len() >= WAITING {
                waiting.notices.pop_front();
                waiting.missed += 1;
            }
            waiting.notices.push_back(notice.clone());
            let reader = waiting.reader.take();
            drop(waiting);
            reader.into_iter().for_each(Waker::wake);
            true
        });
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        for listener in self.0.drain(..).filter_map(|listener| listener.upgrade()) {
            let mut waiting = lock(&listener);
            waiting.ended = true;
            let reader = waiting.reader.take();
            drop(waiting);
            reader.into_iter().for_each(Waker::wake);
        }
    }
}

/// What a reader of a consumer sees to by itself, from when this was made, as a stream that ends
/// with the reader.
///
/// A listener that falls 64 notices behind [misses](Notice::Missed) the oldest.
pub struct Notices(Arc<Mutex<Waiting>>);

impl Notices {
    /// The next one; `None` when the reader is gone.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn next(&mut self) -> Option<Notice> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    /// The next one that was told already; `None` where there is none.
    pub fn try_next(&mut self) -> Option<Notice> {
        lock(&self.0).take()
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Notice>> {
        let mut waiting = lock(&self.0);
        if let Some(notice) = waiting.take() {
            return Poll::Ready(Some(notice));
        }
        if waiting.ended {
            return Poll::Ready(None);
        }
        waiting.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Waiting {
    /// What was missed is older than what waits.
    fn take(&mut self) -> Option<Notice> {
        match std::mem::take(&mut self.missed) {
            0 => self.notices.pop_front(),
            notices => Some(Notice::Missed { notices }),
        }
    }
}

impl Stream for Notices {
    type Item = Notice;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Notice>> {
        self.poll_read(cx)
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_listener_hears_everything_up_to_the_end() {
        let mut board = Board::default();
        let (first, mut second) = (board.listen(), board.listen());
        drop(first);
        board.tell(|| Notice::Reconnected);
        assert_eq!(board.0.len(), 1);
        assert_eq!(second.next().await, Some(Notice::Reconnected));
        assert_eq!(second.try_next(), None);
        board.tell(|| Notice::Unpinned);
        drop(board);
        assert_eq!(second.next().await, Some(Notice::Unpinned));
        assert_eq!(second.next().await, None);
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_how_much_it_missed() {
        let mut board = Board::default();
        let mut slow = board.listen();
        for _ in 0..WAITING + 3 {
            board.tell(|| Notice::Reconnected);
        }
        board.tell(|| Notice::Unpinned);
        assert_eq!(slow.next().await, Some(Notice::Missed { notices: 4 }));
        for _ in 1..WAITING {
            assert_eq!(slow.next().await, Some(Notice::Reconnected));
        }
        assert_eq!(slow.next().await, Some(Notice::Unpinned));
    }

    #[test]
    fn nothing_is_made_where_nobody_listens() {
        Board::default().tell(|| unreachable!("nobody listens"));
    }
}
