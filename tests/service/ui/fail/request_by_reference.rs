use natsws::Subject;
use natsws_service::Router;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Subject)]
#[subject("orders.{id}.get", reply = u64)]
struct GetOrder {
    id: u64,
}

async fn get(ask: &GetOrder) -> u64 {
    ask.id
}

fn main() {
    let _ = Router::<()>::new("a", "1.0.0").endpoint(get);
}
