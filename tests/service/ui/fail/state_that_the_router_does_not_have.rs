use natsws::Subject;
use natsws_service::{Router, State};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("orders.{id}.get", reply = u64)]
struct GetOrder {
    id: u64,
}

async fn get(State(_db): State<String>, ask: GetOrder) -> u64 {
    ask.id
}

fn main() {
    let _ = Router::<u8>::new("a", "1.0.0").endpoint(get);
}
