//! Leaving in good order.

use std::future::poll_fn;
use std::sync::Arc;

use super::Connection;
use crate::drain::{DrainError, DrainReport, FlushError};
use crate::runtime;
use crate::session::{Queue, Unanswered};

impl Connection {
    /// Closes the connection in good order: no new subscriptions and requests, every subscription
    /// drained and read to its end, everything published confirmed by the server.
    ///
    /// Messages can still be published, to answer what had come, until everything is read. So
    /// whoever reads the subscriptions must go on reading meanwhile, in another task than this.
    /// While there is no connection it waits for the next one, within
    /// [`ConnectOptions::drain_timeout`](crate::ConnectOptions::drain_timeout) like everything else.
    ///
    /// A connection that is draining already, or was drained, gives the same result once more.
    ///
    /// # Errors
    /// [`DrainError`] says what could not be done in good order; the connection is closed then all
    /// the same.
    ///
    /// # Cancel safety
    /// Dropped early, subscriptions drain all the same, but the connection is not closed.
    pub async fn drain(&self) -> Result<DrainReport, DrainError> {
        let shared = self.shared();
        let mut drained = shared.drained.lock().await;
        if let Some(result) = *drained {
            return result;
        }
        let queues = shared.with_session(|session, effects| {
            if session.is_closed() {
                return Err(DrainError::Closed);
            }
            session.start_draining();
            let accepted = shared.outbox.accepted();
            let subscriptions = session.subscriptions();
            for (sid, _) in &subscriptions {
                session.drain(*sid, accepted, effects);
            }
            Ok(subscriptions.into_iter().map(|(_, queue)| queue).collect::<Vec<_>>())
        })?;
        let read = |queue: &Arc<Queue>| {
            queue.received().saturating_sub(queue.dropped() + queue.len() as u64)
        };
        let dropped = |queue: &Arc<Queue>| queue.dropped();
        let (read_before, dropped_before): (u64, u64) =
            (queues.iter().map(read).sum(), queues.iter().map(dropped).sum());
        shared.show_draining();
        let limit = shared.options.drain_timeout;
        let finished = runtime::timeout(limit, async {
            for queue in &queues {
                poll_fn(|cx| queue.poll_read(cx)).await;
            }
            shared.outbox.stop_accepting();
            self.flush_over_reconnects().await
        });
        let result = match finished.await {
            Some(Ok(())) => Ok(DrainReport {
                delivered: queues.iter().map(read).sum::<u64>() - read_before,
                dropped: queues.iter().map(dropped).sum::<u64>() - dropped_before,
            }),
            Some(Err(error)) => Err(DrainError::Flush(error)),
            None => {
                let unfinished = queues.iter().filter(|queue| !queue.is_read());
                let unread = unfinished.map(|queue| Queue::len(queue)).sum();
                let unsent = shared.outbox.unsent();
                Err(DrainError::TimedOut { unread, unsent })
            }
        };
        *drained = Some(result);
        self.close().await;
        result
    }

    /// Flushes, over as many connections as it takes. What the last one did not confirm stays
    /// unconfirmed.
    async fn flush_over_reconnects(&self) -> Result<(), FlushError> {
        let mut lost = 0;
        loop {
            // What waits for the next connection is not lost.
            match self.ping_when_up().await {
                Err(Unanswered::Disconnected { unconfirmed }) => lost += unconfirmed,
                Err(Unanswered::NotConnected { .. }) => {}
                _ if lost > 0 => return Err(FlushError::Disconnected { unconfirmed: lost }),
                Ok(()) => return Ok(()),
                Err(Unanswered::Closed) => return Err(FlushError::Closed),
            }
        }
    }
}
