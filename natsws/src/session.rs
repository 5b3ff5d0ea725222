//! What a connection knows about its subscriptions, requests and pings: a state machine without
//! input or output. Bytes are decoded before they come here, `now` is an argument, and what is to
//! be done is collected in [`Effects`].

mod backlog;
mod exchanges;
mod hand_over;
mod keepalive;
mod lifecycle;
mod moving;
mod overflow;
mod queue;
mod receive;
mod replies;
mod requests;
mod routes;
mod taken;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

pub use overflow::Overflow;
pub(crate) use overflow::QueueLimits;
pub(crate) use queue::{Item, Queue};
pub(crate) use replies::Collect;
pub use replies::Replies;
use requests::{Ended, Requests};
pub(crate) use requests::{Outcome, SubjectHash};
use routes::Routes;
pub(crate) use routes::{Handler, Inline, Route, Target};
pub(crate) use taken::Taken;

use crate::protocol::encode;
use crate::protocol::{ServerError, ServerInfo};
use crate::runtime::Instant;
use hand_over::Batches;
use keepalive::{Due, Keepalive};

/// What the session wants done, outside its lock.
#[derive(Default)]
pub(crate) struct Effects {
    /// Control operations to send.
    pub(crate) control: Vec<u8>,
    pub(crate) wakers: Vec<Waker>,
    /// Messages for handlers, in the order they came.
    pub(crate) calls: Vec<(Handler, Item)>,
    pub(crate) notices: Vec<Notice>,
    /// Flushes that were answered. They hear of it when the handlers have had what came before.
    pub(crate) flushed: Vec<oneshot::Sender<Result<(), Unanswered>>>,
    /// Subscriptions that are over. A handler may own whatever its user likes, handles of this very
    /// connection among them, so it is dropped where no lock is held.
    ended: Vec<Route>,
    /// The server changed what it says of itself.
    pub(crate) info: Option<Arc<ServerInfo>>,
    /// A subscription has no room, and reading has to wait for it.
    pub(crate) blocked: bool,
}

impl Effects {
    /// Whether nothing is to be done but to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.wakers.is_empty()
            && self.calls.is_empty()
            && self.notices.is_empty()
            && self.flushed.is_empty()
            && self.ended.is_empty()
            && self.info.is_none()
    }
}

/// Something that listeners want to know.
#[derive(Debug)]
pub(crate) enum Notice {
    ServerError(ServerError),
    LameDuckMode,
    SlowConsumer { subject: String, waiting: usize },
    SlowConsumerRecovered { subject: String, dropped: u64 },
}

/// Why a PING has no PONG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The connection was lost, with this many messages unconfirmed.
    Disconnected {
        unconfirmed: u64,
    },
    /// There is no connection. This many messages wait for the next one, or are not confirmed.
    NotConnected {
        unconfirmed: u64,
    },
    Closed,
}

/// Who waits for a PONG. They come in the order of the PINGs.
enum Waiter {
    Flush(oneshot::Sender<Result<(), Unanswered>>),
    /// Somebody who wants to know whether the server is there, not what was lost.
    Ping(oneshot::Sender<Result<(), Unanswered>>),
    /// A subscription whose UNSUB went before the PING: by the PONG it has got everything.
    Drained(u64),
    Keepalive,
    /// The connection has been up for long enough; the PONG shows that it is worth something.
    Proof,
}

/// How long a connection must have been up before it counts as good.
const PROOF_AFTER: Duration = Duration::from_secs(5);
/// How long a subscription may hold up the whole connection.
const LONGEST_BLOCK: Duration = Duration::from_secs(5);

/// A subscription for which reading from the server waits.
struct Blocked {
    queue: Arc<Queue>,
    subject: Arc<str>,
    until: Instant,
}

struct Pong {
    waiter: Waiter,
    /// How many messages had been accepted when the PING was: the PONG confirms them.
    accepted: u64,
}

#[expect(clippy::struct_excessive_bools, reason = "each comes true at a time of its own")]
pub(crate) struct Session {
    routes: Routes,
    requests: Requests,
    pongs: VecDeque<Pong>,
    keepalive: Keepalive,
    ping_interval: Duration,
    max_pings_out: usize,
    connected: bool,
    /// No new subscriptions and requests.
    draining: bool,
    closed: bool,
    info: Arc<ServerInfo>,
    /// What reply subjects of requests start with, the last dot included.
    inbox: Arc<str>,
    inbox_sid: Option<u64>,
    /// No subscription waits for its first message beyond this.
    first_deadline: Option<Instant>,
    /// When the driver looks next by itself, and its waker for what is due before that. A driver
    /// that cannot write is not woken by what is to be sent.
    timer: Option<(Option<Instant>, Waker)>,
    /// The block that is being read. It is let go when all of it has been.
    block: Bytes,
    /// What it brought for readers.
    batches: Batches,
    /// Subscriptions that have no room and hold up the connection until they do.
    blocked: Vec<Blocked>,
    /// How often the connection has moved.
    moves: u64,
    /// Requests wait for the next connection.
    keep_requests: bool,
    /// When the connection is asked to prove itself.
    proof_at: Option<Instant>,
    /// The connection has been up for a while and answered since.
    proved: bool,
    /// Subscriptions that the server knows already which the connection is moving to.
    moved: Vec<u64>,
    /// How many accepted messages are known to have reached the server, or were told as lost.
    confirmed: u64,
    /// Messages that lost connections left unconfirmed, and that no flush was told of yet.
    lost: u64,
    in_msgs: u64,
    in_bytes: u64,
}

impl Session {
    pub(crate) fn new(
        inbox: Arc<str>,
        ping_interval: Duration,
        max_pings_out: usize,
        keep_requests: bool,
        now: Instant,
    ) -> Self {
        Self {
            routes: Routes::default(),
            requests: Requests::default(),
            pongs: VecDeque::new(),
            keepalive: Keepalive::new(ping_interval, max_pings_out, now),
            ping_interval,
            max_pings_out,
            connected: false,
            draining: false,
            closed: false,
            info: Arc::default(),
            inbox,
            inbox_sid: None,
            first_deadline: None,
            timer: None,
            block: Bytes::new(),
            batches: Batches::default(),
            blocked: Vec::new(),
            moves: 0,
            keep_requests,
            proof_at: None,
            proved: false,
            moved: Vec::new(),
            confirmed: 0,
            lost: 0,
            in_msgs: 0,
            in_bytes: 0,
        }
    }

    pub(crate) fn info(&self) -> &Arc<ServerInfo> {
        &self.info
    }

    pub(crate) fn inbox(&self) -> &Arc<str> {
        &self.inbox
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining
    }

    /// Refuses new subscriptions and requests from now on; `false` where it did already.
    pub(crate) fn start_draining(&mut self) -> bool {
        !std::mem::replace(&mut self.draining, true)
    }

    pub(crate) fn received(&self) -> (u64, u64) {
        (self.in_msgs, self.in_bytes)
    }

    pub(crate) fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// Whether more may be read from the server. The waker is for when a subscription that holds
    /// it up has room; when its time is over, [`timeout`](Self::timeout) gives way.
    pub(crate) fn poll_may_read(&mut self, waker: &Waker, effects: &mut Effects) -> bool {
        self.blocked.retain(|blocked| {
            if blocked.queue.poll_room(waker).is_pending() {
                return true;
            }
            if let Some(dropped) = blocked.queue.recover() {
                let subject = blocked.subject.as_ref().to_owned();
                effects.notices.push(Notice::SlowConsumerRecovered { subject, dropped });
            }
            false
        });
        self.blocked.is_empty()
    }

    /// No subscription holds the connection up any longer.
    pub(crate) fn give_way(&mut self) {
        for blocked in self.blocked.drain(..) {
            blocked.queue.give_way();
        }
    }

    fn after(&mut self, ended: Ended, effects: &mut Effects) {
        effects.wakers.extend(ended.wakers);
        for sid in ended.sids {
            self.unsubscribe(sid, effects);
        }
    }

    // What the handles ask for.

    /// Adds a subscription. While there is no connection it waits for the next one.
    pub(crate) fn subscribe(&mut self, route: Route, effects: &mut Effects) -> u64 {
        if let Some(deadline) = route.deadline {
            self.first_deadline = Some(self.first_deadline.map_or(deadline, |at| at.min(deadline)));
            self.due_by(deadline, effects);
        }
        let sid = self.routes.insert(route);
        if let (true, Some(route)) = (self.connected, self.routes.get_mut(sid)) {
            route.write(sid, &mut effects.control);
        }
        sid
    }

    /// Adds a subject to a subscription: messages come to its reader in the order in which they
    /// came to the connection.
    pub(crate) fn follow(&mut self, leader: u64, subject: Arc<str>, effects: &mut Effects) {
        let Some(route) = self.routes.get_mut(leader) else { return };
        let queue_group = route.queue_group.as_deref().map(str::to_owned);
        let follower = Route::new(subject, queue_group, Target::Follows(leader));
        let sid = self.subscribe(follower, effects);
        if let Some(route) = self.routes.get_mut(leader) {
            route.followers.push(sid);
        }
    }

    /// Ends a subscription at once; its reader still gets what had arrived.
    pub(crate) fn unsubscribe(&mut self, sid: u64, effects: &mut Effects) {
        self.end_with(sid, None, effects);
    }

    /// Ends a subscription at once, and tells its reader why.
    fn end_with(&mut self, sid: u64, reason: Option<Item>, effects: &mut Effects) {
        let Some(route) = self.routes.get(sid) else { return };
        if self.connected {
            route.write_end(sid, &mut effects.control);
        }
        self.end_route(sid, reason, effects);
    }

    /// Ends a subscription with its `max`th message, counted over its whole life.
    pub(crate) fn unsubscribe_after(&mut self, sid: u64, max: u64, effects: &mut Effects) {
        let Some(route) = self.routes.get_mut(sid) else { return };
        route.max = Some(max);
        if route.is_complete() {
            self.unsubscribe(sid, effects);
        } else if self.connected {
            route.write_max(sid, &mut effects.control);
        }
    }

    /// Stops the server from sending more; the subscription ends at the PONG of the PING that is
    /// sent behind, by which everything sent before has come.
    pub(crate) fn drain(&mut self, sid: u64, accepted: u64, effects: &mut Effects) {
        let Some(route) = self.routes.get_mut(sid) else { return };
        if route.draining {
            return;
        }
        if !self.connected {
            self.end_route(sid, None, effects);
            return;
        }
        route.draining = true;
        route.write_end(sid, &mut effects.control);
        effects.control.extend_from_slice(encode::PING);
        for follower in route.followers.clone() {
            if let Some(route) = self.routes.get_mut(follower) {
                route.draining = true;
            }
        }
        self.pongs.push_back(Pong { waiter: Waiter::Drained(sid), accepted });
    }

    /// The subscriptions that have readers, with their queues. Requests are none.
    pub(crate) fn subscriptions(&self) -> Vec<(u64, Arc<Queue>)> {
        let all = self.routes.iter().filter(|(_, route)| route.request().is_none());
        all.filter_map(|(sid, route)| route.queue().map(|queue| (sid, Arc::clone(queue)))).collect()
    }

    /// How many messages earlier connections left unconfirmed since this was asked last.
    pub(crate) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// Sends a PING; `waiter` hears of the PONG, or that there will be none.
    pub(crate) fn ping(
        &mut self,
        waiter: oneshot::Sender<Result<(), Unanswered>>,
        accepted: u64,
        effects: &mut Effects,
    ) {
        self.ask(Waiter::Ping(waiter), accepted, effects);
    }

    /// [`ping`](Self::ping) for one who is told what lost connections left unconfirmed.
    pub(crate) fn flush(
        &mut self,
        waiter: oneshot::Sender<Result<(), Unanswered>>,
        accepted: u64,
        effects: &mut Effects,
    ) {
        self.ask(Waiter::Flush(waiter), accepted, effects);
    }

    fn ask(&mut self, waiter: Waiter, accepted: u64, effects: &mut Effects) {
        if self.connected {
            effects.control.extend_from_slice(encode::PING);
            self.pongs.push_back(Pong { waiter, accepted });
        } else if let Waiter::Flush(waiter) | Waiter::Ping(waiter) = waiter {
            let unconfirmed = accepted.saturating_sub(self.confirmed) + self.lost;
            let answer = if self.closed {
                Unanswered::Closed
            } else {
                Unanswered::NotConnected { unconfirmed }
            };
            let _: Result<(), _> = waiter.send(Err(answer));
        }
    }

    // What time brings.

    /// Does what is due; `Err` says how many pings had no answer.
    pub(crate) fn timeout(
        &mut self,
        now: Instant,
        accepted: u64,
        effects: &mut Effects,
    ) -> Result<(), usize> {
        let ended = self.requests.expire(now);
        self.after(ended, effects);
        self.expire_subscriptions(now, effects);
        if !self.connected {
            return Ok(());
        }
        self.blocked.retain(|blocked| {
            if blocked.until <= now {
                blocked.queue.give_way();
            }
            blocked.until > now
        });
        if self.proof_at.is_some_and(|at| at <= now) {
            self.proof_at = None;
            effects.control.extend_from_slice(encode::PING);
            self.pongs.push_back(Pong { waiter: Waiter::Proof, accepted });
        }
        if !self.blocked.is_empty() {
            // Nothing is read, so nothing says whether the server is there.
            self.keepalive.received(now);
        }
        let due = self.keepalive.due(now);
        self.keep_alive(due, accepted, effects)
    }

    /// Asks the server at once whether it is there: something may have ended the connection.
    pub(crate) fn check(&mut self, now: Instant, accepted: u64, effects: &mut Effects) {
        if self.connected {
            let due = self.keepalive.check(now);
            // A check begins with a question.
            let _: Result<(), usize> = self.keep_alive(due, accepted, effects);
        }
    }

    fn keep_alive(&mut self, due: Due, accepted: u64, effects: &mut Effects) -> Result<(), usize> {
        match due {
            Due::Nothing => Ok(()),
            Due::Ping => {
                effects.control.extend_from_slice(encode::PING);
                self.pongs.push_back(Pong { waiter: Waiter::Keepalive, accepted });
                Ok(())
            }
            Due::Stale { pings } => Err(pings),
        }
    }

    fn expire_subscriptions(&mut self, now: Instant, effects: &mut Effects) {
        if self.first_deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        for sid in self.routes.sids(|route| route.deadline.is_some_and(|at| at <= now)) {
            if let Some(Target::Handler(inline)) = self.routes.get(sid).map(|it| &it.target) {
                effects.calls.push((Arc::clone(&inline.call), Item::TimedOut));
            }
            self.end_with(sid, Some(Item::TimedOut), effects);
        }
        self.first_deadline = self.routes.iter().filter_map(|(_, route)| route.deadline).min();
    }

    /// When [`timeout`](Self::timeout) is next worth calling. The waker is for when that changes to
    /// an earlier time.
    pub(crate) fn poll_timeout(&mut self, waker: &Waker) -> Option<Instant> {
        let keepalive = self.connected.then(|| self.keepalive.next());
        let blocked = self.blocked.iter().map(|blocked| blocked.until).min();
        let all =
            [keepalive, self.requests.earliest(), self.first_deadline, self.proof_at, blocked];
        let next = all.into_iter().flatten().min();
        match &mut self.timer {
            Some((at, known)) if known.will_wake(waker) => *at = next,
            timer => *timer = Some((next, waker.clone())),
        }
        next
    }

    /// Has the driver look at the time where something is due earlier than it knows.
    fn due_by(&mut self, deadline: Instant, effects: &mut Effects) {
        if self.timer.as_ref().is_some_and(|(at, _)| at.is_none_or(|at| deadline < at)) {
            effects.wakers.extend(self.timer.take().map(|(_, waker)| waker));
        }
    }
}
