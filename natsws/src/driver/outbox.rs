//! What waits to be sent: one buffer that publishers append to and the driver takes whole.
//!
//! It is kept in the order in which things were said, since a PING must not overtake what it is to
//! confirm. On a lost connection messages stay, requests were told so and go, what is sent again in any case
//! goes, and control operations go because the session writes them anew.

mod changes;
mod line;
mod waiting;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use bytes::Bytes;

use crate::header::Headers;
use crate::options::OutboxLimits;
use crate::protocol::encode::{PublishHead, Rare, Typed};
pub(crate) use changes::Misfits;
use line::Line;
pub(crate) use line::Ticket;
#[cfg(feature = "jetstream")]
pub(crate) use waiting::LARGE_PAYLOAD;
use waiting::{Kind, Waiting};

/// How many batches publishers may send themselves before the driver, which also reads, has its turn.
/// It is about what tokio lets a task do before another one has its turn. With fewer, the two end up
/// on two threads, where the driver takes what little there is again and again.
const LENT: u8 = 128;

/// A message was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// There is a whole batch by it, which whoever published may send.
    pub(crate) fills_batch: bool,
}

/// The one connection over which a message may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct On {
    /// Which, as [`Outbox::connection`] says.
    pub(crate) connection: u64,
    /// Whoever publishes it sends it again over the next connection, in its order. Kept here as
    /// well, it would get there before what was written and lost.
    pub(crate) is_repeated: bool,
}

/// Why a message was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    PayloadTooLarge { len: usize, max: usize },
    HeadersUnsupported,
    BufferFull { max: usize },
    WouldBlock,
    Disconnected,
    Draining,
    Closed,
}

/// A payload as the caller has it: borrowed bytes are copied, shared ones need not be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'a> {
    Borrowed(&'a [u8]),
    Shared(&'a Bytes),
}

impl Body<'_> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Connected,
    Disconnected,
    Closed,
}

/// What a server takes that names no limit: the size of an entry has to fit.
const LARGEST_PAYLOAD: usize = u32::MAX as usize;

#[derive(Debug)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    waiting: Waiting,
    gate: Gate,
    /// Nothing more is accepted; what waits is still sent.
    draining: bool,
    limits: OutboxLimits,
    max_payload: usize,
    headers: bool,
    /// Messages accepted ever, requests and what is sent again not counted: those have an outcome of
    /// their own.
    accepted: u64,
    /// How many connections were lost so far, by which the present one is told from others.
    connection: u64,
    out_msgs: u64,
    out_bytes: u64,
    /// How many batches publishers sent themselves since the driver had its turn.
    lent: u8,
    driver: Option<Waker>,
    line: Line,
}

impl Outbox {
    pub(crate) fn new(limits: OutboxLimits) -> Self {
        Self {
            inner: Mutex::new(Inner {
                waiting: Waiting::default(),
                gate: Gate::Disconnected,
                draining: false,
                limits,
                max_payload: LARGEST_PAYLOAD,
                headers: true,
                accepted: 0,
                connection: 0,
                out_msgs: 0,
                out_bytes: 0,
                lent: 0,
                driver: None,
                line: Line::default(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a message, or has it wait in line where the buffer is over its high-water mark or
    /// others wait. Without a waker it is refused then.
    #[inline]
    pub(crate) fn poll_publish(
        &self,
        head: &PublishHead<'_>,
        body: Body<'_>,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
    ) -> Poll<Result<Accepted, Refused>> {
        self.poll_message(None, head, body, ticket, waker)
    }

    /// [`poll_publish`](Self::poll_publish) for one connection: over another one, or none, the
    /// message is refused as [`Refused::Disconnected`].
    #[cfg(feature = "jetstream")]
    pub(crate) fn poll_publish_on(
        &self,
        on: On,
        head: &PublishHead<'_>,
        body: Body<'_>,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
    ) -> Poll<Result<Accepted, Refused>> {
        self.poll_message(Some(on), head, body, ticket, waker)
    }

    #[cfg_attr(not(browser), inline(always))]
    fn poll_message(
        &self,
        on: Option<On>,
        head: &PublishHead<'_>,
        body: Body<'_>,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
    ) -> Poll<Result<Accepted, Refused>> {
        let mut inner = self.lock();
        let head = &inner.understood(head);
        let headers_len = head.headers_len();
        let size = match inner.accept(headers_len, body) {
            Ok(size) => size,
            Err(refused) => return Poll::Ready(Err(refused)),
        };
        if on.is_some_and(|on| !inner.is_up(on.connection)) {
            return Poll::Ready(Err(Refused::Disconnected));
        }
        match inner.gate {
            Gate::Connected if inner.has_to_wait(ticket) => {
                let Some(waker) = waker else { return Poll::Ready(Err(Refused::WouldBlock)) };
                let before = inner.line.stand(ticket, waker, head.subject.len() + size as usize);
                drop(inner);
                drop(before);
                return Poll::Pending;
            }
            Gate::Disconnected => {
                if let Err(refused) = inner.has_room(size) {
                    return Poll::Ready(Err(refused));
                }
            }
            _ => {}
        }
        let headers = headers_len > 0;
        let kind = if on.is_some_and(|on| on.is_repeated) {
            Kind::Repeated { size, headers }
        } else {
            inner.accepted += 1;
            Kind::Message { size, headers }
        };
        inner.count(size);
        let was_batch = inner.waiting.is_batch();
        inner.waiting.push(head, headers_len, body, kind);
        let fills_batch = !was_batch && inner.waiting.is_batch() && inner.lent < LENT;
        wake(inner);
        Poll::Ready(Ok(Accepted { fills_batch }))
    }

    /// Appends an empty message without headers where it need not wait, and leaves it out where it
    /// would: who offers it does not ask what becomes of it.
    pub(crate) fn offer(&self, subject: &str) {
        let mut inner = self.lock();
        if inner.gate != Gate::Connected || inner.has_to_wait(&Ticket::default()) {
            return;
        }
        let (headers, body) = (Headers::new(), Body::Borrowed(b""));
        let Ok(size) = inner.accept(0, body) else { return };
        inner.accepted += 1;
        inner.count(size);
        let head = PublishHead { subject, reply: None, headers: &headers, typed: None };
        inner.waiting.push(&head, 0, body, Kind::Message { size, headers: false });
        wake(inner);
    }

    /// Appends a request behind the control operations that it needs. Those go out in any case; the
    /// request may have to wait for room.
    pub(crate) fn poll_request(
        &self,
        control: &[u8],
        head: &PublishHead<'_>,
        body: Body<'_>,
        token: u64,
        ticket: &mut Ticket,
        waker: &Waker,
    ) -> Poll<Result<(), Refused>> {
        let mut inner = self.lock();
        inner.waiting.push_control(control);
        let head = &inner.understood(head);
        let headers_len = head.headers_len();
        let mut before = None;
        let accepted = match inner.accept(headers_len, body) {
            Err(refused) => Poll::Ready(Err(refused)),
            Ok(_) if inner.gate == Gate::Disconnected && !inner.limits.keep_requests => {
                Poll::Ready(Err(Refused::Disconnected))
            }
            Ok(size) if inner.gate == Gate::Connected && inner.has_to_wait(ticket) => {
                before = inner.line.stand(ticket, waker, head.subject.len() + size as usize);
                Poll::Pending
            }
            Ok(size) => Poll::Ready(match inner.gate {
                Gate::Disconnected => inner.has_room(size).map(|()| size),
                _ => Ok(size),
            }),
        };
        let accepted = accepted.map_ok(|size| {
            inner.count(size);
            let kind = Kind::Request { token, size, headers: headers_len > 0 };
            inner.waiting.push(head, headers_len, body, kind);
        });
        wake(inner);
        drop(before);
        accepted
    }

    /// Takes a ticket back: its message was accepted or refused, or was given up. Whoever is next is
    /// called, where there is room.
    #[inline]
    pub(crate) fn leave(&self, ticket: &mut Ticket) {
        if !ticket.is_none() {
            self.pass_on(ticket);
        }
    }

    #[cold]
    fn pass_on(&self, ticket: &mut Ticket) {
        let mut inner = self.lock();
        // It may be all that keeps a task, and that may have a ticket too.
        let waker = inner.line.leave(ticket);
        call(inner);
        drop(waker);
    }

    /// Appends control operations. They are never refused: there are few, and each is small.
    pub(crate) fn control(&self, control: &[u8]) {
        if control.is_empty() {
            return;
        }
        let mut inner = self.lock();
        inner.waiting.push_control(control);
        wake(inner);
    }

    /// Which connection the present one is, or was.
    #[cfg(feature = "jetstream")]
    pub(crate) fn connection(&self) -> u64 {
        self.lock().connection
    }

    /// Messages accepted since the connection was first made.
    pub(crate) fn accepted(&self) -> u64 {
        self.lock().accepted
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Messages that wait.
    pub(crate) fn unsent(&self) -> u64 {
        self.lock().waiting.messages()
    }

    /// Messages and bytes accepted, requests among them.
    pub(crate) fn sent(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.out_msgs, inner.out_bytes)
    }

    /// Moves everything that waits into `chunks`, and collects what comes next in `spare`. Where
    /// nothing waits, the waker is for the first byte.
    ///
    /// While somebody waits for room it is called at once, so that the driver looks again: those
    /// who were called may never come, and nothing else would call the next ones then.
    pub(crate) fn poll_take(
        &self,
        waker: &Waker,
        chunks: &mut VecDeque<Bytes>,
        spare: Option<Vec<u8>>,
    ) -> Poll<()> {
        let mut inner = self.lock();
        // It is the driver's turn, whether or not there is anything.
        inner.lent = 0;
        inner.line.look();
        if inner.waiting.len() == 0 && !inner.line.is_empty() {
            call(inner);
            waker.wake_by_ref();
            return Poll::Pending;
        }
        if inner.waiting.len() == 0 {
            let known = inner.driver.as_ref().is_some_and(|driver| driver.will_wake(waker));
            if !known {
                inner.driver = Some(waker.clone());
            }
            return Poll::Pending;
        }
        inner.waiting.take(chunks, spare);
        call(inner);
        Poll::Ready(())
    }

    /// [`poll_take`](Self::poll_take) for a publisher that sends for the driver.
    pub(super) fn take_lent(&self, chunks: &mut VecDeque<Bytes>, spare: Option<Vec<u8>>) {
        let mut inner = self.lock();
        if inner.gate != Gate::Connected {
            return;
        }
        inner.waiting.take(chunks, spare);
        inner.lent = inner.lent.saturating_add(1);
        call(inner);
    }

    /// Takes everything that waits, where it is the last that goes to this server. Gives back how
    /// many messages had been accepted by then.
    pub(crate) fn take_all(&self, chunks: &mut VecDeque<Bytes>) -> u64 {
        let mut inner = self.lock();
        inner.waiting.take(chunks, None);
        let accepted = inner.accepted;
        call(inner);
        accepted
    }

    /// Gives back the memory that is not in use.
    pub(crate) fn shrink(&self) {
        let mut inner = self.lock();
        inner.waiting.shrink();
    }
}

/// Wakes the driver for the first byte that waits, after the lock is given back: the driver would
/// run into it otherwise.
fn wake(mut inner: MutexGuard<'_, Inner>) {
    let driver = if inner.waiting.len() > 0 { inner.driver.take() } else { None };
    drop(inner);
    driver.into_iter().for_each(Waker::wake);
}

/// Calls those who are next in line, as far as there is room, after the lock is given back.
fn call(mut inner: MutexGuard<'_, Inner>) {
    let room = inner.limits.high_water.saturating_sub(inner.waiting.len());
    let called = inner.line.call(room);
    drop(inner);
    called.into_iter().for_each(Waker::wake);
}

/// Has everybody in line hear that waiting is over, after the lock is given back.
fn dismiss(mut inner: MutexGuard<'_, Inner>) {
    let dismissed = inner.line.dissolve();
    drop(inner);
    dismissed.into_iter().for_each(Waker::wake);
}

impl Inner {
    /// Whether a message can be taken at all; gives back its size.
    #[inline]
    fn accept(&self, headers_len: usize, body: Body<'_>) -> Result<u32, Refused> {
        if self.gate == Gate::Closed {
            return Err(Refused::Closed);
        }
        if self.draining {
            return Err(Refused::Draining);
        }
        let len = headers_len + body.as_slice().len();
        match u32::try_from(len) {
            Ok(size) if len <= self.max_payload => {
                if !self.headers && headers_len > 0 {
                    return Err(Refused::HeadersUnsupported);
                }
                Ok(size)
            }
            _ => Err(Refused::PayloadTooLarge { len, max: self.max_payload }),
        }
    }

    /// Whether this connection is the present one, and is up.
    #[inline]
    fn is_up(&self, connection: u64) -> bool {
        self.gate != Gate::Disconnected && self.connection == connection
    }

    /// Whether a message has to wait for what was said before to be sent.
    #[inline]
    fn has_to_wait(&self, ticket: &Ticket) -> bool {
        self.line.has_to_wait(self.waiting.len(), self.limits.high_water, ticket)
    }

    fn count(&mut self, size: u32) {
        self.out_msgs += 1;
        self.out_bytes += u64::from(size);
    }

    /// A server without headers gets no content type, timeout or trace: nobody asked for them, and
    /// they say nothing that must be known. How a payload is packed must be.
    #[inline]
    fn understood<'h>(&self, head: &PublishHead<'h>) -> PublishHead<'h> {
        let is_packed = |rare: &Rare<'_>| rare.content_encoding.is_some();
        let needed = |typed: &&Typed<'_>| self.headers || typed.rare.is_some_and(is_packed);
        PublishHead { typed: head.typed.filter(needed), ..*head }
    }

    /// Whether there is room while there is no connection.
    fn has_room(&self, size: u32) -> Result<(), Refused> {
        let max = self.limits.reconnect_buffer;
        if self.waiting.len() + size as usize > max {
            Err(Refused::BufferFull { max })
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod line_tests;
#[cfg(test)]
mod tests;
