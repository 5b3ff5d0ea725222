//! Health and metrics over HTTP, while a service runs and while it drains.

use std::time::Duration;

use natsws::Client;
use natsws_tests::{Server, eventually, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::program::{Running, example};

/// The status line and the body of what a GET comes to.
async fn get(host: &str, path: &str) -> (String, String) {
    let exchange = async {
        let mut stream = TcpStream::connect(host).await.expect("it listens");
        let ask = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).await.expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("text");
        answer
    };
    let answer = within("the answer", exchange).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.lines().next().unwrap_or_default();
    (status.to_owned(), body.to_owned())
}

const OK: &str = "HTTP/1.1 200 OK";
const UNAVAILABLE: &str = "HTTP/1.1 503 Service Unavailable";

#[cfg(unix)]
#[tokio::test]
async fn report_health_says_ready_until_it_drains_and_counts_requests() {
    let server = Server::start();
    let mut command = example("report_health", &[]);
    let mut naps = Running::spawn(command.env("NATS_URL", server.ws_url()));
    let mut lines = naps.lines();
    let told = lines.next().expect("a line");
    let host = told.strip_prefix("health is at http://").expect("its address");
    let ready = ("HTTP/1.1 200 OK".to_owned(), "Ready\n".to_owned());
    assert_eq!([get(host, "/live").await, get(host, "/ready").await], [ready.clone(), ready]);

    let client = within("connecting", Client::connect(server.ws_url())).await.expect("it runs");
    let nap = |ms: u64| {
        let connection = client.connection().clone();
        async move {
            let nap = format!(r#"{{"ms":{ms}}}"#);
            let slept = connection.request("naps.take", nap).timeout(Duration::from_secs(10));
            slept.await.expect("a reply").text().expect("text").to_owned()
        }
    };
    assert_eq!(nap(0).await, r#""good morning""#);
    let counted = eventually("the count", async || {
        let (status, text) = get(host, "/metrics").await;
        assert_eq!(status, OK);
        text.contains(r#"requests_total{service="naps",endpoint="naps-take"} 1"#).then_some(text)
    });
    let text = counted.await;
    assert!(text.contains("# TYPE requests_total counter\n"), "{text}");
    assert!(text.contains(r#"errors_total{service="naps",endpoint="naps-take"} 0"#), "{text}");
    assert!(text.contains(r#"seconds_total{service="naps",endpoint="naps-take"} "#), "{text}");

    // A long nap, and the probes meanwhile.
    let mut probe = client.connection().subscribe("naps.take").await.expect("subscribed");
    let asleep = tokio::spawn(nap(1500));
    within("the request", probe.next()).await.expect("subscribed").expect("a message");
    naps.terminate();
    let not_ready = eventually("the drain", async || {
        let (status, health) = get(host, "/ready").await;
        (status == UNAVAILABLE).then_some(health)
    });
    assert_eq!(not_ready.await, "Draining\n");
    assert_eq!(get(host, "/live").await, (OK.to_owned(), "Draining\n".to_owned()));
    assert_eq!(within("the answer", asleep).await.expect("no panic"), r#""good morning""#);
    assert_eq!(naps.ended().await, Some(0));
    let report = lines.next().expect("a report");
    assert!(report.starts_with("DrainReport { completed: 2, failed: 0, "), "{report}");
}
