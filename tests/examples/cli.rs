use natsws_tests::{Server, Transport};

use crate::program::{Running, example, run, text};

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
    let expected = format!("disconnected from {}, 0 unconfirmed: ", server.ws_url());
    assert!(lost.starts_with(&expected), "{lost}");
    assert_eq!(lines.next(), Some(format!("reconnecting to {}", server.ws_url())));
    let failed = lines.next().expect("an event");
    assert!(failed.starts_with(&format!("connecting to {} failed: ", server.ws_url())), "{failed}");
    server.restart();
    let back = format!("reconnected to {}, 0 discarded", server.ws_url());
    assert!(lines.any(|line| line == back), "it connects again");
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

#[cfg(unix)]
#[test]
fn a_queue_group_gets_each_message_once_and_ctrl_c_loses_none() {
    everywhere(|url| {
        let queue = ["sub", "jobs", "--raw", "--queue", "workers"];
        let mut members = [listening(url, &queue), listening(url, &queue)];
        assert!(cli(url, &["pub", "jobs", "one", "--count", "100"]).0);
        let mut got = Vec::new();
        for member in &mut members {
            member.interrupt();
            got.extend(member.lines());
        }
        assert_eq!(got, ["one"; 100]);
        for member in members {
            assert_eq!(member.told(), (true, String::new()));
        }
    });
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_reply_and_events_in_good_order() {
    everywhere(|url| {
        let reply = listening(url, &["reply", "echo", "--queue", "echoes"]);
        assert!(cli(url, &["req", "echo", "hi"]).0);
        reply.interrupt();
        assert_eq!(reply.told(), (true, String::new()));

        let mut events = Running::start("cli", &["events", "--server", url]);
        let mut lines = events.lines();
        assert_eq!(lines.next(), Some(format!("connected to {url}")));
        events.interrupt();
        assert_eq!(lines.collect::<Vec<_>>(), ["closed, 0 unconfirmed"]);
        assert!(events.wait());
    });
}

#[test]
fn sub_ends_quietly_when_nobody_reads_it_any_more() {
    everywhere(|url| {
        let mut sub = listening(url, &["sub", "a"]);
        sub.close_stdout();
        assert!(cli(url, &["pub", "a", "hello"]).0);
        assert_eq!(sub.told(), (true, String::new()));
    });
}

#[test]
fn each_line_of_raw_is_out_before_the_next_message() {
    everywhere(|url| {
        let mut sub = listening(url, &["sub", "a", "--raw"]);
        let mut lines = sub.lines();
        for payload in ["one", "", "-3"] {
            assert!(cli(url, &["pub", "a", payload]).0);
            assert_eq!(lines.next().as_deref(), Some(payload));
        }
    });
}

#[test]
fn a_message_that_the_server_refuses_is_a_failure_of_pub() {
    let users = r#"authorization {
        users: [{ user: u, password: p, permissions: { publish: "ok" } }]
    }"#;
    let server = Server::builder().config(users).start();
    for transport in Transport::ALL {
        let url = server.url(transport);
        let login = ["--user", "u", "--password", "p"];
        assert!(cli(&url, &[&login[..], &["pub", "ok", "x"]].concat()).0);
        let (ok, _, told) = cli(&url, &[&["pub", "secret", "x"], &login[..]].concat());
        assert_eq!(
            (ok, told.as_str()),
            (false, "error: publishing to \"secret\" is not permitted\n")
        );
    }
}

#[test]
fn the_next_server_is_used_where_one_is_not_there() {
    let server = Server::start();
    let args = ["pub", "a", "b", "--server", "ws://127.0.0.1:1", "--server", &server.ws_url()];
    assert!(run("cli", &args).status.success());
    let output = run("cli", &["--server", "ws://127.0.0.1:1", "--timeout", "5000", "rtt"]);
    let told = text(&output.stderr);
    assert!(!output.status.success());
    assert!(told.starts_with("error: no server could be reached: ws://127.0.0.1:1 ("), "{told}");
    assert_eq!(told.lines().count(), 1);
}

#[test]
fn the_environment_names_the_server_and_help_does_not_show_it() {
    let server = Server::start();
    let mut rtt = example("cli", &["rtt"]);
    assert!(rtt.env("NATS_URL", server.nats_url()).output().expect("it runs").status.success());
    let mut help = example("cli", &["--help"]);
    let output = help.env("NATS_URL", "ws://u:canary@broker").output().expect("it runs");
    let help = text(&output.stdout);
    assert!(help.contains("[env: NATS_URL]") && !help.contains("canary"), "{help}");
}

#[test]
fn a_login_may_stand_around_the_command_and_must_be_whole() {
    let server = Server::builder().user("u", "p").start();
    let url = server.nats_url();
    assert!(
        run("cli", &["--user", "u", "rtt", "--password", "p", "--server", &url]).status.success()
    );
    let (ok, _, told) = cli(&url, &["--user", "u", "rtt"]);
    assert_eq!((ok, told.as_str()), (false, "error: --user and --password go together\n"));
    let (ok, _, told) = cli(&url, &["--token", "t", "rtt", "--user", "u", "--password", "p"]);
    let expected = "error: log in with --token, or with --user and --password\n";
    assert_eq!((ok, told.as_str()), (false, expected));
}
