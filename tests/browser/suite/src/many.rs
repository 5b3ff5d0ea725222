//! Much of everything.

use futures_util::future::join_all;
use natsws::ConnectOptions;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::stage::{Server, within};

#[wasm_bindgen_test]
async fn a_hundred_thousand_messages_come_in_order() {
    const COUNT: usize = 100_000;
    let server = Server::start().await;
    let (client, other) = (server.client().await, server.client().await);
    let mut all = other.connection().subscribe("many").await.expect("subscribed");
    let publish = async {
        for number in 0..COUNT {
            client.connection().publish("many", number.to_string()).await.expect("accepted");
        }
        client.flush().await.expect("flushed");
    };
    let receive = async {
        for number in 0..COUNT {
            let msg = all.next().await.expect("one").expect("nothing is left out");
            assert_eq!(msg.text(), Ok(&*number.to_string()));
        }
    };
    within("all of them", async { tokio::join!(publish, receive) }).await;
}

#[wasm_bindgen_test]
async fn a_thousand_requests_at_a_time_find_their_answers() {
    let server = Server::start().await;
    let client = server.client().await;
    let mut asked = client.connection().subscribe("echo").await.expect("subscribed");
    let echo = async {
        for _ in 0..1000 {
            let ask = asked.next().await.expect("one").expect("good");
            ask.respond(ask.payload()).await.expect("answered");
        }
    };
    let ask = join_all((0..1000).map(|number: usize| {
        let client = client.clone();
        async move {
            let reply = client.connection().request("echo", number.to_string());
            let reply = reply.timeout(crate::stage::SECOND * 10).await.expect("answered");
            assert_eq!(reply.text(), Ok(&*number.to_string()));
        }
    }));
    within("all answers", async { tokio::join!(echo, ask) }).await;
}

/// The bytes of memory that this module has, which never become fewer.
fn memory() -> f64 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    let buffer: js_sys::ArrayBuffer = memory.buffer().unchecked_into();
    f64::from(buffer.byte_length())
}

#[wasm_bindgen_test]
async fn a_thousand_connections_one_after_the_other_leave_nothing_behind() {
    let server = Server::start().await;
    let once = async || {
        let client = ConnectOptions::new().connect(server.url()).await.expect("connected");
        let mut all = client.connection().subscribe("a").await.expect("subscribed");
        client.connection().publish("a", "b").await.expect("accepted");
        all.next().await.expect("one").expect("good");
        client.close().await;
    };
    for _ in 0..50 {
        once().await;
    }
    let before = memory();
    for _ in 0..950 {
        within("a connection", once()).await;
    }
    assert!(memory() - before <= 1024.0 * 1024.0, "{before} bytes became {}", memory());
}
