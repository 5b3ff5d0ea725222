//! How fast a page is with this library, beside the same page with the JavaScript client.

use natsws::Client;
use natsws_tests::{Chromium, Page, Server};
use serde_json::json;

use crate::{exchange, pages};

const BYTES: usize = 128;
const COUNT: u32 = 200_000;
const REQUESTS: u32 = 2_000;
const ROUNDS: usize = 5;

/// The JavaScript client, as fast as it is: messages come to a callback, and publishing lets others
/// have their turn now and then, as its documentation asks for.
const THEIRS: &str = "globalThis.theirs = {
    async publishMany(subject, bytes, count) {
        const payload = new Uint8Array(bytes).fill(120);
        const began = performance.now();
        for (let i = 0; i < count; i++) {
            nc.publish(subject, payload);
            if (i % 1024 === 1023) await Promise.resolve();
        }
        await nc.flush();
        return performance.now() - began;
    },
    async receiveMany(subject, count, start) {
        let began = 0, got = 0, bytes = 0;
        await new Promise(async done => {
            const sub = nc.subscribe(subject, { callback: (error, msg) => {
                if (error) throw error;
                if (got++ === 0) began = performance.now();
                bytes += msg.data.length;
                if (got === count) { sub.unsubscribe(); done(); }
            } });
            await nc.flush();
            nc.publish(start, String(count));
        });
        return performance.now() - began;
    },
    async requestMany(subject, count) {
        const began = performance.now();
        for (let i = 0; i < count; i++) await nc.request(subject, '', { timeout: 10000 });
        return performance.now() - began;
    },
};";

/// What a call took: the milliseconds that it says, and the microseconds for which the page was busy
/// with each message. The second says what the page costs where something else is the slower one.
async fn took(page: &Page, call: &str, count: f64) -> (f64, f64) {
    let before = busy(page).await;
    let millis = page.eval(call).await.as_f64().expect("a time");
    (count * 1000.0 / millis, (busy(page).await - before) * 1e6 / count)
}

/// The seconds for which the page's thread has been busy so far.
async fn busy(page: &Page) -> f64 {
    let metrics = page.tell("Performance.getMetrics", json!({})).await;
    let all = metrics["metrics"].as_array().expect("a list");
    let busy = all.iter().find(|metric| metric["name"] == "TaskDuration").expect("it is listed");
    busy["value"].as_f64().expect("a number")
}

/// The middle of some numbers, and the lowest and highest of them.
fn spread(mut all: Vec<f64>) -> (f64, f64, f64) {
    all.sort_by(f64::total_cmp);
    (all[all.len() / 2], all[0], all[all.len() - 1])
}

fn unzip(all: Vec<(f64, f64)>) -> (Vec<f64>, Vec<f64>) {
    all.into_iter().unzip()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures, and needs Chromium, Node.js and the target wasm32-unknown-unknown"]
async fn a_page_beside_the_javascript_client() {
    let builder = Server::builder().config("max_pending: 1GB\nwrite_deadline: \"60s\"");
    let server = builder.start();
    let blaster = Client::connect(server.nats_url()).await.expect("connected");
    let mut asked = blaster.connection().subscribe("start").await.expect("subscribed");
    let mut echo = blaster.connection().subscribe("echo").await.expect("subscribed");
    tokio::spawn({
        let blaster = blaster.clone();
        async move {
            while let Some(Ok(ask)) = asked.next().await {
                let count: u32 = ask.text().expect("text").parse().expect("a number");
                for _ in 0..count {
                    let publish = blaster.connection().publish("many", vec![b'x'; BYTES]);
                    publish.await.expect("accepted");
                }
            }
        }
    });
    tokio::spawn(async move {
        while let Some(Ok(ask)) = echo.next().await {
            ask.respond("").await.expect("answered");
        }
    });

    let browser = Chromium::start().await;
    let (_site, page) = pages::everything(&browser, exchange::javascript()).await;
    pages::connect(&page, &server.ws_url()).await;
    exchange::connect(&page, &server.ws_url()).await;
    page.eval(THEIRS).await;
    page.tell("Performance.enable", json!({})).await;

    let calls = [
        ("receive", f64::from(COUNT), format!("receiveMany('many', {COUNT}, 'start')")),
        ("publish", f64::from(COUNT), format!("publishMany('nowhere', {BYTES}, {COUNT})")),
        ("request", f64::from(REQUESTS), format!("requestMany('echo', {REQUESTS})")),
    ];
    for (what, count, call) in calls {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(took(&page, &format!("page.{call}"), count).await);
            theirs.push(took(&page, &format!("theirs.{call}"), count).await);
        }
        let ((ours, our_cost), (theirs, their_cost)) = (unzip(ours), unzip(theirs));
        let ((ours, low, high), (theirs, their_low, their_high)) = (spread(ours), spread(theirs));
        let ((our_cost, ..), (their_cost, ..)) = (spread(our_cost), spread(their_cost));
        eprintln!(
            "{what}: ours {ours:.0}/s [{low:.0} to {high:.0}], \
             theirs {theirs:.0}/s [{their_low:.0} to {their_high:.0}], {:.2} times; \
             the page is busy for {our_cost:.2} and {their_cost:.2} us each, {:.2} times as long",
            ours / theirs,
            our_cost / their_cost
        );
    }
}
