use natsws::Subject;
use natsws_service::Router;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("orders.created")]
struct OrderCreated {
    id: u64,
}

async fn created(event: OrderCreated) -> u64 {
    event.id
}

fn main() {
    let _ = Router::<()>::new("a", "1.0.0").endpoint(created);
}
