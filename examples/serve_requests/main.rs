//! A service as one deploys it: `clock` tells the time to every NATS client, whatever it is written
//! in, and ends in good order.
//!
//! `cargo run --example serve_requests` starts a broker in its own process and prints its address;
//! set `NATS_URL` to use a server of yours. Then ask, with `NATS_URL` set to the same:
//!
//! ```text
//! cargo run --example cli -- req time null
//! cargo run --example cli -- req admin.uptime null
//! cargo run --example cli -- req admin.stop null
//! ```
//!
//! `SIGTERM` and ctrl-c stop it as well. Set `CLOCK_DELAY_MS` to let it take long for the time, to
//! see that a request which has come is still answered, and that a second ctrl-c does not wait.

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::error::Error;
use std::time::{Duration, Instant};

use natsws::embedded::Broker;
use natsws::{ConnectOptions, ServiceError, Subject};
use natsws_service::{Router, ServiceHandle, State, serve, shutdown_signal};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What time is it? The payload is `null`, the reply a timestamp of ISO 8601.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("time", reply = String)]
struct Time;

/// For how many milliseconds has the clock been running?
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("admin.uptime", reply = u64)]
struct Uptime;

/// Stop! A service for everyone would first look who asks: see the example `authorise_callers`.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("admin.stop", reply = String)]
struct Stop;

#[derive(Clone)]
struct Clock {
    started: Instant,
    delay: Duration,
}

async fn time(State(clock): State<Clock>, _: Time) -> Result<String, ServiceError> {
    tokio::time::sleep(clock.delay).await;
    let now = OffsetDateTime::now_utc().format(&Rfc3339);
    now.map_err(|error| ServiceError::new(500, error.to_string()))
}

async fn uptime(State(clock): State<Clock>, _: Uptime) -> u64 {
    u64::try_from(clock.started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

async fn stop(service: ServiceHandle, _: Stop) -> String {
    service.drain(); // this request is still answered, and so is every other that has come
    "stopping".to_owned()
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
    let delay = std::env::var("CLOCK_DELAY_MS").map_or(Ok(0), |delay| delay.parse())?;
    let clock = Clock { started: Instant::now(), delay: Duration::from_millis(delay) };

    let app = Router::new("clock", "1.0.0")
        .description("tells the time")
        .endpoint(time)
        .endpoint(uptime)
        .endpoint(stop)
        .with_state(clock);
    let client = ConnectOptions::new()
        .name("clock")
        .unlimited_reconnect_attempts() // a service never gives up
        .move_on_lame_duck(true) // and leaves a server before that shuts down
        .connect(&url)
        .await?;
    let report = serve(client, app)
        .on_ready(|| println!("clock serves time, admin.uptime and admin.stop"))
        .with_graceful_shutdown(shutdown_signal())
        .await?;
    println!("{report:?}");
    Ok(())
}
