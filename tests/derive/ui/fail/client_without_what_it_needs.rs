//! The mistakes of somebody who is new here, at the calls themselves.

use natsws::{Client, Subject};
use serde::{Deserialize, Serialize};

/// No derive at all.
#[derive(Serialize, Deserialize)]
struct Plain {
    id: u64,
}

/// Nothing that answers.
#[derive(Serialize, Deserialize, Subject)]
#[subject("orders.{id}.created")]
struct OrderCreated {
    id: u64,
}

/// Nothing that encodes.
#[derive(Subject)]
#[subject("orders.{id}.get")]
struct GetOrder {
    id: u64,
}

async fn call(client: Client) {
    let _ = client.publish(&Plain { id: 7 }).await;
    let _ = client.request(&OrderCreated { id: 7 }).await;
    let _ = client.publish(&GetOrder { id: 7 }).await;
    let _ = client.subscribe::<GetOrder>().await;
}

fn main() {}
