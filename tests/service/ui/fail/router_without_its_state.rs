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

fn serve(client: natsws::Client) {
    let _ = natsws_service::serve(client, Router::<String>::new("a", "1.0.0").endpoint(get));
}

fn main() {}
