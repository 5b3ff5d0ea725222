use natsws::bytes::Bytes;
use natsws::codec::Raw;
use natsws::kv::{Bucket, BucketConfig, KeyValueError, Size, Watch, Watched};
use natsws_tests::within;

use super::{Settings, bucket, lines, told};

#[tokio::test]
async fn a_watch_tells_what_is_there_then_that_this_was_all_then_every_change() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").history(3)).await;
    bucket.put("a", "0").await.expect("written");
    bucket.put("a", "1").await.expect("written");
    bucket.put("b.c", "2").await.expect("written");
    bucket.delete("gone").await.expect("deleted");
    let mut watch = bucket.watch_all().await.expect("watching");
    assert_eq!(
        lines(&mut watch, 4).await,
        ["put a 2 1", "put b.c 3 2", "delete gone 4", "caught up"]
    );
    bucket.delete("a").await.expect("deleted");
    bucket.put("b.c", "3").await.expect("written");
    bucket.purge("b.c").await.expect("purged");
    assert_eq!(lines(&mut watch, 3).await, ["delete a 5", "put b.c 6 3", "purge b.c 7"]);
}

#[tokio::test]
async fn a_watch_on_an_empty_bucket_is_caught_up_at_once() {
    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    let mut watch = bucket.watch_all().await.expect("watching");
    assert_eq!(told(&mut watch).await, Watched::CaughtUp);
    bucket.put("a", "1").await.expect("written");
    assert_eq!(lines(&mut watch, 1).await, ["put a 1 1"]);
}

#[tokio::test]
async fn a_watch_hears_only_of_the_keys_it_was_asked_for() {
    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    for key in ["a", "b", "eu.1", "eu.2.x", "us.1"] {
        bucket.put(key, key).await.expect("written");
    }
    let heard = async |mut watch: Watch<Bytes, Raw>, count| lines(&mut watch, count).await;
    let watch = bucket.watch("a").await.expect("watching");
    assert_eq!(heard(watch, 2).await, ["put a 1 a", "caught up"]);
    let watch = bucket.watch("eu.*").await.expect("watching");
    assert_eq!(heard(watch, 2).await, ["put eu.1 3 eu.1", "caught up"]);
    let watch = bucket.watch("eu.>").await.expect("watching");
    assert_eq!(heard(watch, 3).await, ["put eu.1 3 eu.1", "put eu.2.x 4 eu.2.x", "caught up"]);
    let mut watch = bucket.watch("b").filter("us.*").await.expect("watching");
    assert_eq!(lines(&mut watch, 3).await, ["put b 2 b", "put us.1 5 us.1", "caught up"]);
    bucket.put("a", "1").await.expect("written");
    bucket.put("us.2", "2").await.expect("written");
    assert_eq!(lines(&mut watch, 1).await, ["put us.2 7 2"]);
    let watch = bucket.watch("none").await.expect("watching");
    assert_eq!(heard(watch, 1).await, ["caught up"]);
    match bucket.watch("a b").await {
        Err(KeyValueError::Key(error)) => assert_eq!(error.key, "a b"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_watch_begins_where_it_is_told_to() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").history(10)).await;
    for value in ["1", "2"] {
        bucket.put("a", value).await.expect("written");
    }
    bucket.delete("a").await.expect("deleted");
    bucket.put("c", "4").await.expect("written");
    let mut watch = bucket.watch_all().include_history().await.expect("watching");
    let history = ["put a 1 1", "put a 2 2", "delete a 3", "put c 4 4", "caught up"];
    assert_eq!(lines(&mut watch, 5).await, history);
    let mut watch = bucket.watch_all().include_history().ignore_deletes().await.expect("watching");
    let history = ["put a 1 1", "put a 2 2", "put c 4 4", "caught up"];
    assert_eq!(lines(&mut watch, 4).await, history);
    let mut watch = bucket.watch_all().ignore_deletes().await.expect("watching");
    assert_eq!(lines(&mut watch, 2).await, ["put c 4 4", "caught up"]);
    let mut watch = bucket.watch_all().resume_from(2).await.expect("watching");
    assert_eq!(lines(&mut watch, 4).await, ["put a 2 2", "delete a 3", "put c 4 4", "caught up"]);
    let mut ahead = bucket.watch_all().resume_from(5).await.expect("watching");
    assert_eq!(lines(&mut ahead, 1).await, ["caught up"]);
    let mut updates = bucket.watch_all().updates_only().await.expect("watching");
    assert_eq!(lines(&mut updates, 1).await, ["caught up"]);
    bucket.put("a", "5").await.expect("written");
    assert_eq!(lines(&mut updates, 1).await, ["put a 5 5"]);
    assert_eq!(lines(&mut ahead, 1).await, ["put a 5 5"]);
}

#[tokio::test]
async fn a_watch_of_deletions_alone_is_caught_up_too() {
    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    bucket.delete("a").await.expect("deleted");
    let mut watch = bucket.watch_all().ignore_deletes().await.expect("watching");
    assert_eq!(told(&mut watch).await, Watched::CaughtUp);
}

#[tokio::test]
async fn a_watch_of_headers_has_the_sizes_of_values() {
    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    bucket.put("a", "twelve bytes").await.expect("written");
    bucket.delete("b").await.expect("deleted");
    let mut watch = bucket.watch_all().headers_only().await.expect("watching");
    match told(&mut watch).await {
        Watched::Put(entry) => assert_eq!((entry.key.as_str(), entry.value), ("a", Size(12))),
        other => panic!("{other:?}"),
    }
    assert!(matches!(told(&mut watch).await, Watched::Deleted(_)));
    assert!(told(&mut watch).await.is_caught_up());
}

#[tokio::test]
async fn a_value_that_does_not_decode_is_told_and_the_watch_goes_on() {
    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    let settings: Bucket<Settings> = bucket.typed();
    bucket.put("a", "garbage").await.expect("written");
    settings.put("b", &Settings::dark(7)).await.expect("written");
    let mut watch = settings.watch_all().await.expect("watching");
    match within("a change", watch.next()).await.expect("one") {
        Err(KeyValueError::Decode(undecoded)) => {
            assert_eq!((undecoded.key.as_str(), undecoded.revision), ("a", 1));
            assert_eq!(undecoded.payload, "garbage");
        }
        other => panic!("{other:?}"),
    }
    match told(&mut watch).await {
        Watched::Put(entry) => assert_eq!(entry.value, Settings::dark(7)),
        other => panic!("{other:?}"),
    }
    assert!(told(&mut watch).await.is_caught_up());
}

#[tokio::test]
async fn a_watch_is_told_that_it_is_caught_up_while_others_write() {
    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    for number in 0..100 {
        bucket.put(&format!("old.{number}"), "x").await.expect("written");
    }
    let mut watch = bucket.watch_all().await.expect("watching");
    for number in 0..3 {
        bucket.put(&format!("new.{number}"), "x").await.expect("written");
    }
    let (mut before, mut after) = (0, 0);
    let mut caught_up = false;
    while before + after < 103 {
        match told(&mut watch).await {
            Watched::CaughtUp => {
                assert!(!caught_up, "it is said once");
                caught_up = true;
            }
            _ if caught_up => after += 1,
            _ => before += 1,
        }
    }
    assert!(caught_up, "{before} {after}");
    assert_eq!((before, after), (100, 3));
}

#[tokio::test]
async fn what_is_gone_before_it_was_told_keeps_no_watch_from_being_caught_up() {
    let (stage, bucket) = bucket(BucketConfig::new("b")).await;
    // More than one pull brings, so that the last ones are still at the server.
    let value = vec![b'x'; 10];
    for number in 0..600 {
        bucket.put(&format!("k.{number}"), &value).await.expect("written");
    }
    let mut watch = bucket.watch_all().await.expect("watching");
    told(&mut watch).await;
    let stream = stage.js.stream("KV_b").await.expect("there");
    // Nobody reads meanwhile, so that no pull asks for what is purged.
    let purge = "{\"seq\":601}";
    let purged = stage.client.connection().request("$JS.API.STREAM.PURGE.KV_b", purge).await;
    assert!(purged.expect("answered").text().expect("text").contains("\"purged\":600"));
    assert_eq!(stream.info().await.expect("there").state.messages, 0);
    let mut count = 1;
    while !told(&mut watch).await.is_caught_up() {
        count += 1;
    }
    assert!(count < 600, "{count}");
}

#[tokio::test]
async fn a_watch_has_one_consumer_and_leaves_none_behind() {
    let (stage, bucket) = bucket(BucketConfig::new("b")).await;
    let mut watch = bucket.watch("a.>").await.expect("watching");
    assert!(told(&mut watch).await.is_caught_up());
    let names = stage.client.connection().request("$JS.API.CONSUMER.LIST.KV_b", "").await;
    let names = names.expect("answered");
    let names: serde_json::Value = serde_json::from_slice(names.payload()).expect("JSON");
    let consumers = names["consumers"].as_array().expect("a list");
    assert_eq!(consumers.len(), 1);
    assert!(consumers[0]["name"].as_str().is_some_and(|name| name.starts_with("KV_WATCHER_")));
    assert_eq!(consumers[0]["config"]["filter_subject"], "$KV.b.a.>");
    drop(watch);
    super::nothing_is_left(&bucket).await;
    let history = bucket.history("a").await.expect("reading");
    let keys = bucket.keys().await.expect("reading");
    drop((history, keys));
    super::nothing_is_left(&bucket).await;
}

#[tokio::test]
async fn a_watch_ends_with_the_connection_and_with_the_bucket() {
    let (stage, bucket) = bucket(BucketConfig::new("b")).await;
    let mut watch = bucket.watch_all().await.expect("watching");
    assert!(told(&mut watch).await.is_caught_up());
    stage.client.close().await;
    assert!(within("the end", watch.next()).await.is_none());

    let (stage, bucket) = super::bucket(BucketConfig::new("b")).await;
    let mut watch = bucket.watch_all().await.expect("watching");
    assert!(told(&mut watch).await.is_caught_up());
    stage.js.delete_key_value("b").await.expect("deleted");
    match within("the end", watch.next()).await {
        Some(Err(KeyValueError::BucketNotFound { bucket })) => assert_eq!(bucket, "b"),
        other => panic!("{other:?}"),
    }
    assert!(within("the end", watch.next()).await.is_none());
}
