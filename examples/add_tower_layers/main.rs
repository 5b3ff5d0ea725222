//! tower's own layers, unchanged, around a service, a group of endpoints and one endpoint; and what
//! each does to a request.
//!
//! `cargo run --example add_tower_layers`

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use natsws::embedded::Broker;
use natsws::{Client, RequestError, Subject};
use natsws_service::{Response, Router, State, serve};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::ServiceBuilder;
use tower::limit::{ConcurrencyLimitLayer, RateLimitLayer};
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;

/// Work that takes so many milliseconds. The reply says how many were at work when it began.
#[derive(Debug, Clone, Serialize, Deserialize, Subject)]
#[subject("work", reply = usize)]
struct Work {
    ms: u64,
}

/// The router has one of it, and everyone who is at work.
type AtWork = Arc<()>;

async fn work(State(at_work): State<AtWork>, ask: Work) -> usize {
    let count = Arc::strong_count(&at_work) - 1;
    sleep(Duration::from_millis(ask.ms)).await;
    count
}

/// The same work, with other layers around it.
fn router() -> Router<AtWork> {
    let period = Duration::from_millis(300);
    Router::new("workshop", "1.0.0")
        // Around one endpoint.
        .group("hasty", |hasty| {
            hasty.endpoint_with(work, |endpoint| {
                endpoint.layer(TimeoutLayer::new(Duration::from_millis(50)))
            })
        })
        // Around all endpoints of a group, each of which has a limit of its own.
        .group("narrow", |narrow| narrow.endpoint(work).layer(ConcurrencyLimitLayer::new(2)))
        .group("steady", |steady| steady.endpoint(work).layer(RateLimitLayer::new(2, period)))
        // The later stands outside: it sheds what the limit would let wait.
        .group("proud", |proud| {
            proud.endpoint(work).layer(ConcurrencyLimitLayer::new(1)).layer(LoadShedLayer::new())
        })
        // Around everything that stands above. In a builder the first is outermost.
        .layer(
            ServiceBuilder::new()
                .map_response(|mut response: Response| {
                    // The header is valid.
                    drop(response.headers_mut().append("Served-By", "workshop"));
                    response
                })
                .timeout(Duration::from_secs(5)),
        )
}

/// Asks so many times at once, and gives what came of each.
async fn ask(client: &Client, group: &str, times: usize, ms: u64) -> Vec<String> {
    let subject = format!("{group}.work");
    let asks = (0..times).map(|_| {
        let (client, subject) = (client.clone(), subject.clone());
        async move {
            match client.request_to(&subject, &Work { ms }).await {
                Ok(count) => format!("done, {count} at work"),
                Err(RequestError::Service(error)) => {
                    format!("{} {}", error.code(), error.description())
                }
                Err(other) => other.to_string(),
            }
        }
    });
    let mut answers = asks.collect::<JoinSet<_>>().join_all().await;
    answers.sort();
    answers
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start().await?;
    let app = router().with_state(AtWork::default());
    let _service = serve(broker.connect().await?, app).start().await?;
    let client = broker.connect().await?;

    // Timeout: the handler is dropped, and its caller told.
    for answer in ask(&client, "hasty", 1, 500).await {
        println!("timeout      {answer}");
    }
    // ConcurrencyLimit: the others wait for their turn.
    let answers = ask(&client, "narrow", 6, 50).await;
    println!("concurrency  {} answers, at the busiest: {}", answers.len(), answers[5]);
    // RateLimit: the third waits for the next period.
    let begun = Instant::now();
    let answers = ask(&client, "steady", 3, 0).await;
    let waited = begun.elapsed() >= Duration::from_millis(200);
    println!("rate         {} answers, one of them had to wait: {waited}", answers.len());
    // LoadShed: nobody waits.
    for answer in ask(&client, "proud", 3, 200).await {
        println!("load shed    {answer}");
    }
    // ServiceBuilder: what it adds stands on every answer.
    let reply = client.request_to("narrow.work", &Work { ms: 0 }).with_headers().await?;
    println!("builder      Served-By: {:?}", reply.headers().get("Served-By"));
    Ok(())
}
