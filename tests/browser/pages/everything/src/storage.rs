//! Streams, buckets and objects, each written and read.

use natsws::Subject;
use natsws::jetstream::{ConsumerConfig, StreamConfig};
use natsws::kv::{Bucket, BucketConfig, Watched};
use natsws::object_store::ObjectStoreConfig;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Page, said};

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("page.jobs.{number}")]
struct Job {
    number: u64,
}

#[wasm_bindgen]
impl Page {
    /// Publishes jobs to a stream of its own, works through them, and gives back the sum of their
    /// numbers.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn jobs(&self, count: u64) -> Result<u64, String> {
        let js = self.client.jetstream();
        let config = StreamConfig::new("PAGE").subjects(["page.jobs.>"]);
        let stream = js.create_or_update_stream(config).await.map_err(said)?;
        for number in 1..=count {
            js.publish(&Job { number }).await.map_err(said)?;
        }
        let consumer = stream.create_consumer(ConsumerConfig::durable("workers")).await;
        let mut jobs = consumer.map_err(said)?.messages::<Job>().await.map_err(said)?;
        let mut sum = 0;
        for _ in 0..count {
            let job = jobs.next().await.ok_or("it has ended")?.map_err(said)?;
            sum += job.number;
            job.ack().await.map_err(said)?;
        }
        Ok(sum)
    }

    /// Puts a value, and gives back what a watch says of its key.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn remember(&self, key: String, value: String) -> Result<String, String> {
        let js = self.client.jetstream();
        let bucket =
            js.create_or_update_key_value(BucketConfig::new("page")).await.map_err(said)?;
        let bucket: Bucket<String> = bucket.typed();
        bucket.put(&key, &value).await.map_err(said)?;
        let mut watch = bucket.watch(&key).await.map_err(said)?;
        while let Some(told) = watch.next().await {
            if let Watched::Put(entry) = told.map_err(said)? {
                return Ok(entry.value);
            }
        }
        Err("it has ended".to_owned())
    }

    /// Stores an object, and gives back how many bytes of it are read again.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn store(&self, name: String, bytes: Vec<u8>) -> Result<usize, String> {
        let js = self.client.jetstream();
        let files = js.create_object_store(ObjectStoreConfig::new("page")).await.map_err(said)?;
        files.put_bytes(&name, bytes).await.map_err(said)?;
        files.get_bytes(&name).await.map(|read| read.len()).map_err(said)
    }
}
