//! Connections that break, and the life of a page.

use natsws::{Client, Disconnect, Event, RequestError, State};
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::EventTarget;

use crate::stage::{SECOND, Server, options, until, within};
use crate::words::What;

fn reconnected(event: &Event) -> Option<()> {
    matches!(event, Event::Reconnected { .. }).then_some(())
}

fn disconnected(event: &Event) -> Option<Disconnect> {
    if let Event::Disconnected { reason, .. } = event { Some(reason.clone()) } else { None }
}

/// Tells the page of something that happens to it; `false` where there is nobody to tell.
fn happens(event: &str) -> bool {
    let global = js_sys::global();
    if !js_sys::Reflect::has(&global, &"dispatchEvent".into()).unwrap_or(false) {
        return false;
    }
    let target: EventTarget = global.unchecked_into();
    let event = web_sys::Event::new(event).expect("an event");
    target.dispatch_event(&event).expect("it is told")
}

#[wasm_bindgen_test]
async fn a_server_that_restarts_ten_times_is_found_again_each_time() {
    let server = Server::start().await;
    let client = server.client().await;
    let mut events = client.connection().events();
    let mut all = client.connection().subscribe("after").await.expect("subscribed");
    for round in 0..10 {
        server.tell(What::Restart).await;
        until("the connection", &mut events, reconnected).await;
        client.connection().publish("after", round.to_string()).await.expect("accepted");
        let msg = within("a message", all.next()).await.expect("one").expect("good");
        assert_eq!(msg.text(), Ok(&*round.to_string()));
    }
    assert_eq!(client.connection().stats().reconnects, 10);
}

#[wasm_bindgen_test]
async fn what_is_in_flight_is_told_of_a_lost_connection_and_what_is_published_waits_for_the_next() {
    let server = Server::start().await;
    let client = server.client().await;
    let other = server.client().await;
    let mut all = other.connection().subscribe("kept").await.expect("subscribed");
    let _silent = other.connection().subscribe("silent").await.expect("subscribed");
    let mut events = client.connection().events();
    let mut others = other.connection().events();
    let asked = client.connection().request("silent", "").timeout(10 * SECOND).into_future();
    server.tell(What::Refuse).await;
    let (answer, ()) = tokio::join!(asked, server.tell(What::Cut));
    assert!(matches!(answer, Err(RequestError::Disconnected { .. })), "{answer:?}");
    until("the loss", &mut events, disconnected).await;
    client.connection().publish("kept", "while away").await.expect("accepted");
    server.tell(What::Accept).await;
    until("the connection", &mut others, reconnected).await;
    until("the connection", &mut events, reconnected).await;
    client.connection().publish("kept", "again").await.expect("accepted");
    let mut texts = Vec::new();
    while texts.last().is_none_or(|last| last != "again") {
        let msg = within("a message", all.next()).await.expect("one").expect("good");
        texts.push(msg.text().expect("text").to_owned());
    }
    assert!(matches!(&texts[..], [first, _] if first == "while away") || texts == ["again"]);
}

#[wasm_bindgen_test]
async fn a_page_may_load_before_its_server() {
    let server = Server::start().await;
    server.tell(What::Kill).await;
    let options = options().wait_on_first_connect(true);
    let connecting = options.connect(server.url());
    let start = async {
        crate::stage::sleep(SECOND / 5).await;
        server.tell(What::Restart).await;
    };
    let (client, ()) = tokio::join!(within("the connection", connecting), start);
    client.expect("connected").flush().await.expect("flushed");
}

#[wasm_bindgen_test]
async fn a_page_that_wakes_asks_the_server_once() {
    let server = Server::start().await;
    let client = server.client().await;
    client.flush().await.expect("flushed");
    let sent = client.connection().stats().out_bytes;
    for _ in 0..5 {
        if !happens("online") {
            return;
        }
    }
    // The answer to the flush comes behind the answer to what the page asked.
    client.flush().await.expect("flushed");
    let pings = (client.connection().stats().out_bytes - sent) / "PING\r\n".len() as u64;
    assert!(pings <= 2, "{pings} pings");
}

#[wasm_bindgen_test]
async fn a_connection_that_died_in_its_sleep_is_made_again_soon_after_waking() {
    let server = Server::start().await;
    let client = server.client().await;
    let mut events = client.connection().events();
    server.tell(What::Stall).await;
    if !happens("online") {
        return;
    }
    let reason = until("the loss", &mut events, disconnected).await;
    assert!(matches!(reason, Disconnect::Stale { pings: 2 }), "{reason:?}");
    server.tell(What::Resume).await;
    until("the connection", &mut events, reconnected).await;
}

#[wasm_bindgen_test]
async fn waking_ends_the_wait_between_attempts() {
    let server = Server::start().await;
    let slow = options().reconnect_delay(|_| 600 * SECOND);
    let client = server.client_with(slow).await;
    let mut events = client.connection().events();
    server.tell(What::Cut).await;
    until("the loss", &mut events, disconnected).await;
    if !happens("online") {
        return;
    }
    until("the connection", &mut events, reconnected).await;
}

#[wasm_bindgen_test]
async fn a_page_that_is_put_away_closes_and_one_that_comes_back_is_connected_again() {
    let server = Server::start().await;
    let client = server.client().await;
    let mut events = client.connection().events();
    if !happens("pagehide") {
        return;
    }
    let reason = until("the loss", &mut events, disconnected).await;
    assert!(matches!(reason, Disconnect::PageHidden), "{reason:?}");
    // Put away it does not try.
    crate::stage::sleep(SECOND / 2).await;
    assert_eq!(client.connection().state(), State::Disconnected);
    assert!(happens("pageshow"));
    until("the connection", &mut events, reconnected).await;
    client.flush().await.expect("flushed");
}

#[wasm_bindgen_test]
async fn what_is_dropped_in_the_middle_of_anything_does_no_harm() {
    let server = Server::start().await;
    for round in 0..50 {
        let client = server.client().await;
        let mut all = client.connection().subscribe("a").await.expect("subscribed");
        let publish = client.connection().publish("a", "b");
        match round % 5 {
            0 => drop(all),
            1 => publish.await.expect("accepted"),
            2 => drop(client.connection().request("a", "").into_future()),
            3 => {
                publish.await.expect("accepted");
                within("a message", all.next()).await.expect("one").expect("good");
            }
            _ => drop(Client::connect(server.url())),
        }
    }
    server.client().await.flush().await.expect("flushed");
}
