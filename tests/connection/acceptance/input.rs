//! What servers and other publishers send.

use natsws::{CloseError, Disconnect, Event, PublishError, Scheme, ServerError, State};
use natsws_tests::{Transport, info, info_with, within};
use serde_json::json;

use super::{greeted, lost};
use crate::place::Raw;
use crate::{event, next, quick, scripted, text};

everywhere! {
    async fn a_subject_with_a_nul_in_it_or_of_four_kilobytes_arrives(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe(">").await.expect("subscribed");
        let mut raw = Raw::connect(place.tcp()).await;
        let long = "x".repeat(4000);
        raw.send(format!("PUB a\0b c\0d 1\r\n1\r\nPUB {long} 1\r\n2\r\nPUB a 1\r\n3\r\n")).await;
        let msg = next(&mut sub).await;
        assert_eq!((msg.subject(), msg.reply(), msg.text()), ("a\0b", Some("c\0d"), Ok("1")));
        let error = msg.respond("x").await.expect_err("no subject to publish to");
        assert!(matches!(error, PublishError::Subject(_)), "{error:?}");
        let msg = next(&mut sub).await;
        assert_eq!((msg.subject(), msg.text()), (long.as_str(), Ok("2")));
        assert_eq!(text(&mut sub).await, "3");
        assert_eq!(nc.stats().reconnects, 0);
    }
}

#[tokio::test]
async fn a_thousand_servers_may_be_told_of_in_one_info() {
    let (_scripted, mut peer, nc) = scripted().await;
    let mut events = nc.events();
    let mut urls: Vec<String> =
        (0..1000).map(|number| format!("10.0.{}.{}:4222", number / 250, number % 250)).collect();
    urls.extend(["no server", "\u{1b}[2J", "", "[::1", "a:70000"].map(str::to_owned));
    let told = info_with(json!({
        "connect_urls": urls, "ldm": true, "max_payload": 9, "unknown": [{ "a": null }],
        "api_lvl": 9,
    }));
    peer.send(format!("INFO {told} \r\n")).await;
    let (mut unusable, mut added, mut lame_duck) = (Vec::new(), 0, false);
    while added == 0 || unusable.len() < 5 || !lame_duck {
        match within("an event", events.next()).await.expect("the connection is there") {
            Event::ServerUnusable { listed } => unusable.push(listed),
            Event::ServersChanged { added: more, removed } => {
                assert_eq!((added, removed.len()), (0, 0), "it is told once");
                added = more.len();
            }
            Event::LameDuckMode { .. } => lame_duck = true,
            other => unreachable!("{other:?}"),
        }
    }
    assert_eq!(unusable, ["no server", "\\u{1b}[2J", "", "[::1", "a:70000"]);
    assert_eq!((added, nc.servers().len()), (1000, 1001));
    assert!(nc.servers().iter().all(|server| server.addr.scheme() == Scheme::Nats));
    assert_eq!((nc.server_info().max_payload, nc.server_info().lame_duck_mode), (9, true));
    // No second CONNECT stands before this.
    crate::flush(&nc, &mut peer).await;
    // The same list again changes nothing, an empty one takes them all away.
    peer.send(format!("INFO {told} \r\nINFO {} \r\n", info())).await;
    let removed = event(&mut events, |event| match event {
        Event::ServersChanged { added, removed } => Some((added.len(), removed.len())),
        _ => None,
    })
    .await;
    assert_eq!((removed, nc.servers().len()), ((0, 1000), 1));
    assert_eq!(nc.stats().reconnects, 0);
}

/// What a server says in `-ERR`, as the architecture decisions of NATS list it, and more that was
/// seen of `nats-server`.
fn errors() -> Vec<(&'static str, ServerError)> {
    let denied = |subject: &str, group: Option<&str>| ServerError::SubscribeDenied {
        subject: subject.to_owned(),
        queue_group: group.map(str::to_owned),
    };
    let mut all = vec![
        ("Authorization Violation", ServerError::AuthorizationViolation),
        ("authorization violation", ServerError::AuthorizationViolation),
        ("Authentication Timeout", ServerError::AuthenticationTimeout),
        ("User Authentication Expired", ServerError::UserAuthenticationExpired),
        ("Account Authentication Expired", ServerError::AccountAuthenticationExpired),
        ("Stale Connection", ServerError::StaleConnection),
        ("Maximum Payload Violation", ServerError::MaximumPayloadViolation),
        ("maximum connections exceeded", ServerError::MaximumConnectionsExceeded),
        (
            "Permissions Violation for Publish to \"no.pub\"",
            ServerError::PublishDenied { subject: "no.pub".to_owned() },
        ),
        ("Permissions Violation for Subscription to \"no.>\"", denied("no.>", None)),
        (
            "Permissions Violation for Subscription to \"no\" using queue \"q\"",
            denied("no", Some("q")),
        ),
    ];
    all.extend(
        [
            "Unknown Protocol Operation",
            "Attempted To Connect To Route Port",
            "Invalid Client Protocol",
            "maximum control line exceeded",
            "Parser Error",
            "Secure Connection - TLS Required",
            "Slow Consumer",
            "Invalid Subject",
            "Invalid Publish Subject",
            "maximum subscriptions exceeded",
            "maximum account active connections exceeded",
            "Something that nobody has thought of \u{1b}[2J",
        ]
        .map(|text| (text, ServerError::Other { text: text.to_owned() })),
    );
    all
}

#[tokio::test]
async fn each_error_of_the_server_is_told_before_the_loss_of_the_connection() {
    for transport in Transport::ALL {
        for (text, expected) in errors() {
            let (mut peer, nc) = greeted(transport, quick().reconnect(false)).await;
            let mut events = nc.events();
            // The error and the end come in one go.
            peer.send(format!("-ERR '{text}'\r\n")).await;
            peer.close().await;
            let mut told = Vec::new();
            while let Some(event) = within("an event", events.next()).await {
                told.push(event);
            }
            let [
                Event::ServerError(error),
                Event::Disconnected { reason, .. },
                Event::Closed { error: Some(CloseError::Lost(closed)), .. },
            ] = &told[..]
            else {
                unreachable!("{transport:?}: {text}: {told:?}")
            };
            assert_eq!(*error, expected);
            for reason in [reason, closed] {
                match reason {
                    Disconnect::Server(reason) => assert_eq!(*reason, expected),
                    // A permission that is missing is nothing that a connection ends by.
                    Disconnect::Transport(_) if text.starts_with("Permissions") => {}
                    other => unreachable!("{transport:?}: {text}: {other:?}"),
                }
            }
            assert!(!error.to_string().contains('\u{1b}'), "{error}");
        }
        // Often there is no error at all.
        let (peer, nc) = greeted(transport, quick().reconnect(false)).await;
        let mut events = nc.events();
        peer.close().await;
        let (reason, _) = lost(&mut events).await;
        assert!(matches!(reason, Disconnect::Transport(_)), "{reason:?}");
    }
}

#[tokio::test]
async fn an_error_that_the_server_goes_on_after_leaves_the_connection_as_it_is() {
    for transport in Transport::ALL {
        let (mut peer, nc) = greeted(transport, quick()).await;
        let mut events = nc.events();
        let mut sub = nc.subscribe("a").unconfirmed().await.expect("subscribed");
        peer.expect_line("SUB").await;
        for (text, expected) in errors() {
            peer.send(format!("-ERR '{text}'\r\n")).await;
            let told = within("the event", events.next()).await;
            let Some(Event::ServerError(error)) = told else { unreachable!("{text}: {told:?}") };
            assert_eq!(error, expected);
        }
        peer.send("MSG a 1 2\r\nhi\r\n").await;
        assert_eq!(text(&mut sub).await, "hi");
        crate::flush(&nc, &mut peer).await;
        assert_eq!((nc.state(), nc.stats().reconnects), (State::Connected, 0));
    }
}
