//! Moving to another server while the connection to this one is still up.
//!
//! Queue groups, the inbox and single requests are subscribed at the new server first: for a while
//! both servers know them, and no message comes twice by it. The old server then forgets all other
//! subscriptions, and what it had sent before its PONG is still delivered. Only then does the new
//! server get those, since both would send each message.
//!
//! Many replies to one request can do neither: they would come twice, or some not at all. They stay
//! with the old server, and what is not over when that goes has lost its connection, or waits for
//! more from the new server where requests do.

use tokio::sync::oneshot;

use super::routes::Target;
use super::{Effects, Outcome, Pong, Session, Unanswered, Waiter};
use crate::protocol::{ServerInfo, encode};
use crate::runtime::Instant;

impl Session {
    /// Writes for the new server what both servers may know.
    pub(crate) fn move_first(&mut self, out: &mut Vec<u8>) {
        for (sid, route) in self.routes.iter_mut() {
            if route.may_overlap() && !route.draining {
                route.write_beside(sid, out);
                self.moved.push(sid);
            }
        }
    }

    /// Writes for the old server the end of all subscriptions, but for those that replies come to,
    /// and a PING whose PONG says that nothing more will come. Gives back the number of the move.
    pub(crate) fn leave(
        &mut self,
        accepted: u64,
        left: oneshot::Sender<Result<(), Unanswered>>,
        out: &mut Vec<u8>,
    ) -> u64 {
        self.moves += 1;
        for (sid, route) in self.routes.iter_mut() {
            let is_for_many = matches!(route.target, Target::Replies(..));
            if is_for_many {
                // What stayed with an earlier one is there still.
                route.left.get_or_insert(self.moves);
            }
            let is_for_replies =
                is_for_many || (route.queue_group.is_none() && route.may_overlap());
            if !is_for_replies && !route.draining {
                encode::unsubscribe(out, sid, None);
            }
        }
        out.extend_from_slice(encode::PING);
        self.pongs.push_back(Pong { waiter: Waiter::Ping(left), accepted });
        self.moves
    }

    /// Writes for the new server what it does not know yet, and uses it from now on.
    pub(crate) fn arrive(&mut self, info: ServerInfo, now: Instant, out: &mut Vec<u8>) {
        for sid in std::mem::take(&mut self.moved) {
            if self.routes.get(sid).is_none() {
                // It ended meanwhile, which the old server alone was told.
                encode::unsubscribe(out, sid, None);
            }
        }
        for (sid, route) in self.routes.iter_mut() {
            if route.left.is_none() && !route.has_moved(sid, out) {
                route.write(sid, out);
            }
        }
        self.use_server(info, now);
    }

    /// Whether something is still to come from the server that was left with this move.
    pub(crate) fn has_left(&self, by: u64) -> bool {
        self.routes.iter().any(|(_, route)| route.left == Some(by))
    }

    /// Nothing more comes from the server that was left with this move.
    pub(crate) fn end_left(&mut self, by: u64, effects: &mut Effects) {
        if self.keep_requests {
            // They wait for the server that is in use now, or for the next one.
            for (sid, route) in self.routes.iter_mut().filter(|(_, route)| route.left == Some(by)) {
                route.left = None;
                if self.connected {
                    route.write(sid, &mut effects.control);
                }
            }
            return;
        }
        let left = self.routes.iter().filter(|(_, route)| route.left == Some(by));
        let tokens: Vec<_> = left.filter_map(|(_, route)| route.request()).collect();
        for token in tokens {
            let outcome = Outcome::Disconnected { maybe_delivered: true };
            let ended = self.requests.complete(token, outcome);
            self.after(ended, effects);
        }
    }

    /// The connection does not move after all.
    pub(crate) fn stay(&mut self) {
        for sid in std::mem::take(&mut self.moved) {
            if let Some(route) = self.routes.get_mut(sid) {
                route.moved = None;
            }
        }
    }
}

#[cfg(test)]
mod tests;
