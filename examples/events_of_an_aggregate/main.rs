//! The events of one thing as an enum: each variant has its subject, and one subscription gets them
//! all in the order in which they happened.
//!
//! `cargo run --example events_of_an_aggregate`

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::collections::BTreeMap;
use std::error::Error;

use natsws::Subject;
use natsws::embedded::Broker;
use serde::{Deserialize, Serialize};

/// What happens to an order. The payload has the fields of the variant and not its name, since the
/// subject says which one it is.
#[derive(Debug, Serialize, Deserialize, Subject)]
enum OrderEvent {
    #[subject("orders.{id}.created")]
    Created { id: u64, total: f64 },
    #[subject("orders.{id}.item_added")]
    ItemAdded { id: u64, name: String, price: f64 },
    #[subject("orders.{id}.shipped")]
    Shipped { id: u64, carrier: String },
    #[subject("orders.{id}.cancelled")]
    Cancelled { id: u64 },
}

/// What has become of an order.
#[derive(Debug, Default)]
struct Order {
    total: f64,
    items: Vec<String>,
    state: &'static str,
}

impl Order {
    fn apply(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::Created { total, .. } => {
                self.total = *total;
                self.state = "open";
            }
            OrderEvent::ItemAdded { name, price, .. } => {
                self.items.push(name.clone());
                self.total += price;
            }
            OrderEvent::Shipped { .. } => self.state = "shipped",
            OrderEvent::Cancelled { .. } => self.state = "cancelled",
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start().await?;
    let client = broker.connect().await?;

    // All variants of all orders, and all that happens to one of them.
    let mut events = client.subscribe::<OrderEvent>().max(6).await?;
    let mut of_seven = client.subscribe::<OrderEvent>().only(OrderEvent::filter().id(7)).await?;

    let item = |id, name: &str, price| OrderEvent::ItemAdded { id, name: name.to_owned(), price };
    for event in [
        OrderEvent::Created { id: 7, total: 0.0 },
        item(7, "tea", 4.5),
        OrderEvent::Created { id: 8, total: 0.0 },
        item(7, "cup", 9.0),
        OrderEvent::Cancelled { id: 8 },
        OrderEvent::Shipped { id: 7, carrier: "post".to_owned() },
    ] {
        client.publish(&event).await?;
    }

    let mut orders = BTreeMap::<u64, Order>::new();
    while let Some(event) = events.next().await {
        let event = event?;
        println!("{}", event.subject());
        let (OrderEvent::Created { id, .. }
        | OrderEvent::ItemAdded { id, .. }
        | OrderEvent::Shipped { id, .. }
        | OrderEvent::Cancelled { id }) = &*event;
        orders.entry(*id).or_default().apply(&event);
    }
    for (id, order) in &orders {
        println!("order {id} is {}: {:.2} for {:?}", order.state, order.total, order.items);
    }

    of_seven.drain().await?;
    let mut happened = 0;
    while let Some(event) = of_seven.next().await {
        event?;
        happened += 1;
    }
    println!("to order 7 happened {happened} of the 6");
    Ok(())
}
