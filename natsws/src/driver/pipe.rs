//! The way to one server: what was taken to be sent, and the transport that it goes through.
//!
//! The driver owns it and works on it as a task. A publisher that has filled a batch may lend a hand
//! and send that itself, which saves both the switch to the driver and the fight over the buffer.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::{Sink, Stream};

use super::outbox::Outbox;
use super::trace;
use crate::transport::{BoxTransport, TransportError};

/// Buffers written before other tasks get their turn.
const ROUNDS: usize = 16;

/// A pipe as the driver and those who lend a hand share it.
pub(super) type SharedPipe = Arc<Mutex<Pipe>>;

pub(super) struct Pipe {
    /// Gone when the driver has left this server.
    transport: Option<BoxTransport>,
    /// Taken from the outbox and not yet given to the transport.
    sending: VecDeque<Bytes>,
    /// The transport has something that it was not asked to flush yet.
    unflushed: bool,
    /// Others than the driver may send.
    is_open: bool,
    /// The driver's: whatever the transport waits for, it is the driver that goes on then.
    waker: Option<Waker>,
    /// Why somebody who lent a hand could not send. The driver has yet to hear of it.
    failed: Option<TransportError>,
    debug: bool,
}

impl Pipe {
    pub(super) fn new(transport: BoxTransport, debug: bool) -> Self {
        Self {
            transport: Some(transport),
            sending: VecDeque::new(),
            unflushed: false,
            is_open: true,
            waker: None,
            failed: None,
            debug,
        }
    }

    /// The server takes no larger message than this from now on.
    pub(super) fn limit(&mut self, max_payload: usize) {
        if let Some(transport) = &mut self.transport {
            transport.limit(max_payload);
        }
    }

    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Bytes, TransportError>> {
        let Some(transport) = &mut self.transport else { return ended() };
        match Pin::new(transport).poll_next(cx) {
            Poll::Ready(Some(Ok(chunk))) => {
                if self.debug {
                    trace::received(&chunk);
                }
                Poll::Ready(Ok(chunk))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(error)),
            Poll::Ready(None) => ended(),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Sends what waits in the outbox, as far as that goes now; for the driver.
    pub(super) fn transmit(
        &mut self,
        outbox: &Outbox,
        cx: &mut Context<'_>,
    ) -> Result<(), TransportError> {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
        for _ in 0..ROUNDS {
            if self.flush(cx)?.is_pending() {
                return Ok(());
            }
            let spare = self.spare();
            if outbox.poll_take(cx.waker(), &mut self.sending, spare).is_pending() {
                return Ok(());
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Sends what was taken; ready when all of it is on its way.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, TransportError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let Some(transport) = &mut self.transport else { return Err(TransportError::Closed) };
        let mut transport = Pin::new(transport);
        while !self.sending.is_empty() {
            match transport.as_mut().poll_ready(cx) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(ready) => ready?,
            }
            if let Some(chunk) = self.sending.pop_front() {
                if self.debug {
                    trace::sent(&chunk);
                }
                transport.as_mut().start_send(chunk)?;
                self.unflushed = true;
            }
        }
        if self.unflushed {
            match transport.poll_flush(cx) {
                // What waits meanwhile is still to be taken when this is done.
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(flushed) => flushed?,
            }
            self.unflushed = false;
        }
        Ok(Poll::Ready(()))
    }

    /// A buffer that was sent and can be filled again.
    fn spare(&mut self) -> Option<Vec<u8>> {
        self.transport.as_mut()?.reclaim()
    }

    /// Everything is on its way.
    pub(super) fn is_flushed(&self) -> bool {
        self.sending.is_empty() && !self.unflushed
    }

    /// What is being sent, for what goes out last. From here on only the driver sends.
    pub(super) fn last(&mut self) -> &mut VecDeque<Bytes> {
        self.is_open = false;
        &mut self.sending
    }

    /// Takes the transport out. Nothing more goes through this pipe.
    pub(super) fn take(&mut self) -> Option<BoxTransport> {
        self.is_open = false;
        self.transport.take()
    }

    /// Sends a batch from the outbox on somebody else's thread, unless the last one is still being
    /// sent.
    fn lend(&mut self, outbox: &Outbox) {
        let Some(waker) = self.waker.clone().filter(|_| self.is_open) else { return };
        let mut cx = Context::from_waker(&waker);
        let sent = self.flush(&mut cx).and_then(|flushed| {
            if flushed.is_pending() {
                return Ok(Poll::Pending);
            }
            let spare = self.spare();
            outbox.take_lent(&mut self.sending, spare);
            self.flush(&mut cx)
        });
        if let Err(error) = sent {
            self.failed = Some(error);
            waker.wake();
        }
    }
}

fn ended<T>() -> Poll<Result<T, TransportError>> {
    Poll::Ready(Err(TransportError::Closed))
}

pub(super) fn lock(pipe: &SharedPipe) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where those who lend a hand find the pipe that is in use. It does not keep it.
#[derive(Default)]
pub(super) struct InUse(Mutex<Weak<Mutex<Pipe>>>);

impl InUse {
    pub(super) fn set(&self, pipe: &SharedPipe) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(pipe);
    }

    /// Sends a batch, unless somebody is at it.
    pub(super) fn lend(&self, outbox: &Outbox) {
        let pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let Some(pipe) = pipe else { return };
        match pipe.try_lock() {
            Ok(mut pipe) => pipe.lend(outbox),
            Err(TryLockError::Poisoned(pipe)) => pipe.into_inner().lend(outbox),
            Err(TryLockError::WouldBlock) => {}
        }
    }
}
