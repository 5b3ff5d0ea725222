//! A command line for NATS: what one reaches for while developing.
//!
//! ```text
//! cargo run --example cli -- --server ws://127.0.0.1:9222 sub 'orders.>'
//! cargo run --example cli -- pub orders.eu.created '{"id":7}' --header Trace:7f3a
//! ```
//!
//! What it prints on stdout is for programs, what it prints on stderr for people.

mod args;
mod commands;
mod connect;
mod events;
mod output;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    match commands::run(args::Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            output::tell(&format!("error: {}", output::chain(&*error)));
            ExitCode::FAILURE
        }
    }
}
