//! The clock, on the real server: as another client sees it, and as the platform stops it.

use std::time::Duration;

use natsws::{Client, Connection, RequestError, ServiceError};
use natsws_service::Services;
use natsws_tests::{Server, eventually, within};

use crate::program::{Running, example};

/// What a clock prints, line by line.
type Lines = Box<dyn Iterator<Item = String>>;

/// Starts a clock that takes so long for the time, and waits until it serves.
fn start(server: &Server, delay: Duration) -> (Running, Lines) {
    let mut command = example("serve_requests", &[]);
    command.env("NATS_URL", server.ws_url());
    command.env("CLOCK_DELAY_MS", delay.as_millis().to_string());
    let mut clock = Running::spawn(&mut command);
    let mut lines: Lines = Box::new(clock.lines());
    let ready = "clock serves time, admin.uptime and admin.stop";
    assert_eq!(lines.next().as_deref(), Some(ready));
    (clock, lines)
}

async fn connect(server: &Server) -> Client {
    within("connecting", Client::connect(server.nats_url())).await.expect("the server runs")
}

async fn ask(connection: &Connection, subject: &str) -> String {
    let reply = connection.request(subject, "null").timeout(Duration::from_secs(10)).await;
    let reply = reply.expect("a reply");
    assert_eq!(ServiceError::from_reply(reply.headers(), &reply.payload_bytes()), None);
    reply.text().expect("text").to_owned()
}

/// Asks for the time, and waits until the clock has the request.
async fn ask_and_wait_until_it_has_come(
    connection: &Connection,
) -> tokio::task::JoinHandle<String> {
    let mut probe = connection.subscribe("time").await.expect("subscribed");
    let asking = connection.clone();
    let asked = tokio::spawn(async move { ask(&asking, "time").await });
    within("the request", probe.next()).await.expect("subscribed").expect("a message");
    // The server has given it to the clock before this is asked.
    let uptime = ask(connection, "admin.uptime").await;
    uptime.parse::<u64>().expect("milliseconds");
    asked
}

/// Waits until nobody takes requests any more: the clock drains.
async fn drains(connection: &Connection) {
    eventually("the drain", async || match connection.request("admin.uptime", "null").await {
        Err(RequestError::NoResponders) => Some(()),
        _ => None,
    })
    .await;
}

/// `2026-01-02T03:04:05.678Z`, with any number of decimals.
fn is_timestamp(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let Some(rest) = shape.strip_prefix("0000-00-00T00:00:00") else { return false };
    let decimals = rest.trim_end_matches('Z');
    rest.ends_with('Z') && (decimals.is_empty() || decimals.starts_with(".0"))
}

#[tokio::test]
async fn the_clock_tells_the_time_to_everyone_and_stops_when_asked() {
    let server = Server::start();
    let (clock, mut lines) = start(&server, Duration::ZERO);
    let client = connect(&server).await;

    let time = ask(client.connection(), "time").await;
    let time: String = serde_json::from_str(&time).expect("a JSON string");
    assert!(is_timestamp(&time), "{time}");

    let info = client.services().info().name("clock").await.expect("it answers");
    let [info] = &info[..] else { panic!("{info:?}") };
    assert_eq!((info.name.as_str(), info.version.as_str()), ("clock", "1.0.0"));
    let subjects: Vec<_> = info.endpoints.iter().map(|of| of.subject.as_str()).collect();
    assert_eq!(subjects, ["time", "admin.uptime", "admin.stop"]);

    assert_eq!(ask(client.connection(), "admin.stop").await, r#""stopping""#);
    assert_eq!(clock.ended().await, Some(0));
    let report = lines.next().expect("a report");
    assert!(report.starts_with("DrainReport { completed: 2, failed: 0, shed: 0, "), "{report}");
    assert_eq!(lines.next(), None);
}

#[cfg(unix)]
#[tokio::test]
async fn the_clock_answers_what_has_come_when_it_is_terminated() {
    let server = Server::start();
    let (clock, mut lines) = start(&server, Duration::from_millis(500));
    let client = connect(&server).await;
    let asked = ask_and_wait_until_it_has_come(client.connection()).await;

    clock.terminate();

    let time = within("the answer", asked).await.expect("no panic");
    assert!(is_timestamp(&serde_json::from_str::<String>(&time).expect("a string")), "{time}");
    assert_eq!(clock.ended().await, Some(0));
    let report = lines.next().expect("a report");
    assert!(report.starts_with("DrainReport { completed: 2, failed: 0, shed: 0, "), "{report}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_second_signal_ends_a_clock_that_hangs() {
    let server = Server::start();
    let (clock, mut lines) = start(&server, Duration::from_secs(3600));
    let client = connect(&server).await;
    let asked = ask_and_wait_until_it_has_come(client.connection()).await;

    clock.terminate();
    drains(client.connection()).await;
    clock.terminate();

    assert_eq!(clock.ended().await, Some(143));
    assert_eq!(lines.next(), None, "there is no report");
    asked.abort();
}

#[tokio::test]
async fn the_clock_brings_a_broker_where_there_is_no_server() {
    let mut clock = Running::start("serve_requests", &[]);
    let mut lines = clock.lines();
    let started = lines.next().expect("a line");
    let url = started.strip_prefix("started a broker in this process: ").expect("its address");
    assert_eq!(lines.next().as_deref(), Some("clock serves time, admin.uptime and admin.stop"));
    let client = within("connecting", Client::connect(url)).await.expect("the broker runs");
    assert_eq!(ask(client.connection(), "admin.stop").await, r#""stopping""#);
    assert_eq!(clock.ended().await, Some(0));
}
