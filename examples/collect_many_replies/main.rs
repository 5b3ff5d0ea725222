//! One question to all replicas of a service, and every way to collect the answers.
//!
//! `cargo run --example collect_many_replies`

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::error::Error;
use std::time::Duration;

use natsws::embedded::Broker;
use natsws::{Replies, RequestError, Subject, TypedReplyStream};
use natsws_service::{Router, State, serve};
use serde::{Deserialize, Serialize};

/// How many of an article are on the shelf?
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("shops.{article}.count", reply = String, error = Closed)]
struct CountArticles {
    article: String,
}

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{0} is closed")]
struct Closed(String);

/// A countdown, in parts.
#[derive(Debug, Serialize, Subject)]
#[subject("rockets.launch", reply = u32)]
struct Launch;

async fn count(
    State(shop): State<(&'static str, u32)>,
    _: CountArticles,
) -> Result<String, Closed> {
    match shop {
        (name, 0) => Err(Closed(name.to_owned())),
        (name, articles) => Ok(format!("{articles} at {name}")),
    }
}

/// Opens a shop. Replicas share their requests as one queue group; here each is to get them all, so
/// each joins a group of its own.
async fn open(broker: &Broker, shop: &'static str, articles: u32) -> Result<(), Box<dyn Error>> {
    let router = Router::new("shop", "1.0.0")
        .endpoint_with(count, |endpoint| endpoint.queue(shop))
        .with_state((shop, articles));
    serve(broker.connect().await?, router).start().await?;
    Ok(())
}

/// All answers in the order of the alphabet, and whether they are all that were asked for.
async fn collect(mut answers: TypedReplyStream<CountArticles>) -> String {
    let mut all = Vec::new();
    while let Some(answer) = answers.next().await {
        all.push(match answer {
            Ok(shelf) => shelf,
            // One answer is an error, and the others come all the same.
            Err(RequestError::Remote(closed)) => closed.to_string(),
            Err(other) => other.to_string(),
        });
    }
    all.sort();
    format!("{}{}", all.join(", "), if answers.is_complete() { "." } else { " …" })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start().await?;
    let client = broker.connect().await?;
    let tea = CountArticles { article: "tea".to_owned() };
    println!("nobody   {}", collect(client.request_many(&tea).await?).await);

    for (shop, articles) in [("north", 4), ("south", 7), ("attic", 0)] {
        open(&broker, shop, articles).await?;
    }
    let soon = Duration::from_millis(500);
    // It is known how many will answer.
    let three = client.request_many(&tea).replies(Replies::Count(3)).await?;
    println!("count    {}", collect(three).await);
    // It is known how long an answer may take.
    let in_time = client.request_many(&tea).replies(Replies::WithinTimeout).timeout(soon).await?;
    println!("timeout  {}", collect(in_time).await);
    // Neither is: when nobody has answered for a while, nobody else will.
    let stall = client.request_many(&tea).replies(Replies::Stall(soon)).await?;
    println!("stall    {}", collect(stall).await);

    // A service that answers in parts sends an empty reply behind the last, and that ends it.
    let mut asked = client.connection().subscribe("rockets.launch").await?;
    tokio::spawn(async move {
        while let Some(Ok(msg)) = asked.next().await {
            for part in ["3", "2", "1", ""] {
                drop(msg.respond(part).await);
            }
        }
    });
    let mut parts = client.request_many(&Launch).replies(Replies::Sentinel).await?;
    while let Some(part) = parts.next().await {
        println!("sentinel {}", part?);
    }
    println!("complete {}", parts.is_complete());
    Ok(())
}
