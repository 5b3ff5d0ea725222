//! The ways in which a request can end, each as a value to match on.
//!
//! `cargo run --example request_and_match_errors`

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::error::Error;
use std::time::Duration;

use natsws::embedded::Broker;
use natsws::{Client, RequestError, ServiceError, Subject};
use natsws_service::{Router, serve};
use serde::{Deserialize, Serialize};

/// A transfer: its reply and its error are declared with it, for both sides.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("accounts.{from}.transfer", reply = Receipt, error = Refusal)]
struct Transfer {
    from: String,
    cents: u64,
    note: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Receipt {
    left: u64,
}

/// Why the service says no. Its `Display` is what clients without this type are shown.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
enum Refusal {
    #[error("there are only {left} cents left")]
    TooLittle { left: u64 },
    #[error("there is no such account")]
    NoAccount,
}

#[expect(clippy::panic, reason = "what the caller of a broken service sees")]
async fn transfer(ask: Transfer) -> Result<Receipt, Refusal> {
    match (ask.from.as_str(), ask.cents) {
        ("slow", _) => std::future::pending().await,
        ("broken", _) => panic!("the ledger is on fire"),
        ("ann", cents) if cents <= 500 => Ok(Receipt { left: 500 - cents }),
        ("ann", _) => Err(Refusal::TooLittle { left: 500 }),
        _ => Err(Refusal::NoAccount),
    }
}

/// What an application makes of it.
async fn send(client: &Client, from: &str, cents: u64, note: &str) -> String {
    let ask = Transfer { from: from.to_owned(), cents, note: note.to_owned() };
    match client.request(&ask).timeout(Duration::from_millis(300)).await {
        Ok(Receipt { left }) => format!("done, {left} cents are left"),
        // The service's own error, as it declares it.
        Err(RequestError::Remote(Refusal::TooLittle { left })) => format!("only {left} cents"),
        Err(RequestError::Remote(Refusal::NoAccount)) => "no such account".to_owned(),
        // An error of the service that is none of its own: here it panicked.
        Err(RequestError::Service(error)) => format!("the service failed with {}", error.code()),
        Err(RequestError::NoResponders) => "nobody serves it".to_owned(),
        Err(RequestError::TimedOut { after }) => format!("no answer within {after:?}"),
        Err(RequestError::Disconnected { maybe_delivered: false }) => "try again".to_owned(),
        Err(RequestError::PayloadTooLarge { len, max }) => format!("{len} bytes, {max} at most"),
        Err(RequestError::Subject(error)) => format!("not sent: {error}"),
        // More may come with later versions, so this arm must be there.
        Err(other) => format!("another error: {other}"),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // What a panic says is for the service's own log.
    std::panic::set_hook(Box::new(|_| {}));
    let broker = Broker::builder().max_payload(1000).start().await?;
    let client = broker.connect().await?;
    println!("before      {}", send(&client, "ann", 100, "").await);

    let app = Router::new("accounts", "1.0.0").endpoint(transfer);
    let service = serve(broker.connect().await?, app).start().await?;

    println!("ann 100     {}", send(&client, "ann", 100, "").await);
    println!("ann 900     {}", send(&client, "ann", 900, "").await);
    println!("bob 1       {}", send(&client, "bob", 1, "").await);
    println!("broken      {}", send(&client, "broken", 1, "").await);
    println!("slow        {}", send(&client, "slow", 1, "").await);
    println!("a.b         {}", send(&client, "a.b", 1, "").await);
    println!("long        {}", send(&client, "ann", 1, &"x".repeat(2000)).await);

    // A client without these types sees the code and the text, and can tell them from a reply.
    let ask = r#"{"from":"bob","cents":1,"note":""}"#;
    let reply = client.connection().request("accounts.bob.transfer", ask).await?;
    let error = ServiceError::from_reply(reply.headers(), &reply.payload_bytes());
    println!("untyped     {}", error.ok_or("it is an error")?);
    service.stop();
    Ok(())
}
