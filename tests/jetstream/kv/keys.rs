use natsws::kv::{Base64Keys, BucketConfig, KeyFault, KeyValueError};
use natsws_tests::within;

use super::{bucket, lines};

#[tokio::test]
async fn keys_are_those_that_have_a_value() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").history(2)).await;
    let listed = async |filters: &[&str]| {
        let keys = filters.iter().fold(bucket.keys(), |keys, filter| keys.filter(filter));
        let keys = within("the listing", keys.into_future()).await.expect("listing");
        within("the keys", keys.into_vec()).await.expect("listed")
    };
    assert_eq!(listed(&[]).await, [""; 0]);
    for key in ["a", "b", "a", "c.c", "c.d.e"] {
        bucket.put(key, "x").await.expect("written");
    }
    assert_eq!(listed(&[]).await, ["b", "a", "c.c", "c.d.e"]);
    assert_eq!(listed(&["c.>"]).await, ["c.c", "c.d.e"]);
    assert_eq!(listed(&["a", "c.*"]).await, ["a", "c.c"]);
    assert_eq!(listed(&["none"]).await, [""; 0]);
    bucket.delete("a").await.expect("deleted");
    bucket.purge("c.c").await.expect("purged");
    assert_eq!(listed(&[]).await, ["b", "c.d.e"]);
    super::nothing_is_left(&bucket).await;
}

#[tokio::test]
async fn keys_may_have_any_characters_with_a_codec() {
    let (_stage, bucket) = bucket(BucketConfig::new("b").history(2)).await;
    let coded = bucket.with_key_codec(Base64Keys);
    let revision = coded.create("größe.a b", "1").await.expect("written");
    assert_eq!(coded.update("größe.a b", "2", revision).await.expect("written"), 2);
    coded.put("größe.c", "3").await.expect("written");
    let entry = coded.get("größe.a b").await.expect("read").expect("there");
    assert_eq!((entry.key.as_str(), &entry.value[..]), ("größe.a b", &b"2"[..]));
    let keys = coded.keys().await.expect("listing").into_vec().await.expect("listed");
    assert_eq!(keys, ["größe.a b", "größe.c"]);
    let keys = coded.keys().filter("größe.*").await.expect("listing").into_vec().await;
    assert_eq!(keys.expect("listed").len(), 2);
    let raw = bucket.keys().await.expect("listing").into_vec().await.expect("listed");
    assert_eq!(raw, ["Z3LDtsOfZQ==.YSBi", "Z3LDtsOfZQ==.Yw=="]);
    let mut watch = coded.watch("größe.c").await.expect("watching");
    assert_eq!(lines(&mut watch, 2).await, ["put größe.c 3 3", "caught up"]);
    coded.purge("größe.c").await.expect("purged");
    assert_eq!(lines(&mut watch, 1).await, ["purge größe.c 4"]);
    let history = coded.history("größe.a b").await.expect("reading").into_vec().await;
    assert_eq!(history.expect("read").len(), 2);
    assert_eq!(coded.delete_all(">").await.expect("deleted"), 1);
    match coded.put("a..b", "x").await {
        Err(KeyValueError::Key(error)) => assert_eq!(error.key, "a..b"),
        other => panic!("{other:?}"),
    }

    // A key that the codec did not write is told, and reading goes on.
    bucket.put("_", "x").await.expect("written");
    let mut keys = coded.keys().await.expect("listing");
    match keys.next().await {
        Some(Err(KeyValueError::Key(error))) => {
            assert_eq!((error.key.as_str(), error.fault), ("$KV.b._", KeyFault::Foreign));
        }
        other => panic!("{other:?}"),
    }
    assert!(keys.next().await.is_none());
}
