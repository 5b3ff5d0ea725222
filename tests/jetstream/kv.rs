//! Buckets of keys and values on a real server.

mod accounts;
mod buckets;
mod faults;
mod keys;
mod reads;
mod relay;
mod topology;
mod ttl;
mod watches;
mod writes;

use natsws::bytes::Bytes;
use natsws::codec::{Decoder, Raw};
use natsws::kv::{BucketConfig, Operation, RawBucket, Watch, Watched};
use natsws_tests::{eventually, within};
use serde::{Deserialize, Serialize};

use crate::stage::Stage;

/// A value as a user would have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Settings {
    theme: String,
    size: u8,
}

impl Settings {
    fn dark(size: u8) -> Self {
        Self { theme: "dark".into(), size }
    }
}

/// A server with one bucket in it.
async fn bucket(config: BucketConfig) -> (Stage, RawBucket) {
    let stage = Stage::new().await;
    let bucket = stage.js.create_key_value(config).await.expect("the bucket is made");
    (stage, bucket)
}

/// What a watch tells next.
#[track_caller]
fn told<T, C>(watch: &mut Watch<T, C>) -> impl Future<Output = Watched<T>>
where
    C: for<'m> Decoder<'m, T>,
{
    let next = within("what the watch tells", watch.next());
    async { next.await.expect("it goes on").expect("it can be read") }
}

/// A change in one line: what, of which key, by which number, and the value as text.
fn line(watched: Watched<Bytes>) -> String {
    let Some(change) = watched.into_change() else { return "caught up".into() };
    let done = match change.operation() {
        Operation::Put => "put",
        Operation::Delete => "delete",
        Operation::Purge => "purge",
        other => panic!("{other:?}"),
    };
    let value = change.value().map(|value| String::from_utf8_lossy(value).into_owned());
    let line = format!("{done} {} {}", change.key(), change.revision());
    value.map_or_else(|| line.clone(), |value| format!("{line} {value}"))
}

/// So many things that a watch tells, each in one line.
async fn lines(watch: &mut Watch<Bytes, Raw>, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for _ in 0..count {
        lines.push(line(told(watch).await));
    }
    lines
}

/// Waits until the bucket's stream has no consumers: nothing is left of its readers.
async fn nothing_is_left(bucket: &RawBucket) {
    eventually("the end of all consumers", async || {
        let status = bucket.status().await.expect("it is there");
        (status.stream_info().state.consumers == 0).then_some(())
    })
    .await;
}
