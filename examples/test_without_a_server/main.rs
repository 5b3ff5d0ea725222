//! How to test code that publishes and requests, without a server.
//!
//! `cargo test --example test_without_a_server` runs these tests as tests are run, and
//! `cargo run --example test_without_a_server` runs them one by one and tells what they showed.

use std::error::Error;

use natsws::embedded::Broker;
use natsws::{Client, Subject};
use natsws_service::{Router, serve};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("prices.{item}.get", reply = u64)]
struct GetPrice {
    item: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("orders.{id}.placed")]
struct OrderPlaced {
    id: u64,
    cents: u64,
}

/// What is tested: asks for the price, a second time where the answer is lost, and tells everyone.
async fn place_order(client: &Client, id: u64, item: &str) -> Result<(), natsws::Error> {
    let ask = GetPrice { item: item.to_owned() };
    let cents = match client.request(&ask).await {
        Err(error) if error.is_timed_out() => client.request(&ask).await?,
        answer => answer?,
    };
    Ok(client.publish(&OrderPlaced { id, cents }).await?)
}

/// The other side, as the tests want it.
async fn serve_prices(broker: &Broker) -> Result<(), Box<dyn Error>> {
    async fn price(ask: GetPrice) -> u64 {
        if ask.item == "tea" { 450 } else { 0 }
    }
    let client = broker.connect().await?;
    let app = Router::new("prices", "1.0.0").endpoint(price);
    serve(client, app).start().await?;
    Ok(())
}

#[cfg_attr(test, tokio::test)]
async fn an_order_is_announced_with_its_price() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start().await?;
    serve_prices(&broker).await?;
    let client = broker.connect().await?;

    place_order(&client, 7, "tea").await?;
    client.flush().await?; // so that the broker has what was published

    assert_eq!(broker.published::<OrderPlaced>()?, [OrderPlaced { id: 7, cents: 450 }]);
    Ok(())
}

#[cfg_attr(test, tokio::test)]
async fn nothing_is_announced_where_nobody_knows_the_price() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start().await?;
    let client = broker.connect().await?;

    let error = place_order(&client, 7, "tea").await.expect_err("nobody serves prices");

    assert_eq!(error.to_string(), "nobody answers requests to this subject");
    client.flush().await?;
    assert_eq!(broker.published::<OrderPlaced>()?, []);
    Ok(())
}

#[cfg_attr(test, tokio::test(start_paused = true))] // the timeout takes no time
async fn a_question_that_is_lost_is_asked_again() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start().await?;
    serve_prices(&broker).await?;
    let client = broker.connect().await?;
    broker.drop_next(GetPrice::FILTER, 1)?;

    let mut placed = broker.recorder::<OrderPlaced>();
    tokio::spawn(async move { place_order(&client, 8, "tea").await });

    let order = placed.next().await.expect("the broker runs")?;
    assert_eq!((order.subject(), order.cents), ("orders.8.placed", 450));
    assert_eq!(broker.published::<GetPrice>()?.len(), 2);
    Ok(())
}

#[cfg(not(test))]
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    use std::io::{Write, stdout};

    an_order_is_announced_with_its_price().await?;
    writeln!(stdout(), "ok: an order is announced with its price")?;
    nothing_is_announced_where_nobody_knows_the_price().await?;
    writeln!(stdout(), "ok: nothing is announced where nobody knows the price")?;
    a_question_that_is_lost_is_asked_again().await?;
    writeln!(stdout(), "ok: a question that is lost is asked again")?;
    Ok(())
}
