use natsws::{DecodeOwned, EncodeMessage, Request, Subject};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Subject)]
#[subject("orders.{regoin}.get", reply = u64)]
struct GetOrder {
    region: String,
}

fn uses<M: EncodeMessage + DecodeOwned + Request<Reply = u64>>(_: &M) {}

fn main() {
    // One mistake is one error: what uses the type says nothing of it.
    let order = GetOrder { region: "eu".to_owned() };
    uses(&order);
    let _ = order.subject();
}
