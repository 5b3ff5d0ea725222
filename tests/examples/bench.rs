use natsws_tests::{Proxy, Server, Transport, eventually};

use crate::program::{Running, run, text};

const MODES: [&str; 4] = ["pub", "sub", "req", "service"];

/// Runs a benchmark that is over at once, and gives what it says and its table, row by row.
fn bench(args: &[&str]) -> (String, Vec<Vec<String>>) {
    let few = ["--count", "200", "--rounds", "2", "--size", "32"];
    let output = run("bench", &[args, &few].concat());
    let told = text(&output.stdout);
    assert!(output.status.success(), "{args:?}: {told}{}", text(&output.stderr));
    let (sentence, table) = told.split_once("\n\n").expect("a sentence and a table");
    let row = |line: &str| {
        let cells = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |"));
        cells.expect("a row").split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    let rows = table.lines().enumerate().filter(|(at, _)| *at != 1).map(|(_, line)| row(line));
    (sentence.to_owned(), rows.collect())
}

/// The table has these columns, and a number in each cell of each client's row.
fn is_whole(rows: &[Vec<String>], columns: &[&str], clients: &[&str]) {
    assert_eq!(rows[0], columns);
    let names: Vec<&str> = rows[1..].iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, clients);
    for row in &rows[1..] {
        assert_eq!(row.len(), columns.len(), "{row:?}");
        // How large they are is not for a test. Not every system tells the CPU time.
        let is_figure = |cell: &String| cell.parse::<f64>().is_ok() || (!cfg!(unix) && cell == "-");
        assert!(row[1..].iter().all(is_figure), "{row:?}");
    }
}

fn columns(mode: &str, compared: bool) -> Vec<&'static str> {
    let mut columns = vec!["client", "messages/s", "MB/s", "CPU ns/message"];
    if matches!(mode, "req" | "service") {
        columns.extend(["p50 µs", "p99 µs"]);
    }
    if compared {
        columns.extend(["speed ratio", "CPU ratio"]);
    }
    columns
}

#[test]
fn bench_compares_every_mode_on_a_real_server_over_both_transports() {
    let server = Server::start();
    for transport in Transport::ALL {
        let url = server.url(transport);
        for mode in MODES {
            let (sentence, rows) = bench(&[mode, "--server", &url, "--compare", "async-nats"]);
            let start = format!("`{mode}`: 200 messages of 32 bytes");
            assert!(sentence.starts_with(&start), "{sentence}");
            assert!(sentence.ends_with(", median of 2 rounds"), "{sentence}");
            is_whole(&rows, &columns(mode, true), &["natsws", "async-nats"]);
            assert_eq!(rows[2][rows[2].len() - 2..], ["1.00", "1.00"]);
        }
    }
}

#[test]
fn bench_measures_every_mode_without_a_server() {
    for mode in MODES {
        let (sentence, rows) = bench(&[mode]);
        assert!(sentence.contains("in this process"), "{sentence}");
        is_whole(&rows, &columns(mode, false), &["natsws"]);
    }
    let (_, rows) = bench(&["sub", "--compare", "async-nats", "--concurrency", "7"]);
    is_whole(&rows, &columns("sub", true), &["natsws", "async-nats"]);
}

#[test]
fn bench_sends_types_in_either_codec_and_serves_in_layers() {
    for codec in ["json", "msgpack"] {
        for mode in MODES {
            let args = [mode, "--typed", codec, "--compare", "async-nats"];
            let (sentence, rows) = bench(&args);
            assert!(sentence.contains(&format!("of 32 bytes as {codec}, ")), "{sentence}");
            is_whole(&rows, &columns(mode, true), &["natsws", "async-nats"]);
        }
    }
    let (sentence, rows) = bench(&["service", "--layer", "timeout,limit", "--layer", "load-shed"]);
    assert!(sentence.starts_with("`service` in timeout, limit, load-shed: "), "{sentence}");
    is_whole(&rows, &columns("service", false), &["natsws"]);
}

#[test]
fn bench_says_in_one_line_what_cannot_be_measured() {
    let faults: [(&[&str], &str); 8] = [
        (&["pub", "--server", "foo://bar"], "`foo://bar` is not valid"),
        (&["sub", "--server", "ws://127.0.0.1:1"], "no server could be reached"),
        (&["pub", "--count", "0"], "--count 0"),
        (&["req", "--count", "3", "--concurrency", "4"], "--concurrency is more than --count"),
        (&["sub", "--size", "1048577"], "more than the 1048576 bytes the server accepts"),
        // The text fits, the message around it does not.
        (&["sub", "--typed", "json", "--size", "1048570"], "natsws: the process that publishes"),
        (&["pub", "--typed", "json", "--size", "1048570"], "natsws: the message has"),
        (&["pub", "--layer", "limit"], "--layer is for service"),
    ];
    for (args, why) in faults {
        let output = run("bench", args);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {told}");
        assert!(told.starts_with("error: ") && told.contains(why), "{told}");
        assert_eq!((told.lines().count(), output.stdout.len()), (1, 0), "{told}");
    }
}

/// Starts a benchmark that does not end by itself, and waits until it measures.
async fn without_end(mode: &str, proxy: &Proxy, other: &[&str]) -> Running {
    let before = proxy.connections();
    let url = proxy.url("nats");
    let args = [mode, "--server", &url, "--count", "100000000", "--concurrency", "1"];
    let running = Running::heard("bench", &[&args, other].concat());
    // One to look at the server, and then those that are measured.
    let wanted = before + if mode == "pub" { 2 } else { 3 };
    eventually("it measures", async || (proxy.connections() >= wanted).then_some(())).await;
    running
}

#[tokio::test(flavor = "multi_thread")]
async fn bench_says_that_the_server_has_gone() {
    let server = Server::start();
    for mode in MODES {
        let proxy = Proxy::to(server.addr(Transport::Tcp));
        let running = without_end(mode, &proxy, &[]).await;
        proxy.refuse();
        proxy.cut();
        let (ok, told) = running.told();
        assert!(!ok && told.starts_with("error: natsws: "), "{mode}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_bench_at_once() {
    let server = Server::start();
    let proxy = Proxy::to(server.addr(Transport::Tcp));
    for mode in MODES {
        let running = without_end(mode, &proxy, &[]).await;
        running.interrupt();
        let expected = "error: interrupted before there was anything to tell\n";
        assert_eq!(running.told(), (false, expected.to_owned()), "{mode}");
    }
}
