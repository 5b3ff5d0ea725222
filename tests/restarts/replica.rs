//! One replica of a service, as a process that is told by signals.
//!
//! It connects to `NATS_URL`, says `ready` and its id when it is served, and at its end its report
//! as a line of JSON. With `DRAIN_MS` that is how long draining may take; with `ASK_TO_CLOSE` it
//! asks the test before it closes its connection.

mod messages;

use std::env;
use std::error::Error;
use std::io::{Write, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use natsws::{Client, ServiceError};
use natsws_service::{Router, ServiceHandle, State, serve, shutdown_signal};
use serde_json::json;

use self::messages::{Hold, QUESTION, Twice};

/// How many requests came to a handler.
type Begun = Arc<AtomicU64>;

async fn twice(State(begun): State<Begun>, ask: Twice) -> u64 {
    begun.fetch_add(1, Ordering::Relaxed);
    ask.number * 2
}

async fn hold(
    State(begun): State<Begun>,
    service: ServiceHandle,
    client: Client,
    ask: Hold,
) -> Result<u64, ServiceError> {
    begun.fetch_add(1, Ordering::Relaxed);
    match may(&client, "answer", service.id()).await {
        Ok(()) => Ok(ask.number),
        Err(_) => Err(ServiceError::new(504, "the test does not answer")),
    }
}

/// Waits until the test lets something be done.
async fn may(client: &Client, what: &str, id: &str) -> Result<(), natsws::RequestError> {
    let subject = format!("{QUESTION}.{what}");
    client.connection().request(&subject, id).timeout(Duration::from_secs(60)).await?;
    Ok(())
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("NATS_URL")?;
    let drain = match env::var("DRAIN_MS") {
        Ok(millis) => Duration::from_millis(millis.parse()?),
        Err(_) => Duration::from_secs(30),
    };
    let client = Client::connect(url.as_str()).await?;
    let begun = Begun::default();
    let router = Router::new("replica", "1.0.0").endpoint(twice).endpoint(hold);
    // Polled for the first time it listens, and only then may a signal come.
    let mut told = Box::pin(shutdown_signal());
    assert!((&mut told).now_or_never().is_none(), "nobody knows this process yet");
    let service = serve(client.clone(), router.with_state(Arc::clone(&begun)))
        .drain_timeout(drain)
        .with_graceful_shutdown(told)
        .start()
        .await?;
    say(&format!("ready {}", service.id()))?;
    let report = service.stopped().await;
    say(&json!({
        "begun": begun.load(Ordering::Relaxed),
        "completed": report.completed,
        "failed": report.failed,
        "shed": report.shed,
        "aborted": report.aborted,
        "unanswered": report.unanswered,
        "lost": report.lost,
        "flushed": report.flushed,
    })
    .to_string())?;
    if env::var_os("ASK_TO_CLOSE").is_some() {
        may(&client, "close", service.id()).await?;
    }
    client.close().await;
    Ok(())
}
