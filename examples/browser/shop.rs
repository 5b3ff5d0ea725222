//! The services: those of the quickstart, with answers that take different times.

use std::error::Error;
use std::time::Duration;

use natsws::{Client, ConnectOptions};
use natsws_dashboard_messages::{GetMeaning, GetOrder, Order, OrderError};
use natsws_service::{DrainReport, Router, ServiceHandle, State, serve};
use tokio::time::sleep;

/// There are orders with the numbers below.
pub(crate) const ORDERS: u64 = 40;

type Replica = &'static str;

async fn get_order(State(replica): State<Replica>, ask: GetOrder) -> Result<Order, OrderError> {
    // Some orders are further away than others.
    sleep(Duration::from_micros(500 + ask.id % ORDERS * 300)).await;
    if ask.id >= ORDERS {
        return Err(OrderError::NotFound { id: ask.id });
    }
    let total = f64::from(u32::try_from(ask.id * 250 % 3700 + 450).unwrap_or_default()) / 100.0;
    Ok(Order { id: ask.id, total, answered_by: replica.to_owned() })
}

async fn get_meaning(_ask: GetMeaning) -> u64 {
    sleep(Duration::from_millis(500)).await;
    42
}

/// Somebody of this name, who never gives the server up.
pub(crate) async fn connect(url: &str, name: &str) -> Result<Client, Box<dyn Error>> {
    let options = ConnectOptions::new().name(name).unlimited_reconnect_attempts();
    Ok(options.reconnect_time_wait(Duration::from_millis(500)).connect(url).await?)
}

/// Two replicas for orders, and one that thinks.
pub(crate) async fn open(url: &str) -> Result<Vec<ServiceHandle>, Box<dyn Error>> {
    let mut services = Vec::new();
    for replica in ["replica-1", "replica-2"] {
        let orders = Router::new("orders", "1.0.0")
            .description("what was ordered")
            .endpoint_with(get_order, |endpoint| endpoint.name("get"))
            .with_state(replica);
        services.push(serve(connect(url, replica).await?, orders).start().await?);
    }
    let thinker: Router = Router::new("thinker", "0.4.2")
        .endpoint_with(get_meaning, |endpoint| endpoint.name("meaning"));
    services.push(serve(connect(url, "thinker").await?, thinker).start().await?);
    Ok(services)
}

/// Lets them finish what they have begun.
pub(crate) async fn close(services: Vec<ServiceHandle>) -> Vec<DrainReport> {
    let mut reports = Vec::new();
    for service in services {
        reports.push(service.drain().await);
    }
    reports
}
