//! R62: what is not as it was put is an error.

use std::io;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use natsws::object_store::ObjectError;
use natsws_tests::within;
use tokio::io::AsyncReadExt;

use super::stage::{Stage, bytes};

/// The SHA-256 of `abcdef`.
const DIGEST: &str = "bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721";

/// Stores an object as some other client, right or wrong.
async fn store(stage: &Stage, chunks: &[&str], size: u64, count: u64, digest: &str) {
    stage.ask("STREAM.PURGE", "").await;
    for chunk in chunks {
        stage.publish("$O.files.C.other", chunk.as_bytes()).await;
    }
    let meta = serde_json::json!({
        "name": "a", "bucket": "files", "nuid": "other",
        "size": size, "chunks": count, "digest": digest,
    });
    stage.publish("$O.files.M.YQ==", meta.to_string().as_bytes()).await;
}

async fn read(stage: &Stage) -> Result<String, ObjectError> {
    let read = within("the bytes", stage.files.get_bytes("a")).await?;
    Ok(String::from_utf8(read.to_vec()).expect("text"))
}

#[tokio::test]
async fn every_form_of_a_digest_is_checked() {
    let stage = Stage::new().await;
    let sum = HEXLOWER.decode(DIGEST.as_bytes()).expect("hexadecimal");
    for digest in [
        BASE64URL.encode(&sum),
        BASE64URL_NOPAD.encode(&sum),
        BASE64.encode(&sum),
        BASE64_NOPAD.encode(&sum),
        HEXUPPER.encode(&sum),
        HEXLOWER.encode(&sum),
    ] {
        let digest = format!("SHA-256={digest}");
        store(&stage, &["abc", "def"], 6, 2, &digest).await;
        assert_eq!(read(&stage).await.expect("right"), "abcdef", "{digest}");
        store(&stage, &["abc", "deF"], 6, 2, &digest).await;
        match read(&stage).await {
            Err(ObjectError::Digest { name, expected, actual }) => {
                assert_eq!((name.as_str(), &expected), ("a", &digest));
                assert!(actual.starts_with("SHA-256="), "{actual}");
            }
            other => panic!("{other:?}"),
        }
    }
    for digest in ["", "MD5=abc", "SHA-256=abc", "SHA-256="] {
        store(&stage, &["abcdef"], 6, 1, digest).await;
        match read(&stage).await {
            Err(ObjectError::UnknownDigest { digest: told, .. }) => assert_eq!(told, digest),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn chunks_in_another_order_are_told_by_the_digest() {
    let stage = Stage::new().await;
    let digest = format!("SHA-256={DIGEST}");
    store(&stage, &["def", "abc"], 6, 2, &digest).await;
    assert!(matches!(read(&stage).await, Err(ObjectError::Digest { .. })));
}

#[tokio::test]
async fn what_has_another_size_than_was_put_is_not_whole() {
    let stage = Stage::new().await;
    let digest = format!("SHA-256={DIGEST}");
    for (what, chunks, size, count, came) in [
        ("a chunk is missing", &["abc"][..], 6, 2, (3, 1)),
        ("all are missing", &[], 6, 2, (0, 0)),
        ("a chunk is too short", &["abc", "de"], 6, 2, (5, 2)),
        ("a chunk is too long", &["abcd", "def"], 6, 2, (7, 2)),
        ("it is smaller than said", &["abc", "def"], 7, 2, (6, 2)),
        ("there are fewer than said", &["abc", "def"], 6, 3, (6, 2)),
        ("there are more than said", &["abc", "def"], 6, 1, (3, 1)),
        ("it has no chunks", &[], 6, 0, (0, 0)),
        ("its size is absurd", &["abc", "def"], u64::MAX, 2, (6, 2)),
        ("its chunks are absurd", &["abc", "def"], 6, u64::MAX, (6, 2)),
    ] {
        store(&stage, chunks, size, count, &digest).await;
        match read(&stage).await {
            Err(ObjectError::Incomplete { size: told, chunks, read, chunks_read, .. }) => {
                assert_eq!((told, chunks, (read, chunks_read)), (size, count, came), "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_chunk_that_is_lost_later_is_missed_at_the_end() {
    let stage = Stage::new().await;
    for (lost, read) in [(1, 9000), (5, 9000), (10, 9000)] {
        stage.ask("STREAM.PURGE", "").await;
        let info = stage.files.put_bytes("a", bytes(10_000)).chunk_size(1000).await.expect("put");
        let sequence = info.revision - 11 + lost;
        stage.ask("STREAM.MSG.DELETE", &format!(r#"{{"seq":{sequence}}}"#)).await;
        let mut object = stage.files.get("a").await.expect("opened");
        let mut all = Vec::new();
        let error = within("the end", object.read_to_end(&mut all)).await.expect_err("a gap");
        assert_eq!((error.kind(), all.len()), (io::ErrorKind::UnexpectedEof, read));
        let error = error.downcast::<ObjectError>().expect("it is one");
        assert!(error.is_damaged(), "{error:?}");
        assert!(object.next().await.is_none());
    }
}
