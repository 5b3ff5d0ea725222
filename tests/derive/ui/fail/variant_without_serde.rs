use natsws::{Client, Subject};

#[derive(Subject)]
enum OrderEvent {
    #[subject("orders.{id}.created")]
    Created { id: u64 },
}

async fn publish(client: Client) {
    let _ = client.publish(&OrderEvent::Created { id: 7 }).await;
    let _ = client.subscribe::<OrderEvent>().await;
}

fn main() {}
