//! A command line for NATS: what one reaches for while developing.
//!
//! ```text
//! cargo run --example cli -- --server ws://127.0.0.1:9222 sub 'orders.>'
//! cargo run --example cli -- pub orders.eu.created '{"id":7}' --header Trace:7f3a
//! cargo run --example cli -- stream add ORDERS --subjects 'orders.>'
//! cargo run --example cli -- object put files report.pdf
//! ```
//!
//! What it prints on stdout is for programs, what it prints on stderr for people.

mod args;
mod commands;
mod connect;
mod consumers;
mod ending;
mod events;
mod js_pub;
mod kv;
mod objects;
mod output;
mod streams;
mod table;
mod transfer;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Runtime;

/// What comes of a command, or of a part of it.
type Done<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let done = runtime.block_on(commands::run(args::Cli::parse()));
    // Without waiting for who reads a pipe that nobody writes to any more.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed(&*error) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

fn failed(error: &(dyn Error + 'static)) -> ExitCode {
    output::tell(&format!("error: {}", output::chain(error)));
    ExitCode::FAILURE
}
