//! One of the two ways through a proxy.

use std::io::{self, ErrorKind};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time;

/// How often a second something passes that is throttled.
const STEPS: usize = 20;

/// What is to happen to the bytes that go this way, on all connections.
#[derive(Debug, Default)]
pub(super) struct Direction {
    pub(super) frozen: watch::Sender<bool>,
    /// In bytes per second, for each connection.
    pub(super) speed: watch::Sender<Option<usize>>,
    /// How many bytes may still pass, see [`Proxy::cut_after`](super::Proxy::cut_after).
    pub(super) allowance: Mutex<Option<usize>>,
}

impl Direction {
    /// Forwards one connection until its end.
    pub(super) async fn pump(
        &self,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
    ) -> io::Result<()> {
        let mut frozen = self.frozen.subscribe();
        let mut speed = self.speed.subscribe();
        let mut chunk = vec![0; 16 * 1024];
        loop {
            let read = from.read(&mut chunk).await?;
            let mut left = &chunk[..read];
            loop {
                // Asked after reading, so that nothing passes which arrives meanwhile.
                let _ = frozen.wait_for(|frozen| !frozen).await;
                if left.is_empty() {
                    break;
                }
                let (count, pause) = step(*speed.borrow_and_update(), left.len());
                let (allowed, last) = self.allow(count);
                to.write_all(&left[..allowed]).await?;
                if last {
                    return Err(ErrorKind::ConnectionAborted.into());
                }
                left = &left[count..];
                if let Some(pause) = pause {
                    let _ = time::timeout(pause, speed.changed()).await;
                }
            }
            if read == 0 {
                return to.shutdown().await;
            }
        }
    }

    /// How many of these bytes may pass, and whether the connection ends with them.
    fn allow(&self, bytes: usize) -> (usize, bool) {
        let mut allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
        match *allowance {
            Some(left) if left <= bytes => {
                *allowance = None;
                (left, true)
            }
            Some(left) => {
                *allowance = Some(left - bytes);
                (bytes, false)
            }
            None => (bytes, false),
        }
    }
}

/// How many of these bytes go at once, and how long the others wait.
fn step(speed: Option<usize>, bytes: usize) -> (usize, Option<Duration>) {
    let Some(speed) = speed else { return (bytes, None) };
    let count = (speed / STEPS).clamp(1, bytes);
    let share = u32::try_from(count).expect("a step is small");
    let speed = u32::try_from(speed).unwrap_or(u32::MAX);
    (count, Some(Duration::from_secs(1) * share / speed))
}
