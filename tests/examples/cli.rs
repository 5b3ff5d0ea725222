use natsws_tests::{Server, Transport};

use crate::program::{Running, run, text};

/// Runs a test body over both transports.
fn everywhere(body: impl Fn(&str)) {
    let server = Server::start();
    for transport in Transport::ALL {
        body(&server.url(transport));
    }
}

fn cli(url: &str, args: &[&str]) -> (bool, String, String) {
    let output = run("cli", &[&["--server", url], args].concat());
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

fn listening(url: &str, args: &[&str]) -> Running {
    Running::listening("cli", &[&["--server", url], args].concat())
}

#[test]
fn what_pub_sends_sub_prints() {
    everywhere(|url| {
        let mut sub = listening(url, &["sub", "a.*", "--raw", "--max", "3"]);
        assert_eq!(cli(url, &["pub", "a.b", "hello"]), (true, String::new(), String::new()));
        assert!(cli(url, &["pub", "a.c", "--size", "5", "--count", "2"]).0);
        assert_eq!(sub.lines().collect::<Vec<_>>(), ["hello", "xxxxx", "xxxxx"]);
        assert!(sub.wait());
    });
}

#[test]
fn sub_prints_subject_reply_and_headers() {
    everywhere(|url| {
        let mut sub = listening(url, &["sub", ">", "--headers", "--max", "1", "--queue", "q"]);
        let publish = ["pub", "a.b", "hi", "--reply", "r", "--header", "K:v", "--header", "K: w"];
        assert!(cli(url, &publish).0);
        assert_eq!(sub.lines().collect::<Vec<_>>(), ["[#1] a.b reply r", "K: v", "K: w", "hi"]);
    });
}

#[test]
fn reply_answers_req_with_a_payload_or_with_its_own() {
    everywhere(|url| {
        let _echo = listening(url, &["reply", "echo"]);
        let (ok, out, told) = cli(url, &["req", "echo", "hi", "--header", "Trace:7f3a"]);
        assert_eq!((ok, out.as_str(), told.as_str()), (true, "hi\n", "Trace: 7f3a\n"));
        let fixed = listening(url, &["reply", "fixed", "yes", "--max", "1"]);
        let (ok, out, _) = cli(url, &["req", "fixed", "hi", "--timeout", "5000"]);
        assert_eq!((ok, out.as_str()), (true, "yes\n"));
        assert!(fixed.wait());
    });
}

#[test]
fn a_request_that_nobody_answers_fails_and_says_so() {
    everywhere(|url| {
        let (ok, out, told) = cli(url, &["req", "nobody", "hi"]);
        assert_eq!(
            (ok, out.as_str(), told.as_str()),
            (false, "", "error: nobody answers requests to this subject\n")
        );
    });
}

#[test]
fn rtt_prints_a_duration() {
    everywhere(|url| {
        let (ok, out, _) = cli(url, &["rtt"]);
        assert!(ok && out.trim_end().ends_with('s'), "{out}");
    });
}

#[test]
fn events_prints_the_server_and_what_happens_to_the_connection() {
    let mut server = Server::builder().fixed_ports().start();
    let mut events = Running::start("cli", &["--server", &server.ws_url(), "events"]);
    let mut lines = events.lines();
    assert_eq!(lines.next(), Some(format!("connected to {}", server.ws_url())));
    server.kill();
    let lost = lines.next().expect("an event");
    assert!(lost.starts_with("Disconnected { server: ServerAddr(ws://127.0.0.1:"), "{lost}");
    let next = lines.next().expect("an event");
    assert!(next.starts_with("Reconnecting { server: ServerAddr(ws://127.0.0.1:"), "{next}");
}

#[test]
fn what_is_wrong_is_told_on_stderr_with_what_was_given() {
    let server = Server::builder().token("right").start();
    let url = server.ws_url();
    assert!(cli(&url, &["--token", "right", "pub", "a", "b"]).0);
    let (ok, _, told) = cli(&url, &["pub", "a", "b", "--token", "wrong"]);
    assert!(!ok);
    assert_eq!(
        told,
        format!("error: no server could be reached: {url} (the server refused the credentials)\n")
    );
    let (ok, _, told) = cli("foo://bar", &["rtt"]);
    assert!(!ok && told.contains("`foo://bar`"), "{told}");
    let (ok, _, told) = cli(&url, &["rtt", "--creds", "x"]);
    assert!(!ok && told.starts_with("error: --creds is not built yet"), "{told}");
    let (ok, _, told) = cli(&url, &["rtt", "--nkey", "x"]);
    assert!(!ok && told.starts_with("error: --nkey is not built yet"), "{told}");
    let (ok, _, told) = cli(&url, &["--token", "right", "pub", "a..b", "x"]);
    assert!(!ok && told.contains("\"a..b\" has an empty token"), "{told}");
}
