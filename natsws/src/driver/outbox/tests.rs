use super::changes::Left;
use super::*;
use crate::protocol::ServerInfo;
use crate::protocol::encode;
use crate::protocol::encode::Reply;

fn outbox(keep_requests: bool) -> Outbox {
    Outbox::new(OutboxLimits { high_water: 100, reconnect_buffer: 60, keep_requests })
}

fn connected(info: &ServerInfo) -> Outbox {
    let outbox = outbox(false);
    assert_eq!(outbox.connected(info, Vec::new(), |_| true), Misfits::default());
    outbox
}

fn info() -> ServerInfo {
    ServerInfo { max_payload: 100_000, headers: true, ..ServerInfo::default() }
}

fn publish(outbox: &Outbox, payload: &[u8]) -> Poll<Result<(), Refused>> {
    let none = Headers::new();
    let head = PublishHead { subject: "a", reply: None, headers: &none, typed: None };
    say(outbox, &head, Body::Borrowed(payload)).map_ok(|_| ())
}

/// Publishes, and never comes again where it has to wait.
fn say(outbox: &Outbox, head: &PublishHead<'_>, body: Body<'_>) -> Poll<Result<Accepted, Refused>> {
    outbox.poll_publish(head, body, &mut Ticket::default(), Some(Waker::noop()))
}

fn request(outbox: &Outbox, token: u64) -> Poll<Result<(), Refused>> {
    let none = Headers::new();
    let reply = Some(Reply::Inbox { prefix: "i.", token });
    let head = PublishHead { subject: "r", reply, headers: &none, typed: None };
    let control = b"SUB i.* 1\r\n".to_vec();
    let (body, ticket) = (Body::Borrowed(b"?"), &mut Ticket::default());
    outbox.poll_request(&control, &head, body, token, ticket, Waker::noop())
}

fn taken(outbox: &Outbox) -> String {
    let mut chunks = VecDeque::new();
    let taken = outbox.poll_take(Waker::noop(), &mut chunks, None);
    assert_eq!(taken.is_ready(), !chunks.is_empty());
    let chunks: Vec<_> = chunks.iter().map(|chunk| chunk.to_vec()).collect();
    String::from_utf8(chunks.concat()).expect("text")
}

#[test]
fn everything_leaves_in_the_order_it_was_said() {
    let outbox = connected(&info());
    assert_eq!(publish(&outbox, b"1"), Poll::Ready(Ok(())));
    outbox.control(encode::PING);
    assert_eq!(publish(&outbox, b"2"), Poll::Ready(Ok(())));
    assert_eq!(taken(&outbox), "PUB a 1\r\n1\r\nPING\r\nPUB a 1\r\n2\r\n");
    assert_eq!(taken(&outbox), "");
    assert_eq!((outbox.accepted(), outbox.sent()), (2, (2, 2)));
}

#[test]
fn a_full_buffer_makes_publishers_wait_and_a_lost_connection_makes_them_fail() {
    let outbox = connected(&info());
    assert!(publish(&outbox, &[b'x'; 100]).is_ready());
    assert!(publish(&outbox, b"1").is_pending());
    let left = outbox.disconnected();
    assert_eq!(left, Left { requests: vec![], kept: 1, accepted: 1 });
    assert_eq!(publish(&outbox, b"1"), Poll::Ready(Err(Refused::BufferFull { max: 60 })));
}

#[test]
fn a_lost_connection_keeps_messages_and_drops_requests_and_control_operations() {
    let outbox = connected(&info());
    assert!(publish(&outbox, b"1").is_ready());
    assert_eq!(request(&outbox, 7), Poll::Ready(Ok(())));
    assert!(publish(&outbox, b"2").is_ready());
    assert_eq!(outbox.disconnected(), Left { requests: vec![7], kept: 2, accepted: 2 });
    assert_eq!(request(&outbox, 8), Poll::Ready(Err(Refused::Disconnected)));
    assert!(publish(&outbox, b"3").is_ready());
    let discarded = outbox.connected(&info(), b"SUB a 1\r\n".to_vec(), |_| true);
    assert_eq!(discarded, Misfits::default());
    assert_eq!(taken(&outbox), "SUB a 1\r\nPUB a 1\r\n1\r\nPUB a 1\r\n2\r\nPUB a 1\r\n3\r\n");
}

#[test]
fn messages_that_the_next_server_does_not_take_are_discarded_one_by_one() {
    let outbox = connected(&info());
    let mut headers = Headers::new();
    headers.append("k", "v").expect("valid");
    let head = PublishHead { subject: "h", reply: None, headers: &headers, typed: None };
    assert!(say(&outbox, &head, Body::Borrowed(b"")).is_ready());
    assert!(publish(&outbox, b"12345").is_ready());
    assert!(publish(&outbox, b"1").is_ready());
    outbox.disconnected();
    let smaller = ServerInfo { max_payload: 4, headers: false, ..ServerInfo::default() };
    let misfits = outbox.connected(&smaller, Vec::new(), |_| true);
    assert_eq!(misfits, Misfits { messages: 2, requests: vec![] });
    assert_eq!(taken(&outbox), "PUB a 1\r\n1\r\n");
    assert_eq!(
        publish(&outbox, b"12345"),
        Poll::Ready(Err(Refused::PayloadTooLarge { len: 5, max: 4 }))
    );
    let poll = say(&outbox, &head, Body::Borrowed(b""));
    assert!(matches!(poll, Poll::Ready(Err(Refused::PayloadTooLarge { .. }))));
}

#[test]
fn a_large_shared_payload_is_not_copied() {
    let outbox = connected(&info());
    let payload = Bytes::from(vec![b'x'; LARGE_PAYLOAD]);
    let none = Headers::new();
    let head = PublishHead { subject: "a", reply: None, headers: &none, typed: None };
    assert!(say(&outbox, &head, Body::Shared(&payload)).is_ready());
    let mut chunks = VecDeque::new();
    assert!(outbox.poll_take(Waker::noop(), &mut chunks, None).is_ready());
    assert_eq!(chunks.len(), 3);
    assert_eq!(chunks[1].as_ptr(), payload.as_ptr());
    assert_eq!(chunks[0], "PUB a 16384\r\n");
    assert_eq!(chunks[2], "\r\n");
}

#[test]
fn what_comes_next_is_collected_in_the_buffer_that_is_handed_in() {
    let outbox = connected(&info());
    assert!(publish(&outbox, b"1").is_ready());
    let (mut chunks, spare) = (VecDeque::new(), Vec::with_capacity(1000));
    let spare_at = spare.as_ptr();
    assert!(outbox.poll_take(Waker::noop(), &mut chunks, Some(spare)).is_ready());
    assert!(publish(&outbox, b"2").is_ready());
    assert!(outbox.poll_take(Waker::noop(), &mut chunks, None).is_ready());
    assert_eq!(chunks, ["PUB a 1\r\n1\r\n", "PUB a 1\r\n2\r\n"]);
    assert_eq!(chunks[1].as_ptr(), spare_at);
}

#[test]
fn after_draining_and_closing_nothing_is_accepted() {
    let outbox = connected(&info());
    assert!(publish(&outbox, b"1").is_ready());
    outbox.stop_accepting();
    assert_eq!(publish(&outbox, b"2"), Poll::Ready(Err(Refused::Draining)));
    assert_eq!(outbox.close(), 1);
    assert_eq!(publish(&outbox, b"2"), Poll::Ready(Err(Refused::Closed)));
    assert_eq!(taken(&outbox), "");
}

#[test]
fn requests_that_may_wait_are_kept_for_the_next_connection_unless_their_time_is_over() {
    let outbox = outbox(true);
    assert_eq!(outbox.connected(&info(), Vec::new(), |_| true), Misfits::default());
    assert!(publish(&outbox, b"1").is_ready());
    assert_eq!(request(&outbox, 7), Poll::Ready(Ok(())));
    assert_eq!(outbox.disconnected(), Left { requests: vec![], kept: 1, accepted: 1 });
    assert_eq!(request(&outbox, 8), Poll::Ready(Ok(())));
    assert_eq!(request(&outbox, 9), Poll::Ready(Err(Refused::BufferFull { max: 60 })));
    let misfits = outbox.connected(&info(), Vec::new(), |token| token != 7);
    assert_eq!(misfits, Misfits::default());
    assert_eq!(taken(&outbox), "PUB a 1\r\n1\r\nPUB r i.80000000000 1\r\n?\r\n");
}

#[test]
fn what_waits_goes_to_the_server_that_is_moved_to_as_it_was_said() {
    let outbox = connected(&info());
    assert!(publish(&outbox, b"1").is_ready());
    let mut chunks = VecDeque::new();
    let accepted = outbox.take_all(&mut chunks);
    assert_eq!((chunks.len(), accepted), (1, 1));
    outbox.control(b"SUB b 2\r\n");
    assert_eq!(request(&outbox, 7), Poll::Ready(Ok(())));
    assert!(publish(&outbox, b"12345").is_ready());
    let smaller = ServerInfo { max_payload: 4, ..info() };
    let misfits = outbox.moved(&smaller, b"SUB a 1\r\n".to_vec(), |_| true);
    assert_eq!(misfits, Misfits { messages: 1, requests: vec![] });
    let expected = "SUB a 1\r\nSUB b 2\r\nSUB i.* 1\r\nPUB r i.70000000000 1\r\n?\r\n";
    assert_eq!(taken(&outbox), expected);
    let too_small = ServerInfo { max_payload: 1, headers: true, ..ServerInfo::default() };
    let none = Headers::new();
    let reply = Some(Reply::Inbox { prefix: "i.", token: 8 });
    let head = PublishHead { subject: "r", reply, headers: &none, typed: None };
    let (body, ticket) = (Body::Borrowed(b"12"), &mut Ticket::default());
    let sent = outbox.poll_request(&[], &head, body, 8, ticket, Waker::noop());
    assert!(sent.is_ready());
    let misfits = outbox.moved(&too_small, Vec::new(), |_| true);
    assert_eq!(misfits, Misfits { messages: 0, requests: vec![8] });
}

#[test]
fn without_a_waker_a_full_buffer_refuses() {
    let outbox = connected(&info());
    assert!(publish(&outbox, &[b'x'; 100]).is_ready());
    let none = Headers::new();
    let head = PublishHead { subject: "a", reply: None, headers: &none, typed: None };
    let refused = outbox.poll_publish(&head, Body::Borrowed(b"1"), &mut Ticket::default(), None);
    assert_eq!(refused, Poll::Ready(Err(Refused::WouldBlock)));
}

/// Publishes until a batch is full; says whether whoever publishes may send it.
fn fill(outbox: &Outbox) -> bool {
    let none = Headers::new();
    let head = PublishHead { subject: "a", reply: None, headers: &none, typed: None };
    let payload = vec![b'x'; waiting::BATCH];
    match say(outbox, &head, Body::Borrowed(&payload)) {
        Poll::Ready(accepted) => accepted.expect("it is accepted").fills_batch,
        Poll::Pending => panic!("there is room"),
    }
}

fn roomy() -> Outbox {
    let limits = OutboxLimits { high_water: 4 * waiting::BATCH, ..OutboxLimits::default() };
    let outbox = Outbox::new(limits);
    outbox.connected(&info(), Vec::new(), |_| true);
    outbox
}

#[test]
fn publishers_send_some_batches_themselves_and_then_wait_for_the_driver() {
    let outbox = roomy();
    let mut chunks = VecDeque::new();
    for _ in 0..LENT {
        assert!(fill(&outbox));
        outbox.take_lent(&mut chunks, None);
    }
    for _ in 0..4 {
        assert!(!fill(&outbox), "the driver has had no turn");
    }
    assert!(publish(&outbox, b"1").is_pending());
    assert!(outbox.poll_take(Waker::noop(), &mut chunks, None).is_ready());
    assert!(fill(&outbox));
}

#[test]
fn a_driver_that_finds_nothing_has_had_its_turn() {
    let outbox = roomy();
    let mut chunks = VecDeque::new();
    for _ in 0..300 {
        assert!(fill(&outbox));
        outbox.take_lent(&mut chunks, None);
        assert!(outbox.poll_take(Waker::noop(), &mut chunks, None).is_pending());
    }
    assert_eq!(chunks.len(), 300);
}

#[test]
fn what_is_offered_is_left_out_where_it_would_wait() {
    let outbox = outbox(false);
    outbox.offer("o");
    assert_eq!((outbox.accepted(), outbox.unsent()), (0, 0));
    assert_eq!(outbox.connected(&info(), Vec::new(), |_| true), Misfits::default());
    outbox.offer("o");
    assert_eq!(taken(&outbox), "PUB o 0\r\n\r\n");
    assert!(publish(&outbox, &[b'x'; 100]).is_ready());
    outbox.offer("o");
    assert_eq!((outbox.accepted(), outbox.unsent()), (2, 1));
    outbox.close();
    outbox.offer("o");
    assert_eq!(outbox.accepted(), 2);
}

#[cfg(feature = "jetstream")]
mod one_connection {
    use super::*;

    fn publish_on(outbox: &Outbox, connection: u64, is_repeated: bool) -> Result<(), Refused> {
        let none = Headers::new();
        let head = PublishHead { subject: "s", reply: None, headers: &none, typed: None };
        let (on, body) = (On { connection, is_repeated }, Body::Borrowed(b"1"));
        match outbox.poll_publish_on(on, &head, body, &mut Ticket::default(), None) {
            Poll::Ready(accepted) => accepted.map(|_| ()),
            Poll::Pending => panic!("without a waker nothing waits"),
        }
    }

    #[test]
    fn what_is_sent_again_does_not_outlive_its_connection() {
        let outbox = connected(&info());
        let first = outbox.connection();
        assert_eq!(publish_on(&outbox, first, true), Ok(()));
        assert!(publish(&outbox, b"2").is_ready());
        assert_eq!(publish_on(&outbox, first, true), Ok(()));
        // They have an outcome of their own, as requests have.
        assert_eq!((outbox.accepted(), outbox.unsent(), outbox.sent()), (1, 1, (3, 3)));
        assert_eq!(outbox.disconnected(), Left { requests: vec![], kept: 1, accepted: 1 });
        assert_eq!(publish_on(&outbox, first, true), Err(Refused::Disconnected));
        let next = outbox.connection();
        assert_eq!(publish_on(&outbox, next, true), Err(Refused::Disconnected));
        outbox.connected(&info(), Vec::new(), |_| true);
        // Whoever has not heard of the new connection may have older ones to send first.
        assert_eq!(publish_on(&outbox, first, true), Err(Refused::Disconnected));
        assert_eq!(taken(&outbox), "PUB a 1\r\n2\r\n");
        assert_eq!(publish_on(&outbox, next, true), Ok(()));
        assert_eq!(taken(&outbox), "PUB s 1\r\n1\r\n");
    }

    #[test]
    fn what_nobody_sends_again_is_kept_for_the_next_connection() {
        let outbox = connected(&info());
        assert_eq!(publish_on(&outbox, outbox.connection(), false), Ok(()));
        assert_eq!(outbox.disconnected(), Left { requests: vec![], kept: 1, accepted: 1 });
        outbox.connected(&info(), Vec::new(), |_| true);
        assert_eq!(taken(&outbox), "PUB s 1\r\n1\r\n");
        assert_eq!(publish_on(&outbox, outbox.connection(), true), Ok(()));
        // It would be refused the next time.
        outbox.stop_accepting();
        outbox.disconnected();
        outbox.connected(&info(), Vec::new(), |_| true);
        assert_eq!(taken(&outbox), "PUB s 1\r\n1\r\n");
    }

    #[test]
    fn what_is_sent_again_moves_along_unless_the_server_does_not_take_it() {
        let outbox = connected(&info());
        assert_eq!(publish_on(&outbox, outbox.connection(), true), Ok(()));
        assert_eq!(outbox.moved(&info(), Vec::new(), |_| true), Misfits::default());
        assert_eq!(taken(&outbox), "PUB s 1\r\n1\r\n");
        assert!(publish(&outbox, b"2").is_ready());
        let none = Headers::new();
        let head = PublishHead { subject: "s", reply: None, headers: &none, typed: None };
        let (on, body) = (On { connection: outbox.connection(), is_repeated: true }, b"12345");
        let body = Body::Borrowed(body);
        let told = outbox.poll_publish_on(on, &head, body, &mut Ticket::default(), None);
        assert!(matches!(told, Poll::Ready(Ok(_))));
        let smaller = ServerInfo { max_payload: 4, ..info() };
        assert_eq!(outbox.moved(&smaller, Vec::new(), |_| true), Misfits::default());
        assert_eq!(taken(&outbox), "PUB a 1\r\n2\r\n");
    }
}
