//! Many replies to one request: what ends the stream of them, and that nothing is left behind.

use std::time::Duration;

use futures_util::StreamExt;
use natsws::embedded::Broker;
use natsws::{
    Connection, Deadline, Event, Msg, OnDisconnect, Replies, ReplyStream, RequestError, ServerError,
};
use natsws_tests::{Server, ServerBuilder, Transport, eventually, info, within};

use crate::place::{Place, Raw};
use crate::{event, next, quick, scripted, scripted_as};

/// Longer than a test may take: what ends before is not ended by it.
const LONG: Duration = Duration::from_secs(60);

/// The payloads of all replies up to the end.
async fn rest(replies: &mut ReplyStream) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(reply) = within("a reply or the end", replies.next()).await {
        all.push(reply.expect("a reply").text().expect("text").to_owned());
    }
    all
}

/// What ends the stream where it is an error.
async fn error(replies: &mut ReplyStream) -> RequestError {
    let item = within("an item", replies.next()).await.expect("an item");
    let error = item.expect_err("no reply");
    assert!(within("the end", replies.next()).await.is_none(), "behind {error:?}");
    assert!(!replies.is_complete());
    error
}

fn numbers(count: u32) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// Answers `parts.N` with N numbers, and `parts.N.sentinel` with an empty payload behind them.
async fn parts(nc: &Connection) {
    let mut sub = nc.subscribe("parts.>").await.expect("subscribed");
    tokio::spawn(async move {
        while let Some(msg) = sub.next().await {
            let msg = msg.expect("nothing but messages");
            let mut tokens = msg.subject().split('.').skip(1);
            let count = tokens.next().and_then(|count| count.parse().ok()).expect("a number");
            for number in numbers(count) {
                msg.respond(number).await.expect("answered");
            }
            if tokens.next().is_some() {
                msg.respond("").await.expect("answered");
                msg.respond("behind it").await.expect("answered");
            }
        }
    });
}

async fn start(target: crate::place::Target) -> (Place, Connection, Connection) {
    let place = target.start_with(ServerBuilder::monitoring, |broker| broker).await;
    let (nc, service) = (place.connect().await, place.connect().await);
    parts(&service).await;
    (place, nc, service)
}

/// How many subscriptions the server knows, when it has what the client told it.
async fn subscriptions(place: &Place, nc: &Connection) -> u64 {
    nc.flush().await.expect("flushed");
    match place {
        Place::Real { server, .. } => {
            server.monitor("/subsz")["num_subscriptions"].as_u64().expect("a number")
        }
        Place::Broker { broker, .. } => broker.subscriptions() as u64,
    }
}

everywhere! {
    async fn a_count_ends_with_its_last_reply(target: Target) {
        let (place, nc, _service) = start(target).await;
        let before = subscriptions(&place, &nc).await;
        let five = nc.request_many("parts.10", "").replies(Replies::Count(5)).timeout(LONG);
        let mut replies = five.await.expect("sent");
        assert_eq!(rest(&mut replies).await, numbers(5));
        assert!(replies.is_complete());
        assert_eq!(subscriptions(&place, &nc).await, before);
        assert_eq!(nc.requests_in_flight(), 0);

        // None at all would be no request.
        let none = nc.request_many("parts.10", "").replies(Replies::Count(0)).timeout(LONG);
        assert_eq!(rest(&mut none.await.expect("sent")).await, ["0"]);
    }

    async fn who_sends_in_parts_is_told_when_no_more_are_wanted(target: Target) {
        let (_place, nc, service) = start(target).await;
        let mut asked = service.subscribe("stream").await.expect("subscribed");
        // Read or not, the last reply that came counts.
        for read in [0, 1, 2] {
            let ask = nc.request_many("stream", "").timeout(LONG);
            let mut replies = ask.await.expect("sent");
            let asked = next(&mut asked).await;
            let inbox = service.new_inbox();
            let mut stop = service.subscribe(&*inbox).await.expect("subscribed");
            for (part, reply) in [("1", "nobody"), ("2", &*inbox)] {
                asked.respond(part).reply(reply).await.expect("answered");
            }
            service.flush().await.expect("flushed");
            nc.flush().await.expect("flushed");
            for _ in 0..read {
                within("a reply", replies.next()).await.expect("one").expect("a reply");
            }
            drop(replies);
            let told = next(&mut stop).await;
            assert_eq!((told.payload(), told.reply()), (&b""[..], None));
            assert!(told.headers().is_empty());
            nc.flush().await.expect("flushed");
            service.flush().await.expect("flushed");
            assert_eq!(stop.received(), 1);
        }
    }

    async fn nobody_is_told_of_a_stream_that_has_ended_or_that_names_nobody(target: Target) {
        let (_place, nc, service) = start(target).await;
        let mut asked = service.subscribe("stream").await.expect("subscribed");
        let mut told = service.subscribe("stop.>").await.expect("subscribed");
        let mut own = service.subscribe("$OWN.>").await.expect("subscribed");
        for (count, last) in [(2, Some("stop.2")), (3, None), (3, Some("$OWN.x"))] {
            for read in [0, 2] {
                let ask = nc.request_many("stream", "").replies(Replies::Count(count)).timeout(LONG);
                let mut replies = ask.await.expect("sent");
                let asked = next(&mut asked).await;
                asked.respond("1").reply("stop.1").await.expect("answered");
                match last {
                    Some(last) => asked.respond("2").reply(last).await.expect("answered"),
                    None => asked.respond("2").await.expect("answered"),
                }
                service.flush().await.expect("flushed");
                nc.flush().await.expect("flushed");
                for _ in 0..read {
                    within("a reply", replies.next()).await.expect("one").expect("a reply");
                }
                drop(replies);
            }
        }
        nc.publish("stop.mark", "").await.expect("published");
        nc.publish("$OWN.mark", "").await.expect("published");
        assert_eq!(next(&mut told).await.subject(), "stop.mark");
        assert_eq!(next(&mut own).await.subject(), "$OWN.mark");
    }

    async fn a_pause_that_is_too_long_ends_a_stall(target: Target) {
        let (place, nc, _service) = start(target).await;
        let before = subscriptions(&place, &nc).await;
        let stall = Replies::Stall(Duration::from_millis(500));
        let mut replies =
            nc.request_many("parts.10", "").replies(stall).timeout(LONG).await.expect("sent");
        assert_eq!(rest(&mut replies).await, numbers(10));
        assert!(!replies.is_complete(), "it was time");
        assert_eq!(subscriptions(&place, &nc).await, before);
    }

    async fn a_sentinel_is_the_last_reply(target: Target) {
        let (place, nc, _service) = start(target).await;
        let before = subscriptions(&place, &nc).await;
        let all = nc.request_many("parts.10.sentinel", "").replies(Replies::Sentinel).timeout(LONG);
        let mut replies = all.await.expect("sent");
        let mut expected = numbers(10);
        expected.push(String::new());
        assert_eq!(rest(&mut replies).await, expected);
        assert!(replies.is_complete());
        assert_eq!(subscriptions(&place, &nc).await, before);
    }

    async fn without_a_sentinel_the_timeout_ends_it(target: Target) {
        let (_place, nc, _service) = start(target).await;
        let limit = Duration::from_secs(1);
        let all = nc.request_many("parts.10", "").replies(Replies::Sentinel).timeout(limit);
        let mut replies = all.await.expect("sent");
        assert_eq!(rest(&mut replies).await, numbers(10));
        assert!(!replies.is_complete());
    }

    async fn a_deadline_ends_what_could_take_longer(target: Target) {
        let (place, nc, _service) = start(target).await;
        let before = subscriptions(&place, &nc).await;
        let all = nc.request_many("parts.10", "").replies(Replies::Stall(LONG)).timeout(LONG);
        let all = all.deadline(Deadline::after(Duration::from_secs(1)));
        let mut replies = all.await.expect("sent");
        assert_eq!(rest(&mut replies).await, numbers(10));
        assert!(!replies.is_complete(), "it was time");
        assert_eq!(subscriptions(&place, &nc).await, before);
    }

    async fn no_reply_in_time_is_an_end_like_any_other(target: Target) {
        let (place, nc, service) = start(target).await;
        let mut silent = service.subscribe("silent").await.expect("subscribed");
        let before = subscriptions(&place, &nc).await;
        for replies in [
            Replies::WithinTimeout,
            Replies::Count(5),
            Replies::Stall(LONG),
            Replies::Sentinel,
        ] {
            let ask = nc.request_many("silent", "").header("Of", "x").replies(replies);
            let mut replies = ask.timeout(Duration::from_millis(50)).await.expect("sent");
            let asked = next(&mut silent).await;
            assert_eq!(asked.headers().get("Of"), Some("x"));
            assert!(asked.reply().is_some_and(|inbox| inbox.starts_with("_INBOX.")), "{asked:?}");
            assert_eq!(rest(&mut replies).await, numbers(0));
            assert!(within("the end", replies.next()).await.is_none());
            // What comes later reaches nobody.
            asked.respond("late").await.expect("answered");
            service.flush().await.expect("flushed");
            assert_eq!(subscriptions(&place, &nc).await, before);
        }
        assert_eq!(nc.requests_in_flight(), 0);
    }

    async fn nobody_to_answer_is_the_one_item(target: Target) {
        let (place, nc, _service) = start(target).await;
        let before = subscriptions(&place, &nc).await;
        for replies in [
            Replies::WithinTimeout,
            Replies::Count(1),
            Replies::Count(5),
            Replies::Stall(LONG),
            Replies::Sentinel,
        ] {
            let ask = nc.request_many("nobody", "").replies(replies).timeout(LONG);
            let error = error(&mut ask.await.expect("sent")).await;
            assert!(error.is_no_responders(), "{error:?}");
            assert_eq!(subscriptions(&place, &nc).await, before);
        }
        assert_eq!(nc.requests_in_flight(), 0);
    }

    async fn a_status_with_a_payload_is_a_reply_like_any_other(target: Target) {
        let (place, nc, _service) = start(target).await;
        let mut raw = Raw::connect(place.tcp()).await;
        raw.send("SUB service 1\r\nPING\r\n").await;
        raw.read_until("PONG\r\n").await;
        let ask = nc.request_many("service", "").replies(Replies::Count(2)).timeout(LONG);
        let mut replies = ask.await.expect("sent");
        let line = raw.read_until("\r\n\r\n").await;
        let inbox = line.split_whitespace().nth(3).expect("a reply subject").to_owned();
        raw.send(format!("HPUB {inbox} 16 20\r\nNATS/1.0 503\r\n\r\nbusy\r\n")).await;
        raw.send(format!("PUB {inbox} 4\r\ndone\r\n")).await;
        assert_eq!(rest(&mut replies).await, ["busy", "done"]);
    }

    async fn what_is_dropped_half_way_leaves_nothing_at_the_server(target: Target) {
        let (place, nc, _service) = start(target).await;
        let before = subscriptions(&place, &nc).await;
        for replies in [Replies::WithinTimeout, Replies::Count(100), Replies::Stall(LONG)] {
            let ask = nc.request_many("parts.10", "").replies(replies).timeout(LONG);
            let mut replies = ask.await.expect("sent");
            let first = within("a reply", replies.next()).await.expect("one").expect("a reply");
            assert_eq!(first.text(), Ok("0"));
            assert_eq!(subscriptions(&place, &nc).await, before + 1);
            assert_eq!(nc.requests_in_flight(), 1);
            drop(replies);
            assert_eq!(nc.requests_in_flight(), 0);
            assert_eq!(subscriptions(&place, &nc).await, before);
        }
        // One that is over and was never read, too.
        let ask = nc.request_many("parts.10", "").replies(Replies::Count(1)).timeout(LONG).await;
        eventually("its end", async || (subscriptions(&place, &nc).await == before).then_some(()))
            .await;
        drop(ask);
        assert_eq!(nc.requests_in_flight(), 0);
    }

    async fn several_who_answer_are_heard_at_once_by_several_who_ask(target: Target) {
        let (_place, nc, service) = start(target).await;
        for _ in 0..4 {
            parts(&service).await;
        }
        let asks = (0..20).map(|_| async {
            let ask = nc.request_many("parts.3", "").replies(Replies::Count(15)).timeout(LONG);
            let replies = ask.await.expect("sent");
            let replies: Vec<_> = within("the end", replies.collect()).await;
            replies.into_iter().filter_map(|reply: Result<Msg, _>| reply.ok()).count()
        });
        assert_eq!(futures_util::future::join_all(asks).await, [15; 20]);
        assert_eq!(nc.requests_in_flight(), 0);
    }

    async fn a_reader_that_is_too_slow_is_told_where_replies_were_dropped(target: Target) {
        let place = target.start().await;
        let options = quick().subscription_messages(3).overflow(natsws::Overflow::Close);
        let nc = place.connect_with(options).await;
        let service = place.connect().await;
        parts(&service).await;
        let ask = nc.request_many("parts.10", "").replies(Replies::Count(10)).timeout(LONG);
        let mut replies = ask.await.expect("sent");
        eventually("all of them", async || (nc.stats().in_msgs == 10).then_some(())).await;
        for expected in ["0", "1", "2"] {
            let reply = within("a reply", replies.next()).await.expect("one").expect("a reply");
            assert_eq!(reply.text(), Ok(expected));
        }
        let gap = within("the gap", replies.next()).await.expect("it");
        let lagged = matches!(gap, Err(RequestError::Lagged { dropped: 7 }));
        assert!(lagged, "{gap:?}");
        assert!(within("the end", replies.next()).await.is_none());
        assert!(replies.is_complete(), "all have come");
    }

    async fn closing_ends_it(target: Target) {
        let (_place, nc, service) = start(target).await;
        let mut silent = service.subscribe("silent").await.expect("subscribed");
        let mut replies = nc.request_many("silent", "").timeout(LONG).await.expect("sent");
        next(&mut silent).await.respond("first").await.expect("answered");
        eventually("the reply", async || (nc.stats().in_msgs == 1).then_some(())).await;
        nc.close().await;
        let first = within("a reply", replies.next()).await.expect("one").expect("a reply");
        assert_eq!(first.text(), Ok("first"));
        assert!(matches!(error(&mut replies).await, RequestError::Closed));
        let refused = nc.request_many("silent", "").await.expect_err("it is closed");
        assert!(matches!(refused, RequestError::Closed), "{refused:?}");
    }
}

const RULES: &str = "publish: { deny: \"no.pub\" }\nsubscribe: { deny: \"_INBOX.>\" }";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_does_not_permit_is_the_one_item() {
    for transport in Transport::ALL {
        let users = |rules| [("ann", "p", rules), ("service", "p", "")];
        let mut server = Server::builder().fixed_ports().monitoring().users(&users("")).start();
        let url = server.url(transport);
        let nc = crate::connect_with(&url, quick().user("ann", "p")).await;
        let service = crate::connect_with(&url, quick().user("service", "p")).await;
        let mut asked = service.subscribe("yes").await.expect("subscribed");
        let subscriptions = |server: &Server| server.monitor("/subsz")["num_subscriptions"].clone();
        let before = subscriptions(&server);

        // It is permitted no longer while replies come.
        let mut replies = nc.request_many("yes", "").timeout(LONG).await.expect("sent");
        next(&mut asked).await.respond("first").await.expect("answered");
        let first = within("a reply", replies.next()).await.expect("one").expect("a reply");
        assert_eq!(first.text(), Ok("first"));
        server.rewrite_config(|told| told.users(&users(RULES)));
        server.signal_reload();
        assert!(matches!(error(&mut replies).await, RequestError::PermissionDenied));

        // The replies are not permitted.
        let mut replies = nc.request_many("yes", "").timeout(LONG).await.expect("sent");
        assert!(matches!(error(&mut replies).await, RequestError::PermissionDenied));
        next(&mut asked).await;

        // The request is not.
        server.rewrite_config(|told| told.users(&users("publish: { deny: \"no.pub\" }")));
        server.signal_reload();
        let mut events = nc.events();
        let mut replies = nc.request_many("no.pub", "").timeout(LONG).await.expect("sent");
        let mut other = nc.request_many("yes", "").timeout(LONG).await.expect("sent");
        assert!(matches!(error(&mut replies).await, RequestError::PermissionDenied));
        let told = event(&mut events, |event| match event {
            Event::ServerError(ServerError::PublishDenied { subject }) => Some(subject),
            _ => None,
        });
        assert_eq!(told.await, "no.pub");
        next(&mut asked).await.respond("still").await.expect("answered");
        let still = within("a reply", other.next()).await.expect("one").expect("a reply");
        assert_eq!(still.text(), Ok("still"));
        drop(other);
        assert_eq!((nc.requests_in_flight(), nc.stats().reconnects), (0, 0));
        nc.flush().await.expect("flushed");
        assert_eq!(subscriptions(&server), before);
    }
}

/// Reads the request that goes out behind its subscription, and names where replies go.
async fn asked(peer: &mut natsws_tests::Peer, subject: &str) -> String {
    let line = peer.expect_line("SUB _INBOX.").await;
    let inbox = line.split(' ').nth(1).expect("a subject").to_owned();
    let line = peer.skip_to_line("PUB ").await;
    assert_eq!(line, format!("PUB {subject} {inbox} 0"));
    peer.expect_line("").await;
    inbox
}

#[tokio::test]
async fn a_lost_connection_ends_it_behind_what_had_come() {
    let (scripted, mut peer, nc) = scripted().await;
    let ask = nc.request_many("a", "").replies(Replies::Sentinel).timeout(LONG);
    let mut replies = ask.await.expect("sent");
    let inbox = asked(&mut peer, "a").await;
    peer.send(format!("MSG {inbox} 1 1\r\n1\r\n")).await;
    eventually("the reply", async || (nc.stats().in_msgs == 1).then_some(())).await;
    drop(scripted);
    peer.close().await;
    let first = within("a reply", replies.next()).await.expect("one").expect("a reply");
    assert_eq!(first.text(), Ok("1"));
    let lost = error(&mut replies).await;
    assert!(matches!(lost, RequestError::Disconnected { maybe_delivered: true }), "{lost:?}");
    let refused = nc.request_many("a", "").await.expect_err("there is no connection");
    let no = matches!(refused, RequestError::Disconnected { maybe_delivered: false });
    assert!(no, "{refused:?}");
    assert_eq!(nc.requests_in_flight(), 0);
}

#[tokio::test]
async fn it_goes_on_over_a_lost_connection_where_requests_are_to() {
    let options = quick().on_disconnect(OnDisconnect::Wait);
    let (scripted, mut peer, nc) = scripted_as(&info(), options).await;
    let ask = nc.request_many("a", "").replies(Replies::Count(2)).timeout(LONG);
    let mut replies = ask.await.expect("sent");
    let inbox = asked(&mut peer, "a").await;
    peer.send(format!("MSG {inbox} 1 1\r\n1\r\n")).await;
    eventually("the reply", async || (nc.stats().in_msgs == 1).then_some(())).await;
    peer.close().await;
    let mut peer = scripted.accept().await;
    peer.handshake(&info()).await;
    assert_eq!(peer.expect_line("SUB").await, format!("SUB {inbox} 1"));
    assert_eq!(peer.expect_line("UNSUB").await, "UNSUB 1 1");
    peer.send(format!("MSG {inbox} 1 1\r\n2\r\n")).await;
    assert_eq!(rest(&mut replies).await, ["1", "2"]);
    crate::flush(&nc, &mut peer).await;
}

#[tokio::test]
async fn a_reply_that_is_malformed_comes_as_it_is_and_others_follow() {
    let (_scripted, mut peer, nc) = scripted().await;
    let ask = nc.request_many("a", "").replies(Replies::Count(2)).timeout(LONG);
    let mut replies = ask.await.expect("sent");
    let inbox = asked(&mut peer, "a").await;
    peer.send(format!("HMSG {inbox} 1 12 13\r\nHTTP/1.1 OK\nx\r\nMSG {inbox} 1 1\r\n2\r\n")).await;
    let item = within("an item", replies.next()).await.expect("an item");
    let Err(RequestError::MalformedReply { raw }) = item else { unreachable!("{item:?}") };
    assert_eq!(raw.payload(), b"x");
    assert_eq!(rest(&mut replies).await, ["2"]);
}

#[tokio::test]
async fn what_is_not_valid_sends_nothing() {
    let info = natsws_tests::info_with(serde_json::json!({ "max_payload": 10 }));
    let (_scripted, mut peer, nc) = scripted_as(&info, quick()).await;
    let error = nc.request_many("a b", "").await.expect_err("a blank");
    assert!(matches!(error, RequestError::Subject(_)), "{error:?}");
    let error = nc.request_many("a", "").header("A", "b\r\nC: d").await.expect_err("a line end");
    assert!(matches!(error, RequestError::Header(_)), "{error:?}");
    let error = nc.request_many("a", "12345678901").await.expect_err("it is too large");
    assert!(matches!(error, RequestError::PayloadTooLarge { len: 11, max: 10 }), "{error:?}");
    assert_eq!(nc.requests_in_flight(), 0);
    // The last one had subscribed before it was found too large.
    peer.expect_line("SUB _INBOX.").await;
    assert_eq!(peer.expect_line("UNSUB").await, "UNSUB 1");
    crate::flush(&nc, &mut peer).await;
}

/// A connection on a clock that stands still but for the waits, the requests to `a` on it, and
/// their first one with its stream.
async fn on_the_clock(replies: Replies) -> (Connection, Msg, ReplyStream) {
    let broker = Broker::start().await.expect("a broker");
    let nc = broker.connect().await.expect("in memory").connection().clone();
    let mut asked = nc.subscribe("a").await.expect("subscribed");
    let limit = Duration::from_millis(100);
    let replies = nc.request_many("a", "").replies(replies).timeout(limit).await.expect("sent");
    let msg = next(&mut asked).await;
    (nc, msg, replies)
}

/// Lets so much time pass, and then has the request answered.
async fn answer_after(millis: u64, nc: &Connection, msg: &Msg, reply: &'static str) {
    tokio::time::advance(Duration::from_millis(millis)).await;
    msg.respond(reply).await.expect("answered");
    nc.flush().await.expect("flushed");
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_counts_up_to_the_timeout_and_no_further() {
    let (nc, msg, mut replies) = on_the_clock(Replies::WithinTimeout).await;
    answer_after(0, &nc, &msg, "at once").await;
    answer_after(95, &nc, &msg, "late").await;
    answer_after(10, &nc, &msg, "too late").await;
    assert_eq!(rest(&mut replies).await, ["at once", "late"]);
}

#[tokio::test(start_paused = true)]
async fn as_long_as_replies_keep_coming_a_stall_goes_on() {
    let (nc, msg, mut replies) = on_the_clock(Replies::Stall(Duration::from_millis(50))).await;
    for reply in ["0", "1", "2", "3", "4", "5"] {
        answer_after(45, &nc, &msg, reply).await;
    }
    answer_after(55, &nc, &msg, "too late").await;
    assert_eq!(rest(&mut replies).await, numbers(6));
    assert_eq!(nc.requests_in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pause_may_be_longer_than_the_timeout() {
    let (nc, msg, mut replies) = on_the_clock(Replies::Stall(Duration::from_millis(500))).await;
    answer_after(95, &nc, &msg, "0").await;
    answer_after(450, &nc, &msg, "1").await;
    assert_eq!(rest(&mut replies).await, numbers(2));
    // The first has no more than the timeout.
    let (nc, msg, mut replies) = on_the_clock(Replies::Stall(Duration::from_millis(500))).await;
    answer_after(105, &nc, &msg, "too late").await;
    assert_eq!(rest(&mut replies).await, numbers(0));
}

#[tokio::test(start_paused = true)]
async fn how_slowly_replies_are_read_ends_nothing_and_loses_none() {
    let (nc, msg, mut replies) = on_the_clock(Replies::Stall(Duration::from_millis(50))).await;
    for reply in ["0", "1", "2"] {
        answer_after(45, &nc, &msg, reply).await;
    }
    for reply in numbers(3) {
        tokio::time::advance(LONG).await;
        let read = within("a reply", replies.next()).await.expect("one").expect("a reply");
        assert_eq!(read.text(), Ok(&*reply));
    }
    assert!(within("the end", replies.next()).await.is_none());
    assert!(!replies.is_complete());
}
