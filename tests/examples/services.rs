//! The examples of services: what they print is what their comments promise.

use natsws_tests::Server;

use crate::program::{example, prints, run, text};

/// The lines that an example prints.
#[track_caller]
fn told(example: &str) -> Vec<String> {
    let output = run(example, &[]);
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    told.lines().map(str::to_owned).collect()
}

/// The numbers in a line.
fn numbers(line: &str) -> Vec<u64> {
    line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn shut_down_cleanly_accounts_for_every_request() {
    let told = told("shut_down_cleanly");
    let told: Vec<_> = told.iter().map(String::as_str).collect();
    let [ready, draining, stopped, guests, report, second] = told[..] else { panic!("{told:?}") };
    let states = [ready, draining, stopped];
    assert_eq!(states, ["kitchen   Ready", "kitchen   Draining", "kitchen   Stopped"]);
    let [dishes] = numbers(guests)[..] else { panic!("{guests}") };
    assert!(dishes > 0, "{guests}");
    assert_eq!(numbers(report), [dishes, 0, 0, 0], "{report}");
    assert_eq!(second, "report    1 completed, 0 failed, 0 shed, 1 aborted");
}

#[test]
fn stream_replies_ends_by_itself_with_an_error_and_by_its_caller() {
    prints(
        "stream_replies",
        &[
            "hill",
            "caller    12.5 °C",
            "caller    13.0 °C",
            "caller    13.5 °C",
            "caller    that was all",
            "service   the thermometer of hill is put away",
            "harbour",
            "caller    12.5 °C",
            "caller    13.0 °C",
            "caller    the thermometer of harbour is broken",
            "caller    that was all",
            "service   the thermometer of harbour is put away",
            "valley",
            "caller    12.5 °C",
            "caller    13.0 °C",
            "caller    13.5 °C",
            "caller    14.0 °C",
            "service   the thermometer of valley is put away",
            "report    2 completed, 1 failed",
        ],
    );
}

#[test]
fn order_and_refuse_jobs_does_every_job_once_and_refuses_what_is_too_much() {
    let told = told("order_and_refuse_jobs");
    let [done, refused, completed, shed, failed, unanswered] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(done, "60 jobs were done by ann and bob");
    let [refused] = numbers(refused)[..] else { panic!("{refused}") };
    assert!(refused > 0, "{told:?}");
    assert_eq!(completed, "63 jobs were completed");
    assert_eq!(shed, &format!("{refused} were refused"));
    assert_eq!(failed, "0 failed");
    assert_eq!(unanswered, "3 asked for no answer");
}

const QUEUE_GROUPS: [&str; 4] = [
    "echo     60 requests, answered by echo-1, echo-2, echo-3",
    "other    60 requests, answered by other-1, other-2",
    "alone    60 requests, answered by alone",
    "readers  60 requests, shared: true",
];

#[test]
fn queue_groups_share_and_everyone_else_gets_all() {
    prints("queue_groups", &QUEUE_GROUPS);
}

#[test]
fn queue_groups_share_on_a_real_server_too() {
    let server = Server::start();
    let output = example("queue_groups", &[]).env("NATS_URL", server.ws_url()).output();
    let output = output.expect("it runs");
    assert_eq!(text(&output.stdout).lines().collect::<Vec<_>>(), QUEUE_GROUPS);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// The lines of `discover_services`, with the ids left out.
fn discovered(told: &str) -> Vec<String> {
    told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn discover_services_shows_who_is_there_and_what_they_have_done() {
    let server = Server::start();
    for url in [None, Some(server.ws_url())] {
        let mut command = example("discover_services", &[]);
        command.envs(url.map(|url| ("NATS_URL", url)));
        let output = command.output().expect("it runs");
        let told = discovered(&text(&output.stdout));
        assert!(output.status.success(), "{told:?}{}", text(&output.stderr));
        let [head, mailer, prices, _, rest @ ..] = &told[..] else { panic!("{told:?}") };
        assert_eq!(head, "service version id");
        for (line, start) in [(mailer, "mailer 1.0.0 "), (prices, "prices 2.1.0 ")] {
            let id = line.strip_prefix(start).expect("an id follows");
            assert_eq!(id.len(), 22, "{id}");
        }
        assert_eq!(
            rest,
            [
                r#"prices: what things cost {"team": "sales"}"#,
                "prices-item-get takes prices.*.get as q",
                "",
                "endpoint requests errors last error data",
                "prices-item-get 3 1 404:it is not for sale -",
                r#"send 1 0 - {"bytes":15}"#,
            ]
        );
    }
}

#[test]
fn add_tower_layers_shows_what_each_does() {
    prints(
        "add_tower_layers",
        &[
            "timeout      408 the request took too long",
            "concurrency  6 answers, at the busiest: done, 2 at work",
            "rate         3 answers, one of them had to wait: true",
            "load shed    503 the service is overloaded",
            "load shed    503 the service is overloaded",
            "load shed    done, 1 at work",
            "builder      Served-By: Some(\"workshop\")",
        ],
    );
}

#[test]
fn authorise_callers_lets_in_who_may_and_tells_no_secret() {
    let output = example("authorise_callers", &[]).env("JWT_SECRET", "a secret").output();
    let output = output.expect("it runs");
    let (told, warned) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{told}{warned}");
    assert!(!told.contains("a secret") && !warned.contains("a secret"));
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            "nobody   the service answered 401: \"a valid token is needed\"",
            "ann      the account of ann",
            "ann      is told 403",
            "root     the account of root",
            "root     root has frozen the account of bob",
            "late     the service answered 401: \"a valid token is needed\"",
            "late     is told 401",
            "forged   the service answered 401: \"a valid token is needed\"",
            "forged   is told 401",
        ]
    );
}
