//! What neither or only one of both can do: names, sealed stores and damaged objects.

use natsws::jetstream::ApiError;
use natsws::object_store::ObjectError;
use serde_json::{Value, json};

use super::{list, stage};
use crate::javascript::base64;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn names_are_any_text_in_ascii_and_theirs_lose_the_rest() {
    let (mut stage, files) = stage().await;
    for name in ["a", "a b", "a.b>*", "blob?>~~~", "$/\\\"'\t\r\n"] {
        files.put_bytes(name, "ours").await.expect("put");
        let asked = json!({ "store": "files", "name": name });
        assert_eq!(stage.theirs.can("getBytes", asked).await, base64("ours"), "{name}");
        let info = json!({ "name": name });
        let given = json!({ "store": "files", "info": info, "bytes": base64("theirs") });
        stage.theirs.can("putBytes", given).await;
        assert_eq!(&files.get_bytes(name).await.expect("read")[..], b"theirs");
    }
    // Theirs writes a name as Latin-1, and has none beyond that; all other clients write UTF-8
    // (ADR-20). So there are two objects of one name here, which each client finds by its own.
    files.put_bytes("größe", "ours").await.expect("put");
    let asked = json!({ "store": "files", "name": "größe" });
    assert_eq!(stage.theirs.can("info", asked.clone()).await, Value::Null);
    let info = json!({ "name": "größe" });
    let given = json!({ "store": "files", "info": info, "bytes": base64("theirs") });
    stage.theirs.can("putBytes", given).await;
    assert_eq!(&files.get_bytes("größe").await.expect("read")[..], b"ours");
    assert_eq!(stage.theirs.can("getBytes", asked).await, base64("theirs"));
    files.put_bytes("漢字", "ours").await.expect("put");
    let asked = json!({ "store": "files", "name": "漢字" });
    assert_eq!(stage.theirs.cannot("getBytes", asked).await, "Invalid character");
    // Lists go by what is written in the objects, and have them all.
    let ours: Vec<_> = list(&files).await.into_iter().map(|info| info.name).collect();
    assert_eq!(ours[5..], ["größe", "größe", "漢字"]);
    let theirs = stage.theirs.can("list", json!({ "store": "files" })).await;
    let theirs = theirs.as_array().expect("a list").iter();
    let theirs: Vec<_> = theirs.map(|info| info["name"].as_str().expect("a name")).collect();
    assert_eq!(theirs, ours);
    // No name at all is none to both.
    assert!(matches!(files.info("").await, Err(ObjectError::ObjectName { len: 0, .. })));
    let asked = json!({ "store": "files", "name": "" });
    assert_eq!(stage.theirs.cannot("info", asked).await, "name cannot be empty");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn what_one_seals_the_other_can_only_read() {
    let (mut stage, files) = stage().await;
    stage.theirs.can("create", json!({ "name": "theirs", "options": {} })).await;
    let theirs = stage.js.object_store("theirs").await.expect("there");
    for store in [&files, &theirs] {
        store.put_bytes("a", "1").await.expect("put");
    }
    assert!(files.seal().await.expect("sealed").sealed);
    assert_eq!(stage.theirs.can("seal", json!({ "store": "theirs" })).await, true);
    for store in [&files, &theirs] {
        let name = store.bucket();
        assert!(store.status().await.expect("there").sealed);
        let asked = json!({ "store": name, "name": "a" });
        assert_eq!(stage.theirs.can("status", asked.clone()).await["sealed"], true);
        assert_eq!(&store.get_bytes("a").await.expect("read")[..], b"1");
        assert_eq!(stage.theirs.can("getBytes", asked.clone()).await, base64("1"));
        let refused = [store.put_bytes("b", "2").await.err(), store.delete("a").await.err()];
        let words = refused.map(|error| match error {
            Some(ObjectError::Sealed { bucket, source }) => {
                assert_eq!((bucket.as_str(), source.err_code), (name, ApiError::SEALED));
                source.description
            }
            other => panic!("{other:?}"),
        });
        let info = json!({ "name": "b" });
        let given = json!({ "store": name, "info": info, "bytes": base64("2") });
        assert_eq!(stage.theirs.cannot("putBytes", given).await, words[0]);
        assert_eq!(stage.theirs.cannot("delete", asked).await, words[1]);
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn both_refuse_an_object_that_is_damaged() {
    let (mut stage, files) = stage().await;
    files.put_bytes("ours", "abcdef").chunk_size(2).await.expect("put");
    let info = json!({ "name": "theirs", "options": { "max_chunk_size": 2 } });
    let given = json!({ "store": "files", "info": info, "bytes": base64("abcdef") });
    stage.theirs.can("putBytes", given).await;
    let stream = stage.js.stream("OBJ_files").await.expect("there");
    for name in ["ours", "theirs"] {
        let info = files.info(name).await.expect("there");
        let chunks = format!("$O.files.C.{}", info.id);
        let asked = json!({ "store": "files", "name": name });
        assert_eq!(stage.theirs.can("getBytes", asked.clone()).await, base64("abcdef"));
        for damaged in
            [&["ab", "cd", "eF"][..], &["cd", "ab", "ef"], &["ab", "cd"], &["ab", "cdef", "g"]]
        {
            stream.purge().filter(&chunks).await.expect("purged");
            for chunk in damaged {
                stage.js.publish_bytes(&chunks, *chunk).await.expect("stored");
            }
            let error = files.get_bytes(name).await.expect_err("damaged");
            assert!(error.is_damaged(), "{damaged:?}: {error:?}");
            let error = stage.theirs.cannot("getBytes", asked.clone()).await;
            assert!(error.starts_with("received a corrupt object"), "{damaged:?}: {error}");
        }
    }
    stage.end().await;
}
