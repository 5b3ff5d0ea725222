//! Buckets: what one library makes and writes is the same to the other.

mod keys;

use std::time::Duration;

use natsws::bytes::Bytes;
use natsws::codec::Raw;
use natsws::jetstream::{Republish, Storage};
use natsws::kv::{Bucket, BucketConfig, BucketStatus, Change, KeyValueError, Operation, Watch};
use natsws_tests::within;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::javascript::{Stage, base64, millis};

type Bytewise = Bucket<Bytes, Raw>;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Settings {
    theme: String,
    sizes: Vec<u64>,
}

/// The stage with a bucket of ours that both work with.
async fn stage(config: BucketConfig) -> (Stage, Bytewise) {
    let mut stage = Stage::new("key_value.mjs").await;
    let bucket = stage.js.create_key_value(config).await.expect("made");
    stage.theirs.can("open", json!({ "name": bucket.name() })).await;
    (stage, bucket)
}

/// A status as the script says it.
fn said(status: &BucketStatus) -> Value {
    let config = status.config();
    let ms = |time: Option<Duration>| time.map_or(0, |time| time.as_millis());
    let limit = |bytes: Option<u64>| bytes.map_or_else(|| json!(-1), |bytes| json!(bytes));
    let republish = Republish::new("", "");
    json!({
        "bucket": status.bucket(), "description": config.description.clone().unwrap_or_default(),
        "values": status.values(), "size": status.bytes(), "history": status.history(),
        "ttl": ms(status.ttl()), "max_bytes": limit(config.max_bytes),
        "maxValueSize": limit(config.max_value_size.map(u64::from)),
        "markerTTL": ms(status.limit_marker_ttl()), "storage": status.storage(),
        "replicas": status.replicas(), "compression": status.is_compressed(),
        "metadata": config.metadata,
        "republish": {
            "src": config.republish.as_ref().unwrap_or(&republish).source,
            "dest": config.republish.as_ref().unwrap_or(&republish).destination,
        },
    })
}

/// A change in one line: what, of which key, its number, and the value in Base64.
fn line(change: &Change<Bytes>) -> String {
    let operation = match change.operation() {
        Operation::Put => "PUT",
        Operation::Delete => "DEL",
        Operation::Purge => "PURGE",
        other => panic!("{other:?}"),
    };
    let value = change.value().map(base64).unwrap_or_default();
    format!("{} {operation} {} {value}", change.revision(), change.key())
}

fn their_line(entry: &Value) -> String {
    let text = |key: &str| entry[key].as_str().expect("a text");
    format!("{} {} {} {}", entry["revision"], text("operation"), text("key"), text("value"))
}

fn their_lines(entries: &Value) -> Vec<String> {
    entries.as_array().expect("a list").iter().map(their_line).collect()
}

/// So many changes, without the mark that all was told.
async fn lines(watch: &mut Watch<Bytes, Raw>, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < count {
        let told = within("a change", watch.next()).await.expect("one").expect("good");
        lines.extend(told.into_change().as_ref().map(line));
    }
    lines
}

async fn keys(bucket: &Bytewise, filter: &str) -> Vec<String> {
    let keys = bucket.keys().filter(filter).await.expect("listing");
    let mut keys = within("the keys", keys.into_vec()).await.expect("listed");
    keys.sort();
    keys
}

fn put(key: &str, value: impl AsRef<[u8]>) -> Value {
    json!({ "key": key, "value": base64(value) })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn a_bucket_says_the_same_of_itself_to_both() {
    let mut stage = Stage::new("key_value.mjs").await;
    let config = |name: &str| {
        BucketConfig::new(name)
            .description("what people chose")
            .history(7)
            .ttl(600 * SECOND)
            .max_bytes(1 << 20)
            .max_value_size(4096)
            .storage(Storage::Memory)
            .republish(Republish::new("$KV.>", "again.>"))
            .metadata([("team", "sales")])
            .limit_marker_ttl(60 * SECOND)
    };
    let options = json!({
        "description": "what people chose", "history": 7, "ttl": 600_000, "max_bytes": 1 << 20,
        "maxValueSize": 4096, "storage": "memory",
        "republish": { "src": "$KV.>", "dest": "again.>" },
        "metadata": { "team": "sales" }, "markerTTL": 60_000,
    });
    stage.theirs.can("create", json!({ "name": "theirs", "options": options })).await;
    stage.theirs.can("put", put("a", "1")).await;
    let theirs = stage.js.key_value("theirs").await.expect("there");
    let status = theirs.status().await.expect("there");
    assert_eq!((status.history(), status.values()), (7, 1));
    assert_eq!(status.limit_marker_ttl(), Some(60 * SECOND));
    assert_eq!(said(&status), stage.theirs.can("status", json!({})).await);
    let mut theirs_config = stage.theirs.can("config", json!({})).await;

    let ours = stage.js.create_key_value(config("ours")).await.expect("made");
    ours.put("a", "1").await.expect("written");
    stage.theirs.can("open", json!({ "name": "ours" })).await;
    let status = ours.status().await.expect("there");
    let expected = stage.theirs.can("status", json!({})).await;
    assert_eq!(said(&status), expected);
    assert_eq!((&expected["values"], &expected["ttl"]), (&json!(1), &json!(600_000)));

    // Both make the same stream of it, but that ours forbids to delete single messages (ADR-8).
    let mut ours_config = stage.theirs.can("config", json!({})).await;
    for config in [&mut ours_config, &mut theirs_config] {
        let config = config.as_object_mut().expect("a map");
        config.remove("name");
        config.remove("subjects");
    }
    assert_eq!(ours_config["deny_delete"].take(), true);
    assert_eq!(theirs_config["deny_delete"].take(), false);
    assert_eq!(ours_config, theirs_config);

    // So theirs takes what ours has made. Ours says that the other is not as it would be made, and
    // leaves that as it is where it is told to change it.
    stage.theirs.can("create", json!({ "name": "ours", "options": options })).await;
    match stage.js.create_key_value(config("theirs")).await {
        Err(KeyValueError::BucketExists { bucket, .. }) => assert_eq!(bucket, "theirs"),
        other => panic!("{other:?}"),
    }
    let kept = stage.js.create_or_update_key_value(config("theirs")).await.expect("changed");
    let kept = kept.status().await.expect("there");
    assert!(!kept.stream_info().config.deny_delete);

    let mut listed: Vec<String> =
        serde_json::from_value(stage.theirs.can("list", json!({})).await).expect("names");
    listed.sort();
    assert_eq!(listed, ["ours", "theirs"]);
    assert_eq!(stage.js.key_value_names().await.expect("listed"), listed);
    stage.theirs.can("destroy", json!({})).await;
    assert_eq!(stage.js.key_value_names().await.expect("listed"), ["theirs"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn both_write_one_bucket_and_see_the_same_history() {
    let (mut stage, bucket) = stage(BucketConfig::new("b").history(5)).await;
    let mut watch = bucket.watch_all().await.expect("watching");
    stage.theirs.can("watch", json!({ "options": {} })).await;

    let all = [
        "1 PUT a MQ==",
        "2 PUT a Mg==",
        "3 PUT a Mw==",
        "4 PUT a NA==",
        "5 PUT b.x ",
        "6 PUT b.y AP8NCg==",
        "7 DEL a ",
        "8 PURGE b.x ",
        "9 PUT b.x NQ==",
        "10 PUT a Ng==",
        "11 DEL b.y ",
        "12 PURGE a ",
        "13 DEL b.x ",
        "14 PUT c Nw==",
    ];
    for (revision, expected) in (1_u64..).zip(all) {
        let theirs = &mut stage.theirs;
        match revision {
            1 => assert_eq!(bucket.put("a", "1").await.expect("written"), 1),
            2 => assert_eq!(theirs.can("put", put("a", "2")).await, 2),
            3 => assert_eq!(bucket.update("a", "3", 2).await.expect("written"), 3),
            4 => {
                let update = json!({ "key": "a", "value": base64("4"), "revision": 3 });
                assert_eq!(theirs.can("update", update).await, 4);
            }
            5 => assert_eq!(bucket.create("b.x", "").await.expect("written"), 5),
            6 => assert_eq!(theirs.can("create_key", put("b.y", b"\x00\xff\r\n")).await, 6),
            7 => assert_eq!(bucket.delete("a").await.expect("deleted"), 7),
            8 => assert_eq!(theirs.can("purge", json!({ "key": "b.x" })).await, Value::Null),
            // Each makes anew what the other has taken away.
            9 => assert_eq!(bucket.create("b.x", "5").await.expect("written"), 9),
            10 => assert_eq!(theirs.can("create_key", put("a", "6")).await, 10),
            11 => assert_eq!(theirs.can("delete", json!({ "key": "b.y" })).await, Value::Null),
            12 => {
                let purge = bucket.purge("a").expect_revision(10);
                assert_eq!(purge.await.expect("purged"), 12);
            }
            13 => {
                let given = json!({ "key": "b.x", "options": { "previousSeq": 9 } });
                assert_eq!(theirs.can("delete", given).await, Value::Null);
            }
            _ => assert_eq!(theirs.can("put", put("c", "7")).await, 14),
        }
        // Both hear of it before a later purge takes it out.
        assert_eq!(lines(&mut watch, 1).await, [expected]);
        assert_eq!(their_lines(&theirs.can("heard", json!({ "count": 1 })).await), [expected]);
    }

    // What is left of it, with how much of it is still to come.
    for (filter, left) in [
        (">", &[6, 8, 9, 11, 12, 13, 14][..]),
        ("b.*", &[6, 8, 9, 11, 13]),
        ("a", &[12]),
        ("none", &[]),
    ] {
        let left: Vec<_> = left.iter().map(|revision| all[revision - 1]).collect();
        let history = bucket.history(filter).await.expect("reading");
        let ours = within("the history", history.into_vec()).await.expect("read");
        let theirs = stage.theirs.can("history", json!({ "key": filter })).await;
        assert_eq!(ours.iter().map(line).collect::<Vec<_>>(), left);
        assert_eq!(their_lines(&theirs), left);
        let deltas = |count: usize| (0..count as u64).rev().collect::<Vec<_>>();
        assert_eq!(ours.iter().map(Change::delta).collect::<Vec<_>>(), deltas(ours.len()));
        let theirs = theirs.as_array().expect("a list").iter();
        let theirs: Vec<_> = theirs.map(|entry| entry["delta"].as_u64().expect("one")).collect();
        assert_eq!(theirs, deltas(ours.len()));
    }
    for key in ["a", "b.x", "b.y", "c"] {
        let change = bucket.last_change(key).await.expect("read").expect("there");
        for direct in [true, false] {
            stage.theirs.can("open", json!({ "name": "b", "direct": direct })).await;
            let theirs = stage.theirs.can("get", json!({ "key": key })).await;
            assert_eq!(their_line(&theirs), line(&change));
            assert_eq!(theirs["millis"], millis(change.created()));
        }
        // Ours gives what has a value; theirs what was last, and whoever reads it has to look.
        let value = bucket.get(key).await.expect("read");
        assert_eq!(value.map(|entry| entry.revision), (key == "c").then_some(14));
    }
    let old = bucket.get("b.x").revision(9).await.expect("read").expect("there");
    let theirs = stage.theirs.can("get", json!({ "key": "b.x", "revision": 9 })).await;
    assert_eq!((&old.value[..], their_line(&theirs).as_str()), (&b"5"[..], all[8]));
    assert_eq!(stage.theirs.can("get", json!({ "key": "none" })).await, Value::Null);
    assert!(bucket.last_change("none").await.expect("read").is_none());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn watches_of_both_begin_where_they_are_told_to() {
    let mut stage = Stage::new("key_value.mjs").await;
    let cases = [
        (
            json!({ "key": "a.*", "include": "history" }),
            &["1 PUT a.x MQ==", "2 PUT a.y Mg==", "3 PUT a.x Mw==", "5 DEL a.y "][..],
        ),
        (json!({ "key": ["a.x", "b"] }), &["3 PUT a.x Mw==", "4 PUT b NA=="]),
        (json!({ "resumeFromRevision": 4 }), &["4 PUT b NA==", "5 DEL a.y ", "7 PURGE c "]),
        (json!({ "include": "updates" }), &[]),
        (json!({ "ignoreDeletes": true }), &["3 PUT a.x Mw==", "4 PUT b NA=="]),
    ];
    for (case, (options, expected)) in cases.into_iter().enumerate() {
        let config = BucketConfig::new(format!("b{case}")).history(5);
        let bucket = stage.js.create_key_value(config).await.expect("made");
        stage.theirs.can("open", json!({ "name": bucket.name() })).await;
        bucket.put("a.x", "1").await.expect("written");
        stage.theirs.can("put", put("a.y", "2")).await;
        bucket.put("a.x", "3").await.expect("written");
        stage.theirs.can("put", put("b", "4")).await;
        bucket.delete("a.y").await.expect("deleted");
        stage.theirs.can("put", put("c", "6")).await;
        bucket.purge("c").await.expect("purged");

        let watch = match case {
            0 => bucket.watch("a.*").include_history(),
            1 => bucket.watch("a.x").filter("b"),
            2 => bucket.watch_all().resume_from(4),
            3 => bucket.watch_all().updates_only(),
            _ => bucket.watch_all().ignore_deletes(),
        };
        let mut watch = watch.await.expect("watching");
        stage.theirs.can("watch", json!({ "options": options })).await;
        stage.theirs.can("put", put("a.x", "8")).await;
        let mut expected = expected.to_vec();
        expected.push("8 PUT a.x OA==");
        assert_eq!(lines(&mut watch, expected.len()).await, expected, "{options}");
        if case == 4 {
            // A purge is a deletion to ours, and none to theirs.
            expected.insert(2, "7 PURGE c ");
        }
        let heard = stage.theirs.can("heard", json!({ "count": expected.len() })).await;
        assert_eq!(their_lines(&heard), expected, "{options}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn of_both_only_the_one_that_knows_the_revision_writes() {
    let (mut stage, bucket) = stage(BucketConfig::new("b")).await;
    bucket.put("a", "1").await.expect("written");
    stage.theirs.can("put", put("a", "2")).await;
    match bucket.create("a", "new").await {
        Err(KeyValueError::KeyExists { key, revision }) => assert_eq!((&*key, revision), ("a", 2)),
        other => panic!("{other:?}"),
    }
    match bucket.update("a", "new", 1).await {
        Err(KeyValueError::WrongRevision { key, expected, current }) => {
            assert_eq!((&*key, expected, current), ("a", 1, Some(2)));
        }
        other => panic!("{other:?}"),
    }
    let words = "wrong last sequence: 2";
    assert_eq!(stage.theirs.cannot("create_key", put("a", "new")).await, words);
    let update = json!({ "key": "a", "value": "", "revision": 1 });
    assert_eq!(stage.theirs.cannot("update", update).await, words);
    let options = json!({ "previousSeq": 1 });
    for command in ["delete", "purge"] {
        let given = json!({ "key": "a", "options": options });
        assert_eq!(stage.theirs.cannot(command, given).await, words);
    }
    assert!(bucket.delete("a").expect_revision(1).await.is_err_and(|error| error.is_conflict()));
    // For ours revision 0 is a key that is not there; theirs has `create` alone for that.
    assert_eq!(bucket.update("b", "1", 0).await.expect("written"), 3);
    let update = json!({ "key": "c", "value": "", "revision": 0 });
    let error = stage.theirs.cannot("update", update).await;
    assert_eq!(error, "version must be greater than 0");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn values_are_what_they_are_to_both() {
    let (mut stage, bucket) = stage(BucketConfig::new("b")).await;
    let settings = bucket.typed::<Settings>();
    let dark = Settings { theme: "größe \u{1f980}".to_owned(), sizes: vec![0, 1 << 53] };
    settings.put("ours", &dark).await.expect("written");
    let theirs = stage.theirs.can("json", json!({ "key": "ours" })).await;
    assert_eq!(theirs, serde_json::to_value(&dark).expect("it has JSON"));
    // Theirs does not say how a value is encoded, and it is read all the same.
    stage.theirs.can("put", put("theirs", theirs.to_string())).await;
    let entry = settings.get("theirs").await.expect("read").expect("there");
    assert_eq!((entry.value, entry.revision), (dark, 2));

    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    bucket.put("bytes", &bytes).await.expect("written");
    let theirs = stage.theirs.can("get", json!({ "key": "bytes" })).await;
    assert_eq!(theirs["value"], base64(&bytes));
    stage.theirs.can("put", put("bytes", &bytes)).await;
    let ours = bucket.get("bytes").await.expect("read").expect("there");
    assert_eq!((&ours.value[..], ours.revision), (&bytes[..], 4));
    stage.end().await;
}
