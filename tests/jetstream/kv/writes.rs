use std::time::Duration;

use natsws::bytes::Bytes;
use natsws::codec::Text;
use natsws::jetstream::PublishError;
use natsws::kv::{Bucket, BucketConfig, Change, KeyFault, KeyValueError, Operation};
use natsws::{CodecError, Msg};
use serde::Serialize;

use super::relay::{behind, relay};
use super::{Settings, bucket};

#[tokio::test]
async fn a_value_is_put_read_updated_and_deleted() {
    let (_stage, bucket) = bucket(BucketConfig::new("settings")).await;
    let settings: Bucket<Settings> = bucket.typed();
    assert_eq!(settings.get("eu.7").await.expect("read"), None);
    let first = settings.put("eu.7", &Settings::dark(12)).await.expect("written");
    assert_eq!(first, 1);
    let entry = settings.get("eu.7").await.expect("read").expect("there");
    assert_eq!((entry.key.as_str(), entry.revision, entry.delta), ("eu.7", 1, 0));
    assert_eq!(entry.value, Settings::dark(12));

    let second = settings.update("eu.7", &Settings::dark(20), first).await.expect("written");
    assert_eq!(second, 2);
    match settings.update("eu.7", &Settings::dark(1), first).await {
        Err(KeyValueError::WrongRevision { key, expected: 1, current: Some(2) }) => {
            assert_eq!(key, "eu.7");
        }
        other => panic!("{other:?}"),
    }
    match settings.create("eu.7", &Settings::dark(1)).await {
        Err(KeyValueError::KeyExists { key, revision: 2 }) => assert_eq!(key, "eu.7"),
        other => panic!("{other:?}"),
    }
    assert_eq!(settings.delete("eu.7").await.expect("deleted"), 3);
    assert_eq!(settings.get("eu.7").await.expect("read"), None);
    let last = settings.last_change("eu.7").await.expect("read").expect("a deletion");
    assert_eq!((last.operation(), last.revision()), (Operation::Delete, 3));
    assert_eq!(settings.create("eu.7", &Settings::dark(2)).await.expect("created anew"), 4);
    assert!(settings.create("eu.7", &Settings::dark(3)).await.is_err_and(|it| it.is_conflict()));
    assert_eq!(settings.purge("eu.7").await.expect("deleted"), 5);
    let last = settings.last_change("eu.7").await.expect("read").expect("a deletion");
    assert_eq!((last.operation(), last.revision()), (Operation::Purge, 5));
}

#[tokio::test]
async fn an_update_of_revision_zero_is_for_a_key_without_any() {
    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    assert_eq!(bucket.update("a", "1", 0).await.expect("written"), 1);
    let error = bucket.update("a", "2", 0).await.expect_err("there is one");
    assert_eq!(
        error.to_string(),
        "key \"a\" is not at revision 0 but at 1: read it again, and write what follows from that"
    );
    assert_eq!(bucket.update("a", "2", 1).await.expect("written"), 2);
    assert!(bucket.update("a", "3", 9).await.is_err_and(|error| error.is_conflict()));
    // What a key is deleted at is a revision too.
    assert_eq!(bucket.delete("a").await.expect("deleted"), 3);
    assert_eq!(bucket.update("a", "4", 3).await.expect("written"), 4);
}

#[tokio::test]
async fn a_key_is_deleted_and_purged_only_where_it_is_at_the_expected_revision() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").history(5)).await;
    let first = bucket.put("a", "1").await.expect("written");
    let second = bucket.put("a", "2").await.expect("written");
    for error in [
        bucket.delete("a").expect_revision(first).await.expect_err("it is elsewhere"),
        bucket.purge("a").expect_revision(first).await.expect_err("it is elsewhere"),
    ] {
        match error {
            KeyValueError::WrongRevision { expected: 1, current: Some(2), .. } => {}
            other => panic!("{other:?}"),
        }
    }
    let third = bucket.delete("a").expect_revision(second).await.expect("deleted");
    assert_eq!(bucket.purge("a").expect_revision(third).await.expect("purged"), 4);
}

#[tokio::test]
async fn deleting_what_is_not_there_works() {
    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    assert_eq!(bucket.delete("a").await.expect("deleted"), 1);
    assert_eq!(bucket.purge("b").await.expect("purged"), 2);
    assert_eq!(bucket.get("a").await.expect("read"), None);
}

#[tokio::test]
async fn a_bucket_of_bytes_takes_texts_and_slices_and_says_nothing_of_their_type() {
    let (stage, bucket) = bucket(BucketConfig::new("b")).await;
    bucket.put("a", "text").await.expect("written");
    bucket.put("b", b"bytes").await.expect("written");
    bucket.put("c", &b"slice"[..]).await.expect("written");
    bucket.put("d", &vec![1, 2]).await.expect("written");
    bucket.put("e", &Bytes::from_static(b"Bytes")).await.expect("written");
    bucket.put("f", &String::from("{\"theme\":\"dark\",\"size\":3}")).await.expect("written");
    let value = async |key| bucket.get(key).await.expect("read").expect("there").value;
    assert_eq!(value("a").await, "text");
    assert_eq!(value("b").await, "bytes");
    assert_eq!(value("c").await, "slice");
    assert_eq!(value("d").await, &[1, 2][..]);
    assert_eq!(value("e").await, "Bytes");
    let settings: Bucket<Settings> = bucket.typed();
    let entry = settings.get("f").await.expect("read").expect("there");
    assert_eq!(entry.value, Settings::dark(3));
    let stored = stage.client.connection().request("$JS.API.DIRECT.GET.KV_b.$KV.b.a", "").await;
    assert_eq!(stored.expect("answered").headers().get("Content-Type"), None);
    settings.put("g", &Settings::dark(4)).await.expect("written");
    let stored = stage.client.connection().request("$JS.API.DIRECT.GET.KV_b.$KV.b.g", "").await;
    let stored = stored.expect("answered");
    assert_eq!(stored.headers().get("Content-Type"), Some("application/json"));
}

#[tokio::test]
async fn values_are_written_by_any_codec() {
    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    let packed = bucket.typed_as::<Settings, natsws::codec::MsgPack>();
    packed.put("a", &Settings::dark(9)).await.expect("written");
    let entry = packed.get("a").await.expect("read").expect("there");
    assert_eq!(entry.value, Settings::dark(9));
    let text = bucket.typed_as::<f64, Text>();
    text.put("degrees", &21.5).await.expect("written");
    assert_eq!(text.get("degrees").await.expect("read").expect("there").value.to_string(), "21.5");
    let words = bucket.typed_as::<String, Text>();
    words.put("word", "hello").await.expect("written");
    assert_eq!(words.get("word").await.expect("read").expect("there").value, "hello");
    let empty = bucket.put("empty", "").await.expect("written");
    let entry = bucket.get("empty").await.expect("read").expect("there");
    assert_eq!((entry.value.len(), entry.revision), (0, empty));
}

#[tokio::test]
async fn what_cannot_be_written_is_told_before_anything_is_sent() {
    #[derive(Serialize)]
    struct Secret {
        #[serde(serialize_with = "refused")]
        never: u8,
    }
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn refused<S: serde::Serializer>(_: &u8, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it is a secret"))
    }

    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    for (key, fault) in [
        ("", KeyFault::Empty),
        ("a b", KeyFault::Character { character: ' ', at: 1 }),
        (".a", KeyFault::EmptyToken { at: 0 }),
        ("a.", KeyFault::EmptyToken { at: 2 }),
        ("a.*", KeyFault::Wildcard { wildcard: '*', at: 2 }),
        ("a.>", KeyFault::Wildcard { wildcard: '>', at: 2 }),
        ("a\r\nPUB x 0", KeyFault::Character { character: '\r', at: 1 }),
    ] {
        for error in [
            bucket.put(key, "x").await.expect_err(key),
            bucket.create(key, "x").await.expect_err(key),
            bucket.update(key, "x", 1).await.expect_err(key),
            bucket.delete(key).await.expect_err(key),
            bucket.purge(key).await.expect_err(key),
            bucket.get(key).await.expect_err(key),
        ] {
            match error {
                KeyValueError::Key(error) => {
                    assert_eq!((error.key.as_str(), error.fault), (key, fault));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    match bucket.typed::<Secret>().put("a", &Secret { never: 1 }).await {
        Err(KeyValueError::Encode { key, source: CodecError::Encode { .. } }) => {
            assert_eq!(key, "a");
        }
        other => panic!("{other:?}"),
    }
    match bucket.put("a", "x").header("Bad Name", "x").await {
        Err(KeyValueError::Write { source: PublishError::NotSent(_), .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(bucket.status().await.expect("there").last_revision(), 0);
}

#[tokio::test]
async fn a_value_that_is_too_large_is_refused() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").max_value_size(1000)).await;
    match bucket.put("a", &vec![0; 2000]).await {
        Err(KeyValueError::Write { key, source: PublishError::Rejected(error) }) => {
            assert_eq!((key.as_str(), error.err_code), ("a", 10054));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_change_follows_from_what_is_there_and_may_be_declined() {
    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    let counts: Bucket<u64> = bucket.typed();
    let more = |count: Option<u64>| Some(count.unwrap_or(0) + 1);
    assert_eq!(counts.update_with("visits", more).await.expect("written"), Some(1));
    assert_eq!(counts.update_with("visits", more).await.expect("written"), Some(2));
    let below = |count: Option<u64>| count.filter(|count| *count < 2).map(|count| count + 1);
    assert_eq!(counts.update_with("visits", below).await.expect("declined"), None);
    assert_eq!(counts.get("visits").await.expect("read").expect("there").value, 2);
    counts.delete("visits").await.expect("deleted");
    assert_eq!(counts.update_with("visits", more).await.expect("written"), Some(4));
    assert_eq!(counts.get("visits").await.expect("read").expect("there").value, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_meets_another_one_each_time_gives_up() {
    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    let counts: Bucket<u64> = bucket.typed();
    let mut seen = Vec::new();
    // Each time somebody else writes between reading and writing.
    let change = |count: Option<u64>| {
        seen.push(count);
        let next = count.unwrap_or(0) + 10;
        let other = async { counts.put("visits", &next).await.expect("written") };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(other));
        Some(0)
    };
    match counts.update_with("visits", change).attempts(3).await {
        Err(KeyValueError::Contended { key, attempts: 3 }) => assert_eq!(key, "visits"),
        other => panic!("{other:?}"),
    }
    assert_eq!(seen, [None, Some(10), Some(20)]);
    assert_eq!(counts.get("visits").await.expect("read").expect("there").value, 30);
}

#[tokio::test]
async fn all_keys_that_a_filter_chooses_are_deleted() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").history(2)).await;
    for key in ["a", "a.b", "a.c", "a.b.c"] {
        bucket.put(key, "x").await.expect("written");
        bucket.put(key, "y").await.expect("written");
    }
    assert_eq!(bucket.delete_all("a.*").await.expect("deleted"), 2);
    let keys = async || bucket.keys().await.expect("listing").into_vec().await.expect("listed");
    assert_eq!(keys().await, ["a", "a.b.c"]);
    assert_eq!(bucket.purge_all(">").await.expect("purged"), 2);
    assert_eq!(keys().await, [""; 0]);
    let history = bucket.history("a").await.expect("reading").into_vec().await.expect("read");
    let history: Vec<_> = history.iter().map(Change::operation).collect();
    assert_eq!(history, [Operation::Purge]);
}

#[tokio::test]
async fn what_is_written_while_marks_are_purged_stays() {
    for (age, left) in [
        (Duration::ZERO, &["put a 4"][..]),
        // The mark is too young, and only what is before it goes.
        (Duration::from_secs(600), &["delete a 3", "put a 4"]),
    ] {
        let (stage, bucket) = bucket(BucketConfig::new("b").history(5)).await;
        bucket.put("a", "1").await.expect("written");
        bucket.put("a", "2").await.expect("written");
        bucket.delete("a").await.expect("deleted");
        let relayed = behind(&stage);
        let purge = relayed.purge_deletes().older_than(age);
        let purged = relay(&stage, purge, async |request| {
            if request.subject() == "relay.STREAM.PURGE.KV_b" {
                bucket.put("a", "fresh").await.expect("written");
            }
            false
        });
        assert_eq!(purged.await.expect("purged"), 4 - left.len() as u64);
        assert_eq!(bucket.get("a").await.expect("read").expect("there").value, "fresh");
        let history = bucket.history("a").await.expect("reading").into_vec().await.expect("read");
        let history: Vec<_> = history
            .iter()
            .map(|change| match change.operation() {
                Operation::Put => format!("put {} {}", change.key(), change.revision()),
                _ => format!("delete {} {}", change.key(), change.revision()),
            })
            .collect();
        assert_eq!(history, left);
    }
}

#[tokio::test]
async fn a_young_mark_that_is_the_first_of_all_is_left() {
    let (_stage, bucket) = bucket(BucketConfig::new("b")).await;
    assert_eq!(bucket.delete("a").await.expect("deleted"), 1);
    assert_eq!(bucket.purge_deletes().await.expect("purged"), 0);
    let last = bucket.last_change("a").await.expect("read").expect("a deletion");
    assert_eq!((last.operation(), last.revision()), (Operation::Delete, 1));
    assert_eq!(bucket.purge_deletes().older_than(Duration::ZERO).await.expect("purged"), 1);
    assert_eq!(bucket.last_change("a").await.expect("read"), None);
}

#[tokio::test]
async fn a_change_is_not_declined_because_of_what_was_true_before() {
    let (stage, bucket) = bucket(BucketConfig::new("b")).await;
    let counts: Bucket<u64> = bucket.typed();
    counts.put("visits", &9).await.expect("written");
    counts.put("visits", &1).await.expect("written");
    let relayed: Bucket<u64> = behind(&stage).typed();
    let direct = "relay.DIRECT.GET.KV_b.$KV.b.visits";
    let old = async |request: &Msg| {
        if request.subject() != direct {
            return false;
        }
        let answer = request
            .respond("9")
            .header("Nats-Stream", "KV_b")
            .header("Nats-Subject", "$KV.b.visits")
            .header("Nats-Sequence", "1")
            .header("Nats-Time-Stamp", "2026-01-02T03:04:05Z");
        answer.await.expect("sent");
        true
    };
    let mut seen = Vec::new();
    let below = |count: Option<u64>| {
        seen.push(count);
        count.filter(|count| *count < 5).map(|count| count + 1)
    };
    let written = relay(&stage, relayed.update_with("visits", below), old).await;
    assert_eq!(written.expect("written"), Some(3));
    assert_eq!(seen, [Some(9), Some(1)]);

    // The leader has nothing newer to say, so it is asked once.
    let mut asked = 0;
    let never = |_| {
        asked += 1;
        None
    };
    assert_eq!(counts.update_with("visits", never).await.expect("declined"), None);
    assert_eq!(asked, 1);
}
