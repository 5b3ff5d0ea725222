//! Workers share the jobs of a queue group. Each does so many at a time, those of one album one
//! after the other, and refuses what is too much, so that its caller can do something about it.
//!
//! `cargo run --example order_and_refuse_jobs`

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use natsws::embedded::Broker;
use natsws::{Client, RequestError, ServiceError, Subject};
use natsws_service::{Router, ServeError, ServiceHandle, State, WhenFull, serve};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// A job with an answer: who has done it. Workers of one queue group share the jobs.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("albums.{album}.develop", reply = String, queue = "darkroom")]
struct Develop {
    album: String,
    picture: u32,
}

/// A job whose answer nobody waits for.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("albums.{album}.tidy", reply = (), queue = "darkroom")]
struct Tidy {
    album: String,
}

const ALBUMS: [&str; 3] = ["summer", "winter", "cats"];

#[derive(Clone)]
struct Worker {
    name: &'static str,
    albums: Arc<BTreeMap<&'static str, Mutex<Vec<u32>>>>,
}

async fn develop(State(worker): State<Worker>, job: Develop) -> Result<String, ServiceError> {
    let album = worker.albums.get(job.album.as_str());
    let album = album.ok_or_else(|| ServiceError::new(404, "there is no such album"))?;
    // Nobody else holds the album: the endpoint is ordered by it.
    let mut pictures =
        album.try_lock().map_err(|error| ServiceError::new(500, error.to_string()))?;
    sleep(Duration::from_millis(20)).await;
    pictures.push(job.picture);
    Ok(worker.name.to_owned())
}

async fn tidy(State(worker): State<Worker>, job: Tidy) {
    if let Some(album) = worker.albums.get(job.album.as_str()) {
        album.lock().await.sort_unstable();
    }
}

async fn start(client: Client, name: &'static str) -> Result<ServiceHandle, ServeError> {
    let albums = ALBUMS.map(|album| (album, Mutex::default()));
    let app = Router::new("darkroom", "1.0.0")
        .endpoint_with(develop, |endpoint| {
            endpoint
                .concurrency(2)
                .ordered_by(|job| job.subject().to_owned()) // the album stands in it
                .when_full(WhenFull::Shed)
        })
        // Who does not wait for an answer does not hear of a 503, so these jobs wait.
        .endpoint_with(tidy, |endpoint| endpoint.waiting(10_000, 16 * 1024 * 1024))
        .with_state(Worker { name, albums: Arc::new(BTreeMap::from(albums)) });
    serve(client, app).start().await
}

/// Gets a job done, and counts the refusals. They come at once, so there is time to ask again; and
/// the next worker that is asked may be another.
async fn get_done(client: Client, job: Develop) -> Result<(String, u64), natsws::Error> {
    let mut refused = 0;
    loop {
        match client.request(&job).await {
            Err(RequestError::Service(error)) if error.code() == 503 && refused < 1000 => {
                refused += 1;
                sleep(Duration::from_millis(5 * refused.min(20))).await;
            }
            answer => return Ok((answer?, refused)),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start().await?;
    let workers = [
        start(broker.connect().await?, "ann").await?,
        start(broker.connect().await?, "bob").await?,
    ];
    let client = broker.connect().await?;

    // 60 jobs at once for two workers who do two at a time each.
    let jobs = (0..60).zip(ALBUMS.into_iter().cycle());
    let jobs = jobs.map(|(picture, album)| {
        get_done(client.clone(), Develop { album: album.to_owned(), picture })
    });
    let mut jobs: JoinSet<_> = jobs.collect();
    let (mut done, mut refused, mut by) = (0, 0, BTreeSet::new());
    while let Some(job) = jobs.join_next().await {
        let (worker, refusals) = job??;
        (done, refused) = (done + 1, refused + refusals);
        by.insert(worker);
    }
    println!("{done} jobs were done by {}", Vec::from_iter(by).join(" and "));
    println!("{refused} times a caller was refused, and asked again");

    // Published, not requested: the same type, and no answer.
    for album in ALBUMS {
        client.publish(&Tidy { album: album.to_owned() }).await?;
    }
    client.flush().await?;

    let [ann, bob] = workers.map(|worker| worker.drain());
    let (ann, bob) = (ann.await, bob.await);
    println!("{} jobs were completed", ann.completed + bob.completed);
    println!("{} were refused", ann.shed + bob.shed);
    println!("{} failed", ann.failed + bob.failed);
    println!("{} asked for no answer", ann.unanswered + bob.unanswered);
    Ok(())
}
