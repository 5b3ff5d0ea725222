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
mod output;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    match commands::run(args::Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            output::tell(&format!("error: {}", chain(&*error)));
            ExitCode::FAILURE
        }
    }
}

/// An error with all its causes, on one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors show their cause themselves.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
