//! The requests of one endpoint that are being answered, each by a task of its own.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use natsws::MaybeSend;
use natsws::private::runtime;

/// Tasks that are running. Those that are left when it is dropped are given up.
///
/// It is a `JoinSet` for tasks whose outcome nobody asks for: ending costs a number in a list, and a
/// wake only where somebody waits.
#[derive(Debug, Default)]
pub(crate) struct Running {
    tasks: Vec<Option<Task>>,
    free: Vec<usize>,
    ended: Arc<Mutex<Ended>>,
}

#[derive(Debug)]
struct Task {
    handle: runtime::Task,
    key: Option<u64>,
}

#[derive(Debug, Default)]
struct Ended {
    places: Vec<usize>,
    waiting: Option<Waker>,
}

/// Says that a task has ended, however it did.
pub(crate) struct Place {
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

    /// Starts a task, which holds its place until it has ended. Its key comes back then.
    pub(crate) fn spawn<F>(&mut self, key: Option<u64>, task: impl FnOnce(Place) -> F)
    where
        F: Future<Output = ()> + MaybeSend + 'static,
    {
        let at = self.free.pop().unwrap_or_else(|| {
            self.tasks.push(None);
            self.tasks.len() - 1
        });
        let place = Place { at, ended: Arc::clone(&self.ended) };
        let handle = runtime::spawn_task(task(place));
        if let Some(place) = self.tasks.get_mut(at) {
            *place = Some(Task { handle, key });
        }
    }

    /// Looks which have ended, and hands out the keys of those that had one.
    pub(crate) fn reap(&mut self, mut ended_with: impl FnMut(u64)) {
        let mut places = std::mem::take(&mut lock(&self.ended).places);
        if places.is_empty() {
            return;
        }
        for at in places.drain(..) {
            if let Some(task) = self.tasks.get_mut(at).and_then(Option::take) {
                self.free.push(at);
                task.key.into_iter().for_each(&mut ended_with);
            }
        }
        // The list goes back, so that it need not grow again.
        let mut ended = lock(&self.ended);
        if ended.places.is_empty() {
            ended.places = places;
        }
    }

    /// Gives up those that run. They end when they are dropped, which is soon.
    pub(crate) fn abort(&self) {
        for task in self.tasks.iter().flatten() {
            task.handle.abort();
        }
    }

    /// Asks to be woken when the next one ends; `false` where one has ended already.
    pub(crate) fn wake_at_end(&self, cx: &Context<'_>) -> bool {
        let mut ended = lock(&self.ended);
        ended.waiting = Some(cx.waker().clone());
        ended.places.is_empty()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::task::Poll;

    use tokio::sync::oneshot;

    use super::*;

    /// Waits until this many are left, and collects their keys.
    async fn left(running: &mut Running, count: usize) -> Vec<u64> {
        let mut keys = Vec::new();
        poll_fn(|cx| {
            loop {
                running.reap(|key| keys.push(key));
                if running.len() == count {
                    return Poll::Ready(());
                }
                if running.wake_at_end(cx) {
                    return Poll::Pending;
                }
            }
        })
        .await;
        keys
    }

    #[tokio::test]
    async fn those_that_ended_make_room_however_they_did() {
        let mut running = Running::default();
        let (go, gone) = oneshot::channel::<()>();
        running.spawn(Some(7), |place| async move {
            let _place = place;
            drop(gone.await);
        });
        running.spawn(Some(8), |place| async {
            let _place = place;
            std::panic::resume_unwind(Box::new(()))
        });
        running.spawn(None, |place| async { drop(place) });
        assert_eq!(left(&mut running, 1).await, [8]);
        running.spawn(None, |place| async { drop(place) });
        assert_eq!(running.tasks.len(), 3, "places are used again");
        go.send(()).expect("it waits");
        assert_eq!(left(&mut running, 0).await, [7]);
    }

    #[tokio::test]
    async fn those_that_are_left_are_given_up() {
        let mut running = Running::default();
        let (dropped, told) = oneshot::channel::<()>();
        running.spawn(None, |place| async move {
            let _place = place;
            pending::<()>().await;
            drop(dropped);
        });
        drop(running);
        told.await.expect_err("the task is dropped with what it holds");
    }
}
