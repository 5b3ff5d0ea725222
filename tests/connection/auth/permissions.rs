//! What the server permits, and no longer permits.

use std::time::Duration;

use natsws::{
    CloseError, ConnectOptions, Connection, Disconnect, Event, RequestError, ServerError,
    SubscribeError, Subscription, SubscriptionError,
};
use natsws_tests::{Server, Transport, within};

use crate::{event, next, quick, text};

async fn log_in(server: &Server, transport: Transport, user: &str) -> Connection {
    log_in_with(server, transport, user, quick()).await
}

async fn log_in_with(
    server: &Server,
    transport: Transport,
    user: &str,
    options: ConnectOptions,
) -> Connection {
    let options = options.user(user, "p").request_timeout(Duration::from_secs(9));
    crate::connect_with(&server.url(transport), options).await
}

fn denied(subject: &str, queue_group: Option<&str>) -> ServerError {
    ServerError::SubscribeDenied {
        subject: subject.to_owned(),
        queue_group: queue_group.map(str::to_owned),
    }
}

/// The server does not let the user subscribe.
async fn check_denied(nc: &Connection, subject: &str) {
    let error = nc.subscribe(subject).await.expect_err("it is denied");
    let SubscribeError::Denied(reason) = error else { unreachable!("{error:?}") };
    assert_eq!(reason, denied(subject, None));
}

/// The subscription is over, for this reason.
async fn check_ended(sub: &mut Subscription, reason: &ServerError) {
    let item = within("the answer", sub.next()).await;
    let Some(Err(SubscriptionError::Denied(told))) = item else { unreachable!("{item:?}") };
    assert_eq!(told, *reason);
    assert!(within("the end", sub.next()).await.is_none());
}

const FORBIDDEN: &str = "publish: { deny: \"no.pub\" }\n\
    subscribe: { deny: [\"no.sub\", \"_INBOX.>\"] }";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_no_longer_permits_ends_with_the_reason() {
    for transport in Transport::ALL {
        let users = |rules| [("ann", "p", rules), ("service", "p", "")];
        let mut server = Server::builder().fixed_ports().users(&users("")).start();
        let (nc, service) =
            tokio::join!(log_in(&server, transport, "ann"), log_in(&server, transport, "service"));
        let mut asked = service.subscribe("service").await.expect("subscribed");
        let mut forbidden = nc.subscribe("no.sub").await.expect("subscribed");
        let mut permitted = nc.subscribe("yes").await.expect("subscribed");
        nc.publish("no.pub", "").await.expect("published");
        nc.flush().await.expect("flushed");
        let mut events = nc.events();

        let (waiting, ()) = tokio::join!(nc.request("service", "").into_future(), async {
            next(&mut asked).await;
            server.rewrite_config(|told| told.users(&users(FORBIDDEN)));
            server.signal_reload();
        });
        let error = waiting.expect_err("no reply may come");
        assert!(matches!(error, RequestError::PermissionDenied), "{error:?}");
        check_ended(&mut forbidden, &denied("no.sub", None)).await;
        event(&mut events, |event| match event {
            Event::ServerError(error) if error == denied("no.sub", None) => Some(()),
            _ => None,
        })
        .await;

        let error = nc.request("service", "").await.expect_err("no reply may come");
        assert!(matches!(error, RequestError::PermissionDenied), "{error:?}");
        check_denied(&nc, "no.sub").await;
        nc.publish("no.pub", "").await.expect("it is the server that says no");
        event(&mut events, |event| match event {
            Event::ServerError(ServerError::PublishDenied { subject }) => Some(subject),
            _ => None,
        })
        .await;
        service.publish("yes", "x").await.expect("published");
        assert_eq!(text(&mut permitted).await, "x");
        assert_eq!((nc.stats().reconnects, nc.requests_in_flight()), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_group_that_the_server_no_longer_permits_ends_with_the_reason() {
    for transport in Transport::ALL {
        let mut server = Server::builder().fixed_ports().users(&[("ann", "p", "")]).start();
        let nc = log_in(&server, transport, "ann").await;
        let mut group = nc.subscribe("no.sub").queue("g").await.expect("subscribed");
        server.rewrite_config(|told| told.users(&[("ann", "p", FORBIDDEN)]));
        server.signal_reload();
        check_ended(&mut group, &denied("no.sub", Some("g"))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_subscriptions_the_one_ends_that_the_server_no_longer_permits() {
    let rules = "subscribe: { allow: [\"jobs workers\", \"_INBOX.>\"] }";
    for transport in Transport::ALL {
        let mut server = Server::builder().fixed_ports().users(&[("ann", "p", "")]).start();
        let nc = log_in(&server, transport, "ann").await;
        let mut workers = nc.subscribe("jobs").queue("workers").await.expect("subscribed");
        let mut others = nc.subscribe("jobs").queue("others").await.expect("subscribed");
        let mut plain = nc.subscribe("jobs").await.expect("subscribed");
        server.rewrite_config(|told| told.users(&[("ann", "p", rules)]));
        server.signal_reload();
        check_ended(&mut plain, &denied("jobs", None)).await;
        check_ended(&mut others, &denied("jobs", Some("others"))).await;
        nc.publish("jobs", "one").await.expect("published");
        assert_eq!(text(&mut workers).await, "one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_permits_later_works_from_then_on() {
    for transport in Transport::ALL {
        let users = |rules| [("ann", "p", rules)];
        let mut server = Server::builder().fixed_ports().users(&users(FORBIDDEN)).start();
        let nc = log_in(&server, transport, "ann").await;
        let mut service = nc.subscribe("service").await.expect("subscribed");
        let error = nc.request("service", "").await.expect_err("no reply may come");
        assert!(matches!(error, RequestError::PermissionDenied), "{error:?}");
        check_denied(&nc, "no.sub").await;
        next(&mut service).await;

        server.rewrite_config(|told| told.users(&users("")));
        server.signal_reload();
        let (reply, ()) = tokio::join!(nc.request("service", "").into_future(), async {
            next(&mut service).await.respond("ok").await.expect("answered");
        });
        assert_eq!(reply.expect("a reply").text(), Ok("ok"));
        let mut sub = nc.subscribe("no.sub").await.expect("it is permitted");
        nc.publish("no.sub", "x").await.expect("published");
        assert_eq!(text(&mut sub).await, "x");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_group_that_is_permitted_alone_is_the_one_to_join() {
    let rules = "subscribe: { allow: \"jobs workers\" }";
    for transport in Transport::ALL {
        // A server of its own, which knows no other member of the group.
        let server = Server::builder().users(&[("ann", "p", rules)]).start();
        let nc = log_in(&server, transport, "ann").await;
        let mut jobs = nc.subscribe("jobs").queue("workers").await.expect("subscribed");
        for group in ["others", "worker"] {
            let error = nc.subscribe("jobs").queue(group).await.expect_err("it is denied");
            let SubscribeError::Denied(reason) = error else { unreachable!("{error:?}") };
            assert_eq!(reason, denied("jobs", Some(group)));
        }
        check_denied(&nc, "jobs").await;
        nc.publish("jobs", "one").await.expect("published");
        assert_eq!(text(&mut jobs).await, "one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_not_why_a_connection_ends() {
    for transport in Transport::ALL {
        let mut server = Server::builder().users(&[("ann", "p", FORBIDDEN)]).start();
        let asked = log_in(&server, transport, "ann").await;
        check_denied(&asked, "no.sub").await;
        within("the end", asked.close()).await;
        asked.closed().await.expect("it was asked for");

        let nc = log_in_with(&server, transport, "ann", quick().reconnect(false)).await;
        check_denied(&nc, "no.sub").await;
        server.kill();
        let reason = within("the end", nc.closed()).await.expect_err("the server is gone");
        let lost = matches!(reason, CloseError::Lost(Disconnect::Transport(_)));
        assert!(lost && !reason.is_auth(), "{reason:?}");
    }
}

/// What the documentation of `inbox_prefix` recommends, and the same said the other way round.
const USERS: [(&str, &str, &str); 4] = [
    ("ann", "p", "publish: { allow: \"service\" }\nsubscribe: { allow: \"_INBOX_ann.>\" }"),
    ("bob", "p", "publish: { allow: \"service\" }\nsubscribe: { allow: \"_INBOX_bob.>\" }"),
    ("eve", "p", "subscribe: { deny: [\"_INBOX_ann.>\", \"_INBOX_bob.>\"] }"),
    ("service", "p", "subscribe: { allow: \"service\" }\nallow_responses: true"),
];

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_the_replies_of_others_where_each_user_has_an_inbox() {
    let server = Server::builder().users(&USERS).start();
    for transport in Transport::ALL {
        let inbox = |prefix: &str| quick().inbox_prefix(prefix);
        let ann = log_in_with(&server, transport, "ann", inbox("_INBOX_ann")).await;
        let bob = log_in_with(&server, transport, "bob", inbox("_INBOX_bob")).await;
        let eve = log_in(&server, transport, "eve").await;
        let mut service = log_in(&server, transport, "service")
            .await
            .subscribe("service")
            .await
            .expect("subscribed");
        tokio::spawn(async move {
            while let Some(Ok(msg)) = service.next().await {
                let reply = format!("reply to {}", msg.text().expect("text"));
                msg.respond(reply).await.expect("answered");
            }
        });

        for subject in ["_INBOX_ann.>", "_INBOX_ann.*.*", "_INBOX.>", "*.*.*", ">"] {
            check_denied(&bob, subject).await;
        }
        check_denied(&eve, "_INBOX_ann.>").await;
        // She may read the rest.
        let mut everything = eve.subscribe(">").await.expect("subscribed");

        let mut events = ann.events();
        for (nc, name) in [(&ann, "ann"), (&bob, "bob")] {
            for number in 0..10 {
                let sent = format!("{name} {number}");
                let reply = nc.request("service", &sent).await.expect("a reply");
                assert_eq!(reply.text(), Ok(format!("reply to {sent}").as_str()));
                let asked = next(&mut everything).await;
                assert_eq!((asked.subject(), asked.text()), ("service", Ok(sent.as_str())));
                assert!(asked.reply().is_some_and(|it| it.starts_with("_INBOX_")));
            }
        }
        eve.publish("done", "").await.expect("published");
        assert_eq!(next(&mut everything).await.subject(), "done");
        within("the end", ann.close()).await;
        let last = within("the event", events.next()).await;
        assert!(matches!(last, Some(Event::Closed { .. })), "{last:?}");

        // The inbox that all have without a prefix is nobody's.
        let ann = log_in(&server, transport, "ann").await;
        let error = ann.request("service", "").await.expect_err("no reply may come");
        assert!(matches!(error, RequestError::PermissionDenied), "{error:?}");
    }
}
