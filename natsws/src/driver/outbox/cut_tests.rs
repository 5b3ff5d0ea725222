//! Session and outbox together, against a server in the test: the connection is cut at every byte.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::delivery::Place;
use crate::header::Headers;
use crate::protocol::ServerInfo;
use crate::protocol::decode::{Decoder, Limits};
use crate::protocol::encode::{self, Reply};
use crate::protocol::op::{ClientOp, ServerOp};
use crate::runtime;
use crate::session::{
    Effects, Item, Outcome, Queue, QueueLimits, Route, Session, SubjectHash, Taken, Target,
};

const PREFIX: &str = "_INBOX.x.";

fn info() -> ServerInfo {
    ServerInfo { headers: true, max_payload: 1000, ..ServerInfo::default() }
}

/// A client without a socket: what it wants to send is a string of bytes.
struct Client {
    session: Session,
    outbox: Outbox,
    queue: Arc<Queue>,
    sid: u64,
}

impl Client {
    fn new() -> Self {
        let limits =
            OutboxLimits { high_water: 1 << 20, reconnect_buffer: 1 << 20, keep_requests: false };
        let now = runtime::now();
        let mut client = Self {
            session: Session::new(PREFIX.into(), Duration::from_secs(60), 2, false, now),
            outbox: Outbox::new(limits),
            queue: Arc::new(Queue::new(QueueLimits::default())),
            sid: 0,
        };
        client.connect();
        client
    }

    fn connect(&mut self) -> u64 {
        let mut control = Vec::new();
        self.session.resume(info(), runtime::now(), &mut control);
        let session = &self.session;
        self.outbox.connected(&info(), control, |token| session.is_waiting(token)).messages
    }

    /// Cut: gives back how many messages are unconfirmed.
    fn cut(&mut self) -> u64 {
        let left = self.outbox.disconnected();
        let mut effects = Effects::default();
        self.session.disconnected(left.accepted, left.kept, &left.requests, &mut effects)
    }

    fn subscribe(&mut self, max: Option<u64>) {
        let target = Target::Queue(Arc::clone(&self.queue));
        let mut route = Route::new("a".to_owned(), None, target);
        route.max = max;
        let mut effects = Effects::default();
        self.sid = self.session.subscribe(route, &mut effects);
        self.outbox.control(&effects.control);
    }

    fn publish(&self, payload: &str) {
        let none = Headers::new();
        let head = PublishHead { subject: "a", reply: None, headers: &none, typed: None };
        let body = Body::Borrowed(payload.as_bytes());
        let ticket = &mut Ticket::default();
        let accepted = self.outbox.poll_publish(&head, body, ticket, Some(Waker::noop()));
        assert!(matches!(accepted, Poll::Ready(Ok(_))), "{accepted:?}");
    }

    fn request(&mut self) -> u64 {
        let none = Headers::new();
        let deadline = runtime::now() + Duration::from_secs(60);
        let mut effects = Effects::default();
        let token =
            self.session.request(deadline, SubjectHash::of("r"), Waker::noop(), &mut effects);
        let reply = Some(Reply::Inbox { prefix: PREFIX, token });
        let head = PublishHead { subject: "r", reply, headers: &none, typed: None };
        let (control, body, ticket) =
            (&effects.control, Body::Borrowed(b"?"), &mut Ticket::default());
        let sent = self.outbox.poll_request(control, &head, body, token, ticket, Waker::noop());
        assert_eq!(sent, Poll::Ready(Ok(())));
        token
    }

    fn flush(&mut self) -> tokio::sync::oneshot::Receiver<Result<(), crate::session::Unanswered>> {
        let (waiter, answer) = tokio::sync::oneshot::channel();
        let mut effects = Effects::default();
        self.session.ping(waiter, self.outbox.accepted(), &mut effects);
        self.outbox.control(&effects.control);
        answer
    }

    /// What would go to the socket.
    fn output(&self) -> Vec<u8> {
        let mut chunks = VecDeque::new();
        let _: Poll<()> = self.outbox.poll_take(Waker::noop(), &mut chunks, None);
        chunks.iter().flat_map(|chunk| chunk.to_vec()).collect()
    }

    fn receive(&mut self, bytes: &[u8]) {
        let mut decoder = Decoder::new(Limits::default());
        decoder.push(Bytes::copy_from_slice(bytes));
        let (now, mut effects) = (runtime::now(), Effects::default());
        let put = |op: ServerOp<Place>, block: &Bytes| {
            self.session.receive(op, block, now, &mut effects).expect("good JSON");
            true
        };
        decoder.each(put).expect("the protocol");
        self.session.end_block(now, &mut effects);
        for flushed in effects.flushed.drain(..) {
            flushed.send(Ok(())).expect("the test waits");
        }
        self.outbox.control(&effects.control);
    }

    fn read(&self) -> Vec<String> {
        let mut local = Taken::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut all = Vec::new();
        while let Poll::Ready(true) = self.queue.poll_take(&mut cx, &mut local) {
            all.extend(std::iter::from_fn(|| local.pop(&self.queue)).map(|item| match item {
                Item::Delivery(delivery) => {
                    String::from_utf8_lossy(delivery.payload_bytes()).into_owned()
                }
                other => format!("{other:?}"),
            }));
        }
        all
    }
}

/// A server that remembers what it got, over all connections.
#[derive(Default)]
struct Server {
    published: Vec<String>,
    /// Subscriptions of the current connection, with what is left of their `max`.
    subscriptions: BTreeMap<u64, (String, Option<u64>)>,
}

impl Server {
    /// Takes the bytes of one connection; gives back what it answers.
    fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.subscriptions.clear();
        let mut decoder = Decoder::new(Limits::default());
        decoder.push(Bytes::copy_from_slice(bytes));
        let mut answer = Vec::new();
        while let Some(op) = decoder.next::<ClientOp>().expect("the protocol, cut at any byte") {
            match op {
                ClientOp::Sub { subject, sid, .. } => {
                    let subject = String::from_utf8_lossy(&subject).into_owned();
                    let known = self.subscriptions.insert(sid, (subject, None));
                    assert!(known.is_none(), "subscribed twice on one connection");
                }
                ClientOp::Unsub { sid, max: None } => drop(self.subscriptions.remove(&sid)),
                ClientOp::Unsub { sid, max } => {
                    if let Some(subscription) = self.subscriptions.get_mut(&sid) {
                        subscription.1 = max;
                    }
                }
                ClientOp::Pub(delivery) => {
                    let payload = String::from_utf8_lossy(delivery.payload_bytes()).into_owned();
                    match delivery.reply() {
                        None => self.published.push(payload),
                        Some(reply) => {
                            self.published.push("request".to_owned());
                            let reply = String::from_utf8_lossy(reply);
                            let sid = self.sid_of(&format!("{PREFIX}*"));
                            let text = format!("MSG {reply} {sid} 1\r\n!\r\n");
                            answer.extend_from_slice(text.as_bytes());
                        }
                    }
                }
                ClientOp::Ping => answer.extend_from_slice(encode::PONG),
                ClientOp::Pong | ClientOp::Connect(_) => {}
            }
        }
        answer
    }

    fn sid_of(&self, subject: &str) -> u64 {
        let mut all = self.subscriptions.iter();
        all.find(|(_, (known, _))| known == subject).map_or(0, |(sid, _)| *sid)
    }
}

#[test]
fn whatever_byte_the_connection_is_cut_at_nothing_is_sent_twice_and_every_wait_ends() {
    let mut at = 0;
    loop {
        let mut client = Client::new();
        let mut server = Server::default();
        client.subscribe(None);
        client.publish("1");
        let token = client.request();
        client.publish("2");
        let mut flushed = client.flush();
        client.publish("3");

        let bytes = client.output();
        let whole = at >= bytes.len();
        let answer = server.take(&bytes[..at.min(bytes.len())]);
        client.receive(&answer);
        let got = server.published.clone();
        client.publish("4");
        let unconfirmed = client.cut();

        // The request has exactly one outcome, and it is honest about what may have happened.
        let Poll::Ready(outcome) = client.session.poll_reply(token, Waker::noop()) else {
            panic!("the request hangs, cut at byte {at}")
        };
        let answered = got.iter().any(|payload| payload == "request");
        match outcome {
            Outcome::Reply(_) => assert!(answered, "a reply to what the server never got"),
            Outcome::Disconnected { maybe_delivered: true } => assert!(!answered),
            other => panic!("{other:?}, cut at byte {at}"),
        }
        // The flush has an answer, and `Ok` only where the server had what was before it.
        let pinged = answer.ends_with(encode::PONG);
        match flushed.try_recv().expect("the flush hangs") {
            Ok(()) => assert!(pinged && got.contains(&"2".to_owned())),
            Err(_) => assert!(!pinged),
        }
        // 1, 2 and 3 went to the socket, 4 waits. What a PONG covered is confirmed.
        assert_eq!(unconfirmed, if pinged { 1 } else { 3 }, "cut at byte {at}");

        assert_eq!(client.connect(), 0);
        let bytes = client.output();
        let again = server.take(&bytes);
        client.receive(&again);
        let mut expected = got.clone();
        expected.push("4".to_owned());
        assert_eq!(server.published, expected, "cut at byte {at}");
        assert_eq!(server.sid_of("a"), client.sid);
        assert_ne!(server.sid_of(&format!("{PREFIX}*")), 0);
        assert_eq!(client.session.requests_in_flight(), 0);
        if whole {
            break;
        }
        at += 1;
    }
    assert!(at > 60);
}

#[test]
fn a_request_that_never_left_is_not_sent_later_and_says_so() {
    let mut client = Client::new();
    let token = client.request();
    client.publish("1");
    assert_eq!(client.cut(), 0);
    assert!(matches!(
        client.session.poll_reply(token, Waker::noop()),
        Poll::Ready(Outcome::Disconnected { maybe_delivered: false })
    ));
    client.connect();
    let text = String::from_utf8(client.output()).expect("text");
    assert_eq!(text, "SUB _INBOX.x.* 1\r\nPUB a 1\r\n1\r\n");
}

#[test]
fn after_a_reconnect_a_subscription_asks_for_what_is_left_of_its_max() {
    let mut client = Client::new();
    client.subscribe(Some(3));
    assert_eq!(client.output(), b"SUB a 1\r\nUNSUB 1 3\r\n");
    client.receive(b"MSG a 1 1\r\nx\r\n");
    client.cut();
    client.connect();
    assert_eq!(client.output(), b"SUB a 1\r\nUNSUB 1 2\r\n");
    let mut effects = Effects::default();
    client.session.unsubscribe_after(1, 5, &mut effects);
    // The server counts from this connection on.
    assert_eq!(effects.control, &b"UNSUB 1 4\r\n"[..]);
    client.receive(b"MSG a 1 1\r\ny\r\nMSG a 1 1\r\nz\r\nMSG a 1 1\r\n4\r\nMSG a 1 1\r\n5\r\n");
    client.receive(b"MSG a 1 1\r\n6\r\n");
    assert_eq!(client.read(), ["x", "y", "z", "4", "5"]);
    assert!(client.queue.is_read());
}

#[test]
fn a_drained_subscription_ends_at_the_pong_and_not_before() {
    let mut client = Client::new();
    client.subscribe(None);
    client.output();
    let mut effects = Effects::default();
    client.session.drain(client.sid, 0, &mut effects);
    assert_eq!(effects.control, &b"UNSUB 1\r\nPING\r\n"[..]);
    client.receive(b"MSG a 1 1\r\n1\r\n");
    assert!(!client.queue.is_ended());
    client.receive(b"MSG a 1 1\r\n2\r\nPONG\r\nMSG a 1 1\r\n3\r\n");
    assert_eq!(client.read(), ["1", "2"]);
    assert!(client.queue.is_read());
}

#[test]
fn a_permission_error_ends_the_subscription_that_it_is_about() {
    let mut client = Client::new();
    client.subscribe(None);
    client.receive(b"-ERR 'Permissions Violation for Subscription to \"b\"'\r\n");
    assert!(!client.queue.is_ended());
    client.receive(b"-ERR 'Permissions Violation for Subscription to \"a\"'\r\n");
    assert_eq!(client.read(), ["Denied(SubscribeDenied { subject: \"a\", queue_group: None })"]);
    assert!(client.queue.is_read());
}

#[test]
fn a_server_that_pings_is_answered() {
    let mut client = Client::new();
    client.receive(b"PING\r\n");
    assert_eq!(client.output(), b"PONG\r\n");
}
