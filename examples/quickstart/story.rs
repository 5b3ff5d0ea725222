//! What happens, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use natsws::{Client, ConnectOptions, RequestError};
use natsws_dashboard_messages::{
    GetMeaning, GetOrder, GetWeather, Order, OrderCreated, OrderError,
};
use natsws_service::{DrainReport, Router, ServiceHandle, State, serve};
use tokio::sync::watch;
use tower::timeout::TimeoutLayer;

/// What a replica knows.
#[derive(Clone)]
struct Shop {
    replica: &'static str,
    orders: Arc<BTreeMap<u64, f64>>,
    /// How many thoughts were begun, by all replicas.
    thoughts: watch::Sender<u32>,
}

/// The last argument is the request; what stands before is taken from the service.
async fn get_order(State(shop): State<Shop>, ask: GetOrder) -> Result<Order, OrderError> {
    match shop.orders.get(&ask.id) {
        Some(total) => {
            Ok(Order { id: ask.id, total: *total, answered_by: shop.replica.to_owned() })
        }
        None => Err(OrderError::NotFound { id: ask.id }),
    }
}

async fn get_meaning(State(shop): State<Shop>, _ask: GetMeaning) -> u64 {
    shop.thoughts.send_modify(|begun| *begun += 1);
    tokio::time::sleep(Duration::from_millis(500)).await;
    42
}

async fn start(
    url: &str,
    replica: &'static str,
    thoughts: &watch::Sender<u32>,
) -> Result<ServiceHandle, Box<dyn Error>> {
    let client = ConnectOptions::new().name(replica).connect(url).await?;
    let orders = Arc::new(BTreeMap::from([(7, 9.5), (8, 12.0)]));
    let app = Router::new("orders", "1.0.0")
        .endpoint(get_order)
        .endpoint(get_meaning)
        .layer(TimeoutLayer::new(Duration::from_secs(2)))
        .with_state(Shop { replica, orders, thoughts: thoughts.clone() });
    Ok(serve(client, app).start().await?)
}

pub(crate) async fn tell(url: &str, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let client = Client::connect(url).await?;
    writeln!(out, "connected to {}", client.connection().server())?;
    events(&client, out).await?;

    let thoughts = watch::Sender::new(0);
    let replicas =
        [start(url, "replica-1", &thoughts).await?, start(url, "replica-2", &thoughts).await?];
    writeln!(out, "\ntwo replicas serve {} in one queue group", GetOrder::FILTER)?;
    requests(&client, out).await?;

    writeln!(out, "\nstopping both replicas while a request is being answered")?;
    let mut begun = thoughts.subscribe();
    begun.mark_unchanged();
    let stop_meanwhile = async {
        begun.changed().await?;
        Ok::<_, watch::error::RecvError>(stop(replicas).await)
    };
    let (answer, reports) = tokio::join!(client.request(&GetMeaning).into_future(), stop_meanwhile);
    writeln!(out, "the request was answered all the same: {}", answer?)?;
    for report in reports? {
        writeln!(
            out,
            "drained: {} answered, {} of them with an error, {} given up, in {:.1?}",
            report.completed + report.failed,
            report.failed,
            report.aborted,
            report.took
        )?;
    }
    client.drain().await?;
    writeln!(out, "the client is drained too, the end")?;
    Ok(())
}

/// A typed subscriber on a wildcard, and typed events for it.
async fn events(client: &Client, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let mut created = client.subscribe::<OrderCreated>().max(2).await?;
    writeln!(out, "\nsubscribed to {}", OrderCreated::FILTER)?;
    for (region, id, total) in [("eu", 7, 9.5), ("us", 8, 12.0)] {
        client.publish(&OrderCreated { region: region.to_owned(), id, total }).await?;
    }
    while let Some(order) = created.next().await {
        let order = order?;
        writeln!(out, "{}: order {} for {:.2}", order.subject(), order.id, order.total)?;
    }
    Ok(())
}

/// The ways in which most requests end.
async fn requests(client: &Client, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let mut answered_by = BTreeSet::new();
    for _ in 0..20 {
        let order: Order = client.request(&GetOrder { id: 7 }).await?;
        answered_by.insert(order.answered_by);
    }
    writeln!(out, "20 requests were answered by {}", Vec::from_iter(answered_by).join(" and "))?;

    match client.request(&GetOrder { id: 99 }).await {
        Err(RequestError::Remote(OrderError::NotFound { id })) => {
            writeln!(out, "the service's own error: order {id} is not found")?;
        }
        other => return Err(format!("expected the service's own error: {other:?}").into()),
    }
    match client.request(&GetWeather).await {
        Err(RequestError::NoResponders) => {
            writeln!(out, "no responders: nobody serves {}", GetWeather::FILTER)?;
        }
        other => return Err(format!("expected no responders: {other:?}").into()),
    }
    match client.request(&GetMeaning).timeout(Duration::from_millis(100)).await {
        Err(RequestError::TimedOut { after }) => {
            writeln!(out, "timed out: {} did not answer in {after:?}", GetMeaning::FILTER)?;
        }
        other => return Err(format!("expected a timeout: {other:?}").into()),
    }
    Ok(())
}

/// Stops the replicas in good order and collects their reports.
async fn stop([first, second]: [ServiceHandle; 2]) -> [DrainReport; 2] {
    let (first, second) = tokio::join!(first.drain(), second.drain());
    [first, second]
}
