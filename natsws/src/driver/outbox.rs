//! What waits to be sent: one buffer that publishers append to and the driver takes whole.
//!
//! It is kept in the order in which things were said, since a PING must not overtake what it is to
//! confirm. On a lost connection messages stay, requests were told so and go, and control operations
//! go because the session writes them anew.

mod waiting;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use bytes::Bytes;

use crate::header::Headers;
use crate::options::OutboxLimits;
use crate::protocol::ServerInfo;
use crate::protocol::encode::{PublishHead, Rare, Typed};
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

/// What a lost connection leaves.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// The tokens of requests that never left.
    pub(crate) requests: Vec<u64>,
    /// How many messages wait for the next connection.
    pub(crate) kept: u64,
    /// How many messages were accepted ever.
    pub(crate) accepted: u64,
}

/// What waited and will not be sent after all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Misfits {
    /// How many messages the server does not accept.
    pub(crate) messages: u64,
    /// The tokens of requests that it does not accept.
    pub(crate) requests: Vec<u64>,
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
    /// Messages accepted ever, requests not counted: those have an outcome of their own.
    accepted: u64,
    out_msgs: u64,
    out_bytes: u64,
    /// How many batches publishers sent themselves since the driver had its turn.
    lent: u8,
    driver: Option<Waker>,
    publishers: Vec<Waker>,
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
                out_msgs: 0,
                out_bytes: 0,
                lent: 0,
                driver: None,
                publishers: Vec::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a message, or leaves the waker where the buffer is over its high-water mark. Without
    /// a waker it is refused then.
    pub(crate) fn poll_publish(
        &self,
        head: &PublishHead<'_>,
        body: Body<'_>,
        waker: Option<&Waker>,
    ) -> Poll<Result<Accepted, Refused>> {
        let mut inner = self.lock();
        let head = &inner.understood(head);
        let headers_len = head.headers_len();
        let size = match inner.accept(headers_len, body) {
            Ok(size) => size,
            Err(refused) => return Poll::Ready(Err(refused)),
        };
        match inner.gate {
            Gate::Connected if inner.is_full() => {
                let Some(waker) = waker else { return Poll::Ready(Err(Refused::WouldBlock)) };
                inner.publishers.push(waker.clone());
                return Poll::Pending;
            }
            Gate::Disconnected => {
                if let Err(refused) = inner.has_room(size) {
                    return Poll::Ready(Err(refused));
                }
            }
            _ => {}
        }
        inner.accepted += 1;
        inner.count(size);
        let was_batch = inner.waiting.is_batch();
        inner.waiting.push(
            head,
            headers_len,
            body,
            Kind::Message { size, headers: headers_len > 0 },
        );
        let fills_batch = !was_batch && inner.waiting.is_batch() && inner.lent < LENT;
        wake(inner);
        Poll::Ready(Ok(Accepted { fills_batch }))
    }

    /// Appends an empty message without headers where it need not wait, and leaves it out where it
    /// would: who offers it does not ask what becomes of it.
    pub(crate) fn offer(&self, subject: &str) {
        let mut inner = self.lock();
        if inner.gate != Gate::Connected || inner.is_full() {
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
        waker: &Waker,
    ) -> Poll<Result<(), Refused>> {
        let mut inner = self.lock();
        inner.waiting.push_control(control);
        let head = &inner.understood(head);
        let headers_len = head.headers_len();
        let accepted = match inner.accept(headers_len, body) {
            Err(refused) => Poll::Ready(Err(refused)),
            Ok(_) if inner.gate == Gate::Disconnected && !inner.limits.keep_requests => {
                Poll::Ready(Err(Refused::Disconnected))
            }
            Ok(_) if inner.gate == Gate::Connected && inner.is_full() => {
                inner.publishers.push(waker.clone());
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
        accepted
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
    pub(crate) fn poll_take(
        &self,
        waker: &Waker,
        chunks: &mut VecDeque<Bytes>,
        spare: Option<Vec<u8>>,
    ) -> Poll<()> {
        let mut inner = self.lock();
        // It is the driver's turn, whether or not there is anything.
        inner.lent = 0;
        if inner.waiting.len() == 0 {
            let known = inner.driver.as_ref().is_some_and(|driver| driver.will_wake(waker));
            if !known {
                inner.driver = Some(waker.clone());
            }
            return Poll::Pending;
        }
        inner.waiting.take(chunks, spare);
        wake_publishers(inner);
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
        wake_publishers(inner);
    }

    /// Takes everything that waits, where it is the last that goes to this server. Gives back how
    /// many messages had been accepted by then.
    pub(crate) fn take_all(&self, chunks: &mut VecDeque<Bytes>) -> u64 {
        let mut inner = self.lock();
        inner.waiting.take(chunks, None);
        let accepted = inner.accepted;
        wake_publishers(inner);
        accepted
    }

    /// Gives back the memory that is not in use.
    pub(crate) fn shrink(&self) {
        let mut inner = self.lock();
        inner.waiting.shrink();
        inner.publishers.shrink_to_fit();
    }

    /// The connection is lost: control operations go, messages stay, and so do requests where they
    /// are to.
    pub(crate) fn disconnected(&self) -> Left {
        let mut inner = self.lock();
        if inner.gate != Gate::Closed {
            inner.gate = Gate::Disconnected;
        }
        let mut requests = Vec::new();
        let keep_requests = inner.limits.keep_requests;
        let kept = inner.waiting.retain(|kind| match kind {
            Kind::Message { .. } => true,
            Kind::Request { .. } if keep_requests => true,
            Kind::Request { token, .. } => {
                requests.push(token);
                false
            }
            Kind::Control => false,
        });
        let accepted = inner.accepted;
        wake_publishers(inner);
        Left { requests, kept, accepted }
    }

    /// A server has answered: `control` goes before everything that waits. Requests that nobody
    /// waits for any more are not sent.
    pub(crate) fn connected(
        &self,
        info: &ServerInfo,
        control: Vec<u8>,
        is_waiting: impl Fn(u64) -> bool,
    ) -> Misfits {
        let mut inner = self.lock();
        inner.gate = Gate::Connected;
        let misfits = inner.use_server(info, |kind| match kind {
            Kind::Message { .. } => true,
            Kind::Request { token, .. } => is_waiting(token),
            Kind::Control => false,
        });
        inner.waiting.put_first(control);
        wake(inner);
        misfits
    }

    /// The connection has moved to another server: `control` goes before everything that waits,
    /// control operations included, which were said to the connection and not to a server.
    pub(crate) fn moved(
        &self,
        info: &ServerInfo,
        control: Vec<u8>,
        is_waiting: impl Fn(u64) -> bool,
    ) -> Misfits {
        let mut inner = self.lock();
        let misfits = inner.use_server(info, |kind| match kind {
            Kind::Request { token, .. } => is_waiting(token),
            Kind::Message { .. } | Kind::Control => true,
        });
        inner.waiting.put_first(control);
        // There may be room now, and nothing that would be taken out to say so.
        let publishers = std::mem::take(&mut inner.publishers);
        wake(inner);
        publishers.into_iter().for_each(Waker::wake);
        misfits
    }

    /// The server changed what it accepts.
    pub(crate) fn update(&self, info: &ServerInfo) {
        self.lock().limit(info);
    }

    /// Nothing more is accepted; what waits is still sent.
    pub(crate) fn stop_accepting(&self) {
        let mut inner = self.lock();
        inner.draining = true;
        wake_publishers(inner);
    }

    /// The connection is closed for good. Gives back how many messages were accepted ever.
    pub(crate) fn close(&self) -> u64 {
        let mut inner = self.lock();
        inner.gate = Gate::Closed;
        let accepted = inner.accepted;
        inner.waiting.retain(|_| false);
        wake_publishers(inner);
        accepted
    }
}

/// Wakes the driver for the first byte that waits, after the lock is given back: the driver would
/// run into it otherwise.
fn wake(mut inner: MutexGuard<'_, Inner>) {
    let driver = if inner.waiting.len() > 0 { inner.driver.take() } else { None };
    drop(inner);
    driver.into_iter().for_each(Waker::wake);
}

/// Wakes those who wait for room, or who are to hear that there will be none, after the lock is given
/// back.
fn wake_publishers(mut inner: MutexGuard<'_, Inner>) {
    let publishers = std::mem::take(&mut inner.publishers);
    drop(inner);
    publishers.into_iter().for_each(Waker::wake);
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

    /// Whether publishers have to wait for what they said to be sent.
    #[inline]
    fn is_full(&self) -> bool {
        self.waiting.len() >= self.limits.high_water
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

    fn limit(&mut self, info: &ServerInfo) {
        let unlimited = info.max_payload == 0;
        self.max_payload = if unlimited { LARGEST_PAYLOAD } else { info.max_payload };
        self.headers = info.headers;
    }

    /// Keeps what `keep` says, as far as the server accepts it.
    fn use_server(&mut self, info: &ServerInfo, keep: impl Fn(Kind) -> bool) -> Misfits {
        self.limit(info);
        let (max, takes_headers) = (self.max_payload, self.headers);
        let fits = |size: u32, headers: bool| size as usize <= max && (takes_headers || !headers);
        let mut misfits = Misfits::default();
        self.waiting.retain(|kind| {
            if !keep(kind) {
                return false;
            }
            match kind {
                Kind::Message { size, headers } if !fits(size, headers) => misfits.messages += 1,
                Kind::Request { token, size, headers } if !fits(size, headers) => {
                    misfits.requests.push(token);
                }
                _ => return true,
            }
            false
        });
        misfits
    }
}

#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod tests;
