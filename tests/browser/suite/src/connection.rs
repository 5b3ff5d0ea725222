//! Publishing, subscribing and asking, without types.

use bytes::Bytes;
use natsws::{Headers, RequestError};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::stage::{SECOND, Server, within};

#[wasm_bindgen_test]
async fn what_is_published_arrives_with_its_bytes_and_headers() {
    let server = Server::start().await;
    let client = server.client().await;
    let connection = client.connection();
    let mut all = connection.subscribe("bytes.>").await.expect("subscribed");
    let every_byte: Vec<u8> = (0..=255).collect();
    let mut headers = Headers::new();
    headers.append("Color", "blue").expect("good");
    headers.append("Color", "grün").expect("good");
    connection.publish("bytes.all", every_byte.clone()).headers(&headers).await.expect("accepted");
    let msg = within("the message", all.next()).await.expect("one").expect("good");
    assert_eq!((msg.subject(), msg.payload()), ("bytes.all", &every_byte[..]));
    let colors: Vec<_> = msg.headers().get_all("Color").collect();
    assert_eq!(colors, ["blue", "grün"]);
}

#[wasm_bindgen_test]
async fn requests_are_answered_refused_or_time_out() {
    let server = Server::start().await;
    let client = server.client().await;
    let connection = client.connection();
    let nobody = connection.request("nobody.there", "").await.expect_err("nobody is there");
    assert!(matches!(nobody, RequestError::NoResponders), "{nobody:?}");

    let mut asked = connection.subscribe("echo").await.expect("subscribed");
    let echo = async {
        let ask = asked.next().await.expect("one").expect("good");
        ask.respond(ask.payload()).await.expect("answered");
    };
    let (reply, ()) = tokio::join!(connection.request("echo", "hello"), echo);
    assert_eq!(reply.expect("answered").text(), Ok("hello"));

    let silent = connection.request("echo", "again").timeout(SECOND / 10).await;
    assert!(matches!(silent, Err(RequestError::TimedOut { .. })), "{silent:?}");
}

#[wasm_bindgen_test]
async fn large_messages_arrive_whole_and_too_large_ones_are_refused() {
    let server = Server::start().await;
    let client = server.client().await;
    let connection = client.connection();
    let mut all = connection.subscribe("large").await.expect("subscribed");
    let max = connection.server_info().max_payload;
    let large = Bytes::from((0..=250).cycle().take(max).collect::<Vec<u8>>());
    for _ in 0..4 {
        connection.publish("large", large.clone()).await.expect("accepted");
    }
    for _ in 0..4 {
        let msg = within("a message", all.next()).await.expect("one").expect("good");
        assert!(msg.payload() == large, "it has changed on its way");
    }
    let refused = connection.publish("large", vec![0; max + 1]).await;
    assert!(refused.is_err(), "{refused:?}");
}

#[wasm_bindgen_test]
async fn a_queue_group_shares_and_a_drain_leaves_nothing_behind() {
    const COUNT: usize = 1000;
    let server = Server::start().await;
    let (client, other) = (server.client().await, server.client().await);
    let mut one = client.connection().subscribe("work").queue("q").await.expect("subscribed");
    let mut two = other.connection().subscribe("work").queue("q").await.expect("subscribed");
    for number in 0..COUNT {
        client.connection().publish("work", number.to_string()).await.expect("accepted");
    }
    client.flush().await.expect("flushed");
    other.flush().await.expect("flushed");
    one.drain().await.expect("drained");
    two.drain().await.expect("drained");
    let mut seen = vec![0; COUNT];
    for subscription in [&mut one, &mut two] {
        while let Some(msg) = within("the end", subscription.next()).await {
            let msg = msg.expect("good");
            let number: usize = msg.text().expect("text").parse().expect("a number");
            seen[number] += 1;
        }
    }
    assert_eq!(seen, vec![1; COUNT]);
    let report = client.drain().await.expect("drained");
    assert_eq!((report.delivered, report.dropped), (0, 0));
}
