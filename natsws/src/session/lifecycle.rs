//! What happens to the connection: a server has answered, it is lost, it is closed.

use std::sync::Arc;

use super::keepalive::Keepalive;
use super::{Effects, Outcome, PROOF_AFTER, Session, Unanswered, Waiter};
use crate::protocol::ServerInfo;
use crate::runtime::Instant;

impl Session {
    /// A server has answered: writes every subscription, with what is left of its `max`.
    pub(crate) fn resume(&mut self, info: ServerInfo, now: Instant, out: &mut Vec<u8>) {
        self.use_server(info, now);
        for (sid, route) in self.routes.iter_mut() {
            route.write(sid, out);
        }
    }

    pub(super) fn use_server(&mut self, info: ServerInfo, now: Instant) {
        self.info = Arc::new(info);
        self.keepalive = Keepalive::new(self.ping_interval, self.max_pings_out, now);
        self.connected = true;
        self.proof_at = Some(now + PROOF_AFTER);
        self.proved = false;
    }

    /// Whether the connection has been up for a while and answered since.
    pub(crate) fn has_proved_itself(&self) -> bool {
        self.proved
    }

    /// The connection is lost: nothing that waits for the server may go on waiting, but for requests
    /// where they are to.
    ///
    /// `unsent` says which requests never left, `accepted` how many messages were accepted in all,
    /// `kept` how many of them wait for the next connection. Gives back how many are unconfirmed.
    pub(crate) fn disconnected(
        &mut self,
        accepted: u64,
        kept: u64,
        unsent: &[u64],
        effects: &mut Effects,
    ) -> u64 {
        self.connected = false;
        self.proof_at = None;
        self.blocked.clear();
        // The next server gets all that there is.
        self.routes.iter_mut().for_each(|(_, route)| route.left = None);
        let sent = accepted.saturating_sub(kept);
        let unconfirmed = sent.saturating_sub(self.confirmed);
        // They are reported, so the next connection's account starts without them.
        self.confirmed = sent;
        self.lost += unconfirmed;
        self.end_pongs(Unanswered::Disconnected { unconfirmed }, effects);
        if !self.keep_requests {
            let ended = self.requests.end(|token, _| {
                Some(Outcome::Disconnected { maybe_delivered: !unsent.contains(&token) })
            });
            self.after(ended, effects);
        }
        unconfirmed
    }

    /// The connection is closed for good: everything ends.
    pub(crate) fn close(&mut self, effects: &mut Effects) {
        self.closed = true;
        self.connected = false;
        self.proof_at = None;
        self.blocked.clear();
        self.end_pongs(Unanswered::Closed, effects);
        let ended = self.requests.end(|_, _| Some(Outcome::Closed));
        self.after(ended, effects);
        for sid in self.routes.sids(|_| true) {
            self.end_route(sid, None, effects);
        }
        self.inbox_sid = None;
    }

    fn end_pongs(&mut self, answer: Unanswered, effects: &mut Effects) {
        let mut told = false;
        for pong in std::mem::take(&mut self.pongs) {
            match pong.waiter {
                Waiter::Flush(waiter) => {
                    let answer = match answer {
                        // All of it, that of earlier connections included.
                        Unanswered::Disconnected { .. } => {
                            Unanswered::Disconnected { unconfirmed: self.lost }
                        }
                        other => other,
                    };
                    if waiter.send(Err(answer)).is_ok() {
                        told = true;
                    }
                }
                Waiter::Ping(waiter) => {
                    let _: Result<(), _> = waiter.send(Err(answer));
                }
                Waiter::Drained(sid) => self.end_route(sid, None, effects),
                Waiter::Keepalive | Waiter::Proof => {}
            }
        }
        if told {
            self.lost = 0;
        }
    }
}
