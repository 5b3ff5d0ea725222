//! What a server does with each operation, without input, output, locks or a clock: `now` is an
//! argument.
//!
//! Operations go in by [`Exchange::apply`]; what is to be sent collects in a buffer for each client
//! and is fetched by [`Exchange::take`]. Whose buffer began to fill, or whose connection ended, is
//! told by [`Exchange::take_touched`].

use std::collections::BTreeMap;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::ClientId;
use super::connect::{Credentials, Refusal, Wishes};
use super::faults::{Faults, Publication};
use super::record::{Record, RecordLimits};
use super::subjects;
use super::subscriptions::Subscriptions;
use crate::delivery::Delivery;
use crate::protocol::encode::{self, server};
use crate::protocol::op::ClientOp;
use crate::protocol::{ProtocolFault, ServerInfo};
use crate::runtime::Instant;

/// What may wait for a client before it counts as too slow and its connection is cut: nats-server's
/// default.
pub(super) const MAX_PENDING: usize = 64 * 1024 * 1024;
/// What may wait for a client before those who publish to it are held back.
const CONGESTED: usize = MAX_PENDING / 4 * 3;

const AUTHORIZATION_VIOLATION: &str = "Authorization Violation";
const INVALID_PUBLISH_SUBJECT: &str = "Invalid Publish Subject";
const INVALID_SUBJECT: &str = "Invalid Subject";
const LINE_TOO_LONG: &str = "maximum control line exceeded";
const NO_RESPONDERS_WITHOUT_HEADERS: &str = "no responders requires headers support";
const PAYLOAD_VIOLATION: &str = "Maximum Payload Violation";
const UNKNOWN_OPERATION: &str = "Unknown Protocol Operation";

/// What holds for all clients.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) max_payload: usize,
    pub(super) headers: bool,
    pub(super) credentials: Credentials,
    pub(super) record: RecordLimits,
}

/// Where a client came in, for its `INFO`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) listener: SocketAddr,
    pub(super) client: IpAddr,
}

/// What a client's connection is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    /// Send this.
    Bytes(Bytes),
    /// Wait.
    Nothing,
    /// Send this, which may be empty, and close.
    Last(Bytes),
    /// Close at once.
    Gone,
}

/// How a client's connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Open,
    /// Nothing is to be read or written, as when the server hangs.
    Silent,
    /// It is to be closed behind what [`Exchange::take`] has.
    Ending,
    /// It is to be closed at once.
    Gone,
}

/// How much was done since this was last asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// The bytes of the messages that were delivered.
    pub(super) bytes: usize,
    /// One of them went to a client that is about to count as too slow.
    pub(super) congested: bool,
}

struct Client {
    wishes: Wishes,
    /// It may do more than `CONNECT`.
    admitted: bool,
    out: Vec<u8>,
    /// What was taken last and may not have been written yet.
    in_flight: usize,
    /// It will be sent what is in `out` and nothing more.
    ending: bool,
}

/// The clients, what they are subscribed to, and what is to be sent to them.
pub(super) struct Exchange {
    rules: Rules,
    server_id: String,
    clients: BTreeMap<ClientId, Client>,
    subscriptions: Subscriptions,
    record: Record,
    faults: Faults,
    /// The server hangs.
    silent: bool,
    random: fastrand::Rng,
    last_client: u64,
    touched: Vec<ClientId>,
    work: Work,
}

impl Exchange {
    /// The same seed makes the same choices among the members of queue groups.
    pub(super) fn new(rules: Rules, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let digits = (0..55).map(|_| random.alphanumeric().to_ascii_uppercase());
        Self {
            server_id: std::iter::once('N').chain(digits).collect(),
            record: Record::new(rules.record),
            rules,
            clients: BTreeMap::new(),
            subscriptions: Subscriptions::default(),
            faults: Faults::default(),
            silent: false,
            random,
            last_client: 0,
            touched: Vec::new(),
            work: Work::default(),
        }
    }

    pub(super) fn connections(&self) -> usize {
        self.clients.values().filter(|client| !client.ending).count()
    }

    pub(super) fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// Lets a new client in, as far as the `INFO` that it is sent.
    pub(super) fn join(&mut self, origin: Origin) -> ClientId {
        self.last_client += 1;
        let id = ClientId(self.last_client);
        let info = ServerInfo {
            server_id: self.server_id.clone(),
            server_name: "natsws-embedded".to_owned(),
            version: "2.15.0-natsws".to_owned(),
            host: origin.listener.ip().to_string(),
            port: origin.listener.port(),
            proto: 1,
            headers: self.rules.headers,
            max_payload: self.rules.max_payload,
            client_id: Some(id.0),
            client_ip: origin.client.to_string(),
            auth_required: self.rules.credentials.required(),
            ..ServerInfo::default()
        };
        let mut out = Vec::new();
        server::info(&mut out, &info);
        let admitted = !self.rules.credentials.required();
        let wishes = Wishes::default();
        self.clients.insert(id, Client { wishes, admitted, out, in_flight: 0, ending: false });
        self.touched.push(id);
        id
    }

    /// Does what a client asks for.
    pub(super) fn apply(&mut self, id: ClientId, op: ClientOp, now: Instant) {
        let Some(client) = self.clients.get(&id).filter(|client| !client.ending) else { return };
        if !client.admitted && !matches!(op, ClientOp::Connect(_)) {
            return self.dismiss(id, Some(AUTHORIZATION_VIOLATION));
        }
        match op {
            ClientOp::Connect(json) => self.connect(id, &json),
            ClientOp::Ping => self.send(id, encode::PONG),
            ClientOp::Pong => {}
            ClientOp::Pub(message) => self.publish(id, message, now),
            ClientOp::Sub { subject, queue_group, sid } => {
                if subjects::is_valid_filter(&subject) {
                    self.subscriptions.add(id, sid, &subject, queue_group.as_deref());
                    self.confirm(id);
                } else {
                    self.report(id, INVALID_SUBJECT);
                }
            }
            ClientOp::Unsub { sid, max } => {
                self.subscriptions.limit(id, sid, max.unwrap_or(0));
                self.confirm(id);
            }
        }
    }

    /// Ends the connection of a client that sent something that is not the protocol.
    pub(super) fn refuse(&mut self, id: ClientId, fault: ProtocolFault) {
        let admitted = self.clients.get(&id).is_none_or(|client| client.admitted);
        let text = match fault {
            _ if !admitted => Some(AUTHORIZATION_VIOLATION),
            ProtocolFault::UnknownOperation | ProtocolFault::PayloadEnd => Some(UNKNOWN_OPERATION),
            ProtocolFault::LineTooLong { .. } => Some(LINE_TOO_LONG),
            ProtocolFault::MessageTooLarge { .. } => Some(PAYLOAD_VIOLATION),
            ProtocolFault::Arguments
            | ProtocolFault::Number
            | ProtocolFault::HeaderSize
            | ProtocolFault::Json => None,
        };
        self.dismiss(id, text);
    }

    /// Ends a connection once all that waits for it is sent.
    pub(super) fn finish(&mut self, id: ClientId) {
        self.dismiss(id, None);
    }

    /// Ends all connections once all that waits for them is sent.
    pub(super) fn finish_all(&mut self) {
        for id in self.clients.keys().copied().collect::<Vec<_>>() {
            self.finish(id);
        }
    }

    /// Ends a connection at once.
    pub(super) fn cut(&mut self, id: ClientId) {
        if self.clients.remove(&id).is_some() {
            self.subscriptions.remove_client(id);
            self.touched.push(id);
        }
    }

    /// Ends all connections at once.
    pub(super) fn cut_all(&mut self) {
        for id in self.clients.keys().copied().collect::<Vec<_>>() {
            self.cut(id);
        }
    }

    /// Takes what is to be sent to a client. What was taken before counts as sent by then.
    pub(super) fn take(&mut self, id: ClientId) -> Outgoing {
        let Some(client) = self.clients.get_mut(&id) else { return Outgoing::Gone };
        let out = Bytes::from(mem::take(&mut client.out));
        client.in_flight = out.len();
        match (client.ending, out.is_empty()) {
            (true, _) => Outgoing::Last(out),
            (false, false) => Outgoing::Bytes(out),
            (false, true) => Outgoing::Nothing,
        }
    }

    pub(super) fn standing(&self, id: ClientId) -> Standing {
        match self.clients.get(&id) {
            Some(client) if client.ending => Standing::Ending,
            Some(_) if self.silent => Standing::Silent,
            Some(_) => Standing::Open,
            None => Standing::Gone,
        }
    }

    /// The clients for whom [`Self::take`] has something new.
    pub(super) fn take_touched(&mut self) -> Vec<ClientId> {
        mem::take(&mut self.touched)
    }

    /// Drops messages under a filter, which is valid: so many, or all.
    pub(super) fn drop_messages(&mut self, filter: &str, messages: Option<u64>) {
        self.faults.drop(filter, messages);
    }

    /// Delays messages under a filter, which is valid.
    pub(super) fn delay_messages(&mut self, filter: &str, by: Duration) {
        for publication in self.faults.delay(filter, by) {
            self.route(&publication);
        }
    }

    /// Neither reads nor writes, or does so again.
    pub(super) fn silence(&mut self, silent: bool) {
        self.silent = silent;
        self.touched.extend(self.clients.keys());
    }

    /// Ends what was asked for by the three methods above.
    pub(super) fn lift_faults(&mut self) {
        for publication in self.faults.lift() {
            self.route(&publication);
        }
        self.silence(false);
    }

    /// The times at which [`release`](Self::release) is to be called, besides those told before.
    pub(super) fn take_due(&mut self) -> Vec<Instant> {
        self.faults.take_due()
    }

    /// Delivers the messages that were delayed until now.
    pub(super) fn release(&mut self, now: Instant) {
        while let Some(publication) = self.faults.next_due(now) {
            self.route(&publication);
        }
    }

    /// What was published, whoever it went to.
    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// What is published from now on is all that was published.
    pub(super) fn forget_published(&mut self) {
        self.record.forget();
    }

    pub(super) fn work(&self) -> &Work {
        &self.work
    }

    pub(super) fn take_work(&mut self) -> Work {
        mem::take(&mut self.work)
    }

    fn connect(&mut self, id: ClientId, json: &[u8]) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Rules { headers, credentials, .. } = &self.rules;
        match client.wishes.update(json, *headers, credentials) {
            Ok(()) => {
                client.admitted = true;
                self.confirm(id);
            }
            Err(Refusal::Json) => self.dismiss(id, None),
            Err(Refusal::Credentials) => self.dismiss(id, Some(AUTHORIZATION_VIOLATION)),
            Err(Refusal::NoRespondersWithoutHeaders) => {
                self.dismiss(id, Some(NO_RESPONDERS_WITHOUT_HEADERS));
            }
        }
    }

    fn publish(&mut self, id: ClientId, message: Delivery, now: Instant) {
        let Some(client) = self.clients.get(&id) else { return };
        let Wishes { pedantic, echo, headers, no_responders, .. } = client.wishes;
        if message.has_headers() && !headers {
            return self.dismiss(id, None);
        }
        if pedantic && !subjects::is_valid_subject(message.subject()) {
            self.report(id, INVALID_PUBLISH_SUBJECT);
        }
        self.confirm(id);
        if subjects::is_deliverable(message.subject()) {
            self.record.add(&message);
        }
        let publication = Publication { publisher: id, echo, no_responders, message };
        if let Some(publication) = self.faults.pass(publication, now) {
            self.route(&publication);
        }
    }

    fn route(&mut self, publication: &Publication) {
        let Publication { publisher, echo, no_responders, message } = publication;
        let reached = self.deliver(*publisher, *echo, message);
        if *no_responders && !reached {
            self.answer_no_responders(*publisher, message);
        }
    }

    /// Appends a message to the buffers of those it goes to; returns whether there are any.
    fn deliver(&mut self, publisher: ClientId, echo: bool, message: &Delivery) -> bool {
        let may_receive = |client| echo || client != publisher;
        let recipients =
            self.subscriptions.recipients(message.subject(), may_receive, &mut self.random);
        for subscription in &recipients {
            // It is not there any more where this message was too much for its client.
            let Some(row) = self.subscriptions.get(*subscription) else { continue };
            let (id, sid) = (row.client, row.sid);
            self.subscriptions.count(*subscription);
            self.work.bytes += message.size();
            self.work.congested |= id != publisher && self.is_congested(id);
            self.write(id, |client| {
                server::message(&mut client.out, message, sid, client.wishes.headers);
            });
        }
        !recipients.is_empty()
    }

    fn answer_no_responders(&mut self, id: ClientId, message: &Delivery) {
        let Some(reply) = message.reply() else { return };
        let Some(sid) = self.subscriptions.own_sid(id, reply) else { return };
        self.write(id, |client| {
            server::no_responders(&mut client.out, reply, sid, message.subject());
        });
    }

    /// Says that an operation was done, to those who want to know.
    fn confirm(&mut self, id: ClientId) {
        if self.clients.get(&id).is_some_and(|client| client.wishes.verbose) {
            self.send(id, server::OK);
        }
    }

    fn report(&mut self, id: ClientId, text: &str) {
        self.write(id, |client| server::error(&mut client.out, text));
    }

    fn send(&mut self, id: ClientId, bytes: &[u8]) {
        self.write(id, |client| client.out.extend_from_slice(bytes));
    }

    /// Appends to a client's buffer, and gives the client up if it does not keep up.
    fn write(&mut self, id: ClientId, append: impl FnOnce(&mut Client)) {
        let Some(client) = self.clients.get_mut(&id).filter(|client| !client.ending) else {
            return;
        };
        if client.out.is_empty() {
            self.touched.push(id);
        }
        append(client);
        if client.pending() > MAX_PENDING {
            self.cut(id);
        }
    }

    /// Ends a connection behind a last `-ERR`, where there is anything to say.
    fn dismiss(&mut self, id: ClientId, text: Option<&str>) {
        if let Some(text) = text {
            self.report(id, text);
        }
        if let Some(client) = self.clients.get_mut(&id) {
            client.ending = true;
            self.subscriptions.remove_client(id);
            self.touched.push(id);
        }
    }

    fn is_congested(&self, id: ClientId) -> bool {
        self.clients.get(&id).is_some_and(|client| client.pending() > CONGESTED)
    }
}

impl Client {
    fn pending(&self) -> usize {
        self.out.len() + self.in_flight
    }
}

#[cfg(test)]
mod tests;
