use natsws::Subject;
use serde::Serialize;

#[derive(Serialize, Subject)]
#[subject("orders.{id}", codec = Protobuf)]
struct Order {
    id: u64,
}

fn main() {}
