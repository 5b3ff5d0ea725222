use std::time::Duration;

use natsws::kv::{BucketConfig, Change, Deletion, KeyValueError, Marker, Operation, Watched};
use natsws_tests::eventually;

use super::{bucket, told};

const SECOND: Duration = Duration::from_secs(1);

#[track_caller]
fn deletion<T: std::fmt::Debug>(told: Watched<T>) -> Deletion {
    match told {
        Watched::Deleted(deletion) => deletion,
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test]
async fn values_end_with_the_buckets_ttl_and_watches_hear_of_it() {
    let config = BucketConfig::new("b").ttl(SECOND).limit_marker_ttl(10 * SECOND);
    let (_stage, bucket) = bucket(config).await;
    bucket.put("a", "1").await.expect("written");
    let mut watch = bucket.watch_all().await.expect("watching");
    assert!(matches!(told(&mut watch).await, Watched::Put(_)));
    assert!(told(&mut watch).await.is_caught_up());
    let gone = deletion(told(&mut watch).await);
    assert_eq!((gone.key.as_str(), gone.operation), ("a", Operation::Purge));
    assert_eq!(gone.marker, Some(Marker::MaxAge));
    assert_eq!(bucket.get("a").await.expect("read"), None);
    // A key whose time is over can be created.
    assert!(bucket.create("a", "2").await.expect("created") > gone.revision);
}

#[tokio::test]
async fn values_without_a_ttl_stay() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").ttl(SECOND)).await;
    bucket.put("a", "1").await.expect("written");
    eventually("the end of the value", async || {
        bucket.get("a").await.expect("read").is_none().then_some(())
    })
    .await;
    let config = BucketConfig::new("forever");
    let forever = bucket.jetstream().create_key_value(config).await.expect("made");
    forever.put("a", "1").await.expect("written");
    assert_eq!(forever.status().await.expect("there").ttl(), None);
    assert_eq!(forever.get("a").await.expect("read").expect("there").value, "1");
}

#[tokio::test]
async fn a_single_key_may_live_for_its_own_time() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").limit_marker_ttl(10 * SECOND)).await;
    bucket.create("lock", "me").ttl(SECOND).await.expect("created");
    bucket.put("stays", "x").await.expect("written");
    assert!(bucket.create("lock", "you").await.is_err_and(|error| error.is_conflict()));
    let mut watch = bucket.watch("lock").updates_only().await.expect("watching");
    assert!(told(&mut watch).await.is_caught_up());
    let gone = deletion(told(&mut watch).await);
    assert_eq!((gone.operation, gone.marker), (Operation::Purge, Some(Marker::MaxAge)));
    let revision = bucket.create("lock", "you").ttl(SECOND).await.expect("created");
    // It is prolonged by writing it again.
    bucket.update("lock", "you", revision).ttl(60 * SECOND).await.expect("written");
    assert!(matches!(told(&mut watch).await, Watched::Put(_)));
    assert!(matches!(told(&mut watch).await, Watched::Put(_)));
    assert_eq!(bucket.get("stays").await.expect("read").expect("there").value, "x");
}

#[tokio::test]
async fn a_purge_may_be_forgotten_after_a_time() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").limit_marker_ttl(SECOND)).await;
    bucket.put("a", "1").await.expect("written");
    bucket.purge("a").ttl(SECOND).await.expect("purged");
    assert_eq!(bucket.status().await.expect("there").values(), 1);
    eventually("the end of the mark", async || {
        (bucket.status().await.expect("there").values() == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_time_to_live_needs_a_bucket_that_has_them() {
    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    match bucket.create("a", "1").ttl(SECOND).await {
        Err(KeyValueError::NoTtl { bucket }) => assert_eq!(bucket, "b"),
        other => panic!("{other:?}"),
    }
    assert_eq!(bucket.get("a").await.expect("read"), None);
}

#[tokio::test]
async fn a_time_to_live_brings_no_earlier_value_back() {
    let config = BucketConfig::new("b").history(3).limit_marker_ttl(10 * SECOND);
    let (_stage, bucket) = bucket(config).await;
    let revision = bucket.create("a", "1").ttl(60 * SECOND).await.expect("created");
    for error in [
        bucket.put("a", "2").ttl(SECOND).await.expect_err("there is a history"),
        bucket.update("a", "2", revision).ttl(SECOND).await.expect_err("there is a history"),
    ] {
        match error {
            KeyValueError::TtlWithHistory { bucket, history: 3 } => assert_eq!(bucket, "b"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_an_administrator_purged_or_removed_is_told_as_deleted() {
    let config = BucketConfig::new("b").limit_marker_ttl(10 * SECOND);
    let (stage, bucket) = bucket(config).await;
    // What the server writes by itself, a client may not; these are what it would write.
    let written = async |reason| {
        let publish = stage.client.connection().request("$KV.b.a", "");
        publish.header("Nats-Marker-Reason", reason).await.expect("answered");
        bucket.last_change("a").await.expect("read").expect("a change")
    };
    for (reason, operation) in
        [("Purge", Operation::Purge), ("Remove", Operation::Delete), ("MaxAge", Operation::Purge)]
    {
        assert_eq!(written(reason).await.operation(), operation, "{reason}");
        assert_eq!(bucket.get("a").await.expect("read"), None);
    }
    assert!(bucket.create("a", "again").await.is_ok());
}

#[tokio::test]
async fn marks_of_deleted_keys_are_taken_away_when_they_are_old() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").history(5)).await;
    for key in ["a", "b", "c"] {
        bucket.put(key, "1").await.expect("written");
        bucket.put(key, "2").await.expect("written");
    }
    bucket.delete("a").await.expect("deleted");
    bucket.delete("b").await.expect("deleted");
    assert_eq!(bucket.status().await.expect("there").values(), 8);
    // They are young: their history goes, and they stay.
    assert_eq!(bucket.purge_deletes().await.expect("purged"), 4);
    let history = bucket.history("a").await.expect("reading").into_vec().await.expect("read");
    let history: Vec<_> = history.iter().map(Change::operation).collect();
    assert_eq!(history, [Operation::Delete]);
    assert_eq!(bucket.purge_deletes().older_than(Duration::ZERO).await.expect("purged"), 2);
    assert_eq!(bucket.last_change("a").await.expect("read"), None);
    assert_eq!(
        bucket.history("c").await.expect("reading").into_vec().await.expect("read").len(),
        2
    );
    super::nothing_is_left(&bucket).await;
}
