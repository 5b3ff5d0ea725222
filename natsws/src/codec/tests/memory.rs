//! How much memory decoding takes, seen from outside: the process grows by as much.

use std::collections::HashMap;

use serde::de::DeserializeOwned;

use super::*;

const MIB: usize = 1024 * 1024;
/// What may be kept besides four times the payload.
const SLACK: usize = 64 * 1024;
/// The system hands out pages, and what it hands out is divided by the allocator.
const PAGES: usize = 32 * 1024;

/// Decodes once and says by how much this process had grown at its largest.
fn growth<C: for<'m> Decoder<'m, T>, T>(payload: &[u8], is_ok: bool) -> usize {
    let headers = headers::<C>();
    let before = size("VmSize");
    let read = Encoded::new("a", payload).with_headers(&headers).decode_as::<C, T>();
    assert_eq!(read.is_ok(), is_ok);
    size("VmPeak") - before
}

/// A line of what the system says of this process, in bytes.
fn size(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("it is there");
    kib.parse::<usize>().expect("a number") * 1024
}

/// In each case: the payload, and how it is decoded.
fn case(name: &str) -> (usize, usize) {
    fn json<T: DeserializeOwned>(payload: &[u8], is_ok: bool) -> (usize, usize) {
        (growth::<Json, T>(payload, is_ok), payload.len())
    }
    fn msgpack<T: DeserializeOwned>(payload: &[u8], is_ok: bool) -> (usize, usize) {
        (growth::<MsgPack, T>(payload, is_ok), payload.len())
    }
    let many = [0xdd, 255, 255, 255, 255, 7, 7];
    let nested = b"\xdc\xff\xff".repeat(100);
    match name {
        "array into numbers" => msgpack::<Vec<u64>>(&many, false),
        "array into texts" => msgpack::<Vec<String>>(&many, false),
        "array into trees" => msgpack::<Vec<Tree>>(&many, false),
        "arrays in arrays" => msgpack::<Nested>(&nested, false),
        "map" => msgpack::<HashMap<u64, u64>>(&[&[0xdf], &many[1..]].concat(), false),
        "bytes" => msgpack::<Vec<u8>>(&[&[0xc6], &many[1..]].concat(), false),
        "text" => msgpack::<String>(&[&[0xdb], &many[1..]].concat(), false),
        "deep json" => json::<serde_json::Value>("[".repeat(100_000).as_bytes(), false),
        "deep json that is ignored" => {
            let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
            json::<Empty>(deep.as_bytes(), true)
        }
        "deep msgpack" => msgpack::<serde_json::Value>(&vec![0x91; 100_000], false),
        "long json text" => json::<String>(format!("\"{}\"", "x".repeat(MIB)).as_bytes(), true),
        "long json text of escapes" => {
            json::<String>(format!("\"{}\"", r"\n".repeat(MIB)).as_bytes(), true)
        }
        "long json text without end" => {
            json::<String>(format!("\"{}", "x".repeat(MIB)).as_bytes(), false)
        }
        "long msgpack text" => {
            let text = encoded::<MsgPack, _>(&"x".repeat(MIB));
            msgpack::<String>(&text, true)
        }
        "json numbers" => {
            json::<Vec<u64>>(&encoded::<Json, _>(&vec![12_345_678_u64; 100_000]), true)
        }
        "bomb" => {
            // Its own limit takes the place of the payload's size.
            let grown = growth::<Compressed<Raw, MIB>, Bytes>(&packed::bomb(), false);
            (grown, MIB)
        }
        "control" => {
            let before = size("VmSize");
            drop(std::hint::black_box(Vec::<u8>::with_capacity(MIB)));
            let grown = size("VmPeak") - before;
            assert!(grown >= MIB, "{grown}: what was kept for a moment only is not seen");
            (0, 0)
        }
        other => unreachable!("there is no case {other}"),
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Nested {
    _inside: Vec<Self>,
}

/// What takes nothing of a message.
#[derive(Deserialize)]
struct Empty {}

const CASE: &str = "NATSWS_TEST_CASE";

#[test]
fn memory_grows_with_what_is_there_and_not_with_what_is_declared() {
    let cases = [
        "array into numbers",
        "array into texts",
        "array into trees",
        "arrays in arrays",
        "map",
        "bytes",
        "text",
        "deep json",
        "deep json that is ignored",
        "deep msgpack",
        "long json text",
        "long json text of escapes",
        "long json text without end",
        "long msgpack text",
        "json numbers",
        "bomb",
        "control",
    ];
    if let Ok(case_name) = std::env::var(CASE) {
        let (grown, payload) = case(&case_name);
        let most = 4 * payload + SLACK + PAGES;
        assert!(grown <= most, "{case_name}: {grown} bytes for a payload of {payload}");
        return;
    }
    // Each in a process of its own, where nothing else takes memory and nothing was given back.
    for case in cases {
        let mut child = std::process::Command::new(std::env::current_exe().expect("a path"));
        child.args(["--exact", "--test-threads=1"]);
        child.arg(
            "codec::tests::memory::memory_grows_with_what_is_there_and_not_with_what_is_declared",
        );
        // One heap, which takes no more from the system than it needs.
        child.env("MALLOC_ARENA_MAX", "1").env("MALLOC_TOP_PAD_", "0").env(CASE, case);
        let output = child.output().expect("this test starts again");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("1 passed"), "{said}");
    }
}
