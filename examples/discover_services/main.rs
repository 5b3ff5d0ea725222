//! Which services are there, what they offer, and what they have done: as every NATS client can ask
//! (`nats micro ls`), here with typed answers.
//!
//! `cargo run --example discover_services` starts a broker in its own process. Set `NATS_URL` to
//! see what runs on a server of yours as well.

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use natsws::embedded::Broker;
use natsws::{Client, ServiceError, Subject};
use natsws_service::{Router, ServiceHandle, Services, State, serve};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("prices.{item}.get", reply = u64)]
struct GetPrice {
    item: String,
}

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("mail.send", reply = ())]
struct SendMail {
    to: String,
}

async fn get_price(ask: GetPrice) -> Result<u64, ServiceError> {
    match ask.item.as_str() {
        "tea" => Ok(450),
        _ => Err(ServiceError::new(404, "it is not for sale")),
    }
}

type Sent = Arc<AtomicU64>;

async fn send_mail(State(sent): State<Sent>, mail: SendMail) {
    sent.fetch_add(mail.to.len() as u64, Ordering::Relaxed);
}

/// What the mailer adds to its statistics.
#[derive(Serialize)]
struct MailStats {
    bytes: u64,
}

async fn start(url: &str) -> Result<[ServiceHandle; 2], Box<dyn Error>> {
    let prices = Router::new("prices", "2.1.0")
        .description("what things cost")
        .metadata("team", "sales")
        .endpoint(get_price);
    let sent = Sent::default();
    let counted = Arc::clone(&sent);
    let mailer = Router::new("mailer", "1.0.0")
        .endpoint_with(send_mail, |endpoint| {
            endpoint
                .name("send")
                .stats_data(move || MailStats { bytes: counted.load(Ordering::Relaxed) })
        })
        .with_state(sent);
    Ok([
        serve(Client::connect(url).await?, prices).start().await?,
        serve(Client::connect(url).await?, mailer).start().await?,
    ])
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The broker must live as long as it is used.
    let (url, _broker) = if let Ok(url) = std::env::var("NATS_URL") {
        (url, None)
    } else {
        let broker = Broker::start().await?;
        (broker.ws_url(), Some(broker))
    };
    let [prices, _mailer] = start(&url).await?;
    let client = Client::connect(&url).await?;
    for item in ["tea", "tea", "moon"] {
        // The moon is an error, which the statistics will show.
        drop(client.request(&GetPrice { item: item.to_owned() }).await);
    }
    client.request(&SendMail { to: "ann@example.org".to_owned() }).await?;

    // Everybody who is there.
    let mut there = client.services().ping().await?;
    there.sort_by(|a, b| a.name.cmp(&b.name));
    println!("{:8} {:8} id", "service", "version");
    for service in &there {
        println!("{:8} {:8} {}", service.name, service.version, service.id);
    }

    // Everybody of this name, and what they offer.
    for service in client.services().info().name("prices").await? {
        println!("\n{}: {} {:?}", service.name, service.description, service.metadata);
        for endpoint in &service.endpoints {
            println!("{} takes {} as {}", endpoint.name, endpoint.subject, endpoint.queue_group);
        }
    }

    // One instance: its answer is the only one, so nothing is waited for.
    let stats = client.services().stats().name(prices.name()).id(prices.id()).await?;
    let mailer = client.services().stats().name("mailer").await?;
    println!("\n{:15} {:>8} {:>6}  {:25} data", "endpoint", "requests", "errors", "last error");
    for endpoint in stats.iter().chain(&mailer).flat_map(|service| &service.endpoints) {
        println!(
            "{:15} {:>8} {:>6}  {:25} {}",
            endpoint.name,
            endpoint.num_requests,
            endpoint.num_errors,
            endpoint.last_error.as_deref().unwrap_or("-"),
            endpoint.data.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        );
    }
    Ok(())
}
