use std::time::Duration;

use natsws::jetstream::Storage;
use natsws::object_store::{ObjectError, ObjectStoreConfig};
use natsws_tests::Server;

use super::stage::{Stage, bytes};

#[tokio::test]
async fn a_store_has_the_defaults_of_other_clients() {
    let stage = Stage::new().await;
    stage.files.put_bytes("a", bytes(1000)).await.expect("put");
    let status = stage.files.status().await.expect("known");
    assert_eq!((status.bucket.as_str(), status.replicas, status.ttl), ("files", 1, None));
    assert_eq!((status.storage, status.sealed, status.compression), (Storage::File, false, false));
    assert!(status.size > 1000, "{}", status.size);
    let config = &status.stream.config;
    assert_eq!(config.name, "OBJ_files");
    assert_eq!(config.subjects, ["$O.files.C.>", "$O.files.M.>"]);
    assert!(config.allow_rollup && config.allow_direct);
    assert_eq!(config.discard, natsws::jetstream::Discard::New);
}

#[tokio::test]
async fn a_store_is_what_it_was_told_to_be() {
    let config = ObjectStoreConfig::new("files")
        .description("testing")
        .ttl(Duration::from_secs(60))
        .max_bytes(1 << 20)
        .storage(Storage::Memory)
        .metadata([("team", "sales")]);
    let stage = Stage::with(Server::builder(), config.clone()).await;
    let status = stage.files.status().await.expect("known");
    assert_eq!(status.description.as_deref(), Some("testing"));
    assert_eq!((status.ttl, status.max_bytes), (Some(Duration::from_secs(60)), Some(1 << 20)));
    assert_eq!((status.storage, status.metadata["team"].as_str()), (Storage::Memory, "sales"));

    let config = config.description("other").ttl(Duration::from_secs(600));
    let error = stage.js.create_object_store(config.clone()).await.expect_err("it is another");
    assert_eq!(error.err_code(), Some(10058));
    let files = stage.js.create_or_update_object_store(config).await.expect("changed");
    let status = files.status().await.expect("known");
    assert_eq!(status.description.as_deref(), Some("other"));
    assert_eq!(status.ttl, Some(Duration::from_secs(600)));
    let compressed = ObjectStoreConfig::new("packed").compression(true);
    let packed = stage.js.create_or_update_object_store(compressed).await.expect("made");
    assert!(packed.status().await.expect("known").compression);
}

#[tokio::test]
async fn any_text_is_a_name_but_the_empty_one() {
    let stage = Stage::new().await;
    let files = &stage.files;
    let names = ["blob.txt", "foo bar", " ", "*", ">", "a.b.>", "größe 漢字 🦀", "\r\n", "a/b\\c"];
    for name in names {
        files.put_bytes(name, name).await.expect("put");
    }
    for name in names {
        assert_eq!(files.get_bytes(name).await.expect("read"), name.as_bytes());
        assert_eq!(files.info(name).await.expect("known").name, name);
    }
    let error = files.put_bytes("", "a").await.expect_err("no name");
    assert!(matches!(error, ObjectError::ObjectName { len: 0, .. }), "{error:?}");
    let error = files.put_bytes(&"x".repeat(100_000), "a").await.expect_err("no name");
    assert!(matches!(error, ObjectError::ObjectName { len: 100_000, .. }), "{error:?}");
    // As all clients write it.
    assert_eq!(stage.count("$O.files.M.YmxvYi50eHQ=").await, 1);
    assert_eq!(stage.count("$O.files.M.>").await, 9);
}

#[tokio::test]
async fn what_is_known_of_an_object_can_be_changed_and_its_name_too() {
    let stage = Stage::new().await;
    let files = &stage.files;
    let put = files.put_bytes("a", "A").description("first").header("Tag", "red");
    let before = put.metadata("k", "v").await.expect("put");

    let changed = files.update("a").rename("b").await.expect("renamed");
    assert_eq!((changed.name.as_str(), &changed.id), ("b", &before.id));
    assert!(files.info("a").await.expect_err("it has another name").is_not_found());
    assert!(files.info_or_mark("a").await.expect_err("nothing is left").is_not_found());
    assert_eq!(files.get_bytes("b").await.expect("read"), "A");

    let headers = [("color", "red"), ("color", "blue")];
    files.update("b").headers(headers).metadata([("n", "1")]).await.expect("changed");
    let info = files.info("b").await.expect("known");
    assert_eq!(info.headers["color"], ["red", "blue"]);
    assert_eq!((info.header("Tag"), info.metadata.len()), (None, 1));
    assert_eq!(info.description.as_deref(), Some("first"));
    assert_eq!((info.size, &info.digest), (before.size, &before.digest));
    files.update("b").description("").await.expect("changed");
    assert_eq!(files.info("b").await.expect("known").description, None);
    files.update("b").rename("b").await.expect("it has the name");

    let error = files.update("none").rename("c").await.expect_err("there is none");
    assert!(error.is_not_found(), "{error:?}");
    files.put_bytes("c", "C").await.expect("put");
    let error = files.update("b").rename("c").await.expect_err("it is taken");
    assert!(matches!(&error, ObjectError::Exists { name, .. } if name == "c"), "{error:?}");
    assert_eq!(files.get_bytes("c").await.expect("read"), "C");
    files.delete("c").await.expect("deleted");
    let error = files.update("c").description("x").await.expect_err("it is deleted");
    assert!(matches!(error, ObjectError::Deleted { .. }), "{error:?}");
    files.update("b").rename("c").await.expect("the name is free");
    assert_eq!(files.get_bytes("c").await.expect("read"), "A");
}

#[tokio::test]
async fn what_another_client_says_of_an_object_survives_a_change() {
    let stage = Stage::new().await;
    let info = stage.files.put_bytes("a", "A").await.expect("put");
    let meta = serde_json::json!({
        "name": "a", "bucket": "files", "nuid": info.id, "size": 1, "chunks": 1,
        "digest": info.digest, "mtime": "2020-01-01T00:00:00Z", "revision": 1, "newer": { "field": [1, 2] },
        "options": { "max_chunk_size": 131_072, "encrypted": true },
    });
    let subject = "$O.files.M.YQ==";
    let rollup = stage.client.connection().request(subject, meta.to_string());
    rollup.header("Nats-Rollup", "sub").await.expect("stored");
    stage.files.update("a").description("changed").await.expect("changed");
    let stored = stage.ask("STREAM.MSG.GET", &format!(r#"{{"last_by_subj":"{subject}"}}"#)).await;
    let stored = stored["message"]["data"].as_str().expect("it has data").to_owned();
    let stored = data_encoding::BASE64.decode(stored.as_bytes()).expect("base64");
    let stored: serde_json::Value = serde_json::from_slice(&stored).expect("JSON");
    assert_eq!(stored["newer"], meta["newer"]);
    assert_eq!(stored["options"], meta["options"]);
    assert_eq!(stored["description"], "changed");
    // These would be wrong from now on.
    assert_eq!((stored.get("mtime"), stored.get("revision")), (None, None));
}

#[tokio::test]
async fn a_put_may_expect_what_it_replaces() {
    let stage = Stage::new().await;
    let files = &stage.files;
    let first = files.put_bytes("a", "1").previous_revision(0).await.expect("it is new");
    for wrong in [0, first.revision + 1] {
        let error = files.put_bytes("a", "x").previous_revision(wrong).await.expect_err("wrong");
        assert!(matches!(error, ObjectError::WrongRevision { .. }), "{error:?}");
    }
    let put = files.put_bytes("a", "2").previous_revision(first.revision);
    let second = put.await.expect("it is right");
    assert!(second.revision > first.revision);
    assert_eq!(files.get_bytes("a").await.expect("read"), "2");

    // Somebody else is quicker, while the bytes come.
    let parts =
        futures_util::stream::once(async { files.put_bytes("a", "3").await.map(|_| "late") });
    let put = files.put_stream("a", parts).previous_revision(second.revision);
    let error = put.await.expect_err("it is another now");
    assert!(matches!(error, ObjectError::WrongRevision { .. }), "{error:?}");
    assert_eq!(error.err_code(), Some(10071));
    assert_eq!(files.get_bytes("a").await.expect("read"), "3");
    assert_eq!(stage.count("$O.files.C.>").await, 1);
}

#[tokio::test]
async fn a_list_has_what_is_there_and_ends() {
    let stage = Stage::new().await;
    let files = &stage.files;
    assert_eq!(files.list().await.expect("listed").into_vec().await.expect("listed"), []);
    for name in ["a", "b", "c"] {
        files.put_bytes(name, name).await.expect("put");
    }
    files.delete("b").await.expect("deleted");
    let names = |infos: Vec<natsws::object_store::ObjectInfo>| {
        infos.into_iter().map(|info| (info.name, info.deleted)).collect::<Vec<_>>()
    };
    let listed = files.list().await.expect("listed").into_vec().await.expect("listed");
    assert_eq!(listed[0], files.info("a").await.expect("known"));
    assert_eq!(names(listed), [("a".to_owned(), false), ("c".to_owned(), false)]);
    let all = files.list().include_deleted().await.expect("listed").into_vec().await;
    assert_eq!(names(all.expect("listed"))[2], ("b".to_owned(), true));
}

#[tokio::test]
async fn a_list_is_as_long_as_it_is() {
    let stage = Stage::new().await;
    for number in 0..1200 {
        let name = format!("object {number}");
        let encoded = data_encoding::BASE64URL.encode(name.as_bytes());
        let meta = format!(r#"{{"name":"{name}","bucket":"files"}}"#);
        let subject = format!("$O.files.M.{encoded}");
        stage.client.connection().publish(&subject, meta).await.expect("sent");
    }
    stage.client.connection().flush().await.expect("flushed");
    natsws_tests::eventually("all of them", async || {
        (stage.stream().await.state.messages == 1200).then_some(())
    })
    .await;
    let list = stage.files.list().await.expect("listed").into_vec().await.expect("listed");
    let names: Vec<_> = list.into_iter().map(|info| info.name).collect();
    let all: Vec<_> = (0..1200).map(|number| format!("object {number}")).collect();
    assert!(names == all, "{} of them", names.len());
}

#[tokio::test]
async fn what_cannot_be_understood_is_told_and_the_list_goes_on() {
    let stage = Stage::new().await;
    stage.publish("$O.files.M.YQ==", b"garbage").await;
    stage.files.put_bytes("b", "B").await.expect("put");
    let mut list = stage.files.list().await.expect("listed");
    assert!(matches!(list.next().await, Some(Err(ObjectError::Info(_)))));
    assert_eq!(list.next().await.expect("one more").expect("understood").name, "b");
    assert!(list.next().await.is_none());
    assert!(matches!(stage.files.info("a").await, Err(ObjectError::Info(_))));
}
