//! What waits to be sent: one buffer that publishers append to and the driver takes whole.
//!
//! It is kept in the order in which things were said, since a PING must not overtake what it is to
//! confirm. An index of where each entry ends says what is a message, what a request and what a
//! control operation: on a lost connection messages stay, requests were told so and go, and control
//! operations go because the session writes them anew.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use bytes::{Bytes, BytesMut};

use crate::options::OutboxLimits;
use crate::protocol::ServerInfo;
use crate::protocol::encode::{self, PublishHead};

/// From this size on a payload is its own chunk, which a TCP transport writes without copying.
const LARGE_PAYLOAD: usize = 16 * 1024;

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
    fn as_slice(&self) -> &[u8] {
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

#[derive(Debug, Clone, Copy)]
enum Kind {
    Control,
    Message { size: usize, headers: bool },
    Request { token: u64, size: usize, headers: bool },
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Where it ends, counted from the start of what waits.
    end: usize,
    kind: Kind,
}

/// What the driver takes to send.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) chunks: VecDeque<Bytes>,
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

#[derive(Debug)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// What was sealed before `open`.
    chunks: VecDeque<Bytes>,
    open: BytesMut,
    /// All bytes that wait.
    len: usize,
    entries: Vec<Entry>,
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
    driver: Option<Waker>,
    publishers: Vec<Waker>,
}

impl Outbox {
    pub(crate) fn new(limits: OutboxLimits) -> Self {
        Self {
            inner: Mutex::new(Inner {
                chunks: VecDeque::new(),
                open: BytesMut::new(),
                len: 0,
                entries: Vec::new(),
                gate: Gate::Disconnected,
                draining: false,
                limits,
                max_payload: usize::MAX,
                headers: true,
                accepted: 0,
                out_msgs: 0,
                out_bytes: 0,
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
    ) -> Poll<Result<(), Refused>> {
        let mut inner = self.lock();
        let head = &inner.understood(head);
        let size = head.headers_len() + body.as_slice().len();
        if let Err(refused) = inner.check(head, size) {
            return Poll::Ready(Err(refused));
        }
        match inner.gate {
            Gate::Connected if inner.len >= inner.limits.high_water => {
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
        inner.message(head, body, Kind::Message { size, headers: head.headers_len() > 0 }, size);
        wake(inner);
        Poll::Ready(Ok(()))
    }

    /// Appends a request behind the control operations that it needs. Those go out in any case; the
    /// request may have to wait for room.
    pub(crate) fn poll_request(
        &self,
        control: &BytesMut,
        head: &PublishHead<'_>,
        body: Body<'_>,
        token: u64,
        waker: &Waker,
    ) -> Poll<Result<(), Refused>> {
        let mut inner = self.lock();
        inner.control(control);
        let head = &inner.understood(head);
        let size = head.headers_len() + body.as_slice().len();
        let accepted = match inner.check(head, size) {
            Err(refused) => Poll::Ready(Err(refused)),
            Ok(()) if inner.gate == Gate::Disconnected && !inner.limits.keep_requests => {
                Poll::Ready(Err(Refused::Disconnected))
            }
            Ok(()) if inner.gate == Gate::Connected && inner.len >= inner.limits.high_water => {
                inner.publishers.push(waker.clone());
                Poll::Pending
            }
            Ok(()) => Poll::Ready(match inner.gate {
                Gate::Disconnected => inner.has_room(size),
                _ => Ok(()),
            }),
        };
        if let Poll::Ready(Ok(())) = accepted {
            let headers = head.headers_len() > 0;
            inner.message(head, body, Kind::Request { token, size, headers }, size);
        }
        wake(inner);
        accepted
    }

    /// Appends control operations. They are never refused: there are few, and each is small.
    pub(crate) fn control(&self, control: &BytesMut) {
        if control.is_empty() {
            return;
        }
        let mut inner = self.lock();
        inner.control(control);
        wake(inner);
    }

    /// Messages accepted since the connection was first made.
    pub(crate) fn accepted(&self) -> u64 {
        self.lock().accepted
    }

    /// Messages that wait.
    pub(crate) fn unsent(&self) -> u64 {
        self.lock().messages()
    }

    /// Messages and bytes accepted, requests among them.
    pub(crate) fn sent(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.out_msgs, inner.out_bytes)
    }

    /// Takes everything that waits; where there is nothing, the waker is for the first byte.
    pub(crate) fn poll_take(&self, waker: &Waker) -> Poll<Batch> {
        let mut inner = self.lock();
        if inner.len == 0 {
            let known = inner.driver.as_ref().is_some_and(|driver| driver.will_wake(waker));
            if !known {
                inner.driver = Some(waker.clone());
            }
            return Poll::Pending;
        }
        let batch = inner.take();
        let publishers = std::mem::take(&mut inner.publishers);
        drop(inner);
        publishers.into_iter().for_each(Waker::wake);
        Poll::Ready(batch)
    }

    /// Takes everything that waits, where it is the last that goes to this server. Gives back how
    /// many messages had been accepted by then.
    pub(crate) fn take_all(&self) -> (Batch, u64) {
        let mut inner = self.lock();
        let all = (inner.take(), inner.accepted);
        let publishers = std::mem::take(&mut inner.publishers);
        drop(inner);
        publishers.into_iter().for_each(Waker::wake);
        all
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
        let kept = inner.retain(|kind| match kind {
            Kind::Message { .. } => true,
            Kind::Request { .. } if keep_requests => true,
            Kind::Request { token, .. } => {
                requests.push(token);
                false
            }
            Kind::Control => false,
        });
        let accepted = inner.accepted;
        let publishers = std::mem::take(&mut inner.publishers);
        drop(inner);
        publishers.into_iter().for_each(Waker::wake);
        Left { requests, kept, accepted }
    }

    /// A server has answered: `control` goes before everything that waits. Requests that nobody
    /// waits for any more are not sent.
    pub(crate) fn connected(
        &self,
        info: &ServerInfo,
        control: BytesMut,
        is_waiting: impl Fn(u64) -> bool,
    ) -> Misfits {
        let mut inner = self.lock();
        inner.gate = Gate::Connected;
        let misfits = inner.use_server(info, |kind| match kind {
            Kind::Message { .. } => true,
            Kind::Request { token, .. } => is_waiting(token),
            Kind::Control => false,
        });
        inner.put_first(control);
        wake(inner);
        misfits
    }

    /// The connection has moved to another server: `control` goes before everything that waits,
    /// control operations included, which were said to the connection and not to a server.
    pub(crate) fn moved(
        &self,
        info: &ServerInfo,
        control: BytesMut,
        is_waiting: impl Fn(u64) -> bool,
    ) -> Misfits {
        let mut inner = self.lock();
        let misfits = inner.use_server(info, |kind| match kind {
            Kind::Request { token, .. } => is_waiting(token),
            Kind::Message { .. } | Kind::Control => true,
        });
        inner.put_first(control);
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
        let publishers = std::mem::take(&mut inner.publishers);
        drop(inner);
        publishers.into_iter().for_each(Waker::wake);
    }

    /// The connection is closed for good. Gives back how many messages were accepted ever.
    pub(crate) fn close(&self) -> u64 {
        let mut inner = self.lock();
        inner.gate = Gate::Closed;
        let accepted = inner.accepted;
        inner.retain(|_| false);
        let publishers = std::mem::take(&mut inner.publishers);
        drop(inner);
        publishers.into_iter().for_each(Waker::wake);
        accepted
    }
}

/// Wakes the driver for the first byte that waits, after the lock is given back: the driver would
/// run into it otherwise.
fn wake(mut inner: MutexGuard<'_, Inner>) {
    let driver = if inner.len > 0 { inner.driver.take() } else { None };
    drop(inner);
    driver.into_iter().for_each(Waker::wake);
}

impl Inner {
    fn check(&self, head: &PublishHead<'_>, size: usize) -> Result<(), Refused> {
        if self.gate == Gate::Closed {
            return Err(Refused::Closed);
        }
        if self.draining {
            return Err(Refused::Draining);
        }
        if size > self.max_payload {
            return Err(Refused::PayloadTooLarge { len: size, max: self.max_payload });
        }
        if !self.headers && head.headers_len() > 0 {
            return Err(Refused::HeadersUnsupported);
        }
        Ok(())
    }

    /// A server without headers gets no content type; that nobody asked for it says nothing more
    /// than the payload does.
    fn understood<'h>(&self, head: &PublishHead<'h>) -> PublishHead<'h> {
        let content_type = if self.headers { head.content_type } else { None };
        PublishHead { content_type, ..*head }
    }

    fn message(&mut self, head: &PublishHead<'_>, body: Body<'_>, kind: Kind, size: usize) {
        let before = self.open.len();
        let payload = body.as_slice();
        match body {
            Body::Shared(shared) if payload.len() >= LARGE_PAYLOAD => {
                // The size stands in the head; only the room for the payload is not needed.
                head.write(&mut self.open, payload.len(), 0);
                self.len += self.open.len() - before + payload.len();
                self.seal();
                self.chunks.push_back(shared.clone());
                encode::payload_end(&mut self.open);
                self.len += self.open.len();
            }
            _ => {
                head.write(&mut self.open, payload.len(), payload.len());
                self.open.extend_from_slice(payload);
                encode::payload_end(&mut self.open);
                self.len += self.open.len() - before;
            }
        }
        self.entries.push(Entry { end: self.len, kind });
        self.out_msgs += 1;
        self.out_bytes += size as u64;
    }

    fn control(&mut self, control: &BytesMut) {
        if control.is_empty() {
            return;
        }
        self.open.extend_from_slice(control);
        self.len += control.len();
        self.entries.push(Entry { end: self.len, kind: Kind::Control });
    }

    /// Whether there is room while there is no connection.
    fn has_room(&self, size: usize) -> Result<(), Refused> {
        let max = self.limits.reconnect_buffer;
        if self.len + size > max { Err(Refused::BufferFull { max }) } else { Ok(()) }
    }

    fn limit(&mut self, info: &ServerInfo) {
        self.max_payload = if info.max_payload == 0 { usize::MAX } else { info.max_payload };
        self.headers = info.headers;
    }

    /// Keeps what `keep` says, as far as the server accepts it.
    fn use_server(&mut self, info: &ServerInfo, keep: impl Fn(Kind) -> bool) -> Misfits {
        self.limit(info);
        let (max, takes_headers) = (self.max_payload, self.headers);
        let fits = |size: usize, headers: bool| size <= max && (takes_headers || !headers);
        let mut misfits = Misfits::default();
        self.retain(|kind| {
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

    /// Puts control operations before everything else.
    fn put_first(&mut self, control: BytesMut) {
        let len = control.len();
        if len == 0 {
            return;
        }
        self.chunks.push_front(control.freeze());
        self.len += len;
        for entry in &mut self.entries {
            entry.end += len;
        }
        self.entries.insert(0, Entry { end: len, kind: Kind::Control });
    }

    fn seal(&mut self) {
        if !self.open.is_empty() {
            self.chunks.push_back(self.open.split().freeze());
        }
    }

    fn take(&mut self) -> Batch {
        self.seal();
        self.entries.clear();
        self.len = 0;
        Batch { chunks: std::mem::take(&mut self.chunks) }
    }

    fn messages(&self) -> u64 {
        let messages = self.entries.iter().filter(|e| matches!(e.kind, Kind::Message { .. }));
        messages.count() as u64
    }

    /// Keeps only some entries; gives back how many messages are left.
    fn retain(&mut self, mut keep: impl FnMut(Kind) -> bool) -> u64 {
        let entries = std::mem::take(&mut self.entries);
        let mut waiting = BytesMut::with_capacity(self.len);
        for chunk in self.take().chunks {
            waiting.extend_from_slice(&chunk);
        }
        let mut start = 0;
        for entry in entries {
            let bytes = waiting.get(start..entry.end).unwrap_or_default();
            start = entry.end;
            if keep(entry.kind) {
                self.open.extend_from_slice(bytes);
                self.len += bytes.len();
                self.entries.push(Entry { end: self.len, kind: entry.kind });
            }
        }
        self.messages()
    }
}

#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod tests;
