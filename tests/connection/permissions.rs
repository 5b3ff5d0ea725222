//! What the server does not permit is told to whoever asked for it, and to nobody else.

use std::time::Duration;

use natsws::{Connection, Event, RequestError, ServerError, SubscribeError};
use natsws_tests::{Server, Transport, within};

use crate::{event, next, quick};

const RULES: &str = "authorization { users: [{ user: u, password: p, permissions: {
    publish: { deny: [\"no.pub\"] }, subscribe: { deny: [\"no.sub\", \"_INBOX.>\"] } } }] }";

async fn start(transport: Transport) -> (Server, Connection) {
    let server = Server::builder().config(RULES).start();
    let options = quick().user("u", "p").request_timeout(Duration::from_secs(9));
    let nc = crate::connect_with(&server.url(transport), options).await;
    (server, nc)
}

async fn server_error(events: &mut natsws::Events) -> ServerError {
    event(events, |event| match event {
        Event::ServerError(error) => Some(error),
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_that_is_denied_is_an_event() {
    for transport in Transport::ALL {
        let (_server, nc) = start(transport).await;
        let mut events = nc.events();
        let mut sub = nc.subscribe("yes").await.expect("subscribed");
        nc.publish("no.pub", "x").await.expect("it is the server that says no");
        nc.publish("yes", "x").await.expect("published");
        let denied = ServerError::PublishDenied { subject: "no.pub".to_owned() };
        assert_eq!(server_error(&mut events).await, denied);
        assert_eq!(next(&mut sub).await.subject(), "yes");
        assert_eq!(nc.stats().reconnects, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_denied_is_its_own_error() {
    for transport in Transport::ALL {
        let (_server, nc) = start(transport).await;
        let mut sub = nc.subscribe("yes").await.expect("subscribed");
        let denied = |queue_group: Option<&str>| ServerError::SubscribeDenied {
            subject: "no.sub".to_owned(),
            queue_group: queue_group.map(str::to_owned),
        };
        let error = nc.subscribe("no.sub").await.expect_err("it is denied");
        let SubscribeError::Denied(reason) = error else { unreachable!("{error:?}") };
        assert_eq!(reason, denied(None));
        let error = nc.subscribe("no.sub").queue("g").await.expect_err("it is denied");
        let SubscribeError::Denied(reason) = error else { unreachable!("{error:?}") };
        assert_eq!(reason, denied(Some("g")));

        let mut told = nc.subscribe("no.sub").unconfirmed().await.expect("not known yet");
        let item = within("the answer", told.next()).await;
        let Some(Err(natsws::SubscriptionError::Denied(reason))) = item else {
            unreachable!("{item:?}")
        };
        assert_eq!(reason, denied(None));
        assert!(within("the end", told.next()).await.is_none());
        nc.publish("yes", "x").await.expect("published");
        assert_eq!(next(&mut sub).await.subject(), "yes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_denied_does_not_wait_for_its_timeout() {
    for transport in Transport::ALL {
        let (_server, nc) = start(transport).await;
        let mut service = nc.subscribe("service").await.expect("subscribed");
        let error = nc.request("no.pub", "").reply("r").await.expect_err("it may not be sent");
        assert!(matches!(error, RequestError::PermissionDenied), "{error:?}");
        let error = nc.request("service", "").reply("no.sub").await.expect_err("no reply comes");
        assert!(matches!(error, RequestError::PermissionDenied), "{error:?}");
        for _ in 0..2 {
            let error = nc.request("service", "").await.expect_err("the inbox is denied");
            assert!(matches!(error, RequestError::PermissionDenied), "{error:?}");
        }
        assert_eq!(nc.requests_in_flight(), 0);

        for _ in 0..3 {
            next(&mut service).await;
        }
        let (reply, ()) =
            tokio::join!(nc.request("service", "").reply("mine").into_future(), async {
                next(&mut service).await.respond("ok").await.expect("answered");
            });
        assert_eq!(reply.expect("a reply").text(), Ok("ok"));
    }
}
