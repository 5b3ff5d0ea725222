//! How large a message may be.

use natsws::PublishError;
use natsws::bytes::Bytes;
use natsws_tests::info_with;
use serde_json::json;

use crate::{flush, next, quick, scripted_as};

everywhere! {
    async fn exactly_max_payload_arrives_and_one_byte_more_is_refused(target: Target) {
        let place = target.start_with(|it| it.max_payload(40_000), |it| it.max_payload(40_000)).await;
        let nc = place.connect().await;
        let mut sub = nc.subscribe("a").await.expect("subscribed");
        assert_eq!(nc.server_info().max_payload, 40_000);
        let headers = "NATS/1.0\r\nA: b\r\n\r\n".len();
        let most = vec![b'x'; 40_000];
        nc.publish("a", &most).await.expect("published");
        nc.publish("a", Bytes::from(most.clone())).await.expect("published");
        nc.publish("a", &most[headers..]).header("A", "b").await.expect("published");
        for size in [40_000, 40_000, 40_000 - headers] {
            assert_eq!(next(&mut sub).await.payload().len(), size);
        }

        let more = vec![b'x'; 40_001];
        for publish in [
            nc.publish("a", &more),
            nc.publish("a", Bytes::from(more.clone())),
            nc.publish("a", &more[headers..]).header("A", "b"),
        ] {
            let error = publish.await.expect_err("it is too large");
            assert!(matches!(error, PublishError::PayloadTooLarge { len: 40_001, max: 40_000 }), "{error:?}");
            assert_eq!(error.to_string(), "the message has 40001 bytes, the server accepts at most 40000");
        }
        nc.publish("a", "still here").await.expect("published");
        assert_eq!(next(&mut sub).await.text(), Ok("still here"));
        assert_eq!((nc.stats().reconnects, nc.stats().out_msgs), (0, 4));
    }
}

#[tokio::test]
async fn of_a_message_that_is_too_large_nothing_is_sent() {
    let info = info_with(json!({ "max_payload": 10 }));
    let (_scripted, mut peer, nc) = scripted_as(&info, quick()).await;
    let error = nc.publish("a", "12345678901").await.expect_err("it is too large");
    assert!(matches!(error, PublishError::PayloadTooLarge { len: 11, max: 10 }), "{error:?}");
    flush(&nc, &mut peer).await;
    nc.publish("a", "1234567890").await.expect("published");
    assert_eq!(peer.expect_line("PUB").await, "PUB a 10");
}

#[tokio::test]
async fn a_later_info_changes_the_limit_and_no_second_connect_is_sent() {
    let (_scripted, mut peer, nc) = scripted_as(&info_with(json!({})), quick()).await;
    assert_eq!(nc.server_info().server_id, "SCRIPTED");
    let urls: Vec<_> = (0..1000).map(|number| format!("\u{1}::not an address {number}")).collect();
    let later = info_with(json!({
        "server_id": "LATER", "max_payload": 5, "connect_urls": urls, "something_new": { "a": [1] },
        "cluster": "c",
    }));
    peer.send(format!("INFO {later} \r\n")).await;
    natsws_tests::eventually("the update", async || {
        (nc.server_info().server_id == "LATER").then_some(())
    })
    .await;
    let info = nc.server_info();
    assert_eq!(
        (info.max_payload, info.connect_urls.len(), info.cluster.as_deref()),
        (5, 1000, Some("c"))
    );
    let error = nc.publish("a", "123456").await.expect_err("it is too large");
    assert!(matches!(error, PublishError::PayloadTooLarge { len: 6, max: 5 }), "{error:?}");
    flush(&nc, &mut peer).await;
    assert_eq!(nc.stats().reconnects, 0);
}

#[tokio::test]
async fn an_info_right_behind_the_pong_counts() {
    let scripted = natsws_tests::Scripted::start();
    let url = scripted.url();
    let (nc, mut peer) = tokio::join!(crate::connect(&url), async {
        let mut peer = scripted.accept().await;
        peer.send(format!("INFO {} \r\n", info_with(json!({})))).await;
        peer.expect_line("CONNECT ").await;
        peer.expect_line("PING").await;
        let second = info_with(json!({ "max_payload": 7, "client_ip": "10.0.0.7" }));
        peer.send(format!("PONG\r\nINFO {second} \r\n")).await;
        peer
    });
    flush(&nc, &mut peer).await;
    assert_eq!((nc.server_info().max_payload, &*nc.server_info().client_ip), (7, "10.0.0.7"));
}
