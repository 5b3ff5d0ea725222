//! Runs one workload with a number of requests, so that their instructions can be counted:
//! `.ci/instructions` does that and compares them with the budget.
//!
//! `instructions NAME COUNT` runs, `instructions` alone prints the names. All of a workload is in
//! one thread, with the broker in memory: what that and the caller cost is the same in each, and
//! the differences are what the service costs.

use std::future::IntoFuture;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use natsws::embedded::Broker;
use natsws::{BoxFuture, Client, Subject};
use natsws_service::layers::{CatchPanicLayer, DeadlineLayer, MapErrorLayer};
use natsws_service::{IntoApp, Router, serve};
use serde::{Deserialize, Serialize};
use tower::timeout::TimeoutLayer;

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("bench.{shop}.get", reply = Answer)]
struct Ask {
    shop: String,
    id: u64,
    note: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    id: u64,
    total: f64,
}

async fn answer(ask: Ask) -> Answer {
    Answer { id: ask.id, total: 9.5 }
}

type Start = fn(Client) -> BoxFuture<'static, ()>;

const WORKLOADS: &[(&str, Start)] = &[
    ("service.bare", |client| Box::pin(bare(client))),
    ("service.router", |client| {
        Box::pin(route(client, Router::new("bench", "1.0.0").endpoint(answer)))
    }),
    ("service.layers", |client| {
        let router = Router::new("bench", "1.0.0")
            .endpoint(answer)
            .layer(TimeoutLayer::new(Duration::from_secs(2)))
            .layer(CatchPanicLayer::new())
            .layer(MapErrorLayer::redact());
        Box::pin(route(client, router))
    }),
    ("service.deadline", |client| {
        let router = Router::new("bench", "1.0.0").endpoint(answer).layer(DeadlineLayer::new());
        Box::pin(route(client, router))
    }),
];

/// A loop that answers, as one would write it without a router.
async fn bare(client: Client) {
    let mut asks = client.subscribe::<Ask>().queue("q").await.expect("subscribed");
    #[expect(clippy::disallowed_methods, reason = "it runs in no browser")]
    tokio::spawn(async move {
        while let Some(ask) = asks.next().await {
            let ask = ask.expect("an ask");
            let reply = serde_json::to_vec(&Answer { id: ask.id, total: 9.5 }).expect("JSON");
            let sent = ask.msg().respond(reply).header("Content-Type", "application/json").await;
            sent.expect("sent");
        }
    });
}

async fn route(client: Client, router: impl IntoApp) {
    // What the broker does for subjects that nobody asks is not the service's.
    serve(client, router).undiscovered().start().await.expect("served");
}

/// How many requests are under way at a time.
const BLOCK: usize = 50;

async fn run(start: Start, count: usize) {
    let broker = Broker::builder().record_messages(0).start().await.expect("a broker");
    start(broker.connect().await.expect("connected")).await;
    let client = broker.connect().await.expect("connected");
    let asks: Vec<_> = (0..BLOCK as u64)
        .map(|id| Ask { shop: "north".to_owned(), id, note: "x".repeat(100) })
        .collect();
    for _ in 0..count / BLOCK {
        let mut replies: FuturesUnordered<_> =
            asks.iter().map(|ask| client.request(ask).into_future()).collect();
        while let Some(reply) = replies.next().await {
            assert_eq!(reply.expect("a reply").total.to_bits(), 9.5_f64.to_bits());
        }
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, count] = &args[..] else { return list() };
    let workload = WORKLOADS.iter().find(|(known, _)| known == name);
    let (Some((_, start)), Ok(count)) = (workload, count.parse::<usize>()) else {
        return ExitCode::FAILURE;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(run(*start, count));
    ExitCode::SUCCESS
}

fn list() -> ExitCode {
    let names = WORKLOADS.iter().map(|(name, _)| format!("{name}\n"));
    match io::stdout().write_all(names.collect::<String>().as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
