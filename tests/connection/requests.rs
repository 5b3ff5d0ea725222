//! A request ends in exactly one outcome, which is its own.

use std::time::Duration;

use natsws::{Connection, Headers, RequestError};
use natsws_tests::{eventually, within};

use crate::{next, scripted};

/// Answers every request to `subject` with its own payload until the connection is closed.
async fn echo(nc: &Connection, subject: &str) {
    let mut sub = nc.subscribe(subject).await.expect("subscribed");
    tokio::spawn(async move {
        while let Some(msg) = sub.next().await {
            let msg = msg.expect("nothing but messages");
            msg.respond(msg.payload_bytes()).headers(msg.headers()).await.expect("answered");
        }
    });
}

everywhere! {
    async fn a_request_gets_its_reply_by_every_way(target: Target) {
        let place = target.start().await;
        let (nc, service) = (place.connect().await, place.connect().await);
        echo(&service, "echo").await;
        let mut snoop = service.subscribe("echo").await.expect("subscribed");

        let reply = nc.request("echo", "hello").header("A", "b").await.expect("a reply");
        assert_eq!((reply.text(), reply.headers().get("A"), reply.reply()), (Ok("hello"), Some("b"), None));
        let shared = next(&mut snoop).await.reply().expect("an inbox").to_owned();
        assert!(shared.starts_with("_INBOX."), "{shared}");

        let reply = nc.request("echo", "alone").no_mux().await.expect("a reply");
        assert_eq!(reply.text(), Ok("alone"));
        let own = next(&mut snoop).await.reply().expect("an inbox").to_owned();
        let prefix = |inbox: &str| inbox.rsplit_once('.').map(|(prefix, _)| prefix.to_owned());
        assert_ne!(prefix(&own), prefix(&shared));

        let reply = nc.request("echo", "mine").reply("my.answers").await.expect("a reply");
        assert_eq!((reply.subject(), reply.text()), ("my.answers", Ok("mine")));
        assert_eq!(next(&mut snoop).await.reply(), Some("my.answers"));
        assert_eq!(nc.requests_in_flight(), 0);
    }

    async fn nobody_to_answer_is_told_at_once(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let long = Duration::from_secs(30);
        for request in [
            nc.request("nobody", "").timeout(long),
            nc.request("nobody", "").timeout(long).no_mux(),
            nc.request("nobody", "").timeout(long).reply("answers"),
        ] {
            let error = within("the answer", request.into_future()).await.expect_err("no reply");
            assert!(matches!(error, RequestError::NoResponders), "{error:?}");
            assert_eq!(error.to_string(), "nobody answers requests to this subject");
        }
        assert_eq!(nc.requests_in_flight(), 0);
    }

    async fn no_reply_in_time_is_an_error_that_says_how_long(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let _silent = nc.subscribe("silent").await.expect("subscribed");
        let after = Duration::from_millis(30);
        for request in [
            nc.request("silent", "").timeout(after),
            nc.request("silent", "").timeout(after).no_mux(),
        ] {
            let error = within("the timeout", request.into_future()).await.expect_err("no reply");
            assert!(matches!(error, RequestError::TimedOut { after: it } if it == after), "{error:?}");
        }
        assert_eq!(nc.requests_in_flight(), 0);
    }

    async fn a_thousand_requests_at_once_get_their_own_replies(target: Target) {
        let place = target.start().await;
        let (nc, service) = (place.connect().await, place.connect().await);
        echo(&service, "echo").await;
        let requests: Vec<_> = (0..1000).map(|number: u32| {
            let nc = nc.clone();
            tokio::spawn(async move {
                let request = nc.request("echo", number.to_string()).timeout(Duration::from_secs(10));
                let request = if number.is_multiple_of(10) { request.no_mux() } else { request };
                request.await.expect("a reply").text().expect("text").to_owned()
            })
        }).collect();
        for (number, request) in requests.into_iter().enumerate() {
            let reply = within("the request", request).await.expect("no panic");
            assert_eq!(reply, number.to_string());
        }
        assert_eq!(nc.requests_in_flight(), 0);
    }

    async fn late_and_duplicate_replies_reach_nobody(target: Target) {
        let place = target.start().await;
        let (nc, service) = (place.connect().await, place.connect().await);
        let mut sub = service.subscribe("slow").await.expect("subscribed");
        let after = Duration::from_millis(20);
        let error = nc.request("slow", "first").timeout(after).await.expect_err("no reply");
        assert!(error.is_timed_out(), "{error}");
        let late = next(&mut sub).await;
        let (reply, ()) = tokio::join!(nc.request("slow", "second").into_future(), async {
            let msg = next(&mut sub).await;
            late.respond("late").await.expect("answered");
            late.respond("late").await.expect("answered");
            service.flush().await.expect("flushed");
            msg.respond("right").await.expect("answered");
            msg.respond("again").await.expect("answered");
        });
        assert_eq!(reply.expect("a reply").text(), Ok("right"));
        let (reply, ()) = tokio::join!(nc.request("slow", "third").into_future(), async {
            next(&mut sub).await.respond("third").await.expect("answered");
        });
        assert_eq!(reply.expect("a reply").text(), Ok("third"));
        assert_eq!(nc.requests_in_flight(), 0);
    }

    async fn requests_that_are_given_up_leave_nothing(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("silent").await.expect("subscribed");
        for number in 0..50 {
            let mut shared = Box::pin(nc.request("silent", "").into_future());
            let mut own = Box::pin(nc.request("silent", "").no_mux().into_future());
            tokio::select! {
                biased;
                _ = &mut shared => unreachable!("nobody answers"),
                _ = &mut own => unreachable!("nobody answers"),
                _ = next(&mut sub) => {}
            }
            assert_eq!(nc.requests_in_flight(), 2, "{number}");
            drop((shared, own));
            assert_eq!(nc.requests_in_flight(), 0, "{number}");
        }
        if let crate::place::Place::Broker { broker, .. } = &place {
            nc.flush().await.expect("flushed");
            assert_eq!(broker.subscriptions(), 2, "the inbox of requests, and the test's own");
        }
    }

    async fn a_status_with_a_payload_is_a_reply_like_any_other(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut raw = crate::place::Raw::connect(place.tcp()).await;
        raw.send("SUB service 1\r\nPING\r\n").await;
        raw.read_until("PONG\r\n").await;
        let (reply, ()) = tokio::join!(nc.request("service", "").into_future(), async {
            let line = raw.read_until("\r\n\r\n").await;
            let inbox = line.split_whitespace().nth(3).expect("a reply subject").to_owned();
            raw.send(format!("HPUB {inbox} 16 20\r\nNATS/1.0 503\r\n\r\nbusy\r\n")).await;
        });
        let reply = reply.expect("a reply");
        assert_eq!((reply.text(), reply.status().map(|it| it.code())), (Ok("busy"), Some(503)));
    }

    async fn requests_end_when_the_connection_closes(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("silent").await.expect("subscribed");
        let (reply, ()) = tokio::join!(nc.request("silent", "").into_future(), async {
            next(&mut sub).await;
            nc.close().await;
        });
        assert!(matches!(reply, Err(RequestError::Closed)), "{reply:?}");
        let reply = nc.request("silent", "").await;
        assert!(matches!(reply, Err(RequestError::Closed)), "{reply:?}");
        assert_eq!(nc.requests_in_flight(), 0);
    }
}

#[tokio::test]
async fn a_request_that_is_not_valid_sends_nothing() {
    let info = natsws_tests::info_with(serde_json::json!({ "max_payload": 10 }));
    let (_scripted, mut peer, nc) = crate::scripted_as(&info, crate::quick()).await;
    let error = nc.request("a", "12345678901").await.expect_err("it is too large");
    assert!(matches!(error, RequestError::PayloadTooLarge { len: 11, max: 10 }), "{error:?}");
    let error = nc.request("a b", "").await.expect_err("a blank");
    assert!(matches!(error, RequestError::Subject(_)), "{error:?}");
    let error = nc.request("a", "").reply("b.*").await.expect_err("a wildcard");
    assert!(matches!(error, RequestError::Subject(_)), "{error:?}");
    let error = nc.request("a", "").header("A", "b\r\nC: d").await.expect_err("a line end");
    assert!(matches!(error, RequestError::Header(_)), "{error:?}");
    assert_eq!(nc.requests_in_flight(), 0);
    // The first one has asked for the inbox before it was found too large.
    assert!(peer.expect_line("SUB _INBOX.").await.ends_with(".* 1"));
    crate::flush(&nc, &mut peer).await;
}

#[tokio::test]
async fn a_lost_connection_ends_requests_that_may_have_arrived() {
    let (scripted, mut peer, nc) = scripted().await;
    let requests: Vec<_> = (0..20)
        .map(|_| {
            let nc = nc.clone();
            tokio::spawn(async move { nc.request("a", "").timeout(Duration::from_secs(30)).await })
        })
        .collect();
    for _ in 0..20 {
        peer.skip_to_line("PUB a _INBOX.").await;
    }
    drop(scripted);
    peer.close().await;
    for request in requests {
        let reply = within("the outcome", request).await.expect("no panic");
        let maybe = matches!(reply, Err(RequestError::Disconnected { maybe_delivered: true }));
        assert!(maybe, "{reply:?}");
    }
    assert_eq!(nc.requests_in_flight(), 0);
    let reply = within("the outcome", nc.request("a", "").into_future()).await;
    let no = matches!(reply, Err(RequestError::Disconnected { maybe_delivered: false }));
    assert!(no, "{reply:?}");
}

#[tokio::test]
async fn a_reply_that_is_malformed_comes_as_it_is() {
    let (_scripted, mut peer, nc) = scripted().await;
    let (reply, ()) = tokio::join!(nc.request("a", "").into_future(), async {
        let line = peer.skip_to_line("PUB a ").await;
        let inbox = line.split(' ').nth(2).expect("a reply subject").to_owned();
        peer.send(format!("HMSG {inbox} 1 12 13\r\nHTTP/1.1 OK\nx\r\n")).await;
    });
    let Err(RequestError::MalformedReply { raw }) = reply else {
        unreachable!("not a malformed reply: {reply:?}")
    };
    assert_eq!((&raw.header_block()[..], raw.payload()), (&b"HTTP/1.1 OK\n"[..], &b"x"[..]));
}

#[tokio::test]
async fn a_reply_to_a_token_of_nobody_is_no_reply() {
    let (_scripted, mut peer, nc) = scripted().await;
    let headers = Headers::new();
    let request = nc.request("a", "").headers(&headers).timeout(Duration::from_secs(30));
    let (reply, ()) = tokio::join!(request.into_future(), async {
        let line = peer.skip_to_line("PUB a ").await;
        let inbox = line.split(' ').nth(2).expect("a reply subject").to_owned();
        let (prefix, _) = inbox.rsplit_once('.').expect("an inbox has dots");
        for token in ["", "x", "18446744073709551615", "99999999999999999999999", "0.0", "-0"] {
            peer.send(format!("MSG {prefix}.{token} 1 5\r\nwrong\r\n")).await;
        }
        peer.send(format!("MSG {inbox} 1 5\r\nright\r\n")).await;
    });
    assert_eq!(reply.expect("a reply").text(), Ok("right"));
    eventually("all of them", async || (nc.stats().in_msgs == 7).then_some(())).await;
}
