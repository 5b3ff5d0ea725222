//! A live dashboard in the browser: services with their statistics, messages as they come, typed
//! requests, and a bucket of keys and values, all by the same typed client and the same messages as
//! on a server.
//!
//! `cargo run --example dashboard` starts a broker in its own process and services that have
//! something to do, builds the page, and serves it. Needed is `rustup target add
//! wasm32-unknown-unknown`.
//!
//! Set `NATS_URL` to use a server of yours, and `NATS_WS_URL` to tell the page the address of its
//! WebSocket; with JetStream (`nats-server -js`) it has buckets too.

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

mod build;
mod customers;
mod shop;
mod site;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use natsws::embedded::Broker;
use natsws_service::shutdown_signal;

/// A live dashboard of NATS services in the browser.
#[derive(Debug, Parser)]
struct Arguments {
    /// The port of the page on 127.0.0.1: 0 for any. Default: 8222, or the next that is free.
    #[arg(long)]
    port: Option<u16>,
    /// The server of the services; without it a broker is started in this process.
    #[arg(long, env = "NATS_URL", hide_env_values = true)]
    server: Option<String>,
    /// The server's address for the page, as `ws://127.0.0.1:8080`.
    #[arg(long, env = "NATS_WS_URL", hide_env_values = true)]
    page_server: Option<String>,
    /// Lets nobody ask the services but the page.
    #[arg(long)]
    quiet: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            eprintln!("dashboard failed: {text}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    // From here on ctrl-c ends it in good order.
    let stop = shutdown_signal();
    let page = build::page()?;

    // The broker must live as long as it is used. It need not remember what was published.
    let broker = match arguments.server {
        Some(_) => None,
        None => Some(Broker::builder().record_messages(0).start().await?),
    };
    let url = match (&arguments.server, &broker) {
        (Some(server), _) => server.clone(),
        (None, Some(broker)) => broker.ws_url(),
        (None, None) => String::new(),
    };
    let address = site::without_credentials(arguments.page_server.as_ref().unwrap_or(&url));

    let replicas = shop::open(&url).await?;
    let customers = if arguments.quiet { None } else { Some(customers::come(&url).await?) };

    let listener = site::listen(arguments.port).await?;
    println!("open http://{}/", listener.local_addr()?);
    axum::serve(listener, site::router(page, &address)).with_graceful_shutdown(stop).await?;

    println!("stopping");
    if let Some(customers) = customers {
        customers.leave().await;
    }
    for report in shop::close(replicas).await {
        println!(
            "drained: {} answered, {} given up",
            report.completed + report.failed,
            report.aborted
        );
    }
    if let Some(broker) = broker {
        broker.close().await;
    }
    Ok(())
}
