//! A service under load stops: what has come is answered, what comes later is told so at once, and
//! the report accounts for every request.
//!
//! `cargo run --example shut_down_cleanly`

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::error::Error;
use std::time::Duration;

use natsws::embedded::Broker;
use natsws::{Client, RequestError, Subject};
use natsws_service::{DrainReport, Router, serve};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// A dish. Each takes a while, and somebody waits for it.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("kitchen.cook.{dish}", reply = String)]
struct Cook {
    dish: String,
}

async fn cook(order: Cook) -> String {
    match order.dish.as_str() {
        "soup" => sleep(Duration::from_millis(20)).await,
        _ => std::future::pending().await, // there is always one
    }
    format!("here is your {}", order.dish)
}

/// Orders until nobody takes orders any more, and counts what came. There is no other end: no
/// request times out, and none is lost.
async fn eat(client: Client) -> Result<u64, natsws::Error> {
    for dishes in 0.. {
        match client.request(&Cook { dish: "soup".to_owned() }).await {
            Ok(_) => {}
            Err(RequestError::NoResponders) => return Ok(dishes),
            Err(other) => return Err(other.into()),
        }
    }
    Ok(u64::MAX)
}

fn router() -> Router {
    Router::new("kitchen", "1.0.0").endpoint_with(cook, |cook| cook.concurrency(4))
}

fn tell(report: &DrainReport) {
    let DrainReport { completed, failed, shed, aborted, .. } = report;
    println!("report    {completed} completed, {failed} failed, {shed} shed, {aborted} aborted");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start().await?;
    let client = broker.connect().await?;

    // Ten guests order, four dishes are cooked at a time, so at every moment some orders wait.
    let kitchen = serve(broker.connect().await?, router()).start().await?;
    println!("kitchen   {:?}", kitchen.health());
    let mut guests: JoinSet<_> = (0..10).map(|_| eat(client.clone())).collect();
    sleep(Duration::from_millis(200)).await;

    // A deployed service drains when `shutdown_signal()` says so: see the example `serve_requests`.
    let drained = kitchen.drain();
    println!("kitchen   {:?}", kitchen.health()); // a readiness probe says no from here on
    let report = drained.await;
    println!("kitchen   {:?}", kitchen.health());
    let mut dishes = 0;
    while let Some(eaten) = guests.join_next().await {
        dishes += eaten??;
    }
    println!("guests    {dishes} dishes, and then nobody took orders");
    tell(&report);

    // A drain does not wait for ever: what hangs is given up, and counted.
    let kitchen = serve(broker.connect().await?, router())
        .drain_timeout(Duration::from_millis(100))
        .start()
        .await?;
    client.publish(&Cook { dish: "surprise".to_owned() }).await?; // an order without a guest
    client.request(&Cook { dish: "soup".to_owned() }).await?;
    tell(&kitchen.drain().await);
    Ok(())
}
