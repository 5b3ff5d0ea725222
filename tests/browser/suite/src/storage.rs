//! Streams, buckets and objects.

use natsws::Subject;
use natsws::jetstream::{ConsumerConfig, StreamConfig};
use natsws::kv::{Bucket, BucketConfig, Watched};
use natsws::object_store::ObjectStoreConfig;
use serde::{Deserialize, Serialize};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::stage::{Server, within};
use crate::words::Start;

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("jobs.{number}")]
struct Job {
    number: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Settings {
    theme: String,
    size: u8,
}

async fn server() -> Server {
    Server::with(Start { jetstream: true, ..Start::default() }).await
}

#[wasm_bindgen_test]
async fn a_stream_keeps_what_is_published_and_a_consumer_works_through_it() {
    let server = server().await;
    let js = server.client().await.jetstream();
    let config = StreamConfig::new("JOBS").subjects(["jobs.>"]);
    let stream = js.create_stream(config).await.expect("made");
    for number in 1..=200 {
        let ack = js.publish(&Job { number }).message_id(format!("job-{number}")).await;
        assert_eq!(ack.expect("stored").sequence, number);
    }
    let again = js.publish(&Job { number: 200 }).message_id("job-200").await.expect("stored");
    assert!(again.duplicate);
    let consumer = stream.create_consumer(ConsumerConfig::durable("workers")).await.expect("made");
    let mut jobs = consumer.messages::<Job>().await.expect("reading");
    for number in 1..=200 {
        let job = within("a job", jobs.next()).await.expect("one").expect("good");
        assert_eq!(*job, Job { number });
        job.ack_confirmed().await.expect("confirmed");
    }
    let info = consumer.info().await.expect("it is there");
    assert_eq!((info.pending, info.ack_pending), (0, 0));
}

#[wasm_bindgen_test]
async fn a_bucket_is_written_read_and_watched() {
    let server = server().await;
    let js = server.client().await.jetstream();
    let bucket = js.create_key_value(BucketConfig::new("settings").history(3)).await.expect("made");
    let settings: Bucket<Settings> = bucket.typed();
    let dark = Settings { theme: "dark".into(), size: 12 };
    let bright = Settings { theme: "bright".into(), size: 12 };
    let first = settings.put("eu.7", &dark).await.expect("stored");
    let mut watch = settings.watch("eu.>").await.expect("watched");
    let mut told = async || within("a change", watch.next()).await.expect("one").expect("good");
    let Watched::Put(entry) = told().await else { panic!("it is there") };
    assert_eq!((&entry.value, entry.revision), (&dark, first));
    assert!(matches!(told().await, Watched::CaughtUp));

    let second = settings.update("eu.7", &bright, first).await.expect("nobody was quicker");
    let late = settings.update("eu.7", &dark, first).await.expect_err("somebody was quicker");
    assert!(late.is_conflict(), "{late:?}");
    let Watched::Put(entry) = told().await else { panic!("it is changed") };
    assert_eq!((&entry.value, entry.revision), (&bright, second));
    let read = settings.get("eu.7").await.expect("read").expect("it is there");
    assert_eq!(read.value, bright);

    settings.delete("eu.7").await.expect("deleted");
    let Watched::Deleted(deletion) = told().await else { panic!("it is deleted") };
    assert_eq!(deletion.key, "eu.7");
    assert!(settings.get("eu.7").await.expect("read").is_none());
}

#[wasm_bindgen_test]
async fn an_object_is_read_as_it_was_put() {
    let server = server().await;
    let js = server.client().await.jetstream();
    let files = js.create_object_store(ObjectStoreConfig::new("files")).await.expect("made");
    let bytes: Vec<u8> = (0..=252).cycle().take(3_000_000).collect();
    let info = within("the object", files.put_bytes("a.bin", bytes.clone()).into_future()).await;
    assert_eq!(info.expect("stored").size, 3_000_000);
    let read = within("the object", files.get_bytes("a.bin")).await.expect("its digest is right");
    assert!(read == bytes, "it has changed");
    files.delete("a.bin").await.expect("deleted");
    files.get("a.bin").await.map(drop).expect_err("it is gone");
}

#[wasm_bindgen_test]
async fn a_watch_misses_nothing_over_a_lost_connection() {
    let server = server().await;
    let js = server.client().await.jetstream();
    let numbers = js.create_key_value(BucketConfig::new("numbers")).await.expect("made");
    let numbers: Bucket<u64> = numbers.typed();
    let mut watch = numbers.watch_all().await.expect("watched");
    let caught_up = within("a start", watch.next()).await.expect("one").expect("good");
    assert!(matches!(caught_up, Watched::CaughtUp));
    for number in 1..=30_u64 {
        numbers.put("n", &number).await.expect("stored");
        if number % 10 == 0 {
            server.tell(crate::words::What::Cut).await;
        }
    }
    let mut last = 0;
    while last < 30 {
        match within("a change", watch.next()).await.expect("one").expect("good") {
            Watched::Put(entry) => {
                assert!(entry.value > last, "{} came after {last}", entry.value);
                last = entry.value;
            }
            Watched::CaughtUp => {}
            other => panic!("{other:?}"),
        }
    }
}
