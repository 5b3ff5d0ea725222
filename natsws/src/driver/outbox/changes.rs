//! What becomes of what waits when the connection is lost, made, moved, drained or closed.

use super::waiting::Kind;
use super::{Gate, Inner, LARGEST_PAYLOAD, Outbox, dismiss, wake};
use crate::protocol::ServerInfo;

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

impl Outbox {
    /// The connection is lost: control operations go, messages stay, and so do requests where they
    /// are to. What is sent again goes, unless nothing more is accepted.
    pub(crate) fn disconnected(&self) -> Left {
        let mut inner = self.lock();
        if inner.gate != Gate::Closed {
            inner.gate = Gate::Disconnected;
        }
        inner.connection += 1;
        let mut requests = Vec::new();
        let (keep_requests, draining) = (inner.limits.keep_requests, inner.draining);
        let kept = inner.waiting.retain(|kind| match kind {
            Kind::Message { .. } => true,
            Kind::Repeated { .. } => draining,
            Kind::Request { .. } if keep_requests => true,
            Kind::Request { token, .. } => {
                requests.push(token);
                false
            }
            Kind::Control => false,
        });
        let accepted = inner.accepted;
        dismiss(inner);
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
            Kind::Message { .. } | Kind::Repeated { .. } => true,
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
            Kind::Message { .. } | Kind::Repeated { .. } | Kind::Control => true,
        });
        inner.waiting.put_first(control);
        // Those in line are called when the driver looks, as it does next.
        wake(inner);
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
        dismiss(inner);
    }

    /// The connection is closed for good. Gives back how many messages were accepted ever.
    pub(crate) fn close(&self) -> u64 {
        let mut inner = self.lock();
        inner.gate = Gate::Closed;
        let accepted = inner.accepted;
        inner.waiting.retain(|_| false);
        dismiss(inner);
        accepted
    }
}

impl Inner {
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
                // Whoever sends it again hears of it then.
                Kind::Repeated { size, headers } if !fits(size, headers) => {}
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
