use std::future::IntoFuture;

use futures_util::StreamExt;
use natsws::object_store::{ObjectError, ObjectStoreConfig};
use natsws_tests::{Server, within};

use super::stage::{Stage, bytes};

#[tokio::test]
async fn a_sealed_store_is_read_and_not_changed() {
    let stage = Stage::new().await;
    let files = &stage.files;
    let info = files.put_bytes("a", "A").await.expect("put");
    assert!(files.seal().await.expect("sealed").sealed);
    assert!(files.status().await.expect("known").sealed);
    assert_eq!(files.get_bytes("a").await.expect("read"), "A");
    assert_eq!(
        files.list().await.expect("listed").into_vec().await.expect("listed"),
        [files.info("a").await.expect("known")]
    );
    for (what, refused) in [
        ("put", files.put_bytes("b", "B").await.map(drop)),
        ("put empty", files.put_bytes("b", "").await.map(drop)),
        ("delete", files.delete("a").await),
        ("update", files.update("a").description("x").await.map(drop)),
        ("link", files.link("b", &info).await.map(drop)),
    ] {
        match refused {
            Err(ObjectError::Sealed { bucket, source }) => {
                assert_eq!((bucket.as_str(), source.err_code), ("files", 10109), "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_store_that_is_full_says_so_and_keeps_what_it_has() {
    let config = ObjectStoreConfig::new("files").max_bytes(1 << 20);
    let stage = Stage::with(Server::builder(), config).await;
    let files = &stage.files;
    files.put_bytes("a", bytes(1000)).await.expect("put");
    let put = files.put_bytes("a", bytes(2 << 20));
    match within("the refusal", put.into_future()).await {
        Err(ObjectError::Full { bucket, source }) => {
            assert_eq!((bucket.as_str(), source.err_code), ("files", 10077));
        }
        other => panic!("{other:?}"),
    }
    assert!(files.get_bytes("a").await.expect("read") == bytes(1000));
    assert_eq!(stage.count("$O.files.>").await, 2);
    files.put_bytes("b", bytes(500_000)).await.expect("there is room again");
}

#[tokio::test]
async fn a_store_that_is_gone_is_named_whatever_is_done() {
    let stage = Stage::new().await;
    let files = &stage.files;
    let info = files.put_bytes("a", "A").await.expect("put");
    stage.js.delete_object_store("files").await.expect("deleted");
    let gone = async {
        [
            ("put", files.put_bytes("a", "A").await.map(drop)),
            ("get", files.get("a").await.map(drop)),
            ("info", files.info("a").await.map(drop)),
            ("delete", files.delete("a").await),
            ("list", files.list().await.map(drop)),
            ("watch", files.watch().await.map(drop)),
            ("update", files.update("a").rename("b").await.map(drop)),
            ("link", files.link("b", &info).await.map(drop)),
            ("link_store", files.link_store("b", files).await.map(drop)),
            ("seal", files.seal().await.map(drop)),
            ("status", files.status().await.map(drop)),
            ("delete_object_store", stage.js.delete_object_store("files").await),
        ]
    };
    for (what, refused) in within("the refusals", gone).await {
        match refused {
            Err(ObjectError::StoreNotFound { bucket }) => assert_eq!(bucket, "files", "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_store_that_goes_while_something_is_put_is_named() {
    let stage = Stage::new().await;
    let parts = futures_util::stream::iter(0..20).then(|number| {
        let js = stage.js.clone();
        async move {
            if number == 10 {
                js.delete_object_store("files").await?;
            }
            Ok::<_, ObjectError>(vec![0_u8; 1000])
        }
    });
    let put = stage.files.put_stream("a", parts).chunk_size(1000);
    match within("the refusal", put.into_future()).await {
        Err(ObjectError::StoreNotFound { bucket }) => assert_eq!(bucket, "files"),
        other => panic!("{other:?}"),
    }
}
