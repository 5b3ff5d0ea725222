//! Ending a reader in good order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::subscription::Stopper;

/// Ends a reader of a consumer from elsewhere, while it is being read. It keeps nothing alive.
///
/// ```no_run
/// use natsws::jetstream::Untyped;
///
/// # async fn example(js: natsws::jetstream::JetStream) -> Result<(), natsws::Error> {
/// let mut messages = js.consumer("ORDERS", "workers").await?.messages::<Untyped>().await?;
/// let stopper = messages.stopper();
/// let work = tokio::spawn(async move {
///     while let Some(Ok(message)) = messages.next().await {
///         println!("{}", message.subject());
///         let _ = message.ack().await;
///     }
/// });
/// stopper.drain(); // say, because the program was asked to end
/// let _ = work.await; // what had come is done
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MessagesStopper {
    stopped: Arc<AtomicBool>,
    subscription: Stopper,
}

impl MessagesStopper {
    pub(super) fn new(stopped: &Arc<AtomicBool>, subscription: Stopper) -> Self {
        Self { stopped: Arc::clone(stopped), subscription }
    }

    /// Asks for no more. What the server had sent by then is read, and then the reader is over.
    ///
    /// What the server had not sent goes to other readers of the consumer, at once.
    pub fn drain(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.subscription.drain();
    }
}
