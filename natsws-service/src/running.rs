//! The requests of one endpoint that are being answered, each by a task of its own.

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use tokio::task::AbortHandle;

/// Tasks that are running. Those that are left when it is dropped are given up.
///
/// It is a `JoinSet` for tasks whose outcome nobody asks for: ending costs a number in a list, and a
/// wake only where somebody waits.
#[derive(Debug, Default)]
pub(crate) struct Running {
    tasks: Vec<Option<AbortHandle>>,
    free: Vec<usize>,
    ended: Arc<Mutex<Ended>>,
}

#[derive(Debug, Default)]
struct Ended {
    places: Vec<usize>,
    waiting: Option<Waker>,
}

/// Says that a task has ended, however it did.
struct Place {
    at: usize,
    ended: Arc<Mutex<Ended>>,
}

fn lock(ended: &Mutex<Ended>) -> MutexGuard<'_, Ended> {
    ended.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut ended = lock(&self.ended);
        ended.places.push(self.at);
        let waiting = ended.waiting.take();
        drop(ended);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Running {
    /// How many have not ended, as far as that was looked at.
    pub(crate) fn len(&self) -> usize {
        self.tasks.len() - self.free.len()
    }

    pub(crate) fn spawn(&mut self, future: impl Future<Output = ()> + Send + 'static) {
        let at = self.free.pop().unwrap_or_else(|| {
            self.tasks.push(None);
            self.tasks.len() - 1
        });
        let place = Place { at, ended: Arc::clone(&self.ended) };
        let task = tokio::spawn(async move {
            // Moved in, so that it goes when the task does, also where that never ran.
            let _place = place;
            future.await;
        });
        if let Some(handle) = self.tasks.get_mut(at) {
            *handle = Some(task.abort_handle());
        }
    }

    /// Looks which have ended.
    pub(crate) fn reap(&mut self) {
        let places = std::mem::take(&mut lock(&self.ended).places);
        for at in places {
            if let Some(task) = self.tasks.get_mut(at) {
                *task = None;
                self.free.push(at);
            }
        }
    }

    /// Waits until fewer than `limit` are left.
    pub(crate) async fn fewer_than(&mut self, limit: usize) {
        poll_fn(|cx| {
            self.reap();
            if self.len() < limit {
                return Poll::Ready(());
            }
            let mut ended = lock(&self.ended);
            if !ended.places.is_empty() {
                drop(ended);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            ended.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in self.tasks.drain(..).flatten() {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn those_that_ended_make_room_however_they_did() {
        let mut running = Running::default();
        let (go, gone) = oneshot::channel::<()>();
        running.spawn(async move { drop(gone.await) });
        running.spawn(async { std::panic::resume_unwind(Box::new(())) });
        running.spawn(async {});
        running.fewer_than(2).await;
        assert_eq!(running.len(), 1);
        running.spawn(async {});
        assert_eq!(running.tasks.len(), 3, "places are used again");
        go.send(()).expect("it waits");
        running.fewer_than(1).await;
        assert_eq!(running.len(), 0);
    }

    #[tokio::test]
    async fn those_that_are_left_are_given_up() {
        let mut running = Running::default();
        let (dropped, told) = oneshot::channel::<()>();
        running.spawn(async move {
            pending::<()>().await;
            drop(dropped);
        });
        drop(running);
        told.await.expect_err("the task is dropped with what it holds");
    }
}
