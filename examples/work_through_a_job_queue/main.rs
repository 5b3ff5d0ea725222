//! A queue of jobs that outlives its workers: done jobs are acknowledged, failed ones tried again,
//! and those that never work end up where somebody can look at them.
//!
//! It needs a server with JetStream: `nats-server -js`, or one that `NATS_URL` names.
//! `cargo run --example work_through_a_job_queue`

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use natsws::jetstream::{
    ConsumerConfig, JetStream, Retention, Storage, Stream, StreamConfig, Untyped,
};
use natsws::{Client, ServiceError, Subject};
use natsws_service::{Attempt, Router, ServiceHandle, State, serve};
use serde::{Deserialize, Serialize};

/// A picture that is to be developed.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("pictures.{album}.develop")]
struct Develop {
    album: String,
    picture: u32,
}

/// The pictures that are developed.
type Done = Arc<Mutex<BTreeSet<u32>>>;

async fn develop(
    State(done): State<Done>,
    Attempt(attempt): Attempt,
    job: Develop,
) -> Result<(), ServiceError> {
    match job.picture {
        3 => Err(ServiceError::new(500, "it is overexposed")),
        4 if attempt == 1 => Err(ServiceError::new(503, "the darkroom is taken")),
        picture => {
            let mut done = done.lock().map_err(|_| ServiceError::new(500, "the list is lost"))?;
            done.insert(picture);
            Ok(())
        }
    }
}

/// A worker. Run as many as you like: they share the consumer.
async fn work(
    client: &Client,
    jobs: &Stream,
    done: &Done,
) -> Result<ServiceHandle, Box<dyn Error>> {
    let config = ConsumerConfig::durable("darkroom");
    let jobs = jobs.create_or_update_consumer(config).await?;
    let router = Router::new("darkroom", "1.0.0").consume_with(jobs, develop, |work| {
        work.concurrency(4)
            .attempts(3)
            .backoff([Duration::from_millis(100), Duration::from_secs(1)])
            .dead_letter("dead.pictures")
            .confirm_acks()
    });
    Ok(serve(client.clone(), router.with_state(Arc::clone(done))).start().await?)
}

async fn story(client: &Client, jobs: &Stream, dead: &Stream) -> Result<(), Box<dyn Error>> {
    let js = client.jetstream();
    for picture in 1..=10 {
        js.publish(&Develop { album: "summer".to_owned(), picture }).await?;
    }

    let done = Done::default();
    let workers = [work(client, jobs, &done).await?, work(client, jobs, &done).await?];

    // The last thing that happens here: the third picture is given up.
    let mut letters = dead.ordered::<Untyped>().await?;
    if let Some(letter) = letters.next().await {
        let letter = letter?;
        let said = |name| letter.headers().get(name).unwrap_or_default();
        println!(
            "given up after {} attempts: {}",
            said("Dead-Letter-Attempts"),
            said("Dead-Letter-Error")
        );
        let job: Develop = serde_json::from_slice(letter.payload())?;
        println!("it is picture {} of {}", job.picture, job.album);
    }

    let (mut completed, mut failed) = (0, 0);
    for worker in workers {
        let report = worker.drain().await;
        completed += report.completed;
        failed += report.failed;
    }
    let pictures = done.lock().map_err(|_| "the list is lost")?.len();
    println!("{pictures} pictures are developed, by {completed} attempts that went well");
    println!("{failed} attempts failed");
    println!("{} jobs are left", jobs.info().await?.state.messages);
    Ok(())
}

async fn make(js: &JetStream) -> Result<[Stream; 2], Box<dyn Error>> {
    // What is acknowledged leaves the stream.
    let jobs = StreamConfig::new("EXAMPLE_PICTURES")
        .subjects(["pictures.*.develop"])
        .retention(Retention::WorkQueue)
        .storage(Storage::Memory);
    let dead = StreamConfig::new("EXAMPLE_DEAD_PICTURES").subjects(["dead.pictures"]);
    let jobs = js.create_stream(jobs).await?;
    Ok([jobs, js.create_stream(dead.storage(Storage::Memory)).await?])
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("NATS_URL").unwrap_or_else(|_| "nats://localhost:4222".to_owned());
    let client = Client::connect(url).await?;
    let js = client.jetstream();
    let [jobs, dead] = make(&js).await?;
    let told = story(&client, &jobs, &dead).await;
    js.delete_stream(jobs.name()).await?;
    js.delete_stream(dead.name()).await?;
    told
}
