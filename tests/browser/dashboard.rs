//! The dashboard, driven as somebody would use it.

use std::process::Stdio;
use std::sync::OnceLock;

use natsws::Client;
use natsws::codec::Text;
use natsws::kv::{Bucket, BucketConfig};
use natsws_tests::{Chromium, Page, Server};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::Mutex;

use crate::build::{cargo, run, target};

/// The example, with services that nobody asks but the page.
struct Dashboard {
    url: String,
    _child: Child,
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Dashboard {
    /// For a server, or with a broker of its own.
    async fn start(server: Option<&Server>) -> Self {
        let addresses = server.map(|server| (server.nats_url(), server.ws_url()));
        Self::start_at(addresses).await
    }

    async fn start_at(addresses: Option<(String, String)>) -> Self {
        // The page is built by whoever comes first.
        static STARTING: Mutex<()> = Mutex::const_new(());
        let _starting = STARTING.lock().await;
        let mut program = Command::new(program());
        program.args(["--quiet", "--port", "0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        program.env_remove("NATS_URL").env_remove("NATS_WS_URL").kill_on_drop(true);
        if let Some((services, page)) = addresses {
            program.env("NATS_URL", services).env("NATS_WS_URL", page);
        }
        let mut child = program.spawn().expect("it is built");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        while let Some(line) = stdout.next_line().await.expect("it writes text") {
            if let Some(url) = line.strip_prefix("open ") {
                return Self { url: url.to_owned(), _child: child, _stdout: stdout };
            }
        }
        panic!("the dashboard has ended: {:?}", child.wait().await);
    }

    /// Opens the page, which has the address of the server.
    async fn open(&self, chromium: &Chromium) -> Page {
        let page = chromium.open(&self.url).await;
        page.until("the address", "document.getElementById('address').value !== ''").await;
        page
    }

    /// Opens the page, and connects.
    async fn connect(&self, chromium: &Chromium) -> Page {
        let page = self.open(chromium).await;
        page.click("#connect-button").await;
        is(&page, "#state", "state", "connected").await;
        page
    }
}

fn program() -> &'static std::path::Path {
    static BUILT: OnceLock<std::path::PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut build = cargo();
        build.args(["build", "--quiet", "--locked", "--package", "natsws-examples"]);
        build.args(["--example", "dashboard", "--target-dir"]).arg(target());
        run("building the dashboard", &mut build);
        target().join("debug/examples/dashboard")
    })
}

/// Waits until an element's `data-` attribute is something.
async fn is(page: &Page, selector: &str, data: &str, value: &str) {
    let expression = format!(
        "document.querySelector({}).dataset[{}] === {}",
        json!(selector),
        json!(data),
        json!(value)
    );
    page.until(&format!("{selector} is {value}"), &expression).await;
}

/// Waits until an element says something, and nothing else.
async fn says(page: &Page, selector: &str, text: &str) {
    read(page, selector, &format!("text === {}", json!(text))).await;
}

/// Waits until an element says something among other things.
async fn mentions(page: &Page, selector: &str, text: &str) {
    read(page, selector, &format!("text.includes({})", json!(text))).await;
}

/// Waits until an element's text is right; otherwise it is told what the text is.
async fn read(page: &Page, selector: &str, is_right: &str) {
    let expression = format!(
        "(text => {{ if ({is_right}) return true; throw text }})\
         (document.querySelector({})?.innerText?.trim() ?? 'it is not there')",
        json!(selector)
    );
    page.until(&format!("{selector}: {is_right}"), &expression).await;
}

/// Asks for an order, and waits for the outcome.
async fn ask_for_order(page: &Page, id: &str, outcome: &str) {
    page.fill("#ask-id", id).await;
    page.click("#ask-button").await;
    is(page, "#answer", "outcome", outcome).await;
}

/// All of the table's figures of one kind, together.
fn sum(figure: &str) -> String {
    format!(
        "[...document.querySelectorAll('[data-service=orders] [data-figure={figure}]')]\
         .reduce((sum, it) => sum + Number(it.innerText), 0)"
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn services_are_shown_with_what_they_have_done() {
    let dashboard = Dashboard::start(None).await;
    let chromium = Chromium::start().await;
    let page = dashboard.connect(&chromium).await;
    mentions(&page, "#services-note", "2 services in 3 instances").await;
    for _ in 0..3 {
        ask_for_order(&page, "7", "reply").await;
        page.eval("document.getElementById('answer').dataset.outcome = 'none'").await;
    }
    ask_for_order(&page, "99", "declared").await;
    page.until("four requests", &format!("{} === 4", sum("requests"))).await;
    page.until("one error", &format!("{} === 1", sum("errors"))).await;
    mentions(&page, "#service-table", "there is no order 99").await;
    page.until(
        "a line in the chart",
        "document.querySelector('#total-rate-chart .line').getAttribute('d').includes('L')",
    )
    .await;
    assert_eq!(page.console(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn a_typed_request_ends_in_its_reply_or_in_one_of_its_errors() {
    let dashboard = Dashboard::start(None).await;
    let chromium = Chromium::start().await;
    let page = dashboard.connect(&chromium).await;

    ask_for_order(&page, "7", "reply").await;
    assert_eq!(page.text("#answer [data-field=id]").await, "7");
    assert_eq!(page.text("#answer [data-field=total]").await, "22.00");
    assert!(page.text("#answer [data-field=answered_by]").await.starts_with("replica-"));

    ask_for_order(&page, "99", "declared").await;
    assert_eq!(page.text("#answer h3").await, "OrderError::NotFound");
    assert_eq!(page.text("#answer .words").await, "there is no order 99");

    let choose = |what: &str| {
        format!(
            "(it => {{ it.value = '{what}'; it.dispatchEvent(new Event('change')) }})\
             (document.getElementById('ask-what'))"
        )
    };
    page.eval(&choose("weather")).await;
    page.click("#ask-button").await;
    is(&page, "#answer", "outcome", "failed").await;
    mentions(&page, "#answer", "nobody answers requests to this subject").await;

    page.eval(&choose("meaning")).await;
    page.click("#ask-button").await;
    is(&page, "#answer", "outcome", "reply").await;
    assert_eq!(page.text("#answer [data-field=meaning]").await, "42");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn messages_are_shown_filtered_and_counted_while_the_view_is_paused() {
    let server = Server::start();
    let dashboard = Dashboard::start(Some(&server)).await;
    let chromium = Chromium::start().await;
    let page = dashboard.connect(&chromium).await;
    says(&page, "#live-note", "Subscribed to quickstart.orders.>").await;
    let client = Client::connect(server.nats_url()).await.expect("connected");
    let publish = async |subject: &str, count: usize| {
        for number in 0..count {
            let payload = format!("{{\"id\":{number}}}");
            client.connection().publish(subject, payload).await.expect("published");
        }
        client.connection().flush().await.expect("flushed");
    };
    let count = |name: &str| format!("#live-counts [data-count={name}]");

    publish("quickstart.orders.eu.created", 3).await;
    says(&page, &count("shown"), "3").await;
    let newest = "#live-rows li:first-child";
    says(&page, &format!("{newest} .subject"), "quickstart.orders.eu.created").await;
    says(&page, &format!("{newest} .payload"), "{\"id\":2}").await;

    page.fill("#live-filter", "US.").await;
    publish("quickstart.orders.eu.created", 2).await;
    publish("quickstart.orders.us.created", 1).await;
    says(&page, &count("shown"), "4").await;
    says(&page, &count("filtered"), "2").await;

    page.click("#live-pause").await;
    publish("quickstart.orders.us.created", 5).await;
    says(&page, &count("paused"), "5").await;
    says(&page, &count("shown"), "4").await;

    page.click("#live-pause").await;
    page.fill("#live-filter", "").await;
    publish("quickstart.orders.ap.created", 1000).await;
    let all = "['shown', 'left-out'].reduce((sum, name) => sum + Number(document.querySelector(\
               `[data-count=${name}]`).innerText.replace(/\\D/g, '')), 0) === 1004";
    page.until("each is shown or counted", all).await;
    let rows = page.eval("document.getElementById('live-rows').childElementCount").await;
    assert_eq!(rows, json!(200));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn a_bucket_is_edited_by_the_page_and_by_others_at_once() {
    let server = Server::builder().jetstream().start();
    let client = Client::connect(server.nats_url()).await.expect("connected");
    let config = BucketConfig::new("settings");
    let bucket = client.jetstream().create_key_value(config).await.expect("created");
    let bucket: Bucket<String, Text> = bucket.typed_as();
    bucket.put("theme", "dark").await.expect("put");
    let dashboard = Dashboard::start(Some(&server)).await;
    let chromium = Chromium::start().await;
    let page = dashboard.connect(&chromium).await;

    page.fill("#bucket-name", "settings").await;
    page.press("Enter").await;
    says(&page, "#bucket-note", "settings has 1 key").await;
    let row = |key: &str, part: &str| format!("#bucket-rows [data-key={key}] {part}");
    let value = |key: &str, value: &str| {
        format!(
            "document.querySelector({}).value === {}",
            json!(row(key, "textarea")),
            json!(value)
        )
    };
    page.until("what was there", &value("theme", "dark")).await;

    bucket.put("theme", "bright").await.expect("put");
    page.until("what somebody else wrote", &value("theme", "bright")).await;

    page.fill("#put-key", "size").await;
    page.fill("#put-value", "12").await;
    page.press("Enter").await;
    says(&page, "#bucket-note", "settings has 2 keys").await;
    assert_eq!(bucket.get("size").await.expect("it is there").expect("it has one").value, "12");

    page.fill(&row("size", "textarea"), "14").await;
    page.press("Enter").await;
    says(&page, &row("size", ".revision"), "4").await;

    // Somebody is quicker, and is not written over unseen.
    page.fill(&row("size", "textarea"), "16").await;
    bucket.put("size", "15").await.expect("put");
    says(&page, &row("size", ".meanwhile"), "meanwhile it is: 15").await;
    page.press("Enter").await;
    mentions(&page, "#bucket-fault", "key \"size\" is not at revision 4 but at 5").await;
    page.press("Enter").await;
    says(&page, &row("size", ".revision"), "6").await;
    assert_eq!(bucket.get("size").await.expect("it is there").expect("it has one").value, "16");

    page.click(&row("theme", "[data-act=delete]")).await;
    says(&page, "#bucket-note", "settings has 1 key").await;
    assert_eq!(bucket.get("theme").await.expect("it is asked").map(|entry| entry.value), None);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn a_server_without_jetstream_is_said_to_have_no_buckets() {
    let dashboard = Dashboard::start(None).await;
    let chromium = Chromium::start().await;
    let page = dashboard.connect(&chromium).await;
    page.click("#bucket button").await;
    mentions(&page, "#bucket-fault", "JetStream is not available").await;
    mentions(&page, "#bucket-fault", "start `nats-server -js` with a WebSocket").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn a_server_that_is_killed_is_missed_and_found_again() {
    let mut server = Server::builder().jetstream().fixed_ports().start();
    let dashboard = Dashboard::start(Some(&server)).await;
    let chromium = Chromium::start().await;
    let page = dashboard.connect(&chromium).await;
    page.click("#bucket button").await;
    says(&page, "#bucket-note", "dashboard has 0 keys").await;
    mentions(&page, "#services-note", "2 services in 3 instances").await;

    server.kill();
    is(&page, "#state", "state", "reconnecting").await;
    says(&page, "#state", "connection lost, reconnecting…").await;
    mentions(&page, "#fault", "the browser could not open the WebSocket").await;
    says(&page, "#services-note", "Waiting for the connection.").await;
    ask_for_order(&page, "7", "failed").await;
    mentions(&page, "#answer", "it was not sent").await;

    server.restart();
    is(&page, "#state", "state", "connected").await;
    page.until("the fault is over", "document.getElementById('fault').hidden").await;
    mentions(&page, "#services-note", "2 services in 3 instances").await;
    ask_for_order(&page, "7", "reply").await;
    // All that it had subscribed to goes on.
    let client = Client::connect(server.nats_url()).await.expect("connected");
    let publish = client.connection().publish("quickstart.orders.eu.created", "again");
    publish.await.expect("published");
    mentions(&page, "#live-rows", "again").await;
    let bucket = client.jetstream().key_value("dashboard").await.expect("it is kept");
    bucket.put("back", "yes").await.expect("put");
    says(&page, "#bucket-note", "dashboard has 1 key").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn credentials_are_asked_for_in_words_and_shown_nowhere() {
    let server = Server::builder().token("canary-right").start();
    let services = server.nats_url().replace("nats://", "nats://canary-right@");
    let dashboard = Dashboard::start_at(Some((services, server.ws_url()))).await;
    let chromium = Chromium::start().await;
    let page = dashboard.open(&chromium).await;
    page.eval(
        "(it => { it.value = 'token'; it.dispatchEvent(new Event('change')) })\
         (document.getElementById('login'))",
    )
    .await;
    page.fill("#token", "canary-wrong").await;
    page.press("Enter").await;
    is(&page, "#state", "state", "closed").await;
    mentions(&page, "#fault", "the server refused the credentials").await;

    page.fill("#token", "canary-right").await;
    page.press("Enter").await;
    is(&page, "#state", "state", "connected").await;
    mentions(&page, "#services-note", "2 services in 3 instances").await;
    let shown = page.eval("document.documentElement.outerHTML").await;
    assert!(!shown.as_str().expect("a text").contains("canary"), "{shown}");
    assert!(!page.console().concat().contains("canary"), "{:?}", page.console());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn addresses_that_lead_nowhere_are_told_and_tried_again() {
    let mut server = Server::builder().fixed_ports().start();
    let dashboard = Dashboard::start(Some(&server)).await;
    let chromium = Chromium::start().await;
    let page = dashboard.open(&chromium).await;

    page.fill("#address", "ftp://nowhere").await;
    page.press("Enter").await;
    mentions(&page, "#fault", "the scheme is none of ws, wss, nats and tls").await;

    page.fill("#address", &server.nats_url()).await;
    page.press("Enter").await;
    mentions(&page, "#fault", "a browser has no nats:// connections: use ws:// or wss://").await;

    // A server that is away at first is connected to when it comes.
    server.kill();
    page.fill("#address", &server.ws_url()).await;
    page.press("Enter").await;
    mentions(&page, "#fault", "the browser could not open the WebSocket").await;
    is(&page, "#state", "state", "connecting").await;
    server.restart();
    is(&page, "#state", "state", "connected").await;
    page.until("the fault is over", "document.getElementById('fault').hidden").await;
}
