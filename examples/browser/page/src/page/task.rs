//! What runs beside the page's events.

use std::future::Future;
use std::time::Duration;

use futures_util::future::{AbortHandle, Aborted, abortable};
use gloo_timers::future::TimeoutFuture;
use wasm_bindgen_futures::spawn_local;

/// Something that runs until it ends, or until this is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends it"]
pub(crate) struct Task(AbortHandle);

impl Task {
    pub(crate) fn start(work: impl Future<Output = ()> + 'static) -> Self {
        let (work, end) = abortable(work);
        spawn_local(async move {
            // Aborted or not, it is over.
            let _: Result<(), Aborted> = work.await;
        });
        Self(end)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) async fn sleep(time: Duration) {
    TimeoutFuture::new(u32::try_from(time.as_millis()).unwrap_or(u32::MAX)).await;
}
