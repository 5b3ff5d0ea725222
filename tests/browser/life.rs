//! What happens to a page while it is connected, and where it may not connect.

use axum::Router;
use natsws_tests::{Chromium, Proxy, Server, Transport};
use serde_json::json;

use crate::pages;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn a_tab_that_was_frozen_is_connected_again_soon_after() {
    let server = Server::start();
    let proxy = Proxy::to(server.addr(Transport::Ws));
    let browser = Chromium::start().await;
    let (_site, page) = pages::everything(&browser, Router::new()).await;
    pages::connect(&page, &proxy.url("ws")).await;
    page.eval(
        "globalThis.heard = []; \
         page.subscribe('news', (subject, bytes) => heard.push(new TextDecoder().decode(bytes)))",
    )
    .await;
    page.freeze().await;
    // The way is dead when it wakes, and nothing says so.
    proxy.stall();
    page.thaw().await;
    // Without a check this would take four minutes.
    page.until("it notices", "page.state() === 'Disconnected'").await;
    proxy.cut();
    proxy.resume();
    page.until("it is connected", "page.state() === 'Connected'").await;
    page.eval("page.publish('news', 'awake', 'Color', '')").await;
    page.until("a message", "heard.at(-1) === 'awake'").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn a_page_that_is_left_closes_its_connection_and_one_that_is_gone_back_to_has_it_again() {
    let server = Server::builder().monitoring().start();
    let browser = Chromium::start().await;
    let (site, page) = pages::everything(&browser, Router::new()).await;
    pages::connect(&page, &server.ws_url()).await;
    assert_eq!(server.monitor("/connz")["num_connections"], json!(1));
    page.go(&site.url("/?elsewhere")).await;
    natsws_tests::eventually("the end of the connection", async || {
        (server.monitor("/connz")["num_connections"] == json!(0)).then_some(())
    })
    .await;
    let closed = server.monitor("/connz?state=closed");
    assert_eq!(closed["connections"][0]["reason"], json!("Client Closed"));
    page.eval("history.back()").await;
    page.until("the page", "location.search === '' && document.readyState === 'complete'").await;
    // A browser that kept the page gives it back with what was in it; another one loads it anew.
    if page.eval("typeof page").await == json!("object") {
        page.until("it is connected", "page.state() === 'Connected'").await;
        page.eval("page.publish('news', 'back', 'Color', '')").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn a_secure_page_says_that_it_needs_a_secure_address() {
    let browser = Chromium::start().await;
    let (site, first) = pages::everything(&browser, Router::new()).await;
    drop(first);
    let page = browser.blank().await;
    page.load_as("https://page.test", &site.url("")).await;
    pages::load(&page).await;
    let refused = page.try_eval("natsws.connect('ws://broker.test')").await.expect_err("refused");
    assert!(
        refused.contains("a page from https:// may not open ws:// addresses: use wss://"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn a_browser_never_holds_much_of_what_is_published() {
    const LOOK: &str = "globalThis.most = 0; const send = WebSocket.prototype.send; \
                        WebSocket.prototype.send = function (data) { \
                        send.call(this, data); most = Math.max(most, this.bufferedAmount); }";
    let server = Server::start();
    let proxy = Proxy::to(server.addr(Transport::Ws));
    let browser = Chromium::start().await;
    let (_site, page) = pages::everything(&browser, Router::new()).await;
    page.eval(LOOK).await;
    pages::connect(&page, &proxy.url("ws")).await;
    // Large messages, one of them as large as the server takes, on a slow way.
    proxy.throttle(20 * 1024 * 1024);
    page.eval("page.publishMany('nowhere', 1024 * 1024, 8)").await;
    page.eval("page.publishMany('nowhere', 1000, 20000)").await;
    let most = page.eval("most").await.as_u64().expect("a number");
    assert!((512 * 1024..1024 * 1024).contains(&most), "{most} bytes");
}
