use natsws::Subject;
use natsws_service::{Router, State};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Subject)]
#[subject("orders.{id}.get", reply = u64)]
struct GetOrder {
    id: u64,
}

async fn get(ask: GetOrder, _db: State<u8>) -> u64 {
    ask.id
}

fn main() {
    let _ = Router::<u8>::new("a", "1.0.0").endpoint(get);
}
