//! Somebody has to ask, so that there is something to see: at most 40 questions in a second.

use std::error::Error;
use std::f64::consts::TAU;
use std::time::{Duration, Instant};

use natsws::{Client, State};
use natsws_dashboard_messages::{GetMeaning, GetOrder, OrderCreated};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::shop::{self, ORDERS};

/// Customers come and go in waves of this length.
const WAVE: Duration = Duration::from_secs(40);
const REGIONS: [&str; 3] = ["eu", "us", "ap"];

/// Those who ask.
#[derive(Debug)]
pub(crate) struct Customers {
    client: Client,
    asking: JoinSet<()>,
}

impl Customers {
    pub(crate) async fn leave(mut self) {
        self.asking.shutdown().await;
        self.client.connection().close().await;
    }
}

pub(crate) async fn come(url: &str) -> Result<Customers, Box<dyn Error>> {
    let client = shop::connect(url, "customers").await?;
    let mut asking = JoinSet::new();
    asking.spawn(ask(client.clone()));
    asking.spawn(wonder(client.clone()));
    asking.spawn(order(client.clone()));
    Ok(Customers { client, asking })
}

async fn up(client: &Client) {
    client.connection().status().wait_for(|state| state == State::Connected).await;
}

/// Asks for orders, sometimes for one that is not there. How a question ends is what the dashboard
/// shows, and nothing to stop for.
async fn ask(client: Client) {
    let begun = Instant::now();
    for number in 0_u64.. {
        up(&client).await;
        let id = if number % 11 == 10 { ORDERS + number % 7 } else { number * 7 % ORDERS };
        drop(client.request(&GetOrder { id }).await);
        let wave = (begun.elapsed().as_secs_f64() / WAVE.as_secs_f64() * TAU).sin();
        // From 4 to 40 in a second.
        sleep(Duration::from_secs_f64(1.0 / (22.0 + 18.0 * wave))).await;
    }
}

async fn wonder(client: Client) {
    loop {
        up(&client).await;
        drop(client.request(&GetMeaning).await);
        sleep(Duration::from_secs(2)).await;
    }
}

async fn order(client: Client) {
    for (id, region) in (100_u32..).zip(REGIONS.iter().cycle()) {
        up(&client).await;
        let total = f64::from(id * 37 % 900) / 10.0;
        let order = OrderCreated { region: (*region).to_owned(), id: u64::from(id), total };
        if client.publish(&order).await.is_err() {
            // The client was closed.
            return;
        }
        sleep(Duration::from_millis(700)).await;
    }
}
