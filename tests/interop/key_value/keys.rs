//! Keys: how they are written, and when they end.

use natsws::kv::{Base64Keys, BucketConfig, Change, KeyValueError, Marker};
use natsws_tests::eventually;
use serde_json::{Value, json};

use super::{SECOND, keys, line, lines, put, stage, their_line, their_lines};
use crate::javascript::base64;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn keys_are_the_same_to_both_and_both_refuse_the_same() {
    let (mut stage, bucket) = stage(BucketConfig::new("b")).await;
    let odd = ["a/b=c-_d.e", "=", "-", "_kv", "0", "A.b.C", "/"];
    for (number, key) in odd.into_iter().enumerate() {
        if number % 2 == 0 {
            bucket.put(key, key).await.expect("written");
            let entry = stage.theirs.can("get", json!({ "key": key })).await;
            assert_eq!((&entry["key"], &entry["value"]), (&json!(key), &json!(base64(key))));
        } else {
            stage.theirs.can("put", put(key, key)).await;
            let entry = bucket.get(key).await.expect("read").expect("there");
            assert_eq!((entry.key.as_str(), &entry.value[..]), (key, key.as_bytes()));
        }
    }
    for (filter, expected) in [
        (">", &["-", "/", "0", "=", "A.b.C", "_kv", "a/b=c-_d.e"][..]),
        ("*", &["-", "/", "0", "=", "_kv"]),
        ("A.*.C", &["A.b.C"]),
        ("*.>", &["A.b.C", "a/b=c-_d.e"]),
        ("none.>", &[]),
    ] {
        assert_eq!(keys(&bucket, filter).await, expected, "{filter}");
        assert_eq!(stage.theirs.can("keys", json!({ "filter": filter })).await, json!(expected));
    }
    for key in ["", ".a", "a.", "a b", "größe", "$a", "a+b", "*", "a.>", "a\r\nb", "\u{1f980}"] {
        match bucket.put(key, "x").await {
            Err(KeyValueError::Key(error)) => assert_eq!(error.key, key),
            other => panic!("{other:?}"),
        }
        let error = stage.theirs.cannot("put", put(key, "x")).await;
        assert_eq!(error, format!("invalid key: {key}"));
    }
    assert_eq!(bucket.status().await.expect("there").values(), 7);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn base64_keys_are_written_alike_as_far_as_theirs_can() {
    let (mut stage, raw) = stage(BucketConfig::new("b").history(2)).await;
    let bucket = raw.with_key_codec(Base64Keys);
    stage.theirs.can("open", json!({ "name": "b", "base64": true })).await;
    bucket.put("a b.c!", "1").await.expect("written");
    stage.theirs.can("put", put("a b.d$", "2")).await;
    bucket.put("x>y.\u{7f}.0", "3").await.expect("written");
    assert_eq!(keys(&raw, ">").await, ["YSBi.YyE=", "YSBi.ZCQ=", "eD55.fw==.MA=="]);
    let expected = ["a b.c!", "a b.d$", "x>y.\u{7f}.0"];
    assert_eq!(keys(&bucket, ">").await, expected);
    assert_eq!(keys(&bucket, "a b.*").await, expected[..2]);
    for key in expected {
        let ours = bucket.last_change(key).await.expect("read").expect("there");
        let theirs = stage.theirs.can("get", json!({ "key": key })).await;
        assert_eq!(their_line(&theirs), line(&ours));
        let update = json!({ "key": key, "value": base64("new"), "revision": ours.revision() });
        let revision = stage.theirs.can("update", update).await.as_u64().expect("a number");
        assert_eq!(bucket.update(key, "newer", revision).await.expect("written"), revision + 1);
    }
    assert_eq!(stage.theirs.can("keys", json!({})).await, json!(expected));
    // What theirs looks for it must be able to write plainly, too.
    let filter = json!({ "filter": "a b.*" });
    assert_eq!(stage.theirs.cannot("keys", filter).await, "invalid key: a b.*");

    // Where Base64 has a `+`, ours writes what a key may have.
    bucket.put("xx~", "4").await.expect("written");
    assert_eq!(stage.theirs.cannot("put", put("xx~", "4")).await, "invalid key: eHh+");
    assert_eq!(keys(&raw, "*").await, ["eHh-"]);
    raw.purge("eHh-").await.expect("purged");
    // What is not ASCII ours writes as UTF-8, and theirs as Latin-1, or not at all: neither reads
    // the other's.
    bucket.put("größe", "5").await.expect("written");
    stage.theirs.can("put", put("größe", "6")).await;
    assert_eq!(keys(&raw, "*").await, ["Z3L232U=", "Z3LDtsOfZQ=="]);
    let theirs = stage.theirs.can("get", json!({ "key": "größe" })).await;
    assert_eq!(theirs["value"], base64("6"));
    let ours = bucket.get("größe").await.expect("read").expect("there");
    assert_eq!(&ours.value[..], b"5");
    let error = stage.theirs.cannot("put", put("漢字", "7")).await;
    assert_eq!(error, "Invalid character");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn keys_end_at_their_time_for_both() {
    let config = BucketConfig::new("b").limit_marker_ttl(60 * SECOND);
    let (mut stage, bucket) = stage(config).await;
    let mut watch = bucket.watch_all().await.expect("watching");
    stage.theirs.can("watch", json!({ "options": {} })).await;
    // Long enough for both to be written before the first of them ends.
    bucket.create("ours", "1").ttl(3 * SECOND).await.expect("written");
    let create = json!({ "key": "theirs", "value": base64("2"), "ttl": "3s" });
    assert_eq!(stage.theirs.can("create_key", create).await, 2);
    // The server itself says that their time is over, in some order.
    let mut heard = lines(&mut watch, 4).await;
    let theirs = stage.theirs.can("heard", json!({ "count": 4 })).await;
    assert_eq!(their_lines(&theirs), heard);
    assert_eq!(heard[..2], ["1 PUT ours MQ==", "2 PUT theirs Mg=="]);
    let mut ends: Vec<_> = heard.split_off(2).iter().map(|line| line[1..].to_owned()).collect();
    ends.sort();
    assert_eq!(ends, [" PURGE ours ", " PURGE theirs "]);
    for key in ["ours", "theirs"] {
        let change = bucket.last_change(key).await.expect("read").expect("there");
        let Change::Deleted(deletion) = &change else { panic!("{change:?}") };
        assert_eq!(deletion.marker, Some(Marker::MaxAge));
        let theirs = stage.theirs.can("get", json!({ "key": key })).await;
        assert_eq!(their_line(&theirs), line(&change));
        assert!(bucket.get(key).await.expect("read").is_none());
    }
    // Ours lists what has a value; theirs does not look at the server's own mark.
    assert_eq!(keys(&bucket, ">").await, [""; 0]);
    assert_eq!(stage.theirs.can("keys", json!({})).await, json!(["ours", "theirs"]));
    // Both make anew what the server has ended.
    assert_eq!(stage.theirs.can("create_key", put("ours", "3")).await, 5);
    assert_eq!(bucket.create("theirs", "4").await.expect("written"), 6);

    // A purge that is forgotten after its time.
    bucket.purge("ours").ttl(SECOND).await.expect("purged");
    let purge = json!({ "key": "theirs", "options": { "ttl": "1s" } });
    stage.theirs.can("purge", purge).await;
    for key in ["ours", "theirs"] {
        eventually("the end of the mark", async || {
            bucket.last_change(key).await.expect("read").is_none().then_some(())
        })
        .await;
        assert_eq!(stage.theirs.can("get", json!({ "key": key })).await, Value::Null);
    }
    // Without times to live, both are told that there are none.
    let plain = stage.js.create_key_value(BucketConfig::new("plain")).await.expect("made");
    stage.theirs.can("open", json!({ "name": "plain" })).await;
    match plain.create("a", "1").ttl(SECOND).await {
        Err(KeyValueError::NoTtl { bucket }) => assert_eq!(bucket, "plain"),
        other => panic!("{other:?}"),
    }
    let create = json!({ "key": "a", "value": "", "ttl": "1s" });
    let error = stage.theirs.cannot("create_key", create).await;
    assert_eq!(error, "per-message TTL is disabled");
    stage.end().await;
}
