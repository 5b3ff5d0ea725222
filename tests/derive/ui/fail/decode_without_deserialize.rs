use natsws::{DecodeMessage, Subject};
use serde::Serialize;

#[derive(Serialize, Subject)]
#[subject("orders.{id}.created")]
struct OrderCreated {
    id: u64,
}

fn subscribe<M: DecodeMessage>() {}

fn main() {
    subscribe::<OrderCreated>();
}
