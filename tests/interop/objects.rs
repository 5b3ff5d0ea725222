//! Objects: what one library puts and links the other reads, byte for byte.

mod refusals;

use std::fs;
use std::time::{Duration, SystemTime};

use data_encoding::{BASE64URL, HEXLOWER};
use natsws::jetstream::Storage;
use natsws::object_store::{
    ObjectChange, ObjectError, ObjectInfo, ObjectStore, ObjectStoreConfig, ObjectWatch,
};
use natsws_tests::within;
use serde_json::{Value, json};

use crate::javascript::{Stage, base64};

const CHUNK: usize = 128 * 1024;
const MIB: usize = 1024 * 1024;

/// The stage with a store of ours that both work with.
async fn stage() -> (Stage, ObjectStore) {
    let mut stage = Stage::new("objects.mjs").await;
    let config = ObjectStoreConfig::new("files");
    let files = stage.js.create_object_store(config).await.expect("made");
    stage.theirs.can("open", json!({ "name": "files" })).await;
    (stage, files)
}

/// Bytes that look like any, and are others for another seed.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// As the script says what it knows of an object. What it does not say of itself is left out.
fn told(info: &ObjectInfo) -> Value {
    let mut told = json!({
        "name": info.name, "description": info.description.clone().unwrap_or_default(),
        "headers": info.headers, "metadata": info.metadata, "bucket": info.bucket,
        "nuid": info.id, "size": info.size, "chunks": info.chunks, "deleted": info.deleted,
        "revision": info.revision,
    });
    if let Some(digest) = &info.digest {
        told["digest"] = json!(digest);
    }
    if let Some(link) = info.link() {
        told["link"] = json!(link);
    }
    if let Some(size) = info.chunk_size() {
        told["max_chunk_size"] = json!(size);
    }
    told
}

/// Without the time that theirs writes down by its own clock: ours has that of the server, and
/// writes none (ADR-20).
fn without_time(mut theirs: Value) -> Value {
    if let Some(time) = theirs.as_object_mut().expect("a map").remove("mtime") {
        assert!(time.as_str().expect("a text").ends_with('Z'), "{time}");
    }
    theirs
}

async fn list(store: &ObjectStore) -> Vec<ObjectInfo> {
    let list = store.list().await.expect("listing");
    within("the list", list.into_vec()).await.expect("listed")
}

fn digest(sha256: &Value) -> String {
    let sum = HEXLOWER.decode(sha256.as_str().expect("a text").as_bytes()).expect("hexadecimal");
    format!("SHA-256={}", BASE64URL.encode(&sum))
}

/// Each puts so many bytes and gets those of the other.
async fn go_both_ways(sizes: &[usize]) {
    let (mut stage, files) = stage().await;
    let home = tempfile::tempdir().expect("a temporary directory");
    let (sent, got) = (home.path().join("sent"), home.path().join("got"));
    for &size in sizes {
        let (name, bytes) = (format!("ours-{size}"), noise(size, 7));
        let ours = files.put_bytes(&name, bytes.clone()).await.expect("put");
        assert_eq!((ours.size, ours.chunks), (size as u64, size.div_ceil(CHUNK) as u64));
        let given = json!({ "store": "files", "name": name, "path": got });
        let theirs = stage.theirs.can_in_time("get", given).await;
        assert_eq!(theirs["info"], told(&ours));
        assert_eq!(Some(digest(&theirs["sha256"])), ours.digest);
        assert!(fs::read(&got).expect("written") == bytes, "{name}");

        let (name, bytes) = (format!("theirs-{size}"), noise(size, 8));
        fs::write(&sent, &bytes).expect("written");
        let given = json!({ "store": "files", "info": { "name": name }, "path": sent });
        let before = SystemTime::now() - Duration::from_secs(1);
        let theirs = without_time(stage.theirs.can_in_time("put", given).await);
        let object = files.get(&name).await.expect("opened");
        let info = object.info().clone();
        assert_eq!(told(&info), theirs);
        assert_eq!((info.size, info.chunks), (size as u64, size.div_ceil(CHUNK) as u64));
        assert!(info.modified > before, "{:?}", info.modified);
        assert!(object.bytes().await.expect("read") == bytes, "{name}");
        // The same bytes have the same digest.
        let ours = files.put_bytes("same", bytes).await.expect("put");
        assert_eq!(ours.digest, info.digest);
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn objects_of_up_to_some_chunks_go_both_ways() {
    go_both_ways(&[0, 1, CHUNK - 1, CHUNK, CHUNK + 1, MIB]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn objects_of_64_mib_go_both_ways() {
    go_both_ways(&[64 * MIB]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn a_store_says_the_same_of_itself_to_both() {
    let mut stage = Stage::new("objects.mjs").await;
    let config = |name: &str| {
        ObjectStoreConfig::new(name)
            .description("what customers sent us")
            .ttl(Duration::from_secs(600))
            .max_bytes(1 << 20)
            .storage(Storage::File)
            .compression(true)
            .metadata([("team", "sales")])
    };
    // Of theirs the time is in nanoseconds here, and only here.
    let options = json!({
        "description": "what customers sent us", "ttl": 600_000_000_000_u64, "max_bytes": 1 << 20,
        "storage": "file", "compression": true, "metadata": { "team": "sales" },
    });
    stage.theirs.can("create", json!({ "name": "theirs", "options": options })).await;
    stage.js.create_object_store(config("ours")).await.expect("made");
    stage.theirs.can("open", json!({ "name": "ours" })).await;
    let mut configs = Vec::new();
    for name in ["ours", "theirs"] {
        let store = stage.js.object_store(name).await.expect("there");
        store.put_bytes("a", "1").await.expect("put");
        let status = store.status().await.expect("there");
        let mut theirs = stage.theirs.can("status", json!({ "store": name })).await;
        let mut config = theirs.as_object_mut().expect("a map").remove("config").expect("one");
        let ours = json!({
            "bucket": status.bucket, "description": status.description,
            "ttl": status.ttl.expect("one").as_nanos(), "storage": status.storage,
            "replicas": status.replicas, "sealed": status.sealed, "size": status.size,
            "compression": status.compression, "metadata": status.metadata,
        });
        assert_eq!(ours, theirs);
        let fields = config.as_object_mut().expect("a map");
        fields.remove("name");
        fields.remove("subjects");
        configs.push(config);
    }
    assert_eq!(configs[0], configs[1]);
    // So each may make what the other has made.
    stage.theirs.can("create", json!({ "name": "ours", "options": options })).await;
    stage.js.create_object_store(config("theirs")).await.expect("the same");
    assert_eq!(stage.theirs.can("stores", json!({})).await, json!(["ours", "theirs"]));
    let mut names = stage.js.object_store_names().await.expect("listed");
    names.sort();
    assert_eq!(names, ["ours", "theirs"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn what_is_said_of_an_object_is_said_to_both() {
    let (mut stage, files) = stage().await;
    let ours = files
        .put_bytes("ours", "hello")
        .description("größe \u{1f980}")
        .header("Tag", "red")
        .header("Tag", "round")
        .header("Content-Type", "text/plain")
        .metadata("owner", "infra")
        .chunk_size(2)
        .await
        .expect("put");
    assert_eq!(ours.chunks, 3);
    let asked = json!({ "store": "files", "name": "ours" });
    assert_eq!(stage.theirs.can("info", asked.clone()).await, told(&ours));
    assert_eq!(stage.theirs.can("getBytes", asked.clone()).await, base64("hello"));
    let info = json!({
        "name": "theirs", "description": "größe \u{1f980}",
        "header": [["Tag", "red"], ["Tag", "round"], ["Content-Type", "text/plain"]],
        "metadata": { "owner": "infra" }, "options": { "max_chunk_size": 2 },
    });
    let given = json!({ "store": "files", "info": info, "bytes": base64("hello") });
    let theirs = without_time(stage.theirs.can("putBytes", given).await);
    let info = files.info("theirs").await.expect("there");
    assert_eq!(told(&info), theirs);
    assert_eq!((&info.description, &info.headers), (&ours.description, &ours.headers));
    assert_eq!((&info.metadata, info.chunk_size()), (&ours.metadata, Some(2)));
    assert_eq!((info.chunks, &info.digest), (3, &ours.digest));
    assert_eq!(&files.get_bytes("theirs").await.expect("read")[..], b"hello");

    // A change by ours keeps all that it does not name.
    let changed = files.update("theirs").description("new").await.expect("changed");
    let asked_theirs = json!({ "store": "files", "name": "theirs" });
    let now = stage.theirs.can("info", asked_theirs).await;
    assert_eq!(now, told(&changed));
    let mut expected = theirs;
    (expected["description"], expected["revision"]) = (json!("new"), now["revision"].clone());
    assert_eq!(now, expected);
    // A change by theirs is of everything that is said but the headers: what it does not name is
    // taken away.
    let change = json!({ "description": "new" });
    let given = json!({ "store": "files", "name": "ours", "info": change });
    let revision = stage.theirs.can("update", given).await;
    let info = files.info("ours").await.expect("there");
    assert_eq!(
        (info.revision, info.description.as_deref()),
        (revision.as_u64().expect("one"), Some("new"))
    );
    assert_eq!((&info.headers, info.metadata.len(), info.chunk_size()), (&ours.headers, 0, None));
    assert_eq!(told(&info), stage.theirs.can("info", asked).await);
    assert_eq!(&files.get_bytes("ours").await.expect("read")[..], b"hello");
    // Each finds an object under the name that the other gives it.
    files.update("ours").rename("ours now").await.expect("renamed");
    let given = json!({ "store": "files", "name": "theirs", "info": { "name": "theirs now" } });
    stage.theirs.can("update", given).await;
    assert_eq!(&files.get_bytes("theirs now").await.expect("read")[..], b"hello");
    let asked = json!({ "store": "files", "name": "ours now" });
    assert_eq!(stage.theirs.can("getBytes", asked).await, base64("hello"));
    for name in ["ours", "theirs"] {
        assert!(files.info(name).await.is_err_and(|error| error.is_not_found()));
        let asked = json!({ "store": "files", "name": name });
        assert_eq!(stage.theirs.can("info", asked).await, Value::Null);
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn links_of_one_are_followed_by_the_other() {
    let (mut stage, files) = stage().await;
    let config = ObjectStoreConfig::new("others");
    let others = stage.js.create_object_store(config).await.expect("made");
    stage.theirs.can("open", json!({ "name": "others" })).await;
    let here = files.put_bytes("here", "1").await.expect("put");
    let there = others.put_bytes("there", "2").await.expect("put");

    let ours = files.link("ours-here", &here).await.expect("linked");
    let ours_there = files.link("ours-there", &there).await.expect("linked");
    let ours_store = files.link_store("ours-store", &others).await.expect("linked");
    for (info, bytes) in [(&ours, "1"), (&ours_there, "2")] {
        let asked = json!({ "store": "files", "name": info.name });
        assert_eq!(stage.theirs.can("info", asked.clone()).await, told(info));
        assert_eq!(stage.theirs.can("getBytes", asked).await, base64(bytes));
    }
    let asked = json!({ "store": "files", "name": "ours-store" });
    assert_eq!(stage.theirs.can("info", asked.clone()).await, told(&ours_store));
    assert_eq!(stage.theirs.cannot("getBytes", asked).await, "link is a bucket");

    for (name, to, bytes) in
        [("theirs-here", ["files", "here"], "1"), ("theirs-there", ["others", "there"], "2")]
    {
        let given = json!({ "store": "files", "name": name, "to": to });
        let theirs = stage.theirs.can("link", given).await;
        let info = files.info(name).await.expect("there");
        let link = info.link().expect("a link");
        assert_eq!((link.bucket.as_str(), link.name.as_deref()), (to[0], Some(to[1])));
        assert_eq!(
            (info.name.as_str(), info.revision),
            (name, theirs["revision"].as_u64().expect("one"))
        );
        assert_eq!(&files.get_bytes(name).await.expect("read")[..], bytes.as_bytes());
        assert_eq!(files.get(name).await.expect("opened").info().name, to[1]);
        // Theirs writes down where a link leads as the store that it is in.
        assert_eq!(theirs["bucket"], to[0]);
        assert_eq!(info.bucket, "files");
    }
    let given = json!({ "store": "files", "name": "theirs-store", "to": "others" });
    stage.theirs.can("linkStore", given).await;
    let info = files.info("theirs-store").await.expect("there");
    let link = info.link().expect("a link");
    assert_eq!((link.bucket.as_str(), link.name.as_deref()), ("others", None));
    match files.get("theirs-store").await {
        Err(ObjectError::LinkToStore { name, bucket }) => {
            assert_eq!((name.as_str(), bucket.as_str()), ("theirs-store", "others"));
        }
        other => panic!("{other:?}"),
    }

    // Neither links to a link, or over an object.
    match files.link("again", &info).await {
        Err(ObjectError::LinkToLink { name }) => assert_eq!(name, "theirs-store"),
        other => panic!("{other:?}"),
    }
    let given = json!({ "store": "files", "name": "again", "to": ["files", "ours-here"] });
    assert_eq!(stage.theirs.cannot("link", given).await, "src object is a link");
    match files.link("here", &there).await {
        Err(ObjectError::Exists { bucket, name }) => {
            assert_eq!((&*bucket, &*name), ("files", "here"));
        }
        other => panic!("{other:?}"),
    }
    let given = json!({ "store": "files", "name": "here", "to": ["others", "there"] });
    let error = stage.theirs.cannot("link", given).await;
    assert_eq!(error, "an object already exists with that name");
    // Ours puts a link in the place of a link, and theirs does not.
    let moved = files.link("theirs-here", &there).await.expect("linked");
    let asked = json!({ "store": "files", "name": "theirs-here" });
    assert_eq!(stage.theirs.can("getBytes", asked).await, base64("2"));
    assert_eq!(moved.link().and_then(|link| link.name.as_deref()), Some("there"));
    let given = json!({ "store": "files", "name": "ours-here", "to": ["others", "there"] });
    let error = stage.theirs.cannot("link", given).await;
    assert_eq!(error, "an object already exists with that name");
    stage.end().await;
}

/// What a watch tells next, in a line.
async fn change(watch: &mut ObjectWatch) -> String {
    match within("a change", watch.next()).await.expect("one").expect("good") {
        ObjectChange::Put(info) => format!("put {} {}", info.name, info.size),
        ObjectChange::Deleted(info) => format!("deleted {} {}", info.name, info.size),
        other => panic!("{other:?}"),
    }
}

fn their_change(info: &Value) -> String {
    let done = if info["deleted"] == true { "deleted" } else { "put" };
    format!("{done} {} {}", info["name"].as_str().expect("a name"), info["size"])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and npm"]
async fn both_put_delete_list_and_watch_the_same_objects() {
    let (mut stage, files) = stage().await;
    let mut watch = files.watch().await.expect("watching");
    stage.theirs.can("watch", json!({ "store": "files", "options": {} })).await;
    let put = |name: &str, bytes: &str| json!({ "store": "files", "info": { "name": name }, "bytes": base64(bytes) });
    let expected = [
        "put a 1",
        "put b 2",
        "put b 3",
        "put a 4",
        "deleted a 0",
        "deleted b 0",
        "put a 5",
        "put b 6",
        "put c 7",
    ];
    for (step, expected) in expected.into_iter().enumerate() {
        let theirs = &mut stage.theirs;
        match step {
            0 => drop(files.put_bytes("a", "1").await.expect("put")),
            1 => drop(theirs.can("putBytes", put("b", "12")).await),
            // Each puts over what the other has put, and deletes that, and puts it again.
            2 => drop(files.put_bytes("b", "123").await.expect("put")),
            3 => drop(theirs.can("putBytes", put("a", "1234")).await),
            4 => files.delete("a").await.expect("deleted"),
            5 => {
                let done = theirs.can("delete", json!({ "store": "files", "name": "b" })).await;
                assert_eq!((&done["success"], &done["purged"]), (&json!(true), &json!(1)));
            }
            6 => drop(theirs.can("putBytes", put("a", "12345")).await),
            7 => drop(files.put_bytes("b", "123456").await.expect("put")),
            _ => drop(theirs.can("putBytes", put("c", "1234567")).await),
        }
        assert_eq!(change(&mut watch).await, expected);
        let heard = theirs.can("heard", json!({ "count": 1 })).await;
        assert_eq!(their_change(&heard[0]), expected);
        if step == 4 || step == 5 {
            let name = if step == 4 { "a" } else { "b" };
            let asked = json!({ "store": "files", "name": name });
            assert_eq!(theirs.can("getBytes", asked.clone()).await, Value::Null);
            assert!(files.get_bytes(name).await.is_err_and(|error| error.is_not_found()));
            let mark = files.info_or_mark(name).await.expect("there");
            let info = theirs.can("info", asked).await;
            assert_eq!((mark.deleted, &info["deleted"]), (true, &json!(true)));
            assert_eq!((mark.digest, mark.size, mark.chunks), (None, 0, 0));
            assert_eq!(info["revision"], mark.revision);
        }
    }
    let ours: Vec<_> = list(&files).await.iter().map(|info| info.name.clone()).collect();
    assert_eq!(ours, ["a", "b", "c"]);
    let theirs = stage.theirs.can("list", json!({ "store": "files" })).await;
    let theirs = theirs.as_array().expect("a list").iter();
    assert_eq!(theirs.map(their_change).collect::<Vec<_>>(), ["put a 5", "put b 6", "put c 7"]);

    // Nothing is left of what was overwritten and deleted: three objects of one chunk each.
    let stream = files.status().await.expect("there").stream;
    assert_eq!(stream.state.messages, 6);
    // Who puts on a revision puts on that of the other.
    let info = files.info("c").await.expect("there");
    let mut on = put("c", "new");
    on["options"] = json!({ "previousRevision": info.revision - 1 });
    let words = format!("wrong last sequence: {}", info.revision);
    assert_eq!(stage.theirs.cannot("putBytes", on.clone()).await, words);
    on["options"]["previousRevision"] = json!(info.revision);
    stage.theirs.can("putBytes", on).await;
    match files.put_bytes("c", "old").previous_revision(info.revision).await {
        Err(ObjectError::WrongRevision { name, .. }) => assert_eq!(name, "c"),
        other => panic!("{other:?}"),
    }
    let info = files.info("c").await.expect("there");
    files.put_bytes("c", "newer").previous_revision(info.revision).await.expect("put");
    let asked = json!({ "store": "files", "name": "c" });
    assert_eq!(stage.theirs.can("getBytes", asked).await, base64("newer"));
    stage.end().await;
}
