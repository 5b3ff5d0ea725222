use std::time::{Duration, SystemTime};

use natsws::CodecError;
use natsws::bytes::Bytes;
use natsws::codec::Text;
use natsws::jetstream::StreamConfig;
use natsws::kv::{Bucket, BucketConfig, Change, KeyValueError, Operation, RawBucket, Size};

use super::{Settings, bucket};

#[tokio::test]
async fn a_value_is_read_by_its_revision() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").history(3)).await;
    for (key, value) in [("A", "a1"), ("A", "a2"), ("B", "b1"), ("A", "a3")] {
        bucket.put(key, value).await.expect("written");
    }
    bucket.delete("A").await.expect("deleted");
    let at = async |key, revision| bucket.get(key).revision(revision).await.expect("read");
    // The bucket keeps three changes of a key.
    assert_eq!(at("A", 1).await, None);
    assert_eq!(at("A", 2).await.expect("there").value, "a2");
    assert_eq!(at("A", 3).await, None, "it is another key's");
    assert_eq!(at("B", 3).await.expect("there").value, "b1");
    assert_eq!(at("A", 5).await, None, "it is no value");
    assert_eq!(at("A", 99).await, None);
    assert_eq!(at("A", 0).await, None);
}

#[tokio::test]
async fn direct_and_leading_reads_say_the_same() {
    let (stage, bucket) = bucket(BucketConfig::new("b")).await;
    let before = SystemTime::now() - Duration::from_secs(5);
    bucket.put("a", "1").header("Origin", "here").await.expect("written");
    bucket.put("empty", "").await.expect("written");
    bucket.delete("gone").await.expect("deleted");
    bucket.purge("purged").await.expect("purged");
    let leading = bucket.read_from_leader();
    let direct = bucket.get("a").await.expect("read").expect("there");
    assert_eq!(direct, leading.get("a").await.expect("read").expect("there"));
    assert_eq!(direct, bucket.get("a").from_leader().await.expect("read").expect("there"));
    assert!(direct.created > before, "{direct:?}");
    for bucket in [&bucket, &leading] {
        assert_eq!(bucket.get("empty").await.expect("read").expect("there").value, "");
        for (key, operation) in [("gone", Operation::Delete), ("purged", Operation::Purge)] {
            assert_eq!(bucket.get(key).await.expect("read"), None);
            let change = bucket.last_change(key).await.expect("read").expect("a deletion");
            assert_eq!((change.operation(), change.value()), (operation, None));
        }
        assert_eq!(bucket.get("never").await.expect("read"), None);
        assert_eq!(bucket.last_change("never").await.expect("read"), None);
        assert_eq!(bucket.get("a").revision(1).await.expect("read").expect("there").value, "1");
        assert_eq!(bucket.get("a").revision(9).await.expect("read"), None);
    }
    // Direct reads that the stream does not allow are asked of its leader.
    let info = stage.js.stream("KV_b").await.expect("there").cached_info().config.clone();
    assert!(info.allow_direct);
    stage.js.update_stream(info.allow_direct(false)).await.expect("updated");
    assert_eq!(bucket.get("a").await.expect("read").expect("there").value, "1");
    assert_eq!(bucket.get("never").await.expect("read"), None);
}

#[tokio::test]
async fn what_does_not_decode_is_told_with_its_bytes() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").history(2)).await;
    bucket.put("a", "{\"theme\":").await.expect("written");
    let settings: Bucket<Settings> = bucket.typed();
    let error = settings.get("a").await.expect_err("it is half of one");
    assert_eq!(error.to_string(), "the value of key \"a\" with revision 1 could not be decoded");
    match error {
        KeyValueError::Decode(undecoded) => {
            assert_eq!((undecoded.key.as_str(), undecoded.revision), ("a", 1));
            assert_eq!(undecoded.payload, "{\"theme\":");
            assert!(matches!(undecoded.source, CodecError::Decode { .. }), "{undecoded:?}");
        }
        other => panic!("{other:?}"),
    }
    // It is not overwritten by what would follow from it.
    let changed = settings.update_with("a", |_| Some(Settings::dark(1))).await;
    assert!(matches!(changed, Err(KeyValueError::Decode(_))), "{changed:?}");
    bucket.typed_as::<String, Text>().put("b", "words").await.expect("written");
    match settings.get("b").await {
        Err(KeyValueError::Decode(undecoded)) => {
            assert!(matches!(undecoded.source, CodecError::ContentType { .. }), "{undecoded:?}");
        }
        other => panic!("{other:?}"),
    }
    settings.put("a", &Settings::dark(1)).await.expect("written");
    let mut history = settings.history("a").await.expect("reading");
    let first = history.next().await.expect("one");
    assert!(matches!(first, Err(KeyValueError::Decode(_))), "{first:?}");
    let second = history.next().await.expect("one").expect("decoded");
    assert_eq!(second.value(), Some(&Settings::dark(1)));
    assert!(history.next().await.is_none());
}

#[tokio::test]
async fn a_history_is_what_is_kept_the_oldest_first() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").history(2)).await;
    for (key, value) in [("A", "1"), ("A", "2"), ("A", "3"), ("B", "4"), ("C", "5")] {
        bucket.put(key, value).await.expect("written");
    }
    bucket.delete("A").await.expect("deleted");
    let said = |changes: Vec<Change<Bytes>>| {
        let change = |change: &Change<_>| {
            (change.key().to_owned(), change.revision(), change.delta(), change.operation())
        };
        changes.iter().map(change).collect::<Vec<_>>()
    };
    let of = |key: &str, revision, delta, operation| (key.to_owned(), revision, delta, operation);
    let history = bucket.history("A").await.expect("reading").into_vec().await.expect("read");
    assert_eq!(said(history), [of("A", 3, 1, Operation::Put), of("A", 6, 0, Operation::Delete)]);
    let history = bucket.history("A").filter("C").await.expect("reading");
    let history = said(history.into_vec().await.expect("read"));
    assert_eq!(
        history,
        [
            of("A", 3, 2, Operation::Put),
            of("C", 5, 1, Operation::Put),
            of("A", 6, 0, Operation::Delete)
        ]
    );
    let history = bucket.history(">").await.expect("reading").into_vec().await.expect("read");
    assert_eq!(history.len(), 4);
    assert_eq!(history.iter().map(Change::revision).collect::<Vec<_>>(), [3, 4, 5, 6]);
    let history = bucket.history("never").await.expect("reading").into_vec().await.expect("read");
    assert_eq!(history, []);
    super::nothing_is_left(&bucket).await;
}

#[tokio::test]
async fn a_history_of_headers_has_the_sizes() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").history(2)).await;
    bucket.put("a", "twelve bytes").await.expect("written");
    bucket.delete("a").await.expect("deleted");
    let history = bucket.history("a").headers_only().await.expect("reading");
    let history = history.into_vec().await.expect("read");
    assert_eq!(history[0].value(), Some(&Size(12)));
    assert_eq!(history[1].operation(), Operation::Delete);
}

#[tokio::test]
async fn a_stream_that_is_no_bucket_is_not_opened_as_one() {
    let (stage, _bucket) = bucket(BucketConfig::new("b")).await;
    let config = StreamConfig::new("KV_other").subjects(["other.>"]);
    stage.js.create_stream(config).await.expect("made");
    match stage.js.key_value("other").await {
        Err(KeyValueError::NotABucket { bucket }) => assert_eq!(bucket, "other"),
        other => panic!("{other:?}"),
    }
    let _: RawBucket = stage.js.key_value("b").await.expect("opened");
}
