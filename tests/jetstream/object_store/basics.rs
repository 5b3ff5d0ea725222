use std::future::IntoFuture;

use natsws::object_store::{ObjectError, ObjectStoreConfig};
use natsws_tests::within;
use tokio::io::AsyncReadExt;

use super::stage::{Stage, bytes};

const CHUNK: usize = 128 * 1024;

#[tokio::test]
async fn what_is_put_can_be_read_and_deleted() {
    let stage = Stage::new().await;
    let files = &stage.files;
    let content = bytes(3 * CHUNK + 5);
    let put = files
        .put("report.pdf", &content[..])
        .description("of June")
        .header("Content-Type", "application/pdf")
        .metadata("owner", "sales");
    let info = within("the put", put.into_future()).await.expect("put");
    assert_eq!((info.size, info.chunks, info.bucket.as_str()), (393_221, 4, "files"));
    assert_eq!(stage.chunks(&info.id).await, 4);
    let known = files.info("report.pdf").await.expect("it is there");
    assert_eq!(known.digest, info.digest);
    assert_eq!((known.revision, known.revision), (info.revision, 5));
    assert_eq!(known.description.as_deref(), Some("of June"));
    assert_eq!(known.header("Content-Type"), Some("application/pdf"));
    assert_eq!(known.metadata["owner"], "sales");
    assert_eq!(known.chunk_size(), Some(131_072));

    let read = within("the bytes", files.get_bytes("report.pdf")).await.expect("read");
    assert!(read == content);
    let mut object = files.get("report.pdf").await.expect("opened");
    assert_eq!(object.info(), &known);
    let mut read = Vec::new();
    within("the bytes", object.read_to_end(&mut read)).await.expect("read");
    assert!(read == content);

    files.delete("report.pdf").await.expect("deleted");
    assert_eq!(stage.chunks(&info.id).await, 0);
    let error = files.info("report.pdf").await.expect_err("deleted");
    assert!(matches!(&error, ObjectError::NotFound { name, .. } if name == "report.pdf"));
    assert!(files.get("report.pdf").await.expect_err("deleted").is_not_found());
    let mark = files.info_or_mark("report.pdf").await.expect("a mark");
    assert_eq!((mark.deleted, mark.size, mark.chunks, mark.digest), (true, 0, 0, None));
    files.delete("report.pdf").await.expect("it is deleted");
    let error = files.delete("none").await.expect_err("there never was one");
    assert!(error.is_not_found(), "{error:?}");
}

#[tokio::test]
async fn an_empty_object_is_an_object() {
    let stage = Stage::new().await;
    let info = stage.files.put("empty", tokio::io::empty()).await.expect("put");
    assert_eq!((info.size, info.chunks), (0, 0));
    let digest = "SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=";
    assert_eq!(info.digest.as_deref(), Some(digest));
    assert!(stage.files.get_bytes("empty").await.expect("read").is_empty());
    let mut object = stage.files.get("empty").await.expect("opened");
    assert!(object.next().await.is_none());
}

#[tokio::test]
async fn stores_are_made_opened_listed_and_deleted() {
    let stage = Stage::new().await;
    let js = &stage.js;
    js.create_stream(natsws::jetstream::StreamConfig::new("OBJECTS").subjects(["objects"]))
        .await
        .expect("made");
    js.create_object_store(ObjectStoreConfig::new("pictures")).await.expect("made");
    js.create_object_store(ObjectStoreConfig::new("pictures")).await.expect("it is the same");
    let mut names = js.object_store_names().await.expect("listed");
    names.sort();
    assert_eq!(names, ["files", "pictures"]);
    stage.files.put_bytes("a", "1").await.expect("put");
    let stores = js.object_stores().await.expect("listed");
    let stores: Vec<_> = stores.iter().map(|it| (it.bucket.as_str(), it.size > 0)).collect();
    assert_eq!(stores, [("files", true), ("pictures", false)]);
    let described = ObjectStoreConfig::new("pictures").description("of June");
    let pictures = js.update_object_store(described.clone()).await.expect("changed");
    let status = pictures.status().await.expect("known");
    assert_eq!(status.description.as_deref(), Some("of June"));
    assert_eq!(js.object_store("pictures").await.expect("opened").bucket(), "pictures");
    js.delete_object_store("pictures").await.expect("deleted");
    let error = js.object_store("pictures").await.expect_err("deleted");
    assert!(matches!(error, ObjectError::StoreNotFound { bucket } if bucket == "pictures"));
    let error = js.update_object_store(described).await.expect_err("deleted");
    assert!(error.is_not_found(), "{error:?}");
    let error = js.create_object_store(ObjectStoreConfig::new("a.b")).await.expect_err("no name");
    assert!(matches!(error, ObjectError::Name(_)), "{error:?}");
}
