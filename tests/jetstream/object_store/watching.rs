use std::time::{Duration, Instant};

use natsws::State;
use natsws::object_store::{ObjectChange, ObjectError, ObjectWatch};
use natsws_tests::{eventually, within};

use super::stage::Stage;

/// What came, in short: `+` for what was put, `-` for what was deleted, `=` for having caught up.
async fn changes(watch: &mut ObjectWatch, count: usize) -> Vec<String> {
    let mut changes = Vec::new();
    while changes.len() < count {
        let change = within("a change", watch.next()).await.expect("one more").expect("read");
        changes.push(match change {
            ObjectChange::Put(info) => format!("+{} {}", info.name, info.size),
            ObjectChange::Deleted(info) => format!("-{}", info.name),
            ObjectChange::CaughtUp => "=".to_owned(),
            other => format!("{other:?}"),
        });
    }
    changes
}

#[tokio::test]
async fn an_empty_store_has_caught_up_at_once() {
    let stage = Stage::new().await;
    let mut watch = stage.files.watch().include_history().await.expect("watching");
    assert_eq!(changes(&mut watch, 1).await, ["="]);
    // One after the other: the next of an object takes the place of the last.
    for (name, content, change) in [("a", "1", "+a 1"), ("a", "22", "+a 2"), ("b", "1", "+b 1")] {
        stage.files.put_bytes(name, content).await.expect("put");
        assert_eq!(changes(&mut watch, 1).await, [change]);
    }
    stage.files.delete("a").await.expect("deleted");
    assert_eq!(changes(&mut watch, 1).await, ["-a"]);
}

#[tokio::test]
async fn with_history_the_objects_that_are_there_come_first() {
    let stage = Stage::new().await;
    for (name, content) in [("a", "1"), ("b", "1"), ("a", "22"), ("c", "1")] {
        stage.files.put_bytes(name, content).await.expect("put");
    }
    stage.files.delete("c").await.expect("deleted");
    let mut watch = stage.files.watch().include_history().await.expect("watching");
    assert_eq!(changes(&mut watch, 4).await, ["+b 1", "+a 2", "-c", "="]);
    stage.files.update("b").description("changed").await.expect("changed");
    assert_eq!(changes(&mut watch, 1).await, ["+b 1"]);
}

#[tokio::test]
async fn without_history_only_changes_come_and_deletes_can_be_left_out() {
    let stage = Stage::new().await;
    stage.files.put_bytes("a", "1").await.expect("put");
    let mut watch = stage.files.watch().await.expect("watching");
    let mut puts = stage.files.watch().ignore_deletes().await.expect("watching");
    stage.files.delete("a").await.expect("deleted");
    stage.files.put_bytes("b", "22").await.expect("put");
    assert_eq!(changes(&mut watch, 2).await, ["-a", "+b 2"]);
    assert_eq!(changes(&mut puts, 1).await, ["+b 2"]);
}

#[tokio::test]
async fn what_is_put_while_the_first_consumer_is_lost_is_told_all_the_same() {
    let stage = Stage::new().await;
    stage.files.put_bytes("before", "1").await.expect("put");
    let (proxy, client, files) = stage.behind_a_proxy().await;
    let mut watch = files.watch().await.expect("watching");
    proxy.refuse();
    proxy.cut();
    let mut status = client.connection().status();
    let lost = status.wait_for(|state| state == State::Disconnected);
    assert_eq!(within("the loss", lost).await, State::Disconnected);
    assert_eq!(stage.delete_consumers().await, 1);
    stage.files.put_bytes("meanwhile", "22").await.expect("put");
    proxy.accept_again();
    assert_eq!(changes(&mut watch, 1).await, ["+meanwhile 2"]);
}

#[tokio::test]
async fn watching_ends_with_the_connection_at_once_while_a_consumer_is_made() {
    let stage = Stage::new().await;
    let (proxy, client, files) = stage.behind_a_proxy().await;
    let mut watch = files.watch().await.expect("watching");
    let watching = tokio::spawn(async move { watch.next().await.is_none() });
    eventually("it is read", async || {
        let list = stage.ask("CONSUMER.LIST", "").await;
        (list["consumers"][0]["num_waiting"] == 1).then_some(())
    })
    .await;
    proxy.freeze_to_server();
    let sent = client.connection().stats().out_msgs;
    assert_eq!(stage.delete_consumers().await, 1);
    eventually("another is asked for", async || {
        (client.connection().stats().out_msgs > sent + 1).then_some(())
    })
    .await;
    let start = Instant::now();
    client.connection().close().await;
    assert!(within("the end", watching).await.expect("it does not panic"));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn watching_ends_with_the_store_and_says_so() {
    let stage = Stage::new().await;
    let mut watch = stage.files.watch().await.expect("watching");
    stage.js.delete_object_store("files").await.expect("deleted");
    match within("the end", watch.next()).await {
        Some(Err(ObjectError::StoreNotFound { bucket })) => assert_eq!(bucket, "files"),
        other => panic!("{other:?}"),
    }
    assert!(watch.next().await.is_none());
}
