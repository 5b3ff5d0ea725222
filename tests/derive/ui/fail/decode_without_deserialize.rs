use natsws::{DecodeOwned, Subject};
use serde::Serialize;

#[derive(Serialize, Subject)]
#[subject("orders.{id}.created")]
struct OrderCreated {
    id: u64,
}

fn subscribe<M: DecodeOwned>() {}

fn main() {
    subscribe::<OrderCreated>();
}
