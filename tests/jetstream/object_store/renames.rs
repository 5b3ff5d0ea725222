//! Renaming, while others put objects and clients end.

use std::future::IntoFuture;

use natsws::Client;
use natsws::object_store::{ObjectError, ObjectStore};
use natsws_tests::{eventually, within};
use serde_json::Value;

use super::stage::Stage;

const OLD: &str = "$O.files.M.YQ==";

/// Has somebody begin to rename `a` to `b`, of which the stream does not hear yet.
async fn half_renamed(stage: &Stage) -> (Client, tokio::task::JoinHandle<Result<(), ObjectError>>) {
    let client = Client::connect(stage.server.nats_url()).await.expect("it connects");
    let files = client.jetstream().object_store("files").await.expect("opened");
    let deaf = stage.stream().await.config.subjects(["$O.files.C.>", OLD]);
    stage.js.update_stream(deaf).await.expect("changed");
    let renaming =
        tokio::spawn(async move { files.update("a").rename("b").into_future().await.map(drop) });
    eventually("the old name is taken away", async || {
        stage.files.info_or_mark("a").await.expect("known").deleted.then_some(())
    })
    .await;
    (client, renaming)
}

async fn hear_all(stage: &Stage) {
    let whole = stage.stream().await.config.subjects(["$O.files.C.>", "$O.files.M.>"]);
    stage.js.update_stream(whole).await.expect("changed");
}

async fn is_gone(files: &ObjectStore, name: &str) -> bool {
    files.info_or_mark(name).await.is_err_and(|error| error.is_not_found())
}

#[tokio::test]
async fn an_object_that_is_put_while_another_gives_its_name_away_takes_nothing_of_it() {
    let stage = Stage::new().await;
    let first = stage.files.put_bytes("a", "first").await.expect("put");
    let (_client, renaming) = half_renamed(&stage).await;
    stage.files.put_bytes("a", "second").await.expect("put");
    hear_all(&stage).await;
    within("the renaming", renaming).await.expect("no panic").expect("renamed");
    assert_eq!(stage.files.info("b").await.expect("known").id, first.id);
    assert_eq!(stage.files.get_bytes("b").await.expect("read"), "first");
    assert_eq!(stage.files.get_bytes("a").await.expect("read"), "second");
    assert_eq!(stage.count("$O.files.>").await, 4);
}

#[tokio::test]
async fn puts_and_renames_at_once_leave_every_object_whole() {
    let stage = Stage::new().await;
    for round in 0..30 {
        let (old, new) = (format!("old{round}"), format!("new{round}"));
        stage.files.put_bytes(&old, "first").await.expect("put");
        let put = stage.files.put_bytes(&old, "second").into_future();
        let rename = stage.files.update(&old).rename(&new).into_future();
        let (put, rename) = within("both", futures_util::future::join(put, rename)).await;
        put.expect("put");
        rename.expect("renamed");
        let mut contents = Vec::new();
        for name in [&old, &new] {
            match stage.files.get_bytes(name).await {
                Ok(bytes) => contents.push(bytes),
                Err(error) => assert!(error.is_not_found(), "{error:?}"),
            }
        }
        assert!(contents.iter().any(|bytes| bytes == "second"), "{contents:?}");
    }
}

#[tokio::test]
async fn what_cannot_have_the_new_name_keeps_the_old_one() {
    let stage = Stage::new().await;
    let small = stage.stream().await.config.max_message_size(1500);
    let small = stage.js.update_stream(small).await.expect("changed");
    drop(small);
    let first = stage.files.put_bytes("a", "first").await.expect("put");
    let long = "x".repeat(1500);
    let error = stage.files.update("a").rename("b").description(long).await.expect_err("too large");
    assert_eq!(error.err_code(), Some(10054), "{error:?}");
    assert_eq!(stage.files.info("a").await.expect("known").id, first.id);
    assert_eq!(stage.files.get_bytes("a").await.expect("read"), "first");
    assert!(is_gone(&stage.files, "b").await);
    stage.files.update("a").rename("b").await.expect("renamed");
    assert_eq!(stage.files.get_bytes("b").await.expect("read"), "first");
}

#[tokio::test]
async fn what_a_client_was_renaming_that_is_gone_can_be_renamed_by_another() {
    let stage = Stage::new().await;
    let first = stage.files.put_bytes("a", "first").description("kept").await.expect("put");
    let (client, renaming) = half_renamed(&stage).await;
    let mark = stage.ask("STREAM.MSG.GET", &format!(r#"{{"last_by_subj":"{OLD}"}}"#)).await;
    client.connection().close().await;
    within("the end", renaming).await.expect("no panic").expect_err("the connection is closed");
    hear_all(&stage).await;
    assert!(stage.files.info("a").await.expect_err("neither").is_not_found());

    let info = within("it", stage.files.update("a").rename("c").into_future()).await;
    let info = info.expect("renamed");
    assert_eq!((info.name.as_str(), info.description.as_deref()), ("c", Some("kept")));
    assert_eq!((&info.id, info.size), (&first.id, 5));
    assert_eq!(stage.files.get_bytes("c").await.expect("read"), "first");
    assert!(is_gone(&stage.files, "a").await);

    // What says that it is being renamed may be there for longer than that is so.
    let mark = mark["message"]["data"].as_str().map(str::to_owned).expect("it has data");
    let mark = data_encoding::BASE64.decode(mark.as_bytes()).expect("base64");
    let parsed: Value = serde_json::from_slice(&mark).expect("JSON");
    assert_ne!(parsed["nuid"], first.id.as_str());
    stage.publish(OLD, &mark).await;
    let error = stage.files.update("a").rename("d").await.expect_err("it has another name");
    assert!(matches!(error, ObjectError::Deleted { .. }), "{error:?}");
    stage.files.delete("c").await.expect("deleted");
    let error = stage.files.update("a").rename("d").await.expect_err("it is deleted");
    assert!(matches!(error, ObjectError::Deleted { .. }), "{error:?}");
}
