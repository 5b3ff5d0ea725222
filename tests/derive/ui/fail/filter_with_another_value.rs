use natsws::Subject;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Subject)]
#[subject("orders.{region}.{id}")]
struct Order {
    region: String,
    id: u64,
}

#[derive(Serialize, Deserialize, Subject)]
#[subject("users.{id}")]
struct User {
    id: u64,
}

fn only(_: impl Into<natsws::Filter<Order>>) {}

fn main() {
    only(Order::filter().id("seven"));
    only(Order::filter().regoin("eu"));
    only(User::filter().id(7));
}
