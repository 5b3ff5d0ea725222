//! Objects of any size take little memory, on either side.

use std::fs;
use std::process::Command;

use bytes::Bytes;
use futures_util::stream;
use natsws::object_store::ObjectError;
use natsws_tests::eventually;

use super::stage::Stage;

const MIB: usize = 1024 * 1024;
/// How large the object is.
const SIZE: &str = "NATSWS_OBJECT_MIB";

/// The memory that this process has taken at most since it was asked last, in bytes.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it is there");
    let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    // The next peak is counted from here.
    fs::write("/proc/self/clear_refs", "5").expect("it can be reset");
    kib * 1024
}

/// Alone in its process, as `cargo nextest` runs every test, and the other test here this one:
/// `NATSWS_OBJECT_MIB=1024 cargo test … -- --ignored --exact object_store::memory::…`
#[tokio::test]
#[ignore = "it measures the whole process, and needs it for itself"]
async fn the_memory_of_a_put_and_a_get_has_nothing_to_do_with_the_size() {
    let mib: usize = std::env::var(SIZE).map_or(1024, |text| text.parse().expect("a number"));
    let stage = Stage::new().await;
    let block = Bytes::from(super::stage::bytes(64 * 1024));
    stage.files.put_bytes("small", block.clone()).await.expect("put");
    stage.files.get_bytes("small").await.expect("read");
    peak();
    let baseline = peak();

    let parts = stream::iter((0..mib * 16).map(|_| Ok::<_, ObjectError>(block.clone())));
    let info = stage.files.put_stream("large", parts).await.expect("put");
    let put = peak();
    assert_eq!(info.size, u64::try_from(mib * MIB).expect("it fits"));

    let mut object = stage.files.get("large").await.expect("opened");
    let mut read = 0;
    while let Some(chunk) = object.next().await {
        read += chunk.expect("read").len();
    }
    let get = peak();
    assert_eq!(read, mib * MIB);
    let above = |peak: usize| peak.saturating_sub(baseline) / 1024;
    let (put, get) = (above(put), above(get));
    let told = format!("{mib} MiB: {put} KiB above what was before for the put, {get} for the get");
    eprintln!("{told}");
    assert!(put < 32 * 1024 && get < 32 * 1024, "{told}");
}

#[test]
#[cfg(target_os = "linux")]
fn an_object_of_64_mib_takes_little_memory() {
    let test = "the_memory_of_a_put_and_a_get_has_nothing_to_do_with_the_size";
    let output = Command::new(std::env::current_exe().expect("it has a path"))
        .args(["--ignored", "--exact", "--nocapture", &format!("object_store::memory::{test}")])
        .env(SIZE, "64")
        .output()
        .expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("1 passed") && told.contains("64 MiB: "), "{told}");
}

#[tokio::test]
async fn a_slow_reader_is_not_sent_more_than_it_has_room_for() {
    let stage = Stage::new().await;
    let block = Bytes::from(super::stage::bytes(MIB));
    let parts = stream::iter((0..32).map(|_| Ok::<_, ObjectError>(block.clone())));
    stage.files.put_stream("large", parts).await.expect("put");
    let received = || stage.client.connection().stats().in_bytes;
    let before = received();
    let mut object = stage.files.get("large").await.expect("opened");
    object.next().await.expect("one").expect("read");
    let window = 4 * 1024 * 1024;
    eventually("the window", async || (received() - before > window - 200_000).then_some(())).await;
    // What is on its way is heard of before these.
    for _ in 0..10 {
        stage.client.connection().flush().await.expect("flushed");
    }
    let received = received() - before;
    assert!(received < window + 200_000, "{received}");
    assert_eq!(object.bytes().await.expect("read").len(), 32 * MIB - 128 * 1024);
}
