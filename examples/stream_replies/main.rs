//! A handler that answers in parts: it returns a stream, and every item is sent when it is there.
//! The stream ends with a mark or with an error, and it stops when its caller is gone.
//!
//! `cargo run --example stream_replies`

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::error::Error;
use std::time::Duration;

use futures_util::{Stream, stream};
use natsws::embedded::Broker;
use natsws::{RequestError, Subject, TypedReplyStream};
use natsws_service::{Router, State, serve};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{self, UnboundedSender};

/// How warm is it there, now and from now on?
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("weather.{station}.watch", reply = Celsius, error = Fault)]
struct Watch {
    station: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Celsius(f64);

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("the thermometer of {0} is broken")]
struct Fault(String);

/// What a watcher holds as long as its stream lives. The last thing it does is to tell that.
struct Thermometer {
    station: String,
    readings: u32,
    put_away: UnboundedSender<String>,
}

impl Thermometer {
    /// `None` where there is nothing more to read.
    async fn read(&mut self) -> Option<Result<Celsius, Fault>> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.readings += 1;
        match (self.station.as_str(), self.readings) {
            ("harbour", 3) => Some(Err(Fault(self.station.clone()))),
            ("hill", 4) => None,
            (_, reading) => Some(Ok(Celsius(12.0 + f64::from(reading) / 2.0))),
        }
    }
}

impl Drop for Thermometer {
    fn drop(&mut self) {
        drop(self.put_away.send(format!("the thermometer of {} is put away", self.station)));
    }
}

async fn watch(
    State(put_away): State<UnboundedSender<String>>,
    ask: Watch,
) -> impl Stream<Item = Result<Celsius, Fault>> {
    let thermometer = Thermometer { station: ask.station, readings: 0, put_away };
    stream::unfold(thermometer, async |mut thermometer| {
        thermometer.read().await.map(|reading| (reading, thermometer))
    })
}

/// Reads up to four parts, and drops the stream.
async fn read(mut parts: TypedReplyStream<Watch>) -> Result<(), RequestError<Fault>> {
    for _ in 0..4 {
        match parts.next().await {
            Some(Ok(Celsius(degrees))) => println!("caller    {degrees:.1} °C"),
            // The error is typed, and it is the last part.
            Some(Err(RequestError::Remote(fault))) => println!("caller    {fault}"),
            Some(Err(other)) => return Err(other),
            None => {
                println!("caller    that was all");
                break;
            }
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start().await?;
    let (put_away, mut is_put_away) = mpsc::unbounded_channel();
    let app = Router::new("weather", "1.0.0").endpoint(watch).with_state(put_away);
    let service = serve(broker.connect().await?, app).start().await?;

    let client = broker.connect().await?;
    // `hill` ends by itself, `harbour` with an error, and `valley` when its caller has enough.
    for station in ["hill", "harbour", "valley"] {
        println!("{station}");
        let parts = client.request_many(&Watch { station: station.to_owned() }).await?;
        read(parts).await?;
        println!("service   {}", is_put_away.recv().await.ok_or("the service runs")?);
    }
    let report = service.drain().await;
    println!("report    {} completed, {} failed", report.completed, report.failed);
    Ok(())
}
