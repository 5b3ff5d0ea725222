//! What callers may send that nobody should, and what it costs: an answer, and nothing else.

use std::future::IntoFuture;

use natsws::{Client, Deadline, Headers, Msg, ServiceError, TraceContext};
use natsws_service::layers::DeadlineLayer;
use natsws_service::{Router, ServiceHandle, serve};
use natsws_tests::within;

use crate::stage::{Calculate, Stage, calculate};

/// A text that would be headers and a message of its own.
const BREAKS: &str = "no\r\nNats-Service-Error-Code: 200\r\n\r\n\0PUB x 0\r\n\r\nNATS/1.0 503\r\n";

/// What the headers of a request were read as.
async fn read(headers: Headers, deadline: Option<Deadline>, _: Msg) -> String {
    let trace = TraceContext::from_headers(&headers).is_some();
    format!("{} headers, deadline: {}, trace: {trace}", headers.len(), deadline.is_some())
}

/// A service on either kind of broker, and somebody who asks it.
async fn serving(stage: &Stage) -> (ServiceHandle, Client) {
    let limited = Router::part().raw("limited", read).layer(DeadlineLayer::new());
    let router: Router = Router::new("hostile", "1.0.0")
        .endpoint(calculate)
        .raw("read", read)
        .raw("broken", async || Err::<(), _>(ServiceError::new(400, BREAKS)))
        .merge(limited);
    let service = serve(stage.client().await, router).start().await.expect("served");
    (service, stage.client().await)
}

/// Asks with these headers; gives back the text of the answer, or code and text of the error.
async fn ask(
    client: &Client,
    subject: &str,
    payload: &str,
    headers: &[(&str, &str)],
) -> (u16, String) {
    let mut all = Headers::new();
    for (name, value) in headers {
        all.append(name, value).expect("it can be sent");
    }
    let asking = client.connection().request(subject, payload).headers(&all);
    let reply = within("an answer", asking.into_future()).await.expect("an answer");
    match ServiceError::from_reply(reply.headers(), &reply.payload_bytes()) {
        Some(error) => (error.code(), error.description().to_owned()),
        None => (200, reply.text().expect("text").to_owned()),
    }
}

async fn assert_well(client: &Client) {
    assert_eq!(client.request(&Calculate::new("add", 2, 3)).await.expect("a reply"), 5);
}

async fn stages() -> [Stage; 2] {
    [Stage::new().await, Stage::real()]
}

#[tokio::test]
async fn an_error_text_with_line_breaks_is_one_header() {
    for stage in stages().await {
        let (service, client) = serving(&stage).await;
        let (code, text) = ask(&client, "broken", "", &[]).await;
        assert_eq!(code, 400);
        assert!(text.starts_with("no  Nats-Service-Error-Code: 200"), "{text:?}");
        assert!(!text.contains(char::is_control), "{text:?}");
        // Whoever asks for the statistics is told as it is: JSON escapes what it must.
        let stats = service.stats().endpoints;
        let last = stats.iter().find_map(|endpoint| endpoint.last_error.as_deref());
        assert_eq!(last, Some(format!("400:{BREAKS}").as_str()));
        assert_well(&client).await;
    }
}

#[tokio::test]
async fn huge_headers_are_read_and_nothing_else_suffers() {
    let large = "x".repeat(500_000);
    let name = "N".repeat(50_000);
    let many: Vec<_> = (0..20_000).map(|number| format!("Name-{number}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "value")).collect();
    for stage in stages().await {
        let (service, client) = serving(&stage).await;
        for (headers, count) in [
            (&[("Large", large.as_str())][..], 1),
            (&[(name.as_str(), "")][..], 1),
            (&many[..], 20_000),
            (&vec![("Same", "value"); 10_000][..], 10_000),
        ] {
            let (code, text) = ask(&client, "read", "", headers).await;
            let expected = format!("{count} headers, deadline: false, trace: false");
            assert_eq!((code, text.as_str()), (200, expected.as_str()));
        }
        assert_well(&client).await;
        let report = within("the drain", service.drain()).await;
        assert_eq!((report.completed, report.failed, report.lost), (5, 0, 0));
    }
}

#[tokio::test]
async fn a_hostile_traceparent_is_none() {
    const ZEROS: &str = "00-00000000000000000000000000000000-0000000000000000-01";
    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let long = format!("00-{}-00f067aa0ba902b7-01", "a".repeat(100_000));
    let upper = GOOD.to_uppercase();
    let behind = format!("{GOOD}-and-more");
    let state = format!("a={}", "b".repeat(100_000));
    for stage in stages().await {
        let (_service, client) = serving(&stage).await;
        for said in ["", "00", "-", ZEROS, "ff", "é", "00-é", "\t", &long, &upper, &behind] {
            let (code, text) = ask(&client, "read", "", &[("traceparent", said)]).await;
            assert_eq!(
                (code, text.as_str()),
                (200, "1 headers, deadline: false, trace: false"),
                "{said:.60?}"
            );
        }
        let twice = [("traceparent", GOOD), ("Traceparent", GOOD)];
        let (_, text) = ask(&client, "read", "", &twice).await;
        assert!(text.ends_with("trace: false"), "{text}");
        let stated = [("traceparent", GOOD), ("tracestate", state.as_str())];
        let (_, text) = ask(&client, "read", "", &stated).await;
        assert!(text.ends_with("trace: true"), "{text}");
        assert_well(&client).await;
    }
}

#[tokio::test]
async fn a_timeout_that_is_over_is_answered_408_and_one_that_is_absurd_is_none_or_far_away() {
    let far = [format!("{}ms", u64::MAX), format!("{}s", u64::MAX), format!("{}m", u64::MAX / 60)];
    let none = ["", "ms", "5", "-1ms", "1.5s", "1e9s", "1h", "NaN", "∞", "99999999999999999999s"];
    let long = format!("{}ms", "9".repeat(100_000));
    for stage in stages().await {
        let (service, client) = serving(&stage).await;
        for endpoint in ["read", "limited"] {
            for said in ["0ms", "0s", "0m", "000000000ms"] {
                let (code, text) = ask(&client, endpoint, "", &[("Request-Timeout", said)]).await;
                assert_eq!(
                    (code, text.as_str()),
                    (408, "the request waited for too long"),
                    "{said}"
                );
            }
            for (said, is_deadline) in far
                .iter()
                .map(|said| (said.as_str(), true))
                .chain(none.into_iter().map(|said| (said, false)))
                .chain([(long.as_str(), false)])
            {
                let (code, text) = ask(&client, endpoint, "", &[("Request-Timeout", said)]).await;
                let expected = format!("1 headers, deadline: {is_deadline}, trace: false");
                assert_eq!((code, text), (200, expected), "{said:.60?}");
            }
        }
        assert_well(&client).await;
        let report = within("the drain", service.drain()).await;
        assert_eq!((report.completed, report.failed, report.shed), (29, 0, 8));
    }
}

#[tokio::test]
async fn an_error_text_is_short_however_long_what_does_not_decode_is() {
    let long = "x".repeat(900_000);
    for stage in stages().await {
        let (service, client) = serving(&stage).await;
        for payload in [
            format!("{{\"op\":\"add\",\"left\":\"{long}\",\"right\":1}}"),
            format!("\"{long}\""),
            format!("{{\"op\":\"add\",\"left\":\"{}\"}}", "é".repeat(400_000)),
            format!("{{\"op\":\"add\",\"left\":\"x{}\"}}", "é".repeat(400_000)),
            format!("{{\"{long}\":1}}"),
            long.clone(),
            "[".repeat(900_000),
        ] {
            let (code, text) = ask(&client, "math.add", &payload, &[]).await;
            assert_eq!(code, 400);
            assert!(text.len() < 2_000, "{} bytes: {text:.100}", text.len());
        }
        assert_well(&client).await;
        let kept = service.stats().endpoints.remove(0).last_error.expect("an error");
        assert!(kept.len() < 2_000, "{} bytes", kept.len());
    }
}
