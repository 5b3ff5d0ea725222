use natsws::Subject;
use natsws_service::Router;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Subject)]
#[subject("orders.{id}.created")]
struct OrderCreated {
    id: u64,
}

async fn created(order: OrderCreated) -> u64 {
    order.id
}

fn main() {
    let _ = Router::<()>::new("a", "1.0.0").event(created);
}
