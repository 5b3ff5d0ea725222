use natsws::{Request, Subject};
use serde::Serialize;

#[derive(Serialize, Subject)]
#[subject("orders.{id}.created")]
struct OrderCreated {
    id: u64,
}

fn request<R: Request>(_: &R) {}

fn main() {
    request(&OrderCreated { id: 7 });
}
