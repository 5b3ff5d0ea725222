//! A message that is published more than once and stored once, and done once as far as anybody can
//! tell.
//!
//! It needs a server with JetStream: `nats-server -js`, or one that `NATS_URL` names.
//! `cargo run --example exactly_once_publish`

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use natsws::jetstream::{ConsumerConfig, JetStream, Storage, Stream, StreamConfig};
use natsws::{Client, Subject};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("payments.{customer}.made")]
struct PaymentMade {
    customer: String,
    number: u64,
    amount: i64,
}

impl PaymentMade {
    /// What tells this payment from all others, however often it is published: not a new number for
    /// each attempt, but one that it has from the beginning.
    fn id(&self) -> String {
        format!("payment-{}", self.number)
    }
}

async fn pay(js: &JetStream, payments: &Stream) -> Result<(), Box<dyn Error>> {
    let payment = PaymentMade { customer: "ann".to_owned(), number: 7, amount: 100 };
    // As after a crash: nobody knows whether the first one was stored.
    for _ in 0..2 {
        let ack = js.publish(&payment).message_id(payment.id()).await?;
        let word = if ack.duplicate { "stored before as" } else { "stored as" };
        println!("{} was {word} {}", payment.id(), ack.sequence);
    }

    // Only where nobody else wrote meanwhile: who reads, decides and then writes says what it read.
    let next = PaymentMade { customer: "ann".to_owned(), number: 8, amount: 50 };
    let late = js.publish(&next).expect_last_subject_sequence(0).await;
    match late {
        Err(error) if error.is_wrong_last() => println!("{} is behind another", next.id()),
        other => println!("it should have been refused: {other:?}"),
    }
    let ack = js.publish(&next).message_id(next.id()).expect_last_subject_sequence(1).await?;
    println!("{} was stored as {}", next.id(), ack.sequence);

    // The other half: what is done is confirmed, and the number says what was done before.
    let config = ConsumerConfig::durable("ledger").ack_wait(Duration::from_secs(10));
    let ledger = payments.create_consumer(config).await?;
    let mut batch = ledger.fetch::<PaymentMade>(10).no_wait().await?;
    let mut booked = BTreeSet::new();
    let mut total = 0;
    while let Some(payment) = batch.next().await {
        let payment = payment?;
        // In a real ledger this and the booking are one transaction.
        if booked.insert(payment.number) {
            total += payment.amount;
        }
        payment.ack_confirmed().await?;
    }
    println!("{} payments of {total} in all", booked.len());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("NATS_URL").unwrap_or_else(|_| "nats://localhost:4222".to_owned());
    let client = Client::connect(url).await?;
    let js = client.jetstream();
    let config = StreamConfig::new("EXAMPLE_PAYMENTS")
        .subjects(["payments.>"])
        .storage(Storage::Memory)
        // For so long the stream knows an id again.
        .duplicate_window(Duration::from_secs(120));
    let payments = js.create_stream(config).await?;
    let paid = pay(&js, &payments).await;
    js.delete_stream(payments.name()).await?;
    paid
}
