use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use natsws::jetstream::Storage;
use natsws::object_store::ObjectStoreConfig;
use natsws_tests::{Server, within};
use tokio::io::AsyncReadExt;

use super::stage::{Stage, bytes};

#[tokio::test]
async fn chunks_are_of_128_kib_unless_it_is_said() {
    let stage = Stage::new().await;
    let info = stage.files.put_bytes("default", bytes(129 * 1024)).await.expect("put");
    assert_eq!((info.chunks, info.chunk_size()), (2, Some(128 * 1024)));
    let info = stage.files.put_bytes("a", bytes(128)).chunk_size(10).await.expect("put");
    assert_eq!((info.chunks, stage.chunks(&info.id).await), (13, 13));
    let info = stage.files.put_bytes("b", bytes(128)).chunk_size(1).await.expect("put");
    assert_eq!((info.chunks, stage.chunks(&info.id).await), (128, 128));
    assert!(stage.files.get_bytes("b").await.expect("read") == bytes(128));
    let info = stage.files.put_bytes("c", bytes(3)).chunk_size(0).await.expect("put");
    assert_eq!(info.chunks, 3);
}

#[tokio::test]
async fn no_chunk_is_larger_than_the_server_takes() {
    let server = Server::builder().max_payload(8 * 1024);
    let stage = Stage::with(server, ObjectStoreConfig::new("files")).await;
    let content = bytes(32 * 1024);
    let info = stage.files.put_bytes("large", content.clone()).await.expect("put");
    assert_eq!((info.chunks, info.chunk_size()), (5, Some(8 * 1024 - 256)));
    assert!(stage.files.get_bytes("large").await.expect("read") == content);
}

#[tokio::test]
async fn parts_of_any_size_become_full_chunks() {
    let stage =
        Stage::with(Server::builder(), ObjectStoreConfig::new("files").storage(Storage::Memory))
            .await;
    let content = bytes(100_000);
    for part in [7, 512, 1000, 100_000] {
        let parts = content.chunks(part).map(Bytes::copy_from_slice).map(Ok::<_, io::Error>);
        let put = stage.files.put_stream("parts", stream::iter(parts)).chunk_size(1000);
        let info = put.await.expect("put");
        assert_eq!((info.size, info.chunks), (100_000, 100), "parts of {part}");
        assert!(stage.files.get_bytes("parts").await.expect("read") == content);
    }
}

#[tokio::test]
async fn several_objects_stand_beside_each_other() {
    let stage = Stage::new().await;
    let files = &stage.files;
    let contents: Vec<_> = [3_usize, 200_000, 0, 131_072].into_iter().map(bytes).collect();
    let puts = contents.iter().enumerate().map(|(number, content)| async move {
        files.put_bytes(&format!("{number}"), content.clone()).await.expect("put")
    });
    within("the puts", futures_util::future::join_all(puts)).await;
    for (number, content) in contents.iter().enumerate() {
        assert!(files.get_bytes(&format!("{number}")).await.expect("read") == *content);
    }
}

#[tokio::test]
async fn a_reader_takes_as_much_at_a_time_as_it_likes() {
    let stage = Stage::new().await;
    let content = bytes(50_000);
    stage.files.put_bytes("a", content.clone()).chunk_size(1000).await.expect("put");

    let mut object = stage.files.get("a").await.expect("opened");
    let mut read = [0; 333];
    for part in content.chunks(333) {
        let len = object.read_exact(&mut read[..part.len()]).await.expect("read");
        assert!(read[..len] == *part);
    }
    assert_eq!(object.read(&mut read).await.expect("the end"), 0);
    assert_eq!(object.read(&mut read).await.expect("still the end"), 0);

    let object = stage.files.get("a").await.expect("opened");
    let chunks: Vec<_> = object.map(|chunk| chunk.expect("read").len()).collect().await;
    assert_eq!(chunks, [1000; 50]);

    // Reading can go from the one way to the other.
    let mut object = stage.files.get("a").await.expect("opened");
    object.read_exact(&mut read[..3]).await.expect("read");
    let rest = object.bytes().await.expect("read");
    assert!(rest == content[3..]);
}

#[tokio::test]
async fn progress_is_told_as_chunks_are_stored() {
    let stage = Stage::new().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let put = stage.files.put_bytes("a", bytes(40_960)).chunk_size(1024);
    let put = put.progress(move |bytes| tell.lock().expect("no panic").push(bytes));
    put.await.expect("put");
    let told = told.lock().expect("no panic").clone();
    assert_eq!(told.last(), Some(&40_960));
    assert!(told.is_sorted(), "{told:?}");
    assert!(told.iter().all(|bytes| bytes % 1024 == 0), "{told:?}");
}

#[tokio::test]
async fn digests_are_those_that_other_clients_compute() {
    let stage = Stage::new().await;
    for (content, digest) in [
        (&b"abc"[..], "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0="),
        (b"", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU="),
        (b"hello world", "uU0nuZNNPgilLlLX2n2r-sSE7-N6U4DukIj3rOLvzek="),
    ] {
        let info = stage.files.put_bytes("a", content.to_vec()).await.expect("put");
        assert_eq!(info.digest, Some(format!("SHA-256={digest}")));
    }
}

#[tokio::test]
async fn an_overwrite_takes_the_old_chunks_out_and_keeps_the_new() {
    let stage = Stage::new().await;
    let files = &stage.files;
    let first = files.put_bytes("a", bytes(100)).chunk_size(10).await.expect("put");
    assert_eq!((first.revision, stage.count("$O.files.>").await), (11, 11));
    let second = files.put_bytes("a", bytes(50)).chunk_size(10).await.expect("put");
    assert_eq!(second.revision, 17);
    assert_eq!((stage.chunks(&first.id).await, stage.chunks(&second.id).await), (0, 5));
    assert_eq!(stage.count("$O.files.>").await, 6);
    assert!(files.get_bytes("a").await.expect("read") == bytes(50));
}

#[tokio::test]
async fn of_several_who_put_the_same_name_one_remains_and_nothing_else() {
    let stage = Stage::new().await;
    let puts = (0..8_u8).map(|number| {
        let files = stage.files.clone();
        tokio::spawn(async move {
            let put = files.put_bytes("a", vec![number; 1000]).chunk_size(100);
            put.await.expect("put")
        })
    });
    within("the puts", futures_util::future::join_all(puts)).await;
    let read = stage.files.get_bytes("a").await.expect("read");
    assert!(read == vec![read[0]; 1000]);
    // Its chunks and what is known of it.
    assert_eq!(stage.count("$O.files.>").await, 11);
}
