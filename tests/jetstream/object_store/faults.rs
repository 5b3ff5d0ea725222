//! R62: connections that break, and puts that do not come to their end.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join;
use futures_util::{StreamExt, stream};
use natsws::object_store::ObjectError;
use natsws::{FlushError, State};
use natsws_tests::{eventually, within};

use super::stage::{Stage, bytes};

const KIB: usize = 1024;

#[tokio::test]
async fn a_put_over_a_connection_that_breaks_again_and_again_is_whole() {
    let stage = Stage::new().await;
    let (proxy, _client, files) = stage.behind_a_proxy().await;
    let content = bytes(1000 * KIB);
    let parts = content.chunks(KIB).enumerate().map(|(number, part)| {
        if number % 100 == 99 {
            proxy.cut();
        }
        Ok::<_, ObjectError>(part.to_vec())
    });
    let put = files.put_stream("a", stream::iter(parts)).chunk_size(KIB);
    let info = within("the put", put.into_future()).await.expect("put");
    assert_eq!((info.chunks, stage.chunks(&info.id).await), (1000, 1000));
    assert!(stage.files.get_bytes("a").await.expect("read") == content);
    assert!(proxy.connections() > 3, "{}", proxy.connections());
}

#[tokio::test]
async fn chunks_whose_acknowledgement_is_lost_are_stored_once() {
    let stage = Stage::new().await;
    let (proxy, _client, files) = stage.behind_a_proxy().await;
    let content = bytes(60 * KIB);
    let parts = stream::iter(content.chunks(KIB).enumerate()).then(|(number, part)| {
        let (proxy, stage) = (&proxy, &stage);
        async move {
            match number {
                20 => proxy.freeze_to_client(),
                // They have arrived, and nobody has heard of it.
                40 => {
                    // Bounded by the time that the put has.
                    while stage.count("$O.files.C.>").await < 39 {}
                    proxy.cut();
                    proxy.resume();
                }
                _ => {}
            }
            Ok::<_, ObjectError>(part.to_vec())
        }
    });
    let put = files.put_stream("a", parts).chunk_size(KIB);
    let info = within("the put", put.into_future()).await.expect("put");
    assert_eq!((info.chunks, stage.chunks(&info.id).await), (60, 60));
    assert!(stage.files.get_bytes("a").await.expect("read") == content);
}

#[tokio::test]
async fn a_slow_connection_is_no_reason_to_send_anything_twice() {
    let stage = Stage::new().await;
    let (proxy, client, _files) = stage.behind_a_proxy().await;
    // A chunk takes three times as long as an answer may.
    let js = client.jetstream().with_timeout(Duration::from_millis(200));
    let files = js.object_store("files").await.expect("opened");
    proxy.throttle(100 * KIB);
    let before = client.connection().stats().out_bytes;
    let content = bytes(256 * KIB);
    let put = files.put_bytes("a", content.clone()).chunk_size(64 * KIB);
    let info = within("the put", put.into_future()).await.expect("put");
    assert_eq!((info.chunks, stage.chunks(&info.id).await), (4, 4));
    let sent = client.connection().stats().out_bytes - before;
    assert!(sent < 300_000, "{sent}");
    assert!(stage.files.get_bytes("a").await.expect("read") == content);
}

#[tokio::test]
async fn a_chunk_that_came_before_its_turn_is_stored_again_in_its_place() {
    let stage = Stage::new().await;
    let connection = stage.client.connection();
    let seen = connection.subscribe("$O.files.C.>").await.expect("subscribed");
    let seen = Arc::new(tokio::sync::Mutex::new(seen));
    let content = bytes(10 * KIB);
    let parts = stream::iter(content.chunks(KIB).enumerate()).then(|(number, part)| {
        let (seen, content) = (seen.clone(), &content);
        async move {
            // As a message would come that was sent again after a connection was lost.
            if number == 4 {
                let first = seen.lock().await.next().await.expect("one").expect("a message");
                let id = first.headers().get("Nats-Msg-Id").expect("it has one").to_owned();
                let id = id.strip_suffix(".0").map(|id| format!("{id}.7")).expect("the first");
                let early = &content[7 * KIB..8 * KIB];
                let early = connection.request(first.subject(), early).header("Nats-Msg-Id", id);
                early.await.expect("stored");
            }
            Ok::<_, ObjectError>(part.to_vec())
        }
    });
    let put = stage.files.put_stream("a", parts).chunk_size(KIB);
    let info = within("the put", put.into_future()).await.expect("put");
    assert_eq!((info.chunks, stage.chunks(&info.id).await), (10, 10));
    assert!(stage.files.get_bytes("a").await.expect("read") == content);
}

#[tokio::test]
async fn reading_goes_on_over_connections_that_break() {
    let stage = Stage::new().await;
    let content = bytes(20_000 * KIB);
    stage.files.put_bytes("a", content.clone()).chunk_size(64 * KIB).await.expect("put");
    let (proxy, _client, files) = stage.behind_a_proxy().await;
    let mut object = files.get("a").await.expect("opened");
    let mut read = Vec::new();
    let reading = async {
        let mut chunks = 0;
        while let Some(chunk) = object.next().await {
            read.extend_from_slice(&chunk.expect("read"));
            chunks += 1;
            if chunks % 50 == 0 {
                proxy.cut();
            }
        }
    };
    within("the bytes", reading).await;
    assert!(read == content);
    assert!(proxy.connections() > 3, "{}", proxy.connections());
}

#[tokio::test]
async fn of_a_put_that_fails_half_way_nothing_is_left_and_what_was_there_stays() {
    let stage = Stage::new().await;
    let before = stage.files.put_bytes("a", "before").await.expect("put");
    let parts = stream::iter(0..100).map(|number| match number {
        50 => Err("the disk is gone"),
        _ => Ok(vec![0_u8; KIB]),
    });
    let put = stage.files.put_stream("a", parts).chunk_size(KIB);
    match within("the failure", put.into_future()).await {
        Err(ObjectError::Source(source)) => assert_eq!(source.to_string(), "the disk is gone"),
        other => panic!("{other:?}"),
    }
    assert_eq!(stage.count("$O.files.>").await, 2);
    assert_eq!(stage.files.info("a").await.expect("it is there").id, before.id);
    assert_eq!(stage.files.get_bytes("a").await.expect("read"), "before");
}

#[tokio::test]
async fn of_a_put_that_is_dropped_nothing_is_left() {
    let stage = Stage::new().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let parts = stream::iter(0..100).then(move |number| {
        let count = count.clone();
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            if number == 50 {
                std::future::pending::<()>().await;
            }
            Ok::<_, ObjectError>(vec![0_u8; KIB])
        }
    });
    let files = stage.files.clone();
    let putting = tokio::spawn(async move {
        let put = files.put_stream("a", parts).chunk_size(KIB);
        put.await.map(drop)
    });
    eventually("half of it", async || {
        let is_there = asked.load(Ordering::SeqCst) == 51;
        (is_there && stage.count("$O.files.C.>").await == 50).then_some(())
    })
    .await;
    putting.abort();
    eventually("nothing left", async || (stage.count("$O.files.>").await == 0).then_some(())).await;
    assert!(stage.files.info("a").await.expect_err("nothing").is_not_found());
}

#[tokio::test]
async fn a_chunk_that_the_stream_refuses_for_the_moment_is_brought_again() {
    let stage = Stage::new().await;
    let whole = stage.stream().await.config;
    for (number, (code, err_code, description)) in [
        (429, 10167, "too many requests"),
        (409, 10158, "duplicate message id is in process"),
        (503, 0, "raft: not leader"),
    ]
    .into_iter()
    .enumerate()
    {
        // The stream does not hear of the chunk, and another answers in its place.
        let deaf = whole.clone().subjects(["$O.files.M.>"]);
        stage.js.update_stream(deaf).await.expect("changed");
        let mut chunks = stage.client.connection().subscribe("$O.files.C.>").await.expect("heard");
        let answering = async {
            let chunk = chunks.next().await.expect("one").expect("a message");
            stage.js.update_stream(whole.clone()).await.expect("changed");
            let error = serde_json::json!({
                "error": { "code": code, "err_code": err_code, "description": description },
                "stream": "OBJ_files", "seq": 0,
            });
            let reply = chunk.reply().expect("it wants an answer").to_string();
            stage.client.connection().publish(&reply, error.to_string()).await.expect("sent");
        };
        let name = format!("{number}");
        let put = stage.files.put_bytes(&name, "the bytes").into_future();
        let (put, ()) = within("the put", join(put, answering)).await;
        assert_eq!(put.expect(description).chunks, 1);
        assert_eq!(stage.files.get_bytes(&name).await.expect("read"), "the bytes");
    }
}

#[tokio::test]
async fn chunks_that_the_stream_does_not_know_again_are_no_object() {
    let stage = Stage::new().await;
    let config = stage.stream().await.config;
    let config = config.duplicate_window(Duration::from_millis(100));
    stage.js.update_stream(config).await.expect("changed");
    let before = stage.files.put_bytes("a", "before").await.expect("put");
    let (proxy, _client, files) = stage.behind_a_proxy().await;
    let content = bytes(60 * KIB);
    let parts = stream::iter(content.chunks(KIB).enumerate()).then(|(number, part)| {
        let (proxy, stage) = (&proxy, &stage);
        async move {
            match number {
                20 => proxy.freeze_to_client(),
                // They have arrived, nobody has heard of it, and the stream does not know them any
                // more when they come again.
                40 => {
                    // Bounded by the time that the put has.
                    while stage.count("$O.files.C.>").await < 40 {}
                    let publish = async || {
                        let published = stage.js.publish_bytes("$O.files.C.other", "");
                        published.message_id("other").await.expect("stored")
                    };
                    while publish().await.duplicate || stage.count("$O.files.C.other").await < 2 {}
                    proxy.cut();
                    proxy.resume();
                }
                _ => {}
            }
            Ok::<_, ObjectError>(part.to_vec())
        }
    });
    let put = files.put_stream("a", parts).chunk_size(KIB);
    match within("the put", put.into_future()).await {
        Err(ObjectError::NotStoredOnce { name, chunks: 60, stored }) => {
            assert_eq!(name, "a");
            assert!((80..=100).contains(&stored), "{stored}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(stage.files.info("a").await.expect("it is there").id, before.id);
    assert_eq!(stage.files.get_bytes("a").await.expect("read"), "before");
    eventually("nothing else left", async || {
        let (all, other) =
            (stage.count("$O.files.C.>").await, stage.count("$O.files.C.other").await);
        (all - other == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_lost_while_the_source_has_nothing_is_sent_again_at_once() {
    let stage = Stage::new().await;
    let (proxy, _client, files) = stage.behind_a_proxy().await;
    let told = AtomicUsize::new(0);
    let parts = stream::iter(0..4).then(|number| {
        let (proxy, stage) = (&proxy, &stage);
        async move {
            match number {
                1 => proxy.freeze_to_server(),
                3 => {
                    proxy.cut();
                    proxy.resume();
                    // The source gives nothing until they are stored. Bounded by the time that the
                    // put has.
                    while stage.count("$O.files.C.>").await < 3 {}
                }
                _ => {}
            }
            Ok::<_, ObjectError>(vec![0_u8; KIB])
        }
    });
    let put = files.put_stream("a", parts).chunk_size(KIB);
    let put =
        put.progress(|bytes| told.store(usize::try_from(bytes).unwrap_or(0), Ordering::SeqCst));
    let info = within("the put", put.into_future()).await.expect("put");
    assert_eq!((info.chunks, stage.chunks(&info.id).await), (4, 4));
    assert_eq!(told.load(Ordering::SeqCst), 4 * KIB);
}

#[tokio::test]
async fn a_put_leaves_what_a_loss_left_unconfirmed_to_the_flush_of_the_application() {
    let stage = Stage::new().await;
    let (proxy, client, files) = stage.behind_a_proxy().await;
    proxy.freeze_to_server();
    client.connection().publish("lost", "1").await.expect("sent");
    let mut status = client.connection().status();
    proxy.cut();
    within("the loss", status.wait_for(|state| state == State::Disconnected)).await;
    proxy.resume();
    within("another", status.wait_for(|state| state == State::Connected)).await;
    // A chunk takes longer than an answer may, so that it is asked whether it has arrived.
    let js = client.jetstream().with_timeout(Duration::from_millis(200));
    let slow = js.object_store("files").await.expect("opened");
    proxy.throttle(100 * KIB);
    let put = slow.put_bytes("a", bytes(64 * KIB)).chunk_size(64 * KIB);
    within("the put", put.into_future()).await.expect("put");
    drop(files);
    let flushed = client.connection().flush().await;
    assert!(matches!(flushed, Err(FlushError::Disconnected { unconfirmed: 1 })), "{flushed:?}");
}
