//! Subscriptions and requests.

use std::time::Duration;

use futures_util::future::join_all;
use natsws::{FlushError, Headers, PublishError, RequestError, State, Subscription};
use natsws_tests::{Server, Transport, eventually, within};

use super::{echo, monitored, subscriptions};
use crate::{next, quick, rest};

everywhere! {
    async fn a_request_reaches_every_subscriber_and_the_first_reply_is_the_one(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let helpers = join_all((0..5).map(|_| place.connect())).await;
        let mut subs = Vec::new();
        for helper in &helpers {
            subs.push(helper.subscribe("help").await.expect("subscribed"));
        }
        let answer = async |subs: &mut [Subscription]| {
            for (number, sub) in subs.iter_mut().enumerate() {
                let msg = next(sub).await;
                msg.respond(number.to_string()).await.expect("answered");
                helpers[number].flush().await.expect("flushed");
            }
        };
        let (reply, ()) = tokio::join!(nc.request("help", "").into_future(), answer(&mut subs));
        assert_eq!(reply.expect("a reply").text(), Ok("0"));
        assert!(subs.iter().all(|sub| sub.received() == 1));
        nc.flush().await.expect("flushed");
        assert_eq!((nc.stats().in_msgs, nc.requests_in_flight()), (5, 0));

        // With an inbox of one's own all of them are there.
        let inbox = nc.new_inbox();
        let mut answers = nc.subscribe(&inbox).max(5).await.expect("subscribed");
        nc.publish("help", "").reply(&inbox).await.expect("published");
        answer(&mut subs).await;
        let mut all = rest(&mut answers).await;
        all.sort();
        assert_eq!(all, ["0", "1", "2", "3", "4"]);
    }

    async fn what_is_over_can_be_ended_again(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").max(1).await.expect("subscribed");
        let stopper = sub.stopper();
        nc.publish("a", "1").await.expect("published");
        assert_eq!(rest(&mut sub).await, ["1"]);
        let end = async || {
            sub.unsubscribe();
            sub.unsubscribe_after(5);
            stopper.unsubscribe();
            sub.drain().await
        };
        assert_eq!(end().await, Ok(()));
        nc.publish("a", "2").await.expect("published");
        nc.flush().await.expect("flushed");
        nc.close().await;
        assert_eq!(end().await, Err(FlushError::Closed));
        assert!(within("the end", sub.next()).await.is_none());
        assert_eq!((sub.received(), sub.processed(), sub.is_closed()), (1, 1, true));
    }

    async fn what_was_read_and_what_waits_add_up_to_what_came(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        for number in 0..10 {
            nc.publish("a", number.to_string()).await.expect("published");
        }
        nc.flush().await.expect("flushed");
        for read in 0..10 {
            let counts = (sub.received(), sub.processed(), sub.pending(), sub.dropped());
            assert_eq!(counts, (10, read, 10 - usize::try_from(read).expect("few"), 0));
            next(&mut sub).await;
        }
        assert_eq!((sub.received(), sub.processed(), sub.pending()), (10, 10, 0));
    }

    async fn an_answer_that_is_too_large_is_refused_and_the_requester_times_out(target: Target) {
        let place = target.start_with(|it| it.max_payload(1000), |it| it.max_payload(1000)).await;
        let (nc, service) = (place.connect().await, place.connect().await);
        let mut sub = service.subscribe("a").await.expect("subscribed");
        let after = Duration::from_millis(50);
        let (reply, ()) = tokio::join!(nc.request("a", "").timeout(after).into_future(), async {
            let error = next(&mut sub).await.respond(vec![b'x'; 1001]).await;
            let error = error.expect_err("it is too large");
            let too_large = matches!(error, PublishError::PayloadTooLarge { len: 1001, max: 1000 });
            assert!(too_large, "{error:?}");
        });
        assert!(reply.expect_err("there is no reply").is_timed_out());
        assert_eq!((nc.stats().reconnects, service.stats().reconnects), (0, 0));
    }

    async fn a_message_without_a_reply_subject_cannot_be_answered(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        nc.publish("a", "").await.expect("published");
        let msg = next(&mut sub).await;
        let error = msg.respond("x").await.expect_err("nobody asked");
        assert!(matches!(error, PublishError::NoReplySubject), "{error:?}");
        let error = msg.respond("x").try_send().expect_err("nobody asked");
        assert!(matches!(error, PublishError::NoReplySubject), "{error:?}");
        assert_eq!(nc.stats().out_msgs, 1);
    }

    async fn a_request_with_a_subscription_of_its_own_leaves_none(target: Target) {
        let place = target.start_with(monitored, |it| it).await;
        let nc = place.connect().await;
        echo(&nc, "echo").await;
        let _silent = nc.subscribe("silent").await.expect("subscribed");
        let before = subscriptions(&place);
        let after = Duration::from_millis(20);
        for round in 0..5 {
            let reply = nc.request("echo", "x").no_mux().await.expect("a reply");
            assert_eq!(reply.text(), Ok("x"), "{round}");
            let nobody = nc.request("nobody", "").no_mux().await.expect_err("nobody is there");
            assert!(nobody.is_no_responders(), "{nobody:?}");
            let nobody = nc.request("nobody", "").reply("r").await.expect_err("nobody is there");
            assert!(nobody.is_no_responders(), "{nobody:?}");
            let silent = nc.request("silent", "").no_mux().timeout(after).await;
            assert!(silent.expect_err("nobody answers").is_timed_out());
            let large = nc.request("echo", vec![b'x'; 2 << 20]).no_mux().await;
            let large = large.expect_err("it is too large");
            assert!(matches!(large, RequestError::PayloadTooLarge { .. }), "{large:?}");
        }
        nc.flush().await.expect("flushed");
        assert_eq!(nc.requests_in_flight(), 0);
        eventually("none of them", async || (subscriptions(&place) == before).then_some(())).await;

        // All others share one.
        for _ in 0..5 {
            nc.request("echo", "x").await.expect("a reply");
        }
        eventually("one more", async || (subscriptions(&place) == before + 1).then_some(())).await;
    }

    async fn a_subscription_that_ends_by_hearing_that_nobody_is_there_is_over(target: Target) {
        let place = target.start_with(monitored, |it| it).await;
        let nc = place.connect().await;
        let before = subscriptions(&place);
        let inbox = nc.new_inbox();
        let mut sub = nc.subscribe(&inbox).max(2).await.expect("subscribed");
        for _ in 0..2 {
            nc.publish("nobody", "").reply(&inbox).await.expect("published");
            let status = next(&mut sub).await;
            assert_eq!(status.status().map(|status| status.code()), Some(503));
        }
        assert!(within("the end", sub.next()).await.is_none());
        nc.flush().await.expect("flushed");
        eventually("the end", async || (subscriptions(&place) == before).then_some(())).await;
    }

    async fn an_inbox_prefix_of_ones_own_is_that_of_every_request(target: Target) {
        let place = target.start().await;
        let nc = place.connect_with(quick().inbox_prefix("my.own")).await;
        let service = place.connect().await;
        echo(&service, "echo").await;
        let mut snoop = service.subscribe("echo").await.expect("subscribed");
        nc.request("echo", "").await.expect("a reply");
        nc.request("echo", "").no_mux().await.expect("a reply");
        for _ in 0..2 {
            let msg = next(&mut snoop).await;
            let inbox = msg.reply().expect("an inbox").split('.').collect::<Vec<_>>();
            assert_eq!((inbox.len(), &inbox[..2]), (4, &["my", "own"][..]), "{inbox:?}");
        }
    }

    async fn a_connection_without_subscriptions_drains_at_once(target: Target) {
        let place = target.start().await;
        let (nc, other) = (place.connect().await, place.connect().await);
        let mut sub = other.subscribe("a").max(10).await.expect("subscribed");
        for number in 0..10 {
            nc.publish("a", number.to_string()).await.expect("published");
        }
        let report = within("the drain", nc.drain()).await.expect("drained");
        assert_eq!((report.delivered, report.dropped, nc.state()), (0, 0, State::Closed));
        assert!(nc.closed().await.is_ok());
        let expected: Vec<_> = (0..10).map(|number: u32| number.to_string()).collect();
        assert_eq!(rest(&mut sub).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_denied_leaves_no_subscription() {
    let rules = "publish: { deny: [\"no.pub\"] }, subscribe: { deny: [\"no.sub\"] }";
    let server = Server::builder().users(&[("u", "p", rules)]).monitoring().start();
    for transport in Transport::ALL {
        let nc = crate::connect_with(&server.url(transport), quick().user("u", "p")).await;
        let _service = nc.subscribe("service").await.expect("subscribed");
        let count = || server.monitor("/varz")["subscriptions"].as_u64().expect("a number");
        let before = count();
        let long = Duration::from_secs(9);
        for request in [
            nc.request("no.pub", "").no_mux().timeout(long),
            nc.request("no.pub", "").reply("r").timeout(long),
            nc.request("service", "").reply("no.sub").timeout(long),
        ] {
            let error = within("the outcome", request.into_future()).await.expect_err("denied");
            assert!(matches!(error, RequestError::PermissionDenied), "{error:?}");
        }
        assert_eq!(nc.requests_in_flight(), 0);
        nc.flush().await.expect("flushed");
        eventually("none of them", async || (count() == before).then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_is_what_the_server_counts() {
    let server = Server::builder().monitoring().start();
    for transport in Transport::ALL {
        let nc = crate::connect(&server.url(transport)).await;
        let id = nc.server_info().client_id.expect("the server numbers its clients");
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        nc.publish("a", "12345").await.expect("published");
        nc.publish("a", "1").header("A", "b").reply("r").await.expect("published");
        nc.publish("nobody", "1234567").await.expect("published");
        let (reply, ()) = tokio::join!(nc.request("a", "?").into_future(), async {
            for _ in 0..2 {
                next(&mut sub).await;
            }
            let answer = next(&mut sub).await;
            answer.respond("!").header("A", "b").await.expect("answered");
        });
        reply.expect("a reply");
        nc.flush().await.expect("flushed");
        let connz = server.monitor(&format!("/connz?cid={id}"));
        let of = |key: &str| connz["connections"][0][key].as_u64().expect("a number");
        let stats = nc.stats();
        assert_eq!((stats.out_msgs, stats.out_bytes), (of("in_msgs"), of("in_bytes")));
        assert_eq!((stats.in_msgs, stats.in_bytes), (of("out_msgs"), of("out_bytes")));
        assert_eq!((stats.out_msgs, stats.in_msgs), (5, 4));
    }
}

#[test]
fn headers_are_equal_where_names_and_values_are() {
    let headers = |pairs: &[(&str, &str)]| {
        let mut headers = Headers::new();
        for (name, value) in pairs {
            headers.append(name, value).expect("a good header");
        }
        headers
    };
    let some = headers(&[("a", "1"), ("b", "2"), ("a", "3")]);
    assert_eq!(some, some.clone());
    assert_eq!(some, headers(&[("a", "1"), ("b", "2"), ("a", "3")]));
    for other in [
        &[][..],
        &[("a", "1"), ("b", "2")],
        &[("a", "1"), ("b", "2"), ("a", "4")],
        &[("A", "1"), ("b", "2"), ("a", "3")],
        &[("a", "3"), ("b", "2"), ("a", "1")],
    ] {
        assert_ne!(some, headers(other));
    }
    assert_eq!(some.get_all("a").last(), Some("3"));
    assert_eq!(Headers::new(), headers(&[]));
    assert_eq!((Headers::new().len(), Headers::new().is_empty()), (0, true));
}
