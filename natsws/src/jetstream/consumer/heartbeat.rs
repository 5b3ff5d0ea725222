//! Hearing of the server in time: whoever waits for messages must know that it still delivers.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::runtime::{self, Sleep};

/// How many heartbeats may be missed before the server counts as silent.
const MISSED: u32 = 2;

/// Notices that nothing was heard for two heartbeats. It looks at the clock once in a heartbeat, not
/// for each message.
pub(super) struct Heartbeat {
    every: Duration,
    tick: Pin<Box<Sleep>>,
    heard: bool,
    missed: u32,
    paused: bool,
}

/// The time of one heartbeat has gone by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    Fine,
    /// Nothing was heard for so long; it is counted anew.
    Silent(Duration),
}

impl Heartbeat {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, tick: runtime::sleep(every), heard: false, missed: 0, paused: false }
    }

    /// Something came.
    #[inline]
    pub(super) fn heard(&mut self) {
        self.heard = true;
    }

    /// There is no connection, so nothing can be heard.
    pub(super) fn pause(&mut self) {
        self.paused = true;
    }

    /// Counts anew.
    pub(super) fn resume(&mut self) {
        *self = Self::new(self.every);
    }

    /// Ready once in each heartbeat.
    pub(super) fn poll_beat(&mut self, cx: &mut Context<'_>) -> Poll<Beat> {
        if self.paused {
            return Poll::Pending;
        }
        ready!(self.tick.as_mut().poll(cx));
        self.tick = runtime::sleep(self.every);
        self.missed = if std::mem::take(&mut self.heard) { 0 } else { self.missed + 1 };
        if self.missed < MISSED {
            return Poll::Ready(Beat::Fine);
        }
        self.missed = 0;
        Poll::Ready(Beat::Silent(self.every * MISSED))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn beats(heartbeat: &mut Heartbeat, count: usize) -> Vec<Beat> {
        let mut beats = Vec::new();
        while beats.len() < count {
            beats.push(poll_fn(|cx| heartbeat.poll_beat(cx)).await);
        }
        beats
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_noticed_after_two_heartbeats() {
        let start = runtime::now();
        let mut heartbeat = Heartbeat::new(Duration::from_secs(5));
        heartbeat.heard();
        let silent = Beat::Silent(Duration::from_secs(10));
        assert_eq!(beats(&mut heartbeat, 3).await, [Beat::Fine, Beat::Fine, silent]);
        assert_eq!(runtime::now() - start, Duration::from_secs(15));
        assert_eq!(beats(&mut heartbeat, 2).await, [Beat::Fine, silent]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_connection_nothing_is_missed() {
        let mut heartbeat = Heartbeat::new(Duration::from_secs(5));
        heartbeat.pause();
        let waited =
            runtime::timeout(Duration::from_secs(60), poll_fn(|cx| heartbeat.poll_beat(cx)));
        assert_eq!(waited.await, None);
        heartbeat.resume();
        let silent = Beat::Silent(Duration::from_secs(10));
        assert_eq!(beats(&mut heartbeat, 2).await, [Beat::Fine, silent]);
    }
}
