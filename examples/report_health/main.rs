//! What the platform wants to know, over HTTP: `/live` and `/ready` for its probes, and `/metrics`
//! for Prometheus.
//!
//! `cargo run --example report_health` starts a broker in its own process; set `NATS_URL` to use a
//! server of yours. It prints where it listens, and drains on ctrl-c or `SIGTERM`: `/ready` says no
//! from then on, and `/live` says yes until the last request is answered.

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::error::Error;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use natsws::embedded::Broker;
use natsws::{Client, Subject};
use natsws_service::{EndpointStats, Router, ServiceHandle, serve, shutdown_signal};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("naps.take", reply = String)]
struct TakeNap {
    ms: u64,
}

async fn take_nap(nap: TakeNap) -> String {
    tokio::time::sleep(Duration::from_millis(nap.ms)).await;
    "good morning".to_owned()
}

/// Whether to go on with this process. One that has lost its connection makes it again, and need
/// not be replaced for that.
async fn live(State(service): State<ServiceHandle>) -> (StatusCode, String) {
    answer(service.health().is_live(), &service)
}

/// Whether requests should come to this process.
async fn ready(State(service): State<ServiceHandle>) -> (StatusCode, String) {
    answer(service.health().is_ready(), &service)
}

fn answer(yes: bool, service: &ServiceHandle) -> (StatusCode, String) {
    let status = if yes { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{:?}\n", service.health()))
}

/// The statistics that NATS knows (`$SRV.STATS`), in the words of Prometheus.
async fn metrics(State(service): State<ServiceHandle>) -> String {
    let stats = service.stats();
    let counter = |name: &str, help: &str, value: fn(&EndpointStats) -> String| {
        let head = format!("# HELP {name} {help}\n# TYPE {name} counter\n");
        let lines = stats.endpoints.iter().map(|endpoint| {
            // Names have letters, digits, `-` and `_`, so there is nothing to escape.
            let (service, of, value) = (&stats.name, &endpoint.name, value(endpoint));
            format!("{name}{{service=\"{service}\",endpoint=\"{of}\"}} {value}\n")
        });
        head + &lines.collect::<String>()
    };
    [
        counter("requests_total", "Requests that came.", |of| of.num_requests.to_string()),
        counter("errors_total", "Requests that ended in an error.", |of| of.num_errors.to_string()),
        counter("seconds_total", "How long handlers took.", |of| {
            of.processing_time.as_secs_f64().to_string()
        }),
    ]
    .concat()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The broker must live as long as it is used.
    let (url, _broker) = if let Ok(url) = std::env::var("NATS_URL") {
        (url, None)
    } else {
        let broker = Broker::start().await?;
        println!("started a broker in this process: {}", broker.ws_url());
        (broker.ws_url(), Some(broker))
    };
    let naps = Router::new("naps", "1.0.0").endpoint(take_nap);
    let service = serve(Client::connect(&url).await?, naps)
        .with_graceful_shutdown(shutdown_signal())
        .start()
        .await?;

    let http = axum::Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(service.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("health is at http://{}", listener.local_addr()?);
    // It answers until the service has stopped.
    let stopped = service.stopped();
    axum::serve(listener, http)
        .with_graceful_shutdown(async {
            stopped.await;
        })
        .await?;
    println!("{:?}", service.stopped().await);
    Ok(())
}
