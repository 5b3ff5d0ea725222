//! What is done with buckets and their keys.

use std::error::Error;
use std::time::Duration;

use natsws::codec::Raw;
use natsws::jetstream::JetStream;
use natsws::kv::{Bucket, BucketConfig, BucketStatus, Change, Operation, Watched};
use tokio::signal::ctrl_c;
use tokio::task::consume_budget;

use crate::args::KeyValue;
use crate::ending::lost;
use crate::{Done, output, table};

type Bytes = Bucket<natsws::bytes::Bytes, Raw>;

/// How much of a value a table shows, in characters.
const SHOWN: usize = 60;

pub(crate) async fn run(js: &JetStream, command: KeyValue) -> Done {
    match command {
        KeyValue::Ls => list(js).await,
        KeyValue::Add { bucket, history, ttl } => {
            let ttl = ttl.map(Duration::from_millis);
            js.create_key_value(BucketConfig::new(bucket).history(history).ttl(ttl)).await?;
            Ok(())
        }
        KeyValue::Put { bucket, key, value } => {
            let revision = js.key_value(&bucket).await?.put(&key, value.as_str()).await?;
            Ok(output::print(revision)?)
        }
        KeyValue::Get { bucket, key, raw } => get(&js.key_value(&bucket).await?, &key, raw).await,
        KeyValue::Del { bucket, key } => delete(&js.key_value(&bucket).await?, &key).await,
        KeyValue::Keys { bucket, filter } => keys(&js.key_value(&bucket).await?, filter).await,
        KeyValue::Watch { bucket, filter } => {
            let bucket = js.key_value(&bucket).await?;
            tokio::select! {
                biased;
                signal = ctrl_c() => {
                    signal?;
                    js.connection().close().await;
                    Ok(())
                }
                done = watch(&bucket, filter) => done,
            }
        }
        KeyValue::History { bucket, key } => history(&js.key_value(&bucket).await?, &key).await,
    }
}

fn absent(bucket: &Bytes, key: &str) -> Box<dyn Error> {
    let bucket = bucket.name();
    format!("there is no key {key:?} in bucket {bucket:?}: put it, or correct the name").into()
}

async fn list(js: &JetStream) -> Done {
    let row = |status: BucketStatus| {
        [
            status.bucket().to_owned(),
            status.values().to_string(),
            status.bytes().to_string(),
            status.history().to_string(),
            status.ttl().map_or_else(|| "-".to_owned(), |ttl| format!("{ttl:?}")),
        ]
    };
    let rows = js.key_values().await?.into_iter().map(row);
    Ok(table::list("buckets", ["BUCKET", "VALUES", "BYTES", "HISTORY", "TTL"], rows)?)
}

async fn get(bucket: &Bytes, key: &str, raw: bool) -> Done {
    let entry = bucket.get(key).await?.ok_or_else(|| absent(bucket, key))?;
    let printed = if raw {
        output::bytes(&entry.value)
    } else {
        let created = output::time(entry.created);
        let head = format!("[#{}] {} {created}", entry.revision, entry.key);
        with_value(&head, &entry.value)
    };
    Ok(printed?)
}

fn with_value(head: &str, value: &[u8]) -> std::io::Result<()> {
    output::line(&[head.as_bytes(), b"\n", value].concat())
}

async fn delete(bucket: &Bytes, key: &str) -> Done {
    if bucket.get(key).from_leader().await?.is_none() {
        return Err(absent(bucket, key));
    }
    Ok(output::print(bucket.delete(key).await?)?)
}

async fn keys(bucket: &Bytes, filter: Option<String>) -> Done {
    let keys = match &filter {
        Some(filter) => bucket.keys().filter(filter),
        None => bucket.keys(),
    };
    let mut keys = keys.await?;
    while let Some(key) = keys.next().await {
        output::line(key?.as_bytes())?;
    }
    Ok(())
}

async fn watch(bucket: &Bytes, filter: Option<String>) -> Done {
    let watch = match &filter {
        Some(filter) => bucket.watch(filter),
        None => bucket.watch_all(),
    };
    let mut watch = watch.await?;
    while let Some(told) = watch.next().await {
        match told? {
            Watched::Put(entry) => {
                with_value(&format!("[#{}] put {}", entry.revision, entry.key), &entry.value)?;
            }
            Watched::Deleted(deletion) => {
                let word = word(deletion.operation);
                output::print(format!("[#{}] {word} {}", deletion.revision, deletion.key))?;
            }
            Watched::CaughtUp => output::tell("caught up"),
            _ => {}
        }
        // Where there is always more, Ctrl-C would not be seen.
        consume_budget().await;
    }
    lost(bucket.jetstream().connection()).await
}

async fn history(bucket: &Bytes, key: &str) -> Done {
    let changes = bucket.history(key).await?.into_vec().await?;
    if changes.is_empty() {
        return Err(absent(bucket, key));
    }
    let row = |change: Change<natsws::bytes::Bytes>| {
        [
            change.revision().to_string(),
            change.key().to_owned(),
            word(change.operation()).to_owned(),
            output::time(change.created()),
            change.value().map_or_else(String::new, |value| shown(value)),
        ]
    };
    let head = ["REVISION", "KEY", "OPERATION", "CREATED", "VALUE"];
    Ok(table::list("changes", head, changes.into_iter().map(row))?)
}

fn word(operation: Operation) -> &'static str {
    match operation {
        Operation::Put => "put",
        Operation::Delete => "delete",
        Operation::Purge => "purge",
        _ => "change",
    }
}

/// As much of a value as a line has room for.
fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    match text.char_indices().nth(SHOWN) {
        None => table::cell(&text),
        Some((end, _)) => {
            let start = text.get(..end).unwrap_or_default();
            format!("{}… ({} bytes)", table::cell(start), value.len())
        }
    }
}
