//! Measures what messages cost: publishing, subscribing, requesting, serving and storing, and compares it
//! with what they cost another client under the same conditions.
//!
//! ```text
//! cargo run --release --example bench -- pub --compare async-nats
//! cargo run --release --example bench -- sub --server nats://127.0.0.1:4222 --size 1024
//! cargo run --release --example bench -- service --typed msgpack --layer timeout
//! ```
//!
//! Without `--server` it starts a broker in its own process. What that costs is then in the figures
//! of both clients, and ratios are nearer to 1 than they are with a server that you name.
//!
//! # What is measured
//! - `pub`: tasks share one connection and publish; it is over when a last message has come back.
//! - `sub`: tasks read a subscription each, on one connection. The messages come from a process of
//!   its own, the same for every client, which is at most 16,384 messages or 4 MiB ahead.
//! - `req`: tasks share one connection and have one request each under way. They are answered over
//!   a second connection in this process, so the figures are those of both sides.
//! - `service`: as `req`, but natsws answers with a router. The other client has no router that is
//!   like it, so it answers in a plain loop, which is the least it can do.
//! - `store`: tasks publish to a stream in memory, each message with an id, on one connection; it is
//!   over when the stream has acknowledged all. The other client keeps its futures in a window of
//!   the same size. It needs a server that has `JetStream`.
//! - `consume`: tasks read a pull consumer each of such a stream, which is filled before, and
//!   acknowledge every message. Both clients ask for as many at a time.
//!
//! With `--typed`, natsws sends and reads a declared type; the other client does by hand what gives
//! the same bytes on the wire.
//!
//! Clients take turns, in the opposite order every second round, each with new connections on the
//! same runtime. The table has medians over the rounds. Ratios are to the last row: above 1 is
//! faster, below 1 takes less CPU time. They are taken within a round, where the machine is most
//! alike. CPU time is that of the whole process, user and system.

mod args;
mod feed;
mod load;
mod measure;
mod messages;
mod ours;
mod peer;
mod plan;
mod rounds;
mod table;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use natsws::embedded::Broker;
use natsws::{BoxFuture, Connection};
use tokio::signal::ctrl_c;

use crate::args::{Args, What};
use crate::plan::Plan;
use crate::rounds::Rounds;

/// Whatever keeps a benchmark from going on.
type Fault = Box<dyn std::error::Error + Send + Sync>;
type Done<T = ()> = Result<T, Fault>;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let done: BoxFuture<'_, _> =
        if args.what == What::Feed { Box::pin(feed::run(&args)) } else { Box::pin(run(&args)) };
    match done.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody to tell where that fails.
            let _: io::Result<()> = writeln!(io::stderr(), "error: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Done {
    let plan = Plan::new(args)?;
    // The broker must live as long as it is used.
    let (url, _broker) = if let Some(url) = &args.server {
        (url.clone(), None)
    } else {
        let broker = Broker::builder().record_messages(0).start().await?;
        (broker.ws_url(), Some(broker))
    };
    let server = inspect(&url, &plan).await?;
    let mut rounds = Rounds::new(&plan);
    tokio::select! {
        // First, so that the signal is ours before anything is measured.
        biased;
        signal = ctrl_c() => signal?,
        done = rounds.run(&url) => done?,
    }
    if rounds.is_empty() {
        return Err("interrupted before there was anything to tell".into());
    }
    let place = if args.server.is_some() { server } else { format!("{server} in this process") };
    let text = table::render(&plan, &place, &rounds);
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads it has had enough of it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// What the server is, where it accepts messages of this size.
async fn inspect(url: &str, plan: &Plan) -> Done<String> {
    let connection = Connection::connect(url).await?;
    let (address, info) = (connection.server().to_string(), connection.server_info());
    connection.close().await;
    let max = info.max_payload;
    if plan.size > max {
        let size = plan.size;
        return Err(format!("--size {size} is more than the {max} bytes the server accepts").into());
    }
    // Where it is says nothing to others.
    let scheme = address.split("://").next().unwrap_or_default();
    Ok(format!("{scheme}, server {}", info.version))
}

/// An error with all its causes, on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
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
