//! Settings that several programs share: typed, changed one after the other, and watched.
//!
//! `cargo run --example keep_settings_in_kv` uses the server at `NATS_URL`, or the one on this
//! machine: `nats-server --jetstream` is enough.

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use natsws::Client;
use natsws::kv::{Bucket, BucketConfig, KeyValueError, Watched};
use serde::{Deserialize, Serialize};

/// What one user has chosen; JSON in the bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Settings {
    theme: String,
    /// Those who were there before it was asked for have none.
    #[serde(default)]
    size: Option<u8>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("NATS_URL").unwrap_or_else(|_| "nats://localhost:4222".to_owned());
    let client = Client::connect(url).await?;
    let js = client.jetstream();

    // Made where it is not there, and changed where it is: each program can begin with this.
    let config = BucketConfig::new("settings-example")
        .description("what users chose")
        .history(5)
        .limit_marker_ttl(Duration::from_secs(60));
    let settings: Bucket<Settings> = js.create_or_update_key_value(config).await?.typed();

    // One who watches knows all settings, and is told of every change. This could be another program.
    let known = tokio::spawn(watch(settings.clone()));

    let dark = Settings { theme: "dark".to_owned(), size: None };
    settings.put("eu.ann", &dark).await?;
    // Only one can be the first.
    match settings.create("eu.ann", &dark).await {
        Err(KeyValueError::KeyExists { key, .. }) => println!("{key} is there already"),
        other => println!("{other:?}"),
    }

    // A change follows from what is there, also where two are made at the same time.
    let larger = |settings: Option<Settings>| {
        let settings =
            settings.unwrap_or_else(|| Settings { theme: "bright".to_owned(), size: None });
        Some(Settings { size: Some(settings.size.unwrap_or(10) + 1), ..settings })
    };
    let (one, other) = tokio::join!(
        settings.update_with("eu.ann", larger).into_future(),
        settings.update_with("eu.ann", larger).into_future(),
    );
    one?;
    other?;

    // Whoever writes from an old state is told.
    let entry = settings.get("eu.ann").from_leader().await?.ok_or("it was written")?;
    println!("{} has {:?} in size {:?}", entry.key, entry.value.theme, entry.value.size);
    let bright = Settings { theme: "bright".to_owned(), ..entry.value };
    settings.update("eu.ann", &bright, entry.revision).await?;
    let again = settings.update("eu.ann", &dark, entry.revision).await;
    println!("a second change of the same state is a conflict: {}", is_conflict(&again));

    settings.put("us.bob", &dark).await?;
    settings.delete("us.bob").await?;
    let keys = settings.keys().filter("eu.>").await?.into_vec().await?;
    println!("in Europe: {keys:?}");
    let history = settings.history("eu.ann").await?.into_vec().await?;
    println!("eu.ann was changed {} times", history.len());

    settings.put("done", &dark).await?;
    for (key, settings) in known.await?? {
        println!("known: {key} has {:?}", settings.theme);
    }
    js.delete_key_value("settings-example").await?;
    Ok(())
}

fn is_conflict(written: &Result<u64, KeyValueError>) -> bool {
    written.as_ref().is_err_and(KeyValueError::is_conflict)
}

/// Keeps a copy of all settings, until somebody says that it is done.
async fn watch(settings: Bucket<Settings>) -> Result<BTreeMap<String, Settings>, KeyValueError> {
    let mut known = BTreeMap::new();
    let mut watch = settings.watch_all().await?;
    while let Some(told) = watch.next().await {
        match told {
            Ok(Watched::Put(entry)) if entry.key == "done" => break,
            Ok(Watched::Put(entry)) => {
                known.insert(entry.key, entry.value);
            }
            Ok(Watched::Deleted(deletion)) => {
                known.remove(&deletion.key);
            }
            // What somebody else has put there is no reason to stop.
            Err(KeyValueError::Decode(undecoded)) => println!("passed over {}", undecoded.key),
            Err(error) => return Err(error),
            // As `CaughtUp`: whatever comes from then on is new.
            Ok(_) => {}
        }
    }
    Ok(known)
}
