use natsws::object_store::{ObjectError, ObjectStoreConfig};
use natsws_tests::within;

use super::stage::Stage;

#[tokio::test]
async fn a_link_is_followed_once_in_its_store_and_to_others() {
    let stage = Stage::new().await;
    let files = &stage.files;
    let other = stage.js.create_object_store(ObjectStoreConfig::new("other")).await.expect("made");
    let here = files.put_bytes("here", "in this store").await.expect("put");
    let there = other.put_bytes("there", "in the other").await.expect("put");

    let link = files.link("a", &here).await.expect("linked");
    assert_eq!(link.link().map(|link| link.bucket.as_str()), Some("files"));
    files.link("b", &there).await.expect("linked");
    assert_eq!(files.get_bytes("a").await.expect("read"), "in this store");
    assert_eq!(files.get_bytes("b").await.expect("read"), "in the other");
    assert_eq!(files.get("b").await.expect("opened").info().name, "there");
    let info = files.info("b").await.expect("known");
    let to = info.link().expect("it is a link");
    assert_eq!((to.bucket.as_str(), to.name.as_deref()), ("other", Some("there")));

    // A link is replaced, and what it points to stays.
    files.link("a", &there).await.expect("linked");
    assert_eq!(files.get_bytes("a").await.expect("read"), "in the other");
    files.delete("a").await.expect("deleted");
    assert_eq!(files.get_bytes("here").await.expect("read"), "in this store");
    assert_eq!(other.get_bytes("there").await.expect("read"), "in the other");
    let error = files.get("a").await.expect_err("deleted");
    assert!(error.is_not_found(), "{error:?}");
}

#[tokio::test]
async fn a_link_to_a_store_is_no_object() {
    let stage = Stage::new().await;
    let other = stage.js.create_object_store(ObjectStoreConfig::new("other")).await.expect("made");
    let link = stage.files.link_store("folder", &other).await.expect("linked");
    let to = link.link().expect("it is a link");
    assert_eq!((to.bucket.as_str(), to.name.as_deref()), ("other", None));
    match stage.files.get("folder").await {
        Err(ObjectError::LinkToStore { name, bucket }) => {
            assert_eq!((name.as_str(), bucket.as_str()), ("folder", "other"));
        }
        other => panic!("{other:?}"),
    }
    stage.js.delete_object_store("other").await.expect("deleted");
    let object = other.put_bytes("x", "x").await.expect_err("deleted");
    assert!(matches!(object, ObjectError::StoreNotFound { bucket } if bucket == "other"));
}

#[tokio::test]
async fn what_is_no_target_is_not_linked_and_no_object_is_covered() {
    let stage = Stage::new().await;
    let files = &stage.files;
    let target = files.put_bytes("target", "t").await.expect("put");
    let link = files.link("link", &target).await.expect("linked");
    let error = files.link("again", &link).await.expect_err("it is a link");
    assert!(matches!(&error, ObjectError::LinkToLink { name } if name == "link"), "{error:?}");
    let error = files.link("target", &target).await.expect_err("it has the name");
    assert!(matches!(&error, ObjectError::Exists { name, .. } if name == "target"), "{error:?}");
    let error = files.link_store("target", files).await.expect_err("it has the name");
    assert!(matches!(error, ObjectError::Exists { .. }), "{error:?}");
    files.delete("target").await.expect("deleted");
    let mark = files.info_or_mark("target").await.expect("a mark");
    let error = files.link("late", &mark).await.expect_err("it is deleted");
    assert!(matches!(error, ObjectError::Deleted { .. }), "{error:?}");
    assert!(files.get("link").await.expect_err("its target is gone").is_not_found());
    files.link("target", &files.put_bytes("new", "n").await.expect("put")).await.expect("free");
}

#[tokio::test]
async fn links_in_a_circle_end_with_an_error() {
    let stage = Stage::new().await;
    let files = &stage.files;
    for (subject, name, to) in [("YQ==", "a", "b"), ("Yg==", "b", "a"), ("Yw==", "c", "c")] {
        let meta = serde_json::json!({
            "name": name, "bucket": "files", "nuid": name,
            "options": { "link": { "bucket": "files", "name": to } },
        });
        stage.publish(&format!("$O.files.M.{subject}"), meta.to_string().as_bytes()).await;
    }
    for name in ["a", "b", "c"] {
        let error = files.get(name).await.expect_err("a circle");
        assert!(matches!(error, ObjectError::LinkToLink { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_link_of_another_client_is_in_the_store_where_it_was_found() {
    let stage = Stage::new().await;
    let files = &stage.files;
    let other = stage.js.create_object_store(ObjectStoreConfig::new("other")).await.expect("made");
    other.put_bytes("there", "in the other").await.expect("put");
    let mut watch = files.watch().await.expect("watching");
    // The JavaScript client writes down where a link leads as the store that it is in.
    let meta = serde_json::json!({
        "name": "a", "bucket": "other", "options": { "link": { "bucket": "other", "name": "there" } },
    });
    stage.publish("$O.files.M.YQ==", meta.to_string().as_bytes()).await;

    assert_eq!(files.info("a").await.expect("known").bucket, "files");
    let list = files.list().await.expect("listing").into_vec().await.expect("listed");
    assert_eq!(list[0].bucket, "files");
    let change = within("a change", watch.next()).await.expect("one").expect("good");
    assert_eq!(change.info().map(|info| info.bucket.as_str()), Some("files"));
    let updated = files.update("a").description("new").await.expect("changed");
    assert_eq!(updated.bucket, "files");
    assert_eq!(files.get_bytes("a").await.expect("read"), "in the other");
}
