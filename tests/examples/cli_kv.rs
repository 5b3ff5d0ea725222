use natsws_tests::Server;

use crate::cli::{fails, prints, timeless};
#[cfg(unix)]
use crate::program::Running;
use crate::program::{run, text};

#[test]
fn a_bucket_is_made_written_read_and_listed() {
    let server = Server::builder().jetstream().start();
    let url = server.ws_url();
    let output = run("cli", &["--server", &url, "kv", "ls"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), "no buckets\n".to_owned()));

    let add = ["kv", "add", "settings", "--history", "5"];
    // Twice: what is there and the same is right.
    assert_eq!(prints(&url, &add), "");
    assert_eq!(prints(&url, &add), "");
    assert_eq!(prints(&url, &["kv", "add", "sessions", "--ttl", "90000"]), "");
    assert_eq!(prints(&url, &["kv", "put", "settings", "eu.ann", "dark"]), "1\n");
    assert_eq!(prints(&url, &["kv", "put", "settings", "us.bob", "-3"]), "2\n");
    assert_eq!(prints(&url, &["kv", "put", "settings", "eu.ann", "two\nlines"]), "3\n");
    assert_eq!(
        timeless(&prints(&url, &["kv", "get", "settings", "eu.ann"])),
        "[#3] eu.ann 0000-00-00T00:00:00Z\ntwo\nlines\n"
    );
    assert_eq!(prints(&url, &["kv", "get", "settings", "eu.ann", "--raw"]), "two\nlines");
    assert_eq!(prints(&url, &["kv", "keys", "settings"]), "us.bob\neu.ann\n");
    assert_eq!(prints(&url, &["kv", "keys", "settings", "eu.>"]), "eu.ann\n");
    assert_eq!(prints(&url, &["kv", "keys", "sessions"]), "");
    assert_eq!(prints(&url, &["kv", "del", "settings", "eu.ann"]), "4\n");
    assert_eq!(prints(&url, &["kv", "keys", "settings"]), "us.bob\n");
    let long = "ä".repeat(61);
    assert_eq!(prints(&url, &["kv", "put", "settings", "eu.ann", &long]), "5\n");
    assert_eq!(
        timeless(&prints(&url, &["kv", "history", "settings", "eu.ann"])),
        format!(
            "REVISION  KEY     OPERATION  CREATED               VALUE\n       \
             1  eu.ann  put        0000-00-00T00:00:00Z  dark\n       \
             3  eu.ann  put        0000-00-00T00:00:00Z  two\\nlines\n       \
             4  eu.ann  delete     0000-00-00T00:00:00Z\n       \
             5  eu.ann  put        0000-00-00T00:00:00Z  {}… (122 bytes)\n",
            "ä".repeat(60)
        )
    );
    let listed = prints(&url, &["kv", "ls"]);
    let rows: Vec<Vec<_>> = listed.lines().map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["BUCKET", "VALUES", "BYTES", "HISTORY", "TTL"]);
    assert_eq!(rows[1], ["sessions", "0", "0", "1", "90s"]);
    assert_eq!((rows[2][0], rows[2][1], rows[2][3], rows[2][4]), ("settings", "5", "5", "-"));
}

#[test]
fn a_bucket_or_a_key_that_is_not_there_is_named_with_what_to_do() {
    let server = Server::builder().jetstream().start();
    let url = server.nats_url();
    for args in [
        &["put", "none", "k", "v"][..],
        &["get", "none", "k"],
        &["del", "none", "k"],
        &["keys", "none"],
        &["watch", "none"],
        &["history", "none", "k"],
    ] {
        assert_eq!(
            fails(&url, &[&["kv"], args].concat()),
            "error: there is no bucket \"none\": create it, or correct the name\n",
            "{args:?}"
        );
    }
    prints(&url, &["kv", "add", "b"]);
    let no_key = "error: there is no key \"k\" in bucket \"b\": put it, or correct the name\n";
    for args in [&["get", "b", "k"][..], &["get", "b", "k", "--raw"], &["history", "b", "k"]] {
        assert_eq!(fails(&url, &[&["kv"], args].concat()), no_key, "{args:?}");
    }
    // A key that is deleted is not there either.
    prints(&url, &["kv", "put", "b", "k", "v"]);
    prints(&url, &["kv", "del", "b", "k"]);
    for command in ["get", "del"] {
        assert_eq!(fails(&url, &["kv", command, "b", "k"]), no_key, "{command}");
    }
    assert_eq!(
        fails(&url, &["kv", "put", "b", "a b", "v"]),
        "error: \"a b\" cannot be used as a key: it contains ' ' at byte 1; \
         letters, digits and `-_=/.` are allowed\n"
    );
    assert_eq!(
        fails(&url, &["kv", "add", "b", "--history", "2"]),
        "error: bucket \"b\" exists with another configuration: \
         update it, open it as it is, or choose another name: \
         stream name already in use with a different configuration (code 400, error 10058); \
         update the stream, or choose another name\n"
    );
}

#[cfg(unix)]
#[test]
fn a_watch_tells_what_is_there_then_what_changes_until_ctrl_c() {
    let server = Server::builder().jetstream().start();
    let url = server.ws_url();
    prints(&url, &["kv", "add", "b"]);
    prints(&url, &["kv", "put", "b", "eu.ann", "dark"]);
    prints(&url, &["kv", "put", "b", "us.bob", "bright"]);
    let watch = ["--server", &url, "kv", "watch", "b", "eu.>"];
    let mut watch = Running::heard("cli", &watch);
    let mut lines = watch.lines();
    let mut next = || lines.next().expect("a line");
    assert_eq!([next(), next()], ["[#1] put eu.ann", "dark"]);
    prints(&url, &["kv", "put", "b", "us.bob", "dark"]);
    prints(&url, &["kv", "put", "b", "eu.eve", "red"]);
    prints(&url, &["kv", "del", "b", "eu.ann"]);
    assert_eq!([next(), next(), next()], ["[#4] put eu.eve", "red", "[#5] delete eu.ann"]);
    watch.interrupt();
    assert_eq!(lines.next(), None);
    assert_eq!(watch.told(), (true, "caught up\n".to_owned()));
}
