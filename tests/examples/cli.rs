use std::fs;
use std::path::Path;

use natsws_tests::{Certificates, Identity, Nkey, Operator, Server, Transport};

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

/// What a command prints that does what it is asked to, and has nothing to say about it.
#[track_caller]
pub(crate) fn prints(url: &str, args: &[&str]) -> String {
    let output = run("cli", &[&["--server", url], args].concat());
    let told = (output.status.code(), text(&output.stderr));
    assert_eq!(told, (Some(0), String::new()), "{args:?}");
    text(&output.stdout)
}

/// What a command says that fails.
#[track_caller]
pub(crate) fn fails(url: &str, args: &[&str]) -> String {
    let output = run("cli", &[&["--server", url], args].concat());
    let told = (output.status.code(), text(&output.stdout));
    assert_eq!(told, (Some(1), String::new()), "{args:?}");
    text(&output.stderr)
}

/// The text with zeros in its times, which no test knows.
pub(crate) fn timeless(text: &str) -> String {
    const TIME: &str = "0000-00-00T00:00:00Z";
    let is_time = |found: &str| {
        found.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).eq(TIME.chars())
    };
    let parts = text.split_inclusive([' ', '\n']).map(|part| match part.get(..TIME.len()) {
        Some(found) if is_time(found) => part.replacen(found, TIME, 1),
        _ => part.to_owned(),
    });
    parts.collect()
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
    let missing = "No such file or directory (os error 2)";
    let (ok, _, told) = cli(&url, &["rtt", "--creds", "x"]);
    let reason = format!("the credentials file x cannot be used: {missing}");
    let expected = format!("error: no server could be reached: {url} ({reason})\n");
    assert_eq!((ok, told), (false, expected));
    let (ok, _, told) = cli(&url, &["rtt", "--nkey", "x"]);
    assert_eq!((ok, told), (false, format!("error: --nkey x: {missing}\n")));
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

/// With these flags a round trip is made.
fn lets_in(url: &str, flags: &[&str]) {
    let (ok, out, told) = cli(url, &[&["rtt"], flags].concat());
    assert!(ok && out.trim_end().ends_with('s') && told.is_empty(), "{out}{told}");
}

/// With these flags there is no connection, for this reason.
fn keeps_out(url: &str, flags: &[&str], reason: &str) {
    let (ok, out, told) = cli(url, &[&["rtt"], flags].concat());
    let expected = format!("error: no server could be reached: {url} ({reason})\n");
    assert_eq!((ok, out.as_str(), told), (false, "", expected));
}

const REFUSED: &str = "the server refused the credentials";

/// A path as a flag wants it.
fn text_of(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}

#[test]
fn a_user_a_password_and_a_token_log_in() {
    let (named, token) =
        (Server::builder().user("ann", "§12").start(), Server::builder().token("§13").start());
    for transport in Transport::ALL {
        let url = named.url(transport);
        lets_in(&url, &["--user", "ann", "--password", "§12"]);
        keeps_out(&url, &["--user", "ann", "--password", "canary"], REFUSED);
        keeps_out(&url, &[], REFUSED);
        let url = token.url(transport);
        lets_in(&url, &["--token", "§13"]);
        keeps_out(&url, &["--token", "canary"], REFUSED);
    }
}

#[test]
fn a_creds_file_and_an_nkey_file_log_in() {
    let (operator, nkey) = (Operator::new(), Nkey::new());
    let home = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::write(&path, text).expect("written");
        path
    };
    let creds = write("user.creds", &operator.user().creds());
    let stranger = write("stranger.creds", &Operator::new().user().creds());
    let seed = write("user.nk", &format!("{}\n", nkey.seed()));
    let other = write("other.nk", &Nkey::new().seed());
    let junk = write("junk", "canary");
    let with_operator = Server::builder().operator(&operator).start();
    let with_nkey = Server::builder().nkey(&nkey.public_key()).start();
    for transport in Transport::ALL {
        let url = with_operator.url(transport);
        lets_in(&url, &["--creds", text_of(&creds)]);
        keeps_out(&url, &["--creds", text_of(&stranger)], REFUSED);
        let reason = format!(
            "the credentials file {} cannot be used: the credentials are not valid at line 1: \
             the block with the JWT is missing",
            junk.display()
        );
        keeps_out(&url, &["--creds", text_of(&junk)], &reason);
        let url = with_nkey.url(transport);
        lets_in(&url, &["--nkey", text_of(&seed)]);
        keeps_out(&url, &["--nkey", text_of(&other)], REFUSED);
        let reason = "the NKEY seed is not valid: it is misspelt or cut off";
        keeps_out(&url, &["--nkey", text_of(&junk)], reason);
    }
}

#[test]
fn a_certificate_of_the_client_is_shown_to_the_server() {
    let certificates = Certificates::new();
    let server = Server::builder().tls_verifying_clients(&certificates).start();
    let (authority, Identity { certificate, key }) =
        (certificates.authority(), certificates.client());
    let trust = ["--tls-ca", text_of(&authority)];
    let shown = ["--tls-cert", text_of(&certificate), "--tls-key", text_of(&key)];
    for transport in Transport::ALL {
        let url = server.url(transport);
        lets_in(&url, &[trust, [shown[0], shown[1]], [shown[2], shown[3]]].concat());
        let reason =
            "the server requires a client certificate: received fatal alert: CertificateRequired";
        keeps_out(&url, &trust, reason);
        let reason = "x cannot be used for TLS: No such file or directory (os error 2)";
        keeps_out(&url, &["--tls-ca", "x"], reason);
        let (ok, _, told) = cli(&url, &[&["rtt"], &trust[..], &shown[..2]].concat());
        assert_eq!((ok, told.as_str()), (false, "error: --tls-cert and --tls-key go together\n"));
        let (ok, _, told) = cli(&url, &[&["rtt"], &shown[..]].concat());
        assert!(!ok && told.contains("the server's certificate is not trusted"), "{told}");
        assert_eq!(told.lines().count(), 1);
    }
}

#[test]
fn a_header_of_the_websocket_logs_in() {
    let server = Server::builder().token("secret").websocket_config("token_cookie: \"t\"").start();
    let url = server.ws_url();
    lets_in(&url, &["--ws-header", "Cookie:t=secret"]);
    lets_in(&url, &["--ws-header", "X-Trace: 1", "--ws-header", "Cookie: other=x; t=secret"]);
    keeps_out(&url, &["--ws-header", "Cookie:t=canary"], REFUSED);
    keeps_out(&server.nats_url(), &["--ws-header", "Cookie:t=secret"], REFUSED);
    let (ok, _, told) = cli(&url, &["rtt", "--ws-header", "Host:canary"]);
    let expected = "error: the header `Host` cannot be added to the WebSocket handshake: \
        it belongs to the handshake itself\n";
    assert_eq!((ok, told.as_str()), (false, expected));
    let (ok, _, told) = cli(&url, &["rtt", "--ws-header", "canary"]);
    assert!(!ok && told.contains("write it as NAME:VALUE"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_may_name_a_proxy() {
    const NAMES: [&str; 8] = [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
    ];
    let certificates = Certificates::new();
    let (clear, tls) = (Server::start(), Server::builder().tls(&certificates).start());
    let authority = certificates.authority();
    let rtt = |url: &str, variables: &[(&str, &str)]| {
        let authority = authority.to_str().expect("it has a plain name");
        let args = ["--server", url, "--tls-ca", authority, "--proxy", "env", "rtt"];
        let mut rtt = example("cli", &args);
        for name in NAMES {
            rtt.env_remove(name);
        }
        rtt.envs(variables.iter().copied()).output().expect("it runs")
    };
    let proxy = natsws_tests::HttpProxy::start();
    let own = proxy.url();
    for (url, variables, is_asked) in [
        (tls.ws_url(), &[("HTTPS_PROXY", own.as_str())][..], true),
        (tls.nats_url(), &[("https_proxy", &own)], true),
        (clear.ws_url(), &[("http_proxy", &own)], true),
        (clear.nats_url(), &[("ALL_PROXY", &own)], true),
        (clear.ws_url(), &[("HTTPS_PROXY", &own)], false),
        (clear.ws_url(), &[("HTTP_PROXY", &own)], false),
        (tls.ws_url(), &[("HTTPS_PROXY", &own), ("NO_PROXY", "a.test, localhost")], false),
        (clear.nats_url(), &[("ALL_PROXY", &own), ("no_proxy", "127.0.0.1")], false),
        (clear.nats_url(), &[], false),
    ] {
        let before = proxy.requests().len();
        let output = rtt(&url, variables);
        assert!(output.status.success(), "{url} {variables:?}: {}", text(&output.stderr));
        let asked: Vec<_> = proxy.requests().drain(before..).map(|it| it.target).collect();
        let (_, target) = url.split_once("://").expect("an address");
        let expected = if is_asked { vec![target] } else { Vec::new() };
        assert_eq!(asked, expected, "{url} {variables:?}");
    }
    let url = tls.ws_url();
    let output = rtt(&url, &[("HTTPS_PROXY", "socks5://me:canary@proxy.test:1080")]);
    assert_eq!(
        text(&output.stderr),
        format!(
            "error: no server could be reached: {url} (the proxy is not valid: write it as \
             http://host:port or http://user:password@host:port)\n"
        )
    );
}
