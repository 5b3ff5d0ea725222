//! Who gets a message: one member of every queue group, and everyone who is in none.
//!
//! `cargo run --example queue_groups` starts a broker in its own process. Set `NATS_URL` to use a
//! server of yours.

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::collections::BTreeMap;
use std::error::Error;

use natsws::embedded::Broker;
use natsws::{Client, Replies, Subject};
use natsws_service::{Router, State, serve};
use serde::{Deserialize, Serialize};

/// Says the same again, and who says it.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("echo", reply = Echoed)]
struct Echo {
    text: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Echoed {
    text: String,
    by: String,
}

async fn echo(State(by): State<String>, ask: Echo) -> Echoed {
    Echoed { text: ask.text, by }
}

fn router() -> Router<String> {
    Router::new("echo", "1.0.0").endpoint(echo)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The broker must live as long as it is used.
    let (url, _broker) = if let Ok(url) = std::env::var("NATS_URL") {
        (url, None)
    } else {
        let broker = Broker::start().await?;
        (broker.ws_url(), Some(broker))
    };

    // Two queue groups, and one that stands alone. Each has a connection of its own.
    for member in ["echo-1", "echo-2", "echo-3"] {
        let app = router().queue("echo").with_state(member.to_owned());
        serve(Client::connect(&url).await?, app).start().await?;
    }
    for member in ["other-1", "other-2"] {
        let app = router().queue("other").with_state(member.to_owned());
        serve(Client::connect(&url).await?, app).start().await?;
    }
    let app = router().no_queue().with_state("alone".to_owned());
    serve(Client::connect(&url).await?, app).start().await?;

    // Subscriptions can be members of a queue group too, and do not answer.
    let client = Client::connect(&url).await?;
    let mut readers = [
        client.subscribe::<Echo>().queue("readers").await?,
        client.subscribe::<Echo>().queue("readers").await?,
    ];

    // Each request comes to one of `echo`, to one of `other`, and to the one that stands alone.
    let mut answers = BTreeMap::new();
    for request in 0..60 {
        let ask = Echo { text: format!("hello {request}") };
        let mut replies = client.request_many(&ask).replies(Replies::Count(3)).await?;
        while let Some(reply) = replies.next().await {
            let Echoed { text, by } = reply?;
            assert_eq!(text, ask.text, "it is an echo");
            *answers.entry(by).or_insert(0) += 1;
        }
    }

    for group in ["echo", "other", "alone"] {
        let members = answers.iter().filter(|(by, _)| by.starts_with(group));
        let (names, counts): (Vec<&str>, Vec<u64>) =
            members.map(|(by, count)| (by.as_str(), count)).unzip();
        let sum: u64 = counts.into_iter().sum();
        println!("{group:8} {sum} requests, answered by {}", names.join(", "));
    }
    client.flush().await?; // what was sent before has come
    let [first, second] = &mut readers;
    let (first, second) = (first.pending() as u64, second.pending() as u64);
    println!("readers  {} requests, shared: {}", first + second, first > 0 && second > 0);
    Ok(())
}
