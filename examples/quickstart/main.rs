//! One typed message, all the way round: a service in two replicas, events on a wildcard, the
//! ways in which requests end, and a drain that answers what was accepted.
//!
//! What is said stands in `examples/browser/messages`, because a page in the browser says it too.
//!
//! `cargo run --example quickstart` starts a broker in its own process and speaks to it over a
//! WebSocket. Set `NATS_URL` to use a server of yours.

mod story;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use natsws::embedded::Broker;

#[tokio::main]
async fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    match run(&mut out).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            drop(writeln!(io::stderr(), "quickstart failed: {text}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    // The broker must live as long as it is used.
    let (url, _broker) = if let Ok(url) = std::env::var("NATS_URL") {
        writeln!(out, "using the server of NATS_URL")?;
        (url, None)
    } else {
        let broker = Broker::start().await?;
        writeln!(out, "started a broker in this process: {}", broker.ws_url())?;
        (broker.ws_url(), Some(broker))
    };
    story::tell(&url, out).await
}
