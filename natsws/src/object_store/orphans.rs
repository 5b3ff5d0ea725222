//! Taking the chunks out of a put that did not come to its end.

use std::time::Duration;

use tokio::sync::oneshot;

use super::info::ObjectInfo;
use crate::jetstream::{JetStreamError, PublishError, Stream, Untyped};
use crate::runtime;

/// A put whose chunks are nobody's yet. Dropped, they are taken out in the background.
#[derive(Debug)]
pub(super) struct Orphans {
    /// Says that the chunks are an object's.
    kept: oneshot::Sender<()>,
    /// Ends when the chunks are taken out.
    gone: oneshot::Receiver<()>,
}

/// Which chunks they are, and what would say that they are an object's all the same.
#[derive(Debug, Clone)]
pub(super) struct Put {
    pub(super) stream: Stream,
    /// What the chunks are stored under.
    pub(super) id: String,
    pub(super) chunks: String,
    pub(super) info: String,
}

impl Orphans {
    /// To be called where a runtime is, and before the first chunk is sent: a drop may be anywhere.
    pub(super) fn of(put: Put) -> Self {
        let (kept, is_kept) = oneshot::channel();
        let (tell_gone, gone) = oneshot::channel();
        runtime::spawn(async move {
            if is_kept.await.is_err() {
                put.take_out().await;
            }
            let _: Result<(), ()> = tell_gone.send(());
        });
        Self { kept, gone }
    }

    /// The chunks are an object's now.
    pub(super) fn keep(self) {
        // Nobody is there to hear it where the runtime has ended.
        let _: Result<(), ()> = self.kept.send(());
    }

    /// Takes the chunks out, and waits for it for so long; then it goes on in the background.
    pub(super) async fn take_out(self, limit: Duration) {
        drop(self.kept);
        // Where the runtime ends there is nobody to do it.
        let _: Option<Result<(), _>> = runtime::timeout(limit, self.gone).await;
    }
}

impl Put {
    /// Nobody is there any more to be told of errors: what is left goes with the store's `ttl`.
    async fn take_out(self) {
        let stream = &self.stream;
        // To a stream that is gone nothing can be published, and for long that would be tried.
        if let Err(JetStreamError::StreamNotFound { .. }) = stream.info().await {
            return;
        }
        // Behind this everything that was sent before is stored, or never will be.
        let id = format!("{}.end", self.id);
        let end = stream.jetstream().publish_bytes(&self.chunks, "").message_id(id).await;
        let info = stream.last_message::<Untyped>(&self.info).from_leader();
        let Ok(stored) = info.await else { return };
        let info = stored.and_then(|stored| ObjectInfo::read(&stored).ok());
        let is_object = info.is_some_and(|info| info.id == self.id);
        match end {
            // What was said last did arrive.
            Ok(end) if is_object => {
                drop(stream.delete_message(end.sequence).without_erasing().await);
            }
            // Where the stream refuses more, as when it is full, it has seen all the same.
            Ok(_) | Err(PublishError::Rejected(_)) if !is_object => {
                drop(stream.purge().filter(&self.chunks).await);
            }
            // What makes it an object may still be on its way, and would be one without chunks.
            Ok(_) | Err(_) => {}
        }
    }
}
