use natsws::{EncodeMessage, Subject};
use serde::Deserialize;

#[derive(Deserialize, Subject)]
#[subject("orders.{id}.created")]
struct OrderCreated {
    id: u64,
}

fn publish<M: EncodeMessage>(_: &M) {}

fn main() {
    publish(&OrderCreated { id: 7 });
}
