//! A page with this library beside a page with the JavaScript client.

use std::path::Path;

use axum::Router;
use natsws_tests::{Chromium, Page, Server, Site, npm_packages};
use serde_json::json;

use crate::pages;

const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/browser/javascript");

/// What the JavaScript client is loaded from.
pub(crate) fn javascript() -> Router {
    let packages = tokio::task::block_in_place(|| npm_packages(Path::new(PACKAGES)));
    Site::only_folders(&[("nats.ws", packages.join("node_modules/nats.ws/esm"))])
}

/// Loads the JavaScript client into a page, and connects it.
pub(crate) async fn connect(page: &Page, url: &str) {
    page.eval("import('/nats.ws/nats.js').then(module => { globalThis.nats = module; })").await;
    let url = json!(url);
    page.eval(&format!("nats.connect({{ servers: {url} }}).then(nc => {{ globalThis.nc = nc; }})"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium, Node.js and the target wasm32-unknown-unknown"]
async fn messages_requests_and_services_go_both_ways() {
    let server = Server::builder().jetstream().start();
    let browser = Chromium::start().await;
    let (_site, ours) = pages::everything(&browser, Router::new()).await;
    let other = Site::start(javascript().merge(Site::folders(&[]))).await;
    let theirs = browser.open(&other.url("/")).await;
    connect(&theirs, &server.ws_url()).await;
    pages::connect(&ours, &server.ws_url()).await;

    // Theirs to ours: every byte, and a header.
    ours.eval(
        "globalThis.heard = []; page.subscribe('to.rust.>', (subject, bytes, color) => \
         heard.push([subject, Array.from(bytes), color]))",
    )
    .await;
    theirs
        .eval(
            "(async () => { const h = nats.headers(); h.set('Color', 'grün'); \
             nc.publish('to.rust.bytes', Uint8Array.from({ length: 256 }, (_, i) => i), { headers: h }); \
             await nc.flush(); })()",
        )
        .await;
    let heard = ours.until("a message", "heard.length && heard[0]").await;
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(heard, json!(["to.rust.bytes", bytes, "grün"]));

    // Ours to theirs.
    theirs
        .eval(
            "globalThis.heard = []; (async () => { \
             nc.subscribe('to.js.>', { callback: (error, msg) => heard.push([msg.subject, \
             msg.string(), msg.headers?.get('Color') ?? '']) }); await nc.flush(); })()",
        )
        .await;
    ours.eval("page.publish('to.js.text', 'grüße', 'Color', 'blau')").await;
    let heard = theirs.until("a message", "heard.length && heard[0]").await;
    assert_eq!(heard, json!(["to.js.text", "grüße", "blau"]));

    // Requests, typed on our side, and discovered by theirs.
    ours.eval("page.serve()").await;
    let greeting = theirs
        .eval(
            "nc.request('page.greet', JSON.stringify({ name: 'JavaScript' })).then(m => m.json())",
        )
        .await;
    assert_eq!(greeting, json!("hello JavaScript, you are number 1"));
    let found = theirs
        .eval(
            "(async () => { const all = []; for await (const s of \
             await nc.services.client().stats('page')) all.push(s); \
             return all.map(s => [s.name, s.endpoints.map(e => [e.subject, e.num_requests])]); })()",
        )
        .await;
    assert_eq!(found, json!([["page", [["page.greet", 1], ["page.packed", 0]]]]));
    theirs
        .eval(
            "(async () => { nc.subscribe('js.upper', { callback: (error, msg) => \
             msg.respond(msg.string().toUpperCase()) }); await nc.flush(); })()",
        )
        .await;
    assert_eq!(ours.eval("page.request('js.upper', 'loud')").await, json!("LOUD"));
    let nobody = ours.try_eval("page.request('nobody.there', '')").await.expect_err("nobody");
    assert!(nobody.contains("nobody"), "{nobody}");

    // What one of them stores the other one reads.
    assert_eq!(ours.eval("page.remember('theme', 'dark')").await, json!("dark"));
    let stored = theirs
        .eval(
            "(async () => { const kv = await nc.jetstream().views.kv('page'); \
             return (await kv.get('theme')).json(); })()",
        )
        .await;
    assert_eq!(stored, json!("dark"));
    assert_eq!(ours.eval("page.store('a.bin', new Uint8Array(300000))").await, json!(300_000));
    let size = theirs
        .eval("nc.jetstream().views.os('page').then(os => os.info('a.bin')).then(i => i.size)")
        .await;
    assert_eq!(size, json!(300_000));
    assert_eq!(ours.eval("page.jobs(BigInt(50)).then(Number)").await, json!(1275));
    assert_eq!(ours.console(), Vec::<String>::new());
}
