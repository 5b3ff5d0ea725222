use std::time::{Duration, Instant};

use natsws::jetstream::{
    Compression, ConfigError, Discard, JetStreamError, Placement, Republish, Retention, Storage,
    StreamConfig,
};
use natsws::kv::{BucketConfig, KeyValueError};
use natsws_tests::{eventually, within};

use super::{bucket, lines};
use crate::stage::{SECOND, Stage};

#[tokio::test]
async fn a_bucket_is_a_stream_as_other_clients_make_it() {
    let (_stage, bucket) = bucket(BucketConfig::new("settings")).await;
    let status = bucket.status().await.expect("there");
    let config = &status.stream_info().config;
    assert_eq!(config.name, "KV_settings");
    assert_eq!(config.subjects, ["$KV.settings.>"]);
    assert_eq!(config.max_messages_per_subject, Some(1));
    assert_eq!((config.max_bytes, config.max_message_size, config.max_age), (None, None, None));
    assert_eq!((&config.storage, &config.discard), (&Storage::File, &Discard::New));
    assert_eq!((&config.retention, config.replicas), (&Retention::Limits, 1));
    assert_eq!(config.duplicate_window, Some(Duration::from_secs(120)));
    assert!(config.allow_rollup && config.deny_delete && config.allow_direct);
    assert!(!config.deny_purge && !config.allow_message_ttl);
    assert_eq!(config.compression, Compression::None);
}

#[tokio::test]
async fn every_option_of_a_bucket_is_in_its_status() {
    let config = BucketConfig::new("b")
        .description("for tests")
        .history(7)
        .ttl(Duration::from_secs(60))
        .max_bytes(1 << 20)
        .max_value_size(4096)
        .storage(Storage::File)
        .replicas(1)
        .republish(Republish::new(">", "copies.>").headers_only(true))
        .metadata([("team", "blue")])
        .compression(true)
        .limit_marker_ttl(Duration::from_secs(5))
        .allow_direct(false);
    let (_stage, bucket) = bucket(config.clone()).await;
    bucket.put("a", "1").await.expect("written");
    let status = bucket.status().await.expect("there");
    let mut told = status.config().clone();
    told.metadata.retain(|key, _| !key.starts_with("_nats"));
    assert_eq!(told, config);
    assert_eq!((status.bucket(), status.history(), status.replicas()), ("b", 7, 1));
    assert_eq!(status.ttl(), Some(Duration::from_secs(60)));
    assert_eq!(status.limit_marker_ttl(), Some(Duration::from_secs(5)));
    assert_eq!((status.storage(), status.is_compressed()), (&Storage::File, true));
    assert_eq!((status.values(), status.last_revision(), status.cluster()), (1, 1, None));
    assert_eq!(status.bytes(), status.stream_info().state.bytes);
    assert!(status.bytes() > 0);
    let stream = &status.stream_info().config;
    assert_eq!(stream.duplicate_window, Some(Duration::from_secs(60)));
    assert_eq!(bucket.get("a").await.expect("read").expect("there").value, "1");
}

#[tokio::test]
async fn a_bucket_in_memory_is_one() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").storage(Storage::Memory)).await;
    assert_eq!(bucket.status().await.expect("there").storage(), &Storage::Memory);
}

#[tokio::test]
async fn what_no_bucket_can_be_is_told_before_anything_is_sent() {
    let stage = Stage::new().await;
    for name in ["", "a.b", "a b", "a/b", "*", ">", "größe"] {
        for error in [
            stage.js.create_key_value(BucketConfig::new(name)).await.expect_err(name),
            stage.js.update_key_value(BucketConfig::new(name)).await.expect_err(name),
            stage.js.key_value(name).await.expect_err(name),
            stage.js.key_value(name).unasked().expect_err(name),
            stage.js.delete_key_value(name).await.expect_err(name),
        ] {
            match error {
                KeyValueError::Name(error) => {
                    assert_eq!((error.what, error.name.as_str()), ("bucket", name));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    for history in [0, 65] {
        match stage.js.create_key_value(BucketConfig::new("b").history(history)).await {
            Err(KeyValueError::JetStream(JetStreamError::Config(
                ConfigError::Value { option: "history", .. }
                | ConfigError::TooLarge { option: "history", most: 64, .. },
            ))) => {}
            other => panic!("{other:?}"),
        }
    }
    let error = stage.js.key_value("none").await.expect_err("there is none");
    assert_eq!(error.to_string(), "there is no bucket \"none\": create it, or correct the name");
}

#[tokio::test]
async fn a_bucket_that_exists_is_opened_and_another_configuration_is_a_conflict() {
    let (stage, bucket) = bucket(BucketConfig::new("b").history(3)).await;
    bucket.put("a", "1").await.expect("written");
    let again = stage.js.create_key_value(BucketConfig::new("b").history(3)).await.expect("same");
    assert_eq!(again.get("a").await.expect("read").expect("there").value, "1");
    let opened = stage.js.key_value("b").await.expect("opened");
    assert_eq!(opened.name(), "b");
    assert_eq!(opened.get("a").await.expect("read").expect("there").revision, 1);
    match stage.js.create_key_value(BucketConfig::new("b").history(4)).await {
        Err(KeyValueError::BucketExists { bucket, source }) => {
            assert_eq!((bucket.as_str(), source.err_code), ("b", 10058));
        }
        other => panic!("{other:?}"),
    }
    let config = BucketConfig::new("b").history(4);
    let changed = stage.js.create_or_update_key_value(config).await.expect("updated");
    assert_eq!(changed.status().await.expect("there").history(), 4);
    let made = stage.js.create_or_update_key_value(BucketConfig::new("new")).await.expect("made");
    assert_eq!(made.status().await.expect("there").history(), 1);
    match stage.js.update_key_value(BucketConfig::new("none")).await {
        Err(KeyValueError::BucketNotFound { bucket }) => assert_eq!(bucket, "none"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_update_keeps_what_a_bucket_does_not_speak_of() {
    let (stage, bucket) = bucket(BucketConfig::new("b")).await;
    let stream = stage.js.stream("KV_b").await.expect("there").cached_info().config.clone();
    let stream = stream.allow_direct(false).max_consumers(7);
    stage.js.update_stream(stream).await.ok();
    let before = bucket.status().await.expect("there").stream_info().config.clone();
    assert!(!before.allow_direct);
    let config = bucket.status().await.expect("there").config().clone().history(5);
    stage.js.update_key_value(config).await.expect("updated");
    stage.js.update_key_value(BucketConfig::new("b").history(5)).await.expect("updated");
    let after = bucket.status().await.expect("there").stream_info().config.clone();
    assert_eq!(after, before.max_messages_per_subject(5));
}

#[tokio::test]
async fn an_update_keeps_how_a_stream_that_others_made_takes_and_forgets_messages() {
    let stage = Stage::new().await;
    let stream = StreamConfig::new("KV_b")
        .subjects(["$KV.b.>"])
        .max_messages_per_subject(1)
        .allow_rollup(true)
        .duplicate_window(Duration::from_secs(90))
        .discard(Discard::Old);
    stage.js.create_stream(stream).await.expect("made");
    let update = async |config| {
        let bucket = stage.js.update_key_value(config).await.expect("updated");
        bucket.status().await.expect("there").stream_info().config.clone()
    };
    let after = update(BucketConfig::new("b").history(5)).await;
    assert_eq!((after.max_messages_per_subject, after.deny_delete), (Some(5), false));
    assert_eq!((after.duplicate_window, after.discard), (Some(90 * SECOND), Discard::Old));
    // What lives shorter is not remembered for longer.
    let after = update(BucketConfig::new("b").ttl(60 * SECOND)).await;
    assert_eq!((after.duplicate_window, after.max_age), (Some(60 * SECOND), Some(60 * SECOND)));
}

#[tokio::test]
async fn buckets_are_listed_by_their_names() {
    let stage = Stage::new().await;
    assert_eq!(stage.js.key_value_names().await.expect("listed"), [""; 0]);
    let other = StreamConfig::new("KV").subjects(["other"]);
    stage.js.create_stream(other).await.expect("made");
    for name in ["c", "a", "b"] {
        stage.js.create_key_value(BucketConfig::new(name)).await.expect("made");
    }
    let mirror = BucketConfig::new("d").mirror("a");
    stage.js.create_key_value(mirror).await.expect("made");
    assert_eq!(stage.js.key_value_names().await.expect("listed"), ["a", "b", "c", "d"]);
    stage.js.key_value("b").await.expect("there").put("k", "v").await.expect("written");
    let statuses = stage.js.key_values().await.expect("listed");
    let statuses: Vec<_> = statuses.iter().map(|it| (it.bucket(), it.values())).collect();
    assert_eq!(statuses, [("a", 0), ("b", 1), ("c", 0), ("d", 0)]);
    stage.js.delete_key_value("b").await.expect("deleted");
    assert_eq!(stage.js.key_value_names().await.expect("listed"), ["a", "c", "d"]);
}

#[tokio::test]
async fn a_bucket_that_was_deleted_is_named_soon() {
    let (stage, bucket) = bucket(BucketConfig::new("b")).await;
    stage.js.delete_key_value("b").await.expect("deleted");
    let began = Instant::now();
    for error in [
        within("the put", bucket.put("a", "1").into_future()).await.expect_err("gone"),
        within("the get", bucket.get("a").into_future()).await.expect_err("gone"),
        within("the delete", bucket.delete("a").into_future()).await.expect_err("gone"),
        within("the watch", bucket.watch_all().into_future()).await.expect_err("gone"),
        within("the watch", bucket.watch_all().updates_only().into_future())
            .await
            .expect_err("gone"),
        within("the keys", bucket.keys().into_future()).await.expect_err("gone"),
        within("the status", bucket.status()).await.expect_err("gone"),
        stage.js.delete_key_value("b").await.expect_err("gone"),
    ] {
        match error {
            KeyValueError::BucketNotFound { bucket } => assert_eq!(bucket, "b"),
            other => panic!("{other:?}"),
        }
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_bucket_is_opened_without_asking() {
    let (stage, _bucket) = bucket(BucketConfig::new("b")).await;
    let mut asked = stage.client.connection().subscribe("$JS.API.STREAM.INFO.*").await.expect("ok");
    let bucket = stage.js.key_value("b").unasked().expect("a good name");
    bucket.put("a", "1").await.expect("written");
    assert_eq!(bucket.get("a").await.expect("read").expect("there").value, "1");
    bucket.status().await.expect("there");
    let first = within("the first question", asked.next()).await.expect("one").expect("read");
    assert_eq!(first.subject(), "$JS.API.STREAM.INFO.KV_b");
    asked.unsubscribe();
    assert!(asked.next().await.is_none());
}

#[tokio::test]
async fn what_is_written_is_published_again() {
    let config = BucketConfig::new("b").republish(Republish::new("$KV.b.>", "copies.>"));
    let (stage, bucket) = bucket(config).await;
    let mut copies = stage.client.connection().subscribe("copies.>").await.expect("subscribed");
    bucket.put("a.b", "1").await.expect("written");
    let copy = within("the copy", copies.next()).await.expect("one").expect("read");
    assert_eq!((copy.subject(), copy.payload()), ("copies.a.b", &b"1"[..]));
    assert_eq!(copy.headers().get("Nats-Stream"), Some("KV_b"));
    assert_eq!(copy.headers().get("Nats-Subject"), Some("$KV.b.a.b"));
    assert_eq!(copy.headers().get("Nats-Sequence"), Some("1"));
    // What was published again and stored is a value like any other.
    assert_eq!(bucket.get("a.b").await.expect("read").expect("there").value, "1");
}

#[tokio::test]
async fn what_another_stream_publishes_into_a_bucket_is_a_value() {
    let (stage, bucket) = bucket(BucketConfig::new("b")).await;
    let config = StreamConfig::new("A").subjects(["a.>"]);
    let config = config.republish(Republish::new("a.>", "$KV.b.a.>"));
    stage.js.create_stream(config).await.expect("made");
    // So that the numbers of the two streams differ.
    bucket.put("first", "1").await.expect("written");
    stage.js.publish_bytes("a.tomato", "red").await.expect("stored");
    // The server adds its own headers to those of the message that was published again.
    let entry = eventually("the value", async || bucket.get("a.tomato").await.expect("read")).await;
    assert_eq!(
        (entry.key.as_str(), &entry.value[..], entry.revision),
        ("a.tomato", &b"red"[..], 2)
    );
    assert_eq!(bucket.read_from_leader().get("a.tomato").await.expect("read"), Some(entry));
    let mut watch = bucket.watch("a.>").await.expect("watching");
    assert_eq!(lines(&mut watch, 2).await, ["put a.tomato 2 red", "caught up"]);
    bucket.update("a.tomato", "green", 2).await.expect("written");
    assert_eq!(lines(&mut watch, 1).await, ["put a.tomato 3 green"]);
}

#[tokio::test]
async fn a_placement_that_no_server_has_is_the_servers_to_refuse() {
    let stage = Stage::new().await;
    let config = BucketConfig::new("b").placement(Placement::new().cluster("elsewhere"));
    let made = stage.js.create_key_value(config).await;
    // A single server takes any placement, and a cluster only its own.
    let bucket = made.expect("made");
    let status = bucket.status().await.expect("there");
    let placement = status.config().placement.as_ref().expect("it is kept");
    assert_eq!(placement.cluster.as_deref(), Some("elsewhere"));
}
