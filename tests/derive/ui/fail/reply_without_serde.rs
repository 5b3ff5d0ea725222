use natsws::Subject;
use serde::Serialize;

struct Order;

#[derive(Debug)]
struct OrderError;

#[derive(Serialize, Subject)]
#[subject("orders.{id}.get", reply = Order)]
struct GetOrder {
    id: u64,
}

#[derive(Serialize, Subject)]
#[subject("orders.{id}.get", reply = u64, error = OrderError)]
struct GetTotal {
    id: u64,
}

fn main() {}
