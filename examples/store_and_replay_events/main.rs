//! Events that a stream keeps, read again from the beginning, from the middle, and the last of each
//! subject.
//!
//! It needs a server with JetStream: `nats-server -js`, or one that `NATS_URL` names.
//! `cargo run --example store_and_replay_events`

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::error::Error;

use natsws::jetstream::{
    ConsumeError, DeliverPolicy, OrderedMessages, Storage, Stream, StreamConfig,
};
use natsws::{Client, Subject};
use serde::{Deserialize, Serialize};

/// Something that happened to an account: one subject for each account, and kind of event.
#[derive(Debug, Serialize, Deserialize, Subject)]
enum AccountEvent {
    #[subject("accounts.{account}.opened")]
    Opened { account: String },
    #[subject("accounts.{account}.deposited")]
    Deposited { account: String, amount: i64 },
    #[subject("accounts.{account}.withdrawn")]
    Withdrawn { account: String, amount: i64 },
}

impl AccountEvent {
    /// What it adds to the balance.
    fn change(&self) -> i64 {
        match self {
            Self::Opened { .. } => 0,
            Self::Deposited { amount, .. } => *amount,
            Self::Withdrawn { amount, .. } => -amount,
        }
    }
}

/// Reads what is there by now, and tells it line by line.
async fn replay(mut events: OrderedMessages<AccountEvent>) -> Result<(), ConsumeError> {
    let mut balance = 0;
    while let Some(event) = events.next().await {
        let event = event?;
        balance += event.change();
        println!("{:>4}  {:<24} {balance:>4}", event.sequence(), event.subject());
        if event.pending() == 0 {
            break;
        }
    }
    Ok(())
}

async fn tell(accounts: &Stream) -> Result<(), Box<dyn Error>> {
    println!("all of ann's, from the beginning");
    let of_ann = accounts.ordered().filter_subjects(["accounts.ann.*"]);
    replay(of_ann.await?).await?;

    println!("everything since the 4th");
    let recent = accounts.ordered().deliver_policy(DeliverPolicy::FromSequence(4));
    replay(recent.await?).await?;

    println!("the last deposit of each account");
    let last = accounts
        .ordered()
        .deliver_policy(DeliverPolicy::LastPerSubject)
        .filter_subjects(["accounts.*.deposited"]);
    replay(last.await?).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("NATS_URL").unwrap_or_else(|_| "nats://localhost:4222".to_owned());
    let client = Client::connect(url).await?;
    let js = client.jetstream();
    let config = StreamConfig::new("EXAMPLE_ACCOUNTS").subjects(["accounts.*.*"]);
    let accounts = js.create_stream(config.storage(Storage::Memory)).await?;

    let (ann, bob) = (|| "ann".to_owned(), || "bob".to_owned());
    for event in [
        AccountEvent::Opened { account: ann() },
        AccountEvent::Deposited { account: ann(), amount: 100 },
        AccountEvent::Opened { account: bob() },
        AccountEvent::Deposited { account: bob(), amount: 50 },
        AccountEvent::Withdrawn { account: ann(), amount: 30 },
        AccountEvent::Deposited { account: ann(), amount: 5 },
    ] {
        // Ready when the stream has it.
        js.publish(&event).await?;
    }

    let told = tell(&accounts).await;
    js.delete_stream(accounts.name()).await?;
    told
}
