//! Headers as they travel, and servers that know none.

use std::sync::Arc;

use natsws::{AttemptError, Connection, Event, HeaderError, Headers, PublishError, RequestError};
use natsws_tests::{Scripted, info_with, within};
use serde_json::json;

use crate::{event, flush, next, quick, scripted, scripted_as};

everywhere! {
    async fn names_keep_their_case_and_values_repeat(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        let mut headers = Headers::new();
        headers.append("Tag", "red").expect("a good header");
        headers.append("tag", "small").expect("a good header");
        headers.append("Tag", "round").expect("a good header");
        nc.publish("a", "").headers(&headers).header("Tag", "  ripe ").header("Note", "a:b, ü").await.expect("published");
        let msg = next(&mut sub).await;
        let got = msg.headers();
        assert_eq!(got.get_all("Tag").collect::<Vec<_>>(), ["red", "round", "ripe"]);
        assert_eq!(got.get_all("tag").collect::<Vec<_>>(), ["small"]);
        assert_eq!((got.get("TAG"), got.get_ignore_case("TAG")), (None, Some("red")));
        assert_eq!(got.get("Note"), Some("a:b, ü"));
        assert_eq!(got.len(), 5);
    }

    async fn received_headers_can_be_sent_on(target: Target) {
        let place = target.start().await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        let mut on = nc.subscribe("b").await.expect("subscribed");
        nc.publish("a", "x").header("A", "1").header("A", "2").await.expect("published");
        let msg = next(&mut sub).await;
        nc.publish("b", msg.payload()).headers(msg.headers()).header("B", "3").await.expect("published");
        let got = next(&mut on).await;
        assert_eq!(got.headers().iter().collect::<Vec<_>>(), [("A", "1"), ("A", "2"), ("B", "3")]);
    }
}

#[tokio::test]
async fn headers_that_would_be_more_than_headers_are_refused_and_nothing_is_sent() {
    let (_scripted, mut peer, nc) = scripted().await;
    for (name, value) in [("A", "b\r\nC: d"), ("A", "b\n"), ("A", "\rb"), ("A", "b\0")] {
        let error = nc.publish("a", "x").header(name, value).await.expect_err("a bad value");
        assert!(matches!(error, PublishError::Header(HeaderError::Value { .. })), "{error:?}");
        let error = nc.request("a", "x").header(name, value).await.expect_err("a bad value");
        assert!(matches!(error, RequestError::Header(HeaderError::Value { .. })), "{error:?}");
    }
    for name in ["", "A:", "A b", "A\r\nB", "\u{e4}", "A\t", "A\0"] {
        let error = nc.publish("a", "x").header(name, "b").await.expect_err("a bad name");
        assert!(matches!(error, PublishError::Header(HeaderError::Name { .. })), "{error:?}");
    }
    flush(&nc, &mut peer).await;
}

#[tokio::test]
async fn a_server_without_headers_is_sent_none() {
    let info = info_with(json!({ "headers": null }));
    let (_scripted, mut peer, nc) = scripted_as(&info, quick()).await;
    let error = nc.publish("a", "x").header("A", "b").await.expect_err("no headers here");
    assert!(matches!(error, PublishError::HeadersUnsupported), "{error:?}");
    let error =
        nc.request("a", "x").reply("r").header("A", "b").await.expect_err("no headers here");
    assert!(matches!(error, RequestError::HeadersUnsupported), "{error:?}");
    assert_eq!(nc.requests_in_flight(), 0);
    // The request's own subscription was made and is over.
    assert_eq!(peer.expect_line("SUB").await, "SUB r 1");
    assert_eq!(peer.expect_line("UNSUB 1").await, "UNSUB 1 1");
    assert_eq!(peer.expect_line("UNSUB 1").await, "UNSUB 1");
    flush(&nc, &mut peer).await;
    nc.publish("a", "plain").await.expect("published");
    assert_eq!(peer.expect_line("PUB").await, "PUB a 5");
}

#[tokio::test]
async fn what_is_said_in_connect_depends_on_the_servers_headers() {
    for (headers, said) in [(json!(true), true), (json!(null), false)] {
        let scripted = Scripted::start();
        let url = scripted.url();
        let (_nc, connect) = tokio::join!(crate::connect(&url), async {
            scripted.accept().await.handshake(&info_with(json!({ "headers": headers }))).await
        });
        assert_eq!((&connect["headers"], &connect["no_responders"]), (&json!(said), &json!(said)));
    }
}

#[tokio::test]
async fn no_echo_is_refused_by_a_server_that_is_too_old() {
    let scripted = Scripted::start();
    let old = info_with(json!({ "proto": 0 }));
    let (connected, ()) =
        tokio::join!(Connection::connect_with(scripted.url(), quick().no_echo(true)), async {
            let mut peer = scripted.accept().await;
            peer.send(format!("INFO {old} \r\n")).await;
            assert_eq!(peer.read_to_end().await, b"", "no CONNECT is sent");
        });
    let error = connected.expect_err("it is too old");
    assert_eq!(
        error.to_string(),
        format!(
            "no server could be reached: {} (the server does not support `no_echo`)",
            scripted.url()
        )
    );
    let error = crate::attempt(error);
    assert!(matches!(*error, AttemptError::NoEchoUnsupported), "{error:?}");
}

#[tokio::test]
async fn no_echo_is_looked_at_again_when_reconnecting() {
    let (scripted, peer, nc) = scripted_as(&info_with(json!({})), quick().no_echo(true)).await;
    let mut events = nc.events();
    peer.close().await;
    let mut old = scripted.accept().await;
    old.send(format!("INFO {} \r\n", info_with(json!({ "proto": 0 })))).await;
    let error: Arc<AttemptError> = event(&mut events, |event| match event {
        Event::ConnectFailed { error, .. } => Some(error),
        _ => None,
    })
    .await;
    assert!(matches!(*error, AttemptError::NoEchoUnsupported), "{error:?}");
    let connect = scripted.accept().await.handshake(&info_with(json!({}))).await;
    assert_eq!(connect["echo"], false);
    event(&mut events, |event| matches!(event, Event::Reconnected { .. }).then_some(())).await;
    within("the end", nc.close()).await;
}
